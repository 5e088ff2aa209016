// SPDX-License-Identifier: MIT
/*
 * Nothing that a client can ask for goes on for ever: submits without an end, faults of a task
 * that is to end or to take a signal, and objects as large as the machine's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_holder.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_tracing.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem bounded
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Driver
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that nothing a client asks for goes on for ever.
 *
 * SUBTEST: endless-submit
 * Description: A submit that runs too long ends with ETIMEDOUT, and what comes after it runs (class 14).
 *
 * SUBTEST: cancelled-first
 * Description: A submit that was cancelled ends while others with no end of theirs run (class 14).
 *
 * SUBTEST: killed-in-copy
 * Description: A task that is killed while the kernel copies into a mapping ends (class 14).
 *
 * SUBTEST: signal-in-copy
 * Description: A signal while the kernel copies into a mapping that waits makes it no busier.
 *
 * SUBTEST: signal-in-copy-locked
 * Description: The same where what it waits for is the lock of the object.
 *
 * SUBTEST: futex-locked
 * Description: The same for a futex in the mapping.
 *
 * SUBTEST: fault-rounds
 * Description: However busy an object is, a fault begins again a few times only.
 */

IGT_TEST_DESCRIPTION("Check that nothing a client asks for goes on for ever");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

#define ENDLESS_SIZE	MIB(16)
#define ENDLESS_OPS	1024

/* So many rows of a word each that no machine is through with them in minutes. */
static int submit_endless(int fd)
{
	struct drm_zcgem_op *ops = calloc(ENDLESS_OPS, sizeof(*ops));
	struct drm_zcgem_sync out = { .handle = syncobj_new(fd) };
	struct drm_zcgem_submit submit = {
		.ops = { .stride = sizeof(*ops), .count = ENDLESS_OPS, .pointer = (uintptr_t)ops },
		.out_syncs = { .stride = sizeof(out), .count = 1, .pointer = (uintptr_t)&out },
	};
	uint32_t handle = zcgem_create(fd, ENDLESS_SIZE, 0);
	int i, file;

	for (i = 0; i < ENDLESS_OPS; i++) {
		ops[i] = zcgem_op_fill32(handle, 0, 4, i);
		ops[i].height = ENDLESS_SIZE / 4;
		ops[i].dst_pitch = 4;
	}
	igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	file = syncobj_file(fd, out.handle);
	syncobj_free(fd, out.handle);
	gem_close(fd, handle);
	free(ops);
	return file;
}

static void test_endless_submit(int fd)
{
	uint64_t limit = zcgem_get_param(fd, DRM_ZCGEM_PARAM_JOB_TIMEOUT);
	uint32_t handle = zcgem_create(fd, PAGES(1), 0);
	uint32_t *map = zcgem_mmap(fd, handle, PAGES(1), RW);
	int64_t start = zcgem_now();
	int endless = submit_endless(fd), next;

	next = zcgem_submit_for_file(fd, zcgem_op_fill32(handle, 0, 4, 3), 0);
	igt_assert_eq(sync_file_wait(endless), -ETIMEDOUT);
	igt_assert_lte_u64(limit, zcgem_now() - start);
	igt_assert_eq(sync_file_wait(next), 1);
	igt_assert_eq_u32(map[0], 3);
	munmap(map, PAGES(1));
	close(endless);
	close(next);
}

static void test_cancelled_first(int fd)
{
	int clients[20], files[20];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(clients); i++) {
		clients[i] = drm_reopen_driver(fd);
		files[i] = submit_endless(clients[i]);
	}
	for (i = 0; i < ARRAY_SIZE(clients); i++) {
		close(clients[i]);
		/* nobody waits for the other ones' time to be over */
		igt_assert_eq(sync_file_status(files[i]), -ECANCELED);
		if (i + 1 < ARRAY_SIZE(clients))
			igt_assert_eq(sync_file_status(files[ARRAY_SIZE(clients) - 1]), 0);
		close(files[i]);
	}
}

/* Has its object fetched anew all the time, by the kernel's own accesses. */
static void __attribute__((noreturn)) copy_for_ever(int fd, uint32_t handle, void *map,
						    uint64_t size)
{
	int zero = open("/dev/zero", O_RDONLY);

	for (;;) {
		__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_EVICT, 0, size, NULL);
		if (read(zero, map, ZCGEM_PAGE) != (ssize_t)ZCGEM_PAGE)
			_exit(1);
	}
}

static void test_killed_in_copy(int fd)
{
	const uint64_t size = MIB(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), round, status;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	void *map = zcgem_mmap(fd, handle, size, RW);
	pid_t pid;

	for (round = 0; round < 20; round++) {
		pid = fork();
		igt_assert(pid >= 0);
		if (!pid)
			copy_for_ever(fd, handle, map, size);
		usleep(30000 + round * 1700);
		kill(pid, SIGKILL);
		if (!zcgem_wait_for_end(pid, 30, &status)) {
			/* have it end, so that only the test fails */
			__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL);
			waitpid(pid, &status, 0);
			igt_assert_f(false, "killed, but it went on\n");
		}
		igt_assert(WIFSIGNALED(status));
	}
	munmap(map, size);
	close(memfd);
}

