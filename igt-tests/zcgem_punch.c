// SPDX-License-Identifier: MIT
/*
 * Pages that leave a memfd by a hole punch or MADV_REMOVE while its object is read, by
 * the CPU, the kernel and an importer: nobody sees what others have written to them since.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_tracing.h"
#include "igt_zcgem_watch.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem punch
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check that readers never see pages that have left a memfd.
 *
 * SUBTEST: while-reading
 * Description: Class 12: who reads while holes are punched never sees foreign data.
 *
 * SUBTEST: watch-while-reading
 * Description: Class 12: the same with a watch, after which all views agree at once.
 *
 * SUBTEST: remove-while-reading
 * Description: Class 12: the same by MADV_REMOVE of the watched mapping.
 *
 * SUBTEST: huge-page-between
 * Description: Class 12: no page of a huge one that comes while pages are pinned is taken for another.
 *
 * SUBTEST: before-submit
 * Description: Class 12: a submit uses today's pages wherever its operations touch an object.
 *
 * SUBTEST: all-threads-fail
 * Description: Where there is no page to replace a punched one, all threads learn it at once.
 *
 * SUBTEST: old-failure
 * Description: A fault fails for what is so today, never for what an earlier one has met.
 */

IGT_TEST_DESCRIPTION("Check that readers never see pages that have left a memfd");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define WORDS		(ZCGEM_PAGE / sizeof(uint64_t))

static struct devices all;

/*
 * Words that only this memfd's pages have: a tag, how often the page was written, and
 * which page it is. The memory that other processes get has the poison.
 */
#define TAG		0x5a6dull
#define POISON		0xdeadbeefdeadbeefull

static uint64_t tagged(uint64_t page, uint64_t generation)
{
	return TAG << 48 | generation << 24 | page;
}

static void tag_all(void *map, uint64_t npages, uint64_t generation)
{
	volatile uint64_t *words = map;
	uint64_t page;

	for (page = 0; page < npages; page++) {
		words[page * WORDS] = tagged(page, generation);
		words[page * WORDS + WORDS - 1] = tagged(page, generation);
	}
}

struct reader {
	pthread_t thread;
	const char *name;
	const volatile uint64_t *words;
	/* read by read() of /proc/self/mem instead of by the CPU */
	int mem;
	uint64_t npages;
	const volatile bool *stop;
	uint64_t looks, bad, bad_page;
};

static uint64_t read_word(const struct reader *reader, uint64_t page)
{
	const volatile uint64_t *word = reader->words + page * WORDS;
	uint64_t value;

	if (reader->mem < 0)
		return *word;
	if (pread(reader->mem, &value, sizeof(value), (uintptr_t)word) != sizeof(value))
		return POISON;
	return value;
}

static void *read_on(void *data)
{
	struct reader *reader = data;
	uint64_t page = 0;

	while (!*reader->stop) {
		uint64_t word = read_word(reader, page);

		if (word && (word >> 48 != TAG || (word & 0xffffff) != page)) {
			reader->bad = word;
			reader->bad_page = page;
			break;
		}
		reader->looks++;
		page = (page + 1) % reader->npages;
	}
	return NULL;
}

struct importer {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size, rounds;
	const volatile bool *stop;
};

/* What a device does: it maps whenever it has lost its scatter list. */
static void *map_on(void *data)
{
	struct importer *importer = data;

	while (!*importer->stop) {
		if (!__zcgem_advise(importer->fd, importer->handle, DRM_ZCGEM_ADVICE_POPULATE,
				    0, importer->size, NULL))
			importer->rounds++;
		usleep(1000);
	}
	return NULL;
}

/* Takes what becomes free and writes over it. */
static void hog_memory(const volatile bool *stop)
{
	const uint64_t size = 16ull << 20;

	while (!*stop) {
		volatile uint64_t *map = zcgem_anonymous(size);
		uint64_t i;

		for (i = 0; i < size / sizeof(*map); i += WORDS / 2)
			map[i] = POISON;
		munmap((void *)map, size);
	}
}

enum punch_way { BY_PUNCH, BY_REMOVE };

