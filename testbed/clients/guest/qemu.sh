#!/bin/sh
# SPDX-License-Identifier: MIT
# QEMU's virtio-gpu with blob resources: guest memory on the screen by UDMABUF_CREATE_LIST.
. /work/testbed/clients/guest/tap.sh
pages=$(cat /proc/sys/vm/nr_hugepages)
take_udmabuf

blob() { # name width height [backend]
	watch_zcgem
	check "$1" timeout 100 $bin/qemu_blob "$2" "$3" $4
	# One object of many scattered pages: that was a list.
	grep -q "qemu-system.*zcgem_create: .*backing=memfd size=$(($2 * $3 * 4)) " $tracing/trace
	result $? "$1: the list is zcgem's" "$(grep zcgem_create $tracing/trace)"
}

blob "300 scattered pages" 640 480
blob "1000 scattered pages" 1280 800
echo 40 >/proc/sys/vm/nr_hugepages
blob "on huge pages" 640 480 ,hugetlb=on,hugetlbsize=2M
echo "$pages" >/proc/sys/vm/nr_hugepages
check_nothing_left
give_udmabuf_back
