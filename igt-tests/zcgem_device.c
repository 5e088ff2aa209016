// SPDX-License-Identifier: MIT
/*
 * Objects in the hands of devices: what is mapped for them, what they cannot reach, and
 * kernel mappings. The device is the test bed's module "importer".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem device
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check what devices and their drivers get of an object.
 *
 * SUBTEST: dma-content
 * Description: Class 6: a device reads and writes what the CPU does, in every memory.
 *
 * SUBTEST: vmap-content
 * Description: Class 6: so does a driver by its kernel mapping.
 *
 * SUBTEST: vmap-shared
 * Description: Drivers share one kernel mapping, which pins until the last has gone.
 *
 * SUBTEST: vmap-read-only
 * Description: A kernel mapping of a read-only object is for reading, as is its scatter list.
 *
 * SUBTEST: segments
 * Description: Entries are as long as the memory is contiguous and the device allows.
 *
 * SUBTEST: mask-static
 * Description: A device with few address bits gets no scatter list of memory above them.
 *
 * SUBTEST: mask-dynamic
 * Description: One that follows moves is refused as soon as it attaches.
 *
 * SUBTEST: mask-moved
 * Description: A device is refused when the memory has moved out of its reach.
 *
 * SUBTEST: no-dma
 * Description: A device without DMA is refused.
 *
 * SUBTEST: peer-to-peer
 * Description: A device that can do peer-to-peer DMA gets system memory as any other.
 *
 * SUBTEST: directions
 * Description: Each direction is mapped, unmapped, and for a read-only object judged.
 *
 * SUBTEST: pin
 * Description: What a device has pinned is not evicted, and stays when it is punched.
 *
 * SUBTEST: punch-under-vmap
 * Description: Class 12: with a kernel mapping all views keep old data of the memfd.
 *
 * SUBTEST: unmap-inside-fence
 * Description: Class 13: a scatter list is given back while its work is not done.
 *
 * SUBTEST: many-devices
 * Description: Devices of every sort share an object and let go in any order.
 */

IGT_TEST_DESCRIPTION("Check what devices and their drivers get of an object");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)
#define SIZE		(2 * LEAF_2M)

static const enum memory_kind kinds[] = {
	SHMEM_4K, SHMEM_THP, HUGETLB_2M, ANON_4K, ANON_THP, ANON_HUGETLB, POOL, POOL_WC,
};

typedef void (*kind_test)(int fd, struct memory *memory, int dmabuf);

static void try_each_kind(int fd, kind_test test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct memory memory;
		int dmabuf;

		if (!memory_available(kinds[i], SIZE))
			continue;
		make_memory(fd, kinds[i], SIZE, &memory);
		dmabuf = zcgem_export(fd, memory.handle);
		test(fd, &memory, dmabuf);
		close(dmabuf);
		free_memory(fd, &memory);
	}
}

static void try_content(int fd, struct memory *memory, int dmabuf, uint32_t how)
{
	void *map = map_memory(fd, memory, PROT_RW);
	int device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	uint64_t at;

	importer_call(device, how ? IMPORTER_VMAP : IMPORTER_MAP, 0);
	/* each page is its own: a mapping of just the heads of large pages would show */
	for (at = 0; at < SIZE; at += IMPORTER_COPY_MAX) {
		char *part = map + at;
		void *data = aligned_alloc(ZCGEM_PAGE, IMPORTER_COPY_MAX);

		zcgem_fill(part, IMPORTER_COPY_MAX, at + 1);
		igt_assert_eq(__importer_copy(device, at, data, IMPORTER_COPY_MAX, how), 0);
		zcgem_check(data, IMPORTER_COPY_MAX, at + 1);

		zcgem_fill(data, IMPORTER_COPY_MAX, at + 2);
		igt_assert_eq(__importer_copy(device, at, data, IMPORTER_COPY_MAX,
					      how | IMPORTER_COPY_WRITE), 0);
		zcgem_check(part, IMPORTER_COPY_MAX, at + 2);
		if (memory->own)
			zcgem_check(memory->own + at, IMPORTER_COPY_MAX, at + 2);
		free(data);
	}
	/* across the pages' ends, and beyond the end */
	importer_call(device, how ? IMPORTER_VUNMAP : IMPORTER_UNMAP, 0);
	igt_assert_eq(__importer_copy(device, 0, &at, sizeof(at), how), -ENODATA);
	close(device);
	munmap(map, SIZE);
}

