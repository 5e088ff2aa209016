#!/bin/sh
# SPDX-License-Identifier: MIT
# The udev rules, by the real udevd: who may use the node, and the opt-in name /dev/udmabuf.
. /work/testbed/clients/guest/tap.sh
source=/work/userspace/udev
rules=/run/udev/rules.d
mkdir -p $rules
cp $source/70-zcgem.rules $rules/
cp $source/zcgem-udmabuf-link /tmp/
chmod 755 /tmp/zcgem-udmabuf-link
kernels=$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)

/lib/systemd/systemd-udevd --daemon
settle() {
	udevadm trigger --action=add -s drm
	udevadm settle -t 20
}

check "the rules are well formed" udevadm verify --resolve-names=never $source/70-zcgem.rules
settle
node=$(zcgem_node renderD)
udevadm info -q property -n "$node" | grep -q '^CURRENT_TAGS=.*:uaccess:'
result $? "the render node has the tag uaccess" "$(udevadm info -q property -n "$node" | grep TAGS)"
[ "$(stat -c '%G %a' "$node")" = "render 660" ]
result $? "the render node is the group's like other render nodes" "$(stat -c '%G %a' "$node")"
[ -c /dev/udmabuf ] && [ ! -h /dev/udmabuf ]
result $? "without the opt-in the name stays the kernel's"

sed 's#@script@#/tmp/zcgem-udmabuf-link#' $source/71-zcgem-udmabuf.rules >$rules/71-zcgem-udmabuf.rules
udevadm control --reload
settle
[ "$(readlink /dev/udmabuf)" = "$node" ]
result $? "with it the name is a link to the node" "$(ls -l /dev/udmabuf)"
watch_zcgem
check "a client of that name" $bin/vulkan_host
check_made vulkan_host "is served by zcgem"

modprobe -r zcgem
udevadm settle -t 20
[ "$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)" = "$kernels" ]
result $? "the name is given back when the module goes" "$(ls -l /dev/udmabuf*)"
modprobe zcgem num_devices=2
udevadm settle -t 20
[ "$(readlink -f /dev/udmabuf)" = "$(zcgem_node renderD)" ]
result $? "of two devices the one with the lower number has it" "$(ls -l /dev/udmabuf* /dev/dri)"

# Objects of both devices while a client of the name has one; udmabuf's own count for neither.
mkfifo /tmp/go
held_by() { # what the counts must be, name
	$bin/hold </tmp/go >/tmp/held &
	client=$!
	exec 5>/tmp/go
	wait_for 20 grep -q held /tmp/held
	counts=
	for node in /dev/dri/renderD*; do
		stats=/sys/kernel/debug/dri/${node##*renderD}/zcgem_stats
		counts="$counts$(sed -n 's/^objects: //p' "$stats") "
	done
	exec 5>&-
	wait $client
	[ "$counts" = "$1 " ]
	result $? "$2" "the objects of the devices are $counts"
}
held_by "1 0" "that one serves the name"
ln -sfn "$(ls -d /dev/dri/renderD* | tail -n 1)" /dev/udmabuf
held_by "0 1" "the other one does when the link names it"
ln -sfn /dev/udmabuf.kernel /dev/udmabuf
held_by "0 0" "the kernel's udmabuf does when the link names that"

# The first device goes and the second one lives.
lower=$(zcgem_node renderD)
ln -sfn "$lower" /dev/udmabuf
higher=$(ls -d /dev/dri/renderD* | tail -n 1)
echo zcgem >/sys/bus/platform/drivers/zcgem/unbind
udevadm settle -t 20
[ ! -e "$lower" ] && [ "$lower" != "$higher" ] && [ "$(readlink /dev/udmabuf)" = "$higher" ]
result $? "when that one goes the other one has it" "$(ls -l /dev/udmabuf* /dev/dri)"
echo zcgem >/sys/bus/platform/drivers/zcgem/bind
udevadm settle -t 20
[ "$(readlink /dev/udmabuf)" = "$lower" ]
result $? "when it comes back it has the name again" "$(ls -l /dev/udmabuf* /dev/dri)"

modprobe -r zcgem
udevadm settle -t 20
[ "$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)" = "$kernels" ]
result $? "the name is given back when both go" "$(ls -l /dev/udmabuf*)"
rm -r $rules
udevadm control --exit
modprobe zcgem
[ -c /dev/udmabuf ] && [ ! -h /dev/udmabuf ]
result $? "all is as it was" "$(ls -l /dev/udmabuf*)"
