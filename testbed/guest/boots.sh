# SPDX-License-Identifier: MIT
# What a machine that systemd has started looks like with zcgem's packages; a job of packages.py,
# which sets gpu, the driver of the machine's GPU, and render where that has a render node.
fail() {
	echo "boots: $*"
	ls -l /dev/dri /dev/dri/by-driver
	for node in /sys/class/drm/card? /sys/class/drm/renderD*; do
		echo "$node is $(driver_of "${node##*/}")'s"
	done
	systemctl --no-pager --failed
	journalctl --no-pager -b | tail -n 40
	exit 1
}

driver_of() { # card0, renderD128
	basename "$(readlink "/sys/class/drm/$1/device/driver")"
}

# A small machine is without what some of systemd's own units need, and called degraded.
systemctl is-system-running --wait >/tmp/state
grep -qE 'running|degraded' /tmp/state || fail "the system is $(cat /tmp/state)"
systemctl is-active --quiet zcgem.service || fail "zcgem.service is not active"
udevadm settle -t 60
[ -c /dev/dri/by-driver/zcgem-render ] || fail "zcgem has no node"
[ "$(driver_of card0)" = "$gpu" ] || fail "card0 is not the GPU's"
[ -z "$render" ] || [ "$(driver_of renderD128)" = "$gpu" ] || fail "renderD128 is not the GPU's"
card=$(readlink -f /dev/dri/by-driver/zcgem-card)
loginctl show-seat seat0 -p CanGraphical | grep -q yes || fail "the seat is not graphical"
! loginctl --no-pager seat-status seat0 | grep -q "drm:${card##*/}" || fail "$card is part of the seat"
echo "boots: card0 is the GPU's, zcgem's are $card and $(readlink -f /dev/dri/by-driver/zcgem-render)"
