#!/bin/sh
# SPDX-License-Identifier: MIT
# V4L2's test driver vivid as importer: instance 0 reaches buffers by a kernel mapping, 1 by
# DMA that needs one contiguous run below 4 GiB, 2 has formats of several planes.
. /work/testbed/clients/guest/tap.sh
camera=$bin/camera
echo 24 >/proc/sys/vm/nr_hugepages
# The instances' nodes: a camera and a display each.
modprobe vivid n_devs=3 node_types=0x101,0x101,0x101 allocators=0,1,0 multiplanar=1,1,2 ||
	exit 1
for memory in shmem huge pool; do
	check "a camera writes through a kernel mapping: $memory" \
		within 30 $camera capture 0 $memory XR24
done
for format in YUYV NV12 RGB3; do
	check "a camera's format $format" within 30 $camera capture 0 shmem $format
done
check "planes that are objects of their own" within 30 $camera capture 2 shmem NM12
check "a camera writes by DMA into huge pages" within 30 $camera capture 1 huge XR24
check "a device that needs contiguous memory refuses scattered pages" \
	within 30 $camera refused 1 XR24
for memory in shmem pool; do
	check "an output's picture comes back: $memory" within 100 $camera loop 0 $memory
done
check "the engine copies from a camera's own buffers" within 30 $camera export 0
modprobe -r vivid
result $? "vivid is not in use any more"
check_nothing_left
