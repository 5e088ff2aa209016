# SPDX-License-Identifier: MIT
"""Jobs that end with a search for leaked memory, whose findings go to the console log and are
judged there."""

# kmemleak takes only what is some seconds old for leaked. The module goes between the two
# searches: then what only its own lists still held is found as well; but not before the first,
# because backtraces would have lost their names.
SEARCH = r"""
leaks=/sys/kernel/debug/kmemleak
if [ -w $leaks ]; then
	echo 'bed: searching for leaks' >/dev/kmsg
	search() {
		sleep 6
		echo scan >$leaks
		echo scan >$leaks
		cat $leaks | while IFS= read -r line; do echo "$line" >/dev/kmsg; done
		echo clear >$leaks
	}
	search
	if [ -e /sys/module/zcgem ]; then
		modprobe -r zcgem && search
	fi
	echo 'bed: searched for leaks' >/dev/kmsg
else
	echo 'bed: BUG: this kernel has no kmemleak' >/dev/kmsg
fi
"""


def searched(job):
    """The job, then the search; the status is the job's."""
    return f"(\n{job}\n)\nbed_status=$?\n{SEARCH}\nexit $bed_status\n"