static void try_dma_content(int fd, struct memory *memory, int dmabuf)
{
	try_content(fd, memory, dmabuf, 0);
}

static void test_dma_content(int fd)
{
	try_each_kind(fd, try_dma_content);
}

static void try_vmap_content(int fd, struct memory *memory, int dmabuf)
{
	try_content(fd, memory, dmabuf, IMPORTER_COPY_VMAP);
}

static void test_vmap_content(int fd)
{
	try_each_kind(fd, try_vmap_content);
}

static uint64_t pins_of(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.pins;
}

static void test_vmap_shared(int fd)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf, one, two;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);

	dmabuf = zcgem_export(fd, handle);
	one = importer_new(dmabuf, IMPORTER_FOLLOWS);
	two = importer_new(dmabuf, IMPORTER_FOLLOWS);
	igt_assert_eq_u64(pins_of(fd, handle), 0);

	importer_call(one, IMPORTER_VMAP, 0);
	importer_call(two, IMPORTER_VMAP, 0);
	importer_call(two, IMPORTER_VMAP, 0);
	igt_assert_lt_u64(0, pins_of(fd, handle));
	importer_fill(one, size, 5, IMPORTER_COPY_VMAP);
	importer_check(two, size, 5, IMPORTER_COPY_VMAP);
	igt_assert_eq(__zcgem_evict(fd, handle, size), -EBUSY);

	close(one);
	importer_call(two, IMPORTER_VUNMAP, 0);
	importer_check(two, size, 5, IMPORTER_COPY_VMAP);
	igt_assert_eq(__zcgem_evict(fd, handle, size), -EBUSY);
	importer_call(two, IMPORTER_VUNMAP, 0);
	igt_assert_eq_u64(pins_of(fd, handle), 0);
	zcgem_evict(fd, handle, size);

	importer_call(two, IMPORTER_VMAP, 0);
	importer_check(two, size, 5, IMPORTER_COPY_VMAP);
	close(two);
	igt_assert_eq_u64(pins_of(fd, handle), 0);
	close(dmabuf);
	close(memfd);
}

static void test_vmap_read_only(int fd)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK), dmabuf, device;
	void *own = zcgem_map_memfd(memfd, 0, PAGES(8));
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(8), DRM_ZCGEM_WRAP_READONLY);

	zcgem_fill(own, PAGES(8), 3);
	dmabuf = zcgem_export(fd, handle);
	device = importer_open();
	igt_assert_eq(__importer_attach(device, dmabuf, IMPORTER_FOLLOWS, 0, 0), 0);
	importer_call(device, IMPORTER_VMAP, 0);
	importer_check(device, PAGES(8), 3, IMPORTER_COPY_VMAP);
	igt_assert_eq(__importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL), -EACCES);
	igt_assert_eq(__importer_call(device, IMPORTER_MAP, IMPORTER_WRITES), -EACCES);
	importer_call(device, IMPORTER_MAP, IMPORTER_READS);
	importer_check(device, PAGES(8), 3, 0);
	close(device);
	munmap(own, PAGES(8));
	close(dmabuf);
	close(memfd);
}

static void check_segments(int dmabuf, uint64_t size, uint32_t max, uint32_t least,
			   uint32_t most)
{
	int device = importer_open();
	struct importer_state state;

	igt_assert_eq(__importer_attach(device, dmabuf, IMPORTER_FOLLOWS, 0, max), 0);
	importer_call(device, IMPORTER_MAP, 0);
	importer_state(device, &state);
	igt_debug("at most %u: %u entries, longest %u\n", max, state.entries, state.longest);
	igt_assert_eq_u64(state.bytes, size);
	igt_assert_lte_u64(least, state.entries);
	igt_assert_lte_u64(state.entries, most);
	if (max)
		igt_assert_lte_u64(state.longest, max);
	close(device);
}

static void try_segments(int fd, struct memory *memory, int dmabuf)
{
	const unsigned int npages = SIZE / ZCGEM_PAGE;

	if (memory->leaf == LEAF_2M && memory->kind != POOL && memory->kind != POOL_WC) {
		check_segments(dmabuf, SIZE, UINT32_MAX, 1, SIZE / LEAF_2M);
		check_segments(dmabuf, SIZE, 1 << 20, SIZE >> 20, SIZE >> 20);
		/* whole pages only */
		check_segments(dmabuf, SIZE, PAGES(3) + 100, npages / 3, npages / 3 + 2);
	}
	check_segments(dmabuf, SIZE, ZCGEM_PAGE, npages, npages);
	check_segments(dmabuf, SIZE, PAGES(2), npages / 2, npages);
	(void)fd;
}

