#!/bin/sh
# SPDX-License-Identifier: MIT
# GStreamer's udmabuf allocator, which waylandsink takes where /dev/udmabuf works.
. /work/testbed/clients/guest/tap.sh
. /work/testbed/clients/guest/compositor.sh
export GST_REGISTRY=/tmp/gst-registry
take_udmabuf
start_weston wl-gst
watch_zcgem
check "videotestsrc to waylandsink" within 90 gst-launch-1.0 -q videotestsrc num-buffers=20 ! \
	video/x-raw,format=BGRx,width=640,height=480,framerate=10/1 ! waylandsink
# Which of its threads allocates is GStreamer's affair; the compositor's are weston's.
count=$(grep 'zcgem_create: .*backing=memfd' $tracing/trace | grep -cv '^ *weston')
[ "$count" -ge 1 ]
result $? "its buffers are zcgem's" "$count objects"
stop_weston
check_nothing_left
give_udmabuf_back
