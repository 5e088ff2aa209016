# SPDX-License-Identifier: MIT
"""The bed's own promises, each tried with a deliberate case: a guest that misbehaves must fail the
run, and the deterministic mode must repeat to the bit."""

import concurrent.futures

import groups
import machine
import tests
import verdicts
from results import FAIL, PASS, Result


def _boot(kernel, modules, job, timeout=90, **options):
    vm = machine.Machine(kernel, machine.Options(modules="", **options), job, modules)
    vm.start()
    outcome = vm.finish(timeout)
    vm.forget()
    return outcome


def _status_and_warning(kernel, modules):
    outcome = _boot(kernel, modules, "echo spoken; echo 'WARNING: on purpose' >/dev/kmsg; exit 7")
    yield "exit status", outcome.status == 7, f"status {outcome.status}"
    yield "output", outcome.output == b"spoken\n", repr(outcome.output)
    kinds = [report.kind for report in outcome.reports]
    yield "kernel warning", kinds == ["warning"] and not outcome.good, f"reports {kinds}"


def _large_status(kernel, modules):
    # 8 bits of it come out, shifted by one: 128 would be 0.
    outcome = _boot(kernel, modules, "exit 128")
    yield "large exit status", outcome.status == 126, f"status {outcome.status}"


def _end_at_unload(kernel, modules):
    # The job waits for somebody to read the file; the group is over when the guest goes.
    member = groups.Group("deliberate", "tap", "mkfifo /tmp/unload; echo 1..1; echo ok 1 - it\n"
                          "(until [ -e /out/deliberate/status ]; do sleep 0.1; done\n"
                          "echo o >/proc/sysrq-trigger) >/dev/null 2>&1 &")
    guest = tests.Guest(kernel, modules, [member])
    found = {result.title: result.status for result in guest.boot([member])[0]}
    for vm in guest.machines:
        vm.forget()
    name = kernel.name
    yield "end at unload", (found.get(f"{name} deliberate@it") == PASS
                            and found.get(f"{name} guest") == FAIL), str(found)


def _panic(kernel, modules):
    outcome = _boot(kernel, modules, "echo c >/proc/sysrq-trigger")
    yield "panic", (outcome.status is None and bool(outcome.trouble)
                    and "sysrq triggered crash" in outcome.explain()), outcome.explain()


def _no_machine(kernel, modules):
    # QEMU's status is 1 then, which is also how it hands on a guest's 0.
    outcome = _boot(kernel, modules, "true", qemu="-no-such-option")
    yield "QEMU does not start", (outcome.status is None and bool(outcome.trouble)), \
        f"status {outcome.status}"


def _hang(kernel, modules):
    outcome = _boot(kernel, modules, "echo up; sleep 1000", timeout=30)
    yield "hang", (outcome.output == b"up\n" and "did not end" in (outcome.trouble or "")
                   and outcome.seconds < 40), f"{outcome.seconds:.0f} s, {outcome.output!r}, {outcome.trouble}"


def _deterministic(kernel, modules):
    # timer_list says what time it is to the nanosecond, that is to the instruction.
    job = "sleep 1; dd if=/dev/zero of=/x bs=1M count=4 2>/dev/null; head -4 /proc/timer_list"
    first, second = (_boot(kernel, modules, job, smp=1, icount=True) for _ in range(2))
    yield "deterministic mode", (first.status == 0 and b"now at" in first.output
                                 and first.output == second.output), \
        f"{first.output!r} and {second.output!r}, {first.explain()}"


def run(kernel, modules):
    found = verdicts.run(kernel)

    def collect(case):
        return list(case(kernel, modules))

    # The hanging one costs time but no work, so it runs beside the others.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        cases = (_hang, _no_machine, _status_and_warning, _large_status, _panic, _end_at_unload,
                 _deterministic)
        for checks in pool.map(collect, cases):
            for name, good, seen in checks:
                found.append(Result(kernel.name, "bed", name, PASS if good else FAIL,
                                    "" if good else seen.partition("\n")[0],
                                    detail="" if good else seen))
    return found
