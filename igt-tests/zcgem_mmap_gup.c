// SPDX-License-Identifier: MIT
/*
 * That nobody can take page references by a mapping of an object, on machines of any
 * kind; zcgem_gup looks at the page tables besides.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_disk.h"
#include "igt_zcgem_uring.h"

/**
 * TEST: zcgem mmap gup
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that mappings give no page references.
 *
 * SUBTEST: process-vm
 * Description: process_vm_readv and process_vm_writev find no pages.
 *
 * SUBTEST: vmsplice
 * Description: vmsplice finds no pages.
 *
 * SUBTEST: io-uring
 * Description: The mapping cannot become an io_uring fixed buffer.
 *
 * SUBTEST: direct-io
 * Description: Direct I/O finds no pages.
 *
 * SUBTEST: futex
 * Description: A shared futex finds no page.
 *
 * SUBTEST: own-memory
 * Description: The memfd of an object stays open to all of these.
 */

IGT_TEST_DESCRIPTION("Check that mappings give no page references");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

/*
 * The mappings that the GUP subtests try: entries that are there are refused
 * by the fast walk, entries that are not by the slow one.
 */
struct target {
	const char *name;
	uint32_t handle;
	char *map;
	uint64_t size;
};

static unsigned int make_targets(int fd, struct target *targets)
{
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);
	unsigned int count = 0, i;
	int memfd;

	memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK);
	targets[count++] = (struct target) {
		"pool", zcgem_create(fd, PAGES(16), 0), NULL, PAGES(16),
	};
	targets[count++] = (struct target) {
		"memfd", zcgem_wrap_memfd(fd, memfd, 0, PAGES(16), 0), NULL,
		PAGES(16),
	};
	targets[count++] = (struct target) {
		"memfd, not faulted", targets[1].handle, NULL, PAGES(16),
	};
	close(memfd);

	if (leaves & ZCGEM_HUGE) {
		memfd = zcgem_memfd_hugetlb(ZCGEM_HUGE, F_SEAL_SHRINK);
		targets[count++] = (struct target) {
			"2 MiB page",
			zcgem_wrap_memfd(fd, memfd, 0, ZCGEM_HUGE, 0), NULL,
			ZCGEM_HUGE,
		};
		close(memfd);
	}

	for (i = 0; i < count; i++) {
		targets[i].map = zcgem_mmap(fd, targets[i].handle,
					    targets[i].size, PROT_RW);
		if (i != 2)
			zcgem_fill(targets[i].map, targets[i].size, 8);
	}
	return count;
}

#define MAX_TARGETS 4

static void with_each_target(int fd, void (*try)(struct target *target, void *data),
			     void *data)
{
	struct target targets[MAX_TARGETS];
	unsigned int count = make_targets(fd, targets), i;

	igt_assert_lte(count, MAX_TARGETS);
	for (i = 0; i < count; i++) {
		igt_debug("mapping of %s\n", targets[i].name);
		try(&targets[i], data);
		/* the CPU itself may, before and after */
		zcgem_fill(targets[i].map, targets[i].size, 9);
		zcgem_check(targets[i].map, targets[i].size, 9);
		try(&targets[i], data);
		zcgem_check(targets[i].map, targets[i].size, 9);
		munmap(targets[i].map, targets[i].size);
	}
}

static void expect_efault(const struct target *target, long ret)
{
	igt_assert_f(ret == -1 && errno == EFAULT, "%s: returned %ld, %m\n",
		     target->name, ret);
	errno = 0;
}

