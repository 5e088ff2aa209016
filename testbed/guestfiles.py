# SPDX-License-Identifier: MIT
"""The project's programs for a guest that has no file system but its initramfs: the deterministic
mode has no 9p, whose answers come when the host pleases."""

import re
import subprocess

import build
import rootfs

# The IGT tests would bring 30 MB of libraries along.
PARTS = ["userspace", "bench"]


def programs(part):
    """Programs and libraries that meson built for one part of the project."""
    found = []
    for path in sorted((build.BUILD / "guest" / part).rglob("*")):
        if path.is_file() and path.stat().st_mode & 0o111 and not path.parent.name.endswith(".p"):
            with open(path, "rb") as start:
                if start.read(4) == b"\x7fELF":
                    found.append(path)
    return found


def add(archive):
    """Put the programs where other guests see them, and their libraries beside."""
    tree = rootfs.run_tree().get()
    wanted = [path for part in PARTS for path in programs(part)]
    inside = ["/work/" + str(path.relative_to(build.ROOT)) for path in wanted]
    archive.directory("work")
    for path, name in zip(wanted, inside):
        archive.copy(path, name)
    if not wanted:
        return
    said = rootfs.in_tree(tree, ["ldd", *inside], binds=[(build.ROOT, "/work")],
                          stdout=subprocess.PIPE, text=True).stdout
    for name in sorted(set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.M))):
        if not name.startswith("/work/"):
            archive.copy(tree / name.lstrip("/"), name)
        elif name not in inside:
            archive.copy(build.ROOT / name.removeprefix("/work/"), name)
