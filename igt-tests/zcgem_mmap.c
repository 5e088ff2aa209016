// SPDX-License-Identifier: MIT
/*
 * CPU mappings of zcgem objects: their lifetime, their bounds, the sizes of
 * their page table entries, and that nobody can take page references by them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
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
 * TEST: zcgem mmap
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check CPU mappings of zcgem objects.
 *
 * SUBTEST: shared
 * Description: Two mappings of an object are the same memory.
 *
 * SUBTEST: private-refused
 * Description: A private mapping is refused, on the node and on the dma-buf.
 *
 * SUBTEST: readonly-node
 * Description: A descriptor of the node that may only read maps only for reading.
 *
 * SUBTEST: bounds
 * Description: A mapping begins at the object's start and ends within it.
 *
 * SUBTEST: partial-unmap
 * Description: What is left after munmap of a part shows the right pages.
 *
 * SUBTEST: mremap
 * Description: A mapping can be moved and shrunk, but not grown.
 *
 * SUBTEST: mprotect
 * Description: Protection can be taken from a part and given back.
 *
 * SUBTEST: fork
 * Description: A child shares the mapping.
 *
 * SUBTEST: outlives-handle
 * Description: A mapping outlives the handle and the descriptor.
 *
 * SUBTEST: madvise-dontneed
 * Description: Pages cannot be thrown away by the mapping.
 *
 * SUBTEST: fixed-unaligned
 * Description: Huge pages can be mapped at an address that is not aligned to them.
 *
 * SUBTEST: gup-process-vm
 * Description: process_vm_readv and process_vm_writev find no pages.
 *
 * SUBTEST: gup-vmsplice
 * Description: vmsplice finds no pages.
 *
 * SUBTEST: gup-io-uring
 * Description: The mapping cannot become an io_uring fixed buffer.
 *
 * SUBTEST: gup-direct-io
 * Description: Direct I/O finds no pages.
 *
 * SUBTEST: gup-futex
 * Description: A shared futex finds no page.
 *
 * SUBTEST: gup-own-memory
 * Description: The memfd of an object stays open to all of these.
 *
 * SUBTEST: fault-pte
 * Description: Small pages are mapped by small entries.
 *
 * SUBTEST: fault-pmd
 * Description: Each 2 MiB page is mapped by one entry, by one fault.
 *
 * SUBTEST: fault-once
 * Description: Memory that was touched does not fault again.
 *
 * SUBTEST: concurrent-faults
 * Description: Threads that fault at the same time see the same memory.
 *
 * SUBTEST: fault-vs-unmap
 * Description: Faults race with mappings of the object that come and go.
 */

IGT_TEST_DESCRIPTION("Check CPU mappings of zcgem objects");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

static void test_shared(int fd)
{
	const uint64_t size = PAGES(40);
	uint32_t handle = zcgem_create(fd, size, 0);
	void *first = zcgem_mmap(fd, handle, size, PROT_RW);
	void *second = zcgem_mmap(fd, handle, size, PROT_RW);

	igt_assert(first != second);
	zcgem_fill(first, size, 1);
	zcgem_check(second, size, 1);
	zcgem_fill(second, size, 2);
	zcgem_check(first, size, 2);
	munmap(first, size);
	zcgem_check(second, size, 2);
	munmap(second, size);
}

static void expect_private_refused(int fd, uint64_t size, uint64_t offset,
				   int prot)
{
	void *map = mmap(NULL, size, prot, MAP_PRIVATE, fd, offset);

	igt_assert_f(map == MAP_FAILED, "private mapping, prot %#x\n", prot);
	igt_assert_eq(errno, EINVAL);
}

static void test_private_refused(int fd)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_RW };
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle[3], n, i;
	int dmabuf;

	handle[0] = zcgem_create(fd, size, 0);
	handle[1] = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	handle[2] = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);

	for (n = 0; n < ARRAY_SIZE(handle); n++) {
		uint32_t flags = n == 2 ? DRM_CLOEXEC : DRM_CLOEXEC | DRM_RDWR;

		igt_assert_eq(__zcgem_export(fd, handle[n], flags, &dmabuf), 0);
		for (i = 0; i < ARRAY_SIZE(prots); i++) {
			expect_private_refused(fd, size,
					       zcgem_mmap_offset(fd, handle[n]),
					       prots[i]);
			expect_private_refused(dmabuf, size, 0, prots[i]);
		}
		close(dmabuf);
	}
	close(memfd);
}

