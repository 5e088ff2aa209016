#!/bin/sh
# SPDX-License-Identifier: MIT
# wlroots' own udmabuf allocator: the compositor draws its output into zcgem's memory.
. /work/testbed/clients/guest/tap.sh
. /work/testbed/clients/guest/compositor.sh
export WLR_BACKENDS=headless WLR_RENDERER=gles2 WLR_RENDERER_FORCE_SOFTWARE=1
export WLR_LIBINPUT_NO_DEVICES=1
take_udmabuf
watch_zcgem
rm -f $XDG_RUNTIME_DIR/wayland-*
cage -d -- weston-simple-shm >/tmp/cage.out 2>&1 &
cage=$!
wait_for 60 test -S $XDG_RUNTIME_DIR/wayland-0
result $? "cage is up" "$(cat /tmp/cage.out)"
export WAYLAND_DISPLAY=wayland-0
# The client takes its time, and the screenshot too.
shot() {
	within 60 grim /tmp/cage.png && $bin/check_png /tmp/cage.png colours 20
}
wait_for 5 shot
result $? "the screenshot has the client's picture" "$(tail -n 5 /tmp/cage.out)"
check_made cage "the output's buffers are zcgem's"
cp /tmp/cage.png "${results:-/out}/cage.png"
kill $cage
wait $cage 2>/dev/null
check_nothing_left
give_udmabuf_back
