// SPDX-License-Identifier: MIT
/*
 * Every allocation, every copy and every lock of every call fails once, and nothing may be left
 * of the call then.
 *
 * A child makes the call with the nth point of failure chosen by /proc/thread-self/fail-nth, for
 * n from 1 until the call does not come to it any more. That needs a kernel with fault injection;
 * what signals and full tables of descriptors do is tested on any kernel. ZCGEM_FAILURE_FROM names
 * the call to begin with.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem failure
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Driver
 * Functionality: zcgem
 * Feature: zcgem, robustness
 * Test category: functionality test
 * Description: Check that calls which fail leave nothing behind, wherever they fail.
 *
 * SUBTEST: allocations
 * Description: Each allocation and each copy of each call fails once (class 12).
 *
 * SUBTEST: page-cache
 * Description: Files get no new page in the middle of each call (class 12).
 *
 * SUBTEST: locks
 * Description: Each wait for a lock of each call is interrupted once.
 *
 * SUBTEST: signals
 * Description: Each call under a storm of signals does all or nothing.
 *
 * SUBTEST: descriptors
 * Description: Calls that make a descriptor find the process's table full.
 */

IGT_TEST_DESCRIPTION("Check that calls which fail leave nothing behind");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)
#define SIZE		PAGES(24)
#define MOST_POINTS	2000

/* What calls are made on: made before anything may fail. */
struct scene {
	int fd, other, card;
	int memfd, dmabuf;
	char *own;
	char *map;
	uint32_t handle, theirs;
	uint64_t offset;
};

/* Results of a child, in memory that it shares. */
struct outcome {
	volatile int ret;
	volatile int again;
	volatile bool injected;
	volatile bool leaked;
};

