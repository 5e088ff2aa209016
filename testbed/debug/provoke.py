# SPDX-License-Identifier: MIT
"""Proves that a debug kernel's detectors are alive: a module commits each fault once in a guest,
and both the kernel's report and the bed's scan of the console must show it."""

import re

import build
import console
import machine
from results import FAIL, PASS, Result

from debug import leaks

HERE = build.ROOT / "testbed/debug/provoke"
MODULE = "bed_provoke"

# Fault -> (kinds of kernel that detect it, what the kernel says). Most other reports turn
# lockdep off, so the inversion comes first; and the last one kills its process.
BOTH = ("debug", "kcsan")
FAULTS = {
    "lock-inversion": (BOTH, r"WARNING: possible circular locking dependency"),
    "use-after-free": (("debug",), r"BUG: KASAN: slab-use-after-free in .*bed_provoke"),
    "slab-overrun": (("debug",), r"BUG: KASAN: slab-out-of-bounds in .*bed_provoke"),
    "vmalloc-overrun": (("debug",), r"BUG: KASAN: vmalloc-out-of-bounds in .*bed_provoke"),
    "shift": (BOTH, r"UBSAN: shift-out-of-bounds in .*bed_provoke"),
    "list": (BOTH, r"list_add double add"),
    "live-object": (BOTH, r"ODEBUG: init active .*timer_list"),
    "dma": (BOTH, r"DMA-API: platform bed_provoke: device driver tries to free DMA memory"),
    "reference": (BOTH, r"refcount_t: decrement hit 0"),
    "vm-assertion": (BOTH, r"WARNING: .*(vm_assertion|bed_provoke)"),
    "sleep-in-atomic": (BOTH, r"BUG: sleeping function called from invalid context"),
    "injection": (BOTH, r"FAULT_INJECTION: forcing a failure"),
    "data-race": (("kcsan",), r"BUG: KCSAN: data-race in .*(bed_provoke|racer|racing)"),
    "leak": (("debug",), r"kmemleak: \d+ new suspected memory leaks"),
    "second-mapping": (BOTH, r"kernel BUG at mm/page_table_check\.c"),
}
# An injected failure is the bed's own doing and no report.
SILENT = {"injection"}


def run(kernel, modules):
    directory = build.BUILD / kernel.name / MODULE
    with build.locked(kernel.name):
        build.mirror_sources(HERE, directory)
        path = build.make_module(kernel, directory, directory.with_suffix(".log"))
    inside = "/work/" + str(path.relative_to(build.ROOT))
    faults = [fault for fault, (kinds, _) in FAULTS.items() if kernel.kind in kinds]
    job = []
    for fault in faults:
        job += [f"echo 'bed: begin {fault}' >/dev/kmsg",
                f"insmod {inside} fault={fault} && rmmod {MODULE}",
                leaks.SEARCH if fault == "leak" else "",
                f"echo 'bed: end {fault}' >/dev/kmsg"]
    options = machine.Options(modules="", leaks=True)
    vm = machine.Machine(kernel, options, "\n".join(job) + "\n", modules)
    vm.start()
    outcome = vm.finish(60 * kernel.slower)
    found = [_judge(kernel, fault, outcome) for fault in faults]
    if all(result.status == PASS for result in found):
        vm.forget()
    else:
        print(f"bed: kept {vm.directory}", flush=True)
    return found


def _judge(kernel, fault, outcome):
    part = re.search(rf"bed: begin {fault}$(.*?)bed: end {fault}$",
                     outcome.console.replace("\r", ""), re.S | re.M)
    if not part:
        return Result(kernel.name, "detectors", fault, FAIL, "the guest did not come to its end",
                      detail=outcome.explain())
    said = part[1]
    if not re.search(FAULTS[fault][1], said):
        reason = "the kernel does not report it"
    elif fault not in SILENT and not console.scan(said):
        reason = "the bed's scan of the console does not see the report"
    else:
        return Result(kernel.name, "detectors", fault, PASS)
    return Result(kernel.name, "detectors", fault, FAIL, reason, detail=said)
