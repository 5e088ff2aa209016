// SPDX-License-Identifier: MIT
/*
 * What objects cost their creator: who is charged how much against RLIMIT_MEMLOCK,
 * when it is refunded, and that a refusal leaves nothing charged.
 *
 * The work is done by processes of ordinary users that the test directs. How much
 * a user has left is found by wrapping, so the kernel's own count, which can be
 * seen nowhere, is what is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "igt.h"
#include "igt_vgem.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_uring.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem account
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check what objects cost their creator.
 *
 * SUBTEST: over-limit
 * Description: A wrap above RLIMIT_MEMLOCK gives ENOMEM and charges nothing (class 11).
 *
 * SUBTEST: exact-limit
 * Description: The limit can be used to the last page, and no further (class 11).
 *
 * SUBTEST: sum-of-processes
 * Description: All processes of a user share one limit, and no others do (class 11).
 *
 * SUBTEST: cap-ipc-lock
 * Description: CAP_IPC_LOCK lifts the limit and leaves the user's count alone (class 11).
 *
 * SUBTEST: unlimited
 * Description: A process without a limit uses up that of the user's others (class 11).
 *
 * SUBTEST: lowered-limit
 * Description: A limit below what is charged refuses more and refunds right (class 11).
 *
 * SUBTEST: free-of-charge
 * Description: Objects of the pool and imports are not charged.
 *
 * SUBTEST: overlapping
 * Description: Every page of an object is charged, also the same one twice.
 *
 * SUBTEST: evicted
 * Description: An evicted object stays charged (class 11).
 *
 * SUBTEST: creator-exits
 * Description: The charge stays while a dma-buf outlives its creator, and is refunded once (class 11).
 *
 * SUBTEST: other-user
 * Description: A node passed to another user: each refund goes to who was charged (class 11).
 *
 * SUBTEST: dmabuf-outlives-node
 * Description: The charge stays while a dma-buf outlives the node (class 11).
 *
 * SUBTEST: mapping-outlives-node
 * Description: The charge stays while a mapping outlives the node (class 11).
 *
 * SUBTEST: fork
 * Description: A fork charges nothing, and its last holder refunds once (class 11).
 *
 * SUBTEST: exec
 * Description: The charge stays over exec, which has another address space (class 11).
 *
 * SUBTEST: failures
 * Description: Failure at every step of creation and export charges nothing (class 3, class 11).
 *
 * SUBTEST: shared-with-io-uring
 * Description: Objects and fixed buffers of io_uring use up one limit (class 11).
 *
 * SUBTEST: agree
 * Description: The driver's count, the process's status and what the limit leaves always agree (class 11, class 16).
 *
 * SUBTEST: cycles
 * Description: Nothing drifts in 100000 wraps by two processes at once (class 11, class 16).
 */

IGT_TEST_DESCRIPTION("Check what objects cost their creator");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define USER		65533
#define OTHER_USER	65532
/* RLIMIT_MEMLOCK of the users, in pages: 1 MiB */
#define LIMIT		256

/* What a worker can be told; each is followed by one number and answered by one. */
enum order {
	WRAP,		/* pages of a memfd; answers a handle or -errno */
	WRAP_ADDRESS,	/* pages of an address range; likewise */
	CREATE,		/* pages of the pool; likewise */
	CLOSE,		/* a handle */
	EVICT,		/* a handle */
	EXPORT,		/* a handle; the worker keeps the dma-buf */
	SEND_EXPORT,	/* a handle; the dma-buf is sent instead of an answer */
	CLOSE_EXPORT,
	MAP,		/* a handle; one page of it, touched */
	UNMAP,
	SEND_NODE,	/* sent instead of an answer */
	TAKE_NODE,	/* to be sent, and used from now on */
	CLOSE_NODE,
	SET_LIMIT,	/* pages */
	ROOM,		/* pages that could be wrapped now */
	PINNED,		/* pages by /proc/self/status */
	REGISTER,	/* pages as a fixed buffer of io_uring */
	UNREGISTER,
	FAIL,		/* one of the ways to fail; answers -errno */
	PID,
	FORK,		/* a child that lives until it is told on a line of its own */
	EXEC,		/* becomes another program that waits for the end of the line */
	END,
};

enum failure {
	BAD_LAST_FILE,
	BAD_LAST_ADDRESS,
	BAD_LIST,
	BAD_ARGUMENT,
	NO_DESCRIPTOR,
	NO_HUGE_PAGES,
	READONLY_ARGUMENT,
	FAILURES,
};

