// SPDX-License-Identifier: MIT
/*
 * Fences of the engine that clients name: waits for objects, and submits that wait for each
 * other by syncobjs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "igt.h"
#include "igt_debugfs.h"
#include "igt_zcgem.h"
#include "igt_zcgem_blocked.h"
#include "igt_zcgem_submit.h"
#include "zcgem.h"

/**
 * TEST: zcgem sync
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Synchronization
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check the fences of the engine.
 *
 * SUBTEST: wait
 * Description: A wait ends with its fence or at its time, and tells readers from writers.
 *
 * SUBTEST: wait-signal
 * Description: A wait that signals interrupt ends at its time all the same.
 *
 * SUBTEST: wait-bad
 * Description: Unknown flags and handles are refused (class 2).
 *
 * SUBTEST: binary
 * Description: A binary syncobj orders submits, also of two clients.
 *
 * SUBTEST: timeline
 * Description: Points of a timeline order submits, and a point without a fence is refused.
 *
 * SUBTEST: in-error
 * Description: A submit whose in-fence fails is not done and has the same error.
 *
 * SUBTEST: in-error-timeline
 * Description: The library sees the failure of a submit behind a point of a timeline.
 *
 * SUBTEST: refused
 * Description: A submit that is refused leaves no fence anywhere.
 *
 * SUBTEST: same-fence
 * Description: A fence that is named very often, by points of a timeline, counts once.
 *
 * SUBTEST: too-many-fences
 * Description: A submit that would wait for more than 65536 fences gives E2BIG.
 *
 * SUBTEST: names
 * Description: A sync_file tells the driver and the timeline, also when its client has gone.
 *
 * SUBTEST: at-once
 * Description: A small submit with nothing to wait for is done by the call, but not before others of its queue.
 *
 * SUBTEST: table
 * Description: debugfs shows the queues with submits, and what they wait for.
 *
 * SUBTEST: priorities
 * Description: A submit waits for one of lower priority that it depends on.
 */

IGT_TEST_DESCRIPTION("Check the fences of the engine");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define SOON_NS		20000000ll

static void test_wait(int fd)
{
	struct blocked b;

	blocked_start(fd, &b, false);
	igt_assert_eq(__zcgem_wait(fd, b.handle, 0, 0), -ETIME);
	igt_assert_eq(__zcgem_wait(fd, b.handle, 0, -1), -ETIME);
	igt_assert_eq(__zcgem_wait(fd, b.handle, 0, INT64_MIN), -ETIME);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, zcgem_now() + SOON_NS),
		      -ETIME);
	igt_assert_eq(__zcgem_wait(fd, b.other, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	blocked_release(fd, &b);
	igt_assert_eq(__zcgem_wait(fd, b.handle, 0, INT64_MAX), 0);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	igt_assert_eq_u32(b.map[0], 1);
	blocked_close(fd, &b);

	/* it is read: another reader does not wait, a writer does */
	blocked_start(fd, &b, true);
	igt_assert_eq(__zcgem_wait(fd, b.handle, 0, 0), 0);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, 0), -ETIME);
	igt_assert_eq(__zcgem_wait(fd, b.other, 0, 0), -ETIME);
	blocked_release(fd, &b);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	blocked_close(fd, &b);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	alarms += sig == SIGALRM;
}

