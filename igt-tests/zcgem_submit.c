// SPDX-License-Identifier: MIT
/*
 * The engine's copies and fills: that the right bytes move, and what is refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem submit
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Command submission
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check what the engine copies and fills.
 *
 * SUBTEST: copy
 * Description: Byte ranges of any alignment are copied, and nothing beside them.
 *
 * SUBTEST: fill
 * Description: Patterns of 32 and 64 bits fill what they should, and nothing beside it.
 *
 * SUBTEST: rectangles
 * Description: Rectangles are copied and filled by pitch and height as a loop over rows would do it.
 *
 * SUBTEST: kinds
 * Description: Objects of every kind of memory are copied to objects of every kind.
 *
 * SUBTEST: sequence
 * Description: Operations of a submit, and submits, happen in order.
 *
 * SUBTEST: large
 * Description: A copy of many turns over scattered pages is complete.
 *
 * SUBTEST: overlap
 * Description: Copies that overlap themselves are refused, and those that do not are done.
 *
 * SUBTEST: bad-submit
 * Description: Unknown flags, priorities and bad arrays are refused (class 2).
 *
 * SUBTEST: bad-op
 * Description: Operations with bad fields are refused, and nothing of their submit is done (class 2).
 *
 * SUBTEST: bad-range
 * Description: Ranges and rectangles that leave their object are refused, also where sums wrap (class 2).
 *
 * SUBTEST: read-only
 * Description: A read-only object can be read and not be written (class 9).
 *
 * SUBTEST: revoked
 * Description: A revoked object is refused.
 *
 * SUBTEST: high-priority
 * Description: High priority needs CAP_SYS_NICE, the others do not.
 *
 * SUBTEST: closed-handles
 * Description: Handles may be closed as soon as the submit has returned.
 *
 * SUBTEST: many-jobs
 * Description: A hundred thousand submits leave nothing behind.
 */

IGT_TEST_DESCRIPTION("Check what the engine copies and fills");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

static struct drm_zcgem_submit submit_of(const struct drm_zcgem_op *ops, uint32_t count)
{
	return (struct drm_zcgem_submit) {
		.ops = {
			.stride = sizeof(*ops),
			.count = count,
			.pointer = (uintptr_t)ops,
		},
	};
}

static uint32_t make_object(int fd, uint64_t size, void **map)
{
	uint32_t handle = zcgem_create(fd, size, 0);

	*map = zcgem_mmap(fd, handle, size, RW);
	return handle;
}

static void run_op(int fd, struct drm_zcgem_op op)
{
	zcgem_submit_op(fd, op);
	zcgem_wait(fd, op.dst_handle);
}

static void test_copy(int fd)
{
	const struct { uint64_t dst, src, size; } cases[] = {
		{ 0, 0, 1 },
		{ 0, 0, PAGES(8) },
		{ 1, 0, 7 },
		{ PAGES(8) - 1, 0, 1 },
		{ 0, PAGES(8) - 1, 1 },
		{ 17, PAGES(1) - 1, PAGES(3) + 5 },
		{ PAGES(1) + 3, 3, PAGES(2) },
		{ ZCGEM_PAGE - 1, ZCGEM_PAGE + 1, 2 },
	};
	unsigned char *expected = malloc(PAGES(8));
	void *src, *dst;
	uint32_t from = make_object(fd, PAGES(8), &src);
	uint32_t to = make_object(fd, PAGES(8), &dst);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		zcgem_fill(src, PAGES(8), 2 * i + 1);
		zcgem_fill(dst, PAGES(8), 2 * i + 2);
		memcpy(expected, dst, PAGES(8));
		memcpy(expected + cases[i].dst, (char *)src + cases[i].src, cases[i].size);

		run_op(fd, zcgem_op_copy(to, cases[i].dst, from, cases[i].src, cases[i].size));
		igt_assert_f(!memcmp(dst, expected, PAGES(8)), "case %u\n", i);
		zcgem_check(src, PAGES(8), 2 * i + 1);
	}
	munmap(src, PAGES(8));
	munmap(dst, PAGES(8));
	free(expected);
}

static void expect_fill(const void *map, uint64_t offset, uint64_t size, uint64_t pattern,
			uint32_t pattern_size, const void *before, uint64_t total)
{
	unsigned char *expected = malloc(total);
	uint64_t at;

	memcpy(expected, before, total);
	for (at = offset; at < offset + size; at += pattern_size)
		memcpy(expected + at, &pattern, pattern_size);
	igt_assert(!memcmp(map, expected, total));
	free(expected);
}

