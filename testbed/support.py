# SPDX-License-Identifier: MIT
"""The table of kernels and architectures, and of what is tested on each: made from the bed's own
lists, for the README and for the manual."""

import re

import build
import groups
import kernel
import rootfs
from debug import config
from results import FAIL, PASS, Result

WHERE = {"trixie": "Debian 13", "forky": "Debian testing", "trixie-backports": "Debian 13's backports"}
HEAD = ("Kernel", "Architecture", "Tested")

# Each file, what is around the table there, and how a table is written.
BEGIN, END = "kernels: ./bed kernels", "kernels end"
FILES = {"README.md": ("<!-- {} -->\n", "markdown"), "Documentation/porting.rst": (".. {}\n", "rst")}


def _page_sizes(flavour):
    return "16 KiB pages" if flavour.endswith("-16k") else "4 KiB pages"


def rows():
    """What ./bed test does without arguments, and what it does when a kernel is named."""
    offered = groups.groups()
    smoke = [group.name for group in offered if group.smoke]
    last = list(rootfs.SUITES)[-1]
    for name, suite in rootfs.SUITES.items():
        tested = "everything in each run"
        if name in groups.BETWEEN:
            tested = f"in each run the groups {', '.join(smoke)}; everything by `--kernel {name}`"
        elif name == last:
            tested += ", with other people's programs"
        yield f"{name} ({WHERE[suite]})", "amd64", tested
    kinds = ", ".join(f"`{kind}`" for kind in config.KINDS)
    debug = groups.DEBUG_KERNEL
    parts = [group.name for group in offered if group.debug]
    yield ("the same with detectors: " + kinds, "amd64",
           f"in each run the groups {', '.join(parts)} on {debug}; "
           f"everything by `--kernel {debug}` and so on")
    yield (", ".join(rootfs.REAL_TIME) + " (Debian's, PREEMPT_RT)", "amd64",
           f"everything by `--kernel {rootfs.REAL_TIME[-1]}` and so on")
    for arch, flavours in rootfs.CROSS.items():
        for flavour in flavours:
            named = kernel.CROSS + flavour.removeprefix(arch)
            yield (f"{kernel.CROSS} ({WHERE[rootfs.SUITES[kernel.CROSS]]})",
                   f"{arch}, {_page_sizes(flavour)}",
                   f"{len(groups.CROSS[arch])} test programs in each run; those of the group "
                   f"`others` by `--arch {arch} --kernel {named} others`")
    yield "what Debian experimental has", "amd64", "in each run whether the module compiles"
    yield "Debian's for clouds", "any", "refused by DKMS: the kernel has no DRM"
    yield "any", "32 bits", "refused by Kconfig, the Makefile and DKMS"


def _markdown():
    lines = ["| " + " | ".join(HEAD) + " |", "|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows()]) + "\n"


def _rst():
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 26 22 52", ""]
    for row in (HEAD, *rows()):
        cells = [cell.replace("`", "``") for cell in row]
        lines += [f"   {'-' if number else '* -'} {cell}".replace("   - ", "     - ")
                  for number, cell in enumerate(cells)]
    return "\n".join(lines) + "\n"


def _renewed(name):
    """A file's text, and the same with the table as it should be."""
    mark, form = FILES[name]
    text = (build.ROOT / name).read_text()
    table = _markdown() if form == "markdown" else _rst()
    begin, end = mark.format(BEGIN), mark.format(END)
    around = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if not around.search(text):
        raise SystemExit(f"bed: {name} has no place for the table of kernels")
    return text, around.sub(lambda _: f"{begin}\n{table}\n{end}", text)


def write():
    for name in FILES:
        (build.ROOT / name).write_text(_renewed(name)[1])


def check():
    """A result for each file."""
    for name in FILES:
        text, renewed = _renewed(name)
        yield Result("host", "kernels", name, PASS if text == renewed else FAIL,
                     "" if text == renewed else "./bed kernels makes another table of kernels")
