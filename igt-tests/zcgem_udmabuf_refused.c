// SPDX-License-Identifier: MIT
/*
 * Calls of udmabuf's ioctls that cannot be answered: each is refused with udmabuf's errno,
 * and nothing is left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "igt.h"
#include "igt_udmabuf.h"
#include "igt_zcgem.h"

/**
 * TEST: zcgem udmabuf refused
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check the errors of udmabuf's ioctls.
 *
 * SUBTEST: bad-alignment
 * Description: Offsets and sizes that are not whole pages are refused.
 *
 * SUBTEST: bad-range
 * Description: Empty ranges and ranges past the end are refused (class 2).
 *
 * SUBTEST: bad-count
 * Description: No item, or more than the largest list, is refused (class 2).
 *
 * SUBTEST: bad-descriptor
 * Description: What is no memfd is refused (class 5).
 *
 * SUBTEST: bad-seals
 * Description: A memfd that may shrink, or that may not be written, is refused (class 5).
 *
 * SUBTEST: bad-access
 * Description: A memfd that cannot be read is refused (class 5).
 *
 * SUBTEST: bad-pointer
 * Description: An argument that cannot be read gives EFAULT (class 3).
 *
 * SUBTEST: bad-last-item
 * Description: A list that is good but for its last item leaves nothing behind (class 3).
 *
 * SUBTEST: bad-ioctl
 * Description: Other ioctls of udmabuf's type are refused.
 *
 * SUBTEST: full-table
 * Description: No dma-buf is left when there is no descriptor for it (class 3).
 */

IGT_TEST_DESCRIPTION("Check the errors of udmabuf's ioctls");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)

static void check_refused(int fd, int memfd, uint64_t offset, uint64_t size, int err)
{
	int good = zcgem_memfd(PAGES(1), F_SEAL_SHRINK);
	struct udmabuf_create_list *list = udmabuf_new_list(3);

	igt_assert_eq(__udmabuf_create(fd, memfd, offset, size, 0), err);
	udmabuf_set_item(list, 0, good, 0, 1);
	udmabuf_set_item(list, 2, good, 0, 1);
	list->list[1].memfd = memfd;
	list->list[1].offset = offset;
	list->list[1].size = size;
	igt_assert_eq(__udmabuf_create_list(fd, list), err);
	close(good);
	free(list);
}

static void test_bad_alignment(int fd)
{
	const uint64_t bad[] = {
		1, 8, 512, ZCGEM_PAGE - 1, ZCGEM_PAGE + 1, PAGES(1) + 2048
	};
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		check_refused(fd, memfd, bad[i], PAGES(1), -EINVAL);
		check_refused(fd, memfd, 0, bad[i], -EINVAL);
	}
	close(memfd);
}

static void test_bad_range(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);

	check_refused(fd, memfd, 0, 0, -EINVAL);
	check_refused(fd, memfd, 0, PAGES(5), -EINVAL);
	check_refused(fd, memfd, PAGES(4), PAGES(1), -EINVAL);
	check_refused(fd, memfd, -PAGES(1), PAGES(1), -EINVAL);
	check_refused(fd, memfd, -PAGES(1), PAGES(2), -EINVAL);
	check_refused(fd, memfd, PAGES(1), -PAGES(1), -EINVAL);
	check_refused(fd, memfd, 1ull << 62, PAGES(1), -EINVAL);
	check_refused(fd, memfd, 0, 1ull << 63, -EINVAL);
	close(memfd);
}

static void test_bad_count(int fd)
{
	uint32_t most = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES), i;
	int memfd = zcgem_memfd(PAGES(1), F_SEAL_SHRINK);
	struct udmabuf_create_list *list = udmabuf_new_list(most + 1);

	for (i = 0; i <= most; i++)
		udmabuf_set_item(list, i, memfd, 0, 1);
	igt_assert_eq(__udmabuf_create_list(fd, list), -EINVAL);
	list->count = 0;
	igt_assert_eq(__udmabuf_create_list(fd, list), -EINVAL);
	list->count = UINT32_MAX;
	igt_assert_eq(__udmabuf_create_list(fd, list), -EINVAL);
	close(memfd);
	free(list);
}

static void test_bad_descriptor(int fd)
{
	int event = eventfd(0, EFD_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);

	check_refused(fd, -1, 0, PAGES(1), -EBADFD);
	check_refused(fd, 1000, 0, PAGES(1), -EBADFD);
	check_refused(fd, event, 0, PAGES(1), -EBADFD);
	check_refused(fd, null, 0, PAGES(1), -EBADFD);
	check_refused(fd, fd, 0, PAGES(1), -EBADFD);
	close(event);
	close(null);
}

static void test_bad_seals(int fd)
{
	static const unsigned int bad[] = {
		0, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SHRINK | F_SEAL_WRITE,
		F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int memfd = zcgem_memfd(PAGES(1), bad[i]);

		check_refused(fd, memfd, 0, PAGES(1), -EINVAL);
		close(memfd);
	}
}

