#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the files that the module is built from, without what a build by hand has left there."""

import pathlib
import sys


def main():
    top = pathlib.Path(sys.argv[1])
    for path in sorted((top / "zcgem").rglob("*")):
        source = path.suffix in (".c", ".h") and not path.name.endswith(".mod.c")
        if source or path.name in ("Makefile", "Kbuild", "Kconfig"):
            print(path.relative_to(top))


if __name__ == "__main__":
    main()
