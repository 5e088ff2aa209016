// SPDX-License-Identifier: MIT
/*
 * Objects that mirror address ranges, while the processes that use them come and go: those
 * that made them, those that share them, and those that end with jobs still queued.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_mm.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_svm.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem svm process
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects that mirror address ranges while processes share them and end.
 *
 * SUBTEST: other-process
 * Description: A child, and a process that was sent the DRM file, run jobs on the creator's memory.
 *
 * SUBTEST: creator-exits
 * Description: Jobs on the memory of a process that has exited give EFAULT (class 12).
 *
 * SUBTEST: creator-execs
 * Description: So do jobs on the memory of a process that runs another program now (class 12).
 *
 * SUBTEST: close-in-flight
 * Description: Handle, memory and file may go while jobs are queued, and nothing is left (class 13).
 *
 * SUBTEST: exit-in-flight
 * Description: A process that is killed while its jobs are queued ends, and nothing is left (class 13).
 *
 * SUBTEST: munmap-long-jobs
 * Description: Memory with work for hours queued before a job on it can be unmapped, and the job fails (class 14).
 *
 * SUBTEST: exit-long-jobs
 * Description: A process that has queued work for hours on its memory can be killed (class 14).
 */

IGT_TEST_DESCRIPTION("Check objects that mirror address ranges while processes share them and end");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define OLD		(1ull << 32)
#define NEW		(2ull << 32)
#define CHILD		(3ull << 32)

static void test_other_process(int fd)
{
	const uint64_t size = PAGES(8);
	char *user = zcgem_anonymous(size);
	struct zcgem_line line;
	struct svm svm;
	unsigned int sent;

	svm_open(&svm, fd, user, size, 0);
	for (sent = 0; sent < 2; sent++) {
		zcgem_mark_all(user, size, OLD);
		zcgem_open_line(&line);
		igt_fork(child, 1) {
			struct svm theirs = svm;

			zcgem_take_end(&line, 1);
			zcgem_mark_all(user, size, CHILD);
			if (sent)
				theirs.fd = zcgem_receive_fd(line.end[1]);
			zcgem_hear(line.end[1]);
			/* the creator's memory, not the child's at the same place */
			svm_check_marks(&theirs, OLD);
			svm_write_marks(&theirs, NEW);
			zcgem_check_marks(user, size, CHILD);
			zcgem_say(line.end[1], 0);
			zcgem_hear(line.end[1]);
			igt_assert_eq(__svm_read(&theirs), -EFAULT);
			zcgem_check_marks(user, size, CHILD);
		}
		zcgem_take_end(&line, 0);
		if (sent)
			zcgem_send_fd(line.end[0], fd);
		zcgem_say(line.end[0], 0);
		zcgem_hear(line.end[0]);
		zcgem_check_marks(user, size, NEW);
		munmap(user, size);
		zcgem_say(line.end[0], 0);
		igt_waitchildren();
		zcgem_map_there(user, size);
		zcgem_close_line(&line);
	}
	svm_check_same(&svm, user);
	svm_close(&svm);
	munmap(user, size);
}

/* A child makes an object by the file that it shares with its parent, and tells the handles. */
static void make_object_and_tell(int fd, int end, uint64_t size)
{
	char *user = zcgem_anonymous(size);
	struct svm svm;

	zcgem_mark_all(user, size, CHILD);
	svm_open(&svm, fd, user, size, 0);
	zcgem_say(end, svm.handle);
	zcgem_say(end, svm.buffer);
	zcgem_hear(end);
}

static void hear_object(struct svm *svm, int fd, int end, uint64_t size)
{
	svm->fd = fd;
	svm->size = size;
	svm->handle = zcgem_hear(end);
	svm->buffer = zcgem_hear(end);
	svm->map = zcgem_mmap(fd, svm->buffer, size, RW);
	svm_check_marks(svm, CHILD);
}