static void test_readonly_node(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), node;
	uint32_t handle;
	char path[64];
	char *map;

	igt_assert_eq(pwrite(memfd, "read", 4, 0), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	node = open(path, O_RDONLY | O_CLOEXEC);
	igt_assert_fd(node);
	handle = zcgem_wrap_memfd(node, memfd, 0, size, 0);

	errno = 0;
	igt_assert(!__zcgem_mmap(node, handle, size, PROT_RW));
	igt_assert_eq(errno, EACCES);
	expect_private_refused(node, size, zcgem_mmap_offset(node, handle),
			       PROT_READ);

	map = zcgem_mmap(node, handle, size, PROT_READ);
	igt_assert(!memcmp(map, "read", 4));
	igt_assert_eq(mprotect(map, size, PROT_RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert(zcgem_access_faults(map, true));
	munmap(map, size);
	close(node);
	close(memfd);
}

static void expect_mmap(int fd, uint64_t size, uint64_t offset, int err,
			int or_err)
{
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, offset);
	int ret = map == MAP_FAILED ? errno : 0;

	igt_assert_f(ret == err || ret == or_err,
		     "size %#llx offset %#llx: %d, expected %d\n",
		     (unsigned long long)size, (unsigned long long)offset, ret, err);
	if (!ret)
		munmap(map, size);
}

static void test_bounds(int fd)
{
	const uint64_t size = PAGES(8);
	uint32_t handle = zcgem_create(fd, size, 0);
	uint64_t offset = zcgem_mmap_offset(fd, handle);
	int dmabuf = zcgem_export(fd, handle);
	char *map;

	/* another one next to it, so that running over would find something */
	zcgem_mmap_offset(fd, zcgem_create(fd, size, 0));

	expect_mmap(fd, size, offset, 0, 0);
	expect_mmap(fd, PAGES(1), offset, 0, 0);
	expect_mmap(fd, size + 1, offset, EINVAL, EINVAL);
	expect_mmap(fd, PAGES(9), offset, EINVAL, EINVAL);
	expect_mmap(fd, 1ull << 40, offset, EINVAL, ENOMEM);
	expect_mmap(fd, PAGES(1), offset + PAGES(3), EINVAL, EINVAL);
	expect_mmap(fd, size, offset - PAGES(1), EINVAL, EINVAL);
	expect_mmap(fd, PAGES(1), 0, EINVAL, EINVAL);
	/* ends at and after the end of all offsets */
	expect_mmap(fd, PAGES(1), -PAGES(1), EINVAL, EOVERFLOW);
	expect_mmap(fd, PAGES(2), -PAGES(1), EINVAL, EOVERFLOW);
	expect_mmap(fd, PAGES(2), -PAGES(2), EINVAL, EOVERFLOW);
	expect_mmap(fd, PAGES(1), 1ull << 63, EINVAL, EOVERFLOW);

	/* a dma-buf may be mapped from its middle */
	expect_mmap(dmabuf, size, 0, 0, 0);
	expect_mmap(dmabuf, PAGES(9), 0, EINVAL, EINVAL);
	expect_mmap(dmabuf, PAGES(4), PAGES(5), EINVAL, EINVAL);
	expect_mmap(dmabuf, PAGES(1), PAGES(8), EINVAL, EINVAL);
	expect_mmap(dmabuf, PAGES(1), -PAGES(1), EINVAL, EOVERFLOW);
	expect_mmap(dmabuf, PAGES(2), -PAGES(2), EINVAL, EOVERFLOW);

	map = zcgem_mmap(fd, handle, size, PROT_RW);
	zcgem_fill(map, size, 1);
	zcgem_fill(map + PAGES(5), PAGES(2), 2);
	munmap(map, size);
	map = mmap(NULL, PAGES(2), PROT_READ, MAP_SHARED, dmabuf, PAGES(5));
	igt_assert(map != MAP_FAILED);
	zcgem_check(map, PAGES(2), 2);
	munmap(map, PAGES(2));

	/* mapped in part, an access past that part must not find the object */
	map = mmap(NULL, PAGES(8), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(map != MAP_FAILED);
	igt_assert(mmap(map, PAGES(3), PROT_RW, MAP_SHARED | MAP_FIXED, fd,
			offset) == map);
	igt_assert(!zcgem_access_faults(map + PAGES(3) - 8, true));
	igt_assert(zcgem_access_faults(map + PAGES(3), false));
	munmap(map, PAGES(8));
	close(dmabuf);
}

/* An object whose page n holds the pattern of seed n + 1. */
static uint32_t numbered_object(int fd, uint32_t pages)
{
	uint32_t handle = zcgem_create(fd, PAGES(pages), 0);
	char *map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);
	uint32_t i;

	for (i = 0; i < pages; i++)
		zcgem_fill(map + PAGES(i), ZCGEM_PAGE, i + 1);
	munmap(map, PAGES(pages));
	return handle;
}

static void check_numbers(const char *map, uint32_t first, uint32_t pages)
{
	uint32_t i;

	for (i = 0; i < pages; i++)
		zcgem_check(map + PAGES(i), ZCGEM_PAGE, first + i + 1);
}

static void test_partial_unmap(int fd)
{
	const uint32_t pages = 32;
	uint32_t handle = numbered_object(fd, pages);
	int touched;
	char *map;

	/* before the first fault the split must not shift what faults in later */
	for (touched = 0; touched < 2; touched++) {
		map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);
		if (touched)
			check_numbers(map, 0, pages);
		igt_assert_eq(munmap(map + PAGES(10), PAGES(5)), 0);
		check_numbers(map + PAGES(15), 15, pages - 15);
		check_numbers(map, 0, 10);
		igt_assert(zcgem_access_faults(map + PAGES(10), false));
		igt_assert(zcgem_access_faults(map + PAGES(14), false));

		/* from the front and from the back */
		igt_assert_eq(munmap(map, PAGES(3)), 0);
		igt_assert_eq(munmap(map + PAGES(pages - 4), PAGES(4)), 0);
		check_numbers(map + PAGES(3), 3, 7);
		check_numbers(map + PAGES(15), 15, pages - 15 - 4);
		munmap(map, PAGES(pages));
	}
}