struct worker {
	struct zcgem_line line;
	/* the worker's own */
	int node, spare, memfd, dmabuf;
	char *map, *memory;
	uint64_t size;
	struct zcgem_uring ring;
};

/* Large enough that every wrap that a test tries finds pages there. */
#define WORKER_PAGES	1024

static int64_t wrap_pages(struct worker *worker, uint64_t pages)
{
	uint32_t handle;
	int err = __zcgem_wrap_file(worker->node, worker->memfd, PAGES(pages), 0,
				    &handle);

	return err ?: (int64_t)handle;
}

/* The most pages that can be wrapped now; all that is less must be possible, too. */
static uint64_t find_room(struct worker *worker)
{
	uint64_t low = 0, high = WORKER_PAGES;

	while (low < high) {
		uint64_t middle = (low + high + 1) / 2;
		int64_t handle = wrap_pages(worker, middle);

		if (handle < 0) {
			igt_assert_eq(handle, -ENOMEM);
			high = middle - 1;
		} else {
			gem_close(worker->node, handle);
			low = middle;
		}
	}
	return low;
}

static int fail_with_list(struct worker *worker, enum failure way)
{
	int unsealed = zcgem_memfd(PAGES(1), 0);
	struct drm_zcgem_memfd_range files[2] = {
		{ .fd = worker->memfd, .size = PAGES(100) },
		{ .fd = unsealed, .size = PAGES(1) },
	};
	struct drm_zcgem_userptr_range addresses[2] = {
		{ .address = (uintptr_t)worker->memory, .size = PAGES(100) },
		/* runs into what is not mapped */
		{ .address = (uintptr_t)worker->memory + PAGES(WORKER_PAGES - 1),
		  .size = PAGES(2) },
	};
	struct drm_zcgem_gem_wrap_memfd arg = {
		.ranges = { .stride = sizeof(files[0]), .count = 2, .pointer = 8 },
	};
	uint32_t handle;
	int err;

	switch (way) {
	case BAD_LAST_FILE:
		err = __zcgem_wrap(worker->node, files, 2, 0, &handle);
		break;
	case BAD_LAST_ADDRESS:
		err = __zcgem_wrap_userptr(worker->node, addresses, 2, 0, &handle);
		break;
	case BAD_LIST:
		err = igt_ioctl(worker->node, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &arg) ?
		      -errno : 0;
		break;
	default:
		err = igt_ioctl(worker->node, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD,
				(void *)8) ? -errno : 0;
		break;
	}
	close(unsealed);
	return err;
}

static int fail_without_descriptor(struct worker *worker)
{
	uint32_t handle = wrap_pages(worker, 100);
	struct rlimit limit, none;
	int dmabuf = -1, err;

	igt_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = __zcgem_export(worker->node, handle, DRM_CLOEXEC, &dmabuf);
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	gem_close(worker->node, handle);
	return err;
}

static int fail_without_huge_pages(struct worker *worker)
{
	int memfd = memfd_create("igt-zcgem", MFD_CLOEXEC | MFD_ALLOW_SEALING |
				 MFD_HUGETLB);
	uint32_t handle;
	int err;

	igt_assert_fd(memfd);
	igt_assert_eq(ftruncate(memfd, ZCGEM_HUGE), 0);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	err = __zcgem_wrap_file(worker->node, memfd, ZCGEM_HUGE, 0, &handle);
	close(memfd);
	return err;
}

/* The answer cannot be written: what was made before must go with the node, at least. */
static int fail_to_answer(struct worker *worker)
{
	struct drm_zcgem_memfd_range range = {
		.fd = worker->memfd, .size = PAGES(100),
	};
	struct drm_zcgem_gem_wrap_memfd *arg = zcgem_anonymous(PAGES(1));
	int err;

	arg->ranges.stride = sizeof(range);
	arg->ranges.count = 1;
	arg->ranges.pointer = (uintptr_t)&range;
	igt_assert_eq(mprotect(arg, PAGES(1), PROT_READ), 0);
	err = igt_ioctl(worker->spare, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, arg) ? -errno : 0;
	close(worker->spare);
	munmap(arg, PAGES(1));
	return err;
}

static int fail_somehow(struct worker *worker, enum failure way)
{
	switch (way) {
	case NO_DESCRIPTOR:
		return fail_without_descriptor(worker);
	case NO_HUGE_PAGES:
		return fail_without_huge_pages(worker);
	case READONLY_ARGUMENT:
		return fail_to_answer(worker);
	default:
		return fail_with_list(worker, way);
	}
}

