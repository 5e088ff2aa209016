#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest inside QEMU inside the guest: it draws a picture in scattered pages of its memory and
# has its virtio-gpu show it, for which QEMU calls UDMABUF_CREATE_LIST. It is a driver and nothing
# else, because an emulator that is emulated takes very long for an operating system.
. /work/testbed/clients/guest/tap.sh
pages=$(cat /proc/sys/vm/nr_hugepages)
take_udmabuf
mkfifo /tmp/monitor

inner() { # name [of the memory backend]
	watch_zcgem
	rm -f /tmp/inner.log /tmp/inner.png
	qemu-system-x86_64 -accel tcg -m 64M -nodefaults -no-user-config -display none \
		-machine pc,memory-backend=mem1 \
		-object memory-backend-memfd,id=mem1,size=64M,share=on$2 \
		-device virtio-gpu-pci,blob=true,xres=640,yres=480,addr=4 \
		-debugcon file:/tmp/inner.log -monitor stdio -kernel "$bin/picture_guest" \
		</tmp/monitor >/tmp/qemu.out 2>&1 &
	qemu=$!
	exec 4>/tmp/monitor
	wait_for 100 grep -q '^shown' /tmp/inner.log
	result $? "$1: the inner guest has drawn" "$(tail -n 5 /tmp/inner.log /tmp/qemu.out)"
	printf 'screendump /tmp/inner.png -f png\nquit\n' >&4
	exec 4>&-
	wait $qemu
	check "$1: QEMU shows it" $bin/check_png /tmp/inner.png pattern
	cp /tmp/inner.png "$results/inner${2:+-hugetlb}.png"
	check_listed "qemu-system.*" $((640 * 480 * 4)) "$1: the list is zcgem's"
}

inner "small pages"
echo 40 >/proc/sys/vm/nr_hugepages
inner "huge pages" ,hugetlb=on,hugetlbsize=2M
echo "$pages" >/proc/sys/vm/nr_hugepages
check_nothing_left
give_udmabuf_back
