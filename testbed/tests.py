# SPDX-License-Identifier: MIT
"""Runs test groups: puts those of equal machine options into one guest and collects results."""

import concurrent.futures
import copy
import fnmatch
import functools
import pathlib
import re
import shlex
import sys

import build
import clients
import console
import groups
import igt
import kernel
import machine
import results
import rootfs
import swsync
from debug import leaks

HERE = pathlib.Path(__file__).resolve().parent
IGT_TESTS = "build/guest/igt-tests"
BOOT_TIMEOUT = 90
TRIES = 8
PARALLEL = 2


class SystemList:
    """igt-system.txt: IGT's own programs, and what is known about single tests."""

    def __init__(self):
        self.programs, self.notes = [], {"skip": {}, "retry": {}}
        for line in (HERE / "igt-system.txt").read_text().splitlines():
            name, _, note = (part.strip() for part in line.partition(":"))
            if not name or name.startswith("#"):
                continue
            word, _, reason = (part.strip() for part in note.partition(":"))
            if note:
                self.notes[word][name] = reason
            else:
                self.programs.append(name)

    def note(self, word, test):
        """The reason that stands for this word and a test, or None."""
        return next((reason for pattern, reason in self.notes[word].items()
                     if fnmatch.fnmatch(test, pattern)), None)


class SkipList:
    """igt-skips.txt: programs of our own all of whose tests may skip, by kernel and program."""

    def __init__(self):
        lines = [line.partition(":") for line in
                 (HERE / "igt-skips.txt").read_text().splitlines()
                 if line.strip() and not line.startswith("#")]
        self.reasons = {tuple(which.split()): reason.strip() for which, _, reason in lines}

    def reason(self, kernel, program):
        return next((reason for (kernels, name), reason in self.reasons.items()
                     if name == program and fnmatch.fnmatch(kernel, kernels)), None)


def own_tests():
    return sorted(path.name for path in (build.ROOT / IGT_TESTS).glob("zcgem_*")
                  if path.is_file() and path.stat().st_mode & 0o111)


def _igt_command(root, group, slower):
    listing = "\n".join(f"igt@{name}" for name in group.names)
    return (f"printf '%s\\n' {shlex.quote(listing)} >$results/list\n"
            f"IGT_FORCE_DRIVER=zcgem igt_runner --log-level quiet --multiple-mode --overwrite "
            f"--inactivity-timeout {group.quiet * slower} --test-list $results/list {root} $results/igt")


# Where there is no igt_runner: each program once, and what it says of its subtests.
PLAIN = r"""
for test in {tests}; do
	program=${{test%%@*}}; subtest=${{test#*@}}
	[ "$subtest" != "$test" ] || subtest='*'
	# Some are for one architecture.
	[ -e /work/build/{guest}/igt-tests/$program ] || continue
	echo "Program: $program"
	echo "[IGT] $program: starting subtest $subtest" >/dev/kmsg
	timeout -k 5 {seconds} /work/build/{guest}/igt-tests/$program --run-subtest "$subtest"
	echo "Status: $?"
done
"""


def _plain_command(kernel, group, slower):
    return PLAIN.format(tests=" ".join(map(shlex.quote, group.names)), guest=kernel.guest,
                        seconds=group.quiet * slower * 5)


def _group_script(kernel, group, slower):
    """The group's part of the job. Results stay in the guest's memory while it runs: 9p pins the
    pages that are written to it, which tests that count pins would see. The status comes to the
    host last: where it is, all is."""
    if group.kind == "igt" and kernel.guest != "guest":
        command = _plain_command(kernel, group, slower)
    elif group.kind == "igt":
        root = "/tmp/igt-root"
        links = " ".join(f"/work/{IGT_TESTS}/{name}" for name in own_tests())
        command = (f"mkdir -p {root}\nln -sf {links} {root}/\n"
                   f"{{ echo TESTLIST; echo {' '.join(own_tests())}; echo END TESTLIST; }} "
                   f">{root}/test-list.txt\n" + _igt_command(root, group, slower))
    elif group.kind == "igt-system":
        command = _igt_command("/usr/libexec/igt-gpu-tools", group, slower)
    else:
        command = group.command
    return (f"mkdir /out/{group.name}; export results=/tmp/results/{group.name}\n"
            f"export slower={slower}\n"
            f"mkdir -p $results; echo 'bed: group {group.name}' >/dev/kmsg\n"
            f"timeout -k 5 {group.timeout * slower} sh -c {shlex.quote(command)} "
            f">$results/output 2>&1\n"
            f"echo $? >/tmp/status; echo 'bed: end {group.name}' >/dev/kmsg\n"
            f"cp -r $results /out/; cp /tmp/status /out/{group.name}/\n")