static void test_fill(int fd)
{
	const struct { uint64_t offset, size; } cases[] = {
		{ 0, PAGES(6) }, { 8, 8 }, { PAGES(1) - 8, 16 }, { PAGES(6) - 8, 8 },
		{ 24, PAGES(5) },
	};
	void *map, *before = malloc(PAGES(6));
	uint32_t handle = make_object(fd, PAGES(6), &map);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		zcgem_fill(map, PAGES(6), i + 1);
		memcpy(before, map, PAGES(6));
		run_op(fd, zcgem_op_fill64(handle, cases[i].offset, cases[i].size,
					   0x0123456789abcdefull));
		expect_fill(map, cases[i].offset, cases[i].size, 0x0123456789abcdefull, 8,
			    before, PAGES(6));

		memcpy(before, map, PAGES(6));
		run_op(fd, zcgem_op_fill32(handle, cases[i].offset + 4, cases[i].size - 4,
					   0xdeadbeef));
		expect_fill(map, cases[i].offset + 4, cases[i].size - 4, 0xdeadbeef, 4,
			    before, PAGES(6));
	}
	munmap(map, PAGES(6));
	free(before);
}

/* What the operation means, on plain memory. */
static void do_rows(unsigned char *dst, const unsigned char *src, const struct drm_zcgem_op *op)
{
	uint64_t row, at;

	for (row = 0; row < op->height; row++) {
		unsigned char *to = dst + op->dst_offset + row * op->dst_pitch;

		if (op->type == DRM_ZCGEM_OP_COPY)
			memcpy(to, src + op->src_offset + row * op->src_pitch, op->size);
		else
			for (at = 0; at < op->size; at += op->pattern_size)
				memcpy(to + at, &op->pattern, op->pattern_size);
	}
}

static void test_rectangles(int fd)
{
	const struct { uint64_t dst, dst_pitch, src, src_pitch, size, height; } cases[] = {
		{ 0, 4, 0, 4, 4, 1024 },		/* touching rows */
		{ 64, 256, 128, 512, 100, 60 },
		{ ZCGEM_PAGE - 4, ZCGEM_PAGE, 8, ZCGEM_PAGE, 8, 7 },		/* across pages */
		{ 0, PAGES(1) + 4, 4, PAGES(1) - 4, PAGES(1) - 4, 7 },
		{ PAGES(8) - 4 - 9 * 16, 16, 0, 4, 4, 10 },	/* up to the last byte */
	};
	unsigned char *expected = malloc(PAGES(8));
	void *src, *dst;
	uint32_t from = make_object(fd, PAGES(8), &src);
	uint32_t to = make_object(fd, PAGES(8), &dst);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct drm_zcgem_op op = zcgem_op_copy(to, cases[i].dst, from, cases[i].src,
						       cases[i].size);

		op.height = cases[i].height;
		op.dst_pitch = cases[i].dst_pitch;
		op.src_pitch = cases[i].src_pitch;
		zcgem_fill(src, PAGES(8), 2 * i + 1);
		zcgem_fill(dst, PAGES(8), 2 * i + 2);
		memcpy(expected, dst, PAGES(8));
		do_rows(expected, src, &op);
		run_op(fd, op);
		igt_assert_f(!memcmp(dst, expected, PAGES(8)), "copy %u\n", i);

		op = zcgem_op_fill32(to, cases[i].dst, cases[i].size, 0x11223344);
		op.height = cases[i].height;
		op.dst_pitch = cases[i].dst_pitch;
		do_rows(expected, NULL, &op);
		run_op(fd, op);
		igt_assert_f(!memcmp(dst, expected, PAGES(8)), "fill %u\n", i);
	}
	munmap(src, PAGES(8));
	munmap(dst, PAGES(8));
	free(expected);
}

static void copy_kind(int fd, struct memory *dst, struct memory *src, uint64_t seed)
{
	const uint64_t size = dst->size < src->size ? dst->size : src->size;
	char *from, *to;

	from = map_memory(fd, src, RW);
	zcgem_fill(from, size, seed);
	munmap(from, src->size);
	run_op(fd, zcgem_op_copy(dst->handle, 0, src->handle, 0, size));
	to = map_memory(fd, dst, PROT_READ);
	igt_debug("%s to %s\n", memory_name(src->kind), memory_name(dst->kind));
	zcgem_check(to, size, seed);
	munmap(to, dst->size);
	if (dst->own)
		zcgem_check(dst->own, size, seed);
}

