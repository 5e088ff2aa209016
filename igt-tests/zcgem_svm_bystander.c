// SPDX-License-Identifier: MIT
/*
 * What an owner's jobs on its mirrored memory cost those who have no part in it: a process that
 * writes a file back, reclaim, compaction, the OOM killer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_disk.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_svm.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem svm bystander
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that jobs on mirrored memory hold up no other process.
 *
 * SUBTEST: clean
 * Description: Write-back of pages with jobs that wait on them waits for none, and all of them stay (class 14).
 *
 * SUBTEST: page-out
 * Description: Reclaim of pages with jobs that wait on them ends those and waits for none (class 14).
 *
 * SUBTEST: page-out-running
 * Description: Reclaim waits for all jobs of a user that run on its pages no longer than for one (class 14).
 *
 * SUBTEST: compact
 * Description: Compaction beside pages with jobs that wait on them comes to its end (class 14).
 *
 * SUBTEST: oom-reap
 * Description: The OOM killer gets memory with idle objects over it from a victim that cannot exit (class 14).
 */

IGT_TEST_DESCRIPTION("Check that jobs on mirrored memory hold up no other process");

#define CLIENTS		64
#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)
/* Far above what the work takes, and far below a second for each client. */
#define LIMIT_SECONDS	25

#ifndef SYS_process_madvise
#define SYS_process_madvise	440
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open		434
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

/* What the owner of the memory has, in a process of its own. */
struct owner {
	char *memory;
	bool readonly;
	bool running;
	int fds[CLIENTS];
	uint32_t syncs[CLIENTS];
	int files[CLIENTS];
};

#define LONG_JOBS	150
#define LONG_OPS	1024
#define LONG_SIZE	MIB(32)

/* Hours of work; returns a sync_file of the last submit. */
static int queue_hours(int fd)
{
	struct drm_zcgem_op *ops = calloc(LONG_OPS, sizeof(*ops));
	uint32_t handle = zcgem_create(fd, LONG_SIZE, 0);
	const struct drm_zcgem_sync out = { .handle = syncobj_new(fd) };
	const struct drm_zcgem_submit submit = {
		.ops = { sizeof(*ops), LONG_OPS, (uintptr_t)ops },
		.out_syncs = { sizeof(out), 1, (uintptr_t)&out },
	};
	unsigned int i;

	igt_assert(ops);
	for (i = 0; i < LONG_OPS; i++)
		ops[i] = zcgem_op_fill32(handle, 0, LONG_SIZE, i);
	for (i = 0; i < LONG_JOBS; i++)
		igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	free(ops);
	return syncobj_file(fd, out.handle);
}

/* A client with an object over a page, and a job on it that waits for hours. */
static void start_waiting(struct owner *owner, unsigned int i, int hours)
{
	const struct drm_zcgem_sync out = { .handle = owner->syncs[i] };
	struct drm_zcgem_sync in = { .handle = syncobj_new(owner->fds[i]) };
	struct drm_zcgem_op op;
	struct svm svm;

	svm_open(&svm, owner->fds[i], owner->memory + PAGES(i), ZCGEM_PAGE,
		 owner->readonly ? DRM_ZCGEM_WRAP_READONLY : 0);
	syncobj_import_file(owner->fds[i], in.handle, hours);
	op = zcgem_op_copy(svm.buffer, 0, svm.handle, 0, ZCGEM_PAGE);
	igt_assert_eq(__zcgem_submit_syncs(owner->fds[i], &op, &in, &out), 0);
}

