# SPDX-License-Identifier: MIT
"""The Debian packages: built as Debian builds packages, installed on a machine of the same suite,
used there in a guest that boots this machine's own kernel, with and without systemd, taken along to
another kernel, removed.

Everything but the guests happens in chroots; the machine is a copy of a root tree.
"""

import os
import re
import shutil
import subprocess
import time

import build
import kernel as kernels
import machine
import rootfs
from results import FAIL, PASS, Result

# What lintian says that is not about the packages.
SUPPRESSED = [
    "bogus-mail-host",              # the project has no mail of its own
    "initial-upload-closes-no-bugs",
]
GUEST_SECONDS = 180
# systemd, udev and all services, on an emulated processor; then apt and DKMS.
BOOT_SECONDS, PURGE_SECONDS = 180, 400

# How often the group "boots" starts the machine.
BOOTS = int(os.environ.get("ZCGEM_BOOTS", "20"))
# GPUs: what QEMU gets, the driver of the PCI device, and whether it has a render node.
GPUS = [("-device virtio-gpu-pci", "virtio-pci", True), ("-device bochs-display", "bochs-drm", False)]


class Installed(kernels.Kernel):
    """A kernel that a machine has installed; its modules are the machine's."""

    def __init__(self, name, root, version, place):
        self.name, self.version, self.tree = name, version, root
        self.base = place
        self.modules = root / "usr/lib/modules" / version
        place.mkdir(parents=True, exist_ok=True)

    def image(self):
        vmlinux = self.base / "vmlinux"
        if not vmlinux.exists():
            packed = self.modules / "vmlinuz"
            if not packed.exists():
                packed = self.tree / f"boot/vmlinuz-{self.version}"
            vmlinux.write_bytes(kernels.unpack_vmlinux(packed))
        return vmlinux

    def start_modules(self):
        """What a guest needs until it has its root file system."""
        top = self.base / "start"
        target = top / "lib/modules" / self.version
        shutil.copytree(self.module_directory(), target)
        subprocess.run(["depmod", "-b", str(top), self.version], check=True)
        return {str(path.relative_to(top)): path.read_bytes()
                for path in target.rglob("*") if path.is_file()}


