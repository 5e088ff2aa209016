# SPDX-License-Identifier: MIT
"""One virtual machine: what QEMU gets, how long it may take, what came out of it."""

import ctypes
import fcntl
import json
import os
import pathlib
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

import build
import console
import guestfiles
import initramfs
import rootfs

HERE = pathlib.Path(__file__).resolve().parent
QEMU = "qemu-system-x86_64"

# Every message reaches the console.
APPEND = "console=ttyS0 loglevel=7 panic=-1 no_timer_check tsc=reliable"


class Arm64:
    """What another architecture's machine has in the place of a PC's."""

    qemu = ["qemu-system-aarch64", "-M", "virt"]
    cpu = "max,pauth-impdef=on"
    append = "console=ttyAMA0 loglevel=7 panic=-1 bed_status=console"


class Riscv64:
    qemu = ["qemu-system-riscv64", "-M", "virt"]
    cpu = "rv64"
    append = "console=ttyS0 loglevel=7 panic=-1 bed_status=console"


CROSS = {"arm64": Arm64, "riscv64": Riscv64}
# There is no device to end QEMU with a status: init says it on the console.
STATUS = re.compile(r"bed: status (\d+)$", re.M)
# What the kernel says when it starts init.
INIT_BEGINS = "Run /init as init process"
# Seconds for a kernel to come to init; 3 are usual.
BOOT_LIMIT = 45

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def _die_with_parent():
    """A bed that is killed leaves no machine behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def patience(kernel):
    """How much longer than on an idle host things may take: by a kernel's checks, and by whatever
    else waits for the host's processors."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return kernel.slower * max(1, min(6, round(waiting / 2)))


def _slot():
    """An open file that stands for one of the guests that may run at once, from all checkouts of
    this machine: with more of them than processors everything that has a time limit fails. They
    are had in the order in which they were asked for."""
    number = (os.cpu_count() or 1) + 1
    with rootfs.locked("guest-turn"):
        while True:
            for path in (rootfs.cache_dir() / f"guest-{n}.lock" for n in range(number)):
                slot = open(path, "w")
                try:
                    fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return slot
                except BlockingIOError:
                    slot.close()
            time.sleep(0.2)


class Options:
    """What may differ between machines; equal options can share a boot."""

    def __init__(self, mem=None, smp=2, cpu=None, vga="none", append="", qemu="", modules="zcgem",
                 icount=False, tree="run", leaks=False):
        self.mem, self.smp, self.cpu, self.vga = mem, smp, cpu, vga
        self.append, self.qemu, self.modules, self.icount = append, qemu, modules, icount
        self.tree = tree            # the root tree, by its name in rootfs.py
        self.leaks = leaks          # kmemleak is on, where the kernel has it

    def key(self):
        return json.dumps(vars(self), sort_keys=True)


class Outcome:
    """How a machine ended."""

    def __init__(self, status, output, log, trouble, directory, seconds):
        self.status, self.output, self.console = status, output, log
        self.trouble = trouble      # why the machine itself failed, or None
        self.reports = console.scan(log)
        self.directory, self.seconds = directory, seconds

    @property
    def good(self):
        return self.status == 0 and not self.trouble and not self.reports

    def explain(self):
        parts = [f"kernel report on the console, {report}" for report in self.reports]
        if self.trouble:
            parts.append(f"{self.trouble}; the console ends with\n{console.tail(self.console)}")
        return "\n".join(parts)


def initrd(path, modules, job, extra=None, tree=None):
    archive = initramfs.Archive()
    archive.device("dev/console", 5, 1)
    archive.copy((tree or rootfs.run_tree()).get() / "usr/bin/busybox", "bin/busybox")
    archive.symlink("bin/sh", "busybox")
    for applet in ("modprobe", "uname", "setsid", "kill"):
        archive.symlink(f"bin/{applet}", "busybox")
    archive.file("init", (HERE / "guest/init").read_bytes())
    archive.file("job", job.encode())
    for name, data in modules.items():
        archive.file(name, data, 0o644)
    if extra:
        extra(archive)
    archive.write(path)


