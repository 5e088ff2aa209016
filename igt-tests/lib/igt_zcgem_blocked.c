// SPDX-License-Identifier: MIT
/*
 * Submits that wait until the test lets them go.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem_blocked.h"
#include "igt_zcgem_submit.h"

/**
 * blocked_open:
 * @fd: zcgem descriptor
 * @b: filled; nothing is submitted yet
 */
void blocked_open(int fd, struct blocked *b)
{
	*b = (struct blocked) { .timeline = sw_sync_open() };
	b->in = syncobj_pending(fd, b->timeline);
	b->out = syncobj_new(fd);
	b->handle = zcgem_create(fd, ZCGEM_PAGE, 0);
	b->other = zcgem_create(fd, ZCGEM_PAGE, 0);
	b->map = zcgem_mmap(fd, b->handle, ZCGEM_PAGE, PROT_READ | PROT_WRITE);
	b->other_map = zcgem_mmap(fd, b->other, ZCGEM_PAGE, PROT_READ | PROT_WRITE);
}

/**
 * blocked_submit:
 * @fd: zcgem descriptor
 * @b: what blocked_open() filled
 * @op: what is done once it may go
 */
void blocked_submit(int fd, const struct blocked *b, struct drm_zcgem_op op)
{
	const struct drm_zcgem_sync in = { .handle = b->in }, out = { .handle = b->out };

	igt_assert_eq(__zcgem_submit_syncs(fd, &op, &in, &out), 0);
}

/**
 * blocked_start:
 * @fd: zcgem descriptor
 * @b: filled
 * @read: copy from the object to the other one, instead of filling it with ones
 */
void blocked_start(int fd, struct blocked *b, bool read)
{
	blocked_open(fd, b);
	if (read)
		blocked_submit(fd, b, zcgem_op_copy(b->other, 0, b->handle, 0, ZCGEM_PAGE));
	else
		blocked_submit(fd, b, zcgem_op_fill32(b->handle, 0, ZCGEM_PAGE, 1));
}

/**
 * blocked_release:
 * @fd: zcgem descriptor
 * @b: what blocked_start() filled
 *
 * Lets the submit go, and waits for its end.
 */
void blocked_release(int fd, struct blocked *b)
{
	sw_sync_advance(b->timeline, 1);
	igt_assert_eq(syncobj_error(fd, b->out), 0);
}

/**
 * blocked_close:
 * @fd: zcgem descriptor
 * @b: what blocked_open() filled; its handles stay
 */
void blocked_close(int fd, struct blocked *b)
{
	munmap(b->map, ZCGEM_PAGE);
	munmap(b->other_map, ZCGEM_PAGE);
	syncobj_free(fd, b->in);
	syncobj_free(fd, b->out);
	close(b->timeline);
}
