#!/bin/sh
# SPDX-License-Identifier: MIT
# OpenGL by llvmpipe into a dma-buf of zcgem's, and into zcgem's dumb buffers by GBM.
. /work/testbed/clients/guest/tap.sh
take_udmabuf
watch_zcgem
check "EGL import of a memfd's dma-buf" $bin/egl_import
check_made egl_import "it is zcgem's"
check "GBM on the card node, by dumb buffers" $bin/gbm_draw "$(zcgem_node card)"
[ "$(grep -c 'gbm_draw.*zcgem_create: .*backing=pool' $tracing/trace)" -ge 1 ]
result $? "the dumb buffers are zcgem's"
check_nothing_left
give_udmabuf_back
