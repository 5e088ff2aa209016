// SPDX-License-Identifier: MIT
/*
 * What a program can ask of a mapping of an object besides cutting it: advice, locks,
 * tracking of writes, other protection. Each has a definite answer, whatever the size of
 * the leaves: peers' bug classes 1, 8 and 9.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_view.h"

/**
 * TEST: zcgem vma flags
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check what may be asked of mappings of zcgem objects.
 *
 * SUBTEST: advice
 * Description: Each MADV has a definite answer and leaves contents alone (class 1).
 *
 * SUBTEST: mlock
 * Description: mlock, munlock, mlockall and MAP_LOCKED are accepted and do nothing.
 *
 * SUBTEST: populate-flag
 * Description: MAP_POPULATE does no harm.
 *
 * SUBTEST: userfaultfd
 * Description: Nobody else can serve the faults of a mapping (class 8).
 *
 * SUBTEST: soft-dirty
 * Description: Writes after soft-dirty bits were cleared do not hang and are not lost.
 *
 * SUBTEST: flags
 * Description: Mappings are neither dumped nor expanded, and say so.
 *
 * SUBTEST: remap-file-pages
 * Description: Pages of a mapping cannot be exchanged.
 *
 * SUBTEST: private-read-only
 * Description: MAP_PRIVATE is refused on descriptors that can only be read (class 9).
 *
 * SUBTEST: write-read-only
 * Description: No protection change gives more than the descriptor or object allows (class 9).
 *
 * SUBTEST: young-and-dirty
 * Description: Entries of a writable mapping need no second fault when they are written.
 *
 * SUBTEST: exec
 * Description: PROT_EXEC maps as on other DRM nodes and what was written runs (class 9).
 */

IGT_TEST_DESCRIPTION("Check what may be asked of mappings of zcgem objects");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* errno 0 is success; where kernels differ, the other answer follows. */
static const struct {
	const char *name;
	int advice, err, or_err;
} advices[] = {
	{ "NORMAL", MADV_NORMAL, 0, 0 },
	{ "RANDOM", MADV_RANDOM, 0, 0 },
	{ "SEQUENTIAL", MADV_SEQUENTIAL, 0, 0 },
	{ "WILLNEED", MADV_WILLNEED, 0, 0 },
	{ "DONTNEED", MADV_DONTNEED, EINVAL, EINVAL },
	{ "FREE", MADV_FREE, EINVAL, EINVAL },
	{ "REMOVE", MADV_REMOVE, EOPNOTSUPP, ENODEV },
	{ "DONTFORK", MADV_DONTFORK, 0, 0 },
	{ "DOFORK", MADV_DOFORK, EINVAL, EINVAL },
	{ "MERGEABLE", MADV_MERGEABLE, 0, 0 },
	{ "UNMERGEABLE", MADV_UNMERGEABLE, 0, 0 },
	{ "HUGEPAGE", MADV_HUGEPAGE, 0, 0 },
	{ "COLLAPSE", MADV_COLLAPSE, EINVAL, EINVAL },
	{ "DONTDUMP", MADV_DONTDUMP, 0, 0 },
	{ "DODUMP", MADV_DODUMP, EINVAL, EINVAL },
	{ "WIPEONFORK", MADV_WIPEONFORK, EINVAL, EINVAL },
	{ "KEEPONFORK", MADV_KEEPONFORK, 0, 0 },
	{ "COLD", MADV_COLD, EINVAL, EINVAL },
	{ "PAGEOUT", MADV_PAGEOUT, EINVAL, EINVAL },
	{ "POPULATE_READ", MADV_POPULATE_READ, EFAULT, EINVAL },
	{ "POPULATE_WRITE", MADV_POPULATE_WRITE, EFAULT, EINVAL },
	{ "DONTNEED_LOCKED", MADV_DONTNEED_LOCKED, EINVAL, EINVAL },
	{ "GUARD_INSTALL", MADV_GUARD_INSTALL, EINVAL, EINVAL },
};

