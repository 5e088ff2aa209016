# SPDX-License-Identifier: MIT
"""The test group "mce": real machine checks, which QEMU's monitor injects where a test in the guest
asks for one. They take a page out of the kernel's linear map, which MADV_HWPOISON does not."""

import re
import time

import machine
from results import FAIL, PASS, Result

TESTS = ("machine-check-idle", "machine-check-pinned")
TIMEOUT = 120

JOB = r'''
export IGT_FORCE_DRIVER=zcgem ZCGEM_BED_INJECTS=1
/work/build/guest/igt-tests/zcgem_poison --run-subtest 'machine-check-*'
status=$?
sh /work/testbed/guest/unload >/tmp/unload 2>&1; cp /tmp/unload /out/
exit $status
'''

# An uncorrected error that a scrubber found, with an address and its unit (Intel SDM, 17.9): valid,
# uncorrected, enabled, misc and address valid, signalled; and that a machine check is in progress
# after which the processor can go on.
STATUS, MCG_STATUS, MISC = 0xbd000000000000c0, 0x5, 0x8c
BANK = 9

ASKED = re.compile(rb"^bed: fail (0x[0-9a-f]+)\r?$", re.M)


def _inject(vm, address):
    vm.ask("human-monitor-command",
           **{"command-line": f"mce 0 {BANK} {STATUS:#x} {MCG_STATUS:#x} {address:#x} {MISC:#x}"})


def run(k, modules):
    # Only Intel's processors report errors in this way; one processor has no others to wait for. This
    # one has faults of its own, which the kernel warns of unless it is not to mitigate them.
    options = machine.Options(smp=1, cpu="Skylake-Client", append="mitigations=off")
    vm = machine.Machine(k, options, JOB, modules, monitor=True)
    vm.start()
    limit = TIMEOUT * machine.patience(k)
    deadline = time.monotonic() + limit
    for number, _ in enumerate(TESTS, 1):
        while len(ASKED.findall(vm.output)) < number and time.monotonic() < deadline:
            if vm.read(min(deadline, time.monotonic() + 1)) is False:
                break
        asked = ASKED.findall(vm.output)
        if len(asked) < number:
            break
        _inject(vm, int(asked[number - 1], 16))
    outcome = vm.finish(limit + machine.BOOT_LIMIT)

    text = outcome.output.decode(errors="replace")
    found = []
    for test in TESTS:
        good = f"Subtest {test}: SUCCESS" in text
        found.append(Result(k.name, "mce", test, PASS if good else FAIL,
                            "" if good else outcome.trouble or "it did not pass",
                            detail="" if good else text))
    unload = vm.out / "unload"
    said = unload.read_text().strip() if unload.exists() else "not reached"
    for name, bad in (("console", outcome.explain() if outcome.reports else ""), ("unload", said)):
        found.append(Result(k.name, "mce", name, FAIL if bad else PASS,
                            bad.partition("\n")[0], detail=bad))
    if all(result.status == PASS for result in found):
        vm.forget()
    return found
