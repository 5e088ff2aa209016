#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples, each of which says itself whether it went well, and what the tools see meanwhile.
. /work/testbed/clients/guest/tap.sh
examples=/work/build/guest/userspace/examples
zcgem=/work/build/guest/userspace/tools/zcgem

check "share_memfd" $examples/share_memfd
check "wrap_address" $examples/wrap_address
check "fences" $examples/fences
check "replace_udmabuf, udmabuf" $examples/replace_udmabuf /dev/udmabuf
check "replace_udmabuf, zcgem" $examples/replace_udmabuf "$(zcgem_node renderD)"

modprobe -a cirrus cirrus-qemu 2>/dev/null
for card in /sys/class/drm/card[0-9]; do
	case $(basename "$(readlink "$card/device/driver")") in
	cirrus*) display=/dev/dri/${card##*/} ;;
	esac
done
check "show_on_display" $examples/show_on_display "$display"
modprobe -r cirrus cirrus-qemu 2>/dev/null

check "zcgem info" $zcgem info
check "zcgem top" $zcgem top -n 2 -d 0.5
# Its rows are wider than many terminals: the terminal cuts them, and is as it was afterwards.
escape=$(printf '\033')
said=$(python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))' \
	$zcgem top -n 2 -d 0.5 </dev/null)
case $said in
"$escape"'[?1049h'*"$escape"'[?7l'*"zcgem top - "*"$escape"'[?7h'*"$escape"'[?1049l'*) true ;;
*) false ;;
esac
result $? "zcgem top on a terminal" "$said"
check "zcgem objects" $zcgem objects
check "zcgem copy" sh /work/testbed/guest/copy.sh $zcgem
check_nothing_left
echo "1..$number"
