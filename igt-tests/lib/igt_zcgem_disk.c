// SPDX-License-Identifier: MIT
/*
 * A disk of memory: direct I/O on it takes the pages of the caller's buffer, as on any
 * disk, and a file on it has write-back.
 */
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem.h"
#include "igt_zcgem_disk.h"

#define DISK_SIZE	(16 * ZCGEM_HUGE)

/* What a test that failed has left mounted. */
static char mounted[32];

static void unmount(int sig)
{
	(void)sig;
	if (!*mounted)
		return;
	umount2(mounted, MNT_DETACH);
	rmdir(mounted);
	*mounted = '\0';
}

/**
 * zcgem_disk_open:
 * @disk: filled
 *
 * Skips where there are no loop devices.
 */
void zcgem_disk_open(struct zcgem_disk *disk)
{
	int number;

	*disk = (struct zcgem_disk) {};
	/* where it is a module nobody has asked for it yet */
	igt_debug("modprobe: %d\n", system("modprobe -q loop"));
	disk->control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	igt_require_f(disk->control >= 0, "no loop devices: %m\n");
	number = ioctl(disk->control, LOOP_CTL_GET_FREE);
	igt_require_f(number >= 0, "no free loop device: %m\n");
	snprintf(disk->name, sizeof(disk->name), "/dev/loop%d", number);
	disk->device = open(disk->name, O_RDWR | O_DIRECT | O_CLOEXEC);
	igt_require_f(disk->device >= 0, "%s: %m\n", disk->name);
	disk->memfd = zcgem_memfd(DISK_SIZE, 0);
	igt_require_f(!ioctl(disk->device, LOOP_SET_FD, disk->memfd),
		      "no loop device on a memfd: %m\n");
}

/**
 * zcgem_disk_mount:
 * @disk: a disk that is not mounted yet
 *
 * Makes an ext4 file system and mounts it. Skips where that cannot be.
 */
void zcgem_disk_mount(struct zcgem_disk *disk)
{
	char command[96];

	igt_debug("modprobe: %d\n", system("modprobe -q ext4"));
	snprintf(command, sizeof(command), "mkfs.ext4 -q -F -O ^has_journal %s", disk->name);
	igt_require_f(!system(command), "no mkfs.ext4\n");
	strcpy(disk->directory, "/tmp/igt-zcgem-disk-XXXXXX");
	igt_require_f(mkdtemp(disk->directory), "no directory in /tmp: %m\n");
	igt_require_f(!mount(disk->name, disk->directory, "ext4", 0, NULL),
		      "cannot mount ext4: %m\n");
	strcpy(mounted, disk->directory);
	igt_install_exit_handler(unmount);
}

/**
 * zcgem_disk_file:
 * @disk: a disk that is mounted
 * @flags: such as O_DIRECT
 * @size: bytes
 *
 * Returns: The descriptor of a new file, the only one, that can be written.
 */
int zcgem_disk_file(const struct zcgem_disk *disk, int flags, uint64_t size)
{
	char path[64];
	int file;

	snprintf(path, sizeof(path), "%s/file", disk->directory);
	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600);
	igt_assert_f(file >= 0, "%s: %m\n", path);
	igt_assert_eq(ftruncate(file, size), 0);
	return file;
}

/**
 * zcgem_disk_close:
 * @disk: a disk whose file is closed
 */
void zcgem_disk_close(struct zcgem_disk *disk)
{
	if (*disk->directory) {
		igt_assert_eq(umount(disk->directory), 0);
		rmdir(disk->directory);
		*mounted = '\0';
	}
	igt_assert_eq(ioctl(disk->device, LOOP_CLR_FD), 0);
	close(disk->memfd);
	close(disk->device);
	close(disk->control);
}