static int call(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

/* Scenes. */

static void have_card(struct scene *s)
{
	s->card = zcgem_open_card();
}

static void have_memfd(struct scene *s)
{
	s->memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	s->own = zcgem_map_memfd(s->memfd, 0, SIZE);
	/* holes are left */
	memset(s->own, 1, PAGES(3));
}

static void have_object(struct scene *s)
{
	have_memfd(s);
	s->handle = zcgem_wrap_memfd(s->fd, s->memfd, 0, SIZE, 0);
	s->offset = zcgem_mmap_offset(s->fd, s->handle);
}

static void have_evicted(struct scene *s)
{
	have_object(s);
	s->map = zcgem_mmap(s->fd, s->handle, SIZE, PROT_RW);
	zcgem_evict(s->fd, s->handle, SIZE);
}

static void have_punched(struct scene *s)
{
	have_object(s);
	punch(s->memfd, 0, PAGES(2));
}

static void have_pool(struct scene *s)
{
	s->handle = zcgem_create(s->fd, SIZE, 0);
	s->map = zcgem_mmap(s->fd, s->handle, SIZE, PROT_RW);
}

static void have_anonymous(struct scene *s)
{
	s->own = zcgem_anonymous(SIZE);
	memset(s->own, 1, PAGES(3));
}

static void have_dmabuf(struct scene *s)
{
	have_object(s);
	s->dmabuf = zcgem_export(s->fd, s->handle);
}

static void have_import(struct scene *s)
{
	have_dmabuf(s);
	igt_assert_eq(__zcgem_import(s->other, s->dmabuf, &s->theirs), 0);
	s->offset = zcgem_mmap_offset(s->other, s->theirs);
}

static void have_mapped_import(struct scene *s)
{
	have_import(s);
	zcgem_populate(s->other, s->theirs, SIZE, NULL);
}

/* Calls. */

static int do_open(struct scene *s)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int do_param(struct scene *s)
{
	struct drm_zcgem_get_param arg = { 0 };

	return call(s->fd, DRM_IOCTL_ZCGEM_GET_PARAM, &arg);
}

static int do_create(struct scene *s)
{
	struct drm_zcgem_gem_create arg = { .size = SIZE };

	return call(s->fd, DRM_IOCTL_ZCGEM_GEM_CREATE, &arg);
}

static int do_dumb(struct scene *s)
{
	struct drm_mode_create_dumb arg = { .width = 64, .height = 64, .bpp = 32 };

	return call(s->card, DRM_IOCTL_MODE_CREATE_DUMB, &arg);
}

static int wrap_memfd(struct scene *s, uint32_t flags, const void *watch)
{
	struct drm_zcgem_memfd_range ranges[] = {
		{ .fd = s->memfd, .offset = PAGES(8), .size = PAGES(16) },
		{ .fd = s->memfd, .size = PAGES(8), .watch_address = (uintptr_t)watch },
	};
	struct drm_zcgem_gem_wrap_memfd arg = {
		.ranges = {
			.stride = sizeof(*ranges), .count = ARRAY_SIZE(ranges),
			.pointer = (uintptr_t)ranges,
		},
		.flags = flags,
	};

	return call(s->fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &arg);
}

static int do_wrap_memfd(struct scene *s)
{
	return wrap_memfd(s, 0, NULL);
}

static int do_wrap_readonly(struct scene *s)
{
	return wrap_memfd(s, DRM_ZCGEM_WRAP_READONLY, NULL);
}

static int do_wrap_watched(struct scene *s)
{
	return wrap_memfd(s, 0, s->own);
}

static int wrap_userptr(struct scene *s, uint32_t flags)
{
	struct drm_zcgem_userptr_range ranges[] = {
		{ .address = (uintptr_t)s->own + PAGES(8), .size = PAGES(16) },
		{ .address = (uintptr_t)s->own, .size = PAGES(8) },
	};
	struct drm_zcgem_gem_wrap_userptr arg = {
		.ranges = {
			.stride = sizeof(*ranges), .count = ARRAY_SIZE(ranges),
			.pointer = (uintptr_t)ranges,
		},
		.flags = flags,
	};
	int ret = call(s->fd, DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &arg);

	if (!ret)
		s->handle = arg.handle;
	return ret;
}

static int do_wrap_userptr(struct scene *s)
{
	return wrap_userptr(s, 0);
}

static int do_wrap_svm(struct scene *s)
{
	return wrap_userptr(s, DRM_ZCGEM_WRAP_SVM);
}

static void have_svm(struct scene *s)
{
	have_anonymous(s);
	igt_assert_eq(do_wrap_svm(s), 0);
}

static int do_udmabuf(struct scene *s)
{
	struct udmabuf_create arg = { .memfd = s->memfd, .size = SIZE };
	int ret = call(s->fd, UDMABUF_CREATE, &arg);

	return ret < 0 ? ret : close(ret);
}

static int do_udmabuf_list(struct scene *s)
{
	struct {
		struct udmabuf_create_list head;
		struct udmabuf_create_item items[2];
	} arg = {
		.head.count = 2,
		.items = {
			{ .memfd = s->memfd, .offset = PAGES(8), .size = PAGES(16) },
			{ .memfd = s->memfd, .size = PAGES(8) },
		},
	};
	int ret = call(s->fd, UDMABUF_CREATE_LIST, &arg);

	return ret < 0 ? ret : close(ret);
}

static int do_offset(struct scene *s)
{
	struct drm_zcgem_gem_mmap_offset arg = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &arg);
}

static int do_info(struct scene *s)
{
	struct drm_zcgem_gem_info arg = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_ZCGEM_GEM_INFO, &arg);
}

static int advise(int fd, uint32_t handle, uint32_t advice, const void *address)
{
	struct drm_zcgem_gem_advise arg = {
		.handle = handle, .advice = advice, .size = SIZE, .address = (uintptr_t)address,
	};

	return call(fd, DRM_IOCTL_ZCGEM_GEM_ADVISE, &arg);
}

static int do_populate(struct scene *s)
{
	return advise(s->fd, s->handle, DRM_ZCGEM_ADVICE_POPULATE, s->map);
}

static int do_revalidate(struct scene *s)
{
	return advise(s->fd, s->handle, DRM_ZCGEM_ADVICE_REVALIDATE, NULL);
}

static int do_evict(struct scene *s)
{
	return advise(s->fd, s->handle, DRM_ZCGEM_ADVICE_EVICT, NULL);
}

static int do_map_import(struct scene *s)
{
	return advise(s->other, s->theirs, DRM_ZCGEM_ADVICE_POPULATE, NULL);
}

