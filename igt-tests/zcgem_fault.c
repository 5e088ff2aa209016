// SPDX-License-Identifier: MIT
/*
 * By what leaves of the page tables an object is mapped, and how many faults that takes.
 *
 * Sizes, frames and cache modes are read from the page tables.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_settings.h"
#include "zcgem.h"

/**
 * TEST: zcgem fault
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check the page tables that faults on zcgem objects make.
 *
 * SUBTEST: leaf-memfd-4k
 * Description: 4 KiB pages of a memfd are mapped by 4 KiB leaves.
 *
 * SUBTEST: leaf-memfd-thp
 * Description: 2 MiB pages of tmpfs are mapped by 2 MiB leaves.
 *
 * SUBTEST: leaf-hugetlb-2m
 * Description: 2 MiB pages of hugetlbfs are mapped by 2 MiB leaves.
 *
 * SUBTEST: leaf-hugetlb-1g
 * Description: A 1 GiB page is mapped by one 1 GiB leaf.
 *
 * SUBTEST: leaf-anon-4k
 * Description: Anonymous 4 KiB pages are mapped by 4 KiB leaves.
 *
 * SUBTEST: leaf-anon-thp
 * Description: Anonymous 2 MiB pages are mapped by 2 MiB leaves.
 *
 * SUBTEST: leaf-anon-hugetlb
 * Description: Anonymous hugetlb pages are mapped by 2 MiB leaves.
 *
 * SUBTEST: leaf-pool
 * Description: High orders of the pool are mapped by 2 MiB leaves.
 *
 * SUBTEST: leaf-mixed
 * Description: An object of small and huge pages has a leaf of the right size for each.
 *
 * SUBTEST: cache-mode
 * Description: Write-combined memory is so in leaves of both sizes, other memory is not.
 *
 * SUBTEST: count-4k
 * Description: Touching 1 GiB of 4 KiB pages takes one fault for 2 MiB at most.
 *
 * SUBTEST: count-2m
 * Description: Touching 1 GiB of 2 MiB pages takes 512 faults at most.
 *
 * SUBTEST: count-1g
 * Description: Touching 1 GiB of a 1 GiB page takes one fault.
 *
 * SUBTEST: populate
 * Description: After populate with an address touching takes no fault.
 *
 * SUBTEST: align-new
 * Description: New mappings are placed so that the largest leaf fits.
 *
 * SUBTEST: align-hint
 * Description: A hint and MAP_FIXED have their way.
 *
 * SUBTEST: align-in-folio
 * Description: An object that begins inside a huge page has huge leaves after that.
 *
 * SUBTEST: align-dmabuf
 * Description: libzcgem maps a dma-buf so that the largest leaf fits.
 *
 * SUBTEST: read-only
 * Description: No leaf of a read-only object can be written.
 *
 * SUBTEST: thp-setting
 * Description: Mappings are right whatever transparent_hugepage/enabled says.
 *
 * SUBTEST: thp-disable
 * Description: A process that wants no huge pages gets small leaves.
 *
 * SUBTEST: no-hugepage
 * Description: MADV_NOHUGEPAGE gives small leaves.
 */

IGT_TEST_DESCRIPTION("Check the page tables that faults on zcgem objects make");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)
#define GIB		(1ull << 30)
#define ENABLED "/sys/kernel/mm/transparent_hugepage/enabled"

static uint64_t total_faults(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.faults_pte + info.faults_pmd + info.faults_pud;
}

static uint64_t frame_of(const char *address)
{
	struct leaf leaf;

	igt_assert_eq(read_leaves(address, ZCGEM_PAGE, &leaf, 1), 1);
	return leaf.pfn + ((uintptr_t)address - leaf.address) / ZCGEM_PAGE;
}

/* Both mappings show the same frames: nothing was copied. */
static void expect_same_frames(const char *map, const char *own, uint64_t size)
{
	uint64_t at;

	for (at = 0; at < size; at += LEAF_2M)
		igt_assert_eq_u64(frame_of(map + at), frame_of(own + at));
}

