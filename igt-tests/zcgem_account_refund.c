// SPDX-License-Identifier: MIT
/*
 * When a charge against RLIMIT_MEMLOCK is refunded, and to whom: objects that outlive the
 * process, the program, the node or the handle that they were made by.
 *
 * The work is done by processes of ordinary users that the test directs, as in
 * zcgem_account.c.
 */
#include <string.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_worker.h"

/**
 * TEST: zcgem account refund
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check when what objects cost is refunded, and to whom.
 *
 * SUBTEST: evicted
 * Description: An evicted object stays charged while a device is attached (class 11).
 *
 * SUBTEST: creator-exits
 * Description: The charge stays while a device or a dma-buf outlives the creator, and is refunded once (class 11).
 *
 * SUBTEST: last-holder
 * Description: The first device charges the creator, the last one that goes refunds it (class 11).
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
 */

IGT_TEST_DESCRIPTION("Check when what objects cost is refunded, and to whom");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define USER		65533
#define OTHER_USER	65532
/* RLIMIT_MEMLOCK of the users, in pages: 1 MiB */
#define LIMIT		256

static void test_evicted(int fd)
{
	struct zcgem_worker worker;
	uint32_t handle;

	zcgem_start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	handle = zcgem_ask_handle(&worker, ORDER_WRAP_ATTACHED, 100);
	igt_assert_eq(zcgem_ask(&worker, ORDER_EVICT, handle), 0);
	/* or the device's next mapping could fail for lack of a limit */
	zcgem_expect_room(&worker, LIMIT - 100);
	igt_assert_eq(zcgem_ask(&worker, ORDER_MAP, handle), 0);
	zcgem_expect_room(&worker, LIMIT - 100);
	igt_assert_eq(zcgem_ask(&worker, ORDER_EVICT, handle), 0);
	igt_assert_eq(zcgem_ask(&worker, ORDER_CLOSE, handle), 0);
	igt_assert_eq(zcgem_ask(&worker, ORDER_UNMAP, 0), 0);
	zcgem_expect_room(&worker, LIMIT);
	zcgem_end_workers(&worker, 1);
}

/*
 * All of these hold 40 pages by another object of the user, so that a refund that
 * came twice would be seen: the counter cannot go below what is held.
 */
static void start_pair(struct zcgem_worker *workers, int fd)
{
	zcgem_start_worker(&workers[0], fd, USER, PAGES(LIMIT), false);
	zcgem_start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	zcgem_ask_handle(&workers[1], ORDER_WRAP_ATTACHED, 40);
	zcgem_expect_room(&workers[1], LIMIT - 40);
}

static void end_first(struct zcgem_worker *workers)
{
	zcgem_tell(&workers[0], ORDER_END, 0);
	/* its end of the line is ours as well; its death is seen by what it held */
	zcgem_close_line(&workers[0].line);
}

/* What holds the object at the end: a device, or of an address range the dma-buf. */
static void exit_before(int fd, enum zcgem_order order)
{
	uint64_t before = zcgem_charged_pages(fd);
	bool attach = order == ORDER_WRAP;
	struct zcgem_worker workers[2];
	int dmabuf, held;

	start_pair(workers, fd);
	dmabuf = zcgem_ask_fd(&workers[0], ORDER_SEND_EXPORT,
			      zcgem_ask_handle(&workers[0], order, 100));
	held = attach ? importer_new(dmabuf, IMPORTER_FOLLOWS) : dup(dmabuf);
	close(dmabuf);
	end_first(workers);
	zcgem_expect_room(&workers[1], LIMIT - 140);
	igt_assert_eq_u64(zcgem_charged_pages(fd), before + 140);
	close(held);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	igt_assert_eq_u64(zcgem_charged_pages(fd), before + 40);
	zcgem_end_workers(&workers[1], 1);
}

static void test_creator_exits(int fd)
{
	exit_before(fd, ORDER_WRAP);
	exit_before(fd, ORDER_WRAP_ADDRESS);
}

/* Each attachment, pin and kernel mapping by another user's device; the last one refunds. */
static void test_last_holder(int fd)
{
	struct zcgem_worker workers[2];
	int dmabuf, device[2];
	uint32_t handle;

	start_pair(workers, fd);
	handle = zcgem_ask_handle(&workers[0], ORDER_WRAP, 100);
	dmabuf = zcgem_ask_fd(&workers[0], ORDER_SEND_EXPORT, handle);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	device[0] = importer_new(dmabuf, IMPORTER_FOLLOWS);
	zcgem_expect_room(&workers[1], LIMIT - 140);
	device[1] = importer_new(dmabuf, IMPORTER_FOLLOWS);
	importer_call(device[0], IMPORTER_VMAP, 0);
	importer_call(device[1], IMPORTER_PIN, 0);
	importer_call(device[1], IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	zcgem_expect_room(&workers[1], LIMIT - 140);
	importer_call(device[1], IMPORTER_UNMAP, 0);
	importer_call(device[1], IMPORTER_UNPIN, 0);
	close(device[1]);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_CLOSE, handle), 0);
	zcgem_expect_room(&workers[1], LIMIT - 140);
	importer_call(device[0], IMPORTER_VUNMAP, 0);
	zcgem_expect_room(&workers[1], LIMIT - 140);
	close(device[0]);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	close(dmabuf);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	zcgem_end_workers(workers, 2);
}