# A status that QEMU does not end with by itself.
KVM_WORKS = 42


def _remembered(name, value=None):
    """What is known of this host since it was started, under a name, or None; with a value, keep it."""
    memory = rootfs.cache_dir() / name
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if value:
        memory.write_text(f"{boot} {value}\n")
        return value
    known = memory.read_text().split() if memory.exists() else []
    return known[1] if len(known) == 2 and known[0] == boot else None


# The emulator's TSC is the host's. A kernel that measures it while the host is busy can be wrong by
# a factor, and all time limits in that guest with it; so every other guest gets the rate that one
# kernel has found in a second, after a first measurement that agreed.
TSC = re.compile(r"tsc: Refined TSC clocksource calibration: (\d+)\.(\d{3}) MHz")


def _remember_tsc(log):
    if (found := TSC.search(log)) and not _remembered("tsc"):
        _remembered("tsc", found[1] + found[2])


def accelerator(kernel):
    """kvm or tcg, by trying once: a /dev/kvm that exists may still not boot a stock kernel."""
    if known := _remembered("accelerator"):
        return known
    answer = "tcg"
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        directory = build.BUILD / f"kvm-{os.getpid()}"
        directory.mkdir(parents=True, exist_ok=True)
        initrd(directory / "initrd", {}, f"exit {KVM_WORKS}")
        try:
            status = subprocess.run(
                [QEMU, "-accel", "kvm", "-cpu", "max", "-m", "512M", "-nodefaults",
                 "-no-user-config", "-display", "none", "-no-reboot", "-serial", "null",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", str(kernel.image()),
                 "-initrd", str(directory / "initrd"), "-append", APPEND + " bed_io=none"],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=10).returncode
            answer = "kvm" if status == KVM_WORKS << 1 | 1 else "tcg"
        except subprocess.TimeoutExpired:
            pass
        shutil.rmtree(directory)
    return _remembered("accelerator", answer)