static void try_advice(int fd, struct view *view)
{
	unsigned int i, part;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		for (part = 0; part < 2; part++) {
			char *map = map_memory(fd, &view->memory, PROT_RW);
			uint64_t first = part ? view->size / 2 + PAGES(3) : 0;
			uint64_t size = part ? PAGES(4) : view->size;
			bool unknown = advices[i].advice == MADV_HUGEPAGE && !has_large_leaves();
			int or_err = unknown ? EINVAL : advices[i].or_err, err;

			check_part(view, map, 0, view->size);
			err = madvise(map + first, size, advices[i].advice) ? errno : 0;
			igt_debug("MADV_%s: %d\n", advices[i].name, err);
			igt_assert_f(err == advices[i].err || err == or_err,
				     "MADV_%s: %d, expected %d or %d\n", advices[i].name,
				     err, advices[i].err, or_err);
			check_part(view, map, 0, view->size);
			stamp(map, 0, view->size, view->step, VIEW_SEED);
			munmap(map, view->size);
		}
	}
	munmap(view->map, view->size);
}

static void test_advice(int fd)
{
	try_each_leaf(fd, try_advice);
}

static void try_mlock(int fd, struct view *view)
{
	char *map;

	igt_assert_eq(mlock(view->map, view->size), 0);
	check_part(view, view->map, 0, view->size);
	igt_assert_eq(munlock(view->map, view->size), 0);
	igt_assert_eq(mlock2(view->map + PAGES(1), PAGES(2), MLOCK_ONFAULT), 0);
	igt_assert_eq(munlock(view->map, view->size), 0);
	check_part(view, view->map, 0, view->size);
	munmap(view->map, view->size);

	/* locked or not, the object can be evicted */
	map = mmap(NULL, view->size, PROT_RW, MAP_SHARED | MAP_LOCKED, fd,
		   zcgem_mmap_offset(fd, view->memory.handle));
	igt_assert(map != MAP_FAILED);
	check_part(view, map, 0, view->size);
	igt_assert_eq(mlock(map, view->size), 0);
	zcgem_evict(fd, view->memory.handle, view->size);
	check_part(view, map, 0, view->size);
	munmap(map, view->size);
}

static void test_mlock(int fd)
{
	const uint64_t size = PAGES(16);
	uint32_t handle = zcgem_create(fd, size, 0);

	try_each_leaf(fd, try_mlock);

	igt_fork(child, 1) {
		char *map;

		igt_assert_eq(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
		map = zcgem_mmap(fd, handle, size, PROT_RW);
		zcgem_fill(map, size, 1);
		zcgem_check(map, size, 1);
		igt_assert_eq(munmap(map, size), 0);
		(void)child;
	}
	igt_waitchildren();
}

static void try_populate_flag(int fd, struct view *view)
{
	char *map;

	munmap(view->map, view->size);
	map = mmap(NULL, view->size, PROT_RW, MAP_SHARED | MAP_POPULATE, fd,
		   zcgem_mmap_offset(fd, view->memory.handle));
	igt_assert(map != MAP_FAILED);
	check_part(view, map, 0, view->size);
	expect_leaves(map, view->size, view->memory.leaf);
	munmap(map, view->size);
}

static void test_populate_flag(int fd)
{
	try_each_leaf(fd, try_populate_flag);
}

static int open_userfaultfd(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd >= 0 && ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		return -1;
	}
	return uffd;
}

static int register_range(int uffd, const struct view *view, uint64_t mode)
{
	struct uffdio_register range = {
		.range = { (uintptr_t)view->map, view->size },
		.mode = mode,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &range) ? -errno : 0;
}

/* With asynchronous tracking of writes the kernel takes any memory but this. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

static void try_userfaultfd(int fd, struct view *view)
{
	static const uint64_t features[] = { 0, UFFD_FEATURE_WP_ASYNC };
	unsigned int i;
	uint64_t mode;

	(void)fd;
	for (i = 0; i < ARRAY_SIZE(features); i++) {
		int uffd = open_userfaultfd(features[i]);

		igt_require_f(uffd >= 0, "no userfaultfd: %m\n");
		for (mode = 1; mode < 8; mode++)
			igt_assert_eq(register_range(uffd, view, mode), -EINVAL);
		close(uffd);
	}
	check_part(view, view->map, 0, view->size);
	munmap(view->map, view->size);
}

static void test_userfaultfd(int fd)
{
	try_each_leaf(fd, try_userfaultfd);
}

static void clear_soft_dirty(void)
{
	int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	igt_require_f(file >= 0, "no clear_refs: %m\n");
	igt_assert_eq(write(file, "4", 1), 1);
	close(file);
}

static void try_soft_dirty(int fd, struct view *view)
{
	unsigned int round;
	char *map;

	for (round = 0; round < 2; round++) {
		/* leaves that are there; then ones that are made after it, by a read */
		clear_soft_dirty();
		stamp(view->map, 0, view->size, view->step, VIEW_SEED + 1);
		check_stamps(view->memory.own, 0, view->size, view->step, VIEW_SEED + 1);

		clear_soft_dirty();
		zcgem_evict(fd, view->memory.handle, view->size);
		check_stamps(view->map, 0, view->size, view->step, VIEW_SEED + 1);
		stamp(view->map, 0, view->size, view->step, VIEW_SEED + 2);
		check_stamps(view->memory.own, 0, view->size, view->step, VIEW_SEED + 2);
		expect_leaves(view->map, view->size, view->memory.leaf);

		/* and by a write */
		zcgem_evict(fd, view->memory.handle, view->size);
		stamp(view->map, 0, view->size, view->step, VIEW_SEED);
		check_stamps(view->memory.own, 0, view->size, view->step, VIEW_SEED);
	}

	map = map_memory(fd, &view->memory, PROT_RW);
	clear_soft_dirty();
	check_stamps(map, 0, view->size, view->step, VIEW_SEED);
	stamp(map, 0, view->size, view->step, VIEW_SEED);
	expect_leaves(map, view->size, view->memory.leaf);
	munmap(map, view->size);
	munmap(view->map, view->size);
}

