// SPDX-License-Identifier: MIT
/*
 * Processes of other users that do with zcgem objects what a test tells them to, each
 * with a limit of locked memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_worker.h"
#include "igt_zcgem_wrap.h"
#include "ioctl_wrappers.h"

#define PAGES(n)	((n) * ZCGEM_PAGE)

/* Have a device attach to an object; it stays until the handle is closed. */
static int attach_device(struct zcgem_worker *worker, uint32_t handle)
{
	struct zcgem_attached *attached = worker->attached;
	int dmabuf = zcgem_export(worker->node, handle), err;

	while (attached->handle)
		attached++;
	igt_assert(attached < worker->attached + ZCGEM_WORKER_DEVICES);
	err = __importer_attach(attached->device, dmabuf, IMPORTER_FOLLOWS, 0, 0);
	if (!err)
		attached->handle = handle;
	close(dmabuf);
	return err;
}

static int close_object(struct zcgem_worker *worker, uint32_t handle)
{
	unsigned int i;

	for (i = 0; i < ZCGEM_WORKER_DEVICES; i++) {
		if (worker->attached[i].handle != handle)
			continue;
		importer_call(worker->attached[i].device, IMPORTER_DETACH, 0);
		worker->attached[i].handle = 0;
	}
	return __zcgem_close(worker->node, handle);
}

static int64_t wrap_pages(struct zcgem_worker *worker, uint64_t pages)
{
	uint32_t handle;
	int err = __zcgem_wrap_file(worker->node, worker->memfd, PAGES(pages), 0,
				    &handle);

	return err ?: (int64_t)handle;
}

static int64_t wrap_and_attach(struct zcgem_worker *worker, uint64_t pages)
{
	int64_t handle = wrap_pages(worker, pages);
	int err;

	igt_assert(handle > 0);
	err = attach_device(worker, handle);
	if (err)
		gem_close(worker->node, handle);
	return err ?: handle;
}

/* The most pages that can be charged now; all that is less must be possible, too. */
static uint64_t find_room(struct zcgem_worker *worker)
{
	uint64_t low = 0, high = worker->pages;

	while (low < high) {
		uint64_t middle = (low + high + 1) / 2;
		int64_t handle = wrap_and_attach(worker, middle);

		if (handle < 0) {
			igt_assert_eq(handle, -ENOMEM);
			high = middle - 1;
		} else {
			igt_assert_eq(close_object(worker, handle), 0);
			low = middle;
		}
	}
	return low;
}

