# SPDX-License-Identifier: MIT
"""Debug kernels: the same versions as the stock ones, with the kernel's own checks on."""

import rootfs

from debug import config

# A guest checks every access and every lock, under emulation: it needs more of everything.
MEMORY = "4G"
SLOWER = 6


def names():
    return [f"{kernel}-{kind}" for kernel in rootfs.SUITES for kind in config.KINDS]


def is_debug(name):
    return name in names()
