// SPDX-License-Identifier: MIT
/*
 * The trace events zcgem:*, as who watches a machine sees them in tracefs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_tracing.h"
#include "igt_zcgem_watch.h"
#include "igt_zcgem_wrap.h"
#include "../testbed/importer/importer.h"

/**
 * TEST: zcgem trace
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check the events that the driver traces.
 *
 * SUBTEST: create
 * Description: An object of each kind that is made is an event with its size and kind.
 *
 * SUBTEST: fault
 * Description: A fault is an event with the size of the entry that it filled.
 *
 * SUBTEST: fault-retry
 * Description: A fault that releases its lock to get the pages is an event.
 *
 * SUBTEST: pin
 * Description: An importer's kernel mapping pins the object and gives the pin back.
 *
 * SUBTEST: punch
 * Description: The first use after a hole punch is an event, and that the pages are let go.
 *
 * SUBTEST: watch
 * Description: A watch looks at those pages alone that were hit.
 *
 * SUBTEST: evict
 * Description: Eviction is an event.
 *
 * SUBTEST: revoke
 * Description: Withdrawing an object is an event.
 *
 * SUBTEST: quiet
 * Description: What is refused leaves no event.
 */

IGT_TEST_DESCRIPTION("Check the events that the driver traces");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define SIZE		PAGES(16)

static unsigned int count_all(void)
{
	return zcgem_count_events("zcgem_create", "") + zcgem_count_events("zcgem_pin", "") +
	       zcgem_count_events("zcgem_unpin", "") + zcgem_count_events("zcgem_fault", "") +
	       zcgem_count_events("zcgem_punch", "") + zcgem_count_events("zcgem_invalidate", "") +
	       zcgem_count_events("zcgem_evict", "") + zcgem_count_events("zcgem_revoke", "");
}

__attribute__((format(printf, 2, 3)))
static unsigned int count_said(const char *event, const char *format, ...)
{
	char text[96];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return zcgem_count_events(event, text);
}

static void test_create(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	void *user = zcgem_anonymous(SIZE);

	zcgem_begin_tracing(0);
	gem_close(fd, zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0));
	gem_close(fd, zcgem_create(fd, PAGES(2), 0));
	gem_close(fd, zcgem_wrap_address(fd, user, PAGES(3), 0));

	igt_assert_eq(count_said("zcgem_create", "backing=memfd size=%llu pins=0", SIZE), 1);
	igt_assert_eq(count_said("zcgem_create", "backing=pool size=%llu pins=0", PAGES(2)), 1);
	igt_assert_eq(count_said("zcgem_create", "backing=userptr size=%llu ", PAGES(3)), 1);
	igt_assert_eq(zcgem_count_events("zcgem_create", ""), 3);
	zcgem_end_tracing();
	munmap(user, SIZE);
	zcgem_release_memfd(memfd);
}

