// SPDX-License-Identifier: MIT
/*
 * Objects of many ranges and of very many pages: offsets that need more than 32 bits,
 * no large allocation, and a wrap that can be killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "igt.h"
#include "igt_debugfs.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem long lists
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects of many ranges and pages.
 *
 * SUBTEST: evict-list
 * Description: 65536 ranges of several memfds come back in list order (class 14).
 *
 * SUBTEST: huge-object
 * Description: An object of 128 GiB in 65536 huge pages (class 2, class 14).
 *
 * SUBTEST: huge-scattered
 * Description: An object of 17 GiB in pages of 4 KiB (class 2, class 14).
 *
 * SUBTEST: killed
 * Description: A long wrap can be killed and leaves nothing behind (class 14).
 *
 * SUBTEST: allocation-order
 * Description: No allocation for the longest lists is above order 3 (class 14).
 *
 * SUBTEST: one-page
 * Description: One page is refused before it has more pins than can be counted (class 14).
 *
 * SUBTEST: table-of-objects
 * Description: The table of ten thousand objects is made while it is read.
 */

IGT_TEST_DESCRIPTION("Check objects of many ranges and pages");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)
#define FILES		3u
#define FILE_PAGES	1024u

/* 65536 ranges of three memfds, in an order that no two neighbours keep. */
static struct drm_zcgem_memfd_range *scattered_ranges(const int *memfds, uint32_t count)
{
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	uint32_t i;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = memfds[i % FILES],
			.offset = PAGES(i * 709ull % FILE_PAGES),
			.size = PAGES(1),
		};
	return ranges;
}

static void check_scattered(const char *object, uint32_t count, uint64_t value)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		zcgem_check_mark(object, i, value + (i % FILES) * FILE_PAGES +
				 i * 709ull % FILE_PAGES);
}

static void test_evict_list(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	struct drm_zcgem_memfd_range *ranges;
	char *files[FILES], *object;
	int memfds[FILES];
	uint32_t handle, i;

	for (i = 0; i < FILES; i++) {
		memfds[i] = zcgem_memfd(PAGES(FILE_PAGES), F_SEAL_SHRINK);
		files[i] = zcgem_map_memfd(memfds[i], 0, PAGES(FILE_PAGES));
		zcgem_mark_all(files[i], PAGES(FILE_PAGES), i * FILE_PAGES);
	}
	ranges = scattered_ranges(memfds, count);
	handle = zcgem_wrap(fd, ranges, count, 0);
	object = zcgem_mmap(fd, handle, PAGES((uint64_t)count), RW);
	check_scattered(object, count, 0);
	zcgem_evict(fd, handle, PAGES((uint64_t)count));
	check_scattered(object, count, 0);
	for (i = 0; i < FILES; i++)
		zcgem_mark_all(files[i], PAGES(FILE_PAGES), (1ull << 32) + i * FILE_PAGES);
	check_scattered(object, count, 1ull << 32);

	munmap(object, PAGES((uint64_t)count));
	gem_close(fd, handle);
	for (i = 0; i < FILES; i++) {
		munmap(files[i], PAGES(FILE_PAGES));
		zcgem_release_memfd(memfds[i]);
	}
	free(ranges);
}

/* One huge page, listed so often that offsets need more than 32 bits, in bytes and pages. */
static void test_huge_object(int fd)
{
	const uint64_t most = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE) / 4;
	const uint32_t many = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	const uint32_t count = many < most / ZCGEM_HUGE ? many : most / ZCGEM_HUGE;
	const uint64_t size = count * ZCGEM_HUGE;
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	int memfd = zcgem_memfd_hugetlb(ZCGEM_HUGE, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, ZCGEM_HUGE), *object;
	struct drm_zcgem_gem_info info;
	uint32_t handle, i;
	uint64_t at;
	int dmabuf;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = memfd, .size = ZCGEM_HUGE,
		};
	handle = zcgem_wrap(fd, ranges, count, 0);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.size, size);
	igt_assert_lte_u64(128ull << 30, size);
	igt_assert_eq_u64(info.resident, size);
	igt_assert_eq_u64(info.charged, 0);
	igt_assert_eq_u64(info.extents, count);

	zcgem_mark_all(file, ZCGEM_HUGE, 1);
	object = zcgem_mmap(fd, handle, size, RW);
	for (at = ZCGEM_HUGE; at <= size; at *= 2) {
		zcgem_check_marks(object + at - PAGES(3), PAGES(3), 510);
		if (at < size)
			zcgem_check_marks(object + at, PAGES(3), 1);
	}
	munmap(object, size);
	/* a window far inside */
	dmabuf = zcgem_export(fd, handle);
	object = mmap(NULL, ZCGEM_HUGE, RW, MAP_SHARED, dmabuf, size - 2 * ZCGEM_HUGE);
	igt_assert(object != MAP_FAILED);
	zcgem_check_same(object, file, ZCGEM_HUGE);
	munmap(object, ZCGEM_HUGE);
	close(dmabuf);
	zcgem_evict(fd, handle, size);
	igt_assert(!zcgem_is_resident(fd, handle));
	gem_close(fd, handle);
	munmap(file, ZCGEM_HUGE);
	free(ranges);
	close(memfd);
}