static int64_t obey(struct worker *worker, enum order order, uint64_t value)
{
	uint64_t size = PAGES(value);
	uint32_t handle;
	int err;

	switch (order) {
	case WRAP:
		return wrap_pages(worker, value);
	case WRAP_ADDRESS:
		err = __zcgem_wrap_address(worker->node, worker->memory, size, 0, &handle);
		return err ?: (int64_t)handle;
	case CREATE:
		err = __zcgem_create(worker->node, &size, 0, &handle);
		return err ?: (int64_t)handle;
	case CLOSE:
		return __zcgem_close(worker->node, value);
	case EVICT:
		return __zcgem_evict(worker->node, value, PAGES(1));
	case EXPORT:
		worker->dmabuf = zcgem_export(worker->node, value);
		return 0;
	case CLOSE_EXPORT:
		return close(worker->dmabuf);
	case MAP:
		worker->map = zcgem_mmap(worker->node, value, PAGES(1),
					 PROT_READ | PROT_WRITE);
		worker->map[0] = 1;
		return 0;
	case UNMAP:
		return munmap(worker->map, PAGES(1));
	case TAKE_NODE:
		close(worker->node);
		worker->node = zcgem_receive_fd(worker->line.end[1]);
		return 0;
	case CLOSE_NODE:
		return close(worker->node);
	case SET_LIMIT:
		zcgem_set_memlock(size);
		return 0;
	case ROOM:
		return find_room(worker);
	case PINNED:
		return zcgem_read_key("/proc/self/status", "VmPin") * 1024 / ZCGEM_PAGE;
	case REGISTER:
		zcgem_uring_open(&worker->ring);
		return __zcgem_uring_register(&worker->ring, worker->memory, size);
	case UNREGISTER:
		zcgem_uring_unregister(&worker->ring);
		zcgem_uring_close(&worker->ring);
		return 0;
	case PID:
		return getpid();
	case FAIL:
		return fail_somehow(worker, value);
	default:
		igt_assert(false);
		return 0;
	}
}

/* A child of a worker holds the node until there is something to hear. */
static void fork_holder(struct worker *worker)
{
	int line = zcgem_receive_fd(worker->line.end[1]);
	char byte;

	if (!fork()) {
		close(worker->line.end[1]);
		(void)!read(line, &byte, 1);
		_exit(0);
	}
	close(line);
}

static void become_cat(struct worker *worker)
{
	igt_assert_eq(fcntl(worker->node, F_SETFD, 0), 0);
	igt_assert_eq(dup2(worker->line.end[1], 0), 0);
	execlp("cat", "cat", NULL);
	igt_assert_f(false, "cat: %m\n");
}

static void work(struct worker *worker)
{
	int end = worker->line.end[1];

	for (;;) {
		enum order order = zcgem_hear(end);
		uint64_t value = zcgem_hear(end);

		if (order == END)
			return;
		if (order == SEND_NODE) {
			zcgem_send_fd(end, worker->node);
			continue;
		}
		if (order == SEND_EXPORT) {
			int dmabuf = zcgem_export(worker->node, value);

			zcgem_send_fd(end, dmabuf);
			close(dmabuf);
			continue;
		}
		if (order == FORK)
			fork_holder(worker);
		else if (order == EXEC)
			become_cat(worker);
		zcgem_say(end, order == FORK ? 0 : obey(worker, order, value));
	}
}

