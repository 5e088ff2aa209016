# SPDX-License-Identifier: MIT
"""What the bed makes of results and of a guest's end, each tried with made-up ones: what proves
nothing must not pass."""

import json
import pathlib
import tempfile

import console
import groups
import machine
import results
import tests
from results import FAIL, PASS

GOOD_TAP = "1..1\nok 1 - it\n"
OOM = """<4>[ 1.0] hog invoked oom-killer: gfp_mask=0x0
<4>[ 1.0] CPU: 0 UID: 0 PID: 1 Comm: hog
<4>[ 1.0] Call Trace:
<3>[ 1.1] Out of memory: Killed process 7 (hog) total-vm:1kB
"""


class _Kernel:
    name, kmemleak, guest = "7.2", False, "guest"


def _igt(tests_of_it, kind="igt", **options):
    """A member that ran IGT programs, and its files."""
    names = options.pop("names", None)
    member = groups.Group("made-up", kind, programs=[], **options)
    member.names = names or sorted({test.partition("@")[0] for test in tests_of_it})
    record = {"tests": {f"igt@{test}": {"result": result, "dmesg": dmesg}
                        for test, (result, dmesg) in tests_of_it.items()}}
    return member, {"status": "0", "output": "", "igt/results.json": json.dumps(record)}


def _tap(name="made-up", text=GOOD_TAP, status="0"):
    return groups.Group(name, "tap", "true"), {"status": status, "output": text}