static void test_bad_access(int fd)
{
	int memfd = zcgem_memfd(PAGES(1), F_SEAL_SHRINK), writer = zcgem_reopen(memfd, O_WRONLY);

	check_refused(fd, writer, 0, PAGES(1), -EACCES);
	close(writer);
	close(memfd);
}

static void test_bad_pointer(int fd)
{
	int memfd = zcgem_memfd(PAGES(1), F_SEAL_SHRINK);
	struct udmabuf_create_list *list;
	char *map;

	igt_assert_eq(__udmabuf_ioctl(fd, UDMABUF_CREATE, NULL), -EFAULT);
	igt_assert_eq(__udmabuf_ioctl(fd, UDMABUF_CREATE_LIST, NULL), -EFAULT);

	map = mmap(NULL, PAGES(2), PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(map != MAP_FAILED);
	munmap(map + PAGES(1), PAGES(1));
	igt_assert_eq(__udmabuf_ioctl(fd, UDMABUF_CREATE, map + PAGES(1) - 16), -EFAULT);
	igt_assert_eq(__udmabuf_ioctl(fd, UDMABUF_CREATE_LIST, map + PAGES(1) - 4), -EFAULT);

	/* the second of two items is not there */
	list = (struct udmabuf_create_list *)(map + PAGES(1) - sizeof(*list) - sizeof(list->list[0]));
	list->count = 2;
	udmabuf_set_item(list, 0, memfd, 0, 1);
	igt_assert_eq(__udmabuf_create_list(fd, list), -EFAULT);
	munmap(map, PAGES(1));
	close(memfd);
}

static void test_bad_last_item(int fd)
{
	int memfd = zcgem_memfd(PAGES(64), F_SEAL_SHRINK);
	struct udmabuf_create_list *list = udmabuf_new_list(65);
	uint32_t i;

	for (i = 0; i < 64; i++)
		udmabuf_set_item(list, i, memfd, 63 - i, 1);
	udmabuf_set_item(list, 64, memfd, 64, 1);
	igt_assert_eq(__udmabuf_create_list(fd, list), -EINVAL);
	list->list[64].memfd = -1;
	igt_assert_eq(__udmabuf_create_list(fd, list), -EBADFD);
	close(memfd);
	free(list);
}

static void test_bad_ioctl(int fd)
{
	char buf[64] = {};

	igt_assert_eq(__udmabuf_ioctl(fd, _IOW('u', 0x41, struct udmabuf_create), buf), -ENOTTY);
	igt_assert_eq(__udmabuf_ioctl(fd, _IOW('u', 0x44, struct udmabuf_create), buf), -ENOTTY);
	igt_assert_eq(__udmabuf_ioctl(fd, _IOW('u', 0x42, uint64_t), buf), -ENOTTY);
}

static void test_full_table(int fd)
{
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK), last = dup(memfd);
	struct udmabuf_create_list *list = udmabuf_new_list(2);
	struct rlimit old, none;

	igt_assert_fd(last);
	close(last);
	igt_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ last, old.rlim_max };
	udmabuf_set_item(list, 0, memfd, 8, 8);
	udmabuf_set_item(list, 1, memfd, 0, 8);

	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	last = __udmabuf_create(fd, memfd, 0, PAGES(16), 0);
	none.rlim_cur = __udmabuf_create_list(fd, list);
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	igt_assert_eq(last, -EMFILE);
	igt_assert_eq((int)none.rlim_cur, -EMFILE);
	close(memfd);
	free(list);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Offsets and sizes that are not whole pages are refused");
	igt_subtest("bad-alignment")
		zcgem_run_refused(fd, test_bad_alignment);

	igt_describe("Empty ranges and ranges past the end are refused (class 2)");
	igt_subtest("bad-range")
		zcgem_run_refused(fd, test_bad_range);

	igt_describe("No item, or more than the largest list, is refused (class 2)");
	igt_subtest("bad-count")
		zcgem_run_refused(fd, test_bad_count);

	igt_describe("What is no memfd is refused (class 5)");
	igt_subtest("bad-descriptor")
		zcgem_run_refused(fd, test_bad_descriptor);

	igt_describe("A memfd that may shrink, or that may not be written, is refused (class 5)");
	igt_subtest("bad-seals")
		zcgem_run_refused(fd, test_bad_seals);

	igt_describe("A memfd that cannot be read is refused (class 5)");
	igt_subtest("bad-access")
		zcgem_run_refused(fd, test_bad_access);

	igt_describe("An argument that cannot be read gives EFAULT (class 3)");
	igt_subtest("bad-pointer")
		zcgem_run_refused(fd, test_bad_pointer);

	igt_describe("A list that is good but for its last item leaves nothing behind (class 3)");
	igt_subtest("bad-last-item")
		zcgem_run_refused(fd, test_bad_last_item);

	igt_describe("Other ioctls of udmabuf's type are refused");
	igt_subtest("bad-ioctl")
		zcgem_run_refused(fd, test_bad_ioctl);

	igt_describe("No dma-buf is left when there is no descriptor for it (class 3)");
	igt_subtest("full-table")
		zcgem_run_refused(fd, test_full_table);

	igt_fixture()
		drm_close_driver(fd);
}