/* 17 GiB of 4 KiB pages: one megabyte of file, over and over. */
static void test_huge_scattered(int fd)
{
	const uint64_t part = MIB(1), size = 17ull << 30;
	const uint32_t count = size / part;
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	int memfd = zcgem_memfd(part, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, part), *object;
	uint32_t handle, i;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) { .fd = memfd, .size = part };
	handle = zcgem_wrap(fd, ranges, count, 0);
	zcgem_mark_all(file, part, 1);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_marks(object, part, 1);
	zcgem_check_marks(object + size - part, part, 1);
	zcgem_check_same(object + (16ull << 30), file, part);
	munmap(object, size);
	gem_close(fd, handle);
	munmap(file, part);
	free(ranges);
	zcgem_release_memfd(memfd);
}

static uint64_t pins_taken(void)
{
	/* Otherwise what each processor has counted may be added up a second later. */
	__zcgem_write_setting("/proc/sys/vm/stat_refresh", "1");
	return zcgem_read_key("/proc/vmstat", "nr_foll_pin_acquired");
}

/*
 * A wrap that takes very many pins is killed once it has begun. That it did not go
 * on to its end is seen by the pins: the kernel counts each one that is taken.
 */
static void test_killed(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	const uint64_t part = MIB(1), pages = count * (part / ZCGEM_PAGE);
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	int memfd = zcgem_memfd(part, F_SEAL_SHRINK), status;
	struct zcgem_snapshot before;
	uint64_t start, taken;
	uint32_t handle, i;
	pid_t child;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) { .fd = memfd, .size = part };
	zcgem_take_snapshot(fd, &before);
	start = pins_taken();

	child = fork();
	if (!child) {
		__zcgem_wrap(fd, ranges, count, 0, &handle);
		_exit(1);
	}
	igt_assert(child > 0);
	while (pins_taken() < start + 20000 && !waitpid(child, &status, WNOHANG))
		sched_yield();
	igt_assert_eq(kill(child, SIGKILL), 0);
	igt_assert_eq(waitpid(child, &status, 0), child);
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	taken = pins_taken() - start;
	igt_info("killed after %" PRIu64 " of %" PRIu64 " pins\n", taken, pages);
	igt_assert_lt_u64(taken, pages / 2);
	zcgem_check_leaks(fd, &before);
	free(ranges);
	zcgem_release_memfd(memfd);
}

#define TRACING	"/sys/kernel/tracing/instances/igt-zcgem"

static void end_tracing(int sig)
{
	(void)sig;
	__zcgem_write_setting(TRACING "/events/kmem/mm_page_alloc/enable", "0");
	rmdir(TRACING);
}

/* However many ranges, extents and entries there are, no table of them is large. */
static void test_allocation_order(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	struct drm_zcgem_memfd_range *ranges;
	struct drm_zcgem_userptr_range *addresses = calloc(count, sizeof(*addresses));
	char *files[FILES], line[512], pid[16], *user, *object;
	uint32_t handles[2], i, large = 0;
	int memfds[FILES], dmabuf;
	FILE *trace;

	igt_require_f(!mkdir(TRACING, 0700), "no trace of allocations: %m\n");
	igt_install_exit_handler(end_tracing);
	igt_assert(addresses);
	user = zcgem_anonymous(PAGES(FILE_PAGES));
	zcgem_mark_all(user, PAGES(FILE_PAGES), 1);
	for (i = 0; i < count; i++)
		addresses[i] = (struct drm_zcgem_userptr_range) {
			.address = (uintptr_t)user + PAGES(i * 709ull % FILE_PAGES),
			.size = PAGES(1),
		};
	for (i = 0; i < FILES; i++) {
		memfds[i] = zcgem_memfd(PAGES(FILE_PAGES), F_SEAL_SHRINK);
		files[i] = zcgem_map_memfd(memfds[i], 0, PAGES(FILE_PAGES));
		zcgem_mark_all(files[i], PAGES(FILE_PAGES), 1);
	}
	ranges = scattered_ranges(memfds, count);

	snprintf(pid, sizeof(pid), "%d", getpid());
	igt_require(__zcgem_write_setting(TRACING "/set_event_pid", pid) &&
		    __zcgem_write_setting(TRACING "/events/kmem/mm_page_alloc/filter",
					  "order > 3") &&
		    __zcgem_write_setting(TRACING "/events/kmem/mm_page_alloc/enable",
					  "1"));
	handles[0] = zcgem_wrap(fd, ranges, count, 0);
	handles[1] = zcgem_wrap_userptr(fd, addresses, count, 0);
	zcgem_evict(fd, handles[0], PAGES((uint64_t)count));
	for (i = 0; i < 2; i++) {
		object = zcgem_mmap(fd, handles[i], PAGES((uint64_t)count), RW);
		zcgem_populate(fd, handles[i], PAGES((uint64_t)count), object);
		munmap(object, PAGES((uint64_t)count));
		dmabuf = zcgem_export(fd, handles[i]);
		close(dmabuf);
		gem_close(fd, handles[i]);
	}
	__zcgem_write_setting(TRACING "/events/kmem/mm_page_alloc/enable", "0");

	trace = fopen(TRACING "/trace", "r");
	igt_assert(trace);
	while (fgets(line, sizeof(line), trace)) {
		/* vmalloc() takes large blocks that lie ready, but can do without */
		if (!strstr(line, "mm_page_alloc:") || strstr(line, "=GFP_NOWAIT|"))
			continue;
		igt_info("%s", line);
		large++;
	}
	fclose(trace);
	end_tracing(0);
	igt_assert_eq(large, 0);

	for (i = 0; i < FILES; i++) {
		munmap(files[i], PAGES(FILE_PAGES));
		zcgem_release_memfd(memfds[i]);
	}
	munmap(user, PAGES(FILE_PAGES));
	free(addresses);
	free(ranges);
}

