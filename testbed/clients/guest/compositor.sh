# SPDX-License-Identifier: MIT
# A headless weston for the scripts that need a compositor; its renderer imports dma-bufs.

start_weston() { # socket
	export WAYLAND_DISPLAY=$1
	weston --backend=headless --renderer=gl --width=640 --height=480 --shell=kiosk \
		--idle-time=0 --debug --socket="$1" --log=/tmp/weston.log >/tmp/weston.out 2>&1 &
	weston=$!
	wait_for 60 test -S "$XDG_RUNTIME_DIR/$1"
	result $? "weston is up" "$(grep -E 'GL renderer|error|fail' /tmp/weston.log)"
}

stop_weston() {
	kill $weston
	wait $weston 2>/dev/null
}
