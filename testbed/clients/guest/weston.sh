#!/bin/sh
# SPDX-License-Identifier: MIT
# A window whose buffer is a dma-buf of zcgem's: weston's picture of it must be the memfd's.
. /work/testbed/clients/guest/tap.sh
. /work/testbed/clients/guest/compositor.sh
take_udmabuf
watch_zcgem
start_weston wl-dmabuf
$bin/wayland_dmabuf >/tmp/client 2>&1 &
client=$!
wait_for 60 grep -q shown /tmp/client
result $? "the window is shown" "$(cat /tmp/client; tail -n 5 /tmp/weston.out)"
check_made wayland_dmabuf "its buffer is zcgem's"
mkdir -p /tmp/shots
cd /tmp/shots
check "screenshot" within 60 weston-screenshooter
check "the screenshot is the memfd's picture" $bin/check_png /tmp/shots/*.png pattern
cp /tmp/shots/*.png "${results:-/out}/weston.png" 2>/dev/null
cd /tmp
kill $client
wait $client 2>/dev/null
stop_weston
check_nothing_left
give_udmabuf_back
