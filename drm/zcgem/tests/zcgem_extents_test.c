// SPDX-License-Identifier: GPL-2.0
/*
 * Extents against a plain array of frame numbers.
 */

#include <kunit/test.h>

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "zcgem_extents.h"

#define NPAGES		2000
#define ORDERS		8

struct extents_model {
	struct zcgem_extents extents;
	unsigned long pfns[NPAGES];
	unsigned long npages;
};

/* Runs of 1 to @longest pages, some of which continue the one before. */
static void fill(struct kunit *test, struct extents_model *model, struct rnd_state *rnd,
		 unsigned int longest)
{
	unsigned long next = 1000, i;

	while (model->npages < NPAGES) {
		unsigned long n = 1 + prandom_u32_state(rnd) % longest;
		unsigned long pfn = prandom_u32_state(rnd) % 4 ?
			1 + prandom_u32_state(rnd) % 1000000 : next;

		n = min(n, NPAGES - model->npages);
		KUNIT_ASSERT_EQ(test, zcgem_extents_append(&model->extents, pfn, n), 0);
		for (i = 0; i < n; i++)
			model->pfns[model->npages++] = pfn + i;
		next = pfn + n;
		KUNIT_ASSERT_EQ(test, model->extents.end_pfn, next);
	}
}

/* Pages from @page on that are contiguous, by looking at each. */
static unsigned long run_at(const struct extents_model *model, unsigned long page)
{
	unsigned long n = 1;

	while (page + n < model->npages && model->pfns[page + n] == model->pfns[page] + n)
		n++;
	return n;
}

static void check(struct kunit *test, const struct extents_model *model)
{
	u64 by_order[ORDERS], expected[ORDERS] = {};
	unsigned long page, pfn, runs = 0, run;

	KUNIT_EXPECT_EQ(test, model->extents.npages, model->npages);
	for (page = 0; page < model->npages; page++) {
		run = zcgem_extents_lookup(&model->extents, page, &pfn);
		KUNIT_ASSERT_EQ(test, run, run_at(model, page));
		KUNIT_ASSERT_EQ(test, pfn, model->pfns[page]);
	}
	KUNIT_EXPECT_EQ(test, zcgem_extents_lookup(&model->extents, model->npages, &pfn), 0);
	KUNIT_EXPECT_EQ(test, zcgem_extents_lookup(&model->extents, ULONG_MAX, &pfn), 0);

	for (page = 0; page < model->npages; page += run) {
		run = run_at(model, page);
		KUNIT_ASSERT_EQ(test, zcgem_extents_find(&model->extents, page + run - 1), runs);
		KUNIT_ASSERT_EQ(test, zcgem_extents_length(&model->extents, runs), run);
		expected[min_t(unsigned int, ilog2(run), ORDERS - 1)]++;
		runs++;
	}
	KUNIT_EXPECT_EQ(test, model->extents.count, runs);
	zcgem_extents_histogram(&model->extents, by_order, ORDERS);
	KUNIT_EXPECT_MEMEQ(test, by_order, expected, sizeof(expected));
}

static void extents_agree(struct kunit *test, unsigned int longest)
{
	struct extents_model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&rnd, longest);
	fill(test, model, &rnd, longest);
	check(test, model);
	zcgem_extents_trim(&model->extents);
	check(test, model);
	KUNIT_EXPECT_LE(test, model->extents.capacity - model->extents.count,
			model->extents.count / 8);
	zcgem_extents_free(&model->extents);
	KUNIT_EXPECT_EQ(test, model->extents.npages, 0);
	KUNIT_EXPECT_NULL(test, model->extents.table);
}

static void extents_single_pages(struct kunit *test)
{
	extents_agree(test, 1);
}

static void extents_short_runs(struct kunit *test)
{
	extents_agree(test, 7);
}

static void extents_long_runs(struct kunit *test)
{
	extents_agree(test, 1500);
}

static void extents_merge(struct kunit *test)
{
	struct zcgem_extents extents = {};
	unsigned long i;

	/* However many pieces: one run. */
	for (i = 0; i < 5000; i++)
		KUNIT_ASSERT_EQ(test, zcgem_extents_append(&extents, 512 + i, 1), 0);
	KUNIT_EXPECT_EQ(test, extents.count, 1);
	KUNIT_EXPECT_EQ(test, extents.npages, 5000);

	/* The same frames again are another run, and so is what comes before. */
	KUNIT_ASSERT_EQ(test, zcgem_extents_append(&extents, 512, 10), 0);
	KUNIT_ASSERT_EQ(test, zcgem_extents_append(&extents, 500, 12), 0);
	KUNIT_EXPECT_EQ(test, extents.count, 3);
	zcgem_extents_free(&extents);
}

static void extents_empty(struct kunit *test)
{
	struct zcgem_extents extents = {};
	unsigned long pfn;
	u64 by_order[2];

	KUNIT_EXPECT_EQ(test, extents.end_pfn, 0);
	KUNIT_EXPECT_EQ(test, zcgem_extents_lookup(&extents, 0, &pfn), 0);
	KUNIT_EXPECT_EQ(test, zcgem_extents_find_block(&extents, 0), 0);
	zcgem_extents_histogram(&extents, by_order, 2);
	KUNIT_EXPECT_EQ(test, by_order[0] + by_order[1], 0);
	zcgem_extents_trim(&extents);
	zcgem_extents_free(&extents);
}

