#!/bin/sh
# SPDX-License-Identifier: MIT
# The udev rules, by the real udevd: who may use the node, and the opt-in name /dev/udmabuf.
. /work/testbed/clients/guest/tap.sh
source=/work/userspace/udev
rules=/run/udev/rules.d
mkdir -p $rules
cp $source/70-zcgem.rules $source/72-zcgem-seat.rules $rules/
cp $source/zcgem-udmabuf /tmp/
chmod 755 /tmp/zcgem-udmabuf
# The group is that of systemd's rules, which have not seen it yet.
chown root:kvm /dev/udmabuf
chmod 660 /dev/udmabuf
kernels=$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)

/lib/systemd/systemd-udevd --daemon
settle() {
	udevadm trigger --action=add -s drm
	udevadm settle -t 20
}
tags() { # node
	udevadm info -q property -n "$1" | sed -n 's/^CURRENT_TAGS=//p'
}
same() { # name, node: one inode
	[ ! -h "$1" ] && [ "$1" -ef "$2" ]
}

check "the rules are well formed" udevadm verify --resolve-names=never $rules/*.rules
settle
node=$(zcgem_node renderD)
card=$(zcgem_node card)
tags "$node" | grep -q ':uaccess:'
result $? "the render node has the tag uaccess" "$(tags "$node")"
! tags "$card" | grep -qE ':(seat|master-of-seat):'
result $? "the card node is no part of a seat" "$(tags "$card")"
tags "$card" | grep -q ':mutter-device-ignore:'
result $? "mutter is to leave the card node alone" "$(tags "$card")"
[ "$(readlink -f /dev/dri/by-driver/zcgem-render)" = "$node" ] &&
	[ "$(readlink -f /dev/dri/by-driver/zcgem-card)" = "$card" ]
result $? "the nodes have names by their driver" "$(ls -l /dev/dri/by-driver)"
[ "$(stat -c '%G %a' "$node")" = "render 660" ]
result $? "the render node is the group's like other render nodes" "$(stat -c '%G %a' "$node")"
[ "$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)" = "$kernels" ]
result $? "without the opt-in the name stays the kernel's"

sed 's#@script@#/tmp/zcgem-udmabuf#' $source/71-zcgem-udmabuf.rules >$rules/71-zcgem-udmabuf.rules
check "the rule is well formed" udevadm verify --resolve-names=never $rules/71-zcgem-udmabuf.rules
udevadm control --reload
settle
same /dev/udmabuf "$node"
result $? "with it the name is the node's" "$(ls -l /dev/udmabuf "$node")"
watch_zcgem
check "a client of that name" $bin/vulkan_host
check_made vulkan_host "is served by zcgem"
# By its path: the guest's shell is busybox, which has another one.
open_as() { # user, group
	/usr/bin/setpriv --reuid "$1" --regid "$2" --clear-groups sh -c ': <>/dev/udmabuf'
}
check "the group of the kernel's udmabuf may open it" open_as 12345 kvm
said=$(open_as 12345 games 2>&1)
case $said in
*"ermission denied"*) true ;;
*) false ;;
esac
result $? "others may not" "$said"
# As logind does it for who comes to sit at the machine.
setfacl -m u:12346:rw "$node"
check "who may open the node by its ACL may open it" open_as 12346 games
settle
same /dev/udmabuf "$node"
result $? "another event changes nothing" "$(ls -l /dev/udmabuf "$node")"

modprobe -r zcgem
udevadm settle -t 20
[ "$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)" = "$kernels" ]
result $? "the name is given back when the module goes" "$(ls -l /dev/udmabuf*)"
[ ! -e /dev/dri/by-driver ]
result $? "the names by the driver are gone" "$(ls -l /dev/dri/by-driver)"
modprobe zcgem num_devices=2
udevadm settle -t 20
same /dev/udmabuf "$(zcgem_node renderD)"
result $? "of two devices the one with the lower number has it" "$(ls -l /dev/udmabuf* /dev/dri)"
[ -c /dev/dri/by-driver/zcgem-render ] && [ -c /dev/dri/by-driver/zcgem.1-render ] &&
	[ ! /dev/dri/by-driver/zcgem-render -ef /dev/dri/by-driver/zcgem.1-render ]
result $? "and both have names by their driver" "$(ls -l /dev/dri/by-driver)"

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
ln -f "$(ls -d /dev/dri/renderD* | tail -n 1)" /dev/udmabuf
held_by "0 1" "the other one does when the name is its"
ln -f /dev/udmabuf.kernel /dev/udmabuf
held_by "0 0" "the kernel's udmabuf does when the name is its"

# The first device goes and the second one lives.
set -- /dev/dri/renderD*
lower=$1 higher=$2
ln -f "$lower" /dev/udmabuf
echo zcgem >/sys/bus/zcgem/drivers/zcgem/unbind
udevadm settle -t 20
[ ! -e "$lower" ] && same /dev/udmabuf "$higher"
result $? "when that one goes the other one has it" "$(ls -l /dev/udmabuf* /dev/dri)"
echo zcgem >/sys/bus/zcgem/drivers/zcgem/bind
udevadm settle -t 20
same /dev/udmabuf "$lower"
result $? "when it comes back it has the name again" "$(ls -l /dev/udmabuf* /dev/dri)"

/tmp/zcgem-udmabuf give
[ "$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)" = "$kernels" ]
result $? "the name is given back while there are devices" "$(ls -l /dev/udmabuf*)"
/tmp/zcgem-udmabuf
same /dev/udmabuf "$lower"
result $? "and taken again" "$(ls -l /dev/udmabuf*)"
rm /dev/udmabuf.kernel
modprobe -r zcgem
udevadm settle -t 20
[ "$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)" = "$kernels" ]
result $? "the name is given back when both go, also where the kernel's node was lost" "$(ls -l /dev/udmabuf*)"
rm -r $rules
udevadm control --exit
modprobe zcgem
[ "$(ls -l /dev/udmabuf | tr -s ' ' | cut -d' ' -f5,6)" = "$kernels" ]
result $? "all is as it was" "$(ls -l /dev/udmabuf*)"