static void test_other_user(int fd)
{
	struct zcgem_worker workers[3];
	uint32_t handle;
	int node;

	start_pair(workers, fd);
	zcgem_start_worker(&workers[2], fd, OTHER_USER, PAGES(LIMIT), false);
	handle = zcgem_ask_handle(&workers[0], ORDER_WRAP_ADDRESS, 100);
	node = zcgem_ask_fd(&workers[0], ORDER_SEND_NODE, 0);
	zcgem_tell(&workers[2], ORDER_TAKE_NODE, 0);
	zcgem_send_fd(workers[2].line.end[0], node);
	igt_assert_eq(zcgem_hear(workers[2].line.end[0]), 0);
	close(node);
	end_first(workers);

	/* the creator is gone; what it made is still its user's */
	zcgem_expect_room(&workers[1], LIMIT - 140);
	zcgem_expect_room(&workers[2], LIMIT);
	/* what the new owner makes is the new owner's */
	zcgem_ask_handle(&workers[2], ORDER_WRAP_ATTACHED, 20);
	zcgem_expect_room(&workers[2], LIMIT - 20);
	zcgem_expect_room(&workers[1], LIMIT - 140);

	igt_assert_eq(zcgem_ask(&workers[2], ORDER_CLOSE, handle), 0);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	zcgem_expect_room(&workers[2], LIMIT - 20);
	igt_assert_eq(zcgem_ask(&workers[2], ORDER_CLOSE_NODE, 0), 0);
	zcgem_end_workers(&workers[1], 2);
}

static void test_dmabuf_outlives_node(int fd)
{
	struct zcgem_worker workers[2];

	start_pair(workers, fd);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_EXPORT, zcgem_ask_handle(&workers[0], ORDER_WRAP_ADDRESS, 100)), 0);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_CLOSE_NODE, 0), 0);
	zcgem_expect_room(&workers[1], LIMIT - 140);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_PINNED, 0), 100);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_CLOSE_EXPORT, 0), 0);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_PINNED, 0), 0);
	zcgem_end_workers(workers, 2);
}

static void test_mapping_outlives_node(int fd)
{
	struct zcgem_worker workers[2];

	start_pair(workers, fd);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_MAP, zcgem_ask_handle(&workers[0], ORDER_WRAP_ADDRESS, 100)), 0);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_CLOSE_NODE, 0), 0);
	zcgem_expect_room(&workers[1], LIMIT - 140);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_UNMAP, 0), 0);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	zcgem_end_workers(workers, 2);
}

static void test_fork(int fd)
{
	struct zcgem_worker workers[2];
	struct zcgem_line line;

	start_pair(workers, fd);
	zcgem_ask_handle(&workers[0], ORDER_WRAP_ADDRESS, 100);
	zcgem_open_line(&line);
	zcgem_tell(&workers[0], ORDER_FORK, 0);
	zcgem_send_fd(workers[0].line.end[0], line.end[1]);
	igt_assert_eq(zcgem_hear(workers[0].line.end[0]), 0);
	/* a child costs nothing, and has nothing of its own to give back */
	zcgem_expect_room(&workers[1], LIMIT - 140);
	end_first(workers);
	zcgem_expect_room(&workers[1], LIMIT - 140);
	igt_assert(write(line.end[0], "", 1) == 1);
	zcgem_close_line(&line);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	zcgem_end_workers(&workers[1], 1);
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
	struct zcgem_worker workers[2];
	char path[64];
	pid_t pid;

	start_pair(workers, fd);
	zcgem_ask_handle(&workers[0], ORDER_WRAP_ADDRESS, 100);
	zcgem_ask_handle(&workers[0], ORDER_WRAP_ADDRESS, 10);
	zcgem_expect_room(&workers[1], LIMIT - 150);
	pid = zcgem_ask(&workers[0], ORDER_PID, 0);
	zcgem_tell(&workers[0], ORDER_EXEC, 0);
	wait_for_exec(pid);

	/* the address space is another one, the node and the user are the same */
	zcgem_expect_room(&workers[1], LIMIT - 150);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	igt_assert_eq_u64(zcgem_read_key(path, "VmPin"), 0);
	zcgem_close_line(&workers[0].line);
	zcgem_expect_room(&workers[1], LIMIT - 40);
	zcgem_end_workers(&workers[1], 1);
}

/* With RLIMIT_MEMLOCK as the only limit. */
static void run(int fd, void (*test)(int))
{
	zcgem_change_setting(ZCGEM_USER_PERCENT, "0");
	zcgem_run_counted(fd, test);
	zcgem_restore_settings();
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("An evicted object stays charged while a device is attached (class 11)");
	igt_subtest("evicted")
		run(fd, test_evicted);

	igt_describe("The charge stays while a device or a dma-buf outlives the creator, and is refunded once (class 11)");
	igt_subtest("creator-exits")
		run(fd, test_creator_exits);

	igt_describe("The first device charges the creator, the last one that goes refunds it (class 11)");
	igt_subtest("last-holder")
		run(fd, test_last_holder);

	igt_describe("A node passed to another user: each refund goes to who was charged (class 11)");
	igt_subtest("other-user")
		run(fd, test_other_user);

	igt_describe("The charge stays while a dma-buf outlives the node (class 11)");
	igt_subtest("dmabuf-outlives-node")
		run(fd, test_dmabuf_outlives_node);

	igt_describe("The charge stays while a mapping outlives the node (class 11)");
	igt_subtest("mapping-outlives-node")
		run(fd, test_mapping_outlives_node);

	igt_describe("A fork charges nothing, and its last holder refunds once (class 11)");
	igt_subtest("fork")
		run(fd, test_fork);

	igt_describe("The charge stays over exec, which has another address space (class 11)");
	igt_subtest("exec")
		run(fd, test_exec);

	igt_fixture()
		drm_close_driver(fd);
}