static int on_time;

static void on_alarm(int sig)
{
	(void)sig;
	on_time++;
}

/* Looks at a task that waits for a timeline, and then lets it go on. */
struct observer {
	pthread_t thread;
	pid_t task;
	int timeline;
	bool asleep;
};

#define LOOKS		20000
#define ASLEEP_LOOKS	20

/* Whether it sleeps although there is a SIGALRM for it. */
static bool sleeps_with_signal(pid_t task)
{
	unsigned long long pending = 0;
	char path[64], line[256], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", task);
	file = fopen(path, "r");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "ShdPnd: %llx", &pending);
	}
	fclose(file);
	return (state == 'S' || state == 'D') && pending & 1ull << (SIGALRM - 1);
}

/* A task that goes round and round for a signal is found running at one of so many looks. */
static void *observe(void *data)
{
	struct observer *observer = data;
	unsigned int looks, asleep = 0;

	for (looks = 0; looks < LOOKS && asleep < ASLEEP_LOOKS; looks++) {
		usleep(1000);
		asleep = sleeps_with_signal(observer->task) ? asleep + 1 : 0;
	}
	observer->asleep = asleep == ASLEEP_LOOKS;
	sw_sync_advance(observer->timeline, 1);
	return NULL;
}

/* Signals for this thread only, often, until end_signals(). */
static void begin_signals(void)
{
	struct itimerval timer = {
		.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000,
	};
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

	on_time = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void end_signals(void)
{
	struct itimerval timer = {};

	setitimer(ITIMER_REAL, &timer, NULL);
	igt_assert_lt(0, on_time);
}

/* Observes the caller. */
static void begin_observer(struct observer *observer, int timeline)
{
	sigset_t alarms;

	*observer = (struct observer) { .task = gettid(), .timeline = timeline };
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	igt_assert_eq(pthread_create(&observer->thread, NULL, observe, observer), 0);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
}

static void end_observer(struct observer *observer)
{
	pthread_join(observer->thread, NULL);
	igt_assert_f(observer->asleep, "it does not sleep while it waits and has a signal\n");
}

static void test_signal_in_copy(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), timeline = sw_sync_open();
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	char *map = zcgem_mmap(fd, handle, PAGES(4), RW), *own;
	int zero = open("/dev/zero", O_RDONLY), file;
	struct observer observer;

	own = zcgem_map_memfd(memfd, 0, PAGES(4));
	file = zcgem_submit_for_file(fd, zcgem_op_fill32(handle, 0, 4, 7),
				     syncobj_pending(fd, timeline));
	punch(memfd, 0, PAGES(1));
	own[5] = 1;
	begin_observer(&observer, timeline);
	begin_signals();
	igt_assert_eq(read(zero, map, PAGES(1)), PAGES(1));
	end_signals();
	end_observer(&observer);
	igt_assert_eq(sync_file_wait(file), 1);
	igt_assert_eq(own[5], 0);
	munmap(map, PAGES(4));
	munmap(own, PAGES(4));
	close(zero);
	close(file);
	close(timeline);
	close(memfd);
}

/* What a task does while another one holds the lock and signals come for this one. */
static void beside_holder(int fd, void (*use)(char *map))
{
	int memfd = zcgem_memfd(2 * ZCGEM_HUGE, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, 2 * ZCGEM_HUGE, 0);
	char *map = zcgem_mmap(fd, handle, 2 * ZCGEM_HUGE, RW);
	int dmabuf = zcgem_export(fd, handle);
	struct observer observer;
	struct holder holder;

	zcgem_hold_lock(fd, handle, memfd, dmabuf, &holder);
	begin_observer(&observer, holder.timeline);
	begin_signals();
	use(map + ZCGEM_HUGE);
	end_signals();
	zcgem_release_lock(&holder);
	end_observer(&observer);
	close(dmabuf);
	munmap(map, 2 * ZCGEM_HUGE);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void copy_into(char *map)
{
	int zero = open("/dev/zero", O_RDONLY);

	igt_assert_eq(read(zero, map, PAGES(1)), PAGES(1));
	close(zero);
}

static void test_signal_in_copy_locked(int fd)
{
	beside_holder(fd, copy_into);
}

/* The kernel's futex code cannot have a fault begin again, and comes back itself instead. */
static void wake_op(char *map)
{
	uint32_t other = 0;

	igt_assert_eq(syscall(SYS_futex, &other, FUTEX_WAKE_OP_PRIVATE, 1, 1L, map,
			      FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0)), 0);
	igt_assert_eq(*(volatile uint32_t *)map, 7);
}