/* Starts a process of @user with a limit of @limit pages. */
static void start_worker(struct worker *worker, int fd, uid_t user, uint64_t limit,
			 bool may_lock)
{
	igt_require_f(!geteuid(), "only root can become another user\n");
	memset(worker, 0, sizeof(*worker));
	zcgem_open_line(&worker->line);
	igt_fork(child, 1) {
		zcgem_take_end(&worker->line, 1);
		worker->node = drm_reopen_driver(fd);
		worker->spare = drm_reopen_driver(fd);
		worker->memfd = zcgem_memfd(PAGES(WORKER_PAGES), F_SEAL_SHRINK);
		/* nothing may come to lie behind it */
		worker->memory = zcgem_anonymous(PAGES(WORKER_PAGES + 1));
		munmap(worker->memory + PAGES(WORKER_PAGES), PAGES(1));
		mmap(worker->memory + PAGES(WORKER_PAGES), PAGES(1), PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		/* before root's right to raise it is gone */
		zcgem_set_memlock(limit);
		zcgem_become_user(user, may_lock);
		work(worker);
	}
	zcgem_take_end(&worker->line, 0);
}

static void tell(struct worker *worker, enum order order, uint64_t value)
{
	zcgem_say(worker->line.end[0], order);
	zcgem_say(worker->line.end[0], value);
}

static int64_t ask(struct worker *worker, enum order order, uint64_t value)
{
	tell(worker, order, value);
	return zcgem_hear(worker->line.end[0]);
}

static uint32_t ask_handle(struct worker *worker, enum order order, uint64_t pages)
{
	int64_t handle = ask(worker, order, pages);

	igt_assert_f(handle > 0, "%" PRIu64 " pages: %" PRId64 "\n", pages, handle);
	return handle;
}

static int ask_fd(struct worker *worker, enum order order, uint64_t value)
{
	tell(worker, order, value);
	return zcgem_receive_fd(worker->line.end[0]);
}

/* What was let go of may take its time, but then it is exactly this. */
static void expect_room(struct worker *worker, uint64_t pages)
{
	uint64_t room = 0;
	unsigned int step;

	for (step = 0; step < 200; step++) {
		room = ask(worker, ROOM, 0);
		if (room == pages)
			return;
		usleep(10000);
	}
	igt_assert_eq_u64(room, pages);
}

static void end_workers(struct worker *workers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		tell(&workers[i], END, 0);
	igt_waitchildren();
	for (i = 0; i < count; i++)
		zcgem_close_line(&workers[i].line);
}

static uint64_t charged(int fd)
{
	struct zcgem_snapshot snap;

	zcgem_take_snapshot(fd, &snap);
	return snap.charged_pages;
}

static void test_over_limit(int fd)
{
	struct zcgem_snapshot before;
	struct worker worker;

	start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	expect_room(&worker, LIMIT);
	zcgem_take_snapshot(fd, &before);

	igt_assert_eq(ask(&worker, WRAP, 2 * LIMIT), -ENOMEM);
	zcgem_check_leaks(fd, &before);
	igt_assert_eq(ask(&worker, WRAP_ADDRESS, 2 * LIMIT), -ENOMEM);
	zcgem_check_leaks(fd, &before);
	igt_assert_eq(ask(&worker, PINNED, 0), 0);
	expect_room(&worker, LIMIT);
	end_workers(&worker, 1);
}

static void test_exact_limit(int fd)
{
	const enum order orders[] = { WRAP, WRAP_ADDRESS };
	struct worker worker;
	unsigned int i;

	start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		uint32_t handle, second;

		igt_assert_eq(ask(&worker, orders[i], LIMIT + 1), -ENOMEM);
		handle = ask_handle(&worker, orders[i], LIMIT);
		igt_assert_eq(ask(&worker, orders[i], 1), -ENOMEM);
		igt_assert_eq(ask(&worker, PINNED, 0), LIMIT);
		igt_assert_eq(ask(&worker, CLOSE, handle), 0);

		handle = ask_handle(&worker, orders[i], LIMIT - 1);
		second = ask_handle(&worker, orders[i], 1);
		igt_assert_eq(ask(&worker, orders[i], 1), -ENOMEM);
		igt_assert_eq(ask(&worker, CLOSE, second), 0);
		expect_room(&worker, 1);
		igt_assert_eq(ask(&worker, CLOSE, handle), 0);
		expect_room(&worker, LIMIT);
	}
	end_workers(&worker, 1);
}

static void test_sum_of_processes(int fd)
{
	struct worker workers[3];
	uint32_t handle;

	start_worker(&workers[0], fd, USER, PAGES(LIMIT), false);
	start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	start_worker(&workers[2], fd, OTHER_USER, PAGES(LIMIT), false);

	handle = ask_handle(&workers[0], WRAP, 160);
	expect_room(&workers[1], LIMIT - 160);
	igt_assert_eq(ask(&workers[1], WRAP, 97), -ENOMEM);
	ask_handle(&workers[1], WRAP_ADDRESS, 96);
	expect_room(&workers[0], 0);
	/* each process shows its own only */
	igt_assert_eq(ask(&workers[0], PINNED, 0), 160);
	igt_assert_eq(ask(&workers[1], PINNED, 0), 96);
	/* and another user has nothing to do with it */
	expect_room(&workers[2], LIMIT);

	igt_assert_eq(ask(&workers[0], CLOSE, handle), 0);
	expect_room(&workers[1], 160);
	end_workers(workers, 3);
}

static void test_cap_ipc_lock(int fd)
{
	uint64_t before = charged(fd);
	struct worker workers[2];
	uint32_t handle;

	start_worker(&workers[0], fd, USER, PAGES(LIMIT), true);
	start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	handle = ask_handle(&workers[0], WRAP, 2 * LIMIT);
	igt_assert_eq_u64(charged(fd), before + 2 * LIMIT);
	igt_assert_eq(ask(&workers[0], PINNED, 0), 2 * LIMIT);
	/* the user's counter was left alone, going up and going down */
	expect_room(&workers[1], LIMIT);
	ask_handle(&workers[1], WRAP, 100);
	igt_assert_eq(ask(&workers[0], CLOSE, handle), 0);
	expect_room(&workers[1], LIMIT - 100);
	igt_assert_eq(ask(&workers[0], PINNED, 0), 0);
	end_workers(workers, 2);
}

