// SPDX-License-Identifier: MIT
/*
 * Address ranges of processes that fork or end: the object stays with the pages of the
 * process that made it, whichever side writes first.
 */
#include <sys/mman.h>
#include <unistd.h>
#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem userptr fork
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects of address ranges of processes that fork.
 *
 * SUBTEST: fork
 * Description: Parent, child and object write after a fork: the child gets copies (class 12).
 *
 * SUBTEST: fork-thp
 * Description: The same on transparent huge pages (class 12).
 *
 * SUBTEST: fork-hugetlb
 * Description: The same on private hugetlb pages (class 12).
 *
 * SUBTEST: fork-before
 * Description: The same when the fork comes before the wrap (class 12).
 *
 * SUBTEST: fork-readonly
 * Description: A read-only object of pages that a child shares follows the parent's writes (class 12).
 *
 * SUBTEST: creator-exits
 * Description: A dma-buf keeps the pages of a process that is gone (class 12).
 */

IGT_TEST_DESCRIPTION("Check objects of address ranges of processes that fork");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define OLD	0x100000000ull
#define PARENT	0x200000000ull
#define OBJECT	0x300000000ull
#define CHILD	0x400000000ull

/*
 * Both sides of a fork and the object write in turn. The child must keep what was
 * there at the fork, plus its own writes; parent and object must stay one.
 */
static void run_fork(int fd, char *user, uint64_t size, bool fork_first)
{
	struct zcgem_line line;
	char *object = NULL;
	uint32_t handle;

	zcgem_open_line(&line);
	zcgem_mark_all(user, size, OLD);
	if (!fork_first) {
		handle = zcgem_wrap_address(fd, user, size, 0);
		object = zcgem_mmap(fd, handle, size, RW);
	}

	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		zcgem_hear(line.end[1]);
		zcgem_check_marks(user, size, OLD);
		zcgem_mark_all(user, size, CHILD);
		/* the object's mapping came along, and is shared */
		if (!fork_first)
			zcgem_check_marks(object, size, OBJECT);
		zcgem_say(line.end[1], 0);
		zcgem_hear(line.end[1]);
		zcgem_check_marks(user, size, CHILD);
		zcgem_say(line.end[1], 0);
	}
	zcgem_take_end(&line, 0);

	if (fork_first) {
		handle = zcgem_wrap_address(fd, user, size, 0);
		object = zcgem_mmap(fd, handle, size, RW);
	}
	zcgem_check_marks(object, size, OLD);
	zcgem_mark_all(user, size, PARENT);
	zcgem_check_marks(object, size, PARENT);
	zcgem_mark_all(object, size, OBJECT);
	zcgem_check_marks(user, size, OBJECT);
	zcgem_say(line.end[0], 0);
	zcgem_hear(line.end[0]);
	zcgem_check_marks(user, size, OBJECT);
	zcgem_check_marks(object, size, OBJECT);
	zcgem_check_same(user, object, size);
	zcgem_say(line.end[0], 0);
	zcgem_hear(line.end[0]);
	igt_waitchildren();
	zcgem_check_same(user, object, size);

	munmap(object, size);
	gem_close(fd, handle);
	zcgem_close_line(&line);
}

static void test_fork(int fd)
{
	char *user = zcgem_anonymous(PAGES(24));

	run_fork(fd, user, PAGES(24), false);
	/* pages that fork() has made shared once already */
	run_fork(fd, user, PAGES(24), false);
	munmap(user, PAGES(24));
}

static void test_fork_thp(int fd)
{
	char *user = zcgem_huge_anonymous(2 * ZCGEM_HUGE);

	run_fork(fd, user, 2 * ZCGEM_HUGE, false);
	run_fork(fd, user, 2 * ZCGEM_HUGE, true);
	munmap(user, 2 * ZCGEM_HUGE);
}

