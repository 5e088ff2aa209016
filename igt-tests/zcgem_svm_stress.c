// SPDX-License-Identifier: MIT
/*
 * Jobs on memory that is changed in every way at the same time. ZCGEM_STRESS_SECONDS in the
 * environment says how long each subtest lasts.
 *
 * Each region of memory has a thread that changes it and one that submits jobs. Even pages
 * hold a counter that the changer raises: it announces a value, writes it, and says that it
 * is done. A job that copies the page must find a value between what was done before the
 * submit and what was announced when it is over. Where the changer throws a page away, zero
 * is right too, but only for jobs that were in progress meanwhile. Odd pages are written by
 * jobs alone, and must always be what the last job wrote.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_svm.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

/**
 * TEST: zcgem svm stress
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that jobs see current data while memory is changed below them.
 *
 * SUBTEST: anonymous
 * Description: Small pages: MADV_DONTNEED and MADV_FREE, munmap, mremap, mprotect, fork, swap (class 12).
 *
 * SUBTEST: huge
 * Description: The same on transparent huge pages, which are split and collapsed all the time (class 12).
 *
 * SUBTEST: shared
 * Description: Shared memory, with holes punched into it, and a child that writes to it too (class 12).
 *
 * SUBTEST: together
 * Description: A region of each kind (class 12).
 */

IGT_TEST_DESCRIPTION("Check that jobs see current data while memory is changed below them");

#define RW		(PROT_READ | PROT_WRITE)
#define WORDS		(ZCGEM_PAGE / sizeof(uint64_t))
#define GARBAGE		(1ull << 63)
#define MAX_REGIONS	3

enum kind { ANONYMOUS, HUGE, SHARED };

static const char * const kind_names[] = { "anonymous", "huge", "shared" };

/* What is known of an even page. */
struct page_state {
	uint64_t announced;
	uint64_t done;
	/* Odd while the page may be empty, and raised at the end of that. */
	uint64_t emptied;
	/* What the submitter saw before the submit. */
	uint64_t lowest;
	uint64_t was_emptied;
};

struct region {
	enum kind kind;
	int fd;
	struct svm svm;
	/* Where the mirror looks, where the memory is now, and a place to move it to. */
	char *home, *map, *away;
	uint64_t npages;
	struct page_state *pages;
	/* Odd while a job may find nothing there, and raised at the end of that. */
	uint64_t absent;
	/* What jobs have written to odd pages. */
	uint64_t written;
	uint64_t changes, jobs, refused;
	unsigned int seed;
	char error[160];
	pthread_t changer, submitter;
	bool *stop;
};

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static void raise_one(uint64_t *value)
{
	__atomic_add_fetch(value, 1, __ATOMIC_SEQ_CST);
}

static void write_page(char *map, uint64_t page, uint64_t value)
{
	uint64_t *words = (uint64_t *)(map + page * ZCGEM_PAGE);

	__atomic_store_n(&words[0], value, __ATOMIC_RELAXED);
	__atomic_store_n(&words[WORDS / 2], value, __ATOMIC_RELAXED);
	__atomic_store_n(&words[WORDS - 1], value, __ATOMIC_RELAXED);
}

static void count_up(struct region *region, uint64_t page)
{
	struct page_state *state = &region->pages[page];
	uint64_t value = state->announced + 1;

	__atomic_store_n(&state->announced, value, __ATOMIC_SEQ_CST);
	write_page(region->map, page, value);
	__atomic_store_n(&state->done, value, __ATOMIC_SEQ_CST);
}

static uint64_t any_even_page(struct region *region)
{
	return rand_r(&region->seed) % (region->npages / 2) * 2;
}

static void count_up_some(struct region *region)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		count_up(region, any_even_page(region));
}

/* Throws a page away and gives it a new value. */
static void empty_page(struct region *region, int how)
{
	uint64_t page = any_even_page(region);
	char *address = region->map + page * ZCGEM_PAGE;

	raise_one(&region->pages[page].emptied);
	madvise(address, ZCGEM_PAGE, how);
	count_up(region, page);
	raise_one(&region->pages[page].emptied);
}

