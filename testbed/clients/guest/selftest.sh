#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernels' own tests of /dev/udmabuf, unchanged, with zcgem behind the name.
. /work/testbed/clients/guest/tap.sh
pages=$(cat /proc/sys/vm/nr_hugepages)
echo 1030 >/proc/sys/vm/nr_hugepages
take_udmabuf
for program in "$bin"/udmabuf-*; do
	version=${program##*-}
	watch_zcgem
	said=$("$program" 2>&1)
	status=$?
	# Its tests are ours, but for the plan, which does not count our lines.
	echo "$said" | grep -v '^1\.\.' | sed "s/^\(ok\|not ok\) \([0-9]*\) /&$version: /"
	planned=$(echo "$said" | sed -n 's/^1\.\.//p')
	passed=$(echo "$said" | grep -c '^ok ')
	[ $status = 0 ] && [ "${planned:-0}" -ge 6 ] && [ "$passed" = "$planned" ]
	result $? "all of $version's selftest" "status $status, $passed of $planned passed"
	check_made 'udmabuf.*' "it was zcgem that $version's tested" 3
done
check_nothing_left
give_udmabuf_back
echo "$pages" >/proc/sys/vm/nr_hugepages
