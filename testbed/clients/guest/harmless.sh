#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs that look for a GPU, without zcgem and with it: they must find the same, and nothing may
# open zcgem's nodes but what opens every render node. Documentation/clients.rst says what could
# change that. Arguments: the driver of the machine's GPU or "none", and the programs.
. /work/testbed/clients/guest/tap.sh
gpu=$1
shift
programs=$*
answers=${results:-/out}/answers
export WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 XDG_CONFIG_HOME=/tmp/config

# Programs that end by themselves: all that they say, and their status.
run_eglinfo() { within 60 eglinfo -B; }
run_vulkaninfo() { within 60 vulkaninfo --summary; }
# Its loader says of each node that it tries that it is no device of a bus.
run_clinfo() { within 100 clinfo -l 2>/tmp/clinfo.err; }
run_vainfo() { within 30 vainfo; }
run_ffmpeg() {
	within 60 ffmpeg -nostdin -hide_banner -v warning -init_hw_device vaapi \
		-f lavfi -i testsrc=size=64x64 -frames:v 1 -f null -
}
run_mpv() {
	within 60 mpv --no-config --no-terminal --msg-level=all=no --log-file=/tmp/mpv.log --hwdec=auto \
		--frames=1 --untimed --ao=null av://lavfi:testsrc=size=64x64
	status=$?
	# What it has for a picture's way to the screen, or why not.
	grep -E '\[(vo|gpu|vaapi|drm|hwdec)|libplacebo' /tmp/mpv.log | grep -vE ' VK_|Spent|[Aa]vailable|Listing DRM|No primary DRM' |
		cut -d']' -f2-
	return $status
}

# Compositors and servers: started until clients can connect; of what they say what is about
# the renderer.
ready_or_gone() { test -S $socket || ! kill -0 $server; }
serve() { # socket, lines of the log to keep, command...
	socket=$1 keep=$2
	shift 2
	rm -f $socket $socket.lock
	"$@" >/tmp/server.log 2>&1 &
	server=$!
	wait_for 100 ready_or_gone
	test -S $socket
	up=$?
	ended=$(now)
	[ -z "$inside" ] || $inside
	# At once: one that has hardly begun may wait for a client that waits for it.
	kill -9 $server $(pidof weston-simple-shm swaybg kwin_wayland)
	wait $server 2>/dev/null
	grep -E "$keep" /tmp/server.log
	return $up
}
wlroots='Creat(ing|ed) |GL |Vulkan|render_format'
run_cage() { serve $XDG_RUNTIME_DIR/wayland-0 "$wlroots" cage -d -- weston-simple-shm; }
run_sway() { serve $XDG_RUNTIME_DIR/wayland-1 "$wlroots" sway -d -c /dev/null; }
run_weston() {
	serve $XDG_RUNTIME_DIR/wl-weston 'render|EGL|GL |Pixman|pixman' \
		weston --backend=headless --renderer=auto --shell=kiosk --idle-time=0 --socket=wl-weston
}
run_xwayland() {
	rm -f $XDG_RUNTIME_DIR/wl-x $XDG_RUNTIME_DIR/wl-x.lock /tmp/.X3-lock
	weston --backend=headless --renderer=auto --shell=kiosk --idle-time=0 --socket=wl-x \
		>/tmp/weston.log 2>&1 &
	weston=$!
	wait_for 60 test -S $XDG_RUNTIME_DIR/wl-x
	began=$(now)
	inside=gl_of_x
	WAYLAND_DISPLAY=wl-x serve /tmp/.X11-unix/X3 'glamor|EGL|GL|DRI|dri' Xwayland :3
	status=$?
	inside=
	kill -9 $weston
	wait $weston 2>/dev/null
	return $status
}
gl_of_x() { DISPLAY=:3 within 60 glxinfo -B | grep -v memory; }
run_kwin() {
	export QT_LOGGING_RULES='kwin_*.debug=true'
	serve $XDG_RUNTIME_DIR/wl-kwin 'OpenGL|renderer|Renderer|compositing|EGL|GPU|drm' \
		dbus-run-session -- kwin_wayland --virtual --width 640 --height 480 --no-lockscreen \
		--no-global-shortcuts --socket wl-kwin
}