/* One with a job on it that runs, or would if there were workers enough. */
static void start_running(struct owner *owner, unsigned int i, int dmabuf)
{
	const struct drm_zcgem_sync out = { .handle = owner->syncs[i] };
	struct drm_zcgem_op *ops = calloc(LONG_OPS, sizeof(*ops));
	const struct drm_zcgem_submit submit = {
		.flags = DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC,
		.ops = { sizeof(*ops), LONG_OPS, (uintptr_t)ops },
		.out_syncs = { sizeof(out), 1, (uintptr_t)&out },
	};
	uint32_t large = prime_fd_to_handle(owner->fds[i], dmabuf);
	struct svm svm;
	unsigned int k;

	igt_assert(ops);
	svm_open(&svm, owner->fds[i], owner->memory + PAGES(i), ZCGEM_PAGE, 0);
	ops[0] = zcgem_op_copy(svm.buffer, 0, svm.handle, 0, ZCGEM_PAGE);
	for (k = 1; k < LONG_OPS; k++)
		ops[k] = zcgem_op_fill32(large, 0, LONG_SIZE, k);
	zcgem_mark_all(svm.map, ZCGEM_PAGE, 0);
	igt_assert_eq(__zcgem_submit(owner->fds[i], &submit), 0);
	/* it has begun when the page has arrived */
	while (!*(volatile uint64_t *)svm.map)
		usleep(1000);
	free(ops);
}

static void run_owner(int fd, struct owner *owner, int end)
{
	unsigned int i, pending = 0, again = 0, late = 0;
	int source = drm_reopen_driver(fd);
	int hours = owner->running ? -1 : queue_hours(source), dmabuf = -1;

	if (owner->running)
		igt_assert_eq(__zcgem_export(source, zcgem_create(source, LONG_SIZE, 0),
					     O_CLOEXEC | O_RDWR, &dmabuf), 0);
	/* reclaim leaves alone what is mapped twice, and huge pages are one for all */
	if (!owner->memory) {
		owner->memory = zcgem_anonymous(PAGES(CLIENTS));
		madvise(owner->memory, PAGES(CLIENTS), MADV_NOHUGEPAGE);
	}
	zcgem_mark_all(owner->memory, PAGES(CLIENTS), 1);
	for (i = 0; i < CLIENTS; i++) {
		owner->fds[i] = drm_reopen_driver(fd);
		owner->syncs[i] = syncobj_new(owner->fds[i]);
		if (owner->running)
			start_running(owner, i, dmabuf);
		else
			start_waiting(owner, i, hours);
		owner->files[i] = syncobj_file(owner->fds[i], owner->syncs[i]);
	}
	zcgem_say(end, (uintptr_t)owner->memory);
	zcgem_hear(end);
	for (i = 0; i < CLIENTS; i++) {
		int status = sync_file_status(owner->files[i]);

		pending += status == 0;
		again += status == -EAGAIN;
		late += status == -ETIMEDOUT;
	}
	zcgem_say(end, pending);
	zcgem_say(end, again);
	zcgem_say(end, late);
	_exit(0);
}

static void act_on_file(int file, pid_t pid, uint64_t address)
{
	(void)pid, (void)address;
	if (fsync(file))
		_exit(1);
}

static void act_page_out(int file, pid_t pid, uint64_t address)
{
	struct iovec range = { (void *)(uintptr_t)address, PAGES(CLIENTS) };
	int pidfd = syscall(SYS_pidfd_open, pid, 0);

	(void)file;
	if (pidfd < 0 || syscall(SYS_process_madvise, pidfd, &range, 1, MADV_PAGEOUT, 0) < 0)
		_exit(1);
}

static void act_compact(int file, pid_t pid, uint64_t address)
{
	(void)file, (void)pid, (void)address;
	if (!__zcgem_write_setting("/proc/sys/vm/compact_memory", "1"))
		_exit(1);
}

struct outcome {
	uint64_t pending;	/* not over */
	uint64_t again;		/* ended before they began */
	uint64_t late;		/* ended while they ran, or before on account of others */
};

/* What @act does to an owner's memory, done by another process, ends in time. */
static void beside_owner(int fd, struct owner *owner, int file,
			 void (*act)(int file, pid_t pid, uint64_t address),
			 struct outcome *outcome)
{
	struct zcgem_line line;
	int status, unused;
	uint64_t address;
	pid_t pid, other;
	bool ended;