class Packages:
    def __init__(self, k, version, group="packages"):
        self.kernel, self.version, self.group = k, version, group
        self.last = time.monotonic()
        self.top = build.BUILD / group / k.name
        self.root = self.top / "root"
        self.results, self.modules = [], None

    def check(self, name, good, said=""):
        """One result; the answer is whether to go on."""
        self.results.append(Result(self.kernel.name, self.group, name, PASS if good else FAIL,
                                   "" if good else said.strip().rpartition("\n")[2],
                                   self._seconds(), "" if good else said[-6000:]))
        return good

    def _seconds(self):
        now = time.monotonic()
        took, self.last = now - self.last, now
        return took

    def _in(self, tree, command, binds=()):
        done = rootfs.in_tree(tree, ["sh", "-c", command], binds=binds, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode == 0, done.stdout

    def build(self):
        """dpkg-buildpackage on what a tarball would have, and lintian on what comes out."""
        shutil.rmtree(self.top, ignore_errors=True)
        source = self.top / "debs/zcgem"
        source.mkdir(parents=True)
        files = subprocess.run(["git", "-C", str(build.ROOT), "ls-files", "-z", "--cached",
                                "--others", "--exclude-standard"],
                               capture_output=True, check=True).stdout.decode().split("\0")
        for name in filter(None, files):
            if (build.ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(build.ROOT / name, source / name)
        tree = rootfs.packaging_tree(self.kernel.name).get()
        binds = [(self.top / "debs", "/work")]
        # The unit tests are a group of their own.
        good, said = self._in(tree, "cd /work/zcgem && DEB_BUILD_OPTIONS=nocheck "
                              "dpkg-buildpackage -b -uc -us", binds)
        (self.top / "build.log").write_text(said)
        if not self.check("dpkg-buildpackage", good, said):
            return False
        good, said = self._in(tree, "cd /work && lintian --allow-root --fail-on error,warning "
                              f"--suppress-tags {','.join(SUPPRESSED)} *.changes", binds)
        self.check("lintian", good, said)
        return True

    def install(self):
        """apt, as a user has it, on a machine with the headers of its kernel; without the package
        that has to be asked for."""
        subprocess.run(["cp", "-a", str(rootfs.install_tree(self.kernel.name).get()),
                        str(self.root)], check=True)
        if not self._install("$(ls ./*.deb | grep -v zcgem-udmabuf)", "apt install"):
            return False
        self.first = self._versions()[0]
        good, said = self._in(self.root, "dkms status zcgem; "
                              f"modinfo -k {self.first} -F version zcgem")
        self.check("DKMS builds the module",
                   good and f"{self.first}, x86_64: installed" in said, said)
        self.check("the module has the project's version", said.splitlines()[-1:] == [self.version], said)
        signed, signer = self._in(self.root, f"modinfo -k {self.first} -F signer zcgem")
        self.check("the module is signed", signed and bool(signer.strip()), signer)
        for page in ("man1/zcgem.1", "man3/libzcgem.3", "man4/zcgem.4"):
            self.check(f"man page {page}",
                       (self.root / f"usr/share/man/{page}.gz").exists(), "it is not there")
        # That of Vulkan is compiled where there is Vulkan.
        good, said = self._in(self.root, "cd /usr/share/doc/libzcgem-dev/examples && "
                              "for c in $(grep -L vulkan *.c); do "
                              "gcc -Wall -Werror -o /opt/${c%.c} $c "
                              "$(pkg-config --cflags --libs libzcgem libdrm) || exit 1; done")
        self.check("examples compile against the package", good, said)
        return True

    def _install(self, debs, name):
        good, said = self._in(self.root, "cd /work && DEBIAN_FRONTEND=noninteractive apt-get -y "
                              f"install {debs}", [(self.top / "debs", "/work")])
        return self.check(name, good, said)

    def _versions(self):
        return sorted(path.name for path in (self.root / "usr/lib/modules").iterdir()
                      if (path / "kernel").is_dir())

    def boot(self, version, name):
        """Use it, in a guest whose root is the machine."""
        job = (build.ROOT / "testbed/guest/packages.sh").read_text()
        self._guest(version, name, job, machine.Options(modules=""), GUEST_SECONDS)

    def _guest(self, version, name, job, options, limit, systemd=False):
        guest = Installed(self.kernel.name, self.root, version, self.top / version)
        if not self.modules:
            self.modules = guest.start_modules()
        slower = machine.patience(guest)
        vm = machine.Machine(guest, options, job, self.modules, root=self.root, systemd=systemd)
        vm.start()
        outcome = vm.finish(limit * slower)
        said = outcome.output.decode(errors="replace")
        good = outcome.good and ": all well" in said
        if self.check(name, good, said + "\n" + outcome.explain()):
            vm.forget()
        else:
            print(f"bed: kept {vm.directory}", flush=True)
        (self.top / f"guest-{version}.log").write_text(said)

    def boot_systemd(self, name, number=0, purge=False):
        """Have the machine's systemd start it, with a GPU."""
        device, driver, render = GPUS[number % len(GPUS)]
        job = f"gpu={driver} render={'yes' if render else ''}\n"
        job += (build.ROOT / "testbed/guest/boots.sh").read_text()
        if purge:
            job += (build.ROOT / "testbed/guest/purge.sh").read_text()
        job += "echo 'boots: all well'\n"
        self._guest(self.first, name, job, machine.Options(modules="", qemu=device),
                    PURGE_SECONDS if purge else BOOT_SECONDS, systemd=True)

    def install_name(self):
        """The package that gives /dev/udmabuf to zcgem."""
        return self._install("./zcgem-udmabuf*.deb", "apt install zcgem-udmabuf")

    def upgrade(self):
        """Another kernel comes with its headers: the hooks of DKMS have to build for it."""
        good, said = self._in(self.root, "cd /opt/next && DEBIAN_FRONTEND=noninteractive apt-get -y "
                              "install ./*.deb; dkms status zcgem")
        new = [version for version in self._versions() if version != self.first]
        if self.check("DKMS follows to another kernel", good and len(new) == 1
                      and f"{new[0]}, x86_64: installed" in said, said):
            self.modules = None
            self.boot(new[0], "used on the other kernel")

    def remove(self):
        good, said = self._in(self.root, "apt-get -y purge 'zcgem*' 'libzcgem*'; "
                              "dkms status zcgem; dpkg -l | grep zcgem; "
                              "find / -xdev \\( -path /proc -o -path /opt -o -path /var/log "
                              "-o -path /var/lib/dpkg \\) -prune -o -name '*zcgem*' -print")
        left = [line for line in said.splitlines() if line.startswith("/") or
                line.startswith(("ii", "rc", "zcgem/"))]
        self.check("nothing is left after purge", good and not left, "\n".join(left) or said)


def _version():
    return re.search(r"version: '([^']+)'", (build.ROOT / "meson.build").read_text())[1]


def run(kernel, _modules):
    """The test group."""
    packages = Packages(kernel, _version())
    if packages.build() and packages.install():
        packages.boot(packages.first, "used on the machine's kernel")
        if packages.install_name():
            packages.boot_systemd("started by systemd, and purged there", purge=True)
        packages.upgrade()
        packages.remove()
    shutil.rmtree(packages.root, ignore_errors=True)
    return packages.results


def run_boots(kernel, _modules):
    """The test group "boots": whose card0 and renderD128 are, each time."""
    packages = Packages(kernel, _version(), "boots")
    if packages.build() and packages.install():
        for number in range(BOOTS):
            packages.boot_systemd(f"boot {number + 1}, {GPUS[number % len(GPUS)][1]}", number)
    shutil.rmtree(packages.root, ignore_errors=True)
    return packages.results
