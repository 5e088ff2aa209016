# SPDX-License-Identifier: MIT
"""Finds the kernel's reports of its own faults in a console log."""

import pathlib
import re

REPORTS = [(name, re.compile(pattern)) for name, pattern in (
    ("sanitizer", r"BUG: K[A-Z]+SAN: |BUG: KFENCE: |UBSAN: "),
    ("leak", r"unreferenced object 0x|kmemleak: [1-9]\d* new suspected|Memory manager not clean|"
             r"kmemleak: .*(disabled|[Cc]annot allocate)|ref_tracker: "),
    ("lockdep", r"WARNING: (possible|inconsistent lock|bad unlock|held lock freed|suspicious RCU|"
                r"HARDIRQ-safe|SOFTIRQ-safe|Nested lock)|lock held when returning to user space|"
                r"turning off the locking correctness validator|lockdep is turned off|"
                r"trying to register non-static key"),
    ("hang", r"INFO: task .* blocked for more than|soft lockup|hard LOCKUP|"
             r"rcu: INFO: .*(stall|self-detected)|workqueue lockup|hung_task"),
    ("oom", r"\b[Oo]ut of memory: Killed process"),
    ("allocation", r"\bpage allocation failure: "),
    ("device", r"cannot create duplicate filename|\bprobe (of|with) .* failed with error -\d"),
    ("page", r"[Bb]ad page|bad p[4gum]d|[Bb]ad rss-counter|page_table_check\.c|page dumped because|"
             r"non-zero pgtables_bytes"),
    ("object", r"ODEBUG: |list_(add|del) (corruption|double)|slab error|refcount_t: |"
               r"Object already free|(Redzone|Poison|Padding) overwritten|Objects remaining in"),
    ("dma", r"DMA-API: .*(device driver|exceeded|mapping|leak|overlap|segment|addr|out of memory)"),
    ("oops", r"\bOops\b|general protection fault|unable to handle|kernel stack overflow|"
             r"Kernel panic|stack guard page|kernel BUG at"),
    ("drm", r"\*ERROR\*"),
    ("kunit", r"\] +not ok \d"),
    ("warning", r"\bWARNING\b|\[ cut here \]"),
    ("bug", r"\bBUG\b"),
    ("trace", r"\bCall Trace:"),
)]

# What the kernel says a few lines before a trace that is part of an account and no report: of the
# OOM killer, of a wait for memory, of memory for a large table, of a program that is asked about.
ACCOUNTS = re.compile(r"\binvoked oom-killer\b|: page allocation stall for |: vmalloc error: |"
                      r"\btask:\S+ +state:")
ACCOUNT_LINES = 6
# A report's own trace comes after registers, or after the locks that are held.
REPORT_LINES = 80

# A limit of DMA_API_DEBUG's own, which stops counting there: how many devices have the same memory
# mapped at a time is up to the clients, and to luck where threads import and close. It takes a
# second device's mapping of the same memory for a fault, where the CPU's caches would be synced for
# each: two importers of a dma-buf are just that, and on a coherent machine nothing is synced.
LIMIT_BEGINS, LIMIT_ENDS = r"\[ cut here \]", r"\[ end trace "
LIMIT = (r"DMA-API: (exceeded 7 overlapping mappings of cacheline |"
         r".*cacheline tracking EEXIST, overlapping mappings aren't supported)")


# A report of KCSAN, and the modules that are the project's own.
RACE_BEGINS, RACE_ENDS = r"BUG: KCSAN: data-race in ", r"={40}"
RACE_LINES = 250
OWN = re.compile(r"\[(zcgem|importer|exporter|walker|stopwatch|bed_provoke)\]")
# The kernel's own functions that race below one of the driver's, as a report's first line has them,
# each with the reason why the race is none of the driver's.
KNOWN_RACES = (
    # get_cred() stores 0 in a field of credentials that threads share, each time the same.
    r"in init_file\S* / init_file\S*$",
    # It looks whether a folio is on a list for reclaim, and the list itself says so again.
    r"\bcollect_longterm_unpinnable_folios / |/ collect_longterm_unpinnable_folios$",
)


def _allowed(path=pathlib.Path(__file__).with_name("console-allow.txt")):
    """Lines of the stock kernel that are known to mean nothing, each under its reason."""
    if not path.exists():
        return []
    return [re.compile(line) for line in path.read_text().splitlines()
            if line.strip() and not line.startswith("#")]


ALLOWED = _allowed()


