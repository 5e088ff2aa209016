#!/bin/sh
# SPDX-License-Identifier: MIT
# QEMU's virtio-gpu with blob resources: guest memory on the screen by UDMABUF_CREATE_LIST, from
# the dma-buf's mapping, and as llvmpipe imports it.
. /work/testbed/clients/guest/tap.sh
pages=$(cat /proc/sys/vm/nr_hugepages)
take_udmabuf

blob() { # name display width height [backend]
	watch_zcgem
	check "$1" within 100 $bin/qemu_blob "$2" "$3" "$4" $5
	check_listed "qemu-system.*" $(($3 * $4 * 4)) "$1: the list is zcgem's"
}

gl=egl-headless,rendernode=$(zcgem_node renderD)
blob "300 scattered pages" none 640 480
blob "1000 scattered pages" none 1280 800
blob "300 scattered pages by OpenGL" "$gl" 640 480
echo 40 >/proc/sys/vm/nr_hugepages
blob "on huge pages" none 640 480 ,hugetlb=on,hugetlbsize=2M
blob "on huge pages by OpenGL" "$gl" 640 480 ,hugetlb=on,hugetlbsize=2M
echo "$pages" >/proc/sys/vm/nr_hugepages
check_nothing_left
give_udmabuf_back
