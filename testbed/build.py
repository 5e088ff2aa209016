# SPDX-License-Identifier: MIT
"""Builds the project for the guests: the module for each kernel by that kernel's own headers and
compiler, everything else once by meson in the tree whose libraries the guests run."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

import rootfs

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


class BuildError(Exception):
    """The project does not build; the text says where."""


@contextlib.contextmanager
def locked(name):
    """Two builds of one checkout wait for each other."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mirror_sources(source, target):
    """Make target have source's files, times kept, so that make sees only real changes."""
    wanted = set()
    for path in source.rglob("*"):
        name = path.relative_to(source)
        wanted.add(name)
        copy = target / name
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif not copy.exists() or copy.stat().st_mtime_ns != path.stat().st_mtime_ns:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
    for path in sorted(target.rglob("*"), reverse=True):
        gone = path.relative_to(target) not in wanted
        if gone and path.suffix in (".c", ".h") and not path.name.endswith(".mod.c"):
            path.unlink()


def run(tree, command, what, log, binds=()):
    """Run a build step in a tree; its log is a file, and on the screen only when it fails."""
    done = rootfs.in_tree(tree, command, binds=[(ROOT, "/work"), *binds], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    log.write_text(done.stdout)
    warnings = [line for line in done.stdout.splitlines()
                if line.startswith("WARNING: modpost:") and "Module.symvers" not in line]
    if done.returncode or warnings:
        raise BuildError(f"{what} does not build ({log}):\n" + done.stdout[-6000:])
    return done.stdout


def make_module(kernel, directory, log, flags=()):
    """kbuild in the kernel's own build tree. A warning is an error: W=1 has reasons."""
    inside = "/work/" + str(directory.relative_to(ROOT))
    run(kernel.tree, ["make", "-C", f"/lib/modules/{kernel.version}/build", f"M={inside}", "W=1",
                      "KCFLAGS=-Werror", f"-j{os.cpu_count()}", *flags, "modules"],
        f"{directory.name} for {kernel.name}", log, kernel.binds)
    return directory / f"{directory.name}.ko"


def module(kernel):
    """zcgem.ko and, for a kernel with KUnit, that of its tests; nothing without sources."""
    if not (ROOT / "drm/zcgem/Makefile").exists():
        return []
    top = BUILD / kernel.name
    for part in ("drm", "uapi"):
        mirror_sources(ROOT / part, top / part)
    zcgem = make_module(kernel, top / "drm/zcgem", top / "module.log")
    return [zcgem, *zcgem.parent.glob("tests/*.ko")]


# Modules for tests only, each in a directory here: walker, by which tests look at page tables,
# importer, a device that imports dma-bufs, exporter, which makes some that are no memory, and
# stopwatch, which takes the time of what importers do.
TEST_MODULES = ["walker", "importer", "exporter", "stopwatch"]


def test_module(kernel, name):
    """One of TEST_MODULES."""
    top = BUILD / kernel.name
    mirror_sources(ROOT / "testbed" / name, top / name)
    return make_module(kernel, top / name, top / f"{name}.log")


def modules(kernel, zcgem=True, extra=()):
    """A modules directory for a guest: stock ones, zcgem, others; with depmod's indexes."""
    with locked(kernel.name):
        zcgem = module(kernel) if zcgem else []
        base = BUILD / kernel.name / "root"
        target = base / "lib/modules" / kernel.version
        shutil.rmtree(base, ignore_errors=True)
        target.parent.mkdir(parents=True)
        shutil.copytree(kernel.module_directory(), target)
        (target / "updates").mkdir()
        for path in [*zcgem, *(test_module(kernel, name) for name in TEST_MODULES), *extra]:
            shutil.copy(path, target / "updates")
        subprocess.run(["depmod", "-b", str(base), kernel.version], check=True)
        return {str(path.relative_to(base)): path.read_bytes()
                for path in sorted(target.rglob("*")) if path.is_file()}


def _cross_file(arch):
    """For meson: the compiler of an architecture, and where its libraries are."""
    compiler = rootfs.CROSS_COMPILER[arch]
    cpu = compiler.partition("-")[0]
    path = BUILD / f"{arch}.ini"
    path.write_text(f"""[binaries]
c = '{compiler}-gcc'
ar = '{compiler}-ar'
strip = '{compiler}-strip'
pkg-config = 'pkgconf'
[properties]
pkg_config_libdir = '/usr/lib/{compiler}/pkgconfig:/usr/share/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = '{cpu}'
cpu = '{cpu}'
endian = 'little'
""")
    return ["--cross-file", f"/work/build/{path.name}", "-Digt_tests=enabled"]


def userspace(kernel=None):
    """build/guest: library, tools, tests, as the guests run them; for a kernel of another
    architecture beside it."""
    if not (ROOT / "meson.build").exists():
        return
    name = kernel.guest if kernel else "guest"
    cross = name != "guest"
    tree = kernel.tree if cross else rootfs.build_tree("7.2").get()
    with locked(name):
        log = BUILD / f"{name}.log"
        if not (BUILD / name / "build.ninja").exists():
            shutil.rmtree(BUILD / name, ignore_errors=True)
            run(tree, ["meson", "setup", "--werror", *(_cross_file(kernel.arch) if cross else []),
                       f"/work/build/{name}", "/work"], "meson setup", log)
        run(tree, ["ninja", "-C", f"/work/build/{name}"], "userspace", log)


def warn(text):
    print(f"bed: {text}", file=sys.stderr, flush=True)
