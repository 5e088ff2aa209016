#!/bin/sh
# SPDX-License-Identifier: MIT
# zcgem's buffers on a display that another driver drives. Says "shot NAME" when there is
# something to see, and goes on when it reads a line. Argument: the display's driver.
. /work/testbed/clients/guest/tap.sh
. /work/testbed/clients/guest/compositor.sh
modprobe "$1" || exit 1
for card in /sys/class/drm/card[0-9]; do
	[ "$(basename "$(readlink "$card/device/driver")")" = zcgem ] || display=${card##*/}
done
take_udmabuf

watch_zcgem
$bin/gbm_draw "$(zcgem_node card)" "/dev/dri/$display" 2>/tmp/said
result $? "GBM's dumb buffer on the display of $1" "$(cat /tmp/said)"
grep -q 'gbm_draw.*zcgem_create: .*backing=pool' $tracing/trace
result $? "the dumb buffer is zcgem's"
exec 3<&0 </dev/null

/lib/systemd/systemd-udevd --daemon
udevadm trigger -s drm -s graphics
udevadm settle -t 20
seatd -g root >/tmp/seatd.out 2>&1 &
seatd=$!
wait_for 20 test -S /run/seatd.sock
mkdir -p /tmp/config
printf '[output]\nname=%s\nmode=640x480\n' \
	"$(ls /sys/class/drm | sed -n "s/^$display-//p")" >/tmp/config/weston.ini
watch_zcgem
WAYLAND_DISPLAY=wl-kms LIBSEAT_BACKEND=seatd XDG_CONFIG_HOME=/tmp/config \
	weston --backend=drm --renderer=gl --continue-without-input --drm-device="$display" \
	--shell=kiosk --idle-time=0 --socket=wl-kms --log=/tmp/weston.log >/tmp/weston.out 2>&1 &
weston=$!
wait_for 60 test -S $XDG_RUNTIME_DIR/wl-kms
result $? "weston is up on $1" "$(tail -n 5 /tmp/weston.log)"
WAYLAND_DISPLAY=wl-kms $bin/wayland_dmabuf >/tmp/client 2>&1 &
client=$!
wait_for 60 grep -q 'shown 640x480' /tmp/client
result $? "weston shows the window" "$(cat /tmp/client; tail -n 5 /tmp/weston.log)"
check_made wayland_dmabuf "its buffer is zcgem's"
echo "shot window"
read -r _ <&3
kill $client
wait $client 2>/dev/null
stop_weston
kill $seatd
wait $seatd 2>/dev/null
udevadm control --exit
check_nothing_left
give_udmabuf_back
# Its status tells of modules below it, which zcgem needs.
modprobe -r "$1"
exit 0