static void fault_once(int fd, int memfd, uint64_t size, unsigned long long leaf)
{
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	volatile char *map = zcgem_mmap(fd, handle, size, RW);

	zcgem_begin_tracing(0);
	map[0] = 1;
	igt_assert_eq(count_said("zcgem_fault", "leaf=%llu", leaf), 1);
	igt_assert_eq(zcgem_count_events("zcgem_fault", ""), 1);
	zcgem_end_tracing();

	munmap((void *)map, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_fault(int fd)
{
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);
	char before[32] = "";

	fault_once(fd, zcgem_memfd(SIZE, F_SEAL_SHRINK), SIZE, ZCGEM_PAGE);

	if (!(leaves & ZCGEM_HUGE) || zcgem_free_huge_pages() < 2) {
		if (!zcgem_read_setting("/proc/sys/vm/nr_hugepages", before, sizeof(before)) ||
		    !(leaves & ZCGEM_HUGE))
			return;
		zcgem_change_setting("/proc/sys/vm/nr_hugepages", "4");
	}
	/* Before 7 drivers' mappings obey it too. */
	zcgem_change_setting("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	fault_once(fd, zcgem_memfd_hugetlb(ZCGEM_HUGE, F_SEAL_SHRINK), ZCGEM_HUGE,
		   ZCGEM_HUGE);
	zcgem_restore_settings();
}

static void test_fault_retry(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	volatile char *map = zcgem_mmap(fd, handle, SIZE, RW);

	zcgem_begin_tracing(0);
	map[0] = 1;
	igt_assert_eq(zcgem_count_events("zcgem_fault_retry", ""), 0);
	zcgem_evict(fd, handle, SIZE);
	/* however little is touched, no lock that other faults wait for is held meanwhile */
	map[0] = 2;
	igt_assert_eq(zcgem_count_events("zcgem_fault_retry", ""), 1);
	igt_assert_eq(count_said("zcgem_fault", "leaf=%llu", ZCGEM_PAGE), 2);
	zcgem_end_tracing();

	munmap((void *)map, SIZE);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_pin(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	struct importer_attach attach = { .dmabuf = zcgem_export(fd, handle),
					  .flags = IMPORTER_FOLLOWS };
	int importer, ret;

	ret = access("/dev/importer", W_OK) ? system("modprobe -q importer") : 0;
	importer = open("/dev/importer", O_RDWR | O_CLOEXEC);
	if (importer < 0) {
		close(attach.dmabuf);
		gem_close(fd, handle);
		zcgem_release_memfd(memfd);
	}
	igt_require_f(importer >= 0, "no importer, which is a module of the test bed (%d)\n", ret);
	igt_assert_eq(ioctl(importer, IMPORTER_ATTACH, &attach), 0);

	zcgem_begin_tracing(0);
	igt_assert_eq(ioctl(importer, IMPORTER_VMAP), 0);
	igt_assert_eq(count_said("zcgem_pin", "backing=memfd size=%llu pins=1", SIZE), 1);
	igt_assert_eq(zcgem_count_events("zcgem_unpin", ""), 0);
	igt_assert_eq(ioctl(importer, IMPORTER_VUNMAP), 0);
	igt_assert_eq(count_said("zcgem_unpin", "backing=memfd size=%llu pins=0", SIZE), 1);
	igt_assert_eq(count_all(), 2);
	zcgem_end_tracing();

	close(importer);
	close(attach.dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_punch(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	volatile char *map = zcgem_mmap(fd, handle, SIZE, RW);

	map[0] = 1;
	zcgem_begin_tracing(0);
	punch(memfd, 0, PAGES(1));
	igt_assert_eq(__zcgem_revalidate(fd, handle, SIZE), 0);
	igt_assert_eq(count_said("zcgem_punch", "offset=0 size=%llu", SIZE), 1);
	igt_assert_eq(count_said("zcgem_invalidate", "backing=memfd size=%llu", SIZE), 1);
	igt_assert_eq(map[0], 0);
	igt_assert_eq(zcgem_count_events("zcgem_punch", ""), 1);
	igt_assert_eq(count_said("zcgem_fault", "leaf=%llu", ZCGEM_PAGE), 1);
	zcgem_end_tracing();

	munmap((void *)map, SIZE);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_watch(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	char *own = zcgem_map_memfd(memfd, 0, SIZE);
	uint64_t before;
	uint32_t handle;

	memset(own, 1, SIZE);
	handle = wrap_watched(fd, memfd, 0, SIZE, own);
	before = zcgem_evictions(fd, handle);
	zcgem_begin_tracing(0);
	punch(memfd, PAGES(5), PAGES(2));
	igt_assert(evicted_soon(fd, handle, before));
	igt_assert_eq(count_said("zcgem_punch", "offset=%llu size=%llu", PAGES(5), PAGES(2)), 1);
	igt_assert_eq(zcgem_count_events("zcgem_punch", ""), 1);
	zcgem_end_tracing();
	munmap(own, SIZE);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_evict(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	volatile char *map = zcgem_mmap(fd, handle, SIZE, RW);

	map[0] = 1;
	zcgem_begin_tracing(0);
	zcgem_evict(fd, handle, SIZE);
	igt_assert_eq(count_said("zcgem_evict", "backing=memfd size=%llu pins=0", SIZE), 1);
	igt_assert_eq(count_all(), 1);
	zcgem_end_tracing();

	munmap((void *)map, SIZE);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_revoke(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	struct drm_zcgem_gem_revoke arg = {
		.handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0),
	};

	zcgem_begin_tracing(0);
	igt_assert_eq(igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &arg), 0);
	igt_assert_eq(count_said("zcgem_revoke", "backing=memfd size=%llu", SIZE), 1);
	igt_assert_eq(count_all(), 1);
	zcgem_end_tracing();

	gem_close(fd, arg.handle);
	zcgem_release_memfd(memfd);
}

static void test_quiet(int fd)
{
	int memfd = zcgem_memfd(SIZE, 0);
	uint64_t size = 0;
	uint32_t handle;

	zcgem_begin_tracing(0);
	igt_assert_eq(__zcgem_wrap_file(fd, memfd, SIZE, 0, &handle), -EINVAL);
	igt_assert_eq(__zcgem_create(fd, &size, 0, &handle), -EINVAL);
	igt_assert_eq(count_all(), 0);
	zcgem_end_tracing();
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("An object of each kind that is made is an event with its size and kind");
	igt_subtest("create")
		zcgem_run_counted(fd, test_create);

	igt_describe("A fault is an event with the size of the entry that it filled");
	igt_subtest("fault")
		zcgem_run_counted(fd, test_fault);

	igt_describe("A fault that releases its lock to get the pages is an event");
	igt_subtest("fault-retry")
		zcgem_run_counted(fd, test_fault_retry);

	igt_describe("An importer's kernel mapping pins the object and gives the pin back");
	igt_subtest("pin")
		zcgem_run_counted(fd, test_pin);

	igt_describe("The first use after a hole punch is an event, and that the pages are let go");
	igt_subtest("punch")
		zcgem_run_counted(fd, test_punch);

	igt_describe("A watch looks at those pages alone that were hit");
	igt_subtest("watch")
		zcgem_run_counted(fd, test_watch);

	igt_describe("Eviction is an event");
	igt_subtest("evict")
		zcgem_run_counted(fd, test_evict);

	igt_describe("Withdrawing an object is an event");
	igt_subtest("revoke")
		zcgem_run_counted(fd, test_revoke);

	igt_describe("What is refused leaves no event");
	igt_subtest("quiet")
		zcgem_run_counted(fd, test_quiet);

	igt_fixture()
		drm_close_driver(fd);
}