class Guest:
    """One boot with the groups it is to run; a second boot takes what a dead one left."""

    def __init__(self, k, modules, members):
        self.kernel, self.modules, self.members = k, modules, members
        self.machines = []

    def run(self):
        found, waiting = [], list(self.members)
        while waiting:
            more, waiting = self.boot(waiting)
            found += more
        found = self._more_tries(found)
        failed = any(result.status == results.FAIL for result in found)
        for vm in self.machines:
            if failed:
                print(f"bed: kept {vm.directory}", flush=True)
            else:
                vm.forget()
        return found

    def _more_tries(self, found):
        """Tests that are known to depend on the host's speed get more tries, in fresh guests."""
        system = [m for m in self.members if m.kind == "igt-system"]
        known = SystemList()
        for attempt in range(2, TRIES + 1):
            failed = {f"{r.group}@{r.name}": r for r in found if r.status == results.FAIL
                      and system and known.note("retry", f"{r.group}@{r.name}")}
            if not failed:
                break
            again = copy.copy(system[0])
            again.names = list(failed)
            for result in self.boot([again])[0]:
                test = f"{result.group}@{result.name}"
                if test not in failed and result.status == results.FAIL:
                    found.append(result)
                elif test in failed and result.status == results.PASS:
                    result.reason = f"at try {attempt}: {known.note('retry', test)}"
                    found[found.index(failed[test])] = result
        return found

    def boot(self, members):
        """One guest: its results, and the members that it did not come to. A guest that ends by a
        fault of the emulator gets another try, once."""
        slower = machine.patience(self.kernel)
        sw_sync = not self.kernel.sw_sync and any(m.kind == "igt-system" for m in members)
        script = "modprobe igt_sw_sync\n" if sw_sync else ""
        script += "cd /work\n" + "".join(_group_script(self.kernel, member, slower)
                                          for member in members)
        unload = "sh /work/testbed/guest/unload >/tmp/unload 2>&1; cp /tmp/unload /out/\n"
        options = members[0].options
        script += leaks.around(unload) if self.kernel.kmemleak and options.leaks else unload
        for attempt in (1, 2):
            vm = machine.Machine(self.kernel, options, script, self.modules)
            self.machines.append(vm)
            vm.start()
            outcome = vm.finish(slower * (BOOT_TIMEOUT
                                          + sum(member.timeout + 10 for member in members)))
            if not console.stale_breakpoint(outcome.reports, outcome.console):
                break
            if attempt == 1:
                print(f"bed: {self.kernel.name} met a breakpoint that only QEMU's emulator has, "
                      f"{_last_test(outcome)}; trying once more", file=sys.stderr, flush=True)
        return self.verdict(vm.out, outcome, members)

    def verdict(self, directory, outcome, members):
        """The results of a guest, by what it left in a directory and by how it ended, and the
        members that another one has to run."""
        name, found, left = self.kernel.name, [], []
        how = outcome.trouble or f"its job ended early, status {outcome.status}"
        for number, member in enumerate(members):
            out = directory / member.name
            if (out / "status").exists():
                found += self._results(member, out)
                continue
            found.append(results.Result(name, member.name, "", results.FAIL,
                                        f"the guest ended in this group, {_last_test(outcome)}: "
                                        f"{how}", detail=outcome.explain()))
            # A guest that never came up would not come up for the next group either.
            left = members[number + 1:] if out.is_dir() else []
            for skipped in [] if left else members[number + 1:]:
                found.append(results.Result(name, skipped.name, "", results.FAIL, "not run"))
            break
        else:
            if outcome.trouble or outcome.status or not (directory / "unload").exists():
                found.append(results.Result(name, "guest", "", results.FAIL,
                                            f"the guest ended after its last group: {how}",
                                            detail=outcome.explain()))
        kills = [kill for member in members for test, kill in member.expected.items()
                 if any(result.title == f"{name} {test}" and result.status == results.PASS
                        for result in found)]
        found += self._console(outcome, kills)
        unload = directory / "unload"
        if unload.exists():
            said = unload.read_text().strip()
            found.append(results.Result(name, "unload", "", results.FAIL if said else results.PASS,
                                        said))
        return found, left

    def _results(self, member, out):
        name, text = self.kernel.name, (out / "output").read_text(errors="replace")
        status = int((out / "status").read_text() or 255)
        if member.kind == "tap":
            return results.from_tap(name, member.name, text, status)
        if member.kind == "igt" and self.kernel.guest != "guest":
            return igt.read_plain(name, text)
        if not (out / "igt/results.json").exists():
            return [results.Result(name, member.name, "", results.FAIL, "igt_runner left no results",
                                   detail=text)]
        known = SystemList() if member.kind == "igt-system" else None
        found = igt.read(name, out / "igt", known and (lambda test: known.note("skip", test)),
                         member.expected)
        ran = {result.group for result in found}
        missing = {test.partition("@")[0] for test in member.names} - ran
        if member.kind == "igt":
            missing |= {test for test in member.names if "@" in test and test.partition("@")[0] in ran
                        and not any(fnmatch.fnmatch(f"{result.group}@{result.name}", test)
                                    for result in found)}
            found += list(self._all_skipped(member, found))
        if member.again:
            for result in found:
                result.group = f"{result.group} with {member.name}"
        return found + [results.Result(name, program, "", results.FAIL, "igt_runner did not run it")
                        for program in sorted(missing)]

    def _all_skipped(self, member, found):
        """Failures of programs that proved nothing: a driver that does not load is no reason to
        pass. Tests that somebody names may skip."""
        for program in member.names:
            of_it = [result for result in found if result.group == program]
            if (of_it and all(result.status == results.SKIP for result in of_it)
                    and not SkipList().reason(self.kernel.name, program)):
                yield results.Result(self.kernel.name, program, "", results.FAIL,
                                     "all of its tests skip, which igt-skips.txt does not know: "
                                     + of_it[0].reason)

    def _console(self, outcome, kills):
        name, reports = self.kernel.name, outcome.reports
        if kills:
            # Programs of several groups may share a guest.
            rest = console.without(outcome.console.splitlines(), "|".join(kills))
            reports = console.scan("\n".join(rest)) if rest is not None else reports
        if not reports:
            return [results.Result(name, "console", "", results.PASS)]
        return [results.Result(name, "console", report.kind, results.FAIL,
                               "the kernel reported " + report.lines[0], detail=str(report))
                for report in reports]