static void test_mremap(int fd)
{
	const uint32_t pages = 32;
	uint32_t handle = numbered_object(fd, pages);
	struct drm_zcgem_gem_info info;
	char *map, *target, *moved;
	int touched;

	for (touched = 0; touched < 2; touched++) {
		map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);
		if (touched)
			check_numbers(map, 0, pages);
		target = mmap(NULL, PAGES(pages), PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(target != MAP_FAILED);

		/* the whole, then the middle of it */
		moved = mremap(map, PAGES(pages), PAGES(pages),
			       MREMAP_MAYMOVE | MREMAP_FIXED, target);
		igt_assert(moved == target);
		igt_assert(zcgem_access_faults(map, false));
		check_numbers(moved, 0, pages);

		target = mmap(NULL, PAGES(8), PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(target != MAP_FAILED);
		igt_assert(mremap(moved + PAGES(11), PAGES(8), PAGES(8),
				  MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
		check_numbers(target, 11, 8);
		check_numbers(moved, 0, 11);
		check_numbers(moved + PAGES(19), 19, pages - 19);
		igt_assert(zcgem_access_faults(moved + PAGES(11), false));
		munmap(target, PAGES(8));
		munmap(moved, PAGES(pages));
	}

	/* neither in place nor elsewhere; also not from a part of it */
	map = zcgem_mmap(fd, handle, PAGES(8), PROT_RW);
	moved = mremap(map, PAGES(8), PAGES(9), MREMAP_MAYMOVE);
	igt_assert(moved == MAP_FAILED);
	igt_assert_eq(errno, EFAULT);
	moved = mremap(map, PAGES(8), PAGES(64), MREMAP_MAYMOVE);
	igt_assert(moved == MAP_FAILED);
	igt_assert_eq(errno, EFAULT);
	check_numbers(map, 0, 8);

	igt_assert(mremap(map, PAGES(8), PAGES(5), 0) == map);
	check_numbers(map, 0, 5);
	igt_assert(zcgem_access_faults(map + PAGES(5), false));
	munmap(map, PAGES(5));

	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 0);
}

static void test_mprotect(int fd)
{
	const uint32_t pages = 16;
	uint32_t handle = numbered_object(fd, pages);
	char *map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);

	check_numbers(map, 0, pages);
	igt_assert_eq(mprotect(map + PAGES(4), PAGES(4), PROT_READ), 0);
	check_numbers(map, 0, pages);
	igt_assert(zcgem_access_faults(map + PAGES(4), true));
	igt_assert(!zcgem_access_faults(map + PAGES(3), true));
	igt_assert(!zcgem_access_faults(map + PAGES(8), true));
	zcgem_fill(map + PAGES(3), ZCGEM_PAGE, 4);
	zcgem_fill(map + PAGES(8), ZCGEM_PAGE, 9);

	igt_assert_eq(mprotect(map + PAGES(4), PAGES(4), PROT_NONE), 0);
	igt_assert(zcgem_access_faults(map + PAGES(5), false));
	igt_assert_eq(mprotect(map + PAGES(4), PAGES(4), PROT_RW), 0);
	check_numbers(map, 0, pages);
	zcgem_fill(map + PAGES(4), PAGES(4), 50);
	zcgem_check(map + PAGES(4), PAGES(4), 50);
	munmap(map, PAGES(pages));

	/* mapped for reading by a descriptor that may write: may become writable */
	map = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ);
	igt_assert(zcgem_access_faults(map, true));
	igt_assert_eq(mprotect(map, PAGES(pages), PROT_RW), 0);
	zcgem_fill(map, PAGES(pages), 51);
	zcgem_check(map, PAGES(pages), 51);
	munmap(map, PAGES(pages));
}

