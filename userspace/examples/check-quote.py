#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that the C code a text quotes is in the source file that it names.

Nobody compiles a README; its code is right because the example's is.
"""

import sys


def quoted(text):
    """The indented blocks that have a C function in them, without the #include lines."""
    block = []
    for line in text.splitlines() + [""]:
        if line.startswith("    ") or (not line and block):
            block.append(line[4:])
            continue
        code = "\n".join(line for line in block if not line.startswith("#include")).strip()
        if "\n{\n" in code:
            yield code
        block = []


def main():
    with open(sys.argv[1], encoding="utf-8") as source_file:
        source = source_file.read()
    blocks = 0
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as text_file:
            for code in quoted(text_file.read()):
                blocks += 1
                if code not in source:
                    print(f"{path} quotes what is not in {sys.argv[1]}:\n{code}")
                    return 1
    print(f"{blocks} quotes found")
    return blocks == 0


if __name__ == "__main__":
    sys.exit(main())
