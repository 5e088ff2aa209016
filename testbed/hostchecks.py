# SPDX-License-Identifier: MIT
"""Checks that need no guest: kernel style, and the unit tests that meson knows."""

import json
import subprocess

import build
import rootfs
from results import FAIL, PASS, SKIP, Result

# kzalloc_obj() and its like came after 6.12, which this driver is for as well.
IGNORED = ["ALLOC_WITH_SIZEOF"]

STYLE = ["checkpatch.pl", "spelling.txt", "const_structs.checkpatch"]


def checkpatch_directory(tree):
    """The kernel's own checkpatch in a tree, from the source package."""
    directory = tree / "opt/checkpatch"
    with rootfs.locked("checkpatch"):
        if not directory.exists():
            part = tree / "opt/checkpatch.part"
            part.mkdir(exist_ok=True)
            package = next((tree / "usr/src").glob("linux-source-*.tar.xz"))
            subprocess.run(["tar", "-C", str(part), "-xJf", str(package), "--strip-components=2",
                            "--wildcards", *(f"*/scripts/{name}" for name in STYLE)], check=True)
            part.rename(directory)
    return directory


def checkpatch(kernel, _modules):
    """One test a file of what is meant for the kernel."""
    tree = rootfs.build_tree("7.2").get()
    checkpatch_directory(tree)
    found = []
    for top in ("drm", "uapi"):
        for path in sorted((build.ROOT / top).rglob("*.[ch]")):
            name = str(path.relative_to(build.ROOT))
            done = rootfs.in_tree(tree, ["/opt/checkpatch/checkpatch.pl", "--no-tree", "--terse",
                                         "--show-types", "--no-summary", "--ignore",
                                         ",".join(IGNORED), "-f", f"/work/{name}"],
                                  binds=[(build.ROOT, "/work")], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            said = done.stdout.strip()
            bad = done.returncode or said
            found.append(Result("host", "checkpatch", name, FAIL if bad else PASS,
                                said.partition("\n")[0], detail=said))
    return found


def meson_tests(kernel, _modules):
    """Unit tests of library and tools, in the tree that they were built in."""
    log = build.BUILD / "guest/meson-logs/testlog.json"
    if not (build.BUILD / "guest/build.ninja").exists():
        return [Result("host", "unit", "", FAIL, "nothing was built")]
    with build.locked("guest"):
        log.unlink(missing_ok=True)
        done = rootfs.in_tree(rootfs.build_tree("7.2").get(),
                              ["meson", "test", "-C", "/work/build/guest", "--no-rebuild"],
                              binds=[(build.ROOT, "/work")], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        lines = log.read_text().splitlines() if log.exists() else []
    found = []
    for entry in map(json.loads, lines):
        name = entry["name"].rpartition(" / ")[2]
        status = {"OK": PASS, "EXPECTEDFAIL": PASS, "SKIP": SKIP}.get(entry["result"], FAIL)
        said = (entry.get("stdout", "") + entry.get("stderr", "")).strip()
        found.append(Result("host", "unit", name, status,
                            "" if status == PASS else said.rpartition("\n")[2] or entry["result"],
                            entry.get("duration", 0), said if status == FAIL else ""))
    if done.returncode and all(result.status != FAIL for result in found):
        found.append(Result("host", "unit", "meson", FAIL, done.stdout.strip().rpartition("\n")[2]))
    return found


def manual(_kernel, _modules):
    """The manual as HTML and as man pages; Sphinx must have nothing to say."""
    found = []
    for builder in ("html", "man"):
        done = rootfs.in_tree(rootfs.packaging_tree("7.2").get(),
                              ["sphinx-build", "-q", "-W", "--keep-going", "-b", builder,
                               "-d", "/tmp/doctrees", "/work/Documentation", f"/tmp/{builder}"],
                              binds=[(build.ROOT, "/work")], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        said = done.stdout.strip()
        bad = done.returncode or said
        found.append(Result("host", "manual", builder, FAIL if bad else PASS,
                            said.partition("\n")[0], detail=said if bad else ""))
    return found