static void test_segments(int fd)
{
	try_each_kind(fd, try_segments);
}

static unsigned int bits_of(uint64_t address)
{
	unsigned int bits = 0;

	while (bits < 64 && address >> bits)
		bits++;
	return bits;
}

static uint64_t last_address(int dmabuf)
{
	int device = importer_open();
	struct importer_state state;

	/* 64 bits, but of memory and not of what an IOMMU makes of it */
	igt_assert_eq(__importer_attach(device, dmabuf, IMPORTER_FOLLOWS, 64, 0), 0);
	importer_call(device, IMPORTER_MAP, 0);
	importer_state(device, &state);
	close(device);
	return state.last;
}

static void try_mask(int fd, struct memory *memory, int dmabuf, uint32_t flags)
{
	uint64_t last = last_address(dmabuf);
	unsigned int bits = bits_of(last) - 1;
	struct zcgem_snapshot before, now;
	int device = importer_open(), ret;

	igt_debug("last address %#" PRIx64 ", so %u bits are too few\n", last, bits);
	zcgem_take_snapshot(fd, &before);

	ret = __importer_attach(device, dmabuf, flags, bits, 0);
	if (flags & IMPORTER_FOLLOWS)
		igt_assert_eq(ret, -EOPNOTSUPP);
	else if (!ret)
		ret = __importer_call(device, IMPORTER_MAP, 0);
	igt_assert_eq(ret, -EOPNOTSUPP);
	zcgem_take_snapshot(fd, &now);
	igt_assert_eq_u64(now.dma_maps, before.dma_maps);
	igt_assert_eq_u64(pins_of(fd, memory->handle), 0);
	if (!(flags & IMPORTER_FOLLOWS) && !__importer_call(device, IMPORTER_VMAP, 0))
		importer_check(device, SIZE > IMPORTER_COPY_MAX ? IMPORTER_COPY_MAX : SIZE, 1,
			       IMPORTER_COPY_VMAP);
	close(device);

	/* one bit more is enough */
	device = importer_open();
	igt_assert_eq(__importer_attach(device, dmabuf, flags, bits + 1, 0), 0);
	importer_call(device, IMPORTER_MAP, 0);
	importer_check(device, IMPORTER_COPY_MAX, 1, 0);
	close(device);
}

static void try_mask_of_kind(int fd, struct memory *memory, int dmabuf, uint32_t flags)
{
	void *map = map_memory(fd, memory, PROT_RW);

	zcgem_fill(map, SIZE, 1);
	try_mask(fd, memory, dmabuf, flags);
	munmap(map, SIZE);
}

static void try_mask_static(int fd, struct memory *memory, int dmabuf)
{
	try_mask_of_kind(fd, memory, dmabuf, 0);
}

static void test_mask_static(int fd)
{
	try_each_kind(fd, try_mask_static);
}

static void try_mask_dynamic(int fd, struct memory *memory, int dmabuf)
{
	try_mask_of_kind(fd, memory, dmabuf, IMPORTER_FOLLOWS);
}

static void test_mask_dynamic(int fd)
{
	try_each_kind(fd, try_mask_dynamic);
}

/* Of the chunks the one that is lowest, and an address of the one that is highest. */
static uint64_t find_low_chunk(const char *map, uint64_t size, uint64_t *highest)
{
	uint64_t low = 0, lowest = UINT64_MAX, at;

	*highest = 0;
	for (at = 0; at < size; at += LEAF_2M) {
		uint64_t address = zcgem_frame(map + at) * ZCGEM_PAGE;

		if (address < lowest) {
			low = at;
			lowest = address;
		}
		*highest = address > *highest ? address : *highest;
	}
	return low;
}

/* Gives one more chunk of high memory back, if there is one from @at on. */
static uint64_t free_high_chunk(int memfd, const char *map, uint64_t at, uint64_t size,
				unsigned int bits)
{
	for (; at < size; at += LEAF_2M) {
		if (zcgem_frame(map + at) * ZCGEM_PAGE >> bits) {
			punch(memfd, at, LEAF_2M);
			return at + LEAF_2M;
		}
	}
	return size;
}

/*
 * More than half of all memory is looked at to find some that is low. That is punched
 * and another memfd takes it, while high memory becomes free, until what comes next is
 * out of reach.
 */
