#!/bin/sh
# SPDX-License-Identifier: MIT
# The library where little of the machine is to be seen, and what zcgem info says where the device
# cannot be opened. By their paths, since the guest's shell is busybox.
. /work/testbed/clients/guest/tap.sh
example=/work/build/guest/userspace/examples/share_memfd
zcgem=/work/build/guest/userspace/tools/zcgem
# Where the loader looks for it needs /proc, if the program says so.
export LD_LIBRARY_PATH=/work/build/guest/userspace/libzcgem
node=$(zcgem_node renderD)
devno=$(printf '%d %d' "0x$(stat -c %t "$node")" "0x$(stat -c %T "$node")")

# A shell of its own mounts for a script.
sandbox() { # script
	/usr/bin/unshare -m sh -ec "$1"
}
as_user() {
	/usr/bin/setpriv --reuid 12345 --regid 12345 --clear-groups "$@"
}

# A memfd is wrapped, mapped and exported; and zcgem info answers.
works() { # name, script that makes the sandbox
	check "$1" sandbox "$2
$example
$zcgem info >/tmp/info
grep '^nodes: /dev/' /tmp/info"
}
no_sys="busybox umount -l /sys"
no_proc="busybox umount -l /proc"
works "everything is there" ":"
works "no /sys" "$no_sys"
works "an empty /sys" "busybox mount -t tmpfs none /sys"
works "no /proc" "$no_proc"
works "neither" "$no_sys; $no_proc"
works "only the render node, under another number, and no /sys" \
	"busybox mount -t tmpfs none /dev/dri; mknod /dev/dri/renderD140 c $devno; $no_sys"
# zcgem is asked for its name; what else is there has another one, or is no DRM node at all.
works "among nodes that are not zcgem's, and no /sys" \
	"busybox mount -t tmpfs none /dev/dri; mknod /dev/dri/renderD128 c 1 3; mknod /dev/dri/renderD129 c $devno
	 echo >/dev/dri/renderD127; $no_sys"
works "a node by ZCGEM_DEVICE" \
	"busybox mount -t tmpfs none /dev/dri; mknod /dev/dri/renderD128 c 1 3; mknod /dev/node c $devno
	 export ZCGEM_DEVICE=/dev/node; $no_sys"
rm /dev/node
chmod 666 "$node"
check "a user namespace without capabilities" as_user /usr/bin/unshare -U $example
chmod 660 "$node"

# It is refused with this error, and the reason is named.
refused() { # name, error, words, script that makes the sandbox, command before zcgem
	said=$(sandbox "$4
$5 $zcgem info" 2>&1)
	case $said in
	*": $2"*"why: "*"$3"*"to do: "*) true ;;
	*) false ;;
	esac
	result $? "$1" "$said"
}
user="/usr/bin/setpriv --reuid 12345 --regid 12345 --clear-groups"
denied="Permission denied"
refused "no node" "No such device or address" "no render node of it in /dev/dri here" \
	"busybox mount -t tmpfs none /dev/dri"
refused "no node and no /sys" "No such device or address" "no render node of it in /dev/dri here" \
	"busybox mount -t tmpfs none /dev/dri; $no_sys"
refused "nothing at all" "No such device" "no /sys or /proc" \
	"busybox mount -t tmpfs none /dev/dri; $no_sys; $no_proc"
refused "a user who is not in the group" "$denied" "$node is for the group" \
	"chgrp games $node" "$user"
refused "and no /sys" "$denied" "$node is for the group games" "$no_sys" "$user"
refused "a node without a mode for the group" "$denied" "has the mode 600" \
	"busybox mount -t tmpfs none /dev/dri; mknod -m 600 $node c $devno" "$user"
refused "a file system without devices" "$denied" "(nodev)" \
	"busybox mount -t tmpfs -o nodev none /dev/dri; mknod -m 666 $node c $devno"
refused "ZCGEM_DEVICE that is something else" "No such device" "/dev/null, which is no node of zcgem" \
	"export ZCGEM_DEVICE=/dev/null"
chgrp 0 "$node"
check_nothing_left

modprobe -r zcgem
refused "the module is not loaded" "No such device" "the module is installed and not loaded" ":"
modprobe zcgem num_devices=2
# vgem may have a node too.
set --
for node in /sys/class/drm/renderD*; do
	[ "$(basename "$(readlink "$node/device/driver")")" != zcgem ] ||
		set -- "$@" "/dev/dri/${node##*/}"
done
for node; do
	check "of two devices $node" env ZCGEM_DEVICE="$node" $zcgem info
	echo "$said" | grep -q "^nodes: $node "
	result $? "it is that one" "$said"
done
check "of two devices none is named" $zcgem info
echo "$said" | grep -q "^nodes: $1 "
result $? "it is the first one" "$said"
modprobe -r zcgem
modprobe zcgem
echo "1..$number"