	zcgem_open_line(&line);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		zcgem_take_end(&line, 1);
		run_owner(fd, owner, line.end[1]);
	}
	zcgem_take_end(&line, 0);
	address = zcgem_hear(line.end[0]);

	other = fork();
	igt_assert(other >= 0);
	if (!other) {
		act(file, pid, address);
		_exit(0);
	}
	ended = zcgem_wait_for_end(other, LIMIT_SECONDS, &status);
	if (ended) {
		zcgem_say(line.end[0], 0);
		outcome->pending = zcgem_hear(line.end[0]);
		outcome->again = zcgem_hear(line.end[0]);
		outcome->late = zcgem_hear(line.end[0]);
		igt_info("%" PRIu64 " jobs pending, %" PRIu64 " ended before they began, %" PRIu64
			 " ended late\n", outcome->pending, outcome->again, outcome->late);
	}
	kill(pid, SIGKILL);
	igt_assert(zcgem_wait_for_end(pid, 10 * LIMIT_SECONDS, &unused));
	zcgem_close_line(&line);
	if (!ended)
		waitpid(other, &status, 0);
	igt_assert_f(ended, "it took more than %u seconds\n", LIMIT_SECONDS);
	igt_assert_eq(status, 0);
}

static void test_clean(int fd)
{
	struct owner owner = { .readonly = true };
	struct outcome outcome;
	struct zcgem_disk disk;
	int file;

	zcgem_disk_open(&disk);
	zcgem_disk_mount(&disk);
	file = zcgem_disk_file(&disk, 0, PAGES(CLIENTS));
	owner.memory = zcgem_map_memfd(file, 0, PAGES(CLIENTS));
	beside_owner(fd, &owner, file, act_on_file, &outcome);
	munmap(owner.memory, PAGES(CLIENTS));
	close(file);
	zcgem_disk_close(&disk);
	igt_assert_eq_u64(outcome.pending, CLIENTS);
}

static void test_page_out(int fd)
{
	struct owner owner = {};
	struct outcome outcome;

	zcgem_require_swap(MIB(16));
	beside_owner(fd, &owner, -1, act_page_out, &outcome);
	zcgem_end_swap();
	igt_assert_lt_u64(0, outcome.again);
	igt_assert_eq_u64(outcome.late, 0);
	igt_assert_eq_u64(outcome.again + outcome.pending, CLIENTS);
}

static void test_page_out_running(int fd)
{
	struct owner owner = { .running = true };
	struct outcome outcome;

	zcgem_require_swap(MIB(16));
	beside_owner(fd, &owner, -1, act_page_out, &outcome);
	zcgem_end_swap();
	igt_assert_lt_u64(0, outcome.late);
}

static void test_compact(int fd)
{
	struct owner owner = {};
	struct outcome outcome;

	beside_owner(fd, &owner, -1, act_compact, &outcome);
	igt_assert_eq_u64(outcome.again + outcome.pending, CLIENTS);
}

#define GROUP		"/run/igt-cgroup/bystander"
#define HOG_SIZE	MIB(24)

static void leave_group(int sig)
{
	(void)sig;
	rmdir(GROUP);
	umount2("/run/igt-cgroup", MNT_DETACH);
	rmdir("/run/igt-cgroup");
}

/* A control group with room for less than a hog, and no swap. */
static void make_group(void)
{
	mkdir("/run/igt-cgroup", 0700);
	igt_require_f(!mount("none", "/run/igt-cgroup", "cgroup2", 0, NULL), "no cgroup2: %m\n");
	igt_install_exit_handler(leave_group);
	igt_require_f(__zcgem_write_setting("/run/igt-cgroup/cgroup.subtree_control", "+memory"),
		      "no memory controller: %m\n");
	igt_assert(!mkdir(GROUP, 0700) || errno == EEXIST);
	igt_assert(__zcgem_write_setting(GROUP "/memory.max", "16777216"));
	__zcgem_write_setting(GROUP "/memory.swap.max", "0");
}