static void test_unlimited(int fd)
{
	struct worker workers[2];
	uint32_t handle;

	start_worker(&workers[0], fd, USER, RLIM_INFINITY, false);
	start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	handle = ask_handle(&workers[0], WRAP, 2 * LIMIT);
	/* no limit is not no count */
	expect_room(&workers[1], 0);
	igt_assert_eq(ask(&workers[0], CLOSE, handle), 0);
	expect_room(&workers[1], LIMIT);
	end_workers(workers, 2);
}

static void test_lowered_limit(int fd)
{
	struct worker worker;
	uint32_t handle;

	start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	handle = ask_handle(&worker, WRAP, 100);
	igt_assert_eq(ask(&worker, SET_LIMIT, 50), 0);
	expect_room(&worker, 0);
	igt_assert_eq(ask(&worker, CLOSE, handle), 0);
	expect_room(&worker, 50);
	igt_assert_eq(ask(&worker, SET_LIMIT, 0), 0);
	expect_room(&worker, 0);
	end_workers(&worker, 1);
}

static void test_free_of_charge(int fd)
{
	struct vgem_bo bo = { .width = 64, .height = 64, .bpp = 32 };
	uint64_t before = charged(fd);
	struct drm_zcgem_gem_info info;
	struct worker worker;
	uint32_t handle;
	int dmabuf, vgem;

	start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	ask_handle(&worker, CREATE, 4 * LIMIT);
	expect_room(&worker, LIMIT);
	igt_assert_eq(ask(&worker, PINNED, 0), 0);
	end_workers(&worker, 1);

	vgem = __drm_open_driver(DRIVER_VGEM);
	igt_require_f(vgem >= 0, "no vgem device\n");
	vgem_create(vgem, &bo);
	dmabuf = zcgem_export(vgem, bo.handle);
	handle = prime_fd_to_handle(fd, dmabuf);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_IMPORT);
	igt_assert_eq_u64(info.charged, 0);
	igt_assert_eq_u64(charged(fd), before);
	gem_close(fd, handle);
	close(dmabuf);
	close(vgem);
}

static void test_overlapping(int fd)
{
	struct drm_zcgem_memfd_range ranges[4] = {};
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK), i;
	struct drm_zcgem_gem_info info;
	uint64_t before = charged(fd);
	uint32_t handle;

	for (i = 0; i < 4; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = memfd, .size = PAGES(8),
		};
	/* each page of the object counts, as each mapping does in RLIMIT_MEMLOCK */
	handle = zcgem_wrap(fd, ranges, 4, 0);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.charged, PAGES(32));
	igt_assert_eq_u64(charged(fd), before + 32);
	gem_close(fd, handle);
	igt_assert_eq_u64(charged(fd), before);
	close(memfd);
}

static void test_evicted(int fd)
{
	struct worker worker;
	uint32_t handle;

	start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	handle = ask_handle(&worker, WRAP, 100);
	igt_assert_eq(ask(&worker, EVICT, handle), 0);
	/* else coming back could fail for lack of a limit */
	expect_room(&worker, LIMIT - 100);
	igt_assert_eq(ask(&worker, MAP, handle), 0);
	expect_room(&worker, LIMIT - 100);
	igt_assert_eq(ask(&worker, EVICT, handle), 0);
	igt_assert_eq(ask(&worker, CLOSE, handle), 0);
	igt_assert_eq(ask(&worker, UNMAP, 0), 0);
	expect_room(&worker, LIMIT);
	end_workers(&worker, 1);
}

/*
 * All of these hold 40 pages by another object of the user, so that a refund that
 * came twice would be seen: the counter cannot go below what is held.
 */
static void start_pair(struct worker *workers, int fd)
{
	start_worker(&workers[0], fd, USER, PAGES(LIMIT), false);
	start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	ask_handle(&workers[1], WRAP, 40);
	expect_room(&workers[1], LIMIT - 40);
}

static void end_first(struct worker *workers)
{
	tell(&workers[0], END, 0);
	/* its end of the line is ours as well; its death is seen by what it held */
	zcgem_close_line(&workers[0].line);
}

