#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the zcgem command without a device: what it prints, its JSON, its words for what is missing.

Arguments: the command, the program explain_no_device, and a directory of fixtures.
"""

import errno
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


def explained(error, files):
    """What is said on a machine that has these files."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root + name.replace("KERNEL", os.uname().release))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return subprocess.run([EXPLAIN, str(error), root], capture_output=True, text=True,
                              check=True).stderr


def check_explanations():
    indexes = {"/lib/modules/KERNEL/modules.dep": "updates/dkms/zcgem.ko.xz: kernel/ttm.ko.xz\n"}
    locked = {"/sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}
    masked = {"/etc/modules-load.d/zcgem.conf": ""}
    headers = {"/lib/modules/KERNEL/build/Makefile": ""}
    for error, files, words in (
            (errno.EACCES, {"/sys/module/zcgem/refcnt": "0\n"}, "adduser USER render"),
            (errno.EACCES, indexes, "modprobe zcgem\n"),
            (errno.EPERM, {}, "apt install linux-headers-"),
            (errno.ENODEV, {"/sys/module/zcgem/refcnt": "0\n"}, "dmesg"),
            (errno.ENODEV, indexes, "modprobe zcgem\n"),
            (errno.ENODEV, indexes | masked, "modprobe zcgem; for every boot: rm /etc/"),
            (errno.ENODEV, indexes | locked, "mokutil"),
            (errno.ENODEV, {}, "apt install linux-headers-"),
            (errno.ENODEV, headers | {"/var/lib/dkms/zcgem/0/x": ""}, "dkms autoinstall -k"),
            (errno.ENODEV, headers, "apt install zcgem-dkms")):
        said = explained(error, files)
        assert words in said and "why: " in said, (files, said)
    assert explained(errno.ENOMEM, {}) == ""


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
        "faults": {"4K": 5, "2M": 4, "1G": 0},
        "extents": {"4K": 0, "<64K": 1, "<2M": 2, "<1G": 3, ">=1G": 0}}, objects[0]

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