static void extents_room(struct kunit *test)
{
	const unsigned long most = INT_MAX / sizeof(struct zcgem_extent);
	struct zcgem_extents extents = { .capacity = 100 };

	KUNIT_EXPECT_EQ(test, zcgem_extents_room(&extents, 101, 0), 200);
	KUNIT_EXPECT_EQ(test, zcgem_extents_room(&extents, 101, 1000), 1000);
	KUNIT_EXPECT_EQ(test, zcgem_extents_room(&extents, 301, 0), 301);
	/* Twice as many would not fit in a table, but what is needed does. */
	extents.capacity = most / 2 + 1;
	KUNIT_EXPECT_EQ(test, zcgem_extents_room(&extents, most / 2 + 2, 0), most);
	KUNIT_EXPECT_EQ(test, zcgem_extents_room(&extents, most, 2 * most), most);
	/* And what does not fit is not made out to. */
	KUNIT_EXPECT_EQ(test, zcgem_extents_room(&extents, most + 1, 0), most + 1);
}

static const struct order_case {
	const char *name;
	unsigned long pfn, npages;
	unsigned int order;
} order_cases[] = {
	{ "one page", 1, 1, 0 },
	{ "two pages that no larger block holds", 1, 2, 0 },
	{ "two aligned pages", 2, 2, 1 },
	{ "an aligned pair inside", 1, 3, 1 },
	{ "2 MiB", 512, 512, 9 },
	{ "2 MiB but for a page", 512, 511, 8 },
	{ "2 MiB that are not aligned", 511, 513, 9 },
	{ "almost 4 MiB without an aligned 2", 513, 1022, 8 },
	{ "1 GiB", 1UL << 18, 1UL << 18, 18 },
	{ "the last frames of 52 bits", (1UL << 40) - 512, 512, 9 },
};

static void order_name(const struct order_case *one, char *name)
{
	strscpy(name, one->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(order, order_cases, order_name);

static void extents_find_block(struct kunit *test)
{
	const struct order_case *one = test->param_value;
	struct zcgem_extents extents = {};
	unsigned long i;

	/* Many runs of one page in front must not matter, nor some behind. */
	for (i = 0; i < 200; i++)
		KUNIT_ASSERT_EQ(test, zcgem_extents_append(&extents, 7777 - 2 * i, 1), 0);
	KUNIT_ASSERT_EQ(test, zcgem_extents_append(&extents, one->pfn, one->npages), 0);
	KUNIT_ASSERT_EQ(test, zcgem_extents_append(&extents, 77, 1), 0);
	KUNIT_EXPECT_EQ(test, zcgem_extents_find_block(&extents, one->order),
			one->order ? 200 : 0);
	KUNIT_EXPECT_EQ(test, zcgem_extents_find_block(&extents, one->order + 1), 202);
	zcgem_extents_free(&extents);
}

static void extents_reserve(struct kunit *test)
{
	struct zcgem_extents extents = {};
	unsigned long i;

	KUNIT_ASSERT_EQ(test, zcgem_extents_reserve(&extents, 100, 1000000), 0);
	KUNIT_EXPECT_EQ(test, extents.capacity, 100);
	for (i = 0; i < 100; i++)
		zcgem_extents_push(&extents, 1 + 2 * i, 1);

	/* All were scattered, so all of 1000 will be. */
	KUNIT_ASSERT_EQ(test, zcgem_extents_reserve(&extents, 1, 1000), 0);
	KUNIT_EXPECT_EQ(test, extents.capacity, 1000);
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, extents.table[i].pfn, 1 + 2 * i);

	/* But not without a limit. */
	KUNIT_ASSERT_EQ(test, zcgem_extents_reserve(&extents, 901, 1UL << 27), 0);
	KUNIT_EXPECT_LE(test, extents.capacity, 64 * 1001);
	zcgem_extents_free(&extents);
}

static void table_sizes(struct kunit *test)
{
	void *table;

	/* An overflow of the product is no small table. */
	KUNIT_EXPECT_NULL(test, zcgem_table_alloc(SIZE_MAX / 8, 16));
	KUNIT_EXPECT_NULL(test, zcgem_table_alloc(1UL << 28, 16));

	table = zcgem_table_alloc(8 * PAGE_SIZE + 1, 1);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(table));
	zcgem_table_free(table);
	table = zcgem_table_alloc(PAGE_SIZE, 8);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_FALSE(test, is_vmalloc_addr(table));
	zcgem_table_free(table);
	zcgem_table_free(NULL);
}

static struct kunit_case extents_cases[] = {
	KUNIT_CASE(extents_single_pages),
	KUNIT_CASE(extents_short_runs),
	KUNIT_CASE(extents_long_runs),
	KUNIT_CASE(extents_merge),
	KUNIT_CASE(extents_empty),
	KUNIT_CASE(extents_room),
	KUNIT_CASE_PARAM(extents_find_block, order_gen_params),
	KUNIT_CASE(extents_reserve),
	KUNIT_CASE(table_sizes),
	{}
};

static struct kunit_suite extents_suite = {
	.name = "zcgem_extents",
	.test_cases = extents_cases,
};

kunit_test_suite(extents_suite);

MODULE_DESCRIPTION("KUnit tests of zcgem");
MODULE_LICENSE("GPL");
