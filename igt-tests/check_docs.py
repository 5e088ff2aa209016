#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every subtest of a test has a SUBTEST: comment and an igt_describe, and the other way round; and
both say the same."""

import re
import subprocess
import sys


def main():
    program, source = sys.argv[1:3]
    listed = subprocess.run([program, "--list-subtests"], capture_output=True, text=True,
                            check=True).stdout.split()
    with open(source, encoding="utf-8") as file:
        text = file.read()
    comments = re.findall(r"^ \* SUBTEST: (\S+)\n \* Description: (\S.*)", text, re.M)
    calls = re.findall(r'igt_describe\("([^"]+)"\);\n\tigt_subtest\("([^"]+)"\)', text)
    documented, described = [name for name, _ in comments], [name for _, name in calls]
    wrong = [f"{name}: listed {listed.count(name)}, documented {documented.count(name)}, "
             f"described {described.count(name)} times"
             for name in sorted({*listed, *documented, *described})
             if (listed.count(name), documented.count(name), described.count(name)) != (1, 1, 1)]
    said = {name: words for words, name in calls}
    wrong += [f"{name}: the comment says '{words}', igt_describe() '{said[name]}'"
              for name, words in comments
              if name in said and words.removesuffix(".") != said[name]]
    wrong += [f"{name}: has '_'" for name in listed if "_" in name]
    print("\n".join(wrong) or f"{len(listed)} subtests")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