static void test_soft_dirty(int fd)
{
	try_each_leaf(fd, try_soft_dirty);
}

/* The two-letter flags of the mapping at @map, as /proc/self/smaps says them. */
static void read_vm_flags(const char *map, char *flags, size_t size)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	uint64_t start = 0, end;
	char line[512];
	bool ours = false;

	igt_assert(file);
	*flags = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			ours = start == (uintptr_t)map;
		if (ours && !strncmp(line, "VmFlags:", 8)) {
			snprintf(flags, size, "%s", line + 8);
			break;
		}
	}
	fclose(file);
	igt_debug("VmFlags:%s", flags);
	igt_assert_f(*flags, "no mapping in smaps\n");
}

static void check_vm_flags(const char *map, const char *wanted, const char *unwanted)
{
	char flags[512], word[5];

	read_vm_flags(map, flags, sizeof(flags));
	for (; *wanted; wanted += 2) {
		snprintf(word, sizeof(word), " %.2s ", wanted);
		igt_assert_f(strstr(flags, word), "no%sin%s", word, flags);
	}
	for (; *unwanted; unwanted += 2) {
		snprintf(word, sizeof(word), " %.2s ", unwanted);
		igt_assert_f(!strstr(flags, word), "%sin%s", word, flags);
	}
}

static void test_flags(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	uint32_t readonly = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	char *map;

	/* pf: PFNMAP, io, de: DONTEXPAND, dd: DONTDUMP, mw: may become writable */
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	check_vm_flags(map, "rdwrshmrmwpfioddde", "lomm");
	munmap(map, size);
	map = zcgem_mmap(fd, handle, size, PROT_READ);
	check_vm_flags(map, "rdshmrmwpfioddde", "wrlomm");
	munmap(map, size);
	map = zcgem_mmap(fd, readonly, size, PROT_READ);
	check_vm_flags(map, "rdmrpfioddde", "wrmwlomm");
	munmap(map, size);

	dmabuf = zcgem_export(fd, handle);
	map = mmap(NULL, size, PROT_RW, MAP_SHARED, dmabuf, 0);
	igt_assert(map != MAP_FAILED);
	check_vm_flags(map, "rdwrshmrmwpfioddde", "lomm");
	munmap(map, size);
	close(dmabuf);

	/* there is no DAX behind it */
	map = mmap(NULL, size, PROT_RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd,
		   zcgem_mmap_offset(fd, handle));
	igt_assert(map == MAP_FAILED);
	igt_assert_eq(errno, EOPNOTSUPP);
	close(memfd);
}

static void try_remap(int fd, struct view *view)
{
	uint64_t offset = zcgem_mmap_offset(fd, view->memory.handle) / ZCGEM_PAGE;

	igt_assert_eq(syscall(SYS_remap_file_pages, view->map, PAGES(2), 0, offset + 5, 0),
		      -1);
	igt_assert_eq(errno, EINVAL);
	/* like a MAP_FIXED that fails, this may have unmapped what was there */
	check_part(view, view->map + PAGES(2), PAGES(2), view->size - PAGES(2));
	munmap(view->map, view->size);
}

static void test_remap_file_pages(int fd)
{
	try_each_leaf(fd, try_remap);
}