static int do_revoke(struct scene *s)
{
	struct drm_zcgem_gem_revoke arg = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &arg);
}

static int do_export(struct scene *s)
{
	struct drm_prime_handle arg = {
		.handle = s->handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1,
	};
	int ret = call(s->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg);

	if (!ret)
		close(arg.fd);
	return ret;
}

static int do_import(struct scene *s)
{
	struct drm_prime_handle arg = { .fd = s->dmabuf };

	return call(s->other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);
}

static int do_sync(struct scene *s)
{
	struct dma_buf_sync arg = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int ret = call(s->dmabuf, DMA_BUF_IOCTL_SYNC, &arg);

	if (ret)
		return ret;
	arg.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	return call(s->dmabuf, DMA_BUF_IOCTL_SYNC, &arg);
}

static int do_sync_file(struct scene *s)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_RW, .fd = -1 };
	int ret = call(s->dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg);

	if (!ret)
		close(arg.fd);
	return ret;
}

static int map_and_unmap(int fd, uint64_t offset)
{
	void *map = mmap(NULL, SIZE, PROT_RW, MAP_SHARED, fd, offset);

	if (map == MAP_FAILED)
		return -errno;
	return munmap(map, SIZE) ? -errno : 0;
}

static int do_mmap(struct scene *s)
{
	return map_and_unmap(s->fd, s->offset);
}

static int do_mmap_dmabuf(struct scene *s)
{
	return map_and_unmap(s->dmabuf, 0);
}

static int do_mmap_import(struct scene *s)
{
	return map_and_unmap(s->other, s->offset);
}

/* A fault that fails ends in a signal, which is an answer; the kernel itself tries again. */
static int do_fault(struct scene *s)
{
	return zcgem_access_faults(s->map + PAGES(5), true) ? -EFAULT : 0;
}

static int do_peek(struct scene *s)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), ret;
	char byte;

	if (mem < 0)
		return -errno;
	ret = pread(mem, &byte, 1, (uintptr_t)s->map) == 1 ? 0 : -errno;
	close(mem);
	return ret;
}

static int do_submit(struct scene *s)
{
	struct drm_zcgem_op ops[] = {
		{
			.type = DRM_ZCGEM_OP_FILL, .dst_handle = s->handle, .size = PAGES(8),
			.pattern = 5, .pattern_size = 8,
		},
		{
			.type = DRM_ZCGEM_OP_COPY, .dst_handle = s->handle,
			.src_handle = s->handle, .dst_offset = PAGES(8), .size = PAGES(8),
		},
	};
	struct drm_zcgem_submit arg = {
		.ops = {
			.stride = sizeof(*ops), .count = ARRAY_SIZE(ops),
			.pointer = (uintptr_t)ops,
		},
	};

	return call(s->fd, DRM_IOCTL_ZCGEM_SUBMIT, &arg);
}

static int do_wait(struct scene *s)
{
	struct drm_zcgem_gem_wait arg = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_ZCGEM_GEM_WAIT, &arg);
}

static int do_close(struct scene *s)
{
	struct drm_gem_close arg = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_GEM_CLOSE, &arg);
}

/* What a call that fails must leave as it was: what it would have made, or what it changes. */
enum kind { CHANGES, MAKES, MAKES_FD };

