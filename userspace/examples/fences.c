// SPDX-License-Identifier: MIT
/*
 * Work that others wait for: a copy that begins when the program says so, and whose end
 * can be polled, waited for by other drivers, or by the next submit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zcgem.h>

#define SIZE	(1 << 20)

static void check(int ret, const char *what)
{
	if (ret < 0)
		error(EXIT_FAILURE, -ret, "%s", what);
}

/* A memfd with its mapping, as any program might have one, and an object of it. */
static char *make_memory(struct zcgem_device *dev, struct zcgem_bo **bo)
{
	int memfd = memfd_create("example", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *map;

	if (memfd < 0 || ftruncate(memfd, SIZE) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		error(EXIT_FAILURE, errno, "memfd");
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (map == MAP_FAILED)
		error(EXIT_FAILURE, errno, "mmap");
	check(zcgem_bo_wrap_memfd(dev, memfd, 0, SIZE, 0, bo), "wrap");
	close(memfd);
	return map;
}

int main(void)
{
	struct zcgem_syncobj *timeline;
	struct zcgem_submit *submit;
	struct zcgem_device *dev;
	struct zcgem_bo *from, *to;
	struct pollfd file = { .events = POLLIN };
	char *source, *target;

	check(zcgem_device_open(&dev), "device");
	source = make_memory(dev, &from);
	target = make_memory(dev, &to);
	check(zcgem_syncobj_new(dev, 0, &timeline), "syncobj");
	check(zcgem_submit_new(dev, &submit), "submit");

	/* Point 1 is ours, point 2 the copy's, point 3 that of the fill that follows it. */
	memset(source, 'z', SIZE);
	check(zcgem_syncobj_signal(timeline, 1), "signal");
	check(zcgem_submit_copy(submit, to, 0, from, 0, SIZE), "copy");
	check(zcgem_submit_wait_for(submit, timeline, 1), "wait for");
	check(zcgem_submit_signal(submit, timeline, 2), "signal");
	check(zcgem_submit_run(submit, 0, DRM_ZCGEM_PRIORITY_NORMAL), "run");

	zcgem_submit_reset(submit);
	check(zcgem_submit_fill(submit, from, 0, SIZE, 0, 8), "fill");
	check(zcgem_submit_wait_for(submit, timeline, 2), "wait for");
	check(zcgem_submit_signal(submit, timeline, 3), "signal");
	check(zcgem_submit_run(submit, 0, DRM_ZCGEM_PRIORITY_NORMAL), "run");

	/* A sync_file tells when it is over, and whether it went well. */
	file.fd = zcgem_syncobj_export_sync_file(timeline, 2);
	check(file.fd, "sync_file");
	if (poll(&file, 1, -1) != 1)
		error(EXIT_FAILURE, errno, "poll");
	check(zcgem_sync_file_status(file.fd), "the copy");
	check(zcgem_syncobj_wait(timeline, 3, INT64_MAX), "wait");

	printf("the target has '%c', the source %d\n", target[SIZE - 1], source[SIZE - 1]);
	if (target[SIZE - 1] != 'z' || source[SIZE - 1])
		return EXIT_FAILURE;

	close(file.fd);
	zcgem_submit_unref(submit);
	zcgem_syncobj_unref(timeline);
	zcgem_bo_unref(from);
	zcgem_bo_unref(to);
	zcgem_device_unref(dev);
	return EXIT_SUCCESS;
}