static void test_creator_exits(int fd)
{
	const enum order orders[] = { WRAP, WRAP_ADDRESS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		uint64_t before = charged(fd);
		struct worker workers[2];
		int dmabuf;

		start_pair(workers, fd);
		dmabuf = ask_fd(&workers[0], SEND_EXPORT,
				ask_handle(&workers[0], orders[i], 100));
		end_first(workers);
		expect_room(&workers[1], LIMIT - 140);
		igt_assert_eq_u64(charged(fd), before + 140);
		close(dmabuf);
		expect_room(&workers[1], LIMIT - 40);
		igt_assert_eq_u64(charged(fd), before + 40);
		end_workers(&workers[1], 1);
	}
}

static void test_other_user(int fd)
{
	struct worker workers[3];
	uint32_t handle;
	int node;

	start_pair(workers, fd);
	start_worker(&workers[2], fd, OTHER_USER, PAGES(LIMIT), false);
	handle = ask_handle(&workers[0], WRAP, 100);
	node = ask_fd(&workers[0], SEND_NODE, 0);
	tell(&workers[2], TAKE_NODE, 0);
	zcgem_send_fd(workers[2].line.end[0], node);
	igt_assert_eq(zcgem_hear(workers[2].line.end[0]), 0);
	close(node);
	end_first(workers);

	/* the creator is gone; what it made is still its user's */
	expect_room(&workers[1], LIMIT - 140);
	expect_room(&workers[2], LIMIT);
	/* what the new owner makes is the new owner's */
	ask_handle(&workers[2], WRAP, 20);
	expect_room(&workers[2], LIMIT - 20);
	expect_room(&workers[1], LIMIT - 140);

	igt_assert_eq(ask(&workers[2], CLOSE, handle), 0);
	expect_room(&workers[1], LIMIT - 40);
	expect_room(&workers[2], LIMIT - 20);
	igt_assert_eq(ask(&workers[2], CLOSE_NODE, 0), 0);
	end_workers(&workers[1], 2);
}

static void test_dmabuf_outlives_node(int fd)
{
	struct worker workers[2];

	start_pair(workers, fd);
	igt_assert_eq(ask(&workers[0], EXPORT, ask_handle(&workers[0], WRAP, 100)), 0);
	igt_assert_eq(ask(&workers[0], CLOSE_NODE, 0), 0);
	expect_room(&workers[1], LIMIT - 140);
	igt_assert_eq(ask(&workers[0], PINNED, 0), 100);
	igt_assert_eq(ask(&workers[0], CLOSE_EXPORT, 0), 0);
	expect_room(&workers[1], LIMIT - 40);
	igt_assert_eq(ask(&workers[0], PINNED, 0), 0);
	end_workers(workers, 2);
}

static void test_mapping_outlives_node(int fd)
{
	struct worker workers[2];

	start_pair(workers, fd);
	igt_assert_eq(ask(&workers[0], MAP, ask_handle(&workers[0], WRAP, 100)), 0);
	igt_assert_eq(ask(&workers[0], CLOSE_NODE, 0), 0);
	expect_room(&workers[1], LIMIT - 140);
	igt_assert_eq(ask(&workers[0], UNMAP, 0), 0);
	expect_room(&workers[1], LIMIT - 40);
	end_workers(workers, 2);
}

static void test_fork(int fd)
{
	struct worker workers[2];
	struct zcgem_line line;

	start_pair(workers, fd);
	ask_handle(&workers[0], WRAP, 100);
	zcgem_open_line(&line);
	tell(&workers[0], FORK, 0);
	zcgem_send_fd(workers[0].line.end[0], line.end[1]);
	igt_assert_eq(zcgem_hear(workers[0].line.end[0]), 0);
	/* a child costs nothing, and has nothing of its own to give back */
	expect_room(&workers[1], LIMIT - 140);
	end_first(workers);
	expect_room(&workers[1], LIMIT - 140);
	igt_assert(write(line.end[0], "", 1) == 1);
	zcgem_close_line(&line);
	expect_room(&workers[1], LIMIT - 40);
	end_workers(&workers[1], 1);
}

/* Until process @pid is another program. */
static void wait_for_exec(pid_t pid)
{
	char path[64], name[64];
	unsigned int step;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	for (step = 0; step < 2000; step++) {
		igt_assert(zcgem_read_setting(path, name, sizeof(name)));
		if (!strcmp(name, "cat"))
			return;
		usleep(5000);
	}
	igt_assert_f(false, "%d is still %s\n", pid, name);
}