static const struct step {
	const char *name;
	void (*begin)(struct scene *s);
	int (*run)(struct scene *s);
	enum kind kind;
} steps[] = {
	{ "open", NULL, do_open, MAKES_FD },
	{ "get-param", NULL, do_param, CHANGES },
	{ "create", NULL, do_create, MAKES },
	{ "create-dumb", have_card, do_dumb, MAKES },
	{ "wrap-memfd", have_memfd, do_wrap_memfd, MAKES },
	{ "wrap-readonly", have_memfd, do_wrap_readonly, MAKES },
	{ "wrap-watched", have_memfd, do_wrap_watched, MAKES },
	{ "wrap-userptr", have_anonymous, do_wrap_userptr, MAKES },
	{ "wrap-mapped-memfd", have_memfd, do_wrap_userptr, MAKES },
	{ "wrap-svm", have_anonymous, do_wrap_svm, MAKES },
	{ "udmabuf", have_memfd, do_udmabuf, MAKES_FD },
	{ "udmabuf-list", have_memfd, do_udmabuf_list, MAKES_FD },
	{ "mmap-offset", have_object, do_offset, CHANGES },
	{ "info", have_object, do_info, CHANGES },
	{ "populate", have_evicted, do_populate, CHANGES },
	{ "populate-pool", have_pool, do_populate, CHANGES },
	{ "evict", have_object, do_evict, CHANGES },
	{ "evict-shared", have_mapped_import, do_evict, CHANGES },
	{ "revalidate", have_punched, do_revalidate, CHANGES },
	{ "revoke", have_mapped_import, do_revoke, CHANGES },
	{ "export", have_object, do_export, MAKES_FD },
	{ "import", have_dmabuf, do_import, MAKES },
	{ "map-import", have_import, do_map_import, CHANGES },
	{ "sync", have_mapped_import, do_sync, CHANGES },
	{ "sync-file", have_dmabuf, do_sync_file, MAKES_FD },
	{ "mmap", have_object, do_mmap, MAKES },
	{ "mmap-dmabuf", have_dmabuf, do_mmap_dmabuf, MAKES },
	{ "mmap-import", have_import, do_mmap_import, MAKES },
	{ "fault", have_evicted, do_fault, CHANGES },
	{ "fault-pool", have_pool, do_fault, CHANGES },
	{ "peek", have_evicted, do_peek, CHANGES },
	{ "submit", have_object, do_submit, CHANGES },
	{ "submit-evicted", have_evicted, do_submit, CHANGES },
	{ "submit-svm", have_svm, do_submit, CHANGES },
	{ "wait", have_object, do_wait, CHANGES },
	{ "close", have_mapped_import, do_close, CHANGES },
};

static void begin_scene(const struct devices *devices, const struct step *step,
			struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->fd = drm_reopen_driver(devices->fd);
	s->other = drm_reopen_driver(devices->other);
	s->memfd = s->dmabuf = s->card = -1;
	if (step->begin)
		step->begin(s);
}

/* Fault injection. */

static const char * const sources[] = { "failslab", "fail_page_alloc", "fail_usercopy",
					"fail_function" };

static void set_injection(const char *source, const char *file, const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", source, file);
	__zcgem_write_setting(path, value);
}

static void require_injection(void)
{
	unsigned int i;

	igt_require_f(!access("/proc/thread-self/fail-nth", W_OK),
		      "this kernel has no fault injection\n");
	for (i = 0; i < ARRAY_SIZE(sources); i++) {
		set_injection(sources[i], "verbose", "0");
		set_injection(sources[i], "times", "-1");
		set_injection(sources[i], "probability", "0");
		/* also where the caller may sleep, highmem, and single pages */
		set_injection(sources[i], "ignore-gfp-wait", "N");
		set_injection(sources[i], "ignore-gfp-highmem", "N");
		set_injection(sources[i], "min-order", "0");
	}
}

static bool inject_function(const char *name, const char *retval)
{
	char file[80];

	set_injection("fail_function", "inject", "");
	if (!name)
		return true;
	if (!__zcgem_write_setting("/sys/kernel/debug/fail_function/inject", name))
		return false;
	snprintf(file, sizeof(file), "%s/retval", name);
	set_injection("fail_function", file, retval);
	return true;
}

/* The call with its nth point failing; whether it came to that point. */
static int run_nth(const struct step *step, struct scene *s, unsigned int nth, bool *injected)
{
	int control = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), ret;
	char text[16] = "";

	igt_assert_fd(control);
	snprintf(text, sizeof(text), "%u", nth);
	igt_assert(pwrite(control, text, strlen(text), 0) > 0);
	ret = step->run(s);
	/* reading copies too: a point that is met only here was not the call's */
	*injected = pread(control, text, sizeof(text) - 1, 0) > 0 && !strtoul(text, NULL, 10);
	/* and this copy fails if the point is the next one */
	if (pwrite(control, "0", 1, 0) != 1)
		igt_assert_eq(pwrite(control, "0", 1, 0), 1);
	close(control);
	return ret;
}