static void expect_no_mmap(int file, uint64_t size, uint64_t offset, int prot, int flags,
			   int err)
{
	void *map = mmap(NULL, size, prot, flags, file, offset);

	igt_assert_f(map == MAP_FAILED, "prot %#x flags %#x was mapped\n", prot, flags);
	igt_assert_eq(errno, err);
}

/* The same node again, by a descriptor that cannot be written. */
static int open_read_only(int fd)
{
	char path[64];
	int file;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	igt_assert_f(file >= 0, "%s: %m\n", path);
	return file;
}

static void test_private_read_only(int fd)
{
	const uint64_t size = PAGES(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), node = open_read_only(fd);
	uint32_t handle[2], i;
	int dmabuf;

	handle[0] = zcgem_wrap_memfd(node, memfd, 0, size, 0);
	handle[1] = zcgem_wrap_memfd(node, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	for (i = 0; i < ARRAY_SIZE(handle); i++) {
		uint64_t offset = zcgem_mmap_offset(node, handle[i]);

		igt_assert_eq(__zcgem_export(node, handle[i], DRM_CLOEXEC, &dmabuf), 0);
		expect_no_mmap(node, size, offset, PROT_READ, MAP_PRIVATE, EINVAL);
		expect_no_mmap(node, size, offset, PROT_RW, MAP_PRIVATE, EINVAL);
		expect_no_mmap(node, size, offset, PROT_NONE, MAP_PRIVATE, EINVAL);
		expect_no_mmap(dmabuf, size, 0, PROT_READ, MAP_PRIVATE, EINVAL);
		expect_no_mmap(dmabuf, size, 0, PROT_RW, MAP_PRIVATE, EINVAL);
		expect_no_mmap(dmabuf, size, 0, PROT_NONE, MAP_PRIVATE, EINVAL);
		close(dmabuf);
	}
	close(node);
	close(memfd);
}

static void expect_read_only(char *map, uint64_t size)
{
	igt_assert(map != MAP_FAILED);
	igt_assert(!zcgem_access_faults(map, false));
	igt_assert(zcgem_access_faults(map, true));
	igt_assert_eq(mprotect(map, size, PROT_RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(mprotect(map + size / 2, ZCGEM_PAGE, PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	/* also after it was split and moved */
	igt_assert_eq(mprotect(map, ZCGEM_PAGE, PROT_NONE), 0);
	igt_assert_eq(mprotect(map, ZCGEM_PAGE, PROT_RW), -1);
	igt_assert_eq(mprotect(map, ZCGEM_PAGE, PROT_READ), 0);
	igt_assert(zcgem_access_faults(map, true));
	munmap(map, size);
}

static void test_write_read_only(int fd)
{
	const uint64_t size = PAGES(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), node = open_read_only(fd), dmabuf;
	uint32_t writable = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	uint32_t readonly = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	uint32_t handle;

	/* the object says no */
	expect_no_mmap(fd, size, zcgem_mmap_offset(fd, readonly), PROT_RW, MAP_SHARED, EACCES);
	expect_no_mmap(fd, size, zcgem_mmap_offset(fd, readonly), PROT_WRITE, MAP_SHARED,
		       EACCES);
	expect_read_only(zcgem_mmap(fd, readonly, size, PROT_READ), size);

	/* the node's descriptor says no */
	handle = zcgem_wrap_memfd(node, memfd, 0, size, 0);
	expect_no_mmap(node, size, zcgem_mmap_offset(node, handle), PROT_RW, MAP_SHARED,
		       EACCES);
	expect_read_only(zcgem_mmap(node, handle, size, PROT_READ), size);

	/* the dma-buf's descriptor says no, of either object */
	igt_assert_eq(__zcgem_export(fd, writable, DRM_CLOEXEC, &dmabuf), 0);
	expect_no_mmap(dmabuf, size, 0, PROT_RW, MAP_SHARED, EACCES);
	expect_read_only(mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0), size);
	close(dmabuf);
	igt_assert_eq(__zcgem_export(fd, readonly, DRM_CLOEXEC, &dmabuf), 0);
	expect_no_mmap(dmabuf, size, 0, PROT_RW, MAP_SHARED, EACCES);
	expect_read_only(mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0), size);
	close(dmabuf);

	close(node);
	close(memfd);
}

static void test_exec(int fd)
{
	/* return 42 */
#if defined(__x86_64__)
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
#elif defined(__aarch64__)
	static const uint32_t code[] = { 0x52800540, 0xd65f03c0 };
#elif defined(__riscv)
	static const uint32_t code[] = { 0x02a00513, 0x00008067 };
#endif
	const uint64_t size = PAGES(4);
	uint32_t handle = zcgem_create(fd, size, 0);
	int (*function)(void);
	struct leaf leaf;
	char *map, *run;

	map = zcgem_mmap(fd, handle, size, PROT_RW);
	memcpy(map, code, sizeof(code));
	igt_assert_eq(read_leaves(map, ZCGEM_PAGE, &leaf, 1), 1);
	igt_assert(!leaf_has(&leaf, 'x'));

	run = __zcgem_mmap(fd, handle, size, PROT_READ | PROT_EXEC);
	igt_require_f(run, "the node lies on a file system without exec: %m\n");
	__builtin___clear_cache(run, run + sizeof(code));
	function = (int (*)(void))run;
	igt_assert_eq(function(), 42);
	igt_assert_eq(read_leaves(run, ZCGEM_PAGE, &leaf, 1), 1);
	igt_assert(leaf_has(&leaf, 'x'));
	igt_assert(!leaf_has(&leaf, 'w'));
	munmap(run, size);
	munmap(map, size);
}

static void expect_bits(int fd, enum memory_kind kind, int prot, bool dirty)
{
	const uint64_t size = 2 * LEAF_2M;
	struct leaf leaves[2 * LEAF_2M / LEAF_4K];
	struct memory memory;
	unsigned int i, count;
	volatile char *map;

	if (!memory_available(kind, size))
		return;
	make_memory(fd, kind, size, &memory);
	map = map_memory(fd, &memory, prot);
	(void)*map;
	count = read_leaves((void *)map, LEAF_2M, leaves, ARRAY_SIZE(leaves));
	igt_assert_lt_u64(0, count);
	for (i = 0; i < count; i++) {
		igt_assert(leaf_has(&leaves[i], 'a'));
		igt_assert_f(leaf_has(&leaves[i], 'd') == dirty, "leaf %u of %u: %s\n", i, count,
			     leaves[i].flags);
	}
	munmap((void *)map, size);
	free_memory(fd, &memory);
}

static void test_young_and_dirty(int fd)
{
	static const enum memory_kind kinds[] = { SHMEM_4K, SHMEM_THP, HUGETLB_2M, POOL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		expect_bits(fd, kinds[i], PROT_RW, true);
		expect_bits(fd, kinds[i], PROT_READ, false);
	}
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("Each MADV has a definite answer and leaves contents alone (class 1)");
	igt_subtest("advice")
		zcgem_run_counted(fd, test_advice);

	igt_describe("mlock, munlock, mlockall and MAP_LOCKED are accepted and do nothing");
	igt_subtest("mlock")
		zcgem_run_counted(fd, test_mlock);

	igt_describe("MAP_POPULATE does no harm");
	igt_subtest("populate-flag")
		zcgem_run_counted(fd, test_populate_flag);

	igt_describe("Nobody else can serve the faults of a mapping (class 8)");
	igt_subtest("userfaultfd")
		zcgem_run_counted(fd, test_userfaultfd);

	igt_describe("Writes after soft-dirty bits were cleared do not hang and are not lost");
	igt_subtest("soft-dirty")
		zcgem_run_counted(fd, test_soft_dirty);

	igt_describe("Mappings are neither dumped nor expanded, and say so");
	igt_subtest("flags")
		zcgem_run_counted(fd, test_flags);

	igt_describe("Pages of a mapping cannot be exchanged");
	igt_subtest("remap-file-pages")
		zcgem_run_counted(fd, test_remap_file_pages);

	igt_describe("MAP_PRIVATE is refused on descriptors that can only be read (class 9)");
	igt_subtest("private-read-only")
		zcgem_run_counted(fd, test_private_read_only);

	igt_describe("No protection change gives more than the descriptor or object allows (class 9)");
	igt_subtest("write-read-only")
		zcgem_run_counted(fd, test_write_read_only);

	igt_describe("Entries of a writable mapping need no second fault when they are written");
	igt_subtest("young-and-dirty")
		zcgem_run_counted(fd, test_young_and_dirty);

	igt_describe("PROT_EXEC maps as on other DRM nodes and what was written runs (class 9)");
	igt_subtest("exec")
		zcgem_run_counted(fd, test_exec);

	igt_fixture()
		drm_close_driver(fd);
}
