#!/bin/sh
# SPDX-License-Identifier: MIT
# What an ordinary user gets of /dev/udmabuf, with the limits that distributions set: uid 1000 with 8
# MiB of RLIMIT_MEMLOCK in the group that the kernel's udmabuf is for. Everything runs on the
# kernel's udmabuf and on zcgem's node of that name, and zcgem may not do worse.
. /work/testbed/clients/guest/tap.sh
cp /work/userspace/udev/zcgem-udmabuf /tmp/
chmod 755 /tmp/zcgem-udmabuf
# The number of the group kvm, which not every root tree has.
group=992
chown 0:$group /dev/udmabuf
chmod 660 /dev/udmabuf
export XDG_RUNTIME_DIR=/tmp/user MESA_SHADER_CACHE_DIR=/tmp/user/mesa HOME=/tmp/user
export GST_REGISTRY=/tmp/user/gst LP_NUM_THREADS=0 XDG_CONFIG_HOME=/tmp/user/config
mkdir -p $XDG_CONFIG_HOME
printf 'output HEADLESS-1 mode --custom 3840x2160\nexec weston-simple-shm\n' >/tmp/sway
chown -R 1000:1000 $XDG_RUNTIME_DIR
chmod 700 $XDG_RUNTIME_DIR

# In the background it has to be the program's own process, not a function's.
user="/usr/bin/prlimit --memlock=8388608"
user="$user /usr/bin/setpriv --reuid 1000 --regid 1000 --groups $group"
as_user() { $user "$@"; }

# How many buffers were made meanwhile, by the ioctls of the name.
watch_calls() {
	echo 0 >$tracing/tracing_on
	echo >$tracing/trace
	# UDMABUF_CREATE and UDMABUF_CREATE_LIST
	echo 'cmd == 0x40187542 || cmd == 0x40087543' >$tracing/events/syscalls/sys_enter_ioctl/filter
	echo 1 >$tracing/events/syscalls/sys_enter_ioctl/enable
	echo 1 >$tracing/tracing_on
}
calls() { grep -c 'sys_ioctl(.*cmd: ' $tracing/trace; }

serve() { # socket, command...
	socket=$XDG_RUNTIME_DIR/$1
	shift
	rm -f $socket $socket.lock
	$user "$@" >/tmp/server.log 2>&1 &
	server=$!
	wait_for 150 test -S $socket
}
quit() {
	kill "$@" $server
	wait $server 2>/dev/null
}
weston_4k() {
	serve wl-user weston --backend=headless --renderer=gl --width=3840 --height=2160 \
		--shell=kiosk --idle-time=0 --socket=wl-user
}

use_gstreamer() {
	weston_4k && WAYLAND_DISPLAY=wl-user as_user timeout $((200 * ${slower:-1})) \
		gst-launch-1.0 -q videotestsrc num-buffers=4 ! \
		video/x-raw,format=BGRx,width=3840,height=2160,framerate=10/1 ! waylandsink
	status=$?
	quit
	return $status
}
use_lavapipe() {
	weston_4k && WAYLAND_DISPLAY=wl-user as_user timeout $((200 * ${slower:-1})) \
		vkcube --wsi wayland --width 3840 --height 2160 --c 4
	status=$?
	quit
	return $status
}
use_wlroots() {
	export WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1
	WLR_RENDERER=gles2 WLR_RENDERER_FORCE_SOFTWARE=1 serve wayland-1 sway -d -c /tmp/sway &&
		WAYLAND_DISPLAY=wayland-1 wait_for 20 as_user grim /tmp/user/sway.png &&
		file_is_4k /tmp/user/sway.png
	status=$?
	quit
	return $status
}
file_is_4k() { # PNG
	[ "$(od -An -tx1 -j16 -N8 "$1" | tr -d ' ')" = 00000f0000000870 ]
}
use_qemu() {
	as_user timeout $((200 * ${slower:-1})) $bin/qemu_blob none 1280 800 "" 4G
}
look() { # whose
	for program in $programs; do
		watch_calls
		use_$program >/tmp/said 2>&1
		status=$?
		echo "$status" >/tmp/$1.$program
		echo "# $1: $program ends with $status, $(calls) calls of the name"
		calls >/tmp/$1.$program.calls
		[ $status = 0 ] || tail -n 4 /tmp/said /tmp/server.log | cut -c1-200 | sed 's/^/# /'
	done
}

programs="gstreamer lavapipe wlroots qemu"
look kernel
/tmp/zcgem-udmabuf
[ /dev/udmabuf -ef "$(zcgem_node renderD)" ]
result $? "/dev/udmabuf is zcgem's node" "$(ls -l /dev/udmabuf*)"
look zcgem
for program in $programs; do
	[ "$(cat /tmp/kernel.$program)" != 0 ] || [ "$(cat /tmp/zcgem.$program)" = 0 ]
	result $? "$program does no worse on zcgem"
	[ "$(cat /tmp/zcgem.$program.calls)" -ge "$(cat /tmp/kernel.$program.calls)" ]
	result $? "$program calls it as often as the kernel's"
done
check_nothing_left
/tmp/zcgem-udmabuf give