static void test_creator_exits(int fd)
{
	const uint64_t size = PAGES(8);
	struct zcgem_line line;
	struct svm svm;

	zcgem_open_line(&line);
	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		make_object_and_tell(fd, line.end[1], size);
	}
	zcgem_take_end(&line, 0);
	hear_object(&svm, fd, line.end[0], size);
	zcgem_say(line.end[0], 0);
	igt_waitchildren();
	svm_expect_gone(&svm);
	igt_assert_eq(__zcgem_revalidate(fd, svm.handle, size), -EFAULT);
	zcgem_evict(fd, svm.handle, size);
	svm_expect_gone(&svm);
	svm_close(&svm);
	zcgem_close_line(&line);
}

static void test_creator_execs(int fd)
{
	const uint64_t size = PAGES(8);
	struct zcgem_line line;
	struct svm svm;

	zcgem_open_line(&line);
	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		make_object_and_tell(fd, line.end[1], size);
		/* it goes on as cat, which ends when the line is closed, not before */
		dup2(line.end[1], 0);
		execlp("cat", "cat", NULL);
		igt_assert_f(false, "no cat: %m\n");
	}
	zcgem_take_end(&line, 0);
	hear_object(&svm, fd, line.end[0], size);
	zcgem_say(line.end[0], 0);
	/* the end that only the old program had is closed by the exec */
	while (!__svm_read(&svm))
		usleep(1000);
	svm_expect_gone(&svm);
	svm_close(&svm);
	zcgem_close_line(&line);
	igt_waitchildren();
}

/* So many that some are queued still when the call returns. */
static void queue_jobs(struct svm *svm, unsigned int count)
{
	while (count--) {
		zcgem_submit_op(svm->fd, zcgem_op_copy(svm->buffer, 0, svm->handle, 0, svm->size));
		zcgem_submit_op(svm->fd, zcgem_op_copy(svm->handle, 0, svm->buffer, 0, svm->size));
	}
}

static void test_close_in_flight(int fd)
{
	const uint64_t size = PAGES(512);
	unsigned int round;

	for (round = 0; round < 8; round++) {
		char *user = zcgem_anonymous(size);
		int own = drm_reopen_driver(fd);
		struct svm svm;

		zcgem_mark_all(user, size, OLD);
		svm_open(&svm, own, user, size, 0);
		svm_read(&svm);
		queue_jobs(&svm, 16);
		if (round & 1)
			munmap(user, size);
		if (round & 2)
			svm_close(&svm);
		else
			munmap(svm.map, size);
		if (round & 4) {
			close(own);
			own = -1;
		}
		if (!(round & 1)) {
			/* neither cancelled jobs nor whole ones change anything */
			zcgem_check_marks(user, size, OLD);
			munmap(user, size);
		}
		if (own >= 0)
			close(own);
	}
}

#define LONG_JOBS	150
#define LONG_OPS	1024
#define LONG_SIZE	(32ull << 20)
/* Seconds in which what has such jobs ends. */
#define END_SECONDS	60

/* Some terabytes of fills. */
static void queue_long_jobs(int fd)
{
	struct drm_zcgem_op *ops = calloc(LONG_OPS, sizeof(*ops));
	uint32_t handle = zcgem_create(fd, LONG_SIZE, 0);
	unsigned int i;

	for (i = 0; i < LONG_OPS; i++)
		ops[i] = zcgem_op_fill32(handle, 0, LONG_SIZE, i);
	for (i = 0; i < LONG_JOBS; i++)
		igt_assert_eq(__zcgem_submit_ops(fd, ops, LONG_OPS), 0);
	free(ops);
}

static void munmap_under_long_jobs(int fd)
{
	const uint64_t size = PAGES(16);
	struct drm_zcgem_sync last[2], behind = { .handle = syncobj_new(fd) };
	struct drm_zcgem_op op;
	struct svm svm[2];
	char *user[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		queue_long_jobs(fd);
		user[i] = zcgem_anonymous(size);
		svm_open(&svm[i], fd, user[i], size, 0);
		last[i] = (struct drm_zcgem_sync) { .handle = syncobj_new(fd) };
		op = zcgem_op_copy(svm[i].handle, 0, svm[i].buffer, 0, size);
		igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &last[i]), 0);
	}
	queue_long_jobs(fd);
	op = zcgem_op_fill32(svm[0].buffer, 0, 4, 1);
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &behind), 0);

	for (i = 0; i < 2; i++) {
		munmap(user[i], size);
		igt_assert_eq(syncobj_error(fd, last[i].handle), -ETIMEDOUT);
	}
	igt_assert_eq(syncobj_wait_for(fd, behind.handle, 0, 0), -ETIME);
}

