# SPDX-License-Identifier: MIT
"""Root trees: which Debian packages each one has, how it is made, where it is kept.

A tree is made once by mmdebstrap and reused while its recipe (suite, packages, hooks) is
unchanged: the directory's name carries the recipe's hash.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

SUITES = {"6.12": "trixie", "7.2": "forky", "7.3": "trixie-backports"}
# Debian's real-time kernels, which are tried when they are named.
REAL_TIME = [f"{kernel}-rt" for kernel in SUITES]

# What a module build needs; perl for the kernel-doc check of W=1. linux-source is there for
# sw_sync, which stock kernels lack, and for checkpatch.
BUILD = ["linux-headers-amd64", "linux-source", "make", "libc6-dev", "xz-utils", "perl"]
# Userspace is built where the run tree's libraries come from, so only forky needs this.
USERSPACE = ["gcc", "libdrm-dev", "libpng-dev", "liburing-dev", "meson", "ninja-build",
             "pkgconf", "igt-gpu-tools"]
# Programs that read the module's sources and find fault with them.
CHECKS = ["linux-headers-amd64", "make", "libc6-dev", "perl", "python3-minimal", "sparse",
          "clang", "lld", "llvm", "clang-tools", "cppcheck"]
RUN = ["igt-gpu-tools", "igt-gpu-tools-tests", "busybox-static", "kmod", "util-linux", "strace",
       "procps", "e2fsprogs", "libdrm2", "libpng16-16t64", "liburing2", "desktop-base"]

# Programs that use /dev/udmabuf or DRM nodes, and what our own clients of them are built with: a
# tree of its own, because it is several times as big.
CLIENTS = ["busybox-static", "kmod", "util-linux", "strace", "procps", "libdrm2", "libpng16-16t64",
           "gcc", "libc6-dev", "pkgconf", "libdrm-dev", "libvulkan-dev", "libegl-dev",
           "libgles-dev", "libgbm-dev", "libwayland-dev", "libwayland-bin", "wayland-protocols",
           "udev", "acl", "mesa-vulkan-drivers", "libegl-mesa0", "libgl1-mesa-dri", "weston",
           "libpng-dev", "seatd", "cage", "grim", "gstreamer1.0-tools", "gstreamer1.0-plugins-base",
           "gstreamer1.0-plugins-bad", "libcamera-tools", "qemu-system-x86",
           "qemu-system-modules-opengl", "glslang-tools",
           # Programs that look for a GPU.
           "mesa-utils", "vulkan-tools", "vainfo", "mesa-va-drivers", "ffmpeg", "mpv", "clinfo",
           "mesa-opencl-icd", "sway", "xwayland"]

# KWin and what it brings is as much again, for one test.
KWIN = ["busybox-static", "kmod", "util-linux", "procps", "libdrm2", "libpng16-16t64",
        "libegl-mesa0", "libgl1-mesa-dri", "kwin-wayland", "dbus", "weston"]

# What the project's own Debian packages are built with (debian/control) and checked by.
PACKAGING = ["build-essential", "debhelper", "dh-dkms", "intel-gpu-tools", "libdrm-dev",
             "libpng-dev", "lintian", "meson", "pkgconf", "python3-sphinx"]

# A machine that they are installed on: a kernel as Debian installs it, and what they depend on, so
# that the test needs no network. A man page is something to check.
INSTALL = ["linux-image-amd64", "linux-headers-amd64", "tiny-initramfs", "dkms", "openssl",
           "busybox-static", "kmod", "procps", "intel-gpu-tools", "libdrm-dev", "libpng16-16t64",
           "gcc", "libc6-dev", "pkgconf", "trace-cmd", "systemd-sysv", "udev", "dbus", "acl"]

# Another kernel with its headers, for the machine to move to.
INSTALL_HOOK = r'''
rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap
mkdir -p /opt/next/partial
apt-get -q -y --download-only -o Dir::Cache::archives=/opt/next \
	install -t SUITE linux-image-rt-amd64 linux-headers-rt-amd64
'''

# A wallpaper package's PNGs are the real pictures of the demo; everything else of the
# documentation is dead weight.
EXCLUDE = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"]

# The kernel's files in /opt/kernel. Debian 13's headers bring the image along; since 7.2 they do
# not, and it is three packages, which are unpacked and not installed: nothing here boots it. One
# apt run serves headers and image, so that the versions agree.
KERNEL_HOOK = r'''
cd /lib/modules; set -- *; [ $# = 1 ] || { echo "several kernels: $*" >&2; exit 1; }
mkdir -p /opt/kernel/boot /opt/kernel/usr/lib/modules/$1
if [ -e "/boot/vmlinuz-$1" ]; then
	rm -f /boot/initrd*
	mv /boot/* /opt/kernel/boot/
	mv "/lib/modules/$1/kernel" "/lib/modules/$1"/modules.* "/opt/kernel/usr/lib/modules/$1/"
else
	mkdir /opt/debs; cd /opt/debs
	apt-get -q download "linux-base-$1" "linux-binary-$1" "linux-modules-$1"
	for deb in *.deb; do dpkg -x "$deb" /opt/kernel; done
	rm -r /opt/debs
fi
'''


# For a machine of another architecture everything is built here by a cross compiler, with the
# headers of that architecture's packages; its root tree is unpacked and runs no script.
CROSS = {"arm64": ["arm64", "arm64-16k"], "riscv64": ["riscv64"]}
CROSS_COMPILER = {"arm64": "aarch64-linux-gnu", "riscv64": "riscv64-linux-gnu"}
CROSS_HOOK = r'''
cd /lib/modules
for version in *; do
	mkdir -p "/opt/kernel/$version"; cd "/opt/kernel/$version"
	binary=linux-binary-unsigned-$version	# where images are signed for
	apt-cache show "$binary:ARCH" >/dev/null 2>&1 || binary=linux-binary-$version
	apt-get -q download "linux-base-$version:ARCH" "$binary:ARCH" "linux-modules-$version:ARCH"
	for deb in *.deb; do dpkg -x "$deb" .; done
	rm *.deb
done
'''
CROSS_RUN = ["base-files", "dash", "bash", "coreutils", "grep", "sed", "mawk", "findutils",
             "diffutils", "busybox-static", "kmod", "util-linux", "mount", "procps", "libdrm2",
             "libpng16-16t64", "liburing2", "libc6", "libc-bin", "e2fsprogs"]


class TreeError(Exception):
    """A tree could not be made."""


def cache_dir():
    path = os.environ.get("ZCGEM_BED_CACHE") or "/var/cache/zcgem-bed"
    path = pathlib.Path(path).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name):
    """Only one process builds a thing; running machines hold no lock."""
    with open(cache_dir() / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def mirror():
    """The Debian mirror that this machine itself uses."""
    if os.environ.get("ZCGEM_BED_MIRROR"):
        return os.environ["ZCGEM_BED_MIRROR"]
    out = subprocess.run(["apt-get", "indextargets", "--format",
                          "$(REPO_URI)|$(ORIGIN)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"],
                         capture_output=True, text=True, check=True).stdout
    fallback = None
    for line in out.splitlines():
        uri, origin, release, component = line.split("|")
        if component != "main" or "security" in release:
            continue
        if origin == "Debian":
            return uri
        if uri.rstrip("/").endswith("/debian"):
            fallback = fallback or uri
    if not fallback:
        raise TreeError("apt knows no Debian mirror on this machine; set ZCGEM_BED_MIRROR")
    return fallback


class Tree:
    def __init__(self, name, suite, packages, hook=None, options=("--variant=apt",)):
        self.name, self.suite, self.packages, self.hook = name, suite, packages, hook
        self.options = options
        recipe = "\n".join([suite, *sorted(packages), *EXCLUDE, hook or "", *options[1:]])
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
        self.path = cache_dir() / f"{name}-{digest}"
        self.base = suite.removesuffix("-backports")

    def _package(self, name):
        """A package as apt is asked for it: backports serves the kernel, its base the rest."""
        backported = self.base != self.suite and name.startswith("linux-")
        return f"{name}/{self.suite}" if backported else name

    def get(self):
        """Path of the tree; makes it first where it is not there yet."""
        if not self.path.is_dir():
            with locked(self.name) as lock:
                if not self.path.is_dir():
                    self._make(lock)
        return self.path

    def _make(self, lock):
        part = self.path.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        print(f"bed: making root tree {self.name} from {self.suite} "
              f"({len(self.packages)} packages and what they need)", file=sys.stderr, flush=True)
        # A mount namespace of its own, so that nothing stays mounted in a tree that is given up.
        cmd = ["unshare", "-m", "mmdebstrap", "--mode=root", *self.options, "--format=directory",
               # Mirrors that keep a suite as it was on one day have stale Release files.
               "--aptopt=Acquire::Check-Valid-Until \"false\"",
               "--aptopt=Acquire::Languages \"none\"",
               "--aptopt=APT::Sandbox::User \"root\"",
               "--include=" + ",".join(map(self._package, self.packages))]
        cmd += [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDE]
        if self.hook:
            cmd.append(f"--customize-hook=chroot \"$1\" sh -ec '{self.hook}'")
        cmd += [self.base, str(part), mirror()]
        if self.base != self.suite:
            cmd.append(f"deb {mirror()} {self.suite} main")
        log = self.path.with_suffix(".log")
        with open(log, "w") as out:
            # It has the lock as well: it may outlive a bed that is killed.
            status = subprocess.run(cmd, stdout=out, stderr=subprocess.STDOUT, cwd="/",
                                    stdin=subprocess.DEVNULL, pass_fds=[lock.fileno()]).returncode
        if status:
            tail = log.read_text(errors="replace").splitlines()[-15:]
            raise TreeError(f"mmdebstrap failed for {self.name}:\n" + "\n".join(tail))
        # Mount points: a guest sees the tree read-only.
        for directory in ("work", "out", "share", "lib/modules"):
            (part / directory).mkdir(parents=True, exist_ok=True)
        part.rename(self.path)


def build_tree(kernel):
    extra = USERSPACE if kernel == "7.2" else []
    suite = SUITES[kernel.removesuffix("-rt")]
    if kernel in REAL_TIME:
        packages = ["linux-headers-rt-amd64", *(name for name in BUILD if name != "linux-headers-amd64")]
        return Tree(f"build-rt-{suite}", suite, packages, KERNEL_HOOK)
    return Tree(f"build-{suite}", suite, BUILD + extra, KERNEL_HOOK)


def cross_tree(arch):
    packages = ["make", "xz-utils", "perl", "gcc", "libc6-dev", "meson", "ninja-build", "pkgconf",
                f"gcc-{CROSS_COMPILER[arch].replace('_', '-')}",
                *(f"{name}:{arch}" for name in ("libc6-dev", "libdrm-dev", "libpng-dev",
                                                "liburing-dev")),
                *(f"linux-headers-{flavour}:{arch}" for flavour in CROSS[arch])]
    return Tree(f"cross-{arch}-forky", "forky", packages, CROSS_HOOK.replace("ARCH", arch),
                ("--variant=apt", f"--architectures=amd64,{arch}"))


def cross_run_tree(arch):
    return Tree(f"run-{arch}-forky", "forky", CROSS_RUN, None,
                ("--variant=extract", f"--architectures={arch}"))


def checks_tree():
    return Tree("checks-forky", "forky", CHECKS)


def run_tree():
    return Tree("run-forky", "forky", RUN)


def clients_tree():
    return Tree("clients-forky", "forky", CLIENTS)


def packaging_tree(kernel):
    suite = SUITES[kernel].removesuffix("-backports")
    return Tree(f"packaging-{suite}", suite, PACKAGING)


def install_tree(kernel):
    suite = SUITES[kernel]
    return Tree(f"install-{suite}", suite, INSTALL, INSTALL_HOOK.replace("SUITE", suite))


def kwin_tree():
    return Tree("kwin-forky", "forky", KWIN)


def tree_of(name):
    """A guest's root tree by the name that machine options have for it."""
    return {"run": run_tree, "clients": clients_tree, "kwin": kwin_tree}[name]()


def in_tree(tree, command, binds=(), scratch=None, **kwargs):
    """Run a command chrooted into a tree, with host directories bound into it.

    The mounts live in a mount namespace of their own and vanish with the command; the tree
    itself is not written to, except for the empty mount points. What the command changes in the
    directory scratch of the tree, and writes to /mnt then, is gone afterwards.
    """
    script = ["mount --make-rprivate /", f"mount -t proc proc '{tree}/proc'",
              f"mount -t tmpfs tmpfs '{tree}/tmp'"]
    for source, target in binds:
        (tree / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        script.append(f"mount --bind '{source}' '{tree}{target}'")
    if scratch:
        script += [f"mount -t tmpfs tmpfs '{tree}/mnt'", f"mkdir '{tree}/mnt/up' '{tree}/mnt/work'",
                   f"mount -t overlay overlay -o 'lowerdir={tree}{scratch},"
                   f"upperdir={tree}/mnt/up,workdir={tree}/mnt/work' '{tree}{scratch}'"]
    script.append(f"exec chroot '{tree}' \"$@\"")
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
    return subprocess.run(["unshare", "-m", "sh", "-ec", "\n".join(script), "sh", *command],
                          env=env, cwd="/", stdin=subprocess.DEVNULL, **kwargs)
