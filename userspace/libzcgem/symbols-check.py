#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare what the library exports with the list of what it is to export.

A symbol that is gone breaks programs; one that is not in the list was let out
by accident and could never be taken back.
"""

import subprocess
import sys


def main():
    nm, library, listed_path = sys.argv[1:]
    output = subprocess.run([nm, "-D", "--defined-only", "--format=posix", library],
                            check=True, capture_output=True, text=True).stdout
    exported = {line.split()[0] for line in output.splitlines() if line.split()[1] in "TWDBRVC"}
    with open(listed_path, encoding="ascii") as listed_file:
        listed = set(listed_file.read().split())

    for name in sorted(exported - listed):
        print(f"exported, not listed: {name}")
    for name in sorted(listed - exported):
        print(f"listed, not exported: {name}")
    return exported != listed


if __name__ == "__main__":
    sys.exit(main())
