#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put the driver into a kernel's source tree.

usage: in-tree.py [--keep-compat] KERNEL

KERNEL is changed: drivers/gpu/drm/zcgem/ and include/uapi/drm/zcgem_drm.h are written and the
lines that build them added to drivers/gpu/drm/Makefile and Kconfig. Without --keep-compat, which
any kernel from 6.12 on can have, it must be a kernel with the current form of every interface
(7.2): zcgem_compat.h stays behind, and so do the header greps of the Makefile. Each function and
macro of that header is replaced at its uses by what it stands for; one that is more than a call
becomes a static function of the file that uses it.
"""

import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
DRIVER = HERE / "zcgem"
UAPI = HERE.parent / "uapi/drm/zcgem_drm.h"
PLACE = "drivers/gpu/drm/zcgem"

# What a file needs of the headers that the compat header has brought it.
NEEDS = {
    "linux/dma-buf.h": r"\bdma_buf_|struct dma_buf",
    "linux/huge_mm.h": r"\bvmf_insert_pfn_p[mu]d\(|\bPMD_ORDER\b",
    "linux/hugetlb.h": r"\bHUGETLBFS_I\(|\bis_file_hugepages\(",
    "linux/module.h": r"\bMODULE_",
    "linux/sched/mm.h": r"\bmm_get_unmapped_area\(",
    "linux/shmem_fs.h": r"\bshmem_|\bSHMEM_I\(",
    "drm/drm_gem.h": r"\bDRM_GEM_OBJECT_|\bdrm_gem_",
    "drm/gpu_scheduler.h": r"\bdrm_sched_",
    "drm/ttm/ttm_bo.h": r"\bttm_bo_",
    "drm/ttm/ttm_device.h": r"\bttm_device_|\bTTM_ALLOCATION_",
    "drm/ttm/ttm_tt.h": r"\bttm_tt_",
}


class Trouble(Exception):
    """The sources are not as this program knows them."""


def current_symbols(kernel):
    """ZCGEM_HAVE_* that this kernel has, by the greps that the driver's Makefile does."""
    found = {}
    pattern = r"call zcgem-has,([^,]+),(.+),(ZCGEM_HAVE_\w+)\)"
    for header, text, symbol in re.findall(pattern, (DRIVER / "Makefile").read_text("utf-8")):
        path = kernel / "include" / header
        found[symbol] = not subprocess.run(["grep", "-sqE", text, path], check=False).returncode
    if not found:
        raise Trouble("the Makefile has no greps for ZCGEM_HAVE_*")
    return found


def preprocessed(kernel, symbols):
    """The compat header as it is for this kernel, by the kernel's own unifdef."""
    tool = kernel / "scripts/unifdef"
    if not tool.exists():
        subprocess.run(["cc", "-w", "-o", tool, f"{tool}.c"], check=True)
    words = [("-D" if has else "-U") + symbol for symbol, has in symbols.items()]
    done = subprocess.run([tool, *words, DRIVER / "zcgem_compat.h"], text=True, check=False,
                          capture_output=True)
    # 1 means that something was left out.
    if done.returncode > 1:
        raise Trouble(done.stderr)
    return done.stdout


def split_arguments(text):
    """The arguments of a call, without the outer parentheses."""
    parts, depth, last = [], 0, 0
    for at, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            parts.append(text[last:at])
            last = at + 1
    return [" ".join(part.split()) for part in [*parts, text[last:]] if part.strip()]


def closing(text, opening):
    """Where the parenthesis or brace at a place is closed."""
    depth = 0
    for at in range(opening, len(text)):
        depth += (text[at] in "({") - (text[at] in ")}")
        if not depth:
            return at
    raise Trouble("unbalanced: " + text[opening:opening + 60])