static void punch_while_reading(const struct devices *dev, bool watch, enum punch_way way)
{
	const uint64_t npages = 256, size = PAGES(npages);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), mem;
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = size };
	volatile bool *stop = zcgem_shared_anonymous(ZCGEM_PAGE);
	void *own = zcgem_map_memfd(memfd, 0, size), *views[4];
	struct reader readers[4] = {
		{ .name = "GEM mapping" }, { .name = "dma-buf mapping" },
		{ .name = "mapping of the other device" }, { .name = "read by the kernel" },
	};
	struct importer importer = {};
	unsigned int i, round;
	uint64_t looks = 0;
	uint32_t handle;
	int dmabuf;

	tag_all(own, npages, 0);
	range.watch_address = watch ? (uintptr_t)own : 0;
	handle = zcgem_wrap(dev->fd, &range, 1, 0);
	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &importer.handle), 0);
	views[0] = zcgem_mmap(dev->fd, handle, size, PROT_READ);
	views[1] = map_dmabuf(dmabuf, size);
	views[2] = zcgem_mmap(dev->other, importer.handle, size, PROT_READ);
	views[3] = zcgem_mmap(dev->fd, handle, size, PROT_READ);
	mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	igt_assert_fd(mem);

	igt_fork(child, 1)
		hog_memory(stop);

	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i].words = views[i];
		readers[i].mem = i == 3 ? mem : -1;
		readers[i].npages = npages;
		readers[i].stop = stop;
		igt_assert_eq(pthread_create(&readers[i].thread, NULL, read_on,
					     &readers[i]), 0);
	}
	importer.fd = dev->other;
	importer.size = size;
	importer.stop = stop;
	/* where importers pin, that would forbid what is to be tested */
	if (dev->live)
		igt_assert_eq(pthread_create(&importer.thread, NULL, map_on, &importer), 0);

	for (round = 1; round <= 150; round++) {
		uint64_t first = (round * 37) % npages;
		uint64_t count = 1 + (round * 11) % 64;

		count = first + count > npages ? npages - first : count;
		if (way == BY_PUNCH)
			punch(memfd, PAGES(first), PAGES(count));
		else
			igt_assert_eq(madvise(own + PAGES(first), PAGES(count),
					      MADV_REMOVE), 0);
		if (round & 1)
			tag_all(own, npages, round);
		if (!watch && round % 5 == 0)
			igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
		usleep(2000);
	}

	/* the last word */
	punch(memfd, 0, size / 2);
	tag_all(own, npages / 4, round);
	if (!watch)
		igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
	for (i = 0; i < 4; i++)
		igt_assert_f(same_soon(views[i], own, size), "the %s shows other data\n",
			     readers[i].name);

	*stop = true;
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		pthread_join(readers[i].thread, NULL);
		looks += readers[i].looks;
	}
	if (dev->live)
		pthread_join(importer.thread, NULL);
	igt_waitchildren();
	igt_info("%" PRIu64 " reads, %" PRIu64 " evictions, %" PRIu64 " maps by the importer\n",
		 looks, evictions(dev->fd, handle), importer.rounds);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		igt_assert_f(!readers[i].bad, "%s: page %" PRIu64 " had %#" PRIx64 "\n",
			     readers[i].name, readers[i].bad_page, readers[i].bad);
	igt_assert_lt_u64(0, evictions(dev->fd, handle));

	for (i = 0; i < 4; i++)
		munmap(views[i], size);
	munmap(own, size);
	munmap((void *)stop, ZCGEM_PAGE);
	close(mem);
	close(dmabuf);
	close(memfd);
}

static void test_punch_while_reading(const struct devices *dev)
{
	punch_while_reading(dev, false, BY_PUNCH);
}

static void test_watch_while_reading(const struct devices *dev)
{
	punch_while_reading(dev, true, BY_PUNCH);
}

static void test_remove_while_reading(const struct devices *dev)
{
	punch_while_reading(dev, true, BY_REMOVE);
}

#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* Punches a memfd whose small pages are being filled in, so that a huge page comes next. */
struct changer {
	pthread_t thread;
	int memfd;
	char *own;
	uint64_t size;
	/* how often it is to have done so, and how often it has */
	volatile unsigned int wanted, done;
	volatile bool stop;
	bool failed;
};

