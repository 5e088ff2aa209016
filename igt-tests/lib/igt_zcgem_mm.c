// SPDX-License-Identifier: MIT
/*
 * What the memory manager, or another thread, does to memory beside an object: equal
 * pages are merged, small ones collapsed, clean ones forgotten, ranges unmapped.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_zcgem.h"
#include "igt_zcgem_mm.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

#define KSM		"/sys/kernel/mm/ksm/"
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

#define RW		(PROT_READ | PROT_WRITE)
#define MARK		(0x2aull << 32)

/* How long the kernel may take to look at everything once more. */
#define SCAN_STEP_US	10000
#define SCAN_STEPS	6000

static void wait_for_scans(const char *count)
{
	/* the one that is under way, one to know a page, one to act */
	uint64_t until = zcgem_read_number(count) + 3;
	unsigned int step;

	for (step = 0; step < SCAN_STEPS; step++) {
		if (zcgem_read_number(count) >= until)
			return;
		usleep(SCAN_STEP_US);
	}
	igt_assert_f(false, "%s does not get on\n", count);
}

/**
 * zcgem_wait_for_ksm:
 *
 * Waits until KSM has looked at all that it may merge, and merged it.
 */
void zcgem_wait_for_ksm(void)
{
	wait_for_scans(KSM "full_scans");
}

/**
 * zcgem_run_ksm:
 *
 * Starts KSM and waits as zcgem_wait_for_ksm() does. It runs until
 * zcgem_restore_settings(). Skips where there is none.
 */
void zcgem_run_ksm(void)
{
	zcgem_change_setting(KSM "pages_to_scan", "5000");
	zcgem_change_setting(KSM "sleep_millisecs", "1");
	zcgem_change_setting(KSM "run", "1");
	zcgem_wait_for_ksm();
}

/**
 * zcgem_run_khugepaged:
 *
 * Has khugepaged look at everything it may collapse.
 */
void zcgem_run_khugepaged(void)
{
	zcgem_change_setting(KHUGEPAGED "scan_sleep_millisecs", "1");
	zcgem_change_setting(KHUGEPAGED "alloc_sleep_millisecs", "1");
	zcgem_change_setting(KHUGEPAGED "pages_to_scan", "100000");
	wait_for_scans(KHUGEPAGED "full_scans");
	zcgem_restore_settings();
}

/**
 * zcgem_check_dirty_zeroes:
 * @fd: zcgem descriptor
 * @size: bytes
 * @write: marks a range as zcgem_mark_all() does, by an object of it, and unmaps it
 *
 * Pages of shmem that the caller has only ever read are clean, and reclaim forgets them
 * unless who writes to them says so.
 */
void zcgem_check_dirty_zeroes(int fd, uint64_t size,
			      void (*write)(int fd, void *user, uint64_t size, uint64_t mark))
{
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *user = zcgem_map_memfd(memfd, 0, size);
	char *reader = mmap(NULL, size, PROT_READ, MAP_SHARED, memfd, 0);

	igt_assert(reader != MAP_FAILED);
	igt_assert_eq(reader[0] | reader[size - 1], 0);
	write(fd, user, size, MARK);
	igt_assert(zcgem_page_out(reader, size));
	zcgem_check_marks(reader, size, MARK);
	munmap(reader, size);
	close(memfd);
}

/**
 * zcgem_map_there:
 * @address: where
 * @size: bytes
 *
 * Maps new private memory at an address, in place of what is there.
 */
void zcgem_map_there(void *address, uint64_t size)
{
	igt_assert(mmap(address, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		   address);
}

static void *unmap_and_map(void *data)
{
	struct zcgem_unmapper *unmapper = data;
	uint64_t half = unmapper->size / 2;

	while (!__atomic_load_n(&unmapper->stop, __ATOMIC_RELAXED)) {
		munmap(unmapper->map + half, half);
		zcgem_map_there(unmapper->map, unmapper->size);
	}
	return NULL;
}

/**
 * zcgem_start_unmapper:
 * @unmapper: filled
 * @map: private memory
 * @size: bytes
 *
 * Has a thread unmap half of it and map all of it anew, always.
 */
void zcgem_start_unmapper(struct zcgem_unmapper *unmapper, char *map, uint64_t size)
{
	*unmapper = (struct zcgem_unmapper) { .map = map, .size = size };
	igt_assert_eq(pthread_create(&unmapper->thread, NULL, unmap_and_map, unmapper), 0);
}

/**
 * zcgem_stop_unmapper:
 * @unmapper: what zcgem_start_unmapper() filled
 *
 * The memory stays, with all of it mapped.
 */
void zcgem_stop_unmapper(struct zcgem_unmapper *unmapper)
{
	__atomic_store_n(&unmapper->stop, true, __ATOMIC_RELAXED);
	pthread_join(unmapper->thread, NULL);
}