static void test_kinds(int fd)
{
	unsigned int i, k, copies = 0;

	require_walker();
	for (i = SHMEM_4K; i <= POOL_WC; i++) {
		struct memory src, dst;

		if (i == HUGETLB_1G || !memory_available(i, 2 * ZCGEM_HUGE))
			continue;
		make_memory(fd, i, 2 * ZCGEM_HUGE, &src);
		for (k = SHMEM_4K; k <= POOL_WC; k++) {
			if (k == HUGETLB_1G || !memory_available(k, 2 * ZCGEM_HUGE))
				continue;
			make_memory(fd, k, 2 * ZCGEM_HUGE, &dst);
			copy_kind(fd, &dst, &src, ++copies);
			free_memory(fd, &dst);
		}
		free_memory(fd, &src);
	}
	igt_info("%u pairs of kinds\n", copies);
	igt_assert_lte(4 * 4, copies);
}

static void test_sequence(int fd)
{
	void *map[3];
	uint32_t h[3];
	struct drm_zcgem_op ops[6];
	unsigned int i;

	for (i = 0; i < 3; i++)
		h[i] = make_object(fd, PAGES(64), &map[i]);
	zcgem_fill(map[0], PAGES(64), 5);

	/* 0 goes to 1 and from there to 2, before 0 and 1 get something else */
	ops[0] = zcgem_op_copy(h[1], 0, h[0], 0, PAGES(64));
	ops[1] = zcgem_op_copy(h[2], 0, h[1], 0, PAGES(64));
	ops[2] = zcgem_op_fill64(h[0], 0, PAGES(64), 0);
	ops[3] = zcgem_op_copy(h[1], 0, h[0], 0, PAGES(64));
	igt_assert_eq(__zcgem_submit_ops(fd, ops, 4), 0);
	zcgem_wait(fd, h[2]);
	zcgem_check(map[2], PAGES(64), 5);
	igt_assert_eq(memcmp(map[0], map[1], PAGES(64)), 0);

	/* the same in submits of their own, at different priorities */
	zcgem_fill(map[0], PAGES(64), 6);
	for (i = 0; i < 4; i++) {
		struct drm_zcgem_submit submit = submit_of(&ops[i], 1);

		submit.priority = i % 3;
		igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	}
	for (i = 0; i < 3; i++)
		zcgem_wait(fd, h[i]);
	zcgem_check(map[2], PAGES(64), 6);
	igt_assert_eq(memcmp(map[0], map[1], PAGES(64)), 0);
	for (i = 0; i < 3; i++)
		munmap(map[i], PAGES(64));
}