static void test_fork_hugetlb(int fd)
{
	char *user;

	/* the child's copies are huge pages, too, and nobody reserves those */
	close(zcgem_memfd_hugetlb(4 * ZCGEM_HUGE, 0));
	user = mmap(NULL, ZCGEM_HUGE, RW,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	igt_require_f(user != MAP_FAILED, "no anonymous huge pages: %m\n");
	run_fork(fd, user, ZCGEM_HUGE, false);
	run_fork(fd, user, ZCGEM_HUGE, true);
	munmap(user, ZCGEM_HUGE);
}

static void test_fork_before(int fd)
{
	char *user = zcgem_anonymous(PAGES(24));

	run_fork(fd, user, PAGES(24), true);
	run_fork(fd, user, PAGES(24), true);
	munmap(user, PAGES(24));
}

/* A read-only object of pages that a child shares: the parent's writes must reach it. */
static void test_fork_readonly(int fd)
{
	const uint64_t size = PAGES(24);
	char *user = zcgem_anonymous(size), *object;
	struct zcgem_line line;
	uint32_t handle;

	zcgem_open_line(&line);
	zcgem_mark_all(user, size, OLD);
	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		zcgem_hear(line.end[1]);
		zcgem_check_marks(user, size, OLD);
		zcgem_mark_all(user, size, CHILD);
		zcgem_say(line.end[1], 0);
	}
	zcgem_take_end(&line, 0);

	handle = zcgem_wrap_address(fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	object = zcgem_mmap(fd, handle, size, PROT_READ);
	zcgem_check_marks(object, size, OLD);
	zcgem_mark_all(user, size, PARENT);
	zcgem_check_marks(object, size, PARENT);
	zcgem_say(line.end[0], 0);
	zcgem_hear(line.end[0]);
	zcgem_check_marks(object, size, PARENT);
	zcgem_check_marks(user, size, PARENT);
	igt_waitchildren();
	zcgem_mark_all(user, size, OLD);
	zcgem_check_marks(object, size, OLD);

	munmap(object, size);
	munmap(user, size);
	zcgem_close_line(&line);
}

static void test_creator_exits(int fd)
{
	const uint64_t size = PAGES(24);
	struct zcgem_line line;
	char *export;
	int dmabuf;

	zcgem_open_line(&line);
	igt_fork(child, 1) {
		char *user = zcgem_anonymous(size);

		zcgem_take_end(&line, 1);
		zcgem_mark_all(user, size, CHILD);
		zcgem_send_fd(line.end[1],
			      zcgem_export(fd, zcgem_wrap_address(fd, user, size, 0)));
	}
	zcgem_take_end(&line, 0);
	dmabuf = zcgem_receive_fd(line.end[0]);
	igt_waitchildren();

	export = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
	igt_assert(export != MAP_FAILED);
	zcgem_check_marks(export, size, CHILD);
	zcgem_mark_all(export, size, PARENT);
	zcgem_check_marks(export, size, PARENT);
	munmap(export, size);
	close(dmabuf);
	zcgem_close_line(&line);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Parent, child and object write after a fork: the child gets copies (class 12)");
	igt_subtest("fork")
		zcgem_run_counted(fd, test_fork);

	igt_describe("The same on transparent huge pages (class 12)");
	igt_subtest("fork-thp")
		zcgem_run_counted(fd, test_fork_thp);

	igt_describe("The same on private hugetlb pages (class 12)");
	igt_subtest("fork-hugetlb")
		zcgem_run_counted(fd, test_fork_hugetlb);

	igt_describe("The same when the fork comes before the wrap (class 12)");
	igt_subtest("fork-before")
		zcgem_run_counted(fd, test_fork_before);

	igt_describe("A read-only object of pages that a child shares follows the parent's writes (class 12)");
	igt_subtest("fork-readonly")
		zcgem_run_counted(fd, test_fork_readonly);

	igt_describe("A dma-buf keeps the pages of a process that is gone (class 12)");
	igt_subtest("creator-exits")
		zcgem_run_counted(fd, test_creator_exits);

	igt_fixture()
		drm_close_driver(fd);
}
