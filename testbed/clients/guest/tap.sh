# SPDX-License-Identifier: MIT
# For the scripts here: TAP lines, zcgem behind the name /dev/udmabuf, and who has made objects.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root XDG_RUNTIME_DIR=/run/user LC_ALL=C.UTF-8
export LP_NUM_THREADS=0 MESA_SHADER_CACHE_DIR=/tmp/mesa
bin=/work/build/clients
tracing=/sys/kernel/tracing
mkdir -p -m 700 $XDG_RUNTIME_DIR
cd /tmp || exit 1

number=0
result() { # status name [what was seen, for a failure]
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "$3" | cut -c1-300 | sed 's/^/# /'
		echo "not ok $number - $2"
	fi
}

# A program that has to end well; what it says is shown if it does not.
check() { # name command...
	name=$1
	shift
	said=$("$@" 2>&1)
	status=$?
	result $status "$name" "$said
status $status"
}

# Seconds are those of an idle host; the bed knows how much slower this one is.
within() { # seconds command...
	limit=$(($1 * ${slower:-1}))
	shift
	timeout $limit "$@"
}

wait_for() { # seconds command...
	tries=$(($1 * 10 * ${slower:-1}))
	shift
	while ! "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

zcgem_node() { # card or renderD
	for node in /sys/class/drm/$1[0-9]*; do
		case ${node##*/} in *-*) continue ;; esac
		[ "$(basename "$(readlink "$node/device/driver")")" = zcgem ] || continue
		echo "/dev/dri/${node##*/}"
		return
	done
}

take_udmabuf() {
	[ -h /dev/udmabuf ] && return
	mv /dev/udmabuf /dev/udmabuf.kernel
	ln -s "$(zcgem_node renderD)" /dev/udmabuf
}

give_udmabuf_back() {
	[ -h /dev/udmabuf ] && mv -f /dev/udmabuf.kernel /dev/udmabuf
}

# Objects that zcgem makes from now on are lines of the trace, with the thread that asked, and
# so are calls of UDMABUF_CREATE_LIST.
watch_zcgem() {
	echo 0 >$tracing/tracing_on
	echo >$tracing/trace
	echo 1 >$tracing/events/zcgem/zcgem_create/enable
	echo 'cmd == 0x40087543' >$tracing/events/syscalls/sys_enter_ioctl/filter
	echo 1 >$tracing/events/syscalls/sys_enter_ioctl/enable
	echo 1 >$tracing/tracing_on
}

made() { # thread's name, a regular expression: how many memfd objects it made
	grep -v '^#' $tracing/trace | grep -E "^ *($1)" | grep -c 'zcgem_create: .*backing=memfd'
}

# Did that thread get its memory from zcgem?
check_made() { # thread name [at least]
	count=$(made "$1")
	[ "$count" -ge "${3:-1}" ]
	result $? "$2" "$count objects by $1
$(cat $tracing/trace)"
}

# Did that thread get an object of that size from a list? The call comes just before its object.
check_listed() { # thread bytes name
	grep -v '^#' $tracing/trace | grep -E "^ *($1)" | grep -EA1 'sys_ioctl.*cmd: (0x)?40087543' |
		grep -qE "zcgem_create: .*backing=memfd size=$2 "
	result $? "$3" "$(cat $tracing/trace)"
}

# Programs are gone: so must be their memory.
check_nothing_left() {
	card=$(zcgem_node card)
	stats=/sys/kernel/debug/dri/${card##*card}/zcgem_stats
	tries=0
	while left=$(grep -v '^evictions' "$stats" | grep -v ': 0$'); [ -n "$left" ] &&
	      [ $tries -lt 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	[ -z "$left" ]
	result $? "nothing is left" "$left"
}