/* Each of the ranges is a pin of the same page, whose count of references could overflow. */
static void test_one_page(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	int memfd = zcgem_memfd(ZCGEM_PAGE, F_SEAL_SHRINK), ret = 0;
	uint32_t handles[32], made = 0, i;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) { .fd = memfd, .size = ZCGEM_PAGE };
	while (made < ARRAY_SIZE(handles)) {
		ret = __zcgem_wrap(fd, ranges, count, 0, &handles[made]);
		if (ret)
			break;
		made++;
	}
	igt_info("%u objects of %u pins: %d\n", made, count, ret);
	igt_assert_eq(ret, -ENOMEM);
	igt_assert_lte(15, made);
	for (i = 0; i < made; i++)
		gem_close(fd, handles[i]);
	handles[0] = zcgem_wrap(fd, ranges, count, 0);
	gem_close(fd, handles[0]);
	free(ranges);
	close(memfd);
}

#define MANY	10000

/* However many objects there are, the table is made while it is read. */
static void test_long_table(int fd)
{
	uint32_t *handles = calloc(MANY, sizeof(*handles)), last;
	int dir = igt_debugfs_dir(fd), file, len;
	unsigned int i, rows = 0;
	static char text[65536];
	bool found = false;
	char size[32];
	char *at;

	igt_assert(handles);
	igt_assert_fd(dir);
	for (i = 0; i < MANY; i++)
		handles[i] = zcgem_create(fd, ZCGEM_PAGE, 0);
	file = openat(dir, "zcgem_objects", O_RDONLY);
	igt_assert_fd(file);
	len = read(file, text, 1024);
	igt_assert_lt(0, len);
	/* of a size that no other has */
	last = zcgem_create(fd, PAGES(77777), 0);
	snprintf(size, sizeof(size), " %llu ", PAGES(77777));
	do {
		text[len] = '\0';
		for (at = text; (at = strchr(at, '\n')); at++)
			rows++;
		found |= !!strstr(text, size);
		len = read(file, text, sizeof(text) - 1);
		igt_assert_lte(0, len);
	} while (len);
	igt_assert_lte(MANY + 2, rows);
	igt_assert_f(found, "the table was made before it was read\n");

	/* from the start, to where it was, and from the start again */
	igt_assert_eq(lseek(file, 0, SEEK_SET), 0);
	igt_assert_lt(0, read(file, text, sizeof(text) - 1));
	igt_assert(!strncmp(text, "creator ", 8));
	close(file);
	close(dir);
	gem_close(fd, last);
	for (i = 0; i < MANY; i++)
		gem_close(fd, handles[i]);
	free(handles);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("65536 ranges of several memfds come back in list order (class 14)");
	igt_subtest("evict-list")
		zcgem_run_counted(fd, test_evict_list);

	igt_describe("An object of 128 GiB in 65536 huge pages (class 2, class 14)");
	igt_subtest("huge-object")
		zcgem_run_counted(fd, test_huge_object);

	igt_describe("An object of 17 GiB in pages of 4 KiB (class 2, class 14)");
	igt_subtest("huge-scattered")
		zcgem_run_counted(fd, test_huge_scattered);

	igt_describe("A long wrap can be killed and leaves nothing behind (class 14)");
	igt_subtest("killed")
		zcgem_run_counted(fd, test_killed);

	igt_describe("No allocation for the longest lists is above order 3 (class 14)");
	igt_subtest("allocation-order")
		zcgem_run_counted(fd, test_allocation_order);

	igt_describe("One page is refused before it has more pins than can be counted (class 14)");
	igt_subtest("one-page")
		zcgem_run_counted(fd, test_one_page);

	igt_describe("The table of ten thousand objects is made while it is read");
	igt_subtest("table-of-objects")
		zcgem_run_counted(fd, test_long_table);

	igt_fixture()
		drm_close_driver(fd);
}