static void test_munmap_long_jobs(int fd)
{
	int status;
	pid_t pid;

	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		munmap_under_long_jobs(drm_reopen_driver(fd));
		_exit(0);
	}
	igt_assert(zcgem_wait_for_end(pid, END_SECONDS, &status));
	igt_assert_eq(status, 0);
}

static void test_exit_long_jobs(int fd)
{
	const uint64_t size = PAGES(16);
	struct zcgem_line line;
	int status;
	pid_t pid;

	zcgem_open_line(&line);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		int own = drm_reopen_driver(fd);
		struct svm svm;

		zcgem_take_end(&line, 1);
		svm_open(&svm, own, zcgem_anonymous(size), size, 0);
		queue_long_jobs(own);
		queue_jobs(&svm, 16);
		zcgem_say(line.end[1], 0);
		pause();
		_exit(1);
	}
	zcgem_take_end(&line, 0);
	zcgem_hear(line.end[0]);
	kill(pid, SIGKILL);
	igt_assert(zcgem_wait_for_end(pid, END_SECONDS, &status));
	igt_assert(WIFSIGNALED(status));
	zcgem_close_line(&line);
}

static void test_exit_in_flight(int fd)
{
	const uint64_t size = PAGES(512);
	unsigned int round;

	for (round = 0; round < 4; round++) {
		struct zcgem_line line;
		int status;
		pid_t pid;

		zcgem_open_line(&line);
		pid = fork();
		igt_assert(pid >= 0);
		if (!pid) {
			char *user = zcgem_anonymous(size);
			int own = drm_reopen_driver(fd);
			struct svm svm;

			zcgem_take_end(&line, 1);
			svm_open(&svm, own, user, size, 0);
			queue_jobs(&svm, 16);
			zcgem_say(line.end[1], 0);
			if (round & 1)
				_exit(0);
			for (;;)
				queue_jobs(&svm, 1);
		}
		zcgem_take_end(&line, 0);
		zcgem_hear(line.end[0]);
		if (!(round & 1))
			kill(pid, SIGKILL);
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		zcgem_close_line(&line);
	}
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A child, and a process that was sent the DRM file, run jobs on the creator's memory");
	igt_subtest("other-process")
		zcgem_run_counted(fd, test_other_process);

	igt_describe("Jobs on the memory of a process that has exited give EFAULT (class 12)");
	igt_subtest("creator-exits")
		zcgem_run_counted(fd, test_creator_exits);

	igt_describe("So do jobs on the memory of a process that runs another program now (class 12)");
	igt_subtest("creator-execs")
		zcgem_run_counted(fd, test_creator_execs);

	igt_describe("Handle, memory and file may go while jobs are queued, and nothing is left (class 13)");
	igt_subtest("close-in-flight")
		zcgem_run_counted(fd, test_close_in_flight);

	igt_describe("A process that is killed while its jobs are queued ends, and nothing is left (class 13)");
	igt_subtest("exit-in-flight")
		zcgem_run_counted(fd, test_exit_in_flight);

	igt_describe("Memory with work for hours queued before a job on it can be unmapped, and the job fails (class 14)");
	igt_subtest("munmap-long-jobs")
		zcgem_run_counted(fd, test_munmap_long_jobs);

	igt_describe("A process that has queued work for hours on its memory can be killed (class 14)");
	igt_subtest("exit-long-jobs")
		zcgem_run_counted(fd, test_exit_long_jobs);

	igt_fixture()
		drm_close_driver(fd);
}
