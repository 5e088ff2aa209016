# SPDX-License-Identifier: MIT
"""Debug kernels: the same versions as the stock ones, with the kernel's own checks on."""

import rootfs

from debug import config


def names():
    return [f"{kernel}-{kind}" for kernel in rootfs.SUITES for kind in config.KINDS]
