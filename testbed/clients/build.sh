#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles the client programs; runs inside the clients tree. Arguments: sources, output.
set -e
cd "$1"
out=$2
mkdir -p "$out"

program() { # name, pkg-config packages, sources
	name=$1 packages=$2
	shift 2
	# The packages are words.
	gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -I"$out" -o "$out/$name" "$@" \
		$(pkg-config --cflags --libs $packages)
}

program vulkan_share "vulkan libdrm" vulkan_share.c gpu.c buffer.c
program vulkan_import "vulkan libdrm" vulkan_import.c gpu.c buffer.c
for stage in vert frag; do
	glslangValidator -V --quiet --vn triangle_$stage -o "$out/triangle_$stage.h" triangle.$stage
done
program vulkan_draw "vulkan libdrm" vulkan_draw.c gpu.c triangle.c buffer.c
program vulkan_host "vulkan libdrm" vulkan_host.c gpu.c buffer.c
program egl_import "egl glesv2 libdrm" egl_import.c gl.c triangle.c buffer.c
program gbm_draw "gbm egl glesv2 libdrm" gbm_draw.c gl.c triangle.c scanout.c \
	buffer.c
program hold "libdrm" hold.c buffer.c
program check_png "libpng" check_png.c buffer.c

protocols=$(pkg-config --variable=pkgdatadir wayland-protocols)
for xml in stable/xdg-shell/xdg-shell stable/linux-dmabuf/linux-dmabuf-v1; do
	name=${xml##*/}
	wayland-scanner client-header "$protocols/$xml.xml" "$out/$name-client-protocol.h"
	wayland-scanner private-code "$protocols/$xml.xml" "$out/$name-protocol.c"
done
program wayland_dmabuf "wayland-client libdrm" wayland_dmabuf.c buffer.c \
	"$out/xdg-shell-protocol.c" "$out/linux-dmabuf-v1-protocol.c"
program qemu_blob "libdrm" qemu_blob.c virtio_gpu.c qtest.c rfb.c buffer.c

# A kernel of its own for QEMU: no library, not even the compiler's.
gcc -std=gnu11 -O2 -Wall -Wextra -Werror -m32 -march=i686 -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables \
	-fcf-protection=none -nostdlib -static -no-pie -I/usr/include/x86_64-linux-gnu \
	-Wl,--build-id=none,-z,noexecstack,-Ttext-segment=0x400000 -o "$out/picture_guest" \
	picture_guest.c virtio_gpu.c

# These need the library besides.
cd "$1/../../userspace"
gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -I../uapi -Ilibzcgem -D_FILE_OFFSET_BITS=64 \
	-o "$out/camera" "$1/camera.c" "$1/video.c" "$1/buffer.c" libzcgem/*.c \
	$(pkg-config --cflags --libs libdrm) -lpthread
gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -I../uapi -Ilibzcgem -D_FILE_OFFSET_BITS=64 \
	-o "$out/vulkan_buffer" examples/vulkan_buffer.c libzcgem/*.c \
	$(pkg-config --cflags --libs vulkan libdrm) -lpthread
