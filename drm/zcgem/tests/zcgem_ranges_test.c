// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays of ranges as clients pass them, their lookup, and what udmabuf makes of errors.
 */

#include <kunit/test.h>

#include <linux/mman.h>
#include <linux/uaccess.h>

#include <drm/zcgem_drm.h>

#include "zcgem_backing_memfd.h"
#include "zcgem_device.h"
#include "zcgem_ioctl.h"
#include "zcgem_udmabuf.h"

static const struct array_case {
	u32 stride, count;
	int ret;
} array_cases[] = {
	{ 0, 1, -EINVAL },
	{ 7, 1, -EINVAL },
	{ 8, 1, 0 },
	{ 9, 1, -EINVAL },
	{ 24, 0, -EINVAL },
	{ 24, 1, 0 },
	{ 24, ZCGEM_MAX_RANGES, 0 },
	{ 24, ZCGEM_MAX_RANGES + 1, -E2BIG },
	{ 24, U32_MAX, -E2BIG },
	{ 4096, 1, 0 },
	{ 4104, 1, -EINVAL },
	{ U32_MAX, 1, -EINVAL },
	{ 1U << 31, 1, -EINVAL },
};

static void array_name(const struct array_case *one, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "stride %u count %u", one->stride, one->count);
}

KUNIT_ARRAY_PARAM(array, array_cases, array_name);

static void ranges_array_check(struct kunit *test)
{
	const struct array_case *one = test->param_value;
	struct drm_zcgem_array array = { .stride = one->stride, .count = one->count };

	KUNIT_EXPECT_EQ(test, zcgem_array_check(NULL, &array), one->ret);
}

static void ranges_array_get(struct kunit *test)
{
	u64 words[] = { 1, 2, 3, 4, 0, 6 }, element[2];
	struct drm_zcgem_array array = { .count = 3 };
	unsigned long user;

	user = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, user, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(user));
	KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)user, words, sizeof(words)), 0);
	array.pointer = user;

	/* Elements as this kernel knows them. */
	array.stride = 16;
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 1, element, 16), 0);
	KUNIT_EXPECT_EQ(test, element[0], 3);
	KUNIT_EXPECT_EQ(test, element[1], 4);

	/* Shorter ones: the rest is zero. */
	array.stride = 8;
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 2, element, 16), 0);
	KUNIT_EXPECT_EQ(test, element[0], 3);
	KUNIT_EXPECT_EQ(test, element[1], 0);

	/* Longer ones, with a tail that is zero or not. */
	array.stride = 16;
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 1, element, 8), -E2BIG);
	array.stride = 40;
	array.pointer = user;
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 0, element, 16), -E2BIG);
	array.pointer = user + 24;
	array.stride = 16;
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 0, element, 8), 0);
	KUNIT_EXPECT_EQ(test, element[0], 4);

	/* Addresses that are none, by themselves or by the index. */
	array.pointer = U64_MAX - 7;
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 0, element, 16), -EFAULT);
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 1, element, 16), -EFAULT);
	array.pointer = U64_MAX / 2;
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 0, element, 16), -EFAULT);
	array.pointer = user + PAGE_SIZE - 8;
	KUNIT_EXPECT_EQ(test, zcgem_array_get(&array, 0, element, 16), -EFAULT);
}

static void ranges_find(struct kunit *test)
{
	struct zcgem_memfd_range ranges[] = {
		{ .first = 0 }, { .first = 1 }, { .first = 10 }, { .first = 11 },
		{ .first = 1000 },
	};
	struct zcgem_memfd memfd = { .ranges = ranges, .npages = 5000 };
	unsigned int nr, i;
	pgoff_t page;

	for (nr = 1; nr <= ARRAY_SIZE(ranges); nr++) {
		pgoff_t sum = 0;

		memfd.nr_ranges = nr;
		for (i = 0; i < nr; i++) {
			pgoff_t end = ranges[i].first + zcgem_memfd_range_pages(&memfd, i);

			for (page = ranges[i].first; page < end; page++)
				KUNIT_ASSERT_EQ(test, zcgem_memfd_find(&memfd, page), i);
			sum += zcgem_memfd_range_pages(&memfd, i);
		}
		KUNIT_EXPECT_EQ(test, sum, memfd.npages);
	}
}

static const struct errno_case {
	int native, udmabuf;
} errno_cases[] = {
	{ -EBADF, -EBADFD }, { -EBADFD, -EBADFD }, { -EPERM, -EINVAL }, { -EFBIG, -EINVAL },
	{ -E2BIG, -EINVAL }, { -EINVAL, -EINVAL }, { -EACCES, -EACCES }, { -ENOMEM, -ENOMEM },
	{ -EINTR, -EINTR }, { -EFAULT, -EFAULT }, { 0, 0 },
};

static void ranges_udmabuf_errno(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errno_cases); i++)
		KUNIT_EXPECT_EQ(test, zcgem_udmabuf_errno(errno_cases[i].native),
				errno_cases[i].udmabuf);
}

static struct kunit_case ranges_cases[] = {
	KUNIT_CASE_PARAM(ranges_array_check, array_gen_params),
	KUNIT_CASE(ranges_array_get),
	KUNIT_CASE(ranges_find),
	KUNIT_CASE(ranges_udmabuf_errno),
	{}
};

static struct kunit_suite ranges_suite = {
	.name = "zcgem_ranges",
	.test_cases = ranges_cases,
};

kunit_test_suite(ranges_suite);
