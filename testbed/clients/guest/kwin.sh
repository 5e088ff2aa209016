#!/bin/sh
# SPDX-License-Identifier: MIT
# KWin, which makes dma-bufs of its clients' shared memory where /dev/udmabuf works.
. /work/testbed/clients/guest/tap.sh
. /work/testbed/clients/guest/compositor.sh

# Which of its threads does it is KWin's affair.
kwin_made_one() {
	[ "$(made 'kwin.*')" -ge 1 ]
}

take_udmabuf
watch_zcgem
dbus-run-session -- kwin_wayland --virtual --width 640 --height 480 --no-lockscreen \
	--no-global-shortcuts --socket wl-kwin >/tmp/kwin.out 2>&1 &
session=$!
wait_for 150 test -S $XDG_RUNTIME_DIR/wl-kwin
result $? "kwin_wayland is up" "$(tail -n 5 /tmp/kwin.out)"
WAYLAND_DISPLAY=wl-kwin weston-simple-shm >/tmp/client.out 2>&1 &
client=$!
wait_for 100 kwin_made_one
check_made 'kwin.*' "a client's shared memory is a dma-buf of zcgem's"
kill -0 $client
result $? "the client goes on" "$(cat /tmp/client.out)"
kill $client
wait $client 2>/dev/null
kill $(pidof kwin_wayland)
wait $session 2>/dev/null
check_nothing_left
give_udmabuf_back