class Wrapper:
    """A function of the compat header."""

    def __init__(self, name, comment, text):
        self.name = name
        opening = text.index(name) + len(name)
        end = closing(text, opening)
        self.parameters = [re.search(r"(\w+)$", part)[1]
                           for part in split_arguments(text[opening + 1:end])]
        body = text[text.index("{", end) + 1:text.rindex("}")].strip()
        call = re.fullmatch(r"(?:return )?([^;#]*);", body)
        self.call = " ".join(call[1].split()) if call else None
        # A comment on how kernels differ has no place where they do not.
        same = text in (DRIVER / "zcgem_compat.h").read_text("utf-8")
        head = " ".join(re.sub(r"^static inline ", "static ", text[:end + 1]).split())
        self.text = (comment if same else "") + fold(head, "") + text[end + 1:]

    def replaced(self, code):
        """A file's code with calls of this one replaced."""
        at = 0
        while found := re.compile(rf"\b{self.name}\(").search(code, at):
            end = closing(code, found.end() - 1)
            given = split_arguments(code[found.end():end])
            if len(given) != len(self.parameters):
                raise Trouble(f"{self.name}() with {len(given)} arguments")
            values = dict(zip(self.parameters, given))
            # Not members of structures that have a parameter's name.
            call = re.sub(r"(?<![.>])\b(%s)\b" % "|".join(values), lambda m: values[m[1]],
                          self.call) if values else self.call
            start = code.rindex("\n", 0, found.start()) + 1
            code = code[:found.start()] + fold(call, code[start:found.start()]) + code[end + 1:]
            at = found.start() + len(call)
        return code


def width(text):
    return len(text.expandtabs(8))


