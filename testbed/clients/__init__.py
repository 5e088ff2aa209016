# SPDX-License-Identifier: MIT
"""./bed test --clients: programs that use /dev/udmabuf or a DRM node, unpatched, on zcgem."""

import build
import kernel
import machine
import rootfs
from clients import display, selftest

SOURCES = build.ROOT / "testbed/clients"
PROGRAMS = build.BUILD / "clients"

# Name of a script in guest/, and how long it may take.
SCRIPTS = {"udev": 120, "selftest": 120, "vulkan": 180, "egl": 180, "qemu": 400,
           "libcamera": 120, "gstreamer": 240, "weston": 240, "wlroots": 180, "kwin": 300,
           "nested": 300, "camera": 300}

# QEMU's emulation of AVX2 gathers is wrong in some versions, and llvmpipe would use them. The
# kernel's selftest needs 1030 huge pages.
OPTIONS = {"mem": "5G", "cpu": "Nehalem", "tree": "clients"}
# Those that run in another machine.
# The camera's DMA reaches 4 GiB.
OTHER_OPTIONS = {"kwin": {"mem": "2G", "cpu": "Nehalem", "tree": "kwin"},
                 "camera": {"mem": "2G", "cpu": "Nehalem", "tree": "clients"}}
# Programs that look for a GPU, where there is none, beside one, and KWin: arguments of harmless.sh,
# and of the machine. They load zcgem themselves.
SEEKERS = "eglinfo vulkaninfo vainfo ffmpeg mpv clinfo cage sway weston xwayland"
HARMLESS = {"harmless-quick": ("none cage eglinfo", {}),
            "harmless": ("none " + SEEKERS, {}),
            "harmless-gpu": ("virtio-gpu " + SEEKERS, {"qemu": "-device virtio-gpu-pci"}),
            "harmless-kwin": ("none kwin", {"tree": "kwin"})}
HARMLESS_OPTIONS = {"mem": "2G", "cpu": "Nehalem", "tree": "clients", "modules": ""}
HARMLESS_SECONDS = 400
# What user.sh tries, and the machine for it.
USER = {"user": ("", OPTIONS)}
USER_SECONDS = 900
# A root tree for one thing, or minutes: not in a run of everything.
SLOW = ["kwin", "harmless", "harmless-gpu", "harmless-kwin", "user"]


def _newest():
    """When the last of the sources was written that build.sh compiles."""
    libraries = build.ROOT / "userspace"
    return max(path.stat().st_mtime for path in [
        *SOURCES.glob("*.*"), *libraries.glob("libzcgem/*.[ch]"), *libraries.glob("examples/*.c"),
        *build.ROOT.glob("uapi/drm/*.h")])


def programs():
    """Our own clients, and both kernels' selftests."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    with build.locked("clients"):
        stamp = PROGRAMS / ".built"
        if not stamp.exists() or stamp.stat().st_mtime < _newest():
            build.run(rootfs.clients_tree().get(),
                      ["sh", "/work/testbed/clients/build.sh", "/work/testbed/clients",
                       "/work/build/clients"], "client programs", build.BUILD / "clients.log")
            stamp.touch()
        for name in rootfs.SUITES:
            selftest.build_for(kernel.get(name), PROGRAMS)


def commands():
    """Group name, kind, command, machine, seconds, and whether it is slow."""
    for name, limit in SCRIPTS.items():
        yield (f"client-{name}", "tap", f"sh /work/testbed/clients/guest/{name}.sh",
               machine.Options(**OTHER_OPTIONS.get(name, OPTIONS)), limit, name in SLOW)
    for name, (arguments, options) in HARMLESS.items():
        yield (f"client-{name}", "tap",
               f"sh /work/testbed/clients/guest/harmless.sh {arguments}",
               machine.Options(**{**HARMLESS_OPTIONS, **options}), HARMLESS_SECONDS, name in SLOW)
    for name, (arguments, options) in USER.items():
        yield (f"client-{name}", "tap",
               f"sh /work/testbed/clients/guest/user.sh {arguments}".rstrip(),
               machine.Options(**options), USER_SECONDS, name in SLOW)
    yield ("client-display", "host", display.run, machine.Options(tree="clients"), display.TIMEOUT,
           False)