static void unmap_page(struct region *region)
{
	uint64_t page = any_even_page(region);
	char *address = region->map + page * ZCGEM_PAGE;

	raise_one(&region->pages[page].emptied);
	raise_one(&region->absent);
	munmap(address, ZCGEM_PAGE);
	mmap(address, ZCGEM_PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	raise_one(&region->absent);
	if (region->kind == HUGE)
		madvise(address, ZCGEM_PAGE, MADV_HUGEPAGE);
	count_up(region, page);
	raise_one(&region->pages[page].emptied);
}

/* What mremap() has left free must stay so, unless somebody was faster. */
static void reserve_away(struct region *region, uint64_t size)
{
	char *map = mmap(region->away, size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (map != region->away)
		region->away = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void move_away_and_back(struct region *region)
{
	uint64_t size = region->npages * ZCGEM_PAGE;
	char *map;

	raise_one(&region->absent);
	/* Several mappings cannot be moved at once on older kernels. */
	map = mremap(region->map, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, region->away);
	if (map == region->away) {
		region->map = map;
		count_up_some(region);
		map = mremap(region->map, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			     region->home);
		if (map != region->home)
			snprintf(region->error, sizeof(region->error),
				 "mremap back: %s", strerror(errno));
		region->map = region->home;
	}
	raise_one(&region->absent);
	reserve_away(region, size);
}

static void protect_and_back(struct region *region)
{
	uint64_t page = rand_r(&region->seed) % region->npages;
	char *address = region->map + page * ZCGEM_PAGE;

	raise_one(&region->absent);
	mprotect(address, ZCGEM_PAGE, PROT_READ);
	mprotect(address, ZCGEM_PAGE, RW);
	raise_one(&region->absent);
}

/* The child writes what must not be seen, or to shared memory what may be. */
static void fork_and_write(struct region *region)
{
	uint64_t page = any_even_page(region), i;
	struct page_state *state = &region->pages[page];
	uint64_t value = state->announced + 1;
	pid_t pid;

	if (region->kind == SHARED)
		__atomic_store_n(&state->announced, value, __ATOMIC_SEQ_CST);
	pid = fork();
	if (!pid) {
		if (region->kind == SHARED) {
			write_page(region->map, page, value);
		} else {
			for (i = 0; i < region->npages; i++)
				write_page(region->map, i, GARBAGE | i);
		}
		_exit(0);
	}
	if (pid < 0)
		return;
	if (region->kind != SHARED)
		count_up_some(region);
	waitpid(pid, NULL, 0);
	if (region->kind == SHARED)
		__atomic_store_n(&state->done, value, __ATOMIC_SEQ_CST);
}

static void page_out(struct region *region)
{
	uint64_t first = rand_r(&region->seed) % region->npages;
	uint64_t count = 1 + rand_r(&region->seed) % (region->npages - first);

	madvise(region->map + first * ZCGEM_PAGE, count * ZCGEM_PAGE, MADV_PAGEOUT);
}

/* Back from swap by being read, and so clean. */
static void touch(struct region *region)
{
	uint64_t i;

	for (i = 0; i < region->npages; i++)
		*(volatile char *)(region->map + i * ZCGEM_PAGE);
}

static void change(struct region *region)
{
	switch (rand_r(&region->seed) % 12) {
	case 0:
		if (region->kind == SHARED)
			madvise(region->map, region->npages * ZCGEM_PAGE, MADV_DONTNEED);
		else
			empty_page(region, MADV_DONTNEED);
		break;
	case 1:
		empty_page(region, region->kind == SHARED ? MADV_REMOVE : MADV_FREE);
		break;
	case 2:
		if (region->kind != SHARED)
			unmap_page(region);
		break;
	case 3:
		move_away_and_back(region);
		break;
	case 4:
		protect_and_back(region);
		break;
	case 5:
		fork_and_write(region);
		break;
	case 6:
		page_out(region);
		break;
	case 7:
		page_out(region);
		touch(region);
		break;
	case 8:
		if (region->kind == HUGE)
			madvise(region->map, region->npages * ZCGEM_PAGE, MADV_COLLAPSE);
		break;
	default:
		count_up_some(region);
	}
}

static bool goes_on(struct region *region)
{
	return !__atomic_load_n(region->stop, __ATOMIC_RELAXED) && !*region->error;
}

/* Whether both threads have got through something, or one has given up. */
static bool has_worked(struct region *region)
{
	return *(volatile char *)region->error ||
	       (__atomic_load_n(&region->jobs, __ATOMIC_RELAXED) &&
		__atomic_load_n(&region->changes, __ATOMIC_RELAXED));
}

static void *run_changer(void *data)
{
	struct region *region = data;

	while (goes_on(region)) {
		change(region);
		region->changes++;
	}
	return NULL;
}

static bool check_word(struct region *region, uint64_t page, unsigned int word)
{
	uint64_t value = ((uint64_t *)region->svm.map)[page * WORDS + word];
	struct page_state *state = &region->pages[page];
	uint64_t highest = load(&state->announced), emptied = load(&state->emptied);

	if (page & 1) {
		if (value == region->written)
			return true;
		snprintf(region->error, sizeof(region->error),
			 "page %" PRIu64 ": a job has written %#" PRIx64 ", there is %#" PRIx64,
			 page, region->written, value);
		return false;
	}
	if (value >= state->lowest && value <= highest)
		return true;
	if (!value && (emptied & 1 || emptied != state->was_emptied))
		return true;
	snprintf(region->error, sizeof(region->error),
		 "page %" PRIu64 " word %u: %#" PRIx64 " is not in %#" PRIx64 "...%#" PRIx64,
		 page, word, value, state->lowest, highest);
	return false;
}

static void check_copy(struct region *region)
{
	uint64_t i;

	for (i = 0; i < region->npages; i++)
		if (!check_word(region, i, 0) || !check_word(region, i, WORDS / 2) ||
		    !check_word(region, i, WORDS - 1))
			return;
}

/* Submits; whether it was accepted. It may be refused only while memory is away. */
static bool submit(struct region *region, struct drm_zcgem_op op)
{
	uint64_t absent = load(&region->absent);
	int err = __svm_submit(region->fd, op);

	if (!err) {
		region->jobs++;
		return true;
	}
	if (err == -EFAULT && (absent & 1 || load(&region->absent) != absent))
		region->refused++;
	else
		snprintf(region->error, sizeof(region->error), "submit: %s",
			 strerror(-err));
	return false;
}

static void read_by_job(struct region *region)
{
	struct svm *svm = &region->svm;
	uint64_t i;

	for (i = 0; i < region->npages; i += 2) {
		region->pages[i].was_emptied = load(&region->pages[i].emptied);
		region->pages[i].lowest = load(&region->pages[i].done);
		/* a page may be as it was before it was emptied, or empty */
		if (region->pages[i].was_emptied & 1)
			region->pages[i].lowest = 0;
	}
	if (submit(region, zcgem_op_copy(svm->buffer, 0, svm->handle, 0, svm->size)))
		check_copy(region);
}

static void write_by_job(struct region *region)
{
	uint64_t i, value = region->written + 1;
	struct drm_zcgem_op op = {
		.type = DRM_ZCGEM_OP_COPY,
		.dst_handle = region->svm.handle,
		.src_handle = region->svm.buffer,
		.dst_offset = ZCGEM_PAGE,
		.src_offset = ZCGEM_PAGE,
		.size = ZCGEM_PAGE,
		.height = region->npages / 2,
		.dst_pitch = 2 * ZCGEM_PAGE,
		.src_pitch = 2 * ZCGEM_PAGE,
	};

	for (i = 1; i < region->npages; i += 2)
		write_page(region->svm.map, i, value);
	if (submit(region, op))
		region->written = value;
}

static void *run_submitter(void *data)
{
	struct region *region = data;

	while (goes_on(region)) {
		write_by_job(region);
		read_by_job(region);
	}
	return NULL;
}

static void open_region(int fd, enum kind kind, struct region *region, bool *stop)
{
	uint64_t size = kind == HUGE ? ZCGEM_HUGE : 32 * ZCGEM_PAGE, i;

	region->kind = kind;
	region->fd = fd;
	region->stop = stop;
	region->npages = size / ZCGEM_PAGE;
	region->seed = kind + 1;
	region->pages = calloc(region->npages, sizeof(*region->pages));
	igt_assert(region->pages);
	region->map = kind == HUGE ? zcgem_huge_anonymous(size) :
		      kind == SHARED ? zcgem_shared_anonymous(size) : zcgem_anonymous(size);
	region->home = region->map;
	region->away = zcgem_anonymous(size);
	region->written = 1;
	for (i = 0; i < region->npages; i++)
		write_page(region->map, i, i & 1 ? region->written : 0);
	svm_open(&region->svm, fd, region->map, size, 0);
}

/* With everything at rest what is there is known to the bit. */
static void close_region(struct region *region)
{
	uint64_t *words = (uint64_t *)region->map, i;

	igt_info("%s: %" PRIu64 " changes, %" PRIu64 " jobs, %" PRIu64 " refused\n",
		 kind_names[region->kind], region->changes, region->jobs, region->refused);
	igt_assert_f(!*region->error, "%s: %s\n", kind_names[region->kind], region->error);
	igt_assert_lt_u64(0, region->jobs);
	igt_assert_lt_u64(0, region->changes);
	for (i = 0; i < region->npages; i++)
		igt_assert_eq_u64(words[i * WORDS],
				  i & 1 ? region->written : region->pages[i].announced);
	svm_check_same(&region->svm, region->map);
	svm_close(&region->svm);
	munmap(region->map, region->npages * ZCGEM_PAGE);
	munmap(region->away, region->npages * ZCGEM_PAGE);
	free(region->pages);
}

static void run_stress(int fd, const enum kind *kinds, unsigned int count)
{
	const char *text = getenv("ZCGEM_STRESS_SECONDS");
	unsigned int seconds = text ? atoi(text) : 4, i;
	struct region *regions = calloc(count, sizeof(*regions));
	bool stop = false;

	zcgem_require_swap(64 << 20);
	igt_assert(regions && count <= MAX_REGIONS);
	for (i = 0; i < count; i++)
		open_region(fd, kinds[i], &regions[i], &stop);
	for (i = 0; i < count; i++) {
		igt_assert_eq(pthread_create(&regions[i].changer, NULL, run_changer,
					     &regions[i]), 0);
		igt_assert_eq(pthread_create(&regions[i].submitter, NULL, run_submitter,
					     &regions[i]), 0);
	}
	sleep(seconds);
	/* on a busy machine one of them may not have begun */
	for (i = 0; i < count; i++)
		while (!has_worked(&regions[i]))
			usleep(10000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < count; i++) {
		pthread_join(regions[i].changer, NULL);
		pthread_join(regions[i].submitter, NULL);
	}
	for (i = 0; i < count; i++)
		close_region(&regions[i]);
	free(regions);
}

static void test_anonymous(int fd)
{
	run_stress(fd, (enum kind[]){ ANONYMOUS, ANONYMOUS }, 2);
}

static void test_huge(int fd)
{
	run_stress(fd, (enum kind[]){ HUGE, HUGE }, 2);
}

static void test_shared(int fd)
{
	run_stress(fd, (enum kind[]){ SHARED, SHARED }, 2);
}

static void test_together(int fd)
{
	run_stress(fd, (enum kind[]){ ANONYMOUS, HUGE, SHARED }, 3);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Small pages: MADV_DONTNEED and MADV_FREE, munmap, mremap, mprotect, fork, swap (class 12)");
	igt_subtest("anonymous")
		zcgem_run_counted(fd, test_anonymous);

	igt_describe("The same on transparent huge pages, which are split and collapsed all the time (class 12)");
	igt_subtest("huge")
		zcgem_run_counted(fd, test_huge);

	igt_describe("Shared memory, with holes punched into it, and a child that writes to it too (class 12)");
	igt_subtest("shared")
		zcgem_run_counted(fd, test_shared);

	igt_describe("A region of each kind (class 12)");
	igt_subtest("together")
		zcgem_run_counted(fd, test_together);

	igt_fixture()
		drm_close_driver(fd);
}