static void check_leaf(int fd, enum memory_kind kind, uint64_t size)
{
	/* enough to meet each leaf, and not too many for 1 GiB */
	const uint64_t step = size < GIB ? ZCGEM_PAGE : PAGES(32);
	struct memory memory;
	char *map;

	make_memory(fd, kind, size, &memory);
	if (memory.own)
		stamp(memory.own, 0, size, step, 1);
	map = map_memory(fd, &memory, PROT_RW);
	expect_unmapped(map, size);

	/* read first: then the leaves must still not need a fault to be written */
	touch(map, size, step, false);
	expect_leaves(map, size, memory.leaf);
	if (memory.own) {
		check_stamps(map, 0, size, step, 1);
		expect_same_frames(map, memory.own, size);
	}
	stamp(map, 0, size, step, 2);
	if (memory.own)
		check_stamps(memory.own, 0, size, step, 2);
	expect_leaves(map, size, memory.leaf);
	expect_cache(map, size, "WB");
	munmap(map, size);
	expect_unmapped(map, size);
	free_memory(fd, &memory);
}

static void test_leaf_memfd_4k(int fd)
{
	check_leaf(fd, SHMEM_4K, 3 * LEAF_2M);
}

static void test_leaf_memfd_thp(int fd)
{
	check_leaf(fd, SHMEM_THP, 3 * LEAF_2M);
}

static void test_leaf_hugetlb_2m(int fd)
{
	require_large_leaves();
	check_leaf(fd, HUGETLB_2M, 3 * LEAF_2M);
}

static void test_leaf_hugetlb_1g(int fd)
{
	require_large_leaves();
	check_leaf(fd, HUGETLB_1G, LEAF_1G);
}

static void test_leaf_anon_4k(int fd)
{
	check_leaf(fd, ANON_4K, 3 * LEAF_2M);
}

static void test_leaf_anon_thp(int fd)
{
	check_leaf(fd, ANON_THP, 3 * LEAF_2M);
}

static void test_leaf_anon_hugetlb(int fd)
{
	require_large_leaves();
	check_leaf(fd, ANON_HUGETLB, 3 * LEAF_2M);
}

/* The pool may be out of high orders; but then the driver must know, too. */
static void check_pool(int fd, enum memory_kind kind, const char *cache)
{
	const uint64_t size = 8 * LEAF_2M;
	struct drm_zcgem_gem_info info;
	struct leaf_count sum;
	struct memory memory;
	uint64_t high = 0;
	unsigned int i;
	char *map;

	make_memory(fd, kind, size, &memory);
	map = map_memory(fd, &memory, PROT_RW);
	stamp(map, 0, size, ZCGEM_PAGE, 1);
	check_stamps(map, 0, size, ZCGEM_PAGE, 1);
	expect_cache(map, size, cache);

	zcgem_info(fd, memory.handle, &info);
	for (i = ZCGEM_HUGE_ORDER; i < DRM_ZCGEM_EXTENT_ORDERS; i++)
		high += info.extents_by_order[i];
	igt_require_f(high, "the kernel gave no high orders\n");
	count_leaves(map, size, &sum);
	igt_debug("%" PRIu64 " leaves of 2M in %" PRIu64 " high extents, %" PRIu64 " of 4K\n",
		  sum.large, high, sum.small);
	igt_assert_lte_u64(1, sum.large);
	igt_assert_eq_u64(sum.bytes, size);
	igt_assert_eq_u64(sum.special + sum.devmap, sum.large + sum.small);
	munmap(map, size);
	free_memory(fd, &memory);
}

static void test_leaf_pool(int fd)
{
	require_large_leaves();
	check_pool(fd, POOL, "WB");
}

