# SPDX-License-Identifier: MIT
"""Checks that need no guest: kernel style, what other compilers and checkers say of the driver, and
the unit tests that meson knows."""

import json
import os
import re
import subprocess

import build
import rootfs
import support
from results import FAIL, PASS, SKIP, Result

# kzalloc_obj() and its like came after 6.12, which this driver is for as well.
IGNORED = ["ALLOC_WITH_SIZEOF"]
# Programs have no BIT().
IGNORED_IN_UAPI = ["BIT_MACRO"]

# The kernel's own programs, from the source package.
SCRIPTS = ["scripts/checkpatch.pl", "scripts/spelling.txt", "scripts/const_structs.checkpatch",
           "tools/docs/kernel-doc", "tools/lib/python/*"]

# What checkers find that is none, each under its reason.
FALSE_ALARMS = [re.compile(pattern) for pattern in (
    # The analyzer does not know that kzalloc() clears: nr_files is 0 where files is NULL, and
    # there are no ranges without a table of them.
    r"Array access \(via field 'files'\) results in a null pointer dereference",
    r"Access to field 'first' .*\(loaded from variable 'range'\)",
)]


def kernel_scripts(tree):
    """Unpacks SCRIPTS into a tree; the name that they have in there."""
    directory = tree / "opt/kernel-scripts"
    with rootfs.locked("checkpatch"):
        if not directory.exists():
            part = tree / "opt/kernel-scripts.part"
            part.mkdir(exist_ok=True)
            package = next((tree / "usr/src").glob("linux-source-*.tar.xz"))
            subprocess.run(["tar", "-C", str(part), "-xJf", str(package), "--strip-components=1",
                            "--wildcards", *(f"*/{name}" for name in SCRIPTS)], check=True)
            part.rename(directory)
    return "/opt/kernel-scripts"


def _kernel_sources():
    return [str(path.relative_to(build.ROOT)) for top in ("drm", "uapi")
            for path in sorted((build.ROOT / top).rglob("*.[ch]"))]


def _in_build_tree(command):
    return rootfs.in_tree(rootfs.build_tree("7.2").get(), command, binds=[(build.ROOT, "/work")],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def checkpatch(kernel, _modules):
    """One test a file of what is meant for the kernel."""
    scripts = kernel_scripts(rootfs.build_tree("7.2").get())
    found = []
    for name in _kernel_sources():
        ignored = IGNORED + (IGNORED_IN_UAPI if name.startswith("uapi/") else [])
        done = _in_build_tree([f"{scripts}/scripts/checkpatch.pl", "--no-tree", "--strict",
                               "--terse", "--show-types", "--no-summary", "--ignore",
                               ",".join(ignored), "-f", f"/work/{name}"])
        said = done.stdout.strip()
        bad = done.returncode or said
        found.append(Result("host", "checkpatch", name, FAIL if bad else PASS,
                            said.partition("\n")[0], detail=said))
    return found


def kernel_doc(kernel, _modules):
    """Comments that the kernel's documentation is made of: every warning of its parser."""
    scripts = kernel_scripts(rootfs.build_tree("7.2").get())
    names = _kernel_sources()
    done = _in_build_tree(["python3", f"{scripts}/tools/docs/kernel-doc", "-none", "-Wall",
                           *(f"/work/{name}" for name in names)])
    found = []
    for name in names:
        said = "\n".join(line for line in done.stdout.splitlines() if f"/work/{name}:" in line)
        found.append(Result("host", "kernel-doc", name, FAIL if said else PASS,
                            said.partition("\n")[0], detail=said))
    if done.returncode and all(result.status == PASS for result in found):
        found.append(Result("host", "kernel-doc", "", FAIL, done.stdout.strip()[-200:]))
    return found


def checkers(kernel, _modules):
    """The module compiled by clang, and read by sparse and by clang's analyzer: a test for each.

    Nothing that comes out is used. Findings in the kernel's headers are the kernel's."""
    with build.locked("checkers"):
        top = build.BUILD / "checkers"
        for part in ("drm", "uapi"):
            build.mirror_sources(build.ROOT / part, top / part)
        tree = rootfs.checks_tree().get()
        version = next((tree / "lib/modules").iterdir()).name
        inside = "/work/" + str((top / "drm/zcgem").relative_to(build.ROOT))
        make = ["make", "-C", f"/lib/modules/{version}/build", f"M={inside}",
                "CC=/work/testbed/checks/clang", "W=1", f"-j{os.cpu_count()}"]
        # Only what is compiled is checked. The script that says whether CHECK works is not in the
        # packages, hence the second variable.
        run = ["C=1", "KBUILD_CHECKSRC=1", "CHECK=/work/testbed/checks/checker", "zcgem.o"]
        log = top / "checkers.log"
        done = rootfs.in_tree(tree, ["sh", "-c", '"$@" clean >/dev/null && "$@" ' + " ".join(run),
                                     "sh", *make],
                              binds=[(build.ROOT, "/work")], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, errors="replace")
        log.write_text(done.stdout)
    return [Result("host", "checkers", tool,
                   FAIL if said else PASS, said.partition("\n")[0], detail=said)
            for tool, said in _findings(done)]


def _findings(done):
    """What each program says of the module's own files."""
    said = {"clang": [], "sparse": [], "analyzer": []}
    for line in done.stdout.splitlines():
        found = re.match(r"(\.?/?\S*zcgem\w*\.[ch]):\d+:(\d+:)? (warning|error): (.*)", line)
        if not found or any(pattern.search(line) for pattern in FALSE_ALARMS):
            continue
        if re.search(r"\[(core|unix|deadcode|security|nullability)\.[\w.]+\]$", line):
            said["analyzer"].append(line)
        elif re.search(r"\[-W[\w-]+\]$", line) or found[3] == "error":
            said["clang"].append(line)
        else:
            said["sparse"].append(line)
    checked = done.stdout.count("  CHECK ")
    sources = len([name for name in _kernel_sources() if re.match(r"drm/zcgem/[^/]*\.c$", name)])
    if done.returncode or checked < sources:
        said["clang"].append(f"{checked} of {sources} files were checked:\n{done.stdout[-2000:]}")
    return [(tool, "\n".join(lines)) for tool, lines in said.items()]


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
    """The manual as HTML and as man pages; Sphinx must have nothing to say. The table of kernels, in
    the README too, must be what the bed does."""
    found = list(support.check())
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
