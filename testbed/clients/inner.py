# SPDX-License-Identifier: MIT
"""A Linux for QEMU inside a guest: it draws pattern.h's picture on virtio-gpu's framebuffer."""

import lzma
import pathlib
import struct

import initramfs
import rootfs
from clients import display

WIDTH, HEIGHT = 640, 480

INIT = """#!/bin/busybox sh
bb=/bin/busybox
$bb mkdir -p /proc /sys /dev
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev
for module in $($bb cat /modules); do $bb insmod /$module; done
while [ ! -e /dev/fb0 ]; do $bb sleep 1; done
$bb cat /sys/class/graphics/fb0/name /sys/class/graphics/fb0/virtual_size >/dev/ttyS0
$bb cat /picture >/dev/fb0
$bb sleep 1
echo shown >/dev/ttyS0
while :; do $bb sleep 1000; done
"""


def _picture():
    rows = []
    for y in range(HEIGHT):
        for x in range(WIDTH):
            red, green, blue = display.window(x, y, WIDTH, HEIGHT)
            rows.append(struct.pack("<I", red << 16 | green << 8 | blue))
    return b"".join(rows)


def build_for(kernel, directory):
    """vmlinux-6.12 and inner-6.12, or those of 7.2, in a directory."""
    target, image = directory / f"inner-{kernel.name}", directory / f"vmlinux-{kernel.name}"
    if not image.exists():
        part = image.with_suffix(".part")
        part.write_bytes(kernel.image().read_bytes())
        part.rename(image)
    newest = max(path.stat().st_mtime for path in map(pathlib.Path, (__file__, display.__file__)))
    if target.exists() and target.stat().st_mtime > newest:
        return
    archive = initramfs.Archive()
    archive.device("dev/console", 5, 1)
    archive.copy(rootfs.clients_tree().get() / "usr/bin/busybox", "bin/busybox")
    archive.file("init", INIT.encode())
    archive.file("picture", _picture())
    order = []
    for path in kernel.needed_by("virtio_pci", "virtio-gpu"):
        name = path.name.removesuffix(".xz")
        data = path.read_bytes()
        archive.file(name, lzma.decompress(data) if path.suffix == ".xz" else data)
        order.append(name)
    archive.file("modules", "\n".join(order).encode())
    archive.write(target)
