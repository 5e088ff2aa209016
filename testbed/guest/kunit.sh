#!/bin/sh
# SPDX-License-Identifier: MIT
# The driver's KUnit tests, which run when their module is loaded, as TAP without levels: a line
# for each case, or for each parameter of a case that has some.

modprobe zcgem_kunit_test || exit 1
for suite in /sys/kernel/debug/kunit/zcgem_*; do
	sed -n "s|^ *ok [0-9]* \([^#]*\)|ok - ${suite##*/}/\1|p
		s|^ *not ok [0-9]* \([^#]*\)|not ok - ${suite##*/}/\1|p" "$suite/results" |
		grep -v -- "- ${suite##*/}/${suite##*/}"
	grep '^ *#' "$suite/results" | grep -v ' SKIP' | sed 's/^/# /'
done
# Not modprobe -r, which would take the driver as well.
rmmod zcgem_kunit_test
