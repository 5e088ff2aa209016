// SPDX-License-Identifier: MIT
/*
 * Mappings that are moved, copied and sealed while other threads fault in them and the object
 * is evicted: who reads finds the page's own data, or nothing where nothing is mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem vma races
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check mappings that change while they are used.
 *
 * SUBTEST: mremap-vs-faults
 * Description: A mapping that is moved to and fro shows no page in the place of another.
 *
 * SUBTEST: fork-vs-faults
 * Description: Children that are forked meanwhile see the object as their parent does.
 *
 * SUBTEST: mremap-several
 * Description: A move of several VMAs at once moves each with its pages, or leaves it.
 *
 * SUBTEST: sealed
 * Description: A mapping that was sealed is zapped as others are.
 */

IGT_TEST_DESCRIPTION("Check mappings that change while they are used");

#define SIZE	(2 * ZCGEM_HUGE)
#define PAGES	(SIZE / ZCGEM_PAGE)
#define RW	(PROT_READ | PROT_WRITE)
#ifndef SYS_mseal
#define SYS_mseal	462
#endif

enum kind { SMALL, HUGE, KINDS };

struct object {
	int fd;
	int memfd;
	uint32_t handle;
	char *map;
};

static uint64_t tag(uint64_t page)
{
	return 0x5a6d000000000000ull | page;
}

static void open_object(int fd, enum kind kind, struct object *object)
{
	char *own;
	uint64_t page;

	object->fd = fd;
	object->memfd = kind == SMALL ? zcgem_memfd(SIZE, F_SEAL_SHRINK) :
					zcgem_memfd_hugetlb(SIZE, F_SEAL_SHRINK);
	own = zcgem_map_memfd(object->memfd, 0, SIZE);
	for (page = 0; page < PAGES; page++)
		*(uint64_t *)(own + page * ZCGEM_PAGE) = tag(page);
	munmap(own, SIZE);
	object->handle = zcgem_wrap_memfd(fd, object->memfd, 0, SIZE, 0);
	object->map = zcgem_mmap(fd, object->handle, SIZE, RW);
}

static void close_object(struct object *object)
{
	munmap(object->map, SIZE);
	gem_close(object->fd, object->handle);
	zcgem_release_memfd(object->memfd);
}

static bool shows_object(const char *map)
{
	uint64_t page;

	for (page = 0; page < PAGES; page++)
		if (*(const volatile uint64_t *)(map + page * ZCGEM_PAGE) != tag(page))
			return false;
	return true;
}

