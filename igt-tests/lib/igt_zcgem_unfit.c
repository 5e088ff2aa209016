// SPDX-License-Identifier: MIT
/*
 * Mappings of memory that no object may be made of, by whatever call: each is made,
 * given to the caller to be refused, and looked at afterwards.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem.h"
#include "igt_zcgem_unfit.h"
#include "igt_zcgem_wrap.h"

/* As large as the files here are. */
#define SIZE	(4 * ZCGEM_PAGE)

/**
 * zcgem_find_mapping:
 * @name: as /proc/self/maps has it, "[vvar]" for instance
 *
 * Returns: Where that begins, or NULL.
 */
void *zcgem_find_mapping(const char *name)
{
	unsigned long start = 0;
	char line[256];
	FILE *maps = fopen("/proc/self/maps", "r");

	igt_assert(maps);
	while (!start && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, name) || sscanf(line, "%lx-", &start) != 1)
			start = 0;
	}
	fclose(maps);
	return (void *)start;
}

/**
 * zcgem_refuse_frames:
 * @fd: zcgem descriptor
 * @expect: checks that a range is refused
 *
 * Bare frames: those that the kernel shows to every process, and those of /dev/mem.
 *
 * Returns: How many of the two there were.
 */
unsigned int zcgem_refuse_frames(int fd, zcgem_refusal expect)
{
	int mem = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	void *vvar = zcgem_find_mapping("[vvar]"), *map;
	unsigned int tried = 0;

	if (vvar) {
		tried++;
		expect(fd, vvar, ZCGEM_PAGE);
	}
	if (mem >= 0) {
		map = mmap(NULL, ZCGEM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0xf0000);
		if (map != MAP_FAILED) {
			tried++;
			expect(fd, map, ZCGEM_PAGE);
			munmap(map, ZCGEM_PAGE);
		}
		close(mem);
	}
	return tried;
}

/**
 * zcgem_refuse_secret:
 * @fd: zcgem descriptor
 * @expect: checks that a range is refused
 *
 * Memory of memfd_secret(), which the kernel itself has not mapped; skips where there
 * is none.
 */
void zcgem_refuse_secret(int fd, zcgem_refusal expect)
{
#ifdef SYS_memfd_secret
	int secret = syscall(SYS_memfd_secret, 0);
	char *map;

	igt_require_f(secret >= 0, "no secret memory: %m\n");
	igt_assert_eq(ftruncate(secret, SIZE), 0);
	map = zcgem_map_memfd(secret, 0, SIZE);
	expect(fd, map, SIZE);
	zcgem_mark_all(map, SIZE, 1);
	expect(fd, map, SIZE);
	zcgem_check_marks(map, SIZE, 1);
	munmap(map, SIZE);
	close(secret);
#else
	(void)fd;
	(void)expect;
	igt_skip("built without memfd_secret\n");
#endif
}

static char ramfs_directory[32];

static void unmount_ramfs(int sig)
{
	(void)sig;
	umount2(ramfs_directory, MNT_DETACH);
	rmdir(ramfs_directory);
}

/**
 * zcgem_refuse_ramfs:
 * @fd: zcgem descriptor
 * @expect: checks that a range is refused
 *
 * A file without write-back, so that the kernel itself would let its pages be pinned for
 * writing; skips where no ramfs can be mounted.
 */
void zcgem_refuse_ramfs(int fd, zcgem_refusal expect)
{
	char name[64], *user;
	int file;

	strcpy(ramfs_directory, "/tmp/igt-zcgem-XXXXXX");
	igt_require_f(mkdtemp(ramfs_directory), "no directory in /tmp: %m\n");
	igt_install_exit_handler(unmount_ramfs);
	igt_require_f(!mount("ramfs", ramfs_directory, "ramfs", 0, NULL),
		      "cannot mount a ramfs: %m\n");
	snprintf(name, sizeof(name), "%s/file", ramfs_directory);
	file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	igt_assert_fd(file);
	igt_assert_eq(ftruncate(file, SIZE), 0);
	user = zcgem_map_memfd(file, 0, SIZE);
	zcgem_mark_all(user, SIZE, 1);
	expect(fd, user, SIZE);
	zcgem_check_marks(user, SIZE, 1);
	munmap(user, SIZE);
	close(file);
	unmount_ramfs(0);
}
