# SPDX-License-Identifier: MIT
"""The stock kernels as the guests boot them: plain vmlinux and the few modules that matter."""

import hashlib
import lzma
import pathlib
import shutil
import struct
import subprocess

import rootfs
from debug.kernel import DebugKernel

# Modules that guests get besides zcgem; what these depend on comes along.
MODULES = ["9p", "9pnet_virtio", "virtio_pci", "virtio_console", "overlay", "ttm", "drm",
           "drm_kms_helper", "drm_shmem_helper", "drm_ttm_helper", "drm_exec", "gpu-sched", "vgem",
           "cirrus", "cirrus-qemu", "bochs", "virtio-gpu", "vkms", "kvm-amd", "udmabuf", "configfs", "loop", "ext4", "crc32c_generic",
           "intel-iommu", "virtio_iommu", "fuse", "zram", "nd_e820",
           "nd_pmem", "vivid", "vfio-pci", "vfio_iommu_type1", "vhost_vsock", "ib_uverbs",
           "rdma_rxe", "crc32_generic"]


# Debian testing's is the kernel that other architectures are tried with.
CROSS = "7.2"


def unpack_vmlinux(image):
    """The payload of a bzImage; QEMU starts the ELF file faster than the bzImage."""
    data = image.read_bytes()
    setup = (data[0x1f1] or 4) + 1
    offset, length = struct.unpack_from("<II", data, 0x248)
    payload = data[setup * 512 + offset:][:length]
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        # The last four bytes are the unpacked size, which zstd would take for a bad frame.
        return subprocess.run(["zstd", "-dcq"], input=payload[:-4], capture_output=True,
                              check=True).stdout
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    raise rootfs.TreeError(f"{image}: payload is packed in an unknown way")


class Kernel:
    arch = "amd64"
    guest = "guest"     # what userspace is built in, below build/
    memory = "2G"
    qemu = []
    append = "kfence.sample_interval=20 slab_nomerge"   # compiled in, but off
    slower = 1          # how much longer things may take
    sw_sync = False     # is it built in?
    kmemleak = False
    binds = ()          # what a build needs in the tree besides

    def __init__(self, name):
        self.name = name
        self.tree = rootfs.build_tree(name).get()
        self.base = self.tree / "opt/kernel"
        modules = self.base / "usr/lib/modules"
        self.version = next(modules.iterdir()).name
        if not self.version.startswith(name.removesuffix("-rt") + "."):
            raise rootfs.TreeError(f"{self.tree.name} has kernel {self.version}, not {name}")
        self.modules = modules / self.version

    def image(self):
        vmlinux = self.base / "vmlinux"
        if not vmlinux.exists():
            with rootfs.locked("kernel-" + self.name):
                packed = self.modules / "vmlinuz"
                if not packed.exists():
                    packed = self.base / f"boot/vmlinuz-{self.version}"
                part = vmlinux.with_suffix(".part")
                part.write_bytes(unpack_vmlinux(packed))
                part.rename(vmlinux)
        return vmlinux

    def _dependencies(self):
        """Module name -> (path, what it needs), from depmod's text."""
        found = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, needs = line.split(":")
            name = pathlib.Path(path).name.split(".ko")[0].replace("-", "_")
            found[name] = [path, *needs.split()]
        return found

    def _index(self):
        """modules.dep, which the packages do not have."""
        if not (self.modules / "modules.dep").exists():
            lib = self.base / "lib"
            if not lib.exists():
                lib.symlink_to("usr/lib")
            subprocess.run(["depmod", "-b", str(self.base), self.version], check=True)

    def module_directory(self):
        """A directory with the unpacked modules of MODULES, without the indexes."""
        wanted = hashlib.sha256("\n".join(MODULES).encode()).hexdigest()[:12]
        subset = self.base / f"guest-modules-{wanted}"
        if subset.exists():
            return subset
        with rootfs.locked("kernel-" + self.name):
            self._index()
            part = self.base / "guest-modules.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            known = self._dependencies()
            for name in MODULES:
                # One kernel has built in, or has not got, what the other has as a module.
                for path in known.get(name.replace("-", "_"), []):
                    target = part / path.removesuffix(".xz")
                    if not target.exists():
                        target.parent.mkdir(parents=True, exist_ok=True)
                        data = (self.modules / path).read_bytes()
                        target.write_bytes(lzma.decompress(data) if path.endswith(".xz") else data)
            for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
                shutil.copy(self.modules / index, part / index)
            if not subset.exists():
                part.rename(subset)
        return subset


class CrossKernel(Kernel):
    """A stock kernel of another architecture, such as 7.2-arm64-16k."""

    def __init__(self, name):
        self.name = name
        _, self.arch, *_ = name.split("-")
        self.guest = f"guest-{self.arch}"
        flavour = name.partition("-")[2]
        self.tree = rootfs.cross_tree(self.arch).get()
        self.base = next(path for path in (self.tree / "opt/kernel").iterdir()
                         if path.name.endswith("-" + flavour))
        self.version = self.base.name
        self.modules = self.base / "usr/lib/modules" / self.version

    def image(self):
        return next(self.modules.glob("vmlinuz*"))


def cross_names():
    return [f"{CROSS}-{flavour}" for flavours in rootfs.CROSS.values() for flavour in flavours]


def get(name):
    """A stock kernel, one of another architecture, or a debug kernel such as 6.12-debug."""
    if name in cross_names():
        return CrossKernel(name)
    return Kernel(name) if name in [*rootfs.SUITES, *rootfs.REAL_TIME] else DebugKernel(name)