static void test_wait_signal(int fd)
{
	const struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = {};
	struct sigaction restart = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct sigaction interrupt = { .sa_handler = on_alarm }, old;
	struct drm_zcgem_gem_wait arg = {};
	struct blocked b;
	int64_t until;
	int ret;

	blocked_start(fd, &b, false);
	arg.handle = b.handle;
	sigaction(SIGALRM, &restart, &old);

	/* a restarted call has the same end, not a later one */
	setitimer(ITIMER_REAL, &often, NULL);
	until = zcgem_now() + 10 * SOON_NS;
	arg.timeout_ns = until;
	ret = ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WAIT, &arg) ? -errno : 0;
	setitimer(ITIMER_REAL, &never, NULL);
	igt_assert_eq(ret, -ETIME);
	igt_assert(zcgem_now() >= until);
	igt_assert_lt(0, alarms);

	sigaction(SIGALRM, &interrupt, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	arg.timeout_ns = INT64_MAX;
	ret = ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WAIT, &arg) ? -errno : 0;
	setitimer(ITIMER_REAL, &never, NULL);
	igt_assert_eq(ret, -EINTR);

	sigaction(SIGALRM, &old, NULL);
	blocked_release(fd, &b);
	blocked_close(fd, &b);
}

static void test_wait_bad(int fd)
{
	uint32_t handle = zcgem_create(fd, PAGES(1), 0);

	igt_assert_eq(__zcgem_wait(fd, handle, 0, 0), 0);
	igt_assert_eq(__zcgem_wait(fd, handle, 2, 0), -EINVAL);
	igt_assert_eq(__zcgem_wait(fd, handle, 1u << 31, 0), -EINVAL);
	igt_assert_eq(__zcgem_wait(fd, 0, 0, 0), -ENOENT);
	igt_assert_eq(__zcgem_wait(fd, handle + 1, 0, 0), -ENOENT);
}

/* The fence of one client's submit is another one's in-fence. */
static void test_binary(int fd)
{
	int other = drm_reopen_driver(fd), file, dmabuf;
	struct drm_zcgem_sync in = {}, out = {};
	struct drm_zcgem_op op;
	uint32_t handle, theirs;
	struct blocked b;

	blocked_start(fd, &b, false);
	dmabuf = zcgem_export(fd, b.handle);
	igt_assert_eq(__zcgem_import(other, dmabuf, &handle), 0);
	close(dmabuf);

	theirs = syncobj_new(other);
	file = syncobj_file(fd, b.out);
	syncobj_import_file(other, theirs, file);
	close(file);

	in.handle = theirs;
	out.handle = syncobj_new(other);
	op = zcgem_op_fill32(handle, 0, 4, 2);
	igt_assert_eq(__zcgem_submit_syncs(other, &op, &in, &out), 0);
	igt_assert_eq(syncobj_wait_for(other, out.handle, 0, zcgem_now() + SOON_NS), -ETIME);
	igt_assert_eq_u32(b.map[0], 0);
	blocked_release(fd, &b);
	igt_assert_eq(syncobj_error(other, out.handle), 0);
	igt_assert_eq_u32(b.map[0], 2);
	igt_assert_eq_u32(b.map[1], 1);

	syncobj_free(other, theirs);
	syncobj_free(other, out.handle);
	blocked_close(fd, &b);
	close(other);
}

static void test_timeline(int fd)
{
	uint32_t timeline = syncobj_new(fd), empty = syncobj_new(fd);
	struct drm_zcgem_sync in = { .handle = timeline }, out = { .handle = timeline };
	struct drm_zcgem_op op;
	struct blocked b;
	uint64_t point;

	blocked_open(fd, &b);
	op = zcgem_op_fill32(b.handle, 0, 4, 1);

	/* no fence yet, no such point yet */
	in.handle = empty;
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, NULL), -EINVAL);
	in.handle = timeline;
	in.point = 1;
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, NULL), -EINVAL);

	in = (struct drm_zcgem_sync) { .handle = b.in };
	out.point = 1;
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, &out), 0);
	in = (struct drm_zcgem_sync) { .handle = timeline, .point = 1 };
	out.point = 5;
	op = zcgem_op_fill32(b.other, 0, 4, 2);
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, &out), 0);
	in.point = 6;
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, NULL), -EINVAL);

	igt_assert_eq(syncobj_wait_for(fd, timeline, 1, zcgem_now() + SOON_NS), -ETIME);
	igt_assert_eq(syncobj_wait_for(fd, timeline, 5, 0), -ETIME);
	igt_assert_eq(drmSyncobjQuery(fd, &timeline, &point, 1), 0);
	igt_assert_eq_u64(point, 0);
	sw_sync_advance(b.timeline, 1);
	igt_assert_eq(syncobj_wait_for(fd, timeline, 5, zcgem_now() + WAIT_NS), 0);
	igt_assert_eq(drmSyncobjQuery(fd, &timeline, &point, 1), 0);
	igt_assert_eq_u64(point, 5);
	igt_assert_eq_u32(b.map[0], 1);
	igt_assert_eq_u32(b.other_map[0], 2);

	/* what has passed is no reason to wait */
	in.point = 3;
	out.point = 7;
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, &out), 0);
	igt_assert_eq(syncobj_wait_for(fd, timeline, 7, zcgem_now() + WAIT_NS), 0);

	syncobj_free(fd, timeline);
	syncobj_free(fd, empty);
	blocked_close(fd, &b);
}