static void test_leaf_mixed(int fd)
{
	struct drm_zcgem_memfd_range ranges[3];
	struct memory huge, small;
	struct leaf_count sum;
	uint32_t handle;
	char *map;

	require_large_leaves();
	make_memory(fd, HUGETLB_2M, 2 * LEAF_2M, &huge);
	make_memory(fd, SHMEM_4K, LEAF_2M, &small);
	stamp(huge.own, 0, huge.size, ZCGEM_PAGE, 1);
	stamp(small.own, 0, small.size, ZCGEM_PAGE, 2);
	ranges[0] = (struct drm_zcgem_memfd_range) {
		.fd = huge.memfd, .offset = LEAF_2M, .size = LEAF_2M,
	};
	ranges[1] = (struct drm_zcgem_memfd_range) {
		.fd = small.memfd, .size = LEAF_2M,
	};
	ranges[2] = (struct drm_zcgem_memfd_range) {
		.fd = huge.memfd, .size = LEAF_2M,
	};
	handle = zcgem_wrap(fd, ranges, ARRAY_SIZE(ranges), 0);
	map = zcgem_mmap(fd, handle, 3 * LEAF_2M, PROT_RW);

	check_stamps(map, LEAF_2M, LEAF_2M, ZCGEM_PAGE, 1);
	check_stamps(map + LEAF_2M, 0, LEAF_2M, ZCGEM_PAGE, 2);
	check_stamps(map + 2 * LEAF_2M, 0, LEAF_2M, ZCGEM_PAGE, 1);
	expect_leaves(map, LEAF_2M, LEAF_2M);
	expect_leaves(map + 2 * LEAF_2M, LEAF_2M, LEAF_2M);
	count_leaves(map + LEAF_2M, LEAF_2M, &sum);
	igt_assert_eq_u64(sum.small, ZCGEM_HUGE_PAGES);
	igt_assert_eq_u64(total_faults(fd, handle), 3);

	munmap(map, 3 * LEAF_2M);
	gem_close(fd, handle);
	free_memory(fd, &huge);
	free_memory(fd, &small);
}

/* Mappings are what INFO says, and that is what the architecture can do. */
static void check_small_cache(int fd, uint32_t flags, const char *cache)
{
	const uint64_t size = PAGES(20);
	uint32_t handle = zcgem_create(fd, size, flags);
	char *map = zcgem_mmap(fd, handle, size, PROT_RW);
	int dmabuf = zcgem_export(fd, handle);
	char *other = mmap(NULL, size, PROT_RW, MAP_SHARED, dmabuf, 0);
	struct drm_zcgem_gem_info info;

	igt_assert(other != MAP_FAILED);
	zcgem_info(fd, handle, &info);
	igt_assert(!strcmp(info.flags & DRM_ZCGEM_INFO_WC ? "WC" : "WB", cache));
	zcgem_fill(map, size, 1);
	zcgem_check(other, size, 1);
	expect_leaves(map, size, LEAF_4K);
	expect_cache(map, size, cache);
	expect_cache(other, size, cache);

	/* the mode must not get lost when the protection changes */
	igt_assert_eq(mprotect(map, size, PROT_READ), 0);
	expect_cache(map, size, cache);
	igt_assert_eq(mprotect(map, size, PROT_RW), 0);
	expect_cache(map, size, cache);
	munmap(other, size);
	munmap(map, size);
	close(dmabuf);
}

static void test_cache_mode(int fd)
{
	const char *wc = ZCGEM_HAS_WC ? "WC" : "WB";
	struct memory memory;
	char *map;

	require_large_leaves();
	check_small_cache(fd, 0, "WB");
	check_small_cache(fd, DRM_ZCGEM_CREATE_WC, wc);

	check_pool(fd, POOL, "WB");
	check_pool(fd, POOL_WC, wc);

	/* huge leaves whose protection changes keep the mode as well */
	make_memory(fd, POOL_WC, 2 * LEAF_2M, &memory);
	map = map_memory(fd, &memory, PROT_READ);
	touch(map, memory.size, ZCGEM_PAGE, false);
	expect_cache(map, memory.size, wc);
	igt_assert_eq(mprotect(map, memory.size, PROT_RW), 0);
	stamp(map, 0, memory.size, ZCGEM_PAGE, 1);
	expect_cache(map, memory.size, wc);
	munmap(map, memory.size);
	free_memory(fd, &memory);
}

static void check_count(int fd, enum memory_kind kind, uint64_t most)
{
	const uint64_t size = GIB;
	uint64_t before, faults;
	struct memory memory;
	char *map;

	make_memory(fd, kind, size, &memory);
	/* the memory itself is there before the faults are counted */
	zcgem_populate(fd, memory.handle, size, NULL);
	map = map_memory(fd, &memory, PROT_RW);
	touch(&memory, sizeof(memory), 8, true);

	before = minor_faults();
	touch(map, size, ZCGEM_PAGE, true);
	faults = minor_faults() - before;
	igt_info("1 GiB of %s: %" PRIu64 " faults by the kernel's count, %" PRIu64
		 " by the driver's\n", memory_name(kind), faults,
		 total_faults(fd, memory.handle));
	igt_assert_lte_u64(faults, most);
	igt_assert_lte_u64(total_faults(fd, memory.handle), most);
	igt_assert_lte_u64(1, total_faults(fd, memory.handle));
	munmap(map, size);
	free_memory(fd, &memory);
}

