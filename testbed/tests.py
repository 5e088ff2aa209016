# SPDX-License-Identifier: MIT
"""Runs test groups: puts those of equal machine options into one guest and collects results."""

import fnmatch
import pathlib
import shlex

import build
import groups
import kernel
import machine
import results
import rootfs
import swsync

HERE = pathlib.Path(__file__).resolve().parent
IGT_TESTS = "build/guest/igt-tests"
BOOT_TIMEOUT = 90


def system_list():
    """igt-system.txt: the binaries, and the expected skips with their reasons."""
    binaries, skips = [], {}
    for line in (HERE / "igt-system.txt").read_text().splitlines():
        name, _, reason = (part.strip() for part in line.partition(":"))
        if not name or name.startswith("#"):
            continue
        if reason:
            skips[name] = reason
        if name.partition("@")[0] not in binaries:
            binaries.append(name.partition("@")[0])
    return binaries, skips


def own_tests():
    return sorted(path.name for path in (build.ROOT / IGT_TESTS).glob("zcgem_*")
                  if path.is_file() and path.stat().st_mode & 0o111)


def _igt_command(root, binaries, out, slower):
    listing = "\n".join(f"igt@{name}" for name in binaries)
    return (f"printf '%s\\n' {shlex.quote(listing)} >/tmp/list\n"
            f"IGT_FORCE_DRIVER=zcgem igt_runner --log-level quiet --multiple-mode --overwrite "
            f"--inactivity-timeout {60 * slower} --test-list /tmp/list {root} {out}/igt")


def _group_script(group, slower):
    out = f"/out/{group.name}"
    if group.kind == "igt":
        root = "/tmp/igt-root"
        links = " ".join(f"/work/{IGT_TESTS}/{name}" for name in own_tests())
        command = (f"mkdir -p {root}\nln -sf {links} {root}/\n"
                   f"{{ echo TESTLIST; echo {' '.join(own_tests())}; echo END TESTLIST; }} "
                   f">{root}/test-list.txt\n" + _igt_command(root, own_tests(), out, slower))
    elif group.kind == "igt-system":
        command = _igt_command("/usr/libexec/igt-gpu-tools", system_list()[0], out, slower)
    else:
        command = group.command
    return (f"mkdir {out}\necho 'bed: group {group.name}' >/dev/kmsg\n"
            f"timeout -k 5 {group.timeout * slower} sh -c {shlex.quote(command)} "
            f">{out}/output 2>&1\n"
            f"echo $? >{out}/status\necho 'bed: end {group.name}' >/dev/kmsg\n")


class Guest:
    """One boot with the groups it is to run; a second boot takes what a dead one left."""

    def __init__(self, k, modules, members):
        self.kernel, self.modules, self.members = k, modules, members

    def run(self):
        found, waiting = [], list(self.members)
        while waiting:
            more, waiting = self._boot(waiting)
            found += more
        return found

    def _boot(self, members):
        name = self.kernel.name
        slower = self.kernel.slower
        sw_sync = not self.kernel.sw_sync and any(m.kind == "igt-system" for m in members)
        script = "modprobe igt_sw_sync\n" if sw_sync else ""
        script += "cd /work\n" + "".join(_group_script(member, slower) for member in members)
        script += "sh /work/testbed/guest/unload >/out/unload 2>&1\n"
        vm = machine.Machine(self.kernel, members[0].options, script, self.modules)
        vm.start()
        outcome = vm.finish(slower * (BOOT_TIMEOUT
                                      + sum(member.timeout + 10 for member in members)))
        found, left = [], []
        for number, member in enumerate(members):
            out = vm.out / member.name
            if (out / "status").exists():
                found += self._results(member, out)
            elif outcome.trouble or outcome.status:
                found.append(results.Result(name, member.name, "", results.FAIL,
                                            f"the guest ended in this group: {outcome.trouble}",
                                            detail=outcome.explain()))
                # A guest that never came up would not come up for the next group either.
                left = members[number + 1:] if out.is_dir() else []
                for skipped in [] if left else members[number + 1:]:
                    found.append(results.Result(name, skipped.name, "", results.FAIL, "not run"))
                break
        found += self._console(outcome)
        unload = vm.out / "unload"
        if unload.exists():
            said = unload.read_text().strip()
            found.append(results.Result(name, "unload", "", results.FAIL if said else results.PASS,
                                        said))
        if all(result.status != results.FAIL for result in found):
            vm.forget()
        else:
            print(f"bed: kept {vm.directory}", flush=True)
        return found, left

    def _results(self, member, out):
        name, text = self.kernel.name, (out / "output").read_text(errors="replace")
        status = int((out / "status").read_text() or 255)
        if member.kind == "tap":
            return results.from_tap(name, member.name, text, status)
        data = out / "igt/results.json"
        if not data.exists():
            return [results.Result(name, member.name, "", results.FAIL, "igt_runner left no results",
                                   detail=text)]
        skips = system_list()[1] if member.kind == "igt-system" else None
        found = results.from_igt(name, data.read_text(errors="replace"), skips)
        expected = system_list()[0] if member.kind == "igt-system" else own_tests()
        missing = set(expected) - {result.group for result in found}
        return found + [results.Result(name, binary, "", results.FAIL, "igt_runner did not run it")
                        for binary in sorted(missing)]

    def _console(self, outcome):
        name = self.kernel.name
        if not outcome.reports:
            return [results.Result(name, "console", "", results.PASS)]
        return [results.Result(name, "console", report.kind, results.FAIL,
                               "the kernel reported " + report.lines[0], detail=str(report))
                for report in outcome.reports]


def run(kernels, filters):
    report = results.Report()
    chosen = [group for group in groups.groups()
              if not filters or any(fnmatch.fnmatch(group.name, pattern) for pattern in filters)]
    if not chosen:
        raise SystemExit("bed: no such test group; there are "
                         + ", ".join(group.name for group in groups.groups()))
    build.userspace()
    # What has nothing to do with the kernel runs with one whose speed it knows.
    stock = [name for name in kernels if name in rootfs.SUITES][:1]
    for name in kernels:
        k = kernel.get(name)
        modules = build.modules(k, extra=[] if k.sw_sync else [swsync.module(k)])
        here = [group for group in chosen if not group.once or name in stock]
        boots = {}
        for group in here:
            if group.kind == "host":
                report.add(group.command(k, modules))
            else:
                boots.setdefault(group.options.key(), []).append(group)
        for members in boots.values():
            report.add(Guest(k, modules, members).run())
    report.write(build.BUILD / "results")
    return report.close()
