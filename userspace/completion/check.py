#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every command and option that zcgem --help lists is in the shells' completions and in the
manual, and these have no others; and bash completes with what it should.

Arguments: the command, completions for bash, zsh and fish, the manual's page.
"""

import re
import subprocess
import sys

# Of argp itself, for each command.
COMMON = {"--help", "--usage", "--version"}


def output(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def complete(script, *words):
    """What bash offers for a line of these words, the last of which is not finished."""
    line = " ".join(f"'{word}'" for word in words)
    code = (f"source {script}; compopt() {{ :; }}; COMP_WORDS=({line}); "
            f"COMP_CWORD={len(words) - 1}; _zcgem; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return set(output("bash", "-c", code).split())


def main():
    tool, bash, zsh, fish, manual = sys.argv[1:]
    commands = re.findall(r"^  ([a-z]+) +[a-z]", output(tool, "--help").split("Commands:")[1],
                          re.M)
    assert complete(bash, "zcgem", "") == {*commands, *COMMON}, commands
    page = open(manual, encoding="utf-8").read()
    known = set()
    for command in commands:
        options = set(re.findall(r"(--[a-z]+)", output(tool, command, "--help")))
        known |= options
        assert complete(bash, "zcgem", command, "--") == options, command
        section = re.search(rf"^\.\. program:: zcgem {command}\n(.*?)(?=^\.\. program|^See also)",
                            page, re.M | re.S)
        assert section, f"{command} is not in the manual"
        listed = set(re.findall(r"^\.\. option:: -\w(?: \w+)?, (--[a-z]+)", section[1], re.M))
        assert listed == options - COMMON, f"manual, {command}: {listed ^ (options - COMMON)}"
    text = open(zsh, encoding="utf-8").read()
    assert set(re.findall(r"--[a-z]+", text)) == known, set(re.findall(r"--[a-z]+", text)) ^ known
    text = open(fish, encoding="utf-8").read()
    names = {f"--{name}" for name in re.findall(r"^complete .* -l ([a-z]+)", text, re.M)}
    assert names == known, names ^ known


main()
