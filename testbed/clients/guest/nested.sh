#!/bin/sh
# SPDX-License-Identifier: MIT
# A whole Linux inside QEMU inside the guest: its framebuffer is a blob of scattered pages of
# its memory, for which QEMU calls UDMABUF_CREATE_LIST, and what QEMU shows is what the inner
# Linux has drawn there.
. /work/testbed/clients/guest/tap.sh
# What the inner Linux needs no time for, in an emulator that is emulated.
words="quiet panic=-1 nokaslr acpi=off nosmp lpj=4000000 tsc=reliable no_timer_check mitigations=off"
words="$words rodata=off init_on_alloc=0 cryptomgr.notests vt.global_cursor_default=0"
pages=$(cat /proc/sys/vm/nr_hugepages)
version=$(uname -r | cut -d. -f1,2)
take_udmabuf
mkfifo /tmp/monitor

inner() { # name [of the memory backend]
	watch_zcgem
	rm -f /tmp/inner.log /tmp/inner.png
	qemu-system-x86_64 -accel tcg -m 256M -nodefaults -no-user-config -display none \
		-machine pc,memory-backend=mem1 \
		-object memory-backend-memfd,id=mem1,size=256M,share=on$2 \
		-device virtio-gpu-pci,blob=true,xres=640,yres=480 \
		-serial file:/tmp/inner.log -monitor stdio \
		-kernel "$bin/vmlinux-$version" -initrd "$bin/inner-$version" \
		-append "console=ttyS0 $words" \
		</tmp/monitor >/tmp/qemu.out 2>&1 &
	qemu=$!
	exec 4>/tmp/monitor
	until grep -q '^shown' /tmp/inner.log 2>/dev/null || ! kill -0 $qemu; do
		sleep 1
	done
	grep -q '^shown' /tmp/inner.log
	result $? "$1: the inner Linux has drawn" "$(tail -n 5 /tmp/inner.log /tmp/qemu.out)"
	printf 'screendump /tmp/inner.png -f png\nquit\n' >&4
	exec 4>&-
	wait $qemu
	check "$1: QEMU shows it" $bin/check_png /tmp/inner.png pattern
	cp /tmp/inner.png "$results/inner${2:+-hugetlb}.png"
	check_listed "qemu-system.*" $((640 * 480 * 4)) "$1: the framebuffer's list is zcgem's"
}

inner "small pages"
echo 140 >/proc/sys/vm/nr_hugepages
inner "huge pages" ,hugetlb=on,hugetlbsize=2M
echo "$pages" >/proc/sys/vm/nr_hugepages
check_nothing_left
give_udmabuf_back