static void test_exec(int fd)
{
	struct worker workers[2];
	char path[64];
	pid_t pid;

	start_pair(workers, fd);
	ask_handle(&workers[0], WRAP, 100);
	ask_handle(&workers[0], WRAP_ADDRESS, 10);
	expect_room(&workers[1], LIMIT - 150);
	pid = ask(&workers[0], PID, 0);
	tell(&workers[0], EXEC, 0);
	wait_for_exec(pid);

	/* the address space is another one, the node and the user are the same */
	expect_room(&workers[1], LIMIT - 150);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	igt_assert_eq_u64(zcgem_read_key(path, "VmPin"), 0);
	zcgem_close_line(&workers[0].line);
	expect_room(&workers[1], LIMIT - 40);
	end_workers(&workers[1], 1);
}

static void test_failures(int fd)
{
	static const int expected[FAILURES] = {
		[BAD_LAST_FILE] = -EINVAL,
		[BAD_LAST_ADDRESS] = -EFAULT,
		[BAD_LIST] = -EFAULT,
		[BAD_ARGUMENT] = -EFAULT,
		[NO_DESCRIPTOR] = -EMFILE,
		[NO_HUGE_PAGES] = -ENOMEM,
		[READONLY_ARGUMENT] = -EFAULT,
	};
	uint64_t before = charged(fd);
	struct worker workers[2];
	unsigned int i;

	zcgem_change_setting("/proc/sys/vm/nr_hugepages", "0");
	start_worker(&workers[0], fd, USER, PAGES(4 * LIMIT), false);
	start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	ask_handle(&workers[1], WRAP, 40);
	for (i = 0; i < FAILURES; i++) {
		if (i == NO_HUGE_PAGES && zcgem_free_huge_pages())
			continue;
		igt_assert_eq(ask(&workers[0], FAIL, i), expected[i]);
		igt_assert_eq(ask(&workers[0], PINNED, 0), 0);
		igt_assert_eq_u64(charged(fd), before + 40);
		expect_room(&workers[1], LIMIT - 40);
	}
	end_workers(workers, 2);
	zcgem_restore_settings();
}

static void test_shared_with_io_uring(int fd)
{
	struct worker workers[2];
	int64_t err;

	start_worker(&workers[0], fd, USER, PAGES(LIMIT), false);
	start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	err = ask(&workers[0], REGISTER, 100);
	igt_require_f(!err, "io_uring takes no buffer: %s\n", strerror(-err));
	/* one counter for both */
	expect_room(&workers[1], LIMIT - 100);
	ask_handle(&workers[1], WRAP, 50);
	igt_assert_eq(ask(&workers[0], UNREGISTER, 0), 0);
	expect_room(&workers[1], LIMIT - 50);
	end_workers(workers, 2);
}

/* The three places where a charge can be seen say the same, whatever happens. */
static void test_agree(int fd)
{
	uint64_t before = charged(fd), held = 0, random = 1;
	uint32_t handles[12] = {};
	uint64_t pages[12] = {};
	struct worker worker;
	unsigned int step;

	start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	for (step = 0; step < 160; step++) {
		unsigned int i;
		int64_t handle;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		i = (random >> 33) % ARRAY_SIZE(handles);
		if (handles[i]) {
			igt_assert_eq(ask(&worker, CLOSE, handles[i]), 0);
			handles[i] = 0;
			held -= pages[i];
		} else {
			pages[i] = 1 + (random >> 40) % 60;
			handle = ask(&worker, random >> 63 ? WRAP : WRAP_ADDRESS,
				     pages[i]);
			if (held + pages[i] > LIMIT) {
				igt_assert_eq(handle, -ENOMEM);
			} else {
				igt_assert(handle > 0);
				handles[i] = handle;
				held += pages[i];
			}
		}
		if (step % 16)
			continue;
		igt_assert_eq(ask(&worker, PINNED, 0), held);
		igt_assert_eq_u64(charged(fd), before + held);
		expect_room(&worker, LIMIT - held);
	}
	end_workers(&worker, 1);
}

#define CYCLES	50000

static void run_cycles(int node, unsigned int seed)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK);
	char *memory = zcgem_anonymous(PAGES(8));
	unsigned int rounds = zcgem_rounds(CYCLES), i;

	zcgem_mark_all(memory, PAGES(8), 1);
	for (i = 0; i < rounds; i++) {
		uint64_t size = PAGES(1 + (i + seed) % 8);
		uint32_t handle;
		int err;

		/* every 16th is refused: the two of them may have 12 pages */
		if (i % 16 == 15) {
			struct drm_zcgem_memfd_range two[2] = {
				{ .fd = memfd, .size = PAGES(8) },
				{ .fd = memfd, .size = PAGES(8) },
			};

			err = __zcgem_wrap(node, two, 2, 0, &handle);
			igt_assert_eq(err, -ENOMEM);
			continue;
		}
		if (i & 1)
			err = __zcgem_wrap_address(node, memory, size, 0, &handle);
		else
			err = __zcgem_wrap_file(node, memfd, size, 0, &handle);
		if (err)
			igt_assert_eq(err, -ENOMEM);
		else
			igt_assert_eq(__zcgem_close(node, handle), 0);
	}
}