static void *change_pages(void *data)
{
	struct changer *changer = data;
	uint64_t page;
	unsigned int i;

	while (!changer->stop) {
		if (changer->done == changer->wanted)
			continue;
		/* at another moment each time */
		for (i = 0; i < 16 * (changer->done % 64); i++)
			sched_yield();
		changer->failed |= !__zcgem_write_setting(SHMEM_ENABLED, "always");
		punch(changer->memfd, 0, changer->size);
		for (page = 0; page < changer->size / ZCGEM_PAGE; page++)
			*(volatile uint64_t *)(changer->own + PAGES(page)) = page + 1;
		changer->done++;
	}
	return NULL;
}

/* Returns the first page of a view, which is of those from first on, that shows another, or npages. */
static uint64_t find_foreign(const char *view, uint64_t first, uint64_t npages, uint64_t *seen)
{
	uint64_t page;

	for (page = 0; page < npages; page++) {
		*seen = *(volatile const uint64_t *)(view + PAGES(page));
		/* before it is written again it is zero */
		if (*seen && *seen != first + page + 1)
			break;
	}
	return page;
}

/*
 * The view is of the second half alone: a fault in the first half would find that pages have left,
 * and replace them all.
 */
static void test_huge_page_between(const struct devices *dev)
{
	const uint64_t size = ZCGEM_HUGE, half = size / 2, npages = half / ZCGEM_PAGE;
	struct changer changer = { .memfd = zcgem_memfd(size, F_SEAL_SHRINK), .size = size };
	uint32_t handle = zcgem_wrap_memfd(dev->fd, changer.memfd, 0, size, 0);
	unsigned int rounds = zcgem_rounds(150), round;
	uint64_t page = npages, seen = 0;
	char *view;

	require_large_leaves();
	changer.own = zcgem_map_memfd(changer.memfd, 0, size);
	view = zcgem_mmap(dev->fd, handle, size, PROT_READ);
	igt_assert_eq(munmap(view, half), 0);
	view += half;
	igt_assert_eq(pthread_create(&changer.thread, NULL, change_pages, &changer), 0);

	for (round = 0; round < rounds && page == npages; round++) {
		zcgem_evict(dev->fd, handle, size);
		zcgem_change_setting(SHMEM_ENABLED, "never");
		punch(changer.memfd, 0, size);

		changer.wanted++;
		page = find_foreign(view, npages, npages, &seen);
		while (changer.done != changer.wanted)
			sched_yield();
		if (page == npages)
			page = find_foreign(view, npages, npages, &seen);
	}
	changer.stop = true;
	pthread_join(changer.thread, NULL);
	zcgem_restore_settings();

	igt_assert(!changer.failed);
	igt_assert_f(page == npages, "round %u: page %" PRIu64 " of the file shows page %" PRIu64 "\n",
		     round, npages + page, seen - 1);
	munmap(view, half);
	munmap(changer.own, size);
	close(changer.memfd);
}

#define TOUCH_PAGES	8

/* An operation of a submit, by what it touches in an object of TOUCH_PAGES pages. */
struct touch {
	uint64_t offset, size, height, pitch;
};

static bool is_touched(const struct touch *touch, uint64_t offset)
{
	uint64_t row;

	for (row = 0; row < touch->height; row++) {
		uint64_t begin = touch->offset + row * touch->pitch;

		if (offset >= begin && offset < begin + touch->size)
			return true;
	}
	return false;
}

static struct drm_zcgem_op touch_op(const struct touch *touch, uint32_t handle, uint32_t copy,
				    uint32_t pattern)
{
	struct drm_zcgem_op op = zcgem_op_copy(copy, touch->offset, handle, touch->offset,
					       touch->size);

	if (pattern)
		op = zcgem_op_fill32(handle, touch->offset, touch->size, pattern);
	op.height = touch->height;
	op.dst_pitch = touch->pitch;
	op.src_pitch = pattern ? 0 : touch->pitch;
	return op;
}