# While a kernel changes its own code, a processor that comes by meets a breakpoint. QEMU's emulator
# drops what it has translated of a page before it writes there, so that another processor may
# translate the old bytes once more in between, and then keeps a breakpoint that the kernel no longer
# knows of.
STALE = re.compile(r"\bOops: int3: ")
OURS = re.compile(r"RIP: .*\[zcgem")


class Report:
    def __init__(self, kind, lines):
        self.kind, self.lines = kind, lines

    def __str__(self):
        return f"{self.kind}:\n" + "\n".join("    " + line for line in self.lines)


def allowed(line):
    return any(pattern.search(line) for pattern in ALLOWED)


def without_limit(lines):
    """Lines without the warnings of that limit."""
    rest = list(lines)
    for number in reversed([n for n, line in enumerate(rest) if re.search(LIMIT, line)]):
        begin = next((n for n in range(number, max(number - 3, -1), -1)
                      if re.search(LIMIT_BEGINS, rest[n])), None)
        end = next((n for n in range(number, min(number + REPORT_LINES, len(rest)))
                    if re.search(LIMIT_ENDS, rest[n])), None)
        if begin is not None and end is not None:
            # What the first mapping was made by may follow.
            end += 1
            if end < len(rest) and "DMA-API: Mapped at:" in rest[end]:
                end += 1
                while end < len(rest) and re.search(r"\]  \S+\+0x[0-9a-f]+/0x", rest[end]):
                    end += 1
            del rest[begin:end]
    return rest


def without_races(lines):
    """Lines without KCSAN's reports of races that are wholly the kernel's own: neither thread runs a
    function of the project's modules, or both accesses are in functions that KNOWN_RACES has."""
    rest, start = [], 0
    while start < len(lines):
        end = start
        if re.search(RACE_BEGINS, lines[start]):
            end = next((n for n in range(start + 1, min(start + RACE_LINES, len(lines)))
                        if re.search(RACE_ENDS, lines[n])), start)
        if end > start and (not any(map(OWN.search, lines[start:end]))
                            or not OWN.search(lines[start])
                            and any(re.search(race, lines[start]) for race in KNOWN_RACES)):
            if rest and re.search(RACE_ENDS, rest[-1]):
                rest.pop()
            start = end + 1
            continue
        rest.append(lines[start])
        start += 1
    return rest


def without_noise(lines):
    """Lines without what the kernel's checks say of other things than the project."""
    return without_races(without_limit(lines))


def scan(text, context=12):
    """Reports in the order of the log. Lines that follow a report closely belong to it."""
    lines = without_noise(text.replace("\r", "").splitlines())
    reports, covered, last = [], -1, -REPORT_LINES
    for number, line in enumerate(lines):
        if number <= covered or allowed(line):
            continue
        kind = next((kind for kind, pattern in REPORTS if pattern.search(line)), None)
        if kind is None or kind == "trace" and (
                number < last + REPORT_LINES
                or any(map(ACCOUNTS.search, lines[max(0, number - ACCOUNT_LINES):number]))):
            continue
        covered, last = number + context, number
        # The line before a bare trace tells whose it is.
        reports.append(Report(kind, lines[max(0, number - 3) if kind == "trace" else number:
                                          covered + 1]))
    return reports


def stale_breakpoint(reports, text):
    """Did the kernel end by a breakpoint that only the emulator has, outside of zcgem?"""
    return bool(reports) and bool(STALE.search(reports[0].lines[0])) and not OURS.search(text)


def killed(program):
    """The line by which the OOM killer says that it ended a program of this name, and no other,
    for want of the machine's memory or of a control group's."""
    return rf"\b[Oo]ut of memory: Killed process \d+ \({re.escape(program[:15])}\)"


# The OOM killer's account of one kill.
OOM_BEGINS, OOM_ENDS = r"\binvoked oom-killer\b", r"\b[Oo]ut of memory: Killed process"


def without(lines, expected):
    """Lines without the reports of the kills that a test causes; None if there is none, or another
    one among them. There may be several: who waits for memory meanwhile asks once more."""
    ends = [n for n, line in enumerate(lines) if re.search(OOM_ENDS, line)]
    if not ends or not all(re.search(expected, lines[end]) for end in ends):
        return None
    rest, start = [], 0
    for end in ends:
        begin = next((n for n in range(start, end) if re.search(OOM_BEGINS, lines[n])), end)
        rest += lines[start:begin]
        start = end + 1
    return rest + lines[start:]


def tail(text, count=25):
    return "\n".join("    " + line for line in text.replace("\r", "").splitlines()[-count:])
