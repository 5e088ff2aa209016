/* SPDX-License-Identifier: MIT */
/*
 * A disk of memory, with a file system if that is wanted.
 */
#ifndef IGT_ZCGEM_DISK_H
#define IGT_ZCGEM_DISK_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct zcgem_disk - A loop device on a memfd.
 * @control: /dev/loop-control
 * @device: the device, opened for direct I/O
 * @memfd: what it holds
 * @name: path of @device
 * @directory: where ext4 on it is mounted, or ""
 */
struct zcgem_disk {
	int control, device, memfd;
	char name[32];
	char directory[32];
};

void zcgem_disk_open(struct zcgem_disk *disk);
void zcgem_disk_mount(struct zcgem_disk *disk);
int zcgem_disk_file(const struct zcgem_disk *disk, int flags, uint64_t size);
void zcgem_disk_close(struct zcgem_disk *disk);

#endif /* IGT_ZCGEM_DISK_H */