static void test_fork(int fd)
{
	const uint64_t size = PAGES(64);
	uint32_t handle = zcgem_create(fd, size, 0);
	struct drm_zcgem_gem_info info;
	char *map = zcgem_mmap(fd, handle, size, PROT_RW);

	/* half of it is faulted in before, half only in the child */
	zcgem_fill(map, size / 2, 1);
	igt_fork(child, 1) {
		zcgem_check(map, size / 2, 1);
		zcgem_fill(map, size, 2);
	}
	igt_waitchildren();
	zcgem_check(map, size, 2);

	igt_fork(child, 3) {
		zcgem_fill(map + PAGES(child), ZCGEM_PAGE, 10 + child);
		munmap(map, size / 2);
	}
	igt_waitchildren();
	zcgem_check(map, PAGES(1), 10);
	zcgem_check(map + PAGES(1), PAGES(1), 11);
	zcgem_check(map + PAGES(2), PAGES(1), 12);

	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 1);
	munmap(map, size);
}

static void test_outlives_handle(int fd)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	int pool;

	for (pool = 0; pool < 2; pool++) {
		struct zcgem_snapshot before, now;
		int own = drm_reopen_driver(fd);
		uint32_t handle;
		char *map;

		zcgem_take_snapshot(fd, &before);
		handle = pool ? zcgem_create(own, size, 0) :
				zcgem_wrap_memfd(own, memfd, 0, size, 0);
		map = zcgem_mmap(own, handle, size, PROT_RW);
		zcgem_fill(map, size / 2, 3);
		gem_close(own, handle);
		zcgem_check(map, size / 2, 3);
		close(own);
		zcgem_check(map, size / 2, 3);
		zcgem_fill(map, size, 4);
		zcgem_check(map, size, 4);

		zcgem_take_snapshot(fd, &now);
		igt_assert_eq_u64(now.objects, before.objects + 1);
		igt_assert_eq_u64(now.mappings, before.mappings + 1);
		munmap(map, size);

		/* the memory is free now, not only with the process */
		before.fds--;
		zcgem_check_leaks(fd, &before);
	}
	zcgem_release_memfd(memfd);
}