/* Returns how many words of the page were looked at. */
static unsigned int punch_and_touch(int fd, int memfd, const struct touch pair[2], uint64_t page,
				    uint32_t pattern)
{
	uint32_t *file = zcgem_map_memfd(memfd, 0, PAGES(TOUCH_PAGES)), *map, *seen;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(TOUCH_PAGES), 0);
	uint32_t copy = zcgem_create(fd, PAGES(TOUCH_PAGES), 0);
	struct drm_zcgem_op ops[2];
	unsigned int i, looked = 0;

	map = zcgem_mmap(fd, copy, PAGES(TOUCH_PAGES), PROT_READ);
	seen = pattern ? file : map;
	punch(memfd, PAGES(page), ZCGEM_PAGE);
	for (i = page * ZCGEM_PAGE / 4; i < (page + 1) * ZCGEM_PAGE / 4; i++)
		file[i] = ~i;
	for (i = 0; i < 2; i++)
		ops[i] = touch_op(&pair[i], handle, copy, pattern);
	igt_assert_eq(__zcgem_submit_ops(fd, ops, 2), 0);
	zcgem_wait(fd, handle);
	zcgem_wait(fd, copy);

	for (i = page * ZCGEM_PAGE / 4; i < (page + 1) * ZCGEM_PAGE / 4; i++) {
		if (!is_touched(&pair[0], i * 4) && !is_touched(&pair[1], i * 4))
			continue;
		igt_assert_eq_u32(seen[i], pattern ?: ~i);
		looked++;
	}
	munmap(file, PAGES(TOUCH_PAGES));
	munmap(map, PAGES(TOUCH_PAGES));
	igt_assert_eq(__zcgem_close(fd, handle), 0);
	igt_assert_eq(__zcgem_close(fd, copy), 0);
	return looked;
}

static void test_before_submit(const struct devices *dev)
{
	const struct touch touches[][2] = {
		{ { PAGES(2), 64, 1, 0 }, { PAGES(5), 64, 1, 0 } },
		{ { PAGES(5), 64, 1, 0 }, { PAGES(2) - 64, 64, 1, 0 } },
		{ { 0, 4, 1, 0 }, { PAGES(TOUCH_PAGES) - 4, 4, 1, 0 } },
		{ { PAGES(3) - 4, 8, 1, 0 }, { PAGES(3) - 8, 8, 1, 0 } },
		{ { PAGES(1), 64, 6, ZCGEM_PAGE }, { PAGES(4), 8, 1, 0 } },
		{ { PAGES(6), 128, 1, 0 }, { ZCGEM_PAGE / 2, ZCGEM_PAGE / 2, 4, 3 * ZCGEM_PAGE / 2 } },
		{ { PAGES(7), ZCGEM_PAGE, 1, 0 }, { PAGES(2), PAGES(3), 1, 0 } },
	};
	int memfd = zcgem_memfd(PAGES(TOUCH_PAGES), F_SEAL_SHRINK);
	unsigned int i, looked;
	uint64_t page;

	for (i = 0; i < ARRAY_SIZE(touches); i++) {
		looked = 0;
		for (page = 0; page < TOUCH_PAGES; page++) {
			looked += punch_and_touch(dev->fd, memfd, touches[i], page, 0);
			looked += punch_and_touch(dev->fd, memfd, touches[i], page, 0x5a5a1234);
		}
		igt_assert_lte(4, looked);
	}
	close(memfd);
}

#define THREADS	64

struct toucher {
	pthread_t thread;
	char *map;
	long got;
};

/* A copy by the kernel: it fails where an access of the program's own would end in SIGBUS. */
static void *touch_by_kernel(void *data)
{
	struct toucher *toucher = data;
	int zero = open("/dev/zero", O_RDONLY);

	toucher->got = read(zero, toucher->map, 1) == 1 ? 1 : -errno;
	close(zero);
	return NULL;
}

#define FREE_HUGE "/proc/sys/vm/nr_hugepages"

static void huge_pages(long more)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", (long)zcgem_read_number(FREE_HUGE) + more);
	zcgem_change_setting(FREE_HUGE, text);
}

/* An object of huge pages that were punched, and no page is free to replace them. */
static int punched_huge(int fd, uint32_t *handle)
{
	int memfd = zcgem_memfd_hugetlb(ZCGEM_HUGE, F_SEAL_SHRINK);

	*handle = zcgem_wrap_memfd(fd, memfd, 0, ZCGEM_HUGE, 0);
	zcgem_evict(fd, *handle, ZCGEM_HUGE);
	punch(memfd, 0, ZCGEM_HUGE);
	huge_pages(-zcgem_free_huge_pages());
	igt_assert_eq(zcgem_free_huge_pages(), 0);
	return memfd;
}

