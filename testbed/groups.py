# SPDX-License-Identifier: MIT
"""What ./bed test runs. A group is a name, a kind, and the machine that it needs.

Kinds:
  igt         IGT tests of this project: every igt-tests/zcgem_* program of the build
  igt-system  IGT's own tests on zcgem's nodes: igt-system.txt
  tap         a command in the guest that prints TAP, started in /work
  host        a function here on the host that returns results; it may boot machines itself
Groups of equal machine options share one boot.
"""

import os

import bench
import clients
import console
import demo
import hostchecks
import intree
import machine
import mce
import nextkernel
import packages
import selftest

# Two nodes of 1 GiB with a processor each.
TWO_NODES = " ".join(f"-object memory-backend-ram,id=node{n},size=1G "
                     f"-numa node,nodeid={n},cpus={n},memdev=node{n}" for n in (0, 1))

# The kernel that a run of everything has besides the stock ones. 6.12: there the stock kernel
# cannot tell importers of moves, and this one can.
DEBUG_KERNEL = "6.12-debug"

# Kernels that a run of everything has only the groups of "smoke" with: what works on the oldest and
# on the newest seldom breaks between them.
BETWEEN = ["7.2"]

# How long a test of the group "soak" takes.
SOAK_SECONDS = os.environ.get("ZCGEM_SOAK_SECONDS", "600")


class Group:
    def __init__(self, name, kind, command=None, options=None, timeout=120, once=False,
                 programs=None, named=False, expected=None, quiet=60, debug=False,
                 again=False, stock=True, newest=False, smoke=False, without=()):
        self.name, self.kind, self.command, self.timeout = name, kind, command, timeout
        self.options = options or machine.Options()
        self.expected = expected or {}  # test: the console report that it causes if it passes
        self.quiet = quiet          # seconds that an IGT test may say nothing
        self.named = named          # runs only when it is asked for by name
        self.again = again          # programs of other groups on another machine
        self.newest = newest        # without a filter, with the last of the kernels only
        self.smoke = smoke          # part of a run of everything with the kernels of BETWEEN too
        self.debug = debug          # part of a run of everything with DEBUG_KERNEL too
        self.stock = stock          # not only for debug kernels
        self.programs = programs    # of kind igt: these; None: those that no group names
        self.without = without      # and not these
        self.once = once        # does not depend on the kernel: run with the first one only


