# SPDX-License-Identifier: MIT
"""Searches for leaked memory at the end of a job. Their findings go to the console log and are
judged there."""

# kmemleak takes only what is some seconds old for leaked.
FUNCTION = r"""
search_leaks() {
	leaks=/sys/kernel/debug/kmemleak
	if [ ! -w $leaks ]; then
		echo 'bed: BUG: this kernel has no kmemleak' >/dev/kmsg
		return
	fi
	echo 'bed: searching for leaks' >/dev/kmsg
	sleep 6
	echo scan >$leaks
	echo scan >$leaks
	head -n 500 $leaks | while IFS= read -r line; do echo "$line" >/dev/kmsg; done
	echo clear >$leaks
	echo 'bed: searched for leaks' >/dev/kmsg
}
"""

# The module goes between two searches: then what only its own lists still held is found as
# well; but not before the first, because backtraces would have lost their names.
SEARCH = FUNCTION + r"""
search_leaks
if [ -e /sys/module/zcgem ]; then
	modprobe -r zcgem && search_leaks
fi
"""


def searched(job):
    """The job, then the search; the status is the job's."""
    return f"(\n{job}\n)\nbed_status=$?\n{SEARCH}\nexit $bed_status\n"


def around(unload):
    """A command that unloads zcgem, between two searches."""
    return f"{FUNCTION}\nsearch_leaks\n{unload}\nsearch_leaks\n"
