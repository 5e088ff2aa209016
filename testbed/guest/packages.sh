#!/bin/sh
# SPDX-License-Identifier: MIT
# What a user does after installing the packages; runs as root in a guest of that machine.
set -e
step() { echo "packages: $*"; }

step the module
modprobe zcgem
grep -q '^zcgem ' /proc/modules

step zcgem info
zcgem info
zcgem info --json >/dev/null

step the example
/opt/share_memfd

step trace-cmd
cd /tmp
trace-cmd record -q -e zcgem -o /tmp/trace.dat /opt/share_memfd >/dev/null
trace-cmd report -i /tmp/trace.dat >/tmp/trace.txt
for event in zcgem_create zcgem_fault; do grep -q "$event:" /tmp/trace.txt; done
head -4 /tmp/trace.txt

step zcgem top and objects
zcgem top --once
zcgem objects --json

step an IGT test
IGT_FORCE_DRIVER=zcgem /usr/libexec/igt-gpu-tools/zcgem_uapi --run-subtest get-param >/tmp/igt 2>&1 ||
	{ cat /tmp/igt; exit 1; }
grep -q 'SUCCESS' /tmp/igt

step unloading
modprobe -r zcgem
[ ! -e /sys/module/zcgem ]
step all well
