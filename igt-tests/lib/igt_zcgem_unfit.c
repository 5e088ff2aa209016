// SPDX-License-Identifier: MIT
/*
 * Mappings of memory that no object may be made of, by whatever call: each is made,
 * given to the caller to be refused, and looked at afterwards.
 */
#include <errno.h>
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

static void expect_fault(int fd, uint32_t mode, const void *address, uint64_t size)
{
	igt_assert_eq(__zcgem_try_address(fd, address, size, mode | DRM_ZCGEM_WRAP_READONLY),
		      -EFAULT);
	igt_assert_eq(__zcgem_try_address(fd, address, size, mode), -EFAULT);
}

/**
 * zcgem_refuse_addresses:
 * @fd: zcgem descriptor
 * @mode: DRM_ZCGEM_WRAP_SVM, or 0 for objects that pin
 *
 * Addresses where nothing of the caller's is, in part or at all.
 */
void zcgem_refuse_addresses(int fd, uint32_t mode)
{
	static const uint64_t bad[] = {
		0,			/* below mmap_min_addr */
		0x7ffffffff000,		/* the last page below the hole */
		0x7fffffffe000,
		0x800000000000,		/* not canonical */
		0x00ff000000000000,
		0xffff800000000000,	/* the kernel's */
		0xffff888000000000,
		0xffffea0000000000,
		0xffffffff81000000,
		0xffffffffff600000,	/* vsyscall */
		0xffffffffffffe000,
	};
	const uint64_t page = ZCGEM_PAGE, size = 64 * page;
	char *user = zcgem_anonymous(size), *hole = user + 32 * page;
	const struct drm_zcgem_userptr_range ranges[] = {
		zcgem_address_range(user, 8 * page),
		zcgem_address_range(hole - 2 * page, 8 * page),
	};
	uint32_t handle;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_fault(fd, mode, (void *)(bad[i] & ~(page - 1)), page);
	zcgem_mark_all(user, size, 1);
	munmap(hole, page);
	expect_fault(fd, mode, user, size);
	expect_fault(fd, mode, hole, page);
	expect_fault(fd, mode, hole - page, 2 * page);
	expect_fault(fd, mode, hole, 2 * page);
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, 2, mode, &handle), -EFAULT);
	igt_assert_eq(__zcgem_try_address(fd, user, hole - user, mode), 0);
	munmap(user, size);
}

static void expect_read_only(int fd, uint32_t mode, const void *address, uint64_t size)
{
	igt_assert_eq(__zcgem_try_address(fd, address, size, mode), -EFAULT);
	igt_assert_eq(__zcgem_try_address(fd, address, size, mode | DRM_ZCGEM_WRAP_READONLY), 0);
}

/**
 * zcgem_refuse_protection:
 * @fd: zcgem descriptor
 * @mode: DRM_ZCGEM_WRAP_SVM, or 0 for objects that pin
 *
 * Memory that the caller may not write, or not read, in part or at all.
 */
void zcgem_refuse_protection(int fd, uint32_t mode)
{
	char *user = zcgem_anonymous(SIZE), *last = user + SIZE - ZCGEM_PAGE, *reader;
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);

	zcgem_mark_all(user, SIZE, 1);
	igt_assert_eq(mprotect(user, SIZE, PROT_READ), 0);
	expect_read_only(fd, mode, user, SIZE);
	igt_assert_eq(mprotect(user, SIZE, PROT_READ | PROT_EXEC), 0);
	expect_read_only(fd, mode, user, SIZE);
	igt_assert_eq(mprotect(user, SIZE, PROT_NONE), 0);
	expect_fault(fd, mode, user, SIZE);

	/* only the last page is not good enough */
	igt_assert_eq(mprotect(user, SIZE, PROT_READ | PROT_WRITE), 0);
	igt_assert_eq(mprotect(last, ZCGEM_PAGE, PROT_READ), 0);
	expect_read_only(fd, mode, user, SIZE);
	igt_assert_eq(__zcgem_try_address(fd, user, last - user, mode), 0);
	igt_assert_eq(mprotect(last, ZCGEM_PAGE, PROT_NONE), 0);
	expect_fault(fd, mode, user, SIZE);
	munmap(user, SIZE);

	reader = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, memfd, 0);
	igt_assert(reader != MAP_FAILED);
	expect_read_only(fd, mode, reader, SIZE);
	munmap(reader, SIZE);
	close(memfd);
}