def _last_test(outcome):
    started = re.findall(r"\[IGT\] (\S+): starting (?:dynamic )?subtest (\S+)", outcome.console)
    return "in " + "@".join(started[-1]) if started else "before any test"


def list_programs(group, offered):
    if group.kind == "igt-system":
        return SystemList().programs
    if group.kind != "igt":
        return []
    if group.programs is not None:
        return [name for name in own_tests() if name in group.programs]
    named = {name for other in offered if not other.again for name in other.programs or []}
    named.update(group.without)
    return [name for name in own_tests() if name not in named]


def choose(filters, offered):
    """Groups to run: all of those named, or only the IGT programs (or tests) that are named."""
    chosen, matched = [], set()
    for group in offered:
        group.names = list_programs(group, offered)
        if group.named and not filters:
            continue
        named = [pattern for pattern in filters if fnmatch.fnmatch(group.name, pattern)]
        matched.update(named)
        programs = [(pattern, name) for pattern in filters for name in group.names
                    if fnmatch.fnmatch(name, pattern.partition("@")[0])]
        if not group.again:
            matched.update(pattern for pattern, _ in programs)
        if not filters or named:
            chosen.append(group)
            continue
        if group.again:
            continue
        group.names = [pattern if "@" in pattern else name for pattern, name in programs]
        if group.names:
            chosen.append(group)
    unknown = [pattern for pattern in filters if pattern not in matched]
    if unknown:
        raise SystemExit(f"bed: no test group or program is {', '.join(unknown)}; the groups are "
                         + ", ".join(group.name for group in offered))
    return chosen


def _after(programs, task):
    """A task that needs what is being made meanwhile."""
    programs.result()
    return task()


def _cross_guest(name):
    """The first group of another architecture's. Its trees are made while others run."""
    k = kernel.get(name)
    build.userspace(k)
    return Guest(k, build.modules(k), choose([], groups.cross_groups(k.arch))[:1]).run()


def run(kernels, filters, offered=None, debug_kernel=None, kmemleak=False, between=(), cross=(),
        processors=None):
    """All groups that the filters leave, on each kernel; with debug_kernel those made for it, on the
    kernels of between only the most important ones, and on those of cross, which are of other
    architectures, the first of theirs. processors is how many a guest has, but for groups that want
    a number of their own."""
    report = results.Report()
    build.userspace()
    chosen = choose(filters, offered or groups.groups())
    # What has nothing to do with the kernel runs with one whose speed it knows.
    stock = [name for name in kernels if name in rootfs.SUITES][:1]
    guests, host, later = [], [], []
    for name in [*kernels, debug_kernel] if debug_kernel else kernels:
        k = kernel.get(name)
        plain = k.guest != "guest"
        if plain:
            build.userspace(k)
        modules = build.modules(k, extra=[] if plain or k.sw_sync else [swsync.module(k)])
        boots = {}
        for group in chosen:
            if (group.once and name not in stock or name == debug_kernel and not group.debug
                    or name in [*rootfs.SUITES, *rootfs.REAL_TIME] and not group.stock
                    or name in between and not group.smoke
                    or group.newest and not filters and name != kernels[-1]):
                continue
            group.options.leaks = kmemleak
            if processors and group.options.smp == machine.Options().smp:
                group.options.smp = processors
            if group.kind == "host":
                tasks = host if group.options.tree == "run" else later
                tasks.append(functools.partial(group.command, k, modules))
            else:
                boots.setdefault(group.options.key(), []).append(group)
        for members in boots.values():
            tasks = guests if members[0].options.tree == "run" else later
            tasks.append(Guest(k, modules, members).run)
    for name in cross:
        later.append(functools.partial(_cross_guest, name))
    # The long ones first. A guest is mostly busy with one processor.
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        programs = pool.submit(clients.programs) if later else None
        for running in [pool.submit(task) for task in guests + host
                        + [functools.partial(_after, programs, task) for task in later]]:
            report.add(running.result())
    report.write(build.BUILD / "results")
    return report.close()