static void test_in_error(int fd)
{
	struct drm_zcgem_sync in = {}, out = { .handle = syncobj_new(fd) };
	struct drm_zcgem_op op;
	struct blocked b;
	int error;

	blocked_start(fd, &b, false);
	in.handle = b.out;
	op = zcgem_op_fill32(b.other, 0, 4, 2);
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, &out), 0);

	/* a timeline that is closed fails its fences */
	close(b.timeline);
	error = syncobj_error(fd, b.in);
	igt_assert_lt(error, 0);
	igt_assert_eq(syncobj_error(fd, b.out), error);
	igt_assert_eq(syncobj_error(fd, out.handle), error);
	igt_assert_eq_u32(b.map[0], 0);
	igt_assert_eq_u32(b.other_map[0], 0);

	/* the same when it has failed already */
	in.handle = b.in;
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, &out), 0);
	igt_assert_eq(syncobj_error(fd, out.handle), error);

	/* and it is no error of the object */
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &out), 0);
	igt_assert_eq(syncobj_error(fd, out.handle), 0);
	igt_assert_eq_u32(b.other_map[0], 2);

	syncobj_free(fd, out.handle);
	b.timeline = -1;
	blocked_close(fd, &b);
}

/* A point is a fence of its own, which has no error. */
static void test_in_error_timeline(int fd)
{
	struct drm_zcgem_sync in = {}, out = { .handle = syncobj_new(fd), .point = 2 };
	uint32_t binary = syncobj_new(fd);
	struct drm_zcgem_op op;
	struct blocked b;
	int error, file;

	blocked_open(fd, &b);
	in.handle = b.in;
	op = zcgem_op_fill32(b.other, 0, 4, 2);
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, &out), 0);
	igt_assert_eq(drmSyncobjTransfer(fd, binary, 0, out.handle, out.point, 0), 0);
	file = syncobj_file(fd, binary);
	igt_assert_eq(zcgem_sync_file_status(file), 0);

	close(b.timeline);
	error = syncobj_error(fd, b.in);
	igt_assert_lt(error, 0);
	sync_file_wait(file);
	igt_assert_eq(zcgem_sync_file_status(file), error);
	igt_assert_eq_u32(b.other_map[0], 0);

	close(file);
	syncobj_free(fd, binary);
	syncobj_free(fd, out.handle);
	b.timeline = -1;
	blocked_close(fd, &b);
}

