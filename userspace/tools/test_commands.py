#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the zcgem command without a device: what it prints, its JSON, its words for what is missing.

Arguments: the command, the program explain_no_device, and a directory of fixtures.
"""

import errno
import grp
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

COMMAND, EXPLAIN, FIXTURES = sys.argv[1:4]
PLACES = ["--debugfs", os.path.join(FIXTURES, "debug")]


def run(*arguments, status=0):
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False,
                          env={"LC_ALL": "C"})
    assert done.returncode == status, (arguments, done)
    return done.stdout if status == 0 else done.stderr


def explained(error, files, device="", group=None):
    """What is said on a machine that has these files, the last one with this group."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root + name.replace("KERNEL", os.uname().release))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            path.chmod(0o660)
        if group is not None:
            os.chown(path, -1, group)
            os.chmod(root, 0o755)
        return subprocess.run([EXPLAIN, str(error), root], capture_output=True, text=True,
                              check=True, env={"LC_ALL": "C", "ZCGEM_DEVICE": device},
                              user=None if group is None else 12345,
                              extra_groups=None if group is None else []).stderr


def check_explanations():
    loaded = {"/sys/module/zcgem/refcnt": "0\n"}
    by_proc = {"/proc/modules": "zcgem 1 0 - Live\n"}
    without = {"/proc/modules": "i915 1 0 - Live\n"}
    indexes = {"/lib/modules/KERNEL/modules.dep": "updates/dkms/zcgem.ko.xz: kernel/ttm.ko.xz\n"}
    locked = {"/sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}
    unit = {"/usr/lib/systemd/system/zcgem.service": "[Unit]\n"}
    masked = {"/etc/systemd/system/zcgem.service": ""}
    enabled = {"/etc/systemd/system/multi-user.target.wants/zcgem.service": "[Unit]\n"}
    headers = {"/lib/modules/KERNEL/build/Makefile": ""}
    node = {"/dev/dri/renderD130": ""}
    for error, files, words in (
            (errno.EACCES, loaded, "may not be looked at"),
            (errno.EACCES, loaded | node, "renderD130 has a mode that lets this user open it"),
            (errno.EACCES, node, "renderD130"),
            (errno.EPERM, by_proc | node, "device list or seccomp filter refuses it"),
            (errno.EACCES, without | indexes | node, "modprobe zcgem\n"),
            (errno.EPERM, without, "apt install linux-headers-"),
            (errno.ENXIO, loaded, "no render node of it in /dev/dri here"),
            (errno.ENODEV, {}, "no /sys or /proc"),
            (errno.ENODEV, without | indexes, "modprobe zcgem\n"),
            (errno.ENODEV, without | indexes | unit | masked, "every boot: systemctl unmask zcgem"),
            (errno.ENODEV, without | indexes | unit, "every boot: systemctl enable zcgem"),
            (errno.ENODEV, without | indexes | unit | enabled, "modprobe zcgem\n"),
            (errno.ENODEV, without | indexes | locked, "mokutil"),
            (errno.ENODEV, without, "apt install linux-headers-"),
            (errno.ENODEV, without | headers | {"/var/lib/dkms/zcgem/0/x": ""}, "dkms autoinstall -k"),
            (errno.ENODEV, without | headers, "apt install zcgem-dkms")):
        said = explained(error, files)
        assert words in said and "why: " in said, (files, said)
    assert explained(errno.ENOMEM, {}) == ""
    said = explained(errno.ENODEV, {}, device="/dev/null")
    assert "ZCGEM_DEVICE names /dev/null, which is no node of zcgem" in said, said
    if os.geteuid() == 0:
        games = grp.getgrnam("games").gr_gid
        assert "adduser USER games" in explained(errno.EACCES, loaded | node, group=games)
        assert "is for the group 54321" in explained(errno.EACCES, loaded | node, group=54321)


def check_names():
    """A program that calls itself something that a terminal obeys."""
    with tempfile.TemporaryDirectory() as root:
        proc = os.path.join(root, "proc")
        shutil.copytree(os.path.join(FIXTURES, "proc"), proc)
        pathlib.Path(proc, "310/comm").write_bytes(b"a\033]0;b\007\n")
        once = run("top", "--once", "--proc", proc, "--debugfs", PLACES[1])
        assert "\033" not in once and "\007" not in once and "a?]0;b?" in once, once


def main():
    objects = json.loads(run("objects", "--json", *PLACES))["objects"]
    assert [o["pid"] for o in objects] == [310, 310, 412], objects
    assert objects[0] == {
        "card": 1, "pid": 310, "command": "two words", "backing": "memfd", "size": 8388608,
        "resident": True, "pins": 1, "mappings": 2, "attachments": 1, "evictions": 3,
        "faults": {"pte": 5, "pmd": 4, "pud": 0},
        "extents": {"page": 0, "<64K": 1, "<pmd": 2, "<pud": 3, ">=pud": 0}}, objects[0]

    lines = run("objects", *PLACES).splitlines()
    assert lines[0].split()[:4] == ["CARD", "PID", "COMMAND", "BACKING"], lines
    assert len(lines) == 4 and len({len(line) for line in lines}) == 1, lines

    once = run("top", "--once", "--proc", os.path.join(FIXTURES, "proc"), *PLACES)
    assert "2 processes" in once and "\033" not in once, once
    assert once.splitlines()[-1].split()[:3] == ["total", "1", "3"], once
    tables = run("top", "-n", "2", "-d", "0.1", "--proc", os.path.join(FIXTURES, "proc"), *PLACES)
    assert tables.count("zcgem top") == 2, tables

    said = run("objects", "--debugfs", "/nowhere", status=1)
    assert "is the module loaded" in said, said
    for wrong in ("-d0", "-dx", "-n0", "-n-1", "surplus"):
        run("top", wrong, *PLACES, status=64)
    assert "zcgem top" in run("top", "--help")
    check_explanations()
    check_names()


main()