static void test_all_threads_fail(const struct devices *dev)
{
	struct toucher touchers[THREADS];
	unsigned int i, turn, rounds;
	uint32_t handle;
	int memfd = punched_huge(dev->fd, &handle);
	char *map = zcgem_mmap(dev->fd, handle, ZCGEM_HUGE, PROT_READ | PROT_WRITE);

	zcgem_begin_tracing(0);
	for (turn = 1; turn <= 10; turn++) {
		for (i = 0; i < THREADS; i++) {
			touchers[i].map = map + PAGES(i);
			igt_assert_eq(pthread_create(&touchers[i].thread, NULL, touch_by_kernel,
						     &touchers[i]), 0);
		}
		for (i = 0; i < THREADS; i++) {
			pthread_join(touchers[i].thread, NULL);
			igt_assert_eq(touchers[i].got, -EFAULT);
		}
		rounds = zcgem_count_events("zcgem_fault_retry", "");
		igt_assert_f(rounds <= turn * THREADS, "%u rounds for %u faults\n", rounds,
			     turn * THREADS);
	}
	zcgem_end_tracing();

	/* and it works again when there is one */
	huge_pages(1);
	map[0] = 1;
	munmap(map, ZCGEM_HUGE);
	gem_close(dev->fd, handle);
	zcgem_release_memfd(memfd);
	zcgem_restore_settings();
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *evict_on(void *data)
{
	struct importer *importer = data;

	while (!*importer->stop) {
		__zcgem_advise(importer->fd, importer->handle, DRM_ZCGEM_ADVICE_EVICT, 0,
			       importer->size, NULL);
		importer->rounds++;
	}
	return NULL;
}

/* Faults that fail, some of which a signal ends between two rounds. */
static void fail_under_signals(char *map)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct itimerval timer = { .it_interval.tv_usec = 100, .it_value.tv_usec = 100 };
	unsigned int i;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (i = 0; i < 20; i++)
		igt_assert(zcgem_access_faults(map, true));
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void test_old_failure(const struct devices *dev)
{
	volatile bool stop;
	struct importer evictor = { .fd = dev->fd, .size = ZCGEM_HUGE, .stop = &stop };
	int memfd = punched_huge(dev->fd, &evictor.handle);
	char *map = zcgem_mmap(dev->fd, evictor.handle, ZCGEM_HUGE, PROT_READ | PROT_WRITE);
	unsigned int round, i;

	for (round = 0; round < 20; round++) {
		fail_under_signals(map);
		huge_pages(1);
		stop = false;
		igt_assert_eq(pthread_create(&evictor.thread, NULL, evict_on, &evictor), 0);
		for (i = 0; i < 50; i++)
			igt_assert_f(!zcgem_access_faults(map, true),
				     "round %u, access %u: no page, but there is one\n", round, i);
		stop = true;
		pthread_join(evictor.thread, NULL);
		zcgem_evict(dev->fd, evictor.handle, ZCGEM_HUGE);
		punch(memfd, 0, ZCGEM_HUGE);
		huge_pages(-zcgem_free_huge_pages());
	}
	munmap(map, ZCGEM_HUGE);
	gem_close(dev->fd, evictor.handle);
	zcgem_release_memfd(memfd);
	zcgem_restore_settings();
}

int igt_main()
{
	igt_fixture()
		open_devices(&all);

	igt_describe("Class 12: who reads while holes are punched never sees foreign data");
	igt_subtest("while-reading")
		run_shared(&all, test_punch_while_reading);

	igt_describe("Class 12: the same with a watch, after which all views agree at once");
	igt_subtest("watch-while-reading")
		run_shared(&all, test_watch_while_reading);

	igt_describe("Class 12: the same by MADV_REMOVE of the watched mapping");
	igt_subtest("remove-while-reading")
		run_shared(&all, test_remove_while_reading);

	igt_describe("Class 12: no page of a huge one that comes while pages are pinned is taken for another");
	igt_subtest("huge-page-between")
		run_shared(&all, test_huge_page_between);

	igt_describe("Class 12: a submit uses today's pages wherever its operations touch an object");
	igt_subtest("before-submit")
		run_shared(&all, test_before_submit);

	igt_describe("Where there is no page to replace a punched one, all threads learn it at once");
	igt_subtest("all-threads-fail")
		run_shared(&all, test_all_threads_fail);

	igt_describe("A fault fails for what is so today, never for what an earlier one has met");
	igt_subtest("old-failure")
		run_shared(&all, test_old_failure);

	igt_fixture()
		close_devices(&all);
}
