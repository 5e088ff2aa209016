# SPDX-License-Identifier: MIT
"""What ./bed test runs. A group is a name, a kind, and the machine that it needs.

Kinds:
  igt         IGT tests of this project: every igt-tests/zcgem_* program of the build
  igt-system  IGT's own tests on zcgem's nodes: igt-system.txt
  tap         a command in the guest that prints TAP, started in /work
  host        a function here on the host that returns results; it may boot machines itself
Groups of equal machine options share one boot.
"""

import clients
import demo
import hostchecks
import machine
import selftest


class Group:
    def __init__(self, name, kind, command=None, options=None, timeout=120, once=False):
        self.name, self.kind, self.command, self.timeout = name, kind, command, timeout
        self.options = options or machine.Options()
        self.once = once        # does not depend on the kernel: run with the first one only


def groups():
    return [
        Group("checkpatch", "host", hostchecks.checkpatch, once=True),
        Group("unit", "host", hostchecks.meson_tests, once=True),
        Group("bed", "host", selftest.run, once=True),
        Group("zcgem", "igt", timeout=240),
        Group("igt", "igt-system", timeout=240),
        Group("demo", "host", demo.run),
    ]


def client_groups():
    """What ./bed test --clients runs: other people's programs, in a root tree of their own."""
    return [Group(name, "tap", command, clients.options(), limit)
            for name, command, limit in clients.commands()]