static void test_count_4k(int fd)
{
	check_count(fd, SHMEM_4K, GIB / LEAF_2M);
}

static void test_count_2m(int fd)
{
	check_count(fd, HUGETLB_2M, GIB / LEAF_2M);
}

static void test_count_1g(int fd)
{
	require_large_leaves();
	check_count(fd, HUGETLB_1G, 1);
}

static const enum memory_kind kinds[] = {
	SHMEM_4K, SHMEM_THP, HUGETLB_2M, HUGETLB_1G, ANON_4K, ANON_THP,
	ANON_HUGETLB, POOL, POOL_WC,
};

static uint64_t kind_size(enum memory_kind kind)
{
	return kind == HUGETLB_1G ? LEAF_1G : 3 * LEAF_2M;
}

static void test_populate(int fd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint64_t size = kind_size(kinds[i]), before, driver;
		struct memory memory;
		int prot;

		if (!memory_available(kinds[i], size))
			continue;
		make_memory(fd, kinds[i], size, &memory);
		for (prot = PROT_READ; prot <= PROT_RW; prot += PROT_WRITE) {
			bool write = prot & PROT_WRITE;
			char *map = map_memory(fd, &memory, prot);

			zcgem_populate(fd, memory.handle, size, map);
			if (kinds[i] != POOL && kinds[i] != POOL_WC)
				expect_leaves(map, size, memory.leaf);
			touch(&memory, sizeof(memory), 8, true);
			driver = total_faults(fd, memory.handle);
			before = minor_faults();
			touch(map, size, ZCGEM_PAGE, write);
			igt_assert_eq_u64(minor_faults() - before, 0);
			igt_assert_eq_u64(total_faults(fd, memory.handle), driver);
			munmap(map, size);
		}
		free_memory(fd, &memory);
	}
}

