# SPDX-License-Identifier: MIT
"""Test results: how they are read from TAP, and written as JUnit, JSON and lines."""

import json
import re
import xml.etree.ElementTree as xml

PASS, FAIL, SKIP = "pass", "fail", "skip"


class Result:
    def __init__(self, kernel, group, name, status, reason="", seconds=0.0, detail=""):
        self.kernel, self.group, self.name, self.status = kernel, group, name, status
        self.reason, self.seconds, self.detail = reason, seconds, detail

    @property
    def title(self):
        return f"{self.kernel} {self.group}" + (f"@{self.name}" if self.name else "")


def from_tap(kernel, group, text, exit_status):
    """TAP of a program, whose exit status counts as well."""
    results, plan = [], None
    for line in text.splitlines():
        found = re.match(r"(not )?ok\b\s*\d*\s*(?:- )?([^#]*)(?:#\s*(\w+)\s*(.*))?", line)
        if found:
            failed, name, directive, reason = found.groups()
            skipped = (directive or "").upper() == "SKIP"
            results.append(Result(kernel, group, name.strip(), SKIP if skipped else
                                  FAIL if failed else PASS, reason or "",
                                  detail=text if failed else ""))
        elif re.match(r"1\.\.\d+", line):
            skip_all = re.match(r"1\.\.0\s*#\s*SKIP\s*(.*)", line, re.I)
            if skip_all:
                return [Result(kernel, group, "", SKIP, skip_all.group(1))]
            plan = int(line[3:].split()[0])
    last = text.strip().splitlines()[-1:] or ["no output"]
    if plan is not None and plan != len(results):
        results.append(Result(kernel, group, "plan", FAIL, detail=text,
                              reason=f"{len(results)} of {plan} tests ran: {last[0]}"))
    elif exit_status and not any(result.status == FAIL for result in results):
        results.append(Result(kernel, group, "exit", FAIL, f"exit status {exit_status}: {last[0]}",
                              detail=text))
    elif not results:
        results.append(Result(kernel, group, "", FAIL, f"no TAP lines: {last[0]}", detail=text))
    return results


def excerpt(text, count=12):
    """What is worth a place on the screen: IGT repeats itself after its first account."""
    lines = text.partition("**** DEBUG ****")[0].strip().splitlines()
    return lines if len(lines) <= count else [*lines[:count // 2], "…", *lines[-count // 2:]]


class Report:
    """Collects results and shows them as they come."""

    def __init__(self):
        self.results = []

    def add(self, results):
        """One line a group with its passes; one for everything that did not pass."""
        self.results += results
        groups = {}
        for result in results:
            groups.setdefault((result.kernel, result.group), []).append(result)
        for (kernel, group), members in groups.items():
            counts = {status: sum(m.status == status for m in members)
                      for status in (PASS, FAIL, SKIP)}
            print(f"{kernel} {group}: " + ", ".join(
                f"{count} {word}" for word, count in
                (("passed", counts[PASS]), ("failed", counts[FAIL]), ("skipped", counts[SKIP]))
                if count or word == "passed"))
            skips = {}
            for m in members:
                if m.status == FAIL:
                    print(f"FAIL {m.title}: {m.reason}")
                    for line in excerpt(m.detail):
                        print("    | " + line)
                elif m.status == PASS and m.reason:
                    print(f"pass {m.title}: {m.reason}")
                elif m.status == SKIP:
                    skips.setdefault(m.reason, []).append(m)
            for reason, same in skips.items():
                names = ", ".join(m.name for m in same)
                if len(same) > 4:
                    names = f"{len(same)} tests"
                print(f"skip {kernel} {group}" + (f"@{names}" if names else "") + f": {reason}")
        print(end="", flush=True)

    def count(self, status):
        return sum(result.status == status for result in self.results)

    def write(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "results.json").write_text(json.dumps(
            [vars(result) for result in self.results], indent=1))
        root = xml.Element("testsuites")
        suites = {}
        for result in self.results:
            key = f"{result.kernel}.{result.group}"
            suite = suites.get(key)
            if suite is None:
                suite = suites[key] = xml.SubElement(root, "testsuite", name=key)
            case = xml.SubElement(suite, "testcase", classname=key, name=result.name or result.group,
                                  time=f"{result.seconds:.3f}")
            if result.status == FAIL:
                failure = xml.SubElement(case, "failure", message=_printable(result.reason))
                failure.text = _printable(result.detail)
            elif result.status == SKIP:
                xml.SubElement(case, "skipped", message=_printable(result.reason))
        for suite in suites.values():
            suite.set("tests", str(len(suite)))
            suite.set("failures", str(len(suite.findall("*/failure"))))
            suite.set("skipped", str(len(suite.findall("*/skipped"))))
        xml.ElementTree(root).write(directory / "junit.xml", encoding="utf-8", xml_declaration=True)

    def close(self):
        print(f"{self.count(PASS)} passed, {self.count(FAIL)} failed, {self.count(SKIP)} skipped",
              flush=True)
        return 1 if self.count(FAIL) or not self.results else 0


def _printable(text):
    """XML has no room for most control characters, whatever the escaping."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]", "?", text)
