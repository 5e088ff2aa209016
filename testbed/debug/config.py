# SPDX-License-Identifier: MIT
"""What a debug kernel is configured with: fragments that say what is wanted, and the check that
all of it came out."""

import pathlib
import re

FRAGMENTS = pathlib.Path(__file__).resolve().parent / "fragments"

# A kind of debug kernel -> its fragments; one named after the kernel comes on top.
KINDS = {"debug": ("base", "checks", "kasan", "leaks"),
         "kcsan": ("base", "checks", "kcsan"),
         "rt-debug": ("base", "checks", "rt")}


def fragments(kernel, kind):
    """The text for KCONFIG_ALLCONFIG."""
    return "".join((FRAGMENTS / f"{name}.config").read_text() for name in (*KINDS[kind], kernel))


def helpers():
    """What is appended to the kernel's Kconfig."""
    return (FRAGMENTS / "Kconfig.helpers").read_text()


def _values(text):
    found = {}
    for line in text.splitlines():
        if match := re.match(r"(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set", line):
            found[match[1] or match[3]] = match[2] or "n"
    return found


def options(text):
    """The fragments' meaning without their order and comments: what a build depends on."""
    return sorted(f"{name}={value}" for name, value in _values(text).items())


def missing(wanted, got):
    """Options of the fragments that Kconfig did not grant, as lines of text."""
    got = _values(got)
    return [f"{name}={value} was asked for, it is {got.get(name, 'n')}"
            for name, value in _values(wanted).items() if got.get(name, "n") != value]
