// SPDX-License-Identifier: MIT
/*
 * A thread that holds an object's dma_resv, as an importer does that waits for fences with it.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_holder.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"

/* Pins the pages, and waits for the fences on those that are to be replaced first. */
static void *hold_lock(void *data)
{
	struct holder *holder = data;

	holder->tid = gettid();
	importer_call(holder->device, IMPORTER_VMAP, 0);
	return NULL;
}

/**
 * zcgem_wait_until_asleep:
 * @tid: a thread of this process, which is about to sleep
 */
void zcgem_wait_until_asleep(pid_t tid)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	while (state != 'S' && state != 'D') {
		usleep(10000);
		stat = fopen(path, "r");
		igt_assert(stat);
		igt_assert_eq(fscanf(stat, "%*d (%*[^)]) %c", &state), 1);
		fclose(stat);
	}
}

/**
 * zcgem_hold_lock:
 * @fd: the device
 * @handle: an object of the memfd
 * @memfd: the memfd, whose first page is punched
 * @dmabuf: the object's dma-buf
 * @holder: filled
 *
 * The object's dma_resv is held until zcgem_release_lock(). Skips without the importer.
 */
void zcgem_hold_lock(int fd, uint32_t handle, int memfd, int dmabuf, struct holder *holder)
{
	sigset_t all, before;

	require_importer();
	*holder = (struct holder) {
		.device = importer_new(dmabuf, IMPORTER_FOLLOWS),
		.timeline = sw_sync_open(),
	};
	holder->file = zcgem_submit_for_file(fd, zcgem_op_fill32(handle, 0, 4, 7),
					     syncobj_pending(fd, holder->timeline));
	punch(memfd, 0, ZCGEM_PAGE);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	igt_assert_eq(pthread_create(&holder->thread, NULL, hold_lock, holder), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	while (!holder->tid)
		usleep(1000);
	zcgem_wait_until_asleep(holder->tid);
}

/**
 * zcgem_release_lock:
 * @holder: who holds the lock; perhaps its timeline has been advanced already
 *
 * Waits for it to end.
 */
void zcgem_release_lock(struct holder *holder)
{
	sw_sync_advance(holder->timeline, 1);
	pthread_join(holder->thread, NULL);
	sync_file_wait(holder->file);
	close(holder->file);
	close(holder->timeline);
	close(holder->device);
}