/* Mappings of odd sizes move where the next one would go. */
static void check_alignment(int fd, enum memory_kind kind, uint64_t size)
{
	struct memory memory;
	unsigned int i;
	char *maps[4];

	make_memory(fd, kind, size, &memory);
	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		igt_assert(mmap(NULL, PAGES(1 + 3 * i), PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
		maps[i] = map_memory(fd, &memory, i & 1 ? PROT_READ : PROT_RW);
		igt_assert_eq_u64((uintptr_t)maps[i] % memory.leaf, 0);
		touch(maps[i], size, LEAF_2M, false);
		expect_leaves(maps[i], size, memory.leaf);
	}
	for (i = 0; i < ARRAY_SIZE(maps); i++)
		munmap(maps[i], size);
	free_memory(fd, &memory);
}

static void test_align_new(int fd)
{
	require_large_leaves();
	check_alignment(fd, HUGETLB_2M, 3 * LEAF_2M);
	check_alignment(fd, SHMEM_THP, 2 * LEAF_2M);
	check_alignment(fd, ANON_THP, 2 * LEAF_2M);
	if (memory_available(HUGETLB_1G, LEAF_1G))
		check_alignment(fd, HUGETLB_1G, LEAF_1G);
}

static void test_align_hint(int fd)
{
	const uint64_t size = 2 * LEAF_2M;
	struct memory memory;
	uint64_t offset;
	char *hole, *map;

	make_memory(fd, HUGETLB_2M, size, &memory);
	stamp(memory.own, 0, size, ZCGEM_PAGE, 1);
	offset = zcgem_mmap_offset(fd, memory.handle);
	hole = mmap(NULL, 4 * LEAF_2M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(hole != MAP_FAILED);
	hole = (char *)ALIGN((uintptr_t)hole, LEAF_2M) + PAGES(7);

	/* over what is there: only MAP_FIXED may */
	map = mmap(hole, size, PROT_RW, MAP_SHARED, fd, offset);
	igt_assert(map != MAP_FAILED && map != hole);
	check_stamps(map, 0, size, ZCGEM_PAGE, 1);
	munmap(map, size);
	map = mmap(hole, size, PROT_RW, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, offset);
	igt_assert(map == MAP_FAILED);
	igt_assert_eq(errno, EEXIST);
	map = mmap(hole, size, PROT_RW, MAP_SHARED | MAP_FIXED, fd, offset);
	igt_assert(map == hole);
	check_stamps(map, 0, size, ZCGEM_PAGE, 1);
	expect_leaves(map, size, LEAF_4K);
	munmap(map, size);

	/* where there is room */
	map = mmap(hole, size, PROT_RW, MAP_SHARED, fd, offset);
	igt_assert(map == hole);
	check_stamps(map, 0, size, ZCGEM_PAGE, 1);
	munmap(map, size);
	map = mmap(hole, size, PROT_RW, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, offset);
	igt_assert(map == hole);
	munmap(map, size);
	free_memory(fd, &memory);
}

static void test_align_in_folio(int fd)
{
	const uint64_t skip = PAGES(37), size = 3 * LEAF_2M - skip;
	struct leaf_count sum;
	struct memory memory;
	uint32_t handle;
	char *map;

	require_large_leaves();
	make_memory(fd, HUGETLB_2M, 3 * LEAF_2M, &memory);
	stamp(memory.own, 0, memory.size, ZCGEM_PAGE, 1);
	handle = zcgem_wrap_memfd(fd, memory.memfd, skip, size, 0);
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	igt_assert_eq_u64((uintptr_t)map % LEAF_2M, skip);

	check_stamps(map, skip, size, ZCGEM_PAGE, 1);
	count_leaves(map, size, &sum);
	igt_assert_eq_u64(sum.small, ZCGEM_HUGE_PAGES - 37);
	igt_assert_eq_u64(sum.large, 2);
	igt_assert_eq_u64(total_faults(fd, handle), 3);
	expect_same_frames(map, (char *)memory.own + skip, size);
	munmap(map, size);
	gem_close(fd, handle);
	free_memory(fd, &memory);
}

static void check_dmabuf(int fd, enum memory_kind kind, uint64_t size)
{
	struct memory memory;
	void *map;
	int dmabuf;

	make_memory(fd, kind, size, &memory);
	stamp(memory.own, 0, size, LEAF_2M, 1);
	dmabuf = zcgem_export(fd, memory.handle);
	igt_assert_eq(zcgem_dmabuf_map(dmabuf, size, PROT_RW, &map), 0);
	igt_assert_eq_u64((uintptr_t)map % memory.leaf, 0);
	check_stamps(map, 0, size, LEAF_2M, 1);
	expect_leaves(map, size, memory.leaf);
	expect_same_frames(map, memory.own, size);
	igt_assert_eq(zcgem_dmabuf_unmap(map, size), 0);
	close(dmabuf);
	free_memory(fd, &memory);
}

static void test_align_dmabuf(int fd)
{
	require_large_leaves();
	check_dmabuf(fd, HUGETLB_2M, 3 * LEAF_2M);
	check_dmabuf(fd, SHMEM_THP, 2 * LEAF_2M);
	if (memory_available(HUGETLB_1G, LEAF_1G))
		check_dmabuf(fd, HUGETLB_1G, LEAF_1G);
}

static void check_read_only(int fd, enum memory_kind kind, uint64_t size)
{
	struct memory memory;
	struct leaf_count sum;
	uint32_t handle;
	int dmabuf;
	char *map;

	make_memory(fd, kind, size, &memory);
	stamp(memory.own, 0, size, LEAF_2M, 1);
	if (memory.memfd >= 0)
		handle = zcgem_wrap_memfd(fd, memory.memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	else
		igt_assert_eq(__zcgem_wrap_address(fd, memory.own, size,
						     DRM_ZCGEM_WRAP_READONLY, &handle), 0);
	igt_assert(!__zcgem_mmap(fd, handle, size, PROT_RW));
	igt_assert_eq(errno, EACCES);

	map = zcgem_mmap(fd, handle, size, PROT_READ);
	check_stamps(map, 0, size, LEAF_2M, 1);
	touch(map, size, ZCGEM_PAGE, false);
	expect_leaves(map, size, memory.leaf);
	count_leaves(map, size, &sum);
	igt_assert_eq_u64(sum.writable, 0);
	igt_assert(zcgem_access_faults(map, true));
	igt_assert_eq(mprotect(map, size, PROT_RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(mprotect(map, ZCGEM_PAGE, PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert(zcgem_access_faults(map, true));
	munmap(map, size);

	igt_assert_eq(__zcgem_export(fd, handle, DRM_CLOEXEC, &dmabuf), 0);
	map = mmap(NULL, size, PROT_RW, MAP_SHARED, dmabuf, 0);
	igt_assert(map == MAP_FAILED);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0);
	igt_assert(map != MAP_FAILED);
	check_stamps(map, 0, size, LEAF_2M, 1);
	count_leaves(map, size, &sum);
	igt_assert_eq_u64(sum.writable, 0);
	igt_assert_eq(mprotect(map, size, PROT_RW), -1);
	munmap(map, size);
	close(dmabuf);
	check_stamps(memory.own, 0, size, LEAF_2M, 1);
	gem_close(fd, handle);
	free_memory(fd, &memory);
}

static void test_read_only(int fd)
{
	check_read_only(fd, SHMEM_4K, LEAF_2M);
	check_read_only(fd, HUGETLB_2M, LEAF_2M);
	check_read_only(fd, ANON_THP, LEAF_2M);
	if (memory_available(HUGETLB_1G, LEAF_1G))
		check_read_only(fd, HUGETLB_1G, LEAF_1G);
}

/* Maps, checks all of the contents and returns what it is mapped by. */
static struct leaf_count map_once(int fd, const struct memory *memory, int advice)
{
	struct leaf_count sum;
	char *map = map_memory(fd, memory, PROT_RW);

	if (advice)
		igt_assert_eq(madvise(map, memory->size, advice), 0);
	check_stamps(map, 0, memory->size, ZCGEM_PAGE, 1);
	stamp(map, 0, memory->size, ZCGEM_PAGE, 2);
	check_stamps(memory->own, 0, memory->size, ZCGEM_PAGE, 2);
	stamp(map, 0, memory->size, ZCGEM_PAGE, 1);
	count_leaves(map, memory->size, &sum);
	igt_assert_eq_u64(sum.bytes, memory->size);
	munmap(map, memory->size);
	return sum;
}

static void test_thp_setting(int fd)
{
	static const char * const settings[] = { "never", "madvise", "always" };
	struct memory memory;
	unsigned int i;

	require_large_leaves();
	make_memory(fd, HUGETLB_2M, 3 * LEAF_2M, &memory);
	stamp(memory.own, 0, memory.size, ZCGEM_PAGE, 1);
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		struct leaf_count sum;

		zcgem_change_setting(ENABLED, settings[i]);
		sum = map_once(fd, &memory, 0);
		igt_info("%s: %" PRIu64 " leaves of 2M, %" PRIu64 " of 4K\n",
			 settings[i], sum.large, sum.small);
		/* "never" binds drivers on kernels before 6.19, later it does not */
		igt_assert(sum.large == 3 || (!i && sum.small == 3 * ZCGEM_HUGE_PAGES));
	}
	zcgem_change_setting(ENABLED, "always");
	free_memory(fd, &memory);
}

static void test_thp_disable(int fd)
{
	struct memory memory;

	require_large_leaves();
	make_memory(fd, HUGETLB_2M, 3 * LEAF_2M, &memory);
	stamp(memory.own, 0, memory.size, ZCGEM_PAGE, 1);
	igt_assert_eq_u64(map_once(fd, &memory, 0).large, 3);

	igt_assert_eq(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	igt_assert_eq_u64(map_once(fd, &memory, 0).small, 3 * ZCGEM_HUGE_PAGES);
	igt_assert_eq(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);

	igt_assert_eq_u64(map_once(fd, &memory, 0).large, 3);
	free_memory(fd, &memory);
}

static void test_no_hugepage(int fd)
{
	struct memory memory;

	require_large_leaves();
	make_memory(fd, HUGETLB_2M, 3 * LEAF_2M, &memory);
	stamp(memory.own, 0, memory.size, ZCGEM_PAGE, 1);
	igt_assert_eq_u64(map_once(fd, &memory, MADV_NOHUGEPAGE).small, 3 * ZCGEM_HUGE_PAGES);
	igt_assert_eq_u64(map_once(fd, &memory, MADV_HUGEPAGE).large, 3);
	free_memory(fd, &memory);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("4 KiB pages of a memfd are mapped by 4 KiB leaves");
	igt_subtest("leaf-memfd-4k")
		zcgem_run_counted(fd, test_leaf_memfd_4k);

	igt_describe("2 MiB pages of tmpfs are mapped by 2 MiB leaves");
	igt_subtest("leaf-memfd-thp")
		zcgem_run_counted(fd, test_leaf_memfd_thp);

	igt_describe("2 MiB pages of hugetlbfs are mapped by 2 MiB leaves");
	igt_subtest("leaf-hugetlb-2m")
		zcgem_run_counted(fd, test_leaf_hugetlb_2m);

	igt_describe("A 1 GiB page is mapped by one 1 GiB leaf");
	igt_subtest("leaf-hugetlb-1g")
		zcgem_run_counted(fd, test_leaf_hugetlb_1g);

	igt_describe("Anonymous 4 KiB pages are mapped by 4 KiB leaves");
	igt_subtest("leaf-anon-4k")
		zcgem_run_counted(fd, test_leaf_anon_4k);

	igt_describe("Anonymous 2 MiB pages are mapped by 2 MiB leaves");
	igt_subtest("leaf-anon-thp")
		zcgem_run_counted(fd, test_leaf_anon_thp);

	igt_describe("Anonymous hugetlb pages are mapped by 2 MiB leaves");
	igt_subtest("leaf-anon-hugetlb")
		zcgem_run_counted(fd, test_leaf_anon_hugetlb);

	igt_describe("High orders of the pool are mapped by 2 MiB leaves");
	igt_subtest("leaf-pool")
		zcgem_run_counted(fd, test_leaf_pool);

	igt_describe("An object of small and huge pages has a leaf of the right size for each");
	igt_subtest("leaf-mixed")
		zcgem_run_counted(fd, test_leaf_mixed);

	igt_describe("Write-combined memory is so in leaves of both sizes, other memory is not");
	igt_subtest("cache-mode")
		zcgem_run_counted(fd, test_cache_mode);

	igt_describe("Touching 1 GiB of 4 KiB pages takes one fault for 2 MiB at most");
	igt_subtest("count-4k")
		zcgem_run_counted(fd, test_count_4k);

	igt_describe("Touching 1 GiB of 2 MiB pages takes 512 faults at most");
	igt_subtest("count-2m")
		zcgem_run_counted(fd, test_count_2m);

	igt_describe("Touching 1 GiB of a 1 GiB page takes one fault");
	igt_subtest("count-1g")
		zcgem_run_counted(fd, test_count_1g);

	igt_describe("After populate with an address touching takes no fault");
	igt_subtest("populate")
		zcgem_run_counted(fd, test_populate);

	igt_describe("New mappings are placed so that the largest leaf fits");
	igt_subtest("align-new")
		zcgem_run_counted(fd, test_align_new);

	igt_describe("A hint and MAP_FIXED have their way");
	igt_subtest("align-hint")
		zcgem_run_counted(fd, test_align_hint);

	igt_describe("An object that begins inside a huge page has huge leaves after that");
	igt_subtest("align-in-folio")
		zcgem_run_counted(fd, test_align_in_folio);

	igt_describe("libzcgem maps a dma-buf so that the largest leaf fits");
	igt_subtest("align-dmabuf")
		zcgem_run_counted(fd, test_align_dmabuf);

	igt_describe("No leaf of a read-only object can be written");
	igt_subtest("read-only")
		zcgem_run_counted(fd, test_read_only);

	igt_describe("Mappings are right whatever transparent_hugepage/enabled says");
	igt_subtest("thp-setting")
		zcgem_run_counted(fd, test_thp_setting);

	igt_describe("A process that wants no huge pages gets small leaves");
	igt_subtest("thp-disable")
		zcgem_run_counted(fd, test_thp_disable);

	igt_describe("MADV_NOHUGEPAGE gives small leaves");
	igt_subtest("no-hugepage")
		zcgem_run_counted(fd, test_no_hugepage);

	igt_fixture()
		drm_close_driver(fd);
}
