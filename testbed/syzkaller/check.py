#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the description for syzkaller with the header: every ioctl with its direction and
structure, every value, and where each field of each structure is, as the compiler has it."""

import re
import subprocess
import sys

# Not for callers: what a header says of itself, and lengths of its own arrays.
NO_VALUES = {"DRM_ZCGEM_UAPI_VERSION", "DRM_ZCGEM_EXTENT_ORDERS"}
# What comes back from a call is nothing to try.
RESULTS = re.compile(r"DRM_ZCGEM_(INFO|BACKING)_")
SIZES = {"int8": 1, "int16": 2, "int32": 4, "int64": 8}
# Of the descriptions that this one is used with.
RESOURCES = {"drm_gem_handle": 4, "drm_syncobj": 4, "fd_memfd": 4}


class Description:
    def __init__(self, text):
        text = re.sub(r"#.*", "", text)
        self.text = text
        self.bodies = dict(re.findall(r"^(\w+) \{\n(.*?)^\}", text, re.M | re.S))
        self.structs = {name: re.findall(r"^\t(\w+)\t+(.*?)(?:\t\(\w+\))?$", body, re.M)
                        for name, body in self.bodies.items()}
        self.calls = {name: (direction, struct) for name, direction, struct in re.findall(
            r"^ioctl\$(DRM_IOCTL_ZCGEM_\w+)\(fd fd_zcgem, cmd const\[\1\], "
            r"arg ptr\[(\w+), (\w+)\]\)", text, re.M)}

    def size(self, kind, constants):
        """Size and alignment of a field's type."""
        if kind in self.structs:
            offsets = self.layout(kind, constants)
            return offsets[None], max(self.size(k, constants)[1] for _, k in self.structs[kind])
        if kind in RESOURCES:
            return (RESOURCES[kind],) * 2
        if kind.startswith(("ptr64[", "vma64")):
            return 8, 8
        if array := re.fullmatch(r"array\[(\w+), (\w+)\]", kind):
            size, align = self.size(array[1], constants)
            count = constants.get(array[2]) or int(array[2], 0)
            return size * count, align
        base = re.search(r"\b(int\d+)(\[\d+:\d+\])?\]?$", kind)
        return (SIZES[base[1]],) * 2

    def layout(self, name, constants):
        """Field -> offset; None -> the structure's size."""
        offsets, at, most = {}, 0, 1
        for field, kind in self.structs[name]:
            size, align = self.size(kind, constants)
            at = (at + align - 1) // align * align
            offsets[field] = at
            at += size
            most = max(most, align)
        offsets[None] = (at + most - 1) // most * most
        return offsets


def main():
    header, description, *compiler = sys.argv[1:]
    with open(header, encoding="utf-8") as file:
        header_text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    with open(description, encoding="utf-8") as file:
        syz = Description(file.read())
    wrong = []

    calls = dict(re.findall(r"#define (DRM_IOCTL_ZCGEM_\w+) \\\n\s*(DRM_IOWR?\(.*\))", header_text))
    for name, value in calls.items():
        struct = re.search(r"struct (\w+)", value)[1]
        expected = ("inout" if value.startswith("DRM_IOWR") else "in", struct)
        if syz.calls.get(name) != expected:
            wrong.append(f"{name}: {syz.calls.get(name)}, in the header it is {expected}")
    wrong += [f"{name} is not in the header" for name in syz.calls if name not in calls]
    for struct in {struct for _, struct in syz.calls.values()} - set(syz.structs):
        wrong.append(f"{struct} is not described")

    values = set(re.findall(r"^\t(DRM_ZCGEM_\w+) = \d+,", header_text, re.M))
    values |= {name for name in re.findall(r"#define (DRM_ZCGEM_\w+)\s+\S", header_text)
               if f"DRM_IOCTL_{name[4:]}" not in calls}
    for name in sorted(values - NO_VALUES):
        if not RESULTS.match(name) and not re.search(rf"\b{name}\b", syz.text):
            wrong.append(f"{name} is never tried")

    # Arrays are one structure in C, with what they point to in its name here.
    constants = {"DRM_ZCGEM_EXTENT_ORDERS": int(re.search(r"DRM_ZCGEM_EXTENT_ORDERS\s+(\d+)",
                                                          header_text)[1])}
    code = ["#include <stddef.h>", f'#include "{header}"']
    for name in syz.structs:
        c_name = re.sub(r"_(memfd|userptr|op|sync)_array$", "_array", name)
        for field, offset in syz.layout(name, constants).items():
            what = f"offsetof(struct {c_name}, {field})" if field else f"sizeof(struct {c_name})"
            code.append(f'_Static_assert({what} == {offset}, "{name}.{field}");')
        for field, kind in syz.structs[name]:
            size = syz.size(kind, constants)[0]
            code.append(f'_Static_assert(sizeof(((struct {c_name} *)0)->{field}) == {size}, '
                        f'"{name}.{field}");')
        for stride, element in re.findall(r"^\tstride\tconst\[(\d+), int32\]\n.*\n.*array\[(\w+),",
                                          syz.bodies[name], re.M):
            if int(stride) != syz.layout(element, constants)[None]:
                wrong.append(f"{name}: the stride of {element} is {stride}")
    done = subprocess.run([*compiler, "-std=c11", "-fsyntax-only", "-x", "c", "-"],
                          input="\n".join(code) + "\n", text=True, capture_output=True)
    if done.returncode:
        wrong.append(done.stderr)
    print("\n".join(wrong) or f"{len(calls)} ioctls, {len(values)} values, "
                              f"{len(syz.structs)} structures")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