static void test_refused(int fd)
{
	struct drm_zcgem_sync in = {}, outs[2] = { { .handle = syncobj_new(fd) } };
	struct drm_zcgem_submit submit = {};
	struct drm_zcgem_op op;
	struct blocked b;
	int file;

	blocked_open(fd, &b);
	op = zcgem_op_fill32(b.handle, 0, 4, 2);
	submit.ops = (struct drm_zcgem_array) { sizeof(op), 1, (uintptr_t)&op };
	submit.out_syncs = (struct drm_zcgem_array) { sizeof(*outs), 2, (uintptr_t)outs };

	/* the second out-sync does not exist */
	igt_assert_eq(__zcgem_submit(fd, &submit), -ENOENT);
	igt_assert_neq(drmSyncobjExportSyncFile(fd, outs[0].handle, &file), 0);
	/* it does, but an in-sync has no fence */
	outs[1].handle = outs[0].handle;
	outs[1].point = 1;
	in.handle = b.out;
	submit.in_syncs = (struct drm_zcgem_array) { sizeof(in), 1, (uintptr_t)&in };
	igt_assert_eq(__zcgem_submit(fd, &submit), -EINVAL);
	igt_assert_neq(drmSyncobjExportSyncFile(fd, outs[0].handle, &file), 0);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	igt_assert_eq_u32(b.map[0], 0);

	syncobj_free(fd, outs[0].handle);
	blocked_close(fd, &b);
}

#define CHAIN		128
#define MAX_SYNCS	1024
#define MAX_FENCES	65536
#define POINTS		256

/* One fence, behind every point of a timeline, and that as often as a submit may name it. */
static void test_same_fence(int fd)
{
	struct drm_zcgem_sync in[MAX_SYNCS], out[POINTS];
	struct drm_zcgem_submit submit = {};
	uint32_t timeline = syncobj_new(fd);
	struct drm_zcgem_op op;
	struct blocked b;
	unsigned int i;

	blocked_open(fd, &b);
	op = zcgem_op_fill32(b.handle, 0, 4, 1);
	for (i = 0; i < MAX_SYNCS; i++)
		in[i] = (struct drm_zcgem_sync) { .handle = b.in };
	for (i = 0; i < POINTS; i++)
		out[i] = (struct drm_zcgem_sync) { .handle = timeline, .point = i + 1 };
	submit.ops = (struct drm_zcgem_array) { sizeof(op), 1, (uintptr_t)&op };
	submit.in_syncs = (struct drm_zcgem_array) { sizeof(*in), MAX_SYNCS, (uintptr_t)in };
	submit.out_syncs = (struct drm_zcgem_array) { sizeof(*out), POINTS, (uintptr_t)out };
	igt_assert_eq(__zcgem_submit(fd, &submit), 0);

	for (i = 0; i < MAX_SYNCS; i++)
		in[i] = (struct drm_zcgem_sync) { .handle = timeline, .point = POINTS };
	for (i = 0; i < POINTS; i++)
		out[i].point += POINTS;
	op = zcgem_op_fill32(b.other, 0, 4, 2);
	igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	igt_assert_eq(syncobj_wait_for(fd, timeline, 1, zcgem_now() + SOON_NS), -ETIME);
	sw_sync_advance(b.timeline, 1);
	igt_assert_eq(syncobj_wait_for(fd, timeline, 2 * POINTS, zcgem_now() + WAIT_NS), 0);
	igt_assert_eq_u32(b.map[0], 1);
	igt_assert_eq_u32(b.other_map[0], 2);
	syncobj_free(fd, timeline);
	blocked_close(fd, &b);
}

/* More different fences than a submit may wait for. */
static void test_too_many_fences(int fd)
{
	const unsigned int count = MAX_FENCES / CHAIN + 1;
	struct drm_zcgem_sync *in = calloc(count, sizeof(*in));
	struct drm_zcgem_submit submit = {};
	uint32_t binary = syncobj_new(fd), value = 0;
	struct drm_zcgem_op op;
	struct blocked b;
	unsigned int i, j;

	blocked_open(fd, &b);
	op = zcgem_op_fill32(b.handle, 0, 4, 1);
	for (i = 0; i < count; i++) {
		in[i] = (struct drm_zcgem_sync) { .handle = syncobj_new(fd), .point = CHAIN };
		for (j = 1; j <= CHAIN; j++) {
			int file = sw_sync_fence(b.timeline, ++value);

			syncobj_import_file(fd, binary, file);
			close(file);
			igt_assert_eq(drmSyncobjTransfer(fd, in[i].handle, j, binary, 0, 0), 0);
		}
	}
	submit.ops = (struct drm_zcgem_array) { sizeof(op), 1, (uintptr_t)&op };
	submit.in_syncs = (struct drm_zcgem_array) { sizeof(*in), count, (uintptr_t)in };
	igt_assert_eq(__zcgem_submit(fd, &submit), -E2BIG);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);

	/* as many as it may */
	submit.in_syncs.count--;
	igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, 0), -ETIME);
	sw_sync_advance(b.timeline, value);
	zcgem_wait(fd, b.handle);
	igt_assert_eq_u32(b.map[0], 1);

	for (i = 0; i < count; i++)
		syncobj_free(fd, in[i].handle);
	syncobj_free(fd, binary);
	free(in);
	blocked_close(fd, &b);
}

