/* SPDX-License-Identifier: MIT */
/*
 * Processes of other users that do with zcgem objects what a test tells them to, each
 * with a limit of locked memory.
 */
#ifndef IGT_ZCGEM_WORKER_H
#define IGT_ZCGEM_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "igt_zcgem_process.h"
#include "igt_zcgem_uring.h"

/* What a worker can be told; each is followed by one number and answered by one. */
enum zcgem_order {
	ORDER_WRAP,		/* pages of a memfd; answers a handle or -errno */
	ORDER_ATTACH,		/* a device to a handle, until that is closed */
	ORDER_WRAP_ATTACHED,	/* both */
	ORDER_WRAP_ADDRESS,	/* pages of an address range; likewise */
	ORDER_CREATE,		/* pages of the pool; likewise */
	ORDER_CLOSE,		/* a handle */
	ORDER_EVICT,		/* a handle */
	ORDER_EXPORT,		/* a handle; the worker keeps the dma-buf */
	ORDER_SEND_EXPORT,	/* a handle; the dma-buf is sent instead of an answer */
	ORDER_CLOSE_EXPORT,
	ORDER_MAP,		/* a handle; one page of it, touched */
	ORDER_UNMAP,
	ORDER_SEND_NODE,	/* sent instead of an answer */
	ORDER_TAKE_NODE,	/* to be sent, and used from now on */
	ORDER_CLOSE_NODE,
	ORDER_GROW,		/* the memfd, to so many pages */
	ORDER_SET_LIMIT,	/* pages */
	ORDER_ROOM,		/* pages that could be charged now */
	ORDER_PINNED,		/* pages by /proc/self/status */
	ORDER_REGISTER,	/* pages as a fixed buffer of io_uring */
	ORDER_UNREGISTER,
	ORDER_FAIL,		/* one of the ways to fail; answers -errno */
	ORDER_PID,
	ORDER_FORK,		/* a child that lives until it is told on a line of its own */
	ORDER_EXEC,		/* becomes another program that waits for the end of the line */
	ORDER_END,
};

enum zcgem_failure {
	FAIL_BAD_LAST_FILE,
	FAIL_BAD_LAST_ADDRESS,
	FAIL_BAD_LIST,
	FAIL_BAD_ARGUMENT,
	FAIL_NO_DESCRIPTOR,
	FAIL_NO_HUGE_PAGES,
	FAIL_READONLY_ARGUMENT,
	FAIL_WAYS,
};

#define ZCGEM_WORKER_DEVICES	16

struct zcgem_attached {
	int device;
	uint32_t handle;
};

struct zcgem_worker {
	struct zcgem_line line;
	/* the worker's own */
	int node, spare, memfd, dmabuf;
	char *map, *memory;
	uint64_t pages;
	struct zcgem_uring ring;
	struct zcgem_attached attached[ZCGEM_WORKER_DEVICES];
};

/* Large enough that every wrap that a test tries finds pages there. */
#define ZCGEM_WORKER_PAGES	1024

void zcgem_start_worker(struct zcgem_worker *worker, int fd, uid_t user, uint64_t limit,
			bool may_lock);
void zcgem_tell(struct zcgem_worker *worker, enum zcgem_order order, uint64_t value);
int64_t zcgem_ask(struct zcgem_worker *worker, enum zcgem_order order, uint64_t value);
uint32_t zcgem_ask_handle(struct zcgem_worker *worker, enum zcgem_order order,
			  uint64_t pages);
int zcgem_ask_fd(struct zcgem_worker *worker, enum zcgem_order order, uint64_t value);
void zcgem_expect_room(struct zcgem_worker *worker, uint64_t pages);
void zcgem_end_workers(struct zcgem_worker *workers, unsigned int count);

#endif /* IGT_ZCGEM_WORKER_H */