static void test_large(int fd)
{
	const uint64_t size = MIB(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range *ranges = calloc(size / ZCGEM_PAGE, sizeof(*ranges));
	uint32_t scattered, to, n = size / ZCGEM_PAGE, i;
	char *file = zcgem_map_memfd(memfd, 0, size);
	uint64_t *dst;

	/* the pages of the file in another order, so that no two are in one extent */
	for (i = 0; i < n; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = memfd,
			.offset = PAGES((uint64_t)(n - 1 - i)),
			.size = ZCGEM_PAGE,
		};
	scattered = zcgem_wrap(fd, ranges, n, 0);
	for (i = 0; i < n; i++)
		zcgem_mark(file, i, i + 1);
	to = make_object(fd, size, (void **)&dst);
	run_op(fd, zcgem_op_copy(to, 0, scattered, 0, size));
	for (i = 0; i < n; i++)
		zcgem_check_mark(dst, i, n - i);

	/* and back */
	zcgem_mark_all(dst, size, 7);
	run_op(fd, zcgem_op_copy(scattered, 0, to, 0, size));
	for (i = 0; i < n; i++)
		zcgem_check_mark(file, i, 7 + n - 1 - i);
	munmap(dst, size);
	munmap(file, size);
	close(memfd);
	free(ranges);
}

static void test_overlap(int fd)
{
	const struct { uint64_t dst, src, size; int error; } ranges[] = {
		{ 0, 0, 1, -EINVAL },
		{ 0, PAGES(1) - 1, PAGES(1), -EINVAL },
		{ PAGES(1) - 1, 0, PAGES(1), -EINVAL },
		{ 0, PAGES(1), PAGES(1), 0 },
		{ PAGES(1), 0, PAGES(1), 0 },
	};
	/* rectangles in a picture of 256 bytes a row */
	static const struct { uint64_t dst, src, size, height; int error; } rects[] = {
		{ 0, 128, 128, 16, 0 },			/* side by side */
		{ 128, 0, 128, 16, 0 },
		{ 0, 127, 128, 16, -EINVAL },		/* a column in common */
		{ 256 * 8, 0, 256, 8, 0 },		/* above */
		{ 256 * 7, 0, 256, 8, -EINVAL },	/* a row in common */
		{ 200, 0, 100, 2, -EINVAL },		/* a row's end and the next one's start */
		{ 200, 44, 100, 2, 0 },
		{ 256 * 3, 200, 100, 4, -EINVAL },
		{ 200, 45, 156, 2, -EINVAL },
	};
	unsigned char *expected = malloc(PAGES(4));
	void *map;
	uint32_t handle = make_object(fd, PAGES(4), &map);
	struct drm_zcgem_op op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		op = zcgem_op_copy(handle, ranges[i].dst, handle, ranges[i].src,
				   ranges[i].size);
		igt_assert_f(__zcgem_submit_ops(fd, &op, 1) == ranges[i].error,
			     "range %u\n", i);
	}
	for (i = 0; i < ARRAY_SIZE(rects); i++) {
		op = zcgem_op_copy(handle, rects[i].dst, handle, rects[i].src, rects[i].size);
		op.height = rects[i].height;
		op.dst_pitch = 256;
		op.src_pitch = 256;
		zcgem_wait(fd, handle);
		zcgem_fill(map, PAGES(4), i + 1);
		memcpy(expected, map, PAGES(4));
		igt_assert_f(__zcgem_submit_ops(fd, &op, 1) == rects[i].error,
			     "rectangle %u\n", i);
		zcgem_wait(fd, handle);
		if (!rects[i].error)
			do_rows(expected, expected, &op);
		igt_assert_f(!memcmp(map, expected, PAGES(4)), "rectangle %u\n", i);
	}

	/* different pitches: as far as their first and last bytes go */
	op = zcgem_op_copy(handle, 0, handle, 8, 8);
	op.height = 4;
	op.dst_pitch = 32;
	op.src_pitch = 64;
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), -EINVAL);
	op.src_offset = PAGES(1);
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), 0);
	zcgem_wait(fd, handle);
	munmap(map, PAGES(4));
	free(expected);
}

static void test_bad_submit(int fd)
{
	struct { struct drm_zcgem_op op; uint64_t tail; } longer = {};
	struct drm_zcgem_op op = {}, *many;
	struct drm_zcgem_sync sync = {};
	struct drm_zcgem_submit good, bad;
	uint64_t max_ops = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_OPS);
	uint64_t max_syncs = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SYNCS), i;
	void *map;
	uint32_t handle = make_object(fd, PAGES(2), &map);

	op = zcgem_op_copy(handle, 0, handle, PAGES(1), PAGES(1));
	good = submit_of(&op, 1);
	igt_assert_eq(__zcgem_submit(fd, &good), 0);