static void test_names(int fd)
{
	int client = drm_reopen_driver(fd), file;
	char driver[32], timeline[32];
	struct blocked b;

	/* what waits has a fence of its own */
	blocked_start(client, &b, false);
	file = syncobj_file(client, b.out);
	sync_file_names(file, driver, timeline);
	igt_assert(!strcmp(driver, "zcgem") && !strcmp(timeline, "copy"));
	blocked_release(client, &b);
	igt_assert_eq(sync_file_wait(file), 1);
	blocked_close(client, &b);
	close(client);

	/* kernels may forget the names of what has signalled, but not misread them */
	sync_file_names(file, driver, timeline);
	igt_info("driver '%s', timeline '%s'\n", driver, timeline);
	igt_assert(!strcmp(driver, "zcgem") || !strcmp(driver, "detached-driver"));
	igt_assert(!strcmp(timeline, "copy") || !strcmp(timeline, "signaled-timeline"));
	close(file);
}

static void test_at_once(int fd)
{
	const struct drm_zcgem_sync out = { .handle = syncobj_new(fd) };
	uint32_t handle = zcgem_create(fd, PAGES(16), 0);
	uint32_t *map = zcgem_mmap(fd, handle, PAGES(16), PROT_READ | PROT_WRITE);
	struct drm_zcgem_op op = zcgem_op_fill32(handle, 0, PAGES(16), 1);
	struct blocked b;

	igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &out), 0);
	igt_assert_eq_u32(map[0], 1);
	igt_assert_eq_u32(map[PAGES(16) / 4 - 1], 1);
	igt_assert_eq(syncobj_wait_for(fd, out.handle, 0, 0), 0);
	igt_assert_eq(syncobj_error(fd, out.handle), 0);
	igt_assert_eq(__zcgem_wait(fd, handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);

	/* behind one that waits, on another object */
	blocked_start(fd, &b, false);
	op.pattern = 2;
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &out), 0);
	igt_assert_eq(syncobj_wait_for(fd, out.handle, 0, 0), -ETIME);
	igt_assert_eq_u32(map[0], 1);
	blocked_release(fd, &b);
	igt_assert_eq(syncobj_error(fd, out.handle), 0);
	igt_assert_eq_u32(map[0], 2);
	blocked_close(fd, &b);
	syncobj_free(fd, out.handle);
	munmap(map, PAGES(16));
}

static void test_table(int fd)
{
	int dir = igt_debugfs_dir(fd), len;
	char text[4096], *row;
	unsigned int jobs;
	struct blocked b;

	igt_assert_fd(dir);
	blocked_start(fd, &b, false);
	zcgem_submit_op(fd, zcgem_op_fill32(b.other, 0, 4, 1));
	/* it is known what a submit waits for when it has become the first */
	len = igt_debugfs_simple_read(dir, "zcgem_jobs", text, sizeof(text));
	igt_assert_lt(0, len);
	row = strstr(text, "waits for 1 fences");
	igt_assert_f(row, "%s", text);
	while (row > text && row[-1] != '\n')
		row--;
	igt_assert_eq(sscanf(row, "%*u %*u %u", &jobs), 1);
	igt_assert_eq_u32(jobs, 2);
	blocked_release(fd, &b);
	zcgem_wait(fd, b.other);
	blocked_close(fd, &b);
	close(dir);
}

