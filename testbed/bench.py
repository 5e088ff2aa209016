# SPDX-License-Identifier: MIT
"""./bed bench: runs the programs of bench/ in guests and keeps what they measured.

All programs run in one guest, one after the other, and that twice: in the deterministic mode, whose
instructions are what decisions are made by, and in real time beside it. Both are in
build/bench/KERNEL.json; tables and a plot are made of it.
"""

import json
import shutil
import sys

import benchreport
import build
import guestfiles
import kernel
import machine
from results import FAIL, PASS, Result

MODES = ("instructions", "time")
# The kernels that the manual has figures of.
KERNELS = ["6.12", "7.2"]
# A gigabyte of each kind of memory, and as much of one that is being made anew.
MACHINE = {"mem": "5G", "append": "hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=560",
           "modules": "zcgem,vgem,stopwatch"}
PREFIX = "bench_"
GROWTH = {"create": 1024, "footprint": 1024, "lists": 256, "share": 1024}
# For the test: one round, a few frames, nothing larger than 4 MiB.
TINY = ["--repeat", "1", "--frames", "4"]
KEYS = {"bench", "memory", "size", "step", "driver", "unit", "median", "min", "max", "samples"}


def programs(wanted=()):
    found = [path for path in guestfiles.programs("bench") if path.name.startswith(PREFIX)]
    return [path for path in found if not wanted or path.name.removeprefix(PREFIX) in wanted]


def prepare(name):
    k = kernel.get(name)
    modules = build.modules(k)
    build.userspace()
    return k, modules


def options(mode):
    counted = mode == "instructions"
    return machine.Options(smp=1 if counted else 2, icount=counted, **MACHINE)


def parse(output):
    """The lines of JSON among what a program printed."""
    return [json.loads(line) for line in output.decode(errors="replace").splitlines()
            if line.startswith("{")]


def limit(program, mode, max_size):
    """MiB of the largest buffer. Only programs about growth make the largest; to fault in gigabytes
    in steps of 4 KiB takes an emulated processor minutes, and tells nothing new."""
    known = GROWTH.get(program.name.removeprefix(PREFIX), 64) if mode == "instructions" else 64
    return min(max_size, known)


def run_programs(k, modules, chosen, mode, arguments, timeout, max_size=1024):
    """One guest, the programs one after the other: their figures, or None if one failed."""
    # The boot's leftovers would be counted too; idle time costs nothing.
    job = "sleep 5\n" + "".join(
        f"/work/{program.relative_to(build.ROOT)} {' '.join(arguments)} "
        f"--max-size {limit(program, mode, max_size)} || exit\n"
        for program in chosen)
    vm = machine.Machine(k, options(mode), job, modules)
    vm.start()
    outcome = vm.finish(timeout)
    machine.report(outcome)
    if not outcome.good:
        print(outcome.output.decode(errors="replace")[-2000:], file=sys.stderr)
        return None
    vm.forget()
    figures = parse(outcome.output)
    for figure in figures:
        figure["mode"] = mode
    return figures


def run_tests(k, modules):
    """./bed test: one round of each program with little memory. Does it print what it should?"""
    chosen = programs()
    figures = run_programs(k, modules, chosen, "time", TINY, 300, max_size=4) or []
    found = []
    for program in chosen:
        name = program.name.removeprefix(PREFIX)
        own = [figure for figure in figures if figure["bench"] == name]
        good = own and all(KEYS <= figure.keys() for figure in own)
        found.append(Result(k.name, "bench", name, PASS if good else FAIL,
                            "" if good else "it failed, or its figures are not whole"))
    return found


def publish(kernels):
    """Put what the manual shows into it."""
    target = build.ROOT / "Documentation/performance"
    target.mkdir(exist_ok=True)
    for name in kernels:
        path = build.BUILD / "bench" / f"{name}.json"
        if not path.exists():
            raise SystemExit(f"bed: there are no figures of {name} yet")
        benchreport.write(name, json.loads(path.read_text()), path.parent)
        for suffix in (".inc", ".svg", "-profile.inc"):
            shutil.copy(path.parent / (name + suffix), target)
    return 0


def command(kernels, wanted, modes, arguments, max_size, timeout):
    status = 0
    for name in kernels:
        k, modules = prepare(name)
        chosen = programs(wanted)
        if not chosen:
            raise SystemExit("bed: bench/ has no such program")
        path = build.BUILD / "bench" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        for mode in modes:
            figures = run_programs(k, modules, chosen, mode, arguments, timeout, max_size)
            if figures is None:
                status = 1
                continue
            known = json.loads(path.read_text()) if path.exists() else []
            new = {(figure["bench"], mode) for figure in figures}
            known = [old for old in known if (old["bench"], old["mode"]) not in new]
            path.write_text(json.dumps(known + figures, indent=0) + "\n")
            benchreport.write(name, known + figures, path.parent)
            print(f"{name}, {mode}: {len(figures)} figures in {path.relative_to(build.ROOT)}",
                  flush=True)
    return status