static void test_madvise_dontneed(int fd)
{
	const uint64_t size = PAGES(8);
	uint32_t handle = zcgem_create(fd, size, 0);
	char *map = zcgem_mmap(fd, handle, size, PROT_RW);

	zcgem_fill(map, size, 5);
	igt_assert_eq(madvise(map, size, MADV_DONTNEED), -1);
	igt_assert_eq(errno, EINVAL);
	igt_assert_eq(madvise(map, size, MADV_REMOVE), -1);
	zcgem_check(map, size, 5);
	munmap(map, size);
}

static void test_fixed_unaligned(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	uint64_t offset = zcgem_mmap_offset(fd, handle);
	char *reserved, *map, *file;

	file = zcgem_map_memfd(memfd, 0, size);
	zcgem_fill(file, size, 6);
	munmap(file, size);

	reserved = mmap(NULL, size + 2 * ZCGEM_HUGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(reserved != MAP_FAILED);
	map = (char *)ALIGN((uintptr_t)reserved, ZCGEM_HUGE) + PAGES(3);
	igt_assert(mmap(map, size, PROT_RW, MAP_SHARED | MAP_FIXED, fd,
			offset) == map);
	zcgem_check(map, size, 6);
	zcgem_fill(map, size, 7);
	munmap(reserved, size + 2 * ZCGEM_HUGE);

	file = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(file, size, 7);
	munmap(file, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

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

static void read_each_page(const char *map, uint64_t size)
{
	uint64_t at;

	for (at = 0; at < size; at += ZCGEM_PAGE)
		(void)*(volatile const char *)(map + at);
}

static void test_fault_pte(int fd)
{
	const uint32_t pages = 100;
	int memfd = zcgem_memfd(PAGES(pages), F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(pages), 0);
	char *map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);
	struct drm_zcgem_gem_info info;

	read_each_page(map, PAGES(pages));
	zcgem_info(fd, handle, &info);
	igt_assert_lte_u64(1, info.faults_pte);
	/* a fault fills all of its 2 MiB; these pages lie in two at the most */
	igt_assert_lte_u64(info.faults_pte, 2);
	igt_assert_eq_u64(info.faults_pmd, 0);
	igt_assert_eq_u64(info.faults_pud, 0);
	munmap(map, PAGES(pages));
	close(memfd);
}

static void test_fault_pmd(int fd)
{
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);
	const uint64_t size = 3 * ZCGEM_HUGE;
	struct drm_zcgem_gem_info info;
	uint32_t handle;
	char *map;
	int memfd;

	igt_require_f(leaves & ZCGEM_HUGE,
		      "the kernel maps no 2 MiB entries for drivers\n");
	memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	igt_assert_eq_u64((uintptr_t)map % ZCGEM_HUGE, 0);

	zcgem_fill(map, size, 1);
	zcgem_check(map, size, 1);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.faults_pmd, size / ZCGEM_HUGE);
	igt_assert_eq_u64(info.faults_pte, 0);
	igt_assert_eq_u64(info.faults_pud, 0);

	/* a part of a huge entry goes: what is left must come back right */
	igt_assert_eq(munmap(map + ZCGEM_HUGE + PAGES(7), PAGES(1)), 0);
	igt_assert_eq_u64(zcgem_first_difference(map, ZCGEM_HUGE + PAGES(7), 1),
			  ZCGEM_HUGE + PAGES(7));
	igt_assert(zcgem_access_faults(map + ZCGEM_HUGE + PAGES(7), false));
	zcgem_info(fd, handle, &info);
	igt_assert_lte_u64(1, info.faults_pte);
	munmap(map, size);

	map = zcgem_mmap(fd, handle, size, PROT_READ);
	zcgem_check(map, size, 1);
	munmap(map, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_fault_once(int fd)
{
	const uint64_t size = PAGES(300);
	uint32_t handle = zcgem_create(fd, size, 0);
	struct drm_zcgem_gem_info before, after;
	char *map = zcgem_mmap(fd, handle, size, PROT_RW);

	/* reading comes first: the write must not need a fault of its own */
	read_each_page(map, size);
	zcgem_info(fd, handle, &before);
	zcgem_fill(map, size, 1);
	zcgem_check(map, size, 1);
	zcgem_info(fd, handle, &after);
	igt_assert_lt_u64(0, before.faults_pte + before.faults_pmd);
	igt_assert_eq_u64(after.faults_pte, before.faults_pte);
	igt_assert_eq_u64(after.faults_pmd, before.faults_pmd);
	igt_assert_eq_u64(after.faults_pud, before.faults_pud);
	munmap(map, size);
}

#define THREADS 4

struct reader {
	pthread_t thread;
	pthread_barrier_t *start;
	char *map;
	uint64_t size, good;
	unsigned int number;
};

/* Each begins elsewhere, so that they meet in the middle of each other's work. */
static void *read_all(void *data)
{
	struct reader *reader = data;
	uint64_t part = reader->size / THREADS, i;

	pthread_barrier_wait(reader->start);
	for (i = 0; i < THREADS; i++) {
		uint64_t n = (i + reader->number) % THREADS;

		reader->good += zcgem_first_difference(reader->map + n * part,
						       part, n + 1);
	}
	return NULL;
}

static void read_by_threads(char *map, uint64_t size)
{
	struct reader readers[THREADS] = {};
	pthread_barrier_t start;
	unsigned int i;

	igt_assert_eq(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (i = 0; i < THREADS; i++) {
		readers[i] = (struct reader) {
			.start = &start, .map = map, .size = size, .number = i,
		};
		igt_assert_eq(pthread_create(&readers[i].thread, NULL, read_all,
					     &readers[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(readers[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		igt_assert_eq_u64(readers[i].good, size);
	pthread_barrier_destroy(&start);
}

static void test_concurrent_faults(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE, part = size / THREADS;
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);
	unsigned int kind, round, i;

	for (kind = 0; kind < (leaves & ZCGEM_HUGE ? 3 : 2); kind++) {
		uint32_t handle;
		int memfd = -1;
		char *map;

		if (!kind) {
			handle = zcgem_create(fd, size, 0);
		} else {
			memfd = kind == 1 ? zcgem_memfd(size, F_SEAL_SHRINK) :
					    zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
			handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
		}
		map = zcgem_mmap(fd, handle, size, PROT_RW);
		for (i = 0; i < THREADS; i++)
			zcgem_fill(map + i * part, part, i + 1);
		munmap(map, size);

		for (round = 0; round < 10; round++) {
			map = zcgem_mmap(fd, handle, size, PROT_RW);
			read_by_threads(map, size);
			munmap(map, size);
		}
		gem_close(fd, handle);
		if (memfd >= 0)
			zcgem_release_memfd(memfd);
	}
}

struct mapper {
	pthread_t thread;
	int fd;
	uint64_t offset, size;
	unsigned int rounds, wrong;
};

static void *map_and_unmap(void *data)
{
	struct mapper *mapper = data;
	unsigned int i;

	for (i = 0; i < mapper->rounds; i++) {
		char *map = mmap(NULL, mapper->size, PROT_RW, MAP_SHARED,
				 mapper->fd, mapper->offset);

		if (map == MAP_FAILED) {
			mapper->wrong++;
			continue;
		}
		if (zcgem_first_difference(map, PAGES(3), 1) != PAGES(3))
			mapper->wrong++;
		/* whole, or in two pieces; never twice, it may be another's by then */
		if (i & 1)
			munmap(map, mapper->size);
		else if (munmap(map, PAGES(1)) ||
			 munmap(map + PAGES(1), mapper->size - PAGES(1)))
			mapper->wrong++;
	}
	return NULL;
}

static void test_fault_vs_unmap(int fd)
{
	const uint64_t size = PAGES(64);
	uint32_t handle = zcgem_create(fd, size, 0);
	struct mapper mappers[THREADS];
	struct drm_zcgem_gem_info info;
	unsigned int i;
	char *map;

	map = zcgem_mmap(fd, handle, size, PROT_RW);
	zcgem_fill(map, size, 1);
	munmap(map, size);

	for (i = 0; i < THREADS; i++) {
		mappers[i] = (struct mapper) {
			.fd = fd,
			.offset = zcgem_mmap_offset(fd, handle),
			.size = size,
			.rounds = zcgem_rounds(500),
		};
		igt_assert_eq(pthread_create(&mappers[i].thread, NULL,
					     map_and_unmap, &mappers[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(mappers[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		igt_assert_eq(mappers[i].wrong, 0);

	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 0);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Two mappings of an object are the same memory");
	igt_subtest("shared")
		zcgem_run_counted(fd, test_shared);

	igt_describe("A private mapping is refused, on the node and on the dma-buf");
	igt_subtest("private-refused")
		zcgem_run_counted(fd, test_private_refused);

	igt_describe("A descriptor of the node that may only read maps only for reading");
	igt_subtest("readonly-node")
		zcgem_run_counted(fd, test_readonly_node);

	igt_describe("A mapping begins at the object's start and ends within it");
	igt_subtest("bounds")
		zcgem_run_counted(fd, test_bounds);

	igt_describe("What is left after munmap of a part shows the right pages");
	igt_subtest("partial-unmap")
		zcgem_run_counted(fd, test_partial_unmap);

	igt_describe("A mapping can be moved and shrunk, but not grown");
	igt_subtest("mremap")
		zcgem_run_counted(fd, test_mremap);

	igt_describe("Protection can be taken from a part and given back");
	igt_subtest("mprotect")
		zcgem_run_counted(fd, test_mprotect);

	igt_describe("A child shares the mapping");
	igt_subtest("fork")
		zcgem_run_counted(fd, test_fork);

	igt_describe("A mapping outlives the handle and the descriptor");
	igt_subtest("outlives-handle")
		zcgem_run_counted(fd, test_outlives_handle);

	igt_describe("Pages cannot be thrown away by the mapping");
	igt_subtest("madvise-dontneed")
		zcgem_run_counted(fd, test_madvise_dontneed);

	igt_describe("Huge pages can be mapped at an address that is not aligned to them");
	igt_subtest("fixed-unaligned")
		zcgem_run_counted(fd, test_fixed_unaligned);

	igt_describe("process_vm_readv and process_vm_writev find no pages");
	igt_subtest("gup-process-vm")
		zcgem_run_counted(fd, test_gup_process_vm);

	igt_describe("vmsplice finds no pages");
	igt_subtest("gup-vmsplice")
		zcgem_run_counted(fd, test_gup_vmsplice);

	igt_describe("The mapping cannot become an io_uring fixed buffer");
	igt_subtest("gup-io-uring")
		zcgem_run_counted(fd, test_gup_io_uring);

	igt_describe("Direct I/O finds no pages");
	igt_subtest("gup-direct-io")
		zcgem_run_counted(fd, test_gup_direct_io);

	igt_describe("A shared futex finds no page");
	igt_subtest("gup-futex")
		zcgem_run_counted(fd, test_gup_futex);

	igt_describe("The memfd of an object stays open to all of these");
	igt_subtest("gup-own-memory")
		zcgem_run_counted(fd, test_gup_own_memory);

	igt_describe("Small pages are mapped by small entries");
	igt_subtest("fault-pte")
		zcgem_run_counted(fd, test_fault_pte);

	igt_describe("Each 2 MiB page is mapped by one entry, by one fault");
	igt_subtest("fault-pmd")
		zcgem_run_counted(fd, test_fault_pmd);

	igt_describe("Memory that was touched does not fault again");
	igt_subtest("fault-once")
		zcgem_run_counted(fd, test_fault_once);

	igt_describe("Threads that fault at the same time see the same memory");
	igt_subtest("concurrent-faults")
		zcgem_run_counted(fd, test_concurrent_faults);

	igt_describe("Faults race with mappings of the object that come and go");
	igt_subtest("fault-vs-unmap")
		zcgem_run_counted(fd, test_fault_vs_unmap);

	igt_fixture()
		drm_close_driver(fd);
}