def _failures(members, status=0, trouble=None, unload="", log="", kernel=_Kernel):
    """What fails of a guest that left these files, and what is left for another one."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory)
        for member, files in members:
            for name, text in files.items():
                path = out / member.name / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        if unload is not None:
            (out / "unload").write_text(unload)
        outcome = machine.Outcome(status, b"", log, trouble, out, 1)
        guest = tests.Guest(kernel, {}, [member for member, _ in members])
        found, left = guest.verdict(out, outcome, guest.members)
    return [result.title for result in found if result.status == FAIL], [m.name for m in left]


def _ends():
    """How a guest ends, beside groups that all passed."""
    yield "a good end", _failures([_tap()]), ([], [])
    for what, end in (("no end", {"status": None, "trouble": "no end", "unload": None}),
                      ("no end after unload", {"status": None, "trouble": "no end"}),
                      ("a status of the job", {"status": 5}),
                      ("an end before unload", {"unload": None})):
        yield what, _failures([_tap()], **end), (["7.2 guest"], [])
    yield "pages left", _failures([_tap()], unload="4 pages"), (["7.2 unload"], [])
    started = groups.Group("started", "tap", "true")
    yield ("a group without a status", _failures([_tap(), (started, {"output": ""}), _tap("third")],
                                                 unload=None), (["7.2 started"], ["third"]))


def _skips():
    skip, good = ("skip", ""), ("pass", "")
    yield "some skip", _failures([_igt({"zcgem_a@b": skip, "zcgem_a@c": good})]), ([], [])
    yield ("all skip", _failures([_igt({"zcgem_a@b": skip, "zcgem_a@c": skip,
                                        "zcgem_d@e": good})]), (["7.2 zcgem_a"], []))
    yield ("all skip where they may", _failures([_igt({"zcgem_cma@a": skip})],
                                                kernel=type("", (_Kernel,), {"name": "6.12"})),
           ([], []))
    yield ("all skip of a named test", _failures([_igt({"zcgem_a@b": skip}, names=["zcgem_a@b"])]),
           ([], []))
    yield ("a named test that is not", _failures([_igt({"zcgem_a@b": good},
                                                       names=["zcgem_a@b", "zcgem_a@x*"])]),
           (["7.2 zcgem_a@x*"], []))
    programs = {name for _, name in tests.SkipList().reasons}
    yield "programs of igt-skips.txt", programs - set(tests.own_tests()), set()


def _kernel_words():
    expected = {"zcgem_a@oom": console.killed("hog")}
    kill = {"zcgem_a@oom": ("dmesg-warn", OOM)}
    yield ("an expected kill", _failures([_igt(kill, expected=expected)], log=OOM), ([], []))
    grouped = OOM.replace("Out of", "Memory cgroup out of")
    yield ("an expected kill in a control group",
           _failures([_igt({"zcgem_a@oom": ("dmesg-warn", grouped)}, expected=expected)],
                     log=grouped), ([], []))
    other = OOM.replace("hog", "sow")
    second = _igt({"zcgem_b@oom": ("dmesg-warn", other)},
                  expected={"zcgem_b@oom": console.killed("sow")})
    second[0].name = "other"
    yield ("expected kills of two groups",
           _failures([_igt(kill, expected=expected), second], log=OOM + other), ([], []))
    yield ("an expected kill that is not said",
           _failures([_igt({"zcgem_a@oom": ("pass", "")}, expected=expected)]),
           (["7.2 zcgem_a@oom"], []))
    yield ("a kill that nobody expects", _failures([_igt(kill)], log=OOM),
           (["7.2 zcgem_a@oom", "7.2 console@oom"], []))
    lapse = "------------[ cut here ]------------\n{}\nWARNING: at dma/debug.c\nRIP: 0010:x\n" \
            "Call Trace:\n---[ end trace 0 ]---\n"
    limit = lapse.format("DMA-API: exceeded 7 overlapping mappings of cacheline 0x1")
    second = lapse.format("DMA-API: platform a: cacheline tracking EEXIST, overlapping mappings "
                          "aren't supported")
    yield ("a second mapping to DMA_API_DEBUG",
           [report.kind for report in console.scan(second)], [])
    mapped = "[ 1.0] DMA-API: Mapped at:\n[ 1.0]  debug_dma_map_sg+0x1/0x2\n[ 1.0] more\n"
    yield ("where the first one was made", console.without_limit((second + mapped).splitlines()),
           ["[ 1.0] more"])
    yield ("a limit of DMA_API_DEBUG",
           [report.kind for report in console.scan(limit + "BUG: KASAN: x\n" + limit)], ["sanitizer"])
    yield ("another word of DMA_API_DEBUG",
           [report.kind for report in console.scan(lapse.format("DMA-API: x: mapping error"))],
           ["warning"])
    died = "[ 1.0] Oops: int3: 0000 [#1] PREEMPT SMP\n[ 1.0] RIP: 0010:{}\n"
    for where, stale in (("finish_task_switch+0x1/0x2", True), ("zcgem_x+0x1/0x2 [zcgem]", False)):
        log = died.format(where)
        yield f"a breakpoint in {where}", console.stale_breakpoint(console.scan(log), log), stale
    log = "BUG: KASAN: x\n" * 20 + died.format("schedule+0x1/0x2")
    yield "a breakpoint after a report", console.stale_breakpoint(console.scan(log), log), False
    race = f"{'=' * 66}\nBUG: KCSAN: data-race in {{0}} / f\n\nwrite to 0x1 of 8 bytes by task 1 on cpu 1:\n" \
           f" {{0}}\n g+0x1/0x2\n{'=' * 66}\n"
    yield "what is left of a race in f", console.without_noise(race.format("f").splitlines()), []
    for function, kinds in (("f+0x1/0x2", []), ("zcgem_gem_mmap+0x1/0x2 [zcgem]", ["sanitizer"])):
        yield (f"a race in {function}",
               [report.kind for report in console.scan(race.format(function))], kinds)
    for line, kinds in (("cp: page allocation failure: order:4, mode:0xcc0", ["allocation"]),
                        ("sysfs: cannot create duplicate filename '/x'", ["device"]),
                        ("zcgem zcgem: probe with driver zcgem failed with error -12", ["device"]),
                        ("Call Trace:", ["trace"]),
                        ("ls invoked oom-killer: gfp_mask=0\nCPU: 0\nCall Trace:", []),
                        ("WARNING: at x\n" + "RAX: 0\n" * 20 + "Call Trace:", ["warning"])):
        yield (f"{line.splitlines()[-1]} after {line.count(chr(10))} lines",
               [report.kind for report in console.scan(line)], kinds)


def _tries():
    class Retried(tests.Guest):
        """A guest whose test fails first, and whose second boot has a report of the kernel."""

        def boot(self, members):
            first = members == self.members
            test = results.Result("7.2", "syncobj_wait", "a", FAIL if first else PASS)
            report = results.Result("7.2", "console", "warning", FAIL)
            return ([test] if first else [test, report]), []

    member = groups.Group("igt", "igt-system")
    found = Retried(_Kernel, {}, [member]).run()
    yield ("a report of a later try", [(r.title, r.status) for r in found],
           [("7.2 syncobj_wait@a", PASS), ("7.2 console@warning", FAIL)])


def _chosen(*filters):
    offered = [groups.Group("one", "tap", "true"), groups.Group("two", "igt", programs=["zcgem_mmap"])]
    try:
        return [group.name for group in tests.choose(filters, offered)]
    except SystemExit as end:
        return str(end).partition(";")[0]


def _filters():
    yield "a group", _chosen("one"), ["one"]
    yield "a program and a group", _chosen("one", "zcgem_mm*"), ["one", "two"]
    yield ("a filter without a match", _chosen("one", "zcgem_nmap@a"),
           "bed: no test group or program is zcgem_nmap@a")


def run(kernel):
    """A result for each case."""
    found = []
    for cases in (_ends, _skips, _kernel_words, _tries, _filters):
        for name, got, wanted in cases():
            good = got == wanted
            found.append(results.Result(kernel.name, "bed", name, PASS if good else FAIL,
                                        "" if good else f"{got} and not {wanted}"))
    return found
