#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""meson.build has the project's version; where it is written besides it is the same. And the
package of the library lists the symbols that the library exports.

Argument: the top of the source tree.
"""

import pathlib
import re
import sys


def main():
    top = pathlib.Path(sys.argv[1])

    def found(name, pattern):
        match = re.search(pattern, (top / name).read_text("utf-8"), re.M)
        return match[1] if match else None

    version = found("meson.build", r"^  version: '([^']+)'")
    wrong = [f"{name}: {other}, not {version}" for name, other in (
        ("drm/zcgem/zcgem_compat.h", found("drm/zcgem/zcgem_compat.h",
                                           r'MODULE_VERSION\("([^"]+)"\)')),
        ("debian/changelog", found("debian/changelog", r"^zcgem \(([^)]+)\)")),
        ("CHANGELOG.md", found("CHANGELOG.md", r"^## (?:Unreleased: )?(\d\S*)")),
    ) if other != version]

    exported = set((top / "userspace/libzcgem/zcgem-symbols.txt").read_text("utf-8").split())
    packaged = set(re.findall(r"^ (\w+)@Base ",
                              (top / "debian/libzcgem1.symbols").read_text("utf-8"), re.M))
    wrong += [f"debian/libzcgem1.symbols: {name} is {'missing' if name in exported else 'too much'}"
              for name in sorted(exported ^ packaged)]
    print("\n".join(wrong) or version)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