#define REFUSED(change, error) do {					\
		bad = good;						\
		change;							\
		igt_assert_eq(__zcgem_submit(fd, &bad), error);		\
	} while (0)
	REFUSED(bad.flags = 2, -EINVAL);
	REFUSED(bad.flags = 1u << 31, -EINVAL);
	REFUSED(bad.priority = 3, -EINVAL);
	REFUSED(bad.priority = UINT32_MAX, -EINVAL);
	REFUSED(bad.ops.count = 0, -EINVAL);
	REFUSED(bad.ops.stride = 0, -EINVAL);
	REFUSED(bad.ops.stride = sizeof(op) - 4, -EINVAL);
	REFUSED(bad.ops.stride = 8192, -EINVAL);
	REFUSED(bad.ops.pointer = 0, -EFAULT);
	REFUSED(bad.ops.pointer = UINT64_MAX - 8, -EFAULT);
	REFUSED(bad.ops.count = max_ops + 1, -E2BIG);
	REFUSED(bad.ops.count = UINT32_MAX, -E2BIG);

	bad = good;
	bad.in_syncs = (struct drm_zcgem_array) { sizeof(sync), 1, (uintptr_t)&sync };
	igt_assert_eq(__zcgem_submit(fd, &bad), -ENOENT);
	bad.in_syncs.pointer = 0;
	igt_assert_eq(__zcgem_submit(fd, &bad), -EFAULT);
	bad.in_syncs.count = max_syncs + 1;
	igt_assert_eq(__zcgem_submit(fd, &bad), -E2BIG);
	bad.in_syncs.stride = 12;
	igt_assert_eq(__zcgem_submit(fd, &bad), -EINVAL);

	bad = good;
	bad.out_syncs = (struct drm_zcgem_array) { sizeof(sync), 1, (uintptr_t)&sync };
	igt_assert_eq(__zcgem_submit(fd, &bad), -ENOENT);
	sync.handle = syncobj_new(fd);
	sync.flags = 1;
	igt_assert_eq(__zcgem_submit(fd, &bad), -EINVAL);
	bad.in_syncs = bad.out_syncs;
	bad.out_syncs.count = 0;
	igt_assert_eq(__zcgem_submit(fd, &bad), -EINVAL);
	syncobj_free(fd, sync.handle);

	/* a longer element is good as long as what is new in it is zero */
	longer.op = op;
	bad = good;
	bad.ops.stride = sizeof(longer);
	bad.ops.pointer = (uintptr_t)&longer;
	igt_assert_eq(__zcgem_submit(fd, &bad), 0);
	longer.tail = 1;
	igt_assert_eq(__zcgem_submit(fd, &bad), -E2BIG);

	many = calloc(max_ops, sizeof(*many));
	for (i = 0; i < max_ops; i++)
		many[i] = op;
	igt_assert_eq(__zcgem_submit_ops(fd, many, max_ops), 0);
	free(many);
	zcgem_wait(fd, handle);
	munmap(map, PAGES(2));
}