/* Run a step in a child, so that what a failed copy to the caller has left goes away with it. */
static void run_in_child(const struct devices *devices, const struct step *step,
			 int (*run)(const struct step *step, struct scene *s, unsigned int n,
				    bool *injected),
			 unsigned int n, struct outcome *outcome)
{
	struct zcgem_snapshot inside;
	bool injected = false;
	struct scene s;
	int status;
	pid_t pid;

	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		begin_scene(devices, step, &s);
		if (step->kind != CHANGES)
			zcgem_take_snapshot(devices->fd, &inside);
		outcome->ret = run(step, &s, n, &injected);
		outcome->injected = injected;
		/* the core does not undo what it cannot tell the caller of */
		outcome->leaked = outcome->ret && outcome->ret != -EFAULT &&
			step->kind != CHANGES && !zcgem_counts_come_back(devices->fd, &inside);
		outcome->again = outcome->ret ? step->run(&s) : 0;
		_exit(0);
	}
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert_f(!status, "%s %u: the child's status is %#x\n", step->name, n, status);
	igt_assert_f(!outcome->leaked, "%s %u fails with %d and leaves something\n", step->name, n,
		     outcome->ret);
	igt_assert_f(!outcome->again, "%s %u fails with %d, and again with %d\n", step->name, n,
		     outcome->ret, outcome->again);
}

static struct outcome *shared_outcome(void)
{
	void *map = mmap(NULL, sizeof(struct outcome), PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	igt_assert(map != MAP_FAILED);
	return map;
}

/* Faults end in a signal whatever the reason was. */
static bool expected(const struct step *step, int ret, bool interrupted)
{
	switch (-ret) {
	case 0:
		return true;
	case ENOMEM:
	case EFAULT:
		return !interrupted || step->run == do_fault;
	case EINTR:
		return interrupted;
	case EIO:
		return step->run == do_peek;
	case ENOENT:	/* of /proc, which could not make the entry */
		return step->run == do_peek && !interrupted;
	default:
		return false;
	}
}

/* Memory that an importer has mapped stays (EBUSY) where importers are not told of moves. */
static bool can_work(const struct devices *devices, const struct step *step)
{
	return devices->live || step->begin != have_mapped_import || step->run != do_evict;
}

/* A long run that failed can begin where it ended. */
static unsigned int first_step(void)
{
	const char *name = getenv("ZCGEM_FAILURE_FROM");
	unsigned int i;

	for (i = 0; name && i < ARRAY_SIZE(steps); i++)
		if (!strcmp(steps[i].name, name))
			return i;
	return 0;
}

static void fail_everywhere(const struct devices *devices, bool interrupted)
{
	unsigned int i, nth, points = 0, failed = 0;
	struct outcome *outcome = shared_outcome();

	for (i = first_step(); i < ARRAY_SIZE(steps); i++) {
		unsigned int so_far = failed;
		struct zcgem_snapshot before;

		if (!can_work(devices, &steps[i]))
			continue;
		zcgem_take_snapshot(devices->fd, &before);
		for (nth = 1; nth < MOST_POINTS; nth++) {
			run_in_child(devices, &steps[i], run_nth, nth, outcome);
			if (!outcome->injected)
				break;
			failed += outcome->ret != 0;
			igt_assert_f(expected(&steps[i], outcome->ret, interrupted) ||
				     expected(&steps[i], outcome->ret, false),
				     "%s %u fails with %d\n", steps[i].name, nth, outcome->ret);
		}
		igt_assert_f(nth < MOST_POINTS, "%s has no end\n", steps[i].name);
		igt_assert_eq(outcome->ret, 0);
		igt_info("%s: %u points, %u failures\n", steps[i].name, nth - 1, failed - so_far);
		zcgem_check_leaks(devices->fd, &before);
		points += nth - 1;
	}
	igt_info("%u points of failure, %u calls failed\n", points, failed);
	igt_assert_neq(failed, 0);
	munmap(outcome, sizeof(*outcome));
}

static void test_allocations(const struct devices *devices)
{
	require_injection();
	inject_function(NULL, NULL);
	fail_everywhere(devices, false);
}

/* Only of a function: sleeping allocations do not fail meanwhile. */
static void fail_function(const struct devices *devices, const char *name, const char *retval,
			  bool interrupted)
{
	require_injection();
	igt_require_f(inject_function(name, retval), "%s cannot be made to fail\n", name);
	set_injection("failslab", "ignore-gfp-wait", "Y");
	set_injection("fail_page_alloc", "ignore-gfp-wait", "Y");
	fail_everywhere(devices, interrupted);
	inject_function(NULL, NULL);
}

static void test_page_cache(const struct devices *devices)
{
	/* -ENOMEM */
	fail_function(devices, "__filemap_add_folio", "0xfffffffffffffff4", false);
}

static void test_locks(const struct devices *devices)
{
	/* -EINTR */
	fail_function(devices, "zcgem_object_lock", "0xfffffffffffffffc", true);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* The call with signals all the time; a fault is no call that a signal could end. */
static int run_signalled(const struct step *step, struct scene *s, unsigned int n,
			 bool *injected)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval timer = {
		.it_interval.tv_usec = 20 + 7 * n, .it_value.tv_usec = 1 + 13 * n,
	};
	int ret;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	ret = step->run(s);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	*injected = ret == -EINTR;
	return ret;
}

#define SIGNAL_ROUNDS	12

static void test_signals(const struct devices *devices)
{
	struct outcome *outcome = shared_outcome();
	unsigned int i, n, calls = 0, interrupted = 0, rounds = zcgem_rounds(SIGNAL_ROUNDS);
	struct zcgem_snapshot before;

	zcgem_take_snapshot(devices->fd, &before);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!can_work(devices, &steps[i]))
			continue;
		for (n = 0; n < rounds; n++) {
			run_in_child(devices, &steps[i], run_signalled, n, outcome);
			calls++;
			interrupted += outcome->injected;
			igt_assert_f(outcome->ret == 0 || outcome->ret == -EINTR ||
				     (steps[i].run == do_peek && outcome->ret == -EIO),
				     "%s fails with %d\n", steps[i].name, outcome->ret);
		}
		igt_info("%s\n", steps[i].name);
		zcgem_check_leaks(devices->fd, &before);
	}
	igt_info("%u calls, %u interrupted\n", calls, interrupted);
	munmap(outcome, sizeof(*outcome));
}