now() { cut -d' ' -f1 /proc/uptime; }
# What differs from run to run: addresses, times, numbers of processes.
plain() {
	sed -E -e 's/0x[0-9a-f]+/ADDRESS/g' -e 's/\x1b\[[0-9;]*m//g' -e 's/\x1b\[1;[0-9]+m//g' \
		-e 's/^\[?[0-9]+:[0-9:.]+\]? //' -e 's/pid [0-9]+/pid N/g' -e 's/\([0-9]+ ms\)//'
}

look() { # when
	mkdir -p $answers/"$1"
	for program in $programs; do
		ended=
		echo "bed: $1 $program" >/dev/kmsg
		began=$(now)
		run_$program >/tmp/answer 2>&1
		echo "status $?" >>/tmp/answer
		ended=${ended:-$(now)}
		plain </tmp/answer >$answers/"$1"/$program
		# Where there is no GPU these must fail, in words that are about what they tried.
		case $gpu-$program in none-vainfo|none-ffmpeg)
			printf 'without a GPU\nstatus %s\n' "$(grep -q '^status 0$' /tmp/answer; echo $?)" \
				>$answers/"$1"/$program ;;
		esac
		echo "$began $ended" | awk '{ printf "%.2f\n", $2 - $1 }' >$answers/"$1"/$program.seconds
	done
}

# A group before this one may have left it.
[ ! -e /sys/module/zcgem ] || modprobe -r zcgem
[ "$gpu" = none ] || modprobe "$gpu" || exit 1
mkdir -p /tmp/.X11-unix /tmp/config
# The first look brings the programs into memory, for figures that can be compared.
[ -z "$warm" ] || look first
look without
modprobe zcgem || exit 1
echo 'p:bed/opened zcgem_client_open' >$tracing/kprobe_events
echo >$tracing/trace
echo 1 >$tracing/events/bed/opened/enable
# That an open is seen.
: <>"$(zcgem_node renderD)"
look with
echo 0 >$tracing/events/bed/opened/enable
grep ' opened: ' $tracing/trace | sed -E 's/^ *(.*)-[0-9]+ +\[.*/\1/' | sort | uniq -c >$answers/opened
grep -qE ' (sh|busybox)$' $answers/opened
result $? "what opens zcgem's nodes is seen" "$(cat $answers/opened)"
echo >$tracing/kprobe_events

for program in $programs; do
	# No output at all would be the same, too.
	same=0
	[ "$(wc -l <$answers/without/$program)" -gt 1 ] &&
		cmp -s $answers/without/$program $answers/with/$program || same=1
	differs=$(diff $answers/without/$program $answers/with/$program | cut -c1-160)
	if [ $program = kwin ] && [ $same = 1 ] && [ "$gpu" = none ]; then
		echo "$differs" | sed 's/^/# /'
		number=$((number + 1))
		echo "ok $number - kwin finds the same with zcgem # SKIP it takes any render node of udev's"
	else
		result $same "$program finds the same with zcgem" "$differs"
	fi
	echo "# seconds of $program: $(cat $answers/without/$program.seconds) without," \
		"$(cat $answers/with/$program.seconds) with zcgem"
done
# These try every render node, whatever it is, and where there is no GPU the first one.
walkers='sh|busybox|clinfo|kwin_wayland'
[ "$gpu" != none ] || walkers="$walkers|ffmpeg|vainfo"
others=$(grep -vE " ($walkers)\$" $answers/opened)
[ -z "$others" ]
result $? "nothing else opens zcgem's nodes" "$others"
check_nothing_left
[ "$gpu" = none ] || modprobe -r "$gpu"
exit 0