/* The second of two operations is bad: the first must not be done. */
static void expect_bad(int fd, uint32_t handle, const uint64_t *map, struct drm_zcgem_op op,
		       int error, int line)
{
	struct drm_zcgem_op ops[2] = {
		zcgem_op_fill64(handle, 0, PAGES(1), UINT64_MAX), op,
	};
	int ret = __zcgem_submit_ops(fd, ops, 2);

	igt_assert_f(ret == error, "line %d: %d, not %d\n", line, ret, error);
	igt_assert_eq(__zcgem_wait(fd, handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	igt_assert_eq_u64(map[0], 0);
}

static void test_bad_op(int fd)
{
	void *map;
	uint32_t handle = make_object(fd, PAGES(8), &map);
	const struct drm_zcgem_op copy = zcgem_op_copy(handle, 0, handle, PAGES(4), PAGES(1));
	const struct drm_zcgem_op fill = zcgem_op_fill64(handle, 0, PAGES(1), 1);

#define BAD(good, change, error) do {					\
		struct drm_zcgem_op op = good;				\
		change;							\
		expect_bad(fd, handle, map, op, error, __LINE__);	\
	} while (0)
	BAD(copy, op.type = 2, -EINVAL);
	BAD(copy, op.type = UINT32_MAX, -EINVAL);
	BAD(copy, op.flags = 1, -EINVAL);
	BAD(copy, op.pad = 1, -EINVAL);
	BAD(copy, op.size = 0, -EINVAL);
	BAD(copy, op.pattern = 1, -EINVAL);
	BAD(copy, op.pattern_size = 4, -EINVAL);
	BAD(copy, op.height = 2, -EINVAL);
	BAD(copy, (op.height = 2, op.dst_pitch = PAGES(1)), -EINVAL);
	BAD(copy, (op.height = 2, op.dst_pitch = PAGES(1), op.src_pitch = PAGES(1) - 1),
	    -EINVAL);
	BAD(copy, op.dst_handle = 0, -ENOENT);
	BAD(copy, op.src_handle = 0, -ENOENT);
	BAD(copy, op.src_handle = 12345, -ENOENT);
	BAD(fill, op.flags = 1, -EINVAL);
	BAD(fill, op.pad = 1, -EINVAL);
	BAD(fill, op.src_handle = handle, -EINVAL);
	BAD(fill, op.src_offset = 8, -EINVAL);
	BAD(fill, op.src_pitch = 8, -EINVAL);
	BAD(fill, op.pattern_size = 0, -EINVAL);
	BAD(fill, op.pattern_size = 2, -EINVAL);
	BAD(fill, op.pattern_size = 16, -EINVAL);
	BAD(fill, (op.pattern_size = 4, op.pattern = 1ull << 32), -EINVAL);
	BAD(fill, op.dst_offset = 4, -EINVAL);
	BAD(fill, op.size = 12, -EINVAL);
	BAD(fill, (op.height = 2, op.dst_pitch = PAGES(1) + 4), -EINVAL);
	BAD(fill, (op.height = 2, op.dst_pitch = PAGES(1) - 8), -EINVAL);
	munmap(map, PAGES(8));
}

static void test_bad_range(int fd)
{
	void *map;
	uint32_t handle = make_object(fd, PAGES(8), &map);
	const struct drm_zcgem_op copy = zcgem_op_copy(handle, 0, handle, PAGES(4), PAGES(1));
	struct drm_zcgem_op rows = copy;

	rows.size = 8;
	rows.height = 4;
	rows.dst_pitch = 16;
	rows.src_pitch = 16;

	BAD(copy, op.dst_offset = PAGES(8), -EINVAL);
	BAD(copy, op.dst_offset = PAGES(7) + 1, -EINVAL);
	BAD(copy, op.src_offset = PAGES(7) + 1, -EINVAL);
	BAD(copy, op.size = PAGES(4) + 1, -EINVAL);
	BAD(copy, op.size = UINT64_MAX, -EINVAL);
	BAD(copy, op.dst_offset = UINT64_MAX, -EINVAL);
	BAD(copy, (op.dst_offset = UINT64_MAX - PAGES(1) + 1), -EINVAL);
	BAD(copy, op.src_offset = 1ull << 63, -EINVAL);
	BAD(rows, op.height = UINT64_MAX, -EINVAL);
	BAD(rows, op.dst_pitch = UINT64_MAX, -EINVAL);
	BAD(rows, op.src_pitch = 1ull << 63, -EINVAL);
	BAD(rows, (op.height = 3, op.dst_pitch = 1ull << 63), -EINVAL);
	BAD(rows, op.dst_offset = PAGES(8) - 3 * 16 - 7, -EINVAL);
	BAD(rows, op.src_offset = PAGES(8) - 3 * 16 - 7, -EINVAL);

	/* as far as it goes */
	rows.src_offset = PAGES(8) - 3 * 16 - 8;
	run_op(fd, rows);
	munmap(map, PAGES(8));
}

static void test_read_only(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, PAGES(4));
	uint32_t readonly = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), DRM_ZCGEM_WRAP_READONLY);
	struct drm_zcgem_op op;
	void *map;
	uint32_t handle = make_object(fd, PAGES(4), &map);

	zcgem_fill(file, PAGES(4), 1);
	run_op(fd, zcgem_op_copy(handle, 0, readonly, 0, PAGES(4)));
	zcgem_check(map, PAGES(4), 1);

	op = zcgem_op_copy(readonly, 0, handle, 0, PAGES(1));
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), -EACCES);
	op = zcgem_op_fill32(readonly, 0, PAGES(1), 1);
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), -EACCES);
	zcgem_check(file, PAGES(4), 1);
	munmap(map, PAGES(4));
	munmap(file, PAGES(4));
	close(memfd);
}

static void test_revoked(int fd)
{
	struct drm_zcgem_gem_revoke revoke = {};
	struct drm_zcgem_op op;
	void *map;
	uint32_t handle = make_object(fd, PAGES(1), &map);
	uint32_t gone = zcgem_create(fd, PAGES(1), 0);

	revoke.handle = gone;
	igt_assert_eq(drmIoctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
	op = zcgem_op_copy(handle, 0, gone, 0, 8);
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), -EACCES);
	op = zcgem_op_copy(gone, 0, handle, 0, 8);
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), -EACCES);
	munmap(map, PAGES(1));
}

static void test_high_priority(int fd)
{
	struct drm_zcgem_op op = zcgem_op_fill32(zcgem_create(fd, PAGES(1), 0), 0, 4, 1);
	struct drm_zcgem_submit submit = submit_of(&op, 1);

	submit.priority = DRM_ZCGEM_PRIORITY_HIGH;
	igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	zcgem_wait(fd, op.dst_handle);

	igt_fork(child, 1) {
		zcgem_become_user(65534, false);
		igt_assert_eq(__zcgem_submit(fd, &submit), -EPERM);
		submit.priority = DRM_ZCGEM_PRIORITY_LOW;
		igt_assert_eq(__zcgem_submit(fd, &submit), 0);
		submit.priority = DRM_ZCGEM_PRIORITY_NORMAL;
		igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	}
	igt_waitchildren();
}