def fold(call, before):
    """A call in lines of 100 columns, as the kernel aligns them."""
    opening = call.index("(")
    margin = width(before + call[:opening + 1])
    lines, line = [], before + call[:opening + 1]
    words = split_arguments(call[opening + 1:call.rindex(")")])
    for number, word in enumerate(words):
        word += "," if number + 1 < len(words) else call[call.rindex(")"):] + ";"
        if width(line + " " + word) > 100 and number:
            lines.append(line)
            line = "\t" * (margin // 8) + " " * (margin % 8) + word
        else:
            line += word if line.endswith("(") else " " + word
    return "\n".join([*lines, line])[len(before):-1]


def parse_compat(text):
    """Wrappers and macros (name: text) of the compat header."""
    text = text.split("DOC: kernel differences", 1)[1].split("*/", 1)[1]
    macros = dict(re.findall(r"^#define (ZCGEM_\w+)[ \t]+(.*)$", text, re.M))
    wrappers = []
    for found in re.finditer(r"^((?:/\*(?:[^*]|\*[^/])*\*/\n)?)(static inline [^;{]*?\b(zcgem_\w+)\([^{]*)",
                             text, re.M):
        end = closing(text, text.index("{", found.end(2) - 1))
        wrappers.append(Wrapper(found[3], found[1], text[found.start(2):end + 1]))
    return wrappers, macros


def simplified(code):
    """Without conditions that a macro has made constant."""
    code = re.sub(r"\n\tif \(!true\)\n\t\t[^;]*;", "", code)
    return re.sub(r"!true && [^;]*;", "false;", code)


def includes(code):
    """The line of the compat header replaced by the headers that the file needs of those."""
    has = set(re.findall(r"^#include <([^>]+)>", code, re.M))
    body = code.replace('#include "zcgem_compat.h"\n', "")
    wanted = [name for name, needs in NEEDS.items() if name not in has and re.search(needs, body)]
    lines = body.split("\n")
    for name in wanted:
        top = name.split("/")[0]
        same = [number for number, line in enumerate(lines)
                if line.startswith(f"#include <{top}/") and not line.endswith("zcgem_drm.h>")]
        if same:
            before = [number for number in same if lines[number] < f"#include <{name}>"]
            lines.insert(before[-1] + 1 if before else same[0], f"#include <{name}>")
        else:
            first = next(n for n, line in enumerate(lines) if line.startswith("#include "))
            lines[first:first] = [f"#include <{name}>", ""]
    return "\n".join(lines)


def in_tree_source(code, wrappers, macros, users):
    """A file of the driver without the compat header."""
    pasted = []
    for wrapper in wrappers:
        if wrapper.call and "(" in wrapper.call:
            code = wrapper.replaced(code)
        elif re.search(rf"\b{wrapper.name}\(", code):
            if users[wrapper.name] != 1:
                raise Trouble(f"{wrapper.name}() is more than a call and has several users")
            pasted.append(wrapper.text)
    for name, value in macros.items():
        code = re.sub(rf"\b{name};\n", f"{value};\n" if value else "", code)
        code = re.sub(rf"\b{name}\b", value, code)
    code = simplified(code)
    if pasted:
        last = [found.end() for found in re.finditer(r'^#include .*\n', code, re.M)][-1]
        code = code[:last] + "\n" + "\n\n".join(pasted) + "\n" + code[last:]
    return includes(code)


def in_tree_makefile(text):
    """Without what is for building beside a kernel, or for several."""
    text = re.sub(r"^#\n# In tree:(?:.*\n)#.*\n", "", text, flags=re.M)
    text = re.sub(r"^ifneq \(\$\(KBUILD_EXTMOD\),\)\n(?:.*\n)*?endif\n", "", text, flags=re.M)
    text = re.sub(r"^# The uapi headers.*\nccflags-y .*\n", "", text, flags=re.M)
    text = re.sub(r"^# What the kernel's headers offer(?:.*\n)*?\n", "", text, flags=re.M)
    text = re.sub(r"^ccflags-y \+= \$\(call zcgem-has,.*\n", "", text, flags=re.M)
    text = text.replace("\nzcgem-y :=", "\n# For the header of the trace events.\n"
                        "CFLAGS_zcgem_trace_points.o := -I$(src)\n\nzcgem-y :=", 1)
    return re.sub(r"\n{3,}", "\n\n", text)


def sources():
    for path in sorted(DRIVER.rglob("*")):
        if path.suffix in (".c", ".h") and not path.name.endswith(".mod.c") or \
           path.name in ("Makefile", "Kconfig"):
            yield path


def write_driver(kernel, keep_compat):
    wrappers, macros, users = [], {}, {}
    if not keep_compat:
        compat = preprocessed(kernel, current_symbols(kernel))
        wrappers, macros = parse_compat(compat)
        macros["ZCGEM_MODULE_VERSION"] = ""
        codes = [path.read_text("utf-8") for path in DRIVER.rglob("*.c")]
        users = {w.name: sum(bool(re.search(rf"\b{w.name}\(", code)) for code in codes)
                 for w in wrappers}
    for path in sources():
        text = path.read_text("utf-8")
        if not keep_compat:
            if path.name == "zcgem_compat.h":
                continue
            if path.name == "Makefile" and path.parent == DRIVER:
                text = in_tree_makefile(text)
            elif '#include "zcgem_compat.h"' in text:
                text = in_tree_source(text, wrappers, macros, users)
            for word in ("ZCGEM_HAVE_", "zcgem_compat.h", "zcgem-has"):
                if word in text:
                    raise Trouble(f"{path.name} still has {word}")
        target = kernel / PLACE / path.relative_to(DRIVER)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    (kernel / "include/uapi/drm/zcgem_drm.h").write_text(UAPI.read_text("utf-8"), "utf-8")


def add_line(path, line, after):
    """One line more in a file of the kernel, behind the last one of a pattern."""
    text = path.read_text("utf-8")
    if line in text:
        return
    last = list(re.finditer(after, text, re.M))
    if not last:
        raise Trouble(f"{path} has no place for the driver")
    path.write_text(text[:last[-1].end()] + line + text[last[-1].end():], "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--keep-compat", action="store_true",
                        help="the driver as it is, for any kernel from 6.12 on")
    parser.add_argument("kernel", type=pathlib.Path)
    args = parser.parse_args()
    drm = args.kernel / "drivers/gpu/drm"
    try:
        write_driver(args.kernel, args.keep_compat)
        add_line(drm / "Makefile", "obj-$(CONFIG_DRM_ZCGEM) += zcgem/\n", r"^obj-\S+\s*\+= \S+/\n")
        add_line(drm / "Kconfig", 'source "drivers/gpu/drm/zcgem/Kconfig"\n',
                 r'^source "drivers/gpu/drm/\S+/Kconfig"\n')
    except (Trouble, OSError) as error:
        sys.exit(f"in-tree.py: {error}")


if __name__ == "__main__":
    main()