static void test_mask_moved(int fd)
{
	const uint64_t size = (zcgem_read_key("/proc/meminfo", "MemTotal:") << 10) / 16 * 9 &
			      ~(LEAF_2M - 1);
	const unsigned int rounds = 64;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), other, dmabuf, device, ret = 0;
	uint64_t low, highest, freed = 0;
	unsigned int bits, round;
	char *own, *more;
	uint32_t handle;
	bool mixed;

	/* in large pages, which is faster */
	zcgem_change_setting("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "advise");
	own = zcgem_map_memfd(memfd, 0, size);
	igt_assert_eq(madvise(own, size, MADV_HUGEPAGE), 0);
	touch(own, size, LEAF_2M, true);
	low = find_low_chunk(own, size, &highest);

	handle = zcgem_wrap_memfd(fd, memfd, low, LEAF_2M, 0);
	dmabuf = zcgem_export(fd, handle);
	bits = bits_of(last_address(dmabuf));
	mixed = bits < bits_of(highest);
	device = importer_open();
	igt_assert_eq(__importer_attach(device, dmabuf, IMPORTER_FOLLOWS, bits, 0), 0);
	importer_call(device, IMPORTER_MAP, 0);
	importer_call(device, IMPORTER_UNMAP, 0);

	other = zcgem_memfd(rounds * LEAF_2M, F_SEAL_SHRINK);
	more = zcgem_map_memfd(other, 0, rounds * LEAF_2M);
	igt_assert_eq(madvise(more, rounds * LEAF_2M, MADV_HUGEPAGE), 0);
	for (round = 0; mixed && round < rounds && !ret; round++) {
		punch(memfd, low, LEAF_2M);
		more[round * LEAF_2M] = 1;
		freed = free_high_chunk(memfd, own, freed, size, bits);
		igt_assert_eq(__zcgem_revalidate(fd, handle, LEAF_2M), 0);
		ret = __importer_call(device, IMPORTER_MAP, 0);
		if (!ret)
			importer_call(device, IMPORTER_UNMAP, 0);
	}
	igt_info("%u bits, %u moves\n", bits, round);
	if (ret) {
		igt_assert_eq(ret, -EOPNOTSUPP);
		igt_assert_lt_u64(0, last_address(dmabuf) >> bits);
	}

	close(device);
	munmap(more, rounds * LEAF_2M);
	munmap(own, size);
	close(dmabuf);
	close(other);
	close(memfd);
	gem_close(fd, handle);
	igt_require_f(ret, "the kernel gave no memory that is out of reach\n");
}

static void test_no_dma(int fd)
{
	uint32_t handle = zcgem_create(fd, PAGES(4), 0);
	int dmabuf = zcgem_export(fd, handle), device = importer_open();

	igt_assert_eq(__importer_attach(device, dmabuf, IMPORTER_NO_DMA, 0, 0), -ENODEV);
	igt_assert_eq(__importer_attach(device, dmabuf, IMPORTER_NO_DMA | IMPORTER_FOLLOWS,
					0, 0), -ENODEV);
	close(device);
	close(dmabuf);
}

static void test_peer_to_peer(int fd)
{
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK), dmabuf, device;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(16), 0);

	dmabuf = zcgem_export(fd, handle);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS | IMPORTER_PEER2PEER);
	importer_call(device, IMPORTER_MAP, 0);
	importer_fill(device, PAGES(16), 9, 0);
	close(device);
	device = importer_new(dmabuf, 0);
	importer_call(device, IMPORTER_MAP, 0);
	importer_check(device, PAGES(16), 9, 0);
	close(device);
	close(dmabuf);
	close(memfd);
}

static void test_directions(int fd)
{
	static const uint32_t directions[] = {
		IMPORTER_BIDIRECTIONAL, IMPORTER_READS, IMPORTER_WRITES,
	};
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK), dmabuf, device;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(16), 0);
	uint64_t word = 1;
	unsigned int i;

	dmabuf = zcgem_export(fd, handle);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	for (i = 0; i < ARRAY_SIZE(directions); i++) {
		importer_call(device, IMPORTER_MAP, directions[i]);
		igt_assert_eq(__importer_call(device, IMPORTER_MAP, directions[i]), -EBUSY);
		igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_READ | DMA_BUF_SYNC_START), 0);
		igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END), 0);
		igt_assert_eq(__importer_copy(device, PAGES(3), &word, sizeof(word),
					      IMPORTER_COPY_WRITE),
			      directions[i] == IMPORTER_READS ? -EACCES : 0);
		importer_call(device, IMPORTER_UNMAP, 0);
	}
	close(device);
	close(dmabuf);
	close(memfd);
}

