#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs each subtest of the self test; its name begins with the outcome it must have."""

import subprocess
import sys

STATUS = {"pass": 0, "skip": 77, "fail": 98}


def run(*args):
    return subprocess.run([sys.argv[1], *args], capture_output=True, text=True, check=False)


def main():
    names = run("--list-subtests").stdout.split()
    wrong = [] if len(names) == 10 else [f"{len(names)} subtests listed, not 10"]
    for name in names:
        status = run("--run-subtest", name).returncode
        if status != STATUS[name.split("-")[0]]:
            wrong.append(f"{name}: exit status {status}")
    if "passes" not in run("--describe=pass").stdout:
        wrong.append("no description of 'pass'")
    print("\n".join(wrong) or f"{len(names)} subtests as expected")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