struct hog {
	int fd, end;
};

static void *fill_memory(void *data)
{
	const struct hog *hog = data;
	char *memory = zcgem_anonymous(HOG_SIZE);
	uint64_t at;

	madvise(memory, HOG_SIZE, MADV_NOHUGEPAGE);
	for (at = 0; at < HOG_SIZE; at += MIB(1)) {
		uint32_t handle;

		memset(memory + at, 1, MIB(1));
		igt_assert_eq(__zcgem_wrap_svm(hog->fd, memory + at, MIB(1), 0, &handle), 0);
		zcgem_say(hog->end, at);
	}
	_exit(1);
}

/* Its main thread cannot be killed while the file system is frozen, so the memory stays. */
static void run_hog(struct hog *hog, int file)
{
	pthread_t thread;

	igt_assert(__zcgem_write_setting(GROUP "/cgroup.procs", "0"));
	igt_assert_eq(pthread_create(&thread, NULL, fill_memory, hog), 0);
	_exit(write(file, "x", 1) != 1);
}

static uint64_t anonymous_kib(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return zcgem_read_key(path, "RssAnon");
}

static void test_oom_reap(int fd)
{
	struct zcgem_disk disk;
	struct zcgem_line line;
	unsigned int tenths;
	uint64_t left = 0, at;
	int file, status;
	pid_t pid;

	make_group();
	zcgem_disk_open(&disk);
	zcgem_disk_mount(&disk);
	file = zcgem_disk_file(&disk, 0, 0);
	igt_require_f(!ioctl(file, FIFREEZE, 0), "cannot freeze ext4: %m\n");

	zcgem_open_line(&line);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		zcgem_take_end(&line, 1);
		run_hog(&(struct hog) { drm_reopen_driver(fd), line.end[1] }, file);
	}
	zcgem_take_end(&line, 0);
	do
		at = zcgem_hear(line.end[0]);
	while (at < MIB(8));
	/* it goes on by itself until the OOM killer comes, whose other way is the reaper */
	for (tenths = 0; tenths < 10 * LIMIT_SECONDS; tenths++) {
		left = anonymous_kib(pid);
		if (left < 2048)
			break;
		usleep(100000);
	}
	igt_assert_eq(waitpid(pid, &status, WNOHANG), 0);
	igt_assert_eq(ioctl(file, FITHAW, 0), 0);
	igt_assert(zcgem_wait_for_end(pid, LIMIT_SECONDS, &status));
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	zcgem_close_line(&line);
	close(file);
	zcgem_disk_close(&disk);
	leave_group(0);
	igt_assert_f(left < 2048, "%" PRIu64 " KiB are still there\n", left);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Write-back of pages with jobs that wait on them waits for none, and all of them stay (class 14)");
	igt_subtest("clean")
		zcgem_run_counted(fd, test_clean);

	igt_describe("Reclaim of pages with jobs that wait on them ends those and waits for none (class 14)");
	igt_subtest("page-out")
		zcgem_run_counted(fd, test_page_out);

	igt_describe("Reclaim waits for all jobs of a user that run on its pages no longer than for one (class 14)");
	igt_subtest("page-out-running")
		zcgem_run_counted(fd, test_page_out_running);

	igt_describe("Compaction beside pages with jobs that wait on them comes to its end (class 14)");
	igt_subtest("compact")
		zcgem_run_counted(fd, test_compact);

	igt_describe("The OOM killer gets memory with idle objects over it from a victim that cannot exit (class 14)");
	igt_subtest("oom-reap")
		zcgem_run_counted(fd, test_oom_reap);

	igt_fixture()
		drm_close_driver(fd);
}