def groups():
    return [
        Group("checkpatch", "host", hostchecks.checkpatch, once=True),
        Group("kernel-doc", "host", hostchecks.kernel_doc, once=True),
        Group("checkers", "host", hostchecks.checkers, once=True),
        Group("unit", "host", hostchecks.meson_tests, once=True),
        Group("manual", "host", hostchecks.manual, once=True),
        Group("bed", "host", selftest.run, once=True),
        Group("next", "host", nextkernel.run, once=True),
        Group("zcgem", "igt", timeout=300, smoke=True),
        Group("sharing", "igt", timeout=300, debug=True, smoke=True,
              programs=["zcgem_device", "zcgem_dma", "zcgem_idle", "zcgem_importers",
                        "zcgem_invalidate", "zcgem_punch", "zcgem_revoke", "zcgem_share_races",
                        "zcgem_stalled", "zcgem_suspend", "zcgem_unplug", "zcgem_waits", "zcgem_watch"]),
        Group("engine", "igt", timeout=400,
              programs=["zcgem_bounded", "zcgem_cancel", "zcgem_pace", "zcgem_priority",
                        "zcgem_submit", "zcgem_sync", "zcgem_sync_dmabuf"]),
        Group("svm", "igt", timeout=500,
              programs=["zcgem_svm", "zcgem_svm_bystander", "zcgem_svm_follow",
                        "zcgem_svm_process", "zcgem_svm_refused", "zcgem_svm_stress"],
              expected={"zcgem_svm_bystander@oom-reap": console.killed("zcgem_svm_bystander")}),
        Group("fuzz", "igt", timeout=900, programs=["zcgem_fuzz"], quiet=180),
        Group("failure", "igt", timeout=300, programs=["zcgem_failure"], named=True),
        Group("kunit", "tap", "sh /work/testbed/guest/kunit.sh", stock=False, debug=True),
        Group("memory", "igt", timeout=500,
              programs=["zcgem_account", "zcgem_account_refund", "zcgem_account_share",
                        "zcgem_fdinfo", "zcgem_long_lists", "zcgem_memcg", "zcgem_pool",
                        "zcgem_reclaim", "zcgem_residency", "zcgem_userptr",
                        "zcgem_userptr_fork", "zcgem_userptr_mm"],
              # Who overflows a control group is killed.
              expected={f"zcgem_memcg@limit-{way}": console.killed("zcgem_memcg")
                        for way in ("populate", "touch")}),
        # Its last test has the OOM killer end a program beside objects of udmabuf.
        Group("pressure", "igt", timeout=1500, programs=["zcgem_pressure"],
              options=machine.Options(mem="1536M"), quiet=600,
              expected={"zcgem_pressure@pressure-udmabuf": console.killed("zcgem_pressure")}),
        Group("migrate", "igt", timeout=300, programs=["zcgem_migrate", "zcgem_userptr_migrate"],
              options=machine.Options(mem="2G", append="movablecore=1G")),
        Group("numa", "igt", programs=["zcgem_numa"],
              options=machine.Options(mem="2G", smp="2,sockets=2", qemu=TWO_NODES)),
        Group("cma", "igt", timeout=120, programs=["zcgem_cma"],
              options=machine.Options(mem="3G", append="hugetlb_cma=1G")),
        Group("soak", "igt", timeout=2400, programs=["zcgem_soak"], named=True,
              expected={"zcgem_soak@oom-kill": console.killed("zcgem_soak")},
              options=machine.Options(append=f"ZCGEM_SOAK_SECONDS={SOAK_SECONDS}")),
        # QEMU's device "edu" is what the importer then is, see importer.c.
        Group("iommu", "igt", timeout=600, again=True,
              programs=["zcgem_device", "zcgem_invalidate", "zcgem_punch", "zcgem_watch"],
              options=machine.Options(qemu="-machine q35 -device intel-iommu -device edu",
                                      append="intel_iommu=on iommu.strict=1")),
        # The same machine: that device by VFIO.
        Group("vfio", "igt", timeout=120, programs=["zcgem_vfio"],
              options=machine.Options(qemu="-machine q35 -device intel-iommu -device edu",
                                      append="intel_iommu=on iommu.strict=1")),
        Group("mapping", "igt", timeout=500,
              programs=["zcgem_access", "zcgem_fault", "zcgem_gup", "zcgem_rdma",
                        "zcgem_userptr_refused", "zcgem_vhost", "zcgem_vma", "zcgem_vma_flags",
                        "zcgem_zap"],
              # A page of 1 GiB, and memory that passes for a persistent one.
              options=machine.Options(mem="4G", append="hugepagesz=1G hugepages=1 "
                                                       "memmap=64M!512M")),
        # Objects that are part of a page of 1 GiB, and another one to take its place.
        Group("giant", "igt", again=True, named=True, timeout=600,
              programs=["zcgem_invalidate", "zcgem_revoke", "zcgem_unplug"],
              options=machine.Options(mem="5G", append="hugepagesz=1G hugepages=2")),
        # The DMA layer uses other memory than a device is given, for everything.
        Group("swiotlb", "igt", again=True, smoke=True, programs=["zcgem_dma"],
              options=machine.Options(append="swiotlb=force")),
        # An IOMMU that translates nothing.
        Group("passthrough", "igt", again=True, named=True, programs=["zcgem_device", "zcgem_dma"],
              options=machine.Options(qemu="-machine q35 -device intel-iommu -device edu",
                                      append="intel_iommu=on iommu=pt")),
        # More than 1 GiB in one piece, and no page table leaves of that size.
        Group("processor", "igt", programs=["zcgem_processor"],
              options=machine.Options(mem="7G", smp=1, cpu="max,-pdpe1gb")),
        # QEMU's emulator has AMD's way of virtual machines, with nested page tables. One processor:
        # KVM patches the kernel's code for each machine, see console.STALE.
        Group("kvm", "igt", programs=["zcgem_kvm"],
              options=machine.Options(smp=1, cpu="max,-erms,+svm")),
        # Two displays whose drivers copy by the processor: of cirrus and of bochs.
        Group("scanout", "igt", programs=["zcgem_scanout"],
              options=machine.Options(vga="cirrus", qemu="-device bochs-display")),
        Group("igt", "igt-system", timeout=240),
        Group("examples", "tap", "sh testbed/guest/examples.sh", options=machine.Options(vga="cirrus")),
        Group("sandbox", "tap", "sh testbed/guest/sandbox.sh"),
        Group("bench", "host", bench.run_tests),
        Group("demo", "host", demo.run, smoke=True),
        Group("mce", "host", mce.run),
        # Minutes, for what seldom breaks.
        Group("packages", "host", packages.run, named=True),
        Group("boots", "host", packages.run_boots, named=True),
        Group("in-tree", "host", intree.run, named=True),
        *client_groups(everything=True),
    ]


# What the machines of other architectures run in a run of everything, and when no test is named.
CROSS = {"arm64": ["zcgem_basic", "zcgem_dma", "zcgem_fault", "zcgem_memfd", "zcgem_mmap",
                   "zcgem_prime", "zcgem_submit", "zcgem_svm", "zcgem_udmabuf"],
         "riscv64": ["zcgem_basic", "zcgem_dma"]}


def cross_groups(arch):
    return [Group("smoke", "igt", timeout=900, programs=CROSS[arch]),
            Group("others", "igt", timeout=3000, named=True,
                  without=[name for group in groups() if group.named and group.kind == "igt"
                           for name in group.programs or [] if not group.again],
                  expected={test: kill for group in groups()
                            for test, kill in group.expected.items()})]


def client_groups(everything=False):
    """Other people's programs, in root trees of their own; and how much of them a run of everything
    has."""
    return [Group(name, kind, command, options, limit, newest=everything,
                  named=everything and slow)
            for name, kind, command, options, limit, slow in clients.commands()]