static void test_cycles(int fd)
{
	struct zcgem_snapshot before;
	struct worker worker;

	igt_require_f(!geteuid(), "only root can become another user\n");
	zcgem_take_snapshot(fd, &before);
	igt_fork(child, 2) {
		int node = drm_reopen_driver(fd);

		zcgem_set_memlock(PAGES(12));
		zcgem_become_user(USER, false);
		run_cycles(node, child);
		igt_assert_eq_u64(zcgem_read_key("/proc/self/status", "VmPin"), 0);
	}
	igt_waitchildren();
	zcgem_check_leaks(fd, &before);

	start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	expect_room(&worker, LIMIT);
	end_workers(&worker, 1);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A wrap above RLIMIT_MEMLOCK gives ENOMEM and charges nothing (class 11)");
	igt_subtest("over-limit")
		zcgem_run_counted(fd, test_over_limit);

	igt_describe("The limit can be used to the last page, and no further (class 11)");
	igt_subtest("exact-limit")
		zcgem_run_counted(fd, test_exact_limit);

	igt_describe("All processes of a user share one limit, and no others do (class 11)");
	igt_subtest("sum-of-processes")
		zcgem_run_counted(fd, test_sum_of_processes);

	igt_describe("CAP_IPC_LOCK lifts the limit and leaves the user's count alone (class 11)");
	igt_subtest("cap-ipc-lock")
		zcgem_run_counted(fd, test_cap_ipc_lock);

	igt_describe("A process without a limit uses up that of the user's others (class 11)");
	igt_subtest("unlimited")
		zcgem_run_counted(fd, test_unlimited);

	igt_describe("A limit below what is charged refuses more and refunds right (class 11)");
	igt_subtest("lowered-limit")
		zcgem_run_counted(fd, test_lowered_limit);

	igt_describe("Objects of the pool and imports are not charged");
	igt_subtest("free-of-charge")
		zcgem_run_counted(fd, test_free_of_charge);

	igt_describe("Every page of an object is charged, also the same one twice");
	igt_subtest("overlapping")
		zcgem_run_counted(fd, test_overlapping);

	igt_describe("An evicted object stays charged (class 11)");
	igt_subtest("evicted")
		zcgem_run_counted(fd, test_evicted);

	igt_describe("The charge stays while a dma-buf outlives its creator, and is refunded once (class 11)");
	igt_subtest("creator-exits")
		zcgem_run_counted(fd, test_creator_exits);

	igt_describe("A node passed to another user: each refund goes to who was charged (class 11)");
	igt_subtest("other-user")
		zcgem_run_counted(fd, test_other_user);

	igt_describe("The charge stays while a dma-buf outlives the node (class 11)");
	igt_subtest("dmabuf-outlives-node")
		zcgem_run_counted(fd, test_dmabuf_outlives_node);

	igt_describe("The charge stays while a mapping outlives the node (class 11)");
	igt_subtest("mapping-outlives-node")
		zcgem_run_counted(fd, test_mapping_outlives_node);

	igt_describe("A fork charges nothing, and its last holder refunds once (class 11)");
	igt_subtest("fork")
		zcgem_run_counted(fd, test_fork);

	igt_describe("The charge stays over exec, which has another address space (class 11)");
	igt_subtest("exec")
		zcgem_run_counted(fd, test_exec);

	igt_describe("Failure at every step of creation and export charges nothing (class 3, class 11)");
	igt_subtest("failures")
		zcgem_run_counted(fd, test_failures);

	igt_describe("Objects and fixed buffers of io_uring use up one limit (class 11)");
	igt_subtest("shared-with-io-uring")
		zcgem_run_counted(fd, test_shared_with_io_uring);

	igt_describe("The driver's count, the process's status and what the limit leaves always agree (class 11, class 16)");
	igt_subtest("agree")
		zcgem_run_counted(fd, test_agree);

	igt_describe("Nothing drifts in 100000 wraps by two processes at once (class 11, class 16)");
	igt_subtest("cycles")
		zcgem_run_counted(fd, test_cycles);

	igt_fixture()
		drm_close_driver(fd);
}
