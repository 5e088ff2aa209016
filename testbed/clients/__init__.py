# SPDX-License-Identifier: MIT
"""./bed test --clients: programs that use /dev/udmabuf or a DRM node, unpatched, on zcgem."""

import build
import kernel
import machine
import rootfs
from clients import selftest

SOURCES = build.ROOT / "testbed/clients"
PROGRAMS = build.BUILD / "clients"

# Name of a script in guest/, and how long it may take.
SCRIPTS = {"udev": 120, "selftest": 120, "vulkan": 180, "egl": 180, "qemu": 400,
           "libcamera": 120, "gstreamer": 240, "weston": 240, "wlroots": 180}

# QEMU's emulation of AVX2 gathers is wrong in some versions, and llvmpipe would use them. The
# kernel's selftest needs 1030 huge pages.
OPTIONS = {"mem": "5G", "cpu": "Nehalem", "tree": "clients"}


def programs(names):
    """Our own clients, and the selftests of the kernels named."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    with build.locked("clients"):
        newest = max(path.stat().st_mtime for path in SOURCES.glob("*.[chs]*"))
        stamp = PROGRAMS / ".built"
        if not stamp.exists() or stamp.stat().st_mtime < newest:
            build.run(rootfs.clients_tree().get(),
                      ["sh", "/work/testbed/clients/build.sh", "/work/testbed/clients",
                       "/work/build/clients"], "client programs", build.BUILD / "clients.log")
            stamp.touch()
        for name in names:
            selftest.build_for(kernel.get(name), PROGRAMS)


def commands():
    """Group name, command in the guest, seconds."""
    return [(f"client-{name}", f"sh /work/testbed/clients/guest/{name}.sh", limit)
            for name, limit in SCRIPTS.items()]


def options():
    return machine.Options(**OPTIONS)