static void test_closed_handles(int fd)
{
	const uint64_t size = MIB(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size);
	uint32_t sync = syncobj_new(fd);
	struct drm_zcgem_sync out = { .handle = sync };
	void *map;
	uint32_t from = make_object(fd, size, &map);
	uint32_t to = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	struct drm_zcgem_op op = zcgem_op_copy(to, 0, from, 0, size);

	zcgem_fill(map, size, 3);
	munmap(map, size);
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &out), 0);
	gem_close(fd, from);
	gem_close(fd, to);
	igt_assert_eq(syncobj_error(fd, sync), 0);
	zcgem_check(file, size, 3);
	syncobj_free(fd, sync);
	munmap(file, size);
	close(memfd);
}

#define MANY	100000

static void test_many_jobs(int fd)
{
	void *map;
	uint32_t handle = make_object(fd, PAGES(4), &map);
	uint32_t sync = syncobj_new(fd), many = zcgem_rounds(MANY), i;
	struct drm_zcgem_sync out = { .handle = sync };

	for (i = 0; i < many; i++) {
		struct drm_zcgem_op op = zcgem_op_fill32(handle, i % 1024 * 4, 4, i + 1);

		igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &out), 0);
		if (i % 10000 == 0)
			igt_info("%u submits\n", i);
	}
	igt_assert_eq(syncobj_error(fd, sync), 0);
	for (i = many - 1024; i < many; i++)
		igt_assert_eq_u32(((uint32_t *)map)[i % 1024], i + 1);
	syncobj_free(fd, sync);
	munmap(map, PAGES(4));
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Byte ranges of any alignment are copied, and nothing beside them");
	igt_subtest("copy")
		zcgem_run_counted(fd, test_copy);

	igt_describe("Patterns of 32 and 64 bits fill what they should, and nothing beside it");
	igt_subtest("fill")
		zcgem_run_counted(fd, test_fill);

	igt_describe("Rectangles are copied and filled by pitch and height as a loop over rows would do it");
	igt_subtest("rectangles")
		zcgem_run_counted(fd, test_rectangles);

	igt_describe("Objects of every kind of memory are copied to objects of every kind");
	igt_subtest("kinds")
		zcgem_run_counted(fd, test_kinds);

	igt_describe("Operations of a submit, and submits, happen in order");
	igt_subtest("sequence")
		zcgem_run_counted(fd, test_sequence);

	igt_describe("A copy of many turns over scattered pages is complete");
	igt_subtest("large")
		zcgem_run_counted(fd, test_large);

	igt_describe("Copies that overlap themselves are refused, and those that do not are done");
	igt_subtest("overlap")
		zcgem_run_counted(fd, test_overlap);

	igt_describe("Unknown flags, priorities and bad arrays are refused (class 2)");
	igt_subtest("bad-submit")
		zcgem_run_counted(fd, test_bad_submit);

	igt_describe("Operations with bad fields are refused, and nothing of their submit is done (class 2)");
	igt_subtest("bad-op")
		zcgem_run_counted(fd, test_bad_op);

	igt_describe("Ranges and rectangles that leave their object are refused, also where sums wrap (class 2)");
	igt_subtest("bad-range")
		zcgem_run_counted(fd, test_bad_range);

	igt_describe("A read-only object can be read and not be written (class 9)");
	igt_subtest("read-only")
		zcgem_run_counted(fd, test_read_only);

	igt_describe("A revoked object is refused");
	igt_subtest("revoked")
		zcgem_run_counted(fd, test_revoked);

	igt_describe("High priority needs CAP_SYS_NICE, the others do not");
	igt_subtest("high-priority")
		zcgem_run_counted(fd, test_high_priority);

	igt_describe("Handles may be closed as soon as the submit has returned");
	igt_subtest("closed-handles")
		zcgem_run_counted(fd, test_closed_handles);

	igt_describe("A hundred thousand submits leave nothing behind");
	igt_subtest("many-jobs")
		zcgem_run_counted(fd, test_many_jobs);

	igt_fixture()
		drm_close_driver(fd);
}