/* Somewhere to move to, where a leaf of the object would fit as well. */
static char *place(void)
{
	char *start = mmap(NULL, SIZE + ZCGEM_HUGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	igt_assert(start != MAP_FAILED);
	return (char *)ALIGN((uintptr_t)start, ZCGEM_HUGE);
}

struct racer {
	pthread_t thread;
	const struct object *object;
	/* Where the object may be mapped. */
	const char *places[2];
	volatile bool *stop;
	uint64_t reads, holes, bad;
};

/* By the kernel, which says EFAULT where there is nothing. Returns whether there was. */
static bool read_word(int file, const char *at, uint64_t *word)
{
	return pwrite(file, at, sizeof(*word), 0) == sizeof(*word) &&
	       pread(file, word, sizeof(*word), 0) == sizeof(*word);
}

static void *read_on(void *data)
{
	int file = memfd_create("word", MFD_CLOEXEC);
	struct racer *racer = data;
	uint64_t page = 0, word;

	while (!*racer->stop) {
		page = (page + 37) % PAGES;
		if (!read_word(file, racer->places[page & 1] + page * ZCGEM_PAGE, &word))
			racer->holes++;
		else if (word != tag(page))
			racer->bad++;
		racer->reads++;
	}
	close(file);
	return NULL;
}

static void *evict_on(void *data)
{
	struct racer *racer = data;

	while (!*racer->stop) {
		__zcgem_evict(racer->object->fd, racer->object->handle, SIZE);
		usleep(500);
	}
	return NULL;
}

struct race {
	struct racer racers[3];
	volatile bool stop;
};

static void begin_race(struct race *race, const struct object *object, const char *other)
{
	unsigned int i;

	race->stop = false;
	for (i = 0; i < 3; i++) {
		race->racers[i] = (struct racer) {
			.object = object, .stop = &race->stop,
			.places = { object->map, other ?: object->map },
		};
		igt_assert_eq(pthread_create(&race->racers[i].thread, NULL, i ? read_on : evict_on,
					     &race->racers[i]), 0);
	}
}

static void end_race(struct race *race)
{
	uint64_t reads = 0, holes = 0, bad = 0;
	unsigned int i;

	race->stop = true;
	for (i = 0; i < 3; i++) {
		pthread_join(race->racers[i].thread, NULL);
		reads += race->racers[i].reads;
		holes += race->racers[i].holes;
		bad += race->racers[i].bad;
	}
	igt_info("%llu reads, %llu of them of nothing\n", (unsigned long long)reads,
		 (unsigned long long)holes);
	igt_assert_eq_u64(bad, 0);
}

static void test_mremap_vs_faults(int fd)
{
	enum kind kind;

	for (kind = 0; kind < KINDS; kind++) {
		struct object object;
		char *home, *other;
		struct race race;
		unsigned int i;

		open_object(fd, kind, &object);
		home = object.map;
		other = place();
		begin_race(&race, &object, other);
		for (i = 0; i < 200; i++) {
			igt_assert(mremap(home, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, other) ==
				   other);
			igt_assert(mremap(other, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, home) ==
				   home);
		}
		end_race(&race);
		igt_assert(shows_object(home));
		close_object(&object);
	}
}

static void test_fork_vs_faults(int fd)
{
	enum kind kind;

	for (kind = 0; kind < KINDS; kind++) {
		struct object object;
		struct race race;
		unsigned int i;
		int status;
		pid_t pid;

		open_object(fd, kind, &object);
		begin_race(&race, &object, NULL);
		for (i = 0; i < 40; i++) {
			pid = fork();
			igt_assert(pid >= 0);
			if (!pid)
				_exit(!shows_object(object.map));
			igt_assert_eq(waitpid(pid, &status, 0), pid);
			igt_assert_eq(status, 0);
		}
		end_race(&race);
		igt_assert(shows_object(object.map));
		close_object(&object);
	}
}

static void move_several(const struct object *object, char *map)
{
	int file = memfd_create("word", MFD_CLOEXEC);
	char *other = place(), *moved;
	uint64_t page, word;

	/* three VMAs, the one in the middle of some pages around the end of a leaf */
	igt_assert_eq(mprotect(map + ZCGEM_HUGE - 4 * ZCGEM_PAGE, 8 * ZCGEM_PAGE, PROT_READ), 0);
	igt_assert(shows_object(map));
	moved = mremap(map, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, other);
	igt_info("%s\n", moved == MAP_FAILED ? "refused" : "moved");
	for (page = 0; page < PAGES; page++) {
		if (!read_word(file, other + page * ZCGEM_PAGE, &word))
			igt_assert(read_word(file, map + page * ZCGEM_PAGE, &word));
		igt_assert_eq_u64(word, tag(page));
	}
	zcgem_evict(object->fd, object->handle, SIZE);
	for (page = 0; page < PAGES; page++) {
		if (!read_word(file, other + page * ZCGEM_PAGE, &word))
			igt_assert(read_word(file, map + page * ZCGEM_PAGE, &word));
		igt_assert_eq_u64(word, tag(page));
	}
	munmap(map, SIZE);
	munmap(other, SIZE);
	close(file);
}

static void test_mremap_several(int fd)
{
	enum kind kind;

	for (kind = 0; kind < KINDS; kind++) {
		struct object object;
		int dmabuf;

		open_object(fd, kind, &object);
		dmabuf = zcgem_export(fd, object.handle);
		move_several(&object, zcgem_mmap(fd, object.handle, SIZE, RW));
		move_several(&object, map_dmabuf(dmabuf, SIZE));
		close(dmabuf);
		close_object(&object);
	}
}

/* In a process of its own: what is sealed stays until that ends. */
static void __attribute__((noreturn)) use_sealed(const struct object *object)
{
	struct drm_zcgem_gem_revoke revoke = { .handle = object->handle };

	if (!shows_object(object->map) || __zcgem_evict(object->fd, object->handle, SIZE) ||
	    !shows_object(object->map))
		_exit(1);
	if (!mprotect(object->map, ZCGEM_PAGE, PROT_READ) || errno != EPERM)
		_exit(2);
	if (ioctl(object->fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke) ||
	    !zcgem_access_faults(object->map + ZCGEM_PAGE, false))
		_exit(3);
	_exit(0);
}

static void test_sealed(int fd)
{
	enum kind kind;

	for (kind = 0; kind < KINDS; kind++) {
		struct object object;
		int status;
		pid_t pid;

		open_object(fd, kind, &object);
		pid = fork();
		igt_assert(pid >= 0);
		if (!pid) {
			if (syscall(SYS_mseal, object.map, SIZE, 0))
				_exit(errno == ENOSYS ? 77 : 4);
			use_sealed(&object);
		}
		igt_assert(zcgem_wait_for_end(pid, 30, &status));
		close_object(&object);
		igt_require_f(!WIFEXITED(status) || WEXITSTATUS(status) != 77,
			      "the kernel has no mseal()\n");
		igt_assert_eq(status, 0);
	}
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A mapping that is moved to and fro shows no page in the place of another");
	igt_subtest("mremap-vs-faults")
		zcgem_run_counted(fd, test_mremap_vs_faults);

	igt_describe("Children that are forked meanwhile see the object as their parent does");
	igt_subtest("fork-vs-faults")
		zcgem_run_counted(fd, test_fork_vs_faults);

	igt_describe("A move of several VMAs at once moves each with its pages, or leaves it");
	igt_subtest("mremap-several")
		zcgem_run_counted(fd, test_mremap_several);

	igt_describe("A mapping that was sealed is zapped as others are");
	igt_subtest("sealed")
		zcgem_run_counted(fd, test_sealed);

	igt_fixture()
		drm_close_driver(fd);
}
