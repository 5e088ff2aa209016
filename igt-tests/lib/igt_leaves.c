// SPDX-License-Identifier: MIT
/*
 * The leaves of this process's page tables, as the test bed's walker module
 * reads them.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_leaves.h"

#define WALKER "/sys/kernel/debug/page_leaves"

/**
 * require_walker:
 *
 * Skips where the module is not to be had; it is the test bed's own.
 */
void require_walker(void)
{
	int ret = access(WALKER, W_OK) ? system("modprobe -q walker") : 0;

	igt_require_f(!ret && !access(WALKER, W_OK),
		      "no module 'walker' to read page tables with\n");
}

/**
 * has_giant_leaves:
 *
 * Returns: Whether the processor has leaves of 1 GiB.
 */
bool has_giant_leaves(void)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	bool found = false;
	char word[64];

	igt_assert_f(file, "/proc/cpuinfo: %m\n");
	while (!found && fscanf(file, "%63s", word) == 1)
		found = !strcmp(word, "pdpe1gb");
	fclose(file);
	return found;
}

/**
 * has_large_leaves:
 *
 * Returns: Whether the kernel makes entries larger than a page, which it does only with support
 * for transparent huge pages. Real-time kernels lack that.
 */
bool has_large_leaves(void)
{
	return !access("/sys/kernel/mm/transparent_hugepage", F_OK);
}

/**
 * require_large_leaves:
 *
 * Skips where every entry maps one page.
 */
void require_large_leaves(void)
{
	igt_require_f(has_large_leaves(), "the kernel was built without transparent huge pages\n");
}

typedef void (*leaf_handler)(const struct leaf *leaf, void *data);

static void visit_leaves(const void *start, uint64_t size, leaf_handler handle,
			  void *data)
{
	FILE *file = fopen(WALKER, "r+");
	struct leaf leaf;
	char line[128];

	igt_assert_f(file, WALKER ": %m\n");
	snprintf(line, sizeof(line), "%d %" PRIxPTR " %" PRIx64, getpid(),
		 (uintptr_t)start, (uintptr_t)start + size);
	igt_assert_f(write(fileno(file), line, strlen(line)) > 0,
		     "cannot walk %s: %m\n", line);

	while (fgets(line, sizeof(line), file)) {
		igt_assert_f(sscanf(line, "%" SCNx64 " %" SCNu64 " %" SCNx64 " %11s %3s",
				    &leaf.address, &leaf.size, &leaf.pfn,
				    leaf.flags, leaf.cache) == 5,
			     "a line of " WALKER ": %s\n", line);
		handle(&leaf, data);
	}
	fclose(file);
}

/**
 * leaf_has:
 * @leaf: a leaf
 * @flag: a letter
 *
 * Returns: Whether that bit is set.
 */
bool leaf_has(const struct leaf *leaf, char flag)
{
	return strchr(leaf->flags, flag);
}

struct collection {
	struct leaf *leaves;
	unsigned int count, max;
};

static void collect(const struct leaf *leaf, void *data)
{
	struct collection *all = data;

	if (all->count < all->max)
		all->leaves[all->count] = *leaf;
	all->count++;
}

/**
 * read_leaves:
 * @start: start of the range
 * @size: bytes
 * @leaves: filled
 * @max: entries of @leaves
 *
 * Returns: How many leaves map the range, perhaps more than @max.
 */
unsigned int read_leaves(const void *start, uint64_t size, struct leaf *leaves,
			 unsigned int max)
{
	struct collection all = { .leaves = leaves, .max = max };

	visit_leaves(start, size, collect, &all);
	return all.count;
}

static void count(const struct leaf *leaf, void *data)
{
	struct leaf_count *sum = data;

	if (leaf->size == LEAF_4K)
		sum->small++;
	else if (leaf->size == LEAF_2M)
		sum->large++;
	else
		sum->giant++;
	sum->bytes += leaf->size;
	sum->writable += leaf_has(leaf, 'w');
	sum->special += leaf_has(leaf, 's');
	sum->devmap += leaf_has(leaf, 'v');
}

/**
 * count_leaves:
 * @start: start of the range
 * @size: bytes
 * @sum: filled
 */
void count_leaves(const void *start, uint64_t size, struct leaf_count *sum)
{
	memset(sum, 0, sizeof(*sum));
	visit_leaves(start, size, count, sum);
}

/**
 * expect_leaves:
 * @start: start of the range, a multiple of @leaf
 * @size: bytes, a multiple of @leaf
 * @leaf: size of the leaves
 *
 * Fails unless the whole range is mapped by leaves of that size, or of one page
 * where the kernel has no others, and all of them are of a kind that
 * get_user_pages() takes no page from.
 */
void expect_leaves(const void *start, uint64_t size, uint64_t leaf)
{
	struct leaf_count sum;

	if (!has_large_leaves())
		leaf = LEAF_4K;
	count_leaves(start, size, &sum);
	igt_debug("%" PRIu64 " bytes: %" PRIu64 " of 4K, %" PRIu64 " of 2M, %" PRIu64
		  " of 1G; %" PRIu64 " special, %" PRIu64 " devmap\n", size,
		  sum.small, sum.large, sum.giant, sum.special, sum.devmap);
	igt_assert_eq_u64(sum.small, leaf == LEAF_4K ? size / leaf : 0);
	igt_assert_eq_u64(sum.large, leaf == LEAF_2M ? size / leaf : 0);
	igt_assert_eq_u64(sum.giant, leaf == LEAF_1G ? size / leaf : 0);
	igt_assert_eq_u64(sum.special + sum.devmap, size / leaf);
}

/**
 * expect_unmapped:
 * @start: start of the range
 * @size: bytes
 */
void expect_unmapped(const void *start, uint64_t size)
{
	struct leaf_count sum;

	count_leaves(start, size, &sum);
	igt_assert_eq_u64(sum.bytes, 0);
}

static void check_cache(const struct leaf *leaf, void *data)
{
	const char *cache = data;

	igt_assert_f(!strcmp(leaf->cache, cache),
		     "leaf of %" PRIu64 " bytes at %#" PRIx64 " is %s, expected %s\n",
		     leaf->size, leaf->address, leaf->cache, cache);
}

/**
 * expect_cache:
 * @start: start of the range
 * @size: bytes
 * @cache: memory type
 *
 * Fails if a leaf of the range has another memory type.
 */
void expect_cache(const void *start, uint64_t size, const char *cache)
{
	visit_leaves(start, size, check_cache, (void *)cache);
}