static void test_priorities(int fd)
{
	struct drm_zcgem_submit submit = { .priority = DRM_ZCGEM_PRIORITY_LOW };
	struct drm_zcgem_sync in = {}, out = {};
	struct drm_zcgem_op op;
	struct blocked b;

	blocked_open(fd, &b);
	in.handle = b.in;
	out.handle = b.out;
	op = zcgem_op_fill32(b.handle, 0, PAGES(1), 1);
	submit.ops = (struct drm_zcgem_array) { sizeof(op), 1, (uintptr_t)&op };
	submit.in_syncs = (struct drm_zcgem_array) { sizeof(in), 1, (uintptr_t)&in };
	submit.out_syncs = (struct drm_zcgem_array) { sizeof(out), 1, (uintptr_t)&out };
	igt_assert_eq(__zcgem_submit(fd, &submit), 0);

	submit.priority = DRM_ZCGEM_PRIORITY_HIGH;
	submit.in_syncs.count = 0;
	submit.out_syncs.count = 0;
	op = zcgem_op_fill32(b.handle, 0, 4, 2);
	igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	blocked_release(fd, &b);
	zcgem_wait(fd, b.handle);
	igt_assert_eq_u32(b.map[0], 2);
	igt_assert_eq_u32(b.map[1], 1);
	blocked_close(fd, &b);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A wait ends with its fence or at its time, and tells readers from writers");
	igt_subtest("wait")
		zcgem_run_counted(fd, test_wait);

	igt_describe("A wait that signals interrupt ends at its time all the same");
	igt_subtest("wait-signal")
		zcgem_run_counted(fd, test_wait_signal);

	igt_describe("Unknown flags and handles are refused (class 2)");
	igt_subtest("wait-bad")
		zcgem_run_counted(fd, test_wait_bad);

	igt_describe("A binary syncobj orders submits, also of two clients");
	igt_subtest("binary")
		zcgem_run_counted(fd, test_binary);

	igt_describe("Points of a timeline order submits, and a point without a fence is refused");
	igt_subtest("timeline")
		zcgem_run_counted(fd, test_timeline);

	igt_describe("A submit whose in-fence fails is not done and has the same error");
	igt_subtest("in-error")
		zcgem_run_counted(fd, test_in_error);

	igt_describe("The library sees the failure of a submit behind a point of a timeline");
	igt_subtest("in-error-timeline")
		zcgem_run_counted(fd, test_in_error_timeline);

	igt_describe("A submit that is refused leaves no fence anywhere");
	igt_subtest("refused")
		zcgem_run_counted(fd, test_refused);

	igt_describe("A fence that is named very often, by points of a timeline, counts once");
	igt_subtest("same-fence")
		zcgem_run_counted(fd, test_same_fence);

	igt_describe("A submit that would wait for more than 65536 fences gives E2BIG");
	igt_subtest("too-many-fences")
		zcgem_run_counted(fd, test_too_many_fences);

	igt_describe("A sync_file tells the driver and the timeline, also when its client has gone");
	igt_subtest("names")
		zcgem_run_counted(fd, test_names);

	igt_describe("A small submit with nothing to wait for is done by the call, but not before others of its queue");
	igt_subtest("at-once")
		zcgem_run_counted(fd, test_at_once);

	igt_describe("debugfs shows the queues with submits, and what they wait for");
	igt_subtest("table")
		zcgem_run_counted(fd, test_table);

	igt_describe("A submit waits for one of lower priority that it depends on");
	igt_subtest("priorities")
		zcgem_run_counted(fd, test_priorities);

	igt_fixture()
		drm_close_driver(fd);
}