static void test_futex_locked(int fd)
{
	beside_holder(fd, wake_op);
}

#define BUSY_SIZE	MIB(64)
#define BUSY_SYNCERS	8
#define BUSY_IMPORTERS	4
#define BUSY_TOUCHES	60
#define BUSY_ROUNDS	2

struct busy {
	pthread_t thread;
	int dmabuf;
	int device;
	volatile bool *stop;
};

static void *sync_on(void *data)
{
	struct busy *busy = data;

	while (!*busy->stop) {
		igt_assert_eq(dmabuf_sync(busy->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW), 0);
		igt_assert_eq(dmabuf_sync(busy->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW), 0);
	}
	return NULL;
}

static void *import_on(void *data)
{
	struct busy *busy = data;

	while (!*busy->stop) {
		importer_call(busy->device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		importer_call(busy->device, IMPORTER_UNMAP, 0);
	}
	return NULL;
}

/* The most events of rounds that came to nothing before one of a fault that was served. */
static unsigned int most_rounds(unsigned int *faults, unsigned int *retries)
{
	unsigned int rounds = 0, most = 0;
	FILE *trace = zcgem_open_trace();
	char line[512];

	while (fgets(line, sizeof(line), trace)) {
		if (strstr(line, ": zcgem_fault_retry: ")) {
			rounds++;
			(*retries)++;
			most = rounds > most ? rounds : most;
		} else if (strstr(line, ": zcgem_fault: ")) {
			rounds = 0;
			(*faults)++;
		}
	}
	fclose(trace);
	return most;
}

static void test_fault_rounds(int fd)
{
	struct busy busy[BUSY_SYNCERS + BUSY_IMPORTERS];
	unsigned int i, most, faults = 0, retries = 0;
	volatile bool stop = false;
	int memfd, dmabuf;
	uint32_t handle;

	require_importer();
	memfd = zcgem_memfd(BUSY_SIZE, F_SEAL_SHRINK);
	handle = zcgem_wrap_memfd(fd, memfd, 0, BUSY_SIZE, 0);
	dmabuf = zcgem_export(fd, handle);
	for (i = 0; i < ARRAY_SIZE(busy); i++) {
		busy[i].dmabuf = dmabuf;
		busy[i].stop = &stop;
		busy[i].device = i < BUSY_SYNCERS ? -1 : importer_new(dmabuf, IMPORTER_FOLLOWS);
		igt_assert_eq(pthread_create(&busy[i].thread, NULL,
					     i < BUSY_SYNCERS ? sync_on : import_on, &busy[i]), 0);
	}
	zcgem_begin_tracing(gettid());
	for (i = 0; i < BUSY_TOUCHES; i++) {
		volatile char *map = zcgem_mmap(fd, handle, BUSY_SIZE, RW);

		map[i % (BUSY_SIZE / ZCGEM_HUGE) * ZCGEM_HUGE] = i;
		munmap((void *)map, BUSY_SIZE);
	}
	stop = true;
	most = most_rounds(&faults, &retries);
	zcgem_end_tracing();
	for (i = 0; i < ARRAY_SIZE(busy); i++) {
		pthread_join(busy[i].thread, NULL);
		if (busy[i].device >= 0)
			close(busy[i].device);
	}
	igt_info("%u faults, %u rounds more, at most %u for one\n", faults, retries, most);
	igt_assert_eq(faults, BUSY_TOUCHES);
	/* with the lock of the VMA, and once with mmap_lock; after that it waits */
	igt_assert_lte(most, BUSY_ROUNDS);
	close(dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A submit that runs too long ends with ETIMEDOUT, and what comes after it runs (class 14)");
	igt_subtest("endless-submit")
		zcgem_run_counted(fd, test_endless_submit);

	igt_describe("A submit that was cancelled ends while others with no end of theirs run (class 14)");
	igt_subtest("cancelled-first")
		zcgem_run_counted(fd, test_cancelled_first);

	igt_describe("A task that is killed while the kernel copies into a mapping ends (class 14)");
	igt_subtest("killed-in-copy")
		zcgem_run_counted(fd, test_killed_in_copy);

	igt_describe("A signal while the kernel copies into a mapping that waits makes it no busier");
	igt_subtest("signal-in-copy")
		zcgem_run_counted(fd, test_signal_in_copy);

	igt_describe("The same where what it waits for is the lock of the object");
	igt_subtest("signal-in-copy-locked")
		zcgem_run_counted(fd, test_signal_in_copy_locked);

	igt_describe("The same for a futex in the mapping");
	igt_subtest("futex-locked")
		zcgem_run_counted(fd, test_futex_locked);

	igt_describe("However busy an object is, a fault begins again a few times only");
	igt_subtest("fault-rounds")
		zcgem_run_counted(fd, test_fault_rounds);

	igt_fixture()
		drm_close_driver(fd);
}