static int fail_with_list(struct zcgem_worker *worker, enum zcgem_failure way)
{
	int unsealed = zcgem_memfd(PAGES(1), 0);
	struct drm_zcgem_memfd_range files[2] = {
		{ .fd = worker->memfd, .size = PAGES(100) },
		{ .fd = unsealed, .size = PAGES(1) },
	};
	struct drm_zcgem_userptr_range addresses[2] = {
		{ .address = (uintptr_t)worker->memory, .size = PAGES(100) },
		/* runs into what is not mapped */
		{ .address = (uintptr_t)worker->memory + PAGES(ZCGEM_WORKER_PAGES - 1),
		  .size = PAGES(2) },
	};
	struct drm_zcgem_gem_wrap_memfd arg = {
		.ranges = { .stride = sizeof(files[0]), .count = 2, .pointer = 8 },
	};
	uint32_t handle;
	int err;

	switch (way) {
	case FAIL_BAD_LAST_FILE:
		err = __zcgem_wrap(worker->node, files, 2, 0, &handle);
		break;
	case FAIL_BAD_LAST_ADDRESS:
		err = __zcgem_wrap_userptr(worker->node, addresses, 2, 0, &handle);
		break;
	case FAIL_BAD_LIST:
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

static int fail_without_descriptor(struct zcgem_worker *worker)
{
	uint32_t handle = wrap_and_attach(worker, 100);
	struct rlimit limit, none;
	int dmabuf = -1, err;

	igt_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = __zcgem_export(worker->node, handle, DRM_CLOEXEC, &dmabuf);
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	igt_assert_eq(close_object(worker, handle), 0);
	return err;
}

static int fail_without_huge_pages(struct zcgem_worker *worker)
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
static int fail_to_answer(struct zcgem_worker *worker)
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

static int fail_somehow(struct zcgem_worker *worker, enum zcgem_failure way)
{
	switch (way) {
	case FAIL_NO_DESCRIPTOR:
		return fail_without_descriptor(worker);
	case FAIL_NO_HUGE_PAGES:
		return fail_without_huge_pages(worker);
	case FAIL_READONLY_ARGUMENT:
		return fail_to_answer(worker);
	default:
		return fail_with_list(worker, way);
	}
}

static int64_t obey(struct zcgem_worker *worker, enum zcgem_order order, uint64_t value)
{
	uint64_t size = PAGES(value);
	uint32_t handle;
	int err;

	switch (order) {
	case ORDER_WRAP:
		return wrap_pages(worker, value);
	case ORDER_ATTACH:
		return attach_device(worker, value);
	case ORDER_WRAP_ATTACHED:
		return wrap_and_attach(worker, value);
	case ORDER_WRAP_ADDRESS:
		err = __zcgem_wrap_address(worker->node, worker->memory, size, 0, &handle);
		return err ?: (int64_t)handle;
	case ORDER_CREATE:
		err = __zcgem_create(worker->node, &size, 0, &handle);
		return err ?: (int64_t)handle;
	case ORDER_CLOSE:
		return close_object(worker, value);
	case ORDER_EVICT:
		return __zcgem_evict(worker->node, value, PAGES(1));
	case ORDER_EXPORT:
		worker->dmabuf = zcgem_export(worker->node, value);
		return 0;
	case ORDER_CLOSE_EXPORT:
		return close(worker->dmabuf);
	case ORDER_MAP:
		worker->map = zcgem_mmap(worker->node, value, PAGES(1),
					 PROT_READ | PROT_WRITE);
		worker->map[0] = 1;
		return 0;
	case ORDER_UNMAP:
		return munmap(worker->map, PAGES(1));
	case ORDER_TAKE_NODE:
		close(worker->node);
		worker->node = zcgem_receive_fd(worker->line.end[1]);
		return 0;
	case ORDER_CLOSE_NODE:
		return close(worker->node);
	case ORDER_GROW:
		worker->pages = value;
		return ftruncate(worker->memfd, size);
	case ORDER_SET_LIMIT:
		zcgem_set_memlock(size);
		return 0;
	case ORDER_ROOM:
		return find_room(worker);
	case ORDER_PINNED:
		return zcgem_read_key("/proc/self/status", "VmPin") * 1024 / ZCGEM_PAGE;
	case ORDER_REGISTER:
		zcgem_uring_open(&worker->ring);
		return __zcgem_uring_register(&worker->ring, worker->memory, size);
	case ORDER_UNREGISTER:
		zcgem_uring_unregister(&worker->ring);
		zcgem_uring_close(&worker->ring);
		return 0;
	case ORDER_PID:
		return getpid();
	case ORDER_FAIL:
		return fail_somehow(worker, value);
	default:
		igt_assert(false);
		return 0;
	}
}

/* A child of a worker holds the node until there is something to hear. */
static void fork_holder(struct zcgem_worker *worker)
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

static void become_cat(struct zcgem_worker *worker)
{
	igt_assert_eq(fcntl(worker->node, F_SETFD, 0), 0);
	igt_assert_eq(dup2(worker->line.end[1], 0), 0);
	execlp("cat", "cat", NULL);
	igt_assert_f(false, "cat: %m\n");
}

static void work(struct zcgem_worker *worker)
{
	int end = worker->line.end[1];

	for (;;) {
		enum zcgem_order order = zcgem_hear(end);
		uint64_t value = zcgem_hear(end);

		if (order == ORDER_END)
			return;
		if (order == ORDER_SEND_NODE) {
			zcgem_send_fd(end, worker->node);
			continue;
		}
		if (order == ORDER_SEND_EXPORT) {
			int dmabuf = zcgem_export(worker->node, value);

			zcgem_send_fd(end, dmabuf);
			close(dmabuf);
			continue;
		}
		if (order == ORDER_FORK)
			fork_holder(worker);
		else if (order == ORDER_EXEC)
			become_cat(worker);
		zcgem_say(end, order == ORDER_FORK ? 0 : obey(worker, order, value));
	}
}

/**
 * zcgem_start_worker:
 * @worker: filled in
 * @fd: zcgem descriptor, of which it opens the node anew
 * @user: who it becomes
 * @limit: its RLIMIT_MEMLOCK, pages
 * @may_lock: it keeps CAP_IPC_LOCK
 *
 * Skips where the test is not root, and where there are no devices that import.
 */
void zcgem_start_worker(struct zcgem_worker *worker, int fd, uid_t user, uint64_t limit,
			 bool may_lock)
{
	unsigned int i;

	igt_require_f(!geteuid(), "only root can become another user\n");
	require_importer();
	memset(worker, 0, sizeof(*worker));
	zcgem_open_line(&worker->line);
	igt_fork(child, 1) {
		zcgem_take_end(&worker->line, 1);
		worker->node = drm_reopen_driver(fd);
		worker->spare = drm_reopen_driver(fd);
		worker->pages = ZCGEM_WORKER_PAGES;
		worker->memfd = zcgem_memfd(PAGES(ZCGEM_WORKER_PAGES), F_SEAL_SHRINK);
		for (i = 0; i < ZCGEM_WORKER_DEVICES; i++)
			worker->attached[i].device = importer_open();
		/* nothing may come to lie behind it */
		worker->memory = zcgem_anonymous(PAGES(ZCGEM_WORKER_PAGES + 1));
		munmap(worker->memory + PAGES(ZCGEM_WORKER_PAGES), PAGES(1));
		mmap(worker->memory + PAGES(ZCGEM_WORKER_PAGES), PAGES(1), PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		/* folios are charged whole */
		madvise(worker->memory, PAGES(ZCGEM_WORKER_PAGES), MADV_NOHUGEPAGE);
		/* before root's right to raise it is gone */
		zcgem_set_memlock(limit);
		zcgem_become_user(user, may_lock);
		work(worker);
	}
	zcgem_take_end(&worker->line, 0);
}

/**
 * zcgem_tell:
 * @worker: a worker
 * @order: what to do
 * @value: the order's number
 *
 * For what is not answered by a number.
 */
void zcgem_tell(struct zcgem_worker *worker, enum zcgem_order order, uint64_t value)
{
	zcgem_say(worker->line.end[0], order);
	zcgem_say(worker->line.end[0], value);
}

/**
 * zcgem_ask:
 * @worker: a worker
 * @order: what to do
 * @value: the order's number
 *
 * Returns: The answer.
 */
int64_t zcgem_ask(struct zcgem_worker *worker, enum zcgem_order order, uint64_t value)
{
	zcgem_tell(worker, order, value);
	return zcgem_hear(worker->line.end[0]);
}

/**
 * zcgem_ask_handle:
 * @worker: a worker
 * @order: one that makes an object
 * @pages: of how many pages
 *
 * Returns: The handle.
 */
uint32_t zcgem_ask_handle(struct zcgem_worker *worker, enum zcgem_order order, uint64_t pages)
{
	int64_t handle = zcgem_ask(worker, order, pages);

	igt_assert_f(handle > 0, "%" PRIu64 " pages: %" PRId64 "\n", pages, handle);
	return handle;
}

/**
 * zcgem_ask_fd:
 * @worker: a worker
 * @order: one that sends a descriptor
 * @value: the order's number
 *
 * Returns: The descriptor.
 */
int zcgem_ask_fd(struct zcgem_worker *worker, enum zcgem_order order, uint64_t value)
{
	zcgem_tell(worker, order, value);
	return zcgem_receive_fd(worker->line.end[0]);
}

/**
 * zcgem_expect_room:
 * @worker: a worker
 * @pages: how many pages it must be able to be charged, exactly
 *
 * What was let go of may take its time.
 */
void zcgem_expect_room(struct zcgem_worker *worker, uint64_t pages)
{
	uint64_t room = 0;
	unsigned int step;

	for (step = 0; step < 3000; step++) {
		room = zcgem_ask(worker, ORDER_ROOM, 0);
		if (room == pages)
			return;
		usleep(10000);
	}
	igt_assert_eq_u64(room, pages);
}

/**
 * zcgem_end_workers:
 * @workers: workers
 * @count: how many
 *
 * Fails the test if one of them failed.
 */
void zcgem_end_workers(struct zcgem_worker *workers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		zcgem_tell(&workers[i], ORDER_END, 0);
	igt_waitchildren();
	for (i = 0; i < count; i++)
		zcgem_close_line(&workers[i].line);
}