class Machine:
    def __init__(self, kernel, options, job, modules, share=None, stdin=False, interactive=False,
                 monitor=False, root=None, systemd=False):
        self.kernel, self.options, self.share, self.stdin = kernel, options, share, stdin
        self.root = root    # instead of a root tree: a machine that has modules of its own
        self.interactive, self.monitor = interactive, monitor
        self.systemd = systemd      # the job is a service of the machine's own systemd
        number = 0
        while True:
            self.directory = build.BUILD / "run" / f"{kernel.name}-{os.getpid()}-{number}"
            try:
                self.directory.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
        self.out = self.directory / "out"
        self.out.mkdir()
        self.log = self.directory / "console.log"
        self.other = CROSS.get(kernel.arch)
        initrd(self.directory / "initrd", modules, job, guestfiles.add if options.icount else None,
               self._tree() if self.other else None)
        self.process = None
        self.output = bytearray()

    def _tree(self):
        """The guest's root tree."""
        return (rootfs.cross_run_tree(self.kernel.arch) if self.other
                else rootfs.tree_of(self.options.tree))

    def _channel(self):
        """A socket for us and the number of its other end, which QEMU inherits."""
        ours, theirs = socket.socketpair()
        self.inherited.append(theirs)
        return ours, theirs.fileno()

    def _command(self):
        o = self.options
        tcg = o.icount or self.other or accelerator(self.kernel) == "tcg"
        words = ["bed_modules=" + o.modules] if o.modules else []
        cmd = [*(self.other.qemu if self.other else
                 [QEMU, "-vga", o.vga, "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]),
               "-accel", "tcg" if tcg else "kvm", "-m", o.mem or self.kernel.memory,
               "-smp", str(o.smp), "-nodefaults", "-no-user-config", "-display", "none",
               "-no-reboot", "-chardev", f"file,id=console,path={self.log}", "-serial", "chardev:console",
               "-kernel", str(self.kernel.image()), "-initrd", str(self.directory / "initrd")]
        # Clearing pages by rep stosb is slow in TCG.
        cpu = o.cpu or (self.other.cpu if self.other else "max,-erms" if tcg else "max")
        if o.icount:
            cpu += ",-rdrand,-rdseed"
            cmd += ["-icount", "shift=0,sleep=off", "-seed", "1",
                    "-rtc", "base=2026-01-01T00:00:00,clock=vm",
                    "-serial", f"file:{self.directory / 'serial.log'}"]
            words += ["bed_io=serial", "nokaslr"]
        else:
            cmd += ["-device", "virtio-serial-pci"]
            for tag, path, access in (("root", self.root or self._tree().get(), ",readonly=on"),
                                      ("work", build.ROOT, ",readonly=on"),
                                      ("out", self.out, ""), ("share", self.share, "")):
                if path:
                    cmd += ["-virtfs", f"local,path={path},mount_tag={tag},security_model=none,"
                                       f"multidevs=remap{access}"]
            words += ["bed_root=9p", self.kernel.append]
            if tcg and not self.other and _remembered("tsc"):
                words.append(f"tsc_early_khz={_remembered('tsc')}")
            words += ["kmemleak=off"] if self.kernel.kmemleak and not o.leaks else []
            if self.interactive:
                cmd += ["-chardev", "stdio,id=port,signal=off", "-device", "virtconsole,chardev=port"]
                words += ["bed_io=shell", f"TERM={os.environ.get('TERM', 'vt100')}"]
            else:
                self.ours, number = self._channel()
                cmd += ["-chardev", f"socket,id=port,fd={number}",
                        "-device", "virtserialport,chardev=port,name=bed"]
            words += ["bed_share=1"] if self.share else []
            words += ["bed_own_modules=1"] if self.root else []
            # What waits for a terminal or for the network has no business here.
            words += ["bed_systemd=1 systemd.show_status=no systemd.mask=getty.target "
                      "systemd.mask=timers.target systemd.log_level=notice"] if self.systemd else []
            words += ["bed_stdin=1"] if self.stdin else []
        if self.monitor:
            self.qmp, number = self._channel()
            cmd += ["-chardev", f"socket,id=qmp,fd={number}", "-mon", "chardev=qmp,mode=control"]
        cmd += ["-cpu", cpu, *self.kernel.qemu, *shlex.split(o.qemu)]
        append = self.other.append if self.other else APPEND
        return cmd + ["-append", " ".join([append, *words, o.append])]

    def start(self):
        """Start the guest and wait for its init.

        About one boot in a hundred stops under TCG while a stock kernel changes its clock source,
        or dies of the breakpoints by which it patches its own code or warns of them, long before
        anything of ours runs: then another one is tried, twice at most.
        """
        self.slot = None if self.interactive else _slot()
        for attempt in (1, 2, 3):
            self._start()
            stopped = self._stopped(BOOT_LIMIT * patience(self.kernel))
            # A QEMU that cannot start cannot at the next attempt either.
            if not stopped or attempt == 3 or not (self.log.exists() and self.log.stat().st_size):
                self.began = time.monotonic()
                return
            kept = self.log.with_name(f"console-{attempt}.log")
            if self.log.exists():
                shutil.copy(self.log, kept)
            print(f"bed: {self.kernel.name} stopped while booting, before init: {stopped} "
                  f"({kept}); trying once more", file=sys.stderr, flush=True)
            self.process.kill()
            self.process.wait()

    def _start(self):
        self.began = time.monotonic()
        self.inherited = []
        command = self._command()
        fds = [channel.fileno() for channel in self.inherited]
        self.log.unlink(missing_ok=True)
        if self.interactive:
            self.process = subprocess.Popen(command, pass_fds=fds, preexec_fn=_die_with_parent)
        else:
            with open(self.directory / "qemu.log", "w") as qemu_log:
                self.process = subprocess.Popen(command, pass_fds=fds, stdin=subprocess.DEVNULL,
                                                stdout=qemu_log, stderr=subprocess.STDOUT,
                                                preexec_fn=_die_with_parent)
        for channel in self.inherited:
            channel.close()

    def _stopped(self, limit):
        """Why init has not begun, or None if it has. A boot has stopped when the log stood still for
        limit seconds."""
        moved, size = self.began, 0
        while time.monotonic() < moved + limit:
            ended = self.process.poll() is not None
            log = self.log.read_bytes() if self.log.exists() else b""
            if INIT_BEGINS.encode() in log:
                reports = console.scan(log.decode(errors="replace").partition(INIT_BEGINS)[0])
                return reports[0].lines[0] if reports else None
            if ended:
                return f"QEMU ended with status {self.process.returncode}"
            if len(log) != size:
                moved, size = time.monotonic(), len(log)
            time.sleep(0.1)
        said = log.decode(errors="replace").splitlines()
        return f"it says nothing after {said[-1] if said else 'its start'}"

    def ask(self, command, **arguments):
        """One command to QEMU's monitor, and its answer."""
        stream = self.qmp.makefile("rw")
        if not hasattr(self, "greeted"):
            self.greeted = stream.readline()
            self.ask("qmp_capabilities")
        stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        stream.flush()
        while True:
            answer = json.loads(stream.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"QEMU: {command}: {answer['error']['desc']}")

    def read(self, deadline, echo=None, until=None):
        """Read the job's output to its end, or to a line; None when the time is up."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.ours, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if until and until in self.output:
                    return True
                if not selector.select(timeout=min(1, max(0, deadline - time.monotonic()))):
                    continue
                try:
                    data = self.ours.recv(65536)
                except ConnectionResetError:
                    data = b""
                if not data:
                    return False
                self.output += data
                if echo:
                    echo.write(data)
                    echo.flush()
        return None

    def write(self, data):
        self.ours.sendall(data)

    def finish(self, timeout, echo=None):
        """Wait for the machine's end, at most timeout seconds from the start of its init."""
        deadline = self.began + timeout
        trouble = None
        try:
            if not self.interactive and not self.options.icount:
                self.read(deadline, echo)
            status = self.process.wait(timeout=max(1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            trouble, status = f"the guest did not end within {timeout} s", None
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.slot:
                self.slot.close()
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        if self.options.icount:
            serial = self.directory / "serial.log"
            self.output += serial.read_bytes() if serial.exists() else b""
            if echo:
                echo.write(bytes(self.output))
                echo.flush()
        if not (self.other or self.options.icount):
            _remember_tsc(log)
        if status is not None:
            qemu = self.directory / "qemu.log"
            said = qemu.read_text(errors="replace").strip() if qemu.exists() else ""
            if INIT_BEGINS not in log:
                # QEMU ends with 1 when it can not start, as with a guest's status 0.
                trouble = f"the guest never came to its init (QEMU: {status}) {said}".strip()
                status = None
            elif self.other:
                said_status = STATUS.findall(log)
                status = int(said_status[-1]) if said_status else None
                trouble = None if said_status else "the guest ended without a status"
            elif status < 0 or not status & 1:
                trouble = f"the guest ended without a status (QEMU: {status}) {said}".strip()
                status = None
            else:
                status >>= 1
        outcome = Outcome(status, bytes(self.output), log, trouble, self.directory,
                          time.monotonic() - self.began)
        (self.directory / "initrd").unlink(missing_ok=True)
        return outcome

    def forget(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def report(outcome):
    if outcome.explain():
        print("bed: " + outcome.explain(), file=sys.stderr)
        print(f"bed: kept {outcome.directory}", file=sys.stderr, flush=True)
