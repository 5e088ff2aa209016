#!/bin/sh
# SPDX-License-Identifier: MIT
# Lavapipe: memory that it exports, dma-bufs that it imports, and host memory beside them.
. /work/testbed/clients/guest/tap.sh
take_udmabuf
watch_zcgem
check "export and import in two processes" $bin/vulkan_share
check_made vulkan_share "the exported memory is zcgem's"
check "import as buffer and image" $bin/vulkan_import
check_made vulkan_import "the imported memory is zcgem's" 4
check "import as the image that shaders draw into" $bin/vulkan_draw
check_made vulkan_draw "the image is zcgem's"
check "the example of Vulkan" $bin/vulkan_buffer
check "external_memory_host" $bin/vulkan_host
check_nothing_left
give_udmabuf_back
