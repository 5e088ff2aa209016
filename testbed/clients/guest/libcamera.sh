#!/bin/sh
# SPDX-License-Identifier: MIT
# libcamera's DmaBufAllocator, which takes udmabuf where there are no dma-buf heaps.
. /work/testbed/clients/guest/tap.sh
mkdir -p /tmp/camera
export LIBCAMERA_PIPELINES_MATCH_LIST=virtual LIBCAMERA_LOG_NO_COLOR=1
cat >/tmp/camera/virtual.yaml <<YAML
"Virtual0":
  supported_formats:
  - width: 640
    height: 480
    frame_rates: [30, 60]
  test_pattern: "bars"
  location: "CameraLocationFront"
  model: "Bars"
YAML
# Where it looks for it is in the read-only tree.
config=/usr/share/libcamera/pipeline/virtual
mount -t tmpfs share /usr/share/libcamera 2>/dev/null || {
	mkdir -p /tmp/upper /tmp/worker
	mount -t overlay overlay -o lowerdir=/usr/share,upperdir=/tmp/upper,workdir=/tmp/worker /usr/share
}
mkdir -p $config
cp /tmp/camera/virtual.yaml $config/
[ ! -d /dev/dma_heap ] || mount -t tmpfs heaps /dev/dma_heap
take_udmabuf
watch_zcgem
check "30 frames of the virtual camera" within 60 cam -c1 -C30
check_made 'CameraManager|cam' "its buffers are zcgem's"
check_nothing_left
umount /dev/dma_heap 2>/dev/null
give_udmabuf_back