/* The call with no descriptor left. */
static int run_full(const struct step *step, struct scene *s, unsigned int n, bool *injected)
{
	struct rlimit limit, low;
	int ret, next = dup(s->fd);

	(void)n;
	igt_assert_fd(next);
	close(next);
	igt_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = next;
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ret = step->run(s);
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	*injected = ret == -EMFILE;
	return ret;
}

static void test_descriptors(const struct devices *devices)
{
	struct outcome *outcome = shared_outcome();
	struct zcgem_snapshot before;
	unsigned int i;

	zcgem_take_snapshot(devices->fd, &before);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i].kind != MAKES_FD)
			continue;
		run_in_child(devices, &steps[i], run_full, 0, outcome);
		igt_assert_f(outcome->injected, "%s gives %d\n", steps[i].name, outcome->ret);
		zcgem_check_leaks(devices->fd, &before);
	}
	munmap(outcome, sizeof(*outcome));
}

int igt_main()
{
	struct devices devices;

	igt_fixture() {
		open_devices(&devices);
	}

	igt_describe("Each allocation and each copy of each call fails once (class 12)");
	igt_subtest("allocations")
		test_allocations(&devices);

	igt_describe("Files get no new page in the middle of each call (class 12)");
	igt_subtest("page-cache")
		test_page_cache(&devices);

	igt_describe("Each wait for a lock of each call is interrupted once");
	igt_subtest("locks")
		test_locks(&devices);

	igt_describe("Each call under a storm of signals does all or nothing");
	igt_subtest("signals")
		test_signals(&devices);

	igt_describe("Calls that make a descriptor find the process's table full");
	igt_subtest("descriptors")
		test_descriptors(&devices);

	igt_fixture()
		close_devices(&devices);
}