static void test_pin(int fd)
{
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK), dmabuf, device;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(16), 0);
	void *own = zcgem_map_memfd(memfd, 0, PAGES(16));

	zcgem_fill(own, PAGES(16), 1);
	dmabuf = zcgem_export(fd, handle);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	importer_call(device, IMPORTER_PIN, 0);
	importer_call(device, IMPORTER_MAP, 0);
	igt_assert_lt_u64(0, pins_of(fd, handle));
	igt_assert_eq(__zcgem_evict(fd, handle, PAGES(16)), -EBUSY);
	punch(memfd, PAGES(4), PAGES(4));
	igt_assert_eq(__zcgem_revalidate(fd, handle, PAGES(16)), -EBUSY);
	importer_check(device, PAGES(16), 1, 0);
	importer_call(device, IMPORTER_UNMAP, 0);

	/* without a scatter list, too */
	igt_assert_eq(__zcgem_evict(fd, handle, PAGES(16)), -EBUSY);
	importer_call(device, IMPORTER_MAP, 0);
	importer_check(device, PAGES(16), 1, 0);
	importer_call(device, IMPORTER_UNMAP, 0);
	importer_call(device, IMPORTER_UNPIN, 0);

	igt_assert_eq(__zcgem_revalidate(fd, handle, PAGES(16)), 0);
	importer_call(device, IMPORTER_MAP, 0);
	zcgem_fill(own, PAGES(16), 2);
	importer_check(device, PAGES(16), 2, 0);
	close(device);
	munmap(own, PAGES(16));
	close(dmabuf);
	close(memfd);
}

static void test_punch_under_vmap(int fd)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf, device, round;
	void *own = zcgem_map_memfd(memfd, 0, size), *map, *hog;
	struct drm_zcgem_memfd_range range = {
		.fd = memfd, .size = size, .watch_address = (uintptr_t)own,
	};
	uint32_t handle = zcgem_wrap(fd, &range, 1, 0);

	dmabuf = zcgem_export(fd, handle);
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	for (round = 0; round < 20; round++) {
		zcgem_fill(own, size, round + 1);
		device = importer_new(dmabuf, 0);
		importer_call(device, IMPORTER_VMAP, 0);
		importer_check(device, size, round + 1, IMPORTER_COPY_VMAP);

		/* what the hole set free would be somebody else's now */
		punch(memfd, 0, size);
		hog = zcgem_anonymous(8ull << 20);
		memset(hog, 0xd5, 8ull << 20);
		importer_check(device, size, round + 1, IMPORTER_COPY_VMAP);
		zcgem_check(map, size, round + 1);
		igt_assert_eq(__zcgem_revalidate(fd, handle, size), -EBUSY);
		close(device);
		munmap(hog, 8ull << 20);

		igt_assert_eq(__zcgem_revalidate(fd, handle, size), 0);
		igt_assert(!memcmp(map, own, size));
	}
	munmap(map, size);
	munmap(own, size);
	close(dmabuf);
	close(memfd);
}

struct evictor {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size;
	volatile bool done;
};

static void *evict_once(void *data)
{
	struct evictor *evictor = data;

	zcgem_evict(evictor->fd, evictor->handle, evictor->size);
	evictor->done = true;
	return NULL;
}

static void test_unmap_inside_fence(int fd)
{
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK), dmabuf, device;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(16), 0);
	struct evictor evictor = { .fd = fd, .handle = handle, .size = PAGES(16) };
	struct importer_state state;

	dmabuf = zcgem_export(fd, handle);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	importer_call(device, IMPORTER_MAP, 0);
	importer_fill(device, PAGES(16), 4, 0);
	importer_call(device, IMPORTER_FENCE, 0);
	importer_call(device, IMPORTER_UNMAP, 0);
	importer_state(device, &state);
	igt_assert(state.fence_pending && !state.mapped);

	igt_assert_eq(pthread_create(&evictor.thread, NULL, evict_once, &evictor), 0);
	usleep(100000);
	igt_assert_f(!evictor.done, "the pages went while a device works with them\n");
	importer_call(device, IMPORTER_SIGNAL, 0);
	pthread_join(evictor.thread, NULL);
	igt_assert(evictor.done);

	importer_call(device, IMPORTER_MAP, 0);
	importer_check(device, PAGES(16), 4, 0);
	/* and one that goes with its work pending, which it then has done */
	importer_call(device, IMPORTER_FENCE, 0);
	close(device);
	zcgem_evict(fd, handle, PAGES(16));
	close(dmabuf);
	close(memfd);
}

