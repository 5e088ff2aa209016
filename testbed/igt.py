# SPDX-License-Identifier: MIT
"""What igt_runner found out. Its exit status says nothing: the outcomes are in results.json. What
a subtest said is read from the raw record beside it, since IGT 2.5 gives the error output of one
subtest to another one when a program runs several."""

import json
import re
import struct

import console
from results import FAIL, PASS, SKIP, Result

LOG, EXEC, SUBTEST_START, SUBTEST_RESULT = 1, 2, 4, 5


def _said(record):
    """"program@subtest" -> all that it printed, from a "comms" file: a sequence of packets of a
    magic word, size of the rest, type, process, thread and data."""
    texts, program, running, position = {}, "", "", 0
    while position + 20 <= len(record):
        magic, size, kind = struct.unpack_from("<4sII", record, position)
        if magic != b"1TGI" or size < 16:
            break
        data = record[position + 20:position + 4 + size].rstrip(b"\0").decode(errors="replace")
        if kind == EXEC and not program:
            program = running = data.split()[0].rpartition("/")[2]
        elif kind == SUBTEST_START:
            running = f"{program}@{data}"
        elif kind == SUBTEST_RESULT:
            running = program
        elif kind == LOG:
            # The first byte tells output from error output.
            texts[running] = texts.get(running, "") + data[1:]
        position += 4 + size
    return texts


def _kernel_warnings(entry, expected):
    """What the kernel said at warning level or worse while a test ran, but for a kill by the OOM
    killer that the test is for."""
    lines = console.without_noise(entry.get("dmesg", "").splitlines())
    if expected and entry.get("result") != "skip":
        rest = console.without(lines, expected)
        if rest is None:
            yield f"not said, or of another one: {expected}"
        lines = lines if rest is None else rest
    for line in lines:
        found = re.match(r"<(\d+)>\s*(?:\[[^]]*\]\s*)?(.*)", line)
        if found and int(found.group(1)) & 7 <= 4 and not console.allowed(line):
            yield found.group(2)


def _reason(text, warnings):
    """The line that says why: of a requirement what the test says of it, if it does."""
    told = re.search(r"^Test requirement: .*\n(?!Last errno)(.+)", text, re.M)
    if told and "Failed assertion: " not in text:
        return told.group(1)
    for pattern in (r"Failed assertion: .*", r"CRITICAL: .*", r"Test requirement: .*",
                    r"Test requirement not met.*", r"^SKIP: .*", r"Last errno.*"):
        found = re.search(pattern, text, re.M)
        if found:
            return found.group(0)
    return f"kernel: {warnings[0]}" if warnings else ""


def _outcome(entry, warnings):
    """igt_runner's word, corrected for what it can not know: harmless lines of the kernel, lines
    that should have been there, and "warn", which is for error output and so as good as a guess
    (see above)."""
    outcome = entry.get("result", "notrun")
    if outcome.startswith("dmesg-") and not warnings:
        outcome = outcome.removeprefix("dmesg-")
    if outcome in ("pass", "warn"):
        return "dmesg-warn" if warnings else "pass"
    return outcome


def read_plain(kernel, text):
    """The results of programs that ran without igt_runner."""
    found, program, last, lines = [], "", None, []
    for line in text.splitlines():
        lines.append(line)
        if match := re.match(r"Program: (.*)", line):
            program, lines, last = match[1], [], len(found)
        elif match := re.match(r"Subtest (\S+): (SUCCESS|SKIP|FAIL) \(([0-9.]+)s\)", line):
            said = "\n".join(lines)
            status = {"SUCCESS": PASS, "SKIP": SKIP}.get(match[2], FAIL)
            found.append(Result(kernel, program, match[1], status,
                                "" if status == PASS else _reason(said, []), float(match[3]),
                                "" if status == PASS else said))
            lines = []
        elif (match := re.match(r"Status: (\d+)", line)) and \
                (int(match[1]) not in (0, 77, 98) or len(found) == last):
            found.append(Result(kernel, program, "", FAIL, f"it ended with status {match[1]}",
                                detail="\n".join(lines[-20:])))
    return found


def read(kernel, directory, expected_skips, expected_kills):
    """The results in a directory of igt_runner.

    expected_skips: a function from test to reason, or None where every skip is fine and says
    itself why.
    expected_kills: test to what the kernel must say, once, when it ends a process of that test.
    """
    texts = {}
    for record in directory.glob("[0-9]*/comms"):
        texts.update(_said(record.read_bytes()))
    entries = json.loads((directory / "results.json").read_text(errors="replace"))["tests"]
    found = []
    for name, entry in sorted(entries.items()):
        test = name.removeprefix("igt@")
        program, _, subtest = test.partition("@")
        warnings = list(_kernel_warnings(entry, expected_kills.get(test)))
        text = texts.get(test, "") or texts.get(program, "")
        outcome, reason = _outcome(entry, warnings), _reason(text, warnings)
        status = {"pass": PASS, "skip": SKIP}.get(outcome, FAIL)
        if status == SKIP and expected_skips:
            known = expected_skips(test)
            status = SKIP if known else FAIL
            reason = known or f"skipped without a reason in igt-system.txt: {reason}"
        elif status == FAIL:
            reason = f"{outcome}: {reason}" if reason else outcome
        elif status == PASS:
            reason = ""
        took = entry.get("time", {})
        found.append(Result(kernel, program, subtest, status, reason,
                            took.get("end", 0) - took.get("start", 0),
                            "" if status == PASS else f"{text}\n{entry.get('dmesg', '')}"))
    return found