static void try_process_vm(struct target *target, void *data)
{
	char buffer[512] = "unchanged";
	struct iovec local = { buffer, sizeof(buffer) };
	struct iovec remote = { target->map + PAGES(1), sizeof(buffer) };

	(void)data;
	expect_efault(target, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	igt_assert(!strcmp(buffer, "unchanged"));
	expect_efault(target, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
}

static void try_vmsplice(struct target *target, void *data)
{
	struct iovec iov = { target->map + PAGES(2), ZCGEM_PAGE };
	int *pipe_ends = data;

	expect_efault(target, vmsplice(pipe_ends[1], &iov, 1, 0));
}

static void test_gup_process_vm(int fd)
{
	with_each_target(fd, try_process_vm, NULL);
}

static void test_gup_vmsplice(int fd)
{
	int pipe_ends[2];

	igt_assert_eq(pipe(pipe_ends), 0);
	with_each_target(fd, try_vmsplice, pipe_ends);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void try_io_uring(struct target *target, void *data)
{
	struct zcgem_uring *ring = data;

	igt_assert_eq(__zcgem_uring_register(ring, target->map, target->size), -EFAULT);
	igt_assert_eq(__zcgem_uring_register(ring, target->map + PAGES(3), ZCGEM_PAGE),
		      -EFAULT);
}

static void test_gup_io_uring(int fd)
{
	struct zcgem_uring ring;

	zcgem_uring_open(&ring);
	with_each_target(fd, try_io_uring, &ring);
	zcgem_uring_close(&ring);
}

static void try_direct_io(struct target *target, void *data)
{
	struct zcgem_disk *disk = data;
	char *map = target->map + PAGES(4);

	expect_efault(target, pread(disk->device, map, ZCGEM_PAGE, 0));
	expect_efault(target, pwrite(disk->device, map, ZCGEM_PAGE, 0));
	/* more than one page, and the whole */
	expect_efault(target, pread(disk->device, map, PAGES(8), 0));
	expect_efault(target, pwrite(disk->device, target->map, PAGES(16), 0));
}

static void test_gup_direct_io(int fd)
{
	struct zcgem_disk disk;

	zcgem_disk_open(&disk);
	with_each_target(fd, try_direct_io, &disk);
	zcgem_disk_close(&disk);
}

static long wake_futex(void *word)
{
	return syscall(__NR_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void try_futex(struct target *target, void *data)
{
	(void)data;
	expect_efault(target, wake_futex(target->map + PAGES(5)));
}

static void test_gup_futex(int fd)
{
	with_each_target(fd, try_futex, NULL);
}

static void test_gup_own_memory(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	void *object = zcgem_mmap(fd, handle, size, PROT_RW);
	char *file = zcgem_map_memfd(memfd, 0, size);
	char *buffer = aligned_alloc(ZCGEM_PAGE, ZCGEM_PAGE);
	struct iovec local, remote;
	struct zcgem_uring ring;
	struct zcgem_disk disk;
	int pipe_ends[2];

	igt_assert(buffer);
	zcgem_fill(object, size, 7);
	local = (struct iovec) { buffer, ZCGEM_PAGE };
	remote = (struct iovec) { file, ZCGEM_PAGE };
	igt_assert_eq(process_vm_readv(getpid(), &local, 1, &remote, 1, 0),
		      ZCGEM_PAGE);
	zcgem_check(buffer, ZCGEM_PAGE, 7);
	zcgem_fill(buffer, ZCGEM_PAGE, 8);
	igt_assert_eq(process_vm_writev(getpid(), &local, 1, &remote, 1, 0),
		      ZCGEM_PAGE);
	zcgem_check(object, ZCGEM_PAGE, 8);

	igt_assert_eq(pipe(pipe_ends), 0);
	igt_assert_eq(vmsplice(pipe_ends[1], &remote, 1, 0), ZCGEM_PAGE);
	igt_assert_eq(read(pipe_ends[0], buffer, ZCGEM_PAGE), ZCGEM_PAGE);
	zcgem_check(buffer, ZCGEM_PAGE, 8);
	close(pipe_ends[0]);
	close(pipe_ends[1]);

	igt_assert_eq(wake_futex(file), 0);

	zcgem_uring_open(&ring);
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	zcgem_uring_close(&ring);

	/* out of the object by the device, and back into it */
	zcgem_disk_open(&disk);
	igt_assert_eq(pwrite(disk.device, file, ZCGEM_PAGE, 0), ZCGEM_PAGE);
	zcgem_fill(object, ZCGEM_PAGE, 9);
	igt_assert_eq(pread(disk.device, file, ZCGEM_PAGE, 0), ZCGEM_PAGE);
	zcgem_check(object, ZCGEM_PAGE, 8);
	zcgem_disk_close(&disk);

	free(buffer);
	munmap(file, size);
	munmap(object, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("process_vm_readv and process_vm_writev find no pages");
	igt_subtest("process-vm")
		zcgem_run_counted(fd, test_gup_process_vm);

	igt_describe("vmsplice finds no pages");
	igt_subtest("vmsplice")
		zcgem_run_counted(fd, test_gup_vmsplice);

	igt_describe("The mapping cannot become an io_uring fixed buffer");
	igt_subtest("io-uring")
		zcgem_run_counted(fd, test_gup_io_uring);

	igt_describe("Direct I/O finds no pages");
	igt_subtest("direct-io")
		zcgem_run_counted(fd, test_gup_direct_io);

	igt_describe("A shared futex finds no page");
	igt_subtest("futex")
		zcgem_run_counted(fd, test_gup_futex);

	igt_describe("The memfd of an object stays open to all of these");
	igt_subtest("own-memory")
		zcgem_run_counted(fd, test_gup_own_memory);

	igt_fixture()
		drm_close_driver(fd);
}