static void test_many_devices(int fd)
{
	static const uint32_t flags[] = {
		0, IMPORTER_FOLLOWS, IMPORTER_FOLLOWS | IMPORTER_KEEPS,
		IMPORTER_FOLLOWS | IMPORTER_PEER2PEER,
	};
	int memfd = zcgem_memfd(PAGES(32), F_SEAL_SHRINK), dmabuf, devices[12];
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(32), 0);
	unsigned int count = zcgem_dma_is_checked() ? 7 : ARRAY_SIZE(devices), i, round;
	struct drm_zcgem_gem_info info;

	dmabuf = zcgem_export(fd, handle);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < count; i++) {
			devices[i] = importer_new(dmabuf, flags[i % ARRAY_SIZE(flags)]);
			importer_call(devices[i], i % 5 ? IMPORTER_MAP : IMPORTER_VMAP, 0);
		}
		zcgem_info(fd, handle, &info);
		igt_assert_eq_u64(info.attachments, count);
		importer_fill(devices[1], PAGES(32), round + 1, 0);
		for (i = 0; i < count; i++)
			importer_check(devices[i], PAGES(32), round + 1,
				       i % 5 ? 0 : IMPORTER_COPY_VMAP);
		igt_assert_eq(__zcgem_evict(fd, handle, PAGES(32)), -EBUSY);
		for (i = 0; i < count; i++)
			close(devices[(i * 5 + round) % count]);
		zcgem_info(fd, handle, &info);
		igt_assert_eq_u64(info.attachments, 0);
		igt_assert_eq_u64(info.pins, 0);
		zcgem_evict(fd, handle, PAGES(32));
	}
	close(dmabuf);
	close(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
		require_importer();
	}

	igt_describe("Class 6: a device reads and writes what the CPU does, in every memory");
	igt_subtest("dma-content")
		zcgem_run_counted(fd, test_dma_content);

	igt_describe("Class 6: so does a driver by its kernel mapping");
	igt_subtest("vmap-content")
		zcgem_run_counted(fd, test_vmap_content);

	igt_describe("Drivers share one kernel mapping, which pins until the last has gone");
	igt_subtest("vmap-shared")
		zcgem_run_counted(fd, test_vmap_shared);

	igt_describe("A kernel mapping of a read-only object is for reading, as is its scatter list");
	igt_subtest("vmap-read-only")
		zcgem_run_counted(fd, test_vmap_read_only);

	igt_describe("Entries are as long as the memory is contiguous and the device allows");
	igt_subtest("segments")
		zcgem_run_counted(fd, test_segments);

	igt_describe("A device with few address bits gets no scatter list of memory above them");
	igt_subtest("mask-static")
		zcgem_run_counted(fd, test_mask_static);

	igt_describe("One that follows moves is refused as soon as it attaches");
	igt_subtest("mask-dynamic")
		zcgem_run_counted(fd, test_mask_dynamic);

	igt_describe("A device is refused when the memory has moved out of its reach");
	igt_subtest("mask-moved")
		zcgem_run_counted(fd, test_mask_moved);

	igt_describe("A device without DMA is refused");
	igt_subtest("no-dma")
		zcgem_run_counted(fd, test_no_dma);

	igt_describe("A device that can do peer-to-peer DMA gets system memory as any other");
	igt_subtest("peer-to-peer")
		zcgem_run_counted(fd, test_peer_to_peer);

	igt_describe("Each direction is mapped, unmapped, and for a read-only object judged");
	igt_subtest("directions")
		zcgem_run_counted(fd, test_directions);

	igt_describe("What a device has pinned is not evicted, and stays when it is punched");
	igt_subtest("pin")
		zcgem_run_counted(fd, test_pin);

	igt_describe("Class 12: with a kernel mapping all views keep old data of the memfd");
	igt_subtest("punch-under-vmap")
		zcgem_run_counted(fd, test_punch_under_vmap);

	igt_describe("Class 13: a scatter list is given back while its work is not done");
	igt_subtest("unmap-inside-fence")
		zcgem_run_counted(fd, test_unmap_inside_fence);

	igt_describe("Devices of every sort share an object and let go in any order");
	igt_subtest("many-devices")
		zcgem_run_counted(fd, test_many_devices);

	igt_fixture() {
		zcgem_restore_settings();
		close(fd);
	}
}
