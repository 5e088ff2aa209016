# SPDX-License-Identifier: MIT
"""Builds a debug kernel from Debian's linux-source package, and is to the rest of the bed what a
stock kernel is.

Everything is built in a root tree of the kernel's own suite, with that suite's compiler, and
stays in it: /opt/debug/KEY is the build directory, where KEY names configuration and source. The
key is part of the kernel's release, so that modules of another build are never taken for its own.
"""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import time

import rootfs

from debug import config

PACKAGES = ["linux-source", "gcc", "make", "libc6-dev", "flex", "bison", "bc", "libelf-dev",
            "libssl-dev", "kmod", "perl", "python3-minimal", "xz-utils"]

# What checks others is not checked itself: it takes the most time, and has no part of the driver.
# (7.2's own Makefile says so of lockdep.)
UNCHECKED = [f"KASAN_SANITIZE_{name}.o=n" for name in ("lockdep", "debugobjects")]

# A kernel that a later recipe of the configuration has replaced goes away after this time.
KEEP_DAYS = 14


def build_tree(stock):
    return rootfs.Tree(f"debug-{rootfs.SUITES[stock]}", rootfs.SUITES[stock], PACKAGES)


def unpack_source(tree, stock):
    """The kernel's source in a tree, in /opt; the caller has the lock of the kernel's builds."""
    source = tree / f"opt/linux-{stock}"
    if source.exists():
        return
    part = source.with_suffix(source.suffix + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    subprocess.run(["tar", "-C", str(part), "--strip-components=1", "-xJf",
                    str(tree / f"usr/src/linux-source-{stock}.tar.xz")], check=True)
    part.rename(source)


def _processor_time():
    """Seconds that ended children of this process have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class DebugKernel:
    arch = "amd64"
    guest = "guest"
    # Every access and every lock is checked, under emulation.
    memory = "4G"
    slower = 6
    sw_sync = True
    binds = ()
    # Emulation is slow and the host may be busy: what takes long is not yet a lockup. Every
    # finding is printed. page_poison=1, which shows memory that was not cleared or that is written
    # after it was freed, doubles the time that pages cost; it is there to be appended.
    append = ("watchdog_thresh=60 workqueue.watchdog_thresh=120 kasan_multi_shot "
              f"printk.devkmsg=on kunit.enable=1 page_table_check=on ZCGEM_SLOWER={slower}")
    # The old chipset's interrupt routing is a loop of AML that takes half a minute for each
    # device here; and only this one can have an IOMMU.
    qemu = ["-machine", "q35"]

    def __init__(self, name):
        self.name = name
        self.stock, _, self.kind = name.partition("-")
        # Newer kernels run a module's tests when it is loaded only if they are told to.
        if self.stock != "6.12":
            self.append += " kunit.autorun=1"
        if self.kind == "kcsan":
            # Four times as many accesses are watched as by default, for a moment more.
            self.append += " kcsan.skip_watch=1000 kcsan.udelay_task=100"
        self.kmemleak = "leaks" in config.KINDS[self.kind]
        self.tree = build_tree(self.stock).get()
        self.source = f"/opt/linux-{self.stock}"
        self.fragments = config.fragments(self.stock, self.kind)
        recipe = "\n".join([self._source_version(), *config.options(self.fragments),
                            config.helpers(), *UNCHECKED])
        self.key = hashlib.sha256(recipe.encode()).hexdigest()[:8]
        self.inside = f"/opt/debug/{self.name}-{self.key}"
        self.directory = self.tree / self.inside.lstrip("/")
        if not (self.directory / ".built").exists():
            with rootfs.locked(f"debug-{self.stock}"):
                if not (self.directory / ".built").exists():
                    self._build()
        os.utime(self.directory / ".built")
        self.version = (self.directory / "include/config/kernel.release").read_text().strip()
        self.modules = self.directory / "root/lib/modules" / self.version

    def image(self):
        # Not vmlinux as for the stock kernels: its entry for virtual machines runs instrumented
        # code before KASAN has any memory.
        return self.directory / "arch/x86/boot/bzImage"

    def module_directory(self):
        return self.modules

    def _source_version(self):
        done = subprocess.run(["dpkg-query", f"--admindir={self.tree}/var/lib/dpkg", "-f",
                               "${Version}", "-W", f"linux-source-{self.stock}"],
                              capture_output=True, text=True)
        if done.returncode:
            raise rootfs.TreeError(f"{rootfs.SUITES[self.stock]} has no linux-source-{self.stock}")
        return done.stdout

    def _make(self, *words):
        """A step of the build; the log grows with each."""
        log = self.directory / "build.log"
        with open(log, "a") as out:
            done = rootfs.in_tree(self.tree, ["make", "-C", self.source, f"O={self.inside}",
                                              "KBUILD_BUILD_USER=bed", "KBUILD_BUILD_HOST=bed",
                                              f"-j{os.cpu_count()}", *UNCHECKED, *words],
                                  stdout=out, stderr=subprocess.STDOUT)
        if done.returncode:
            said = log.read_text(errors="replace").splitlines()
            errors = [line for line in said if "error" in line or "***" in line]
            raise rootfs.TreeError(f"{self.name} does not build ({log}):\n"
                                   + "\n".join(errors[-8:] + said[-8:]))

    def _configure(self):
        wanted = self.fragments + f'CONFIG_LOCALVERSION="-{self.kind}-{self.key}"\n'
        (self.directory / "wanted.config").write_text(wanted)
        # A copy, and not a file that sources the kernel's: its first line must come first.
        top = (self.tree / self.source.lstrip("/") / "Kconfig").read_text()
        (self.directory / "Kconfig.top").write_text(top + config.helpers())
        self._make(f"KBUILD_KCONFIG={self.inside}/Kconfig.top",
                   f"KCONFIG_ALLCONFIG={self.inside}/wanted.config", "allnoconfig")
        missing = config.missing(wanted, (self.directory / ".config").read_text())
        if missing:
            raise rootfs.TreeError(f"{self.name}: Kconfig does not agree:\n" + "\n".join(missing))

    def _build(self):
        began, spent = time.monotonic(), _processor_time()
        print(f"bed: building kernel {self.name}, 6 to 15 minutes, log {self.directory}/build.log",
              file=sys.stderr, flush=True)
        self._forget_old()
        # A build that was interrupted goes on where it was.
        self.directory.mkdir(parents=True, exist_ok=True)
        unpack_source(self.tree, self.stock)
        self._configure()
        kconfig = f"KBUILD_KCONFIG={self.inside}/Kconfig.top"
        self._make(kconfig, "bzImage", "modules")
        self._make(kconfig, f"INSTALL_MOD_PATH={self.inside}/root", "modules_install")
        version = (self.directory / "include/config/kernel.release").read_text().strip()
        modules = self.directory / "root/lib/modules" / version
        (modules / "build").unlink(missing_ok=True)
        # Where the headers of a stock kernel are found.
        link = self.tree / "lib/modules" / version / "build"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(self.inside)
        self._drop_objects()
        (self.directory / ".built").write_text(
            f"{time.monotonic() - began:.0f} s, {_processor_time() - spent:.0f} s of processors\n")

    def _drop_objects(self):
        """Modules are built against headers, scripts, objtool and symbols, without the objects."""
        for top in self.directory.iterdir():
            if top.name in ("scripts", "tools", "root") or not top.is_dir():
                continue
            for path in top.rglob("*.[oa]"):
                path.unlink()
        for path in self.directory.glob("*.[oa]"):
            path.unlink()

    def _forget_old(self):
        top = self.directory.parent
        old = time.time() - KEEP_DAYS * 86400
        for built in top.glob(f"{self.name}-*/.built") if top.exists() else ():
            if built.stat().st_mtime < old:
                shutil.rmtree(built.parent)
