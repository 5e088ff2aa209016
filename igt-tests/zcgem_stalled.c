// SPDX-License-Identifier: MIT
/*
 * One client's memory that does not answer, and what one client cannot be given, must not
 * hold up the rest: another client's work, the removal of a device, the machine's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/udmabuf.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_debugfs.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_watch.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem stalled
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that what stalls one client does not stall the rest.
 *
 * SUBTEST: size-costs-nothing
 * Description: The largest object takes memory when it is used, and is refused then.
 *
 * SUBTEST: offsets
 * Description: However many of the largest objects a client has, others find an offset for theirs.
 *
 * SUBTEST: create-vs-mmap
 * Description: Mappings at the offset of an object that is being made, and killed, find nothing (class 4).
 *
 * SUBTEST: watch-of-busy-file
 * Description: Watches of a file whose lock is held for ever leave others' work alone.
 *
 * SUBTEST: watch-backs-off
 * Description: The longer a file's lock is held, the rarer a watch looks whether it is free.
 *
 * SUBTEST: watch-of-fence
 * Description: A watch that a fence holds up looks again when it has signalled, and not before.
 *
 * SUBTEST: killed-in-wrap
 * Description: A process that waits for a file's lock in a wrap can be killed.
 *
 * SUBTEST: punched-import
 * Description: An import whose exporter must prepare huge pages first says so, and works after it has.
 *
 * SUBTEST: remove-beside-udmabuf
 * Description: A device is removed while another one's caller does not give its argument.
 */

IGT_TEST_DESCRIPTION("Check that what stalls one client does not stall the rest");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define LARGEST		(512ull << 30)
#define PATIENCE	30	/* s, on a slow machine */

/* Memory that is never there: who touches it sleeps until it is given back. */
struct hole {
	int uffd;
	char *memory;
};

static void open_hole(struct hole *hole)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	hole->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	igt_require_f(hole->uffd >= 0 && !ioctl(hole->uffd, UFFDIO_API, &api),
		      "no userfaultfd: %m\n");
	hole->memory = zcgem_anonymous(ZCGEM_PAGE);
	igt_assert_eq(madvise(hole->memory, ZCGEM_PAGE, MADV_DONTNEED), 0);
	range.range.start = (uintptr_t)hole->memory;
	range.range.len = ZCGEM_PAGE;
	igt_assert_eq(ioctl(hole->uffd, UFFDIO_REGISTER, &range), 0);
}

static void wait_for_sleeper(const struct hole *hole)
{
	struct pollfd poll_fd = { .fd = hole->uffd, .events = POLLIN };

	igt_assert_eq(poll(&poll_fd, 1, PATIENCE * 1000), 1);
}

static void close_hole(struct hole *hole)
{
	/* with it goes the registration: sleepers find a page of zeroes */
	close(hole->uffd);
}

static bool ends_soon(pid_t child)
{
	int status;

	if (zcgem_wait_for_end(child, PATIENCE, &status))
		return WIFEXITED(status) && !WEXITSTATUS(status);
	kill(child, SIGKILL);
	return false;
}

static void test_size_costs_nothing(int fd)
{
	uint64_t before = zcgem_read_key("/proc/meminfo", "MemAvailable"), size = LARGEST;
	uint32_t handle = zcgem_create(fd, size, 0);
	uint64_t after = zcgem_read_key("/proc/meminfo", "MemAvailable");

	igt_info("%" PRId64 " KiB taken\n", (int64_t)(before - after));
	igt_assert(before < after || before - after < 64 * 1024);
	igt_assert_eq(__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL),
		      -ENOMEM);
	gem_close(fd, handle);
}

static void test_offsets(int fd)
{
	int other = drm_reopen_driver(fd), memfd = zcgem_memfd(ZCGEM_PAGE, F_SEAL_SHRINK);
	struct drm_zcgem_gem_info info, now;
	uint32_t handles[64], handle;
	uint64_t offset, last = 0;
	unsigned int i;
	char *map;

	for (i = 0; i < ARRAY_SIZE(handles); i++) {
		handles[i] = zcgem_create(fd, LARGEST, 0);
		offset = zcgem_mmap_offset(fd, handles[i]);
		igt_assert(offset >= last + LARGEST || offset + LARGEST <= last || !i);
		last = offset;
	}
	/* and one that is so far away is as good as any, also when its mappings are to go */
	handle = zcgem_wrap_memfd(other, memfd, 0, ZCGEM_PAGE, 0);
	igt_assert_lt_u64(64 * LARGEST, zcgem_mmap_offset(other, handle));
	map = zcgem_mmap(other, handle, ZCGEM_PAGE, RW);
	map[0] = 1;
	zcgem_evict(other, handle, ZCGEM_PAGE);
	zcgem_info(other, handle, &info);
	map[0]++;
	zcgem_info(other, handle, &now);
	igt_assert_eq_u64(now.faults_pte, info.faults_pte + 1);
	igt_assert_eq(map[0], 2);
	munmap(map, ZCGEM_PAGE);

	for (i = 0; i < ARRAY_SIZE(handles); i++)
		gem_close(fd, handles[i]);
	close(other);
	close(memfd);
}

struct mapper {
	pthread_t thread;
	int fd;
	uint64_t offset;
	volatile bool stop;
};

static void *map_always(void *data)
{
	struct mapper *mapper = data;

	while (!mapper->stop) {
		void *map = mmap(NULL, ZCGEM_PAGE, PROT_READ, MAP_SHARED, mapper->fd,
				 mapper->offset);

		if (map != MAP_FAILED)
			munmap(map, ZCGEM_PAGE);
	}
	return NULL;
}

static void test_create_vs_mmap(int fd)
{
	uint32_t handle = zcgem_create(fd, LARGEST, 0);
	struct mapper mapper = { .fd = drm_reopen_driver(fd) };
	unsigned int round;

	/* the next one of that size will be there too */
	igt_assert_eq(__zcgem_mmap_offset(fd, handle, &mapper.offset), 0);
	gem_close(fd, handle);
	igt_assert_eq(pthread_create(&mapper.thread, NULL, map_always, &mapper), 0);
	for (round = 0; round < zcgem_rounds(300); round++) {
		pid_t child = fork();

		if (!child) {
			uint64_t size = LARGEST;
			int own = drm_reopen_driver(fd);

			for (;;) {
				uint64_t offset;

				if (__zcgem_create(own, &size, 0, &handle))
					continue;
				__zcgem_mmap_offset(own, handle, &offset);
				gem_close(own, handle);
			}
		}
		igt_assert(child > 0);
		usleep(random() % 5000);
		kill(child, SIGKILL);
		igt_assert_eq(waitpid(child, NULL, 0), child);
	}
	mapper.stop = true;
	pthread_join(mapper.thread, NULL);
	close(mapper.fd);
}

struct writer {
	pthread_t thread;
	struct hole hole;
	int memfd;
};

/* A write takes the inode lock of a memfd before it reads from memory. */
static void *write_hole(void *data)
{
	struct writer *writer = data;

	return (void *)pwrite(writer->memfd, writer->hole.memory, ZCGEM_PAGE, 0);
}

static void submit_once(void)
{
	int fd = zcgem_open();
	uint32_t handle = zcgem_create(fd, ZCGEM_PAGE, 0);

	zcgem_submit_op(fd, zcgem_op_fill32(handle, 0, ZCGEM_PAGE, 1));
	zcgem_wait(fd, handle);
	close(fd);
}

/* The driver's other work: a watch of another file. */
static bool watch_once(void)
{
	int fd = zcgem_open(), memfd = zcgem_memfd(ZCGEM_PAGE, F_SEAL_SHRINK);
	char *own = zcgem_map_memfd(memfd, 0, ZCGEM_PAGE);
	uint32_t handle;
	uint64_t before;

	own[0] = 1;
	handle = wrap_watched(fd, memfd, 0, ZCGEM_PAGE, own);
	before = zcgem_evictions(fd, handle);
	punch(memfd, 0, ZCGEM_PAGE);
	return evicted_soon(fd, handle, before);
}

static void test_watch_of_busy_file(int fd)
{
	/* more than a workqueue runs at once */
	const unsigned int count = 1100;
	struct writer writer = { .memfd = zcgem_memfd(ZCGEM_PAGE, F_SEAL_SHRINK) };
	char *own = zcgem_map_memfd(writer.memfd, 0, ZCGEM_PAGE);
	uint32_t *handles = calloc(count, sizeof(*handles));
	bool ended;
	pid_t child;
	unsigned int i;

	igt_assert(handles);
	own[0] = 1;
	for (i = 0; i < count; i++)
		handles[i] = wrap_watched(fd, writer.memfd, 0, ZCGEM_PAGE, own);
	open_hole(&writer.hole);
	igt_assert_eq(pthread_create(&writer.thread, NULL, write_hole, &writer), 0);
	wait_for_sleeper(&writer.hole);
	igt_assert_eq(mprotect(own, ZCGEM_PAGE, PROT_READ), 0);

	child = fork();
	if (!child) {
		submit_once();
		_exit(!watch_once());
	}
	igt_assert(child > 0);
	ended = ends_soon(child);
	close_hole(&writer.hole);
	pthread_join(writer.thread, NULL);
	igt_assert_f(ended, "another client cannot submit, watch and end\n");

	for (i = 0; i < count; i++)
		gem_close(fd, handles[i]);
	free(handles);
	munmap(writer.hole.memory, ZCGEM_PAGE);
	munmap(own, ZCGEM_PAGE);
	zcgem_release_memfd(writer.memfd);
}

static uint64_t watch_looks(int fd)
{
	char text[4096], *line;
	int dir = igt_debugfs_dir(fd);

	igt_assert_fd(dir);
	igt_assert_lt(0, igt_debugfs_simple_read(dir, "zcgem_stats", text, sizeof(text)));
	close(dir);
	line = strstr(text, "watch_looks: ");
	igt_assert(line);
	return strtoull(line + strlen("watch_looks: "), NULL, 10);
}

static void test_watch_backs_off(int fd)
{
	struct writer writer = { .memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK) };
	char *own = zcgem_map_memfd(writer.memfd, 0, PAGES(4));
	uint32_t handle = wrap_watched(fd, writer.memfd, 0, PAGES(4), own);
	uint64_t before = watch_looks(fd), looks, seconds, evicted;
	int64_t start;

	own[0] = 1;
	open_hole(&writer.hole);
	igt_assert_eq(pthread_create(&writer.thread, NULL, write_hole, &writer), 0);
	wait_for_sleeper(&writer.hole);
	start = zcgem_now();
	igt_assert_eq(mprotect(own, PAGES(4), PROT_READ), 0);
	sleep(4);
	do {
		usleep(10000);
		looks = watch_looks(fd) - before;
	} while (!looks);
	seconds = (zcgem_now() - start) / 1000000000 + 1;
	close_hole(&writer.hole);
	pthread_join(writer.thread, NULL);
	igt_info("%" PRIu64 " looks within %" PRIu64 " s\n", looks, seconds);
	/* seven times within the first second, and then once each second */
	igt_assert_lte_u64(looks, 8 + seconds);

	/* the wait for the lock has not made it forget its duty */
	evicted = zcgem_evictions(fd, handle);
	punch(writer.memfd, PAGES(1), ZCGEM_PAGE);
	igt_assert(evicted_soon(fd, handle, evicted));

	gem_close(fd, handle);
	munmap(writer.hole.memory, ZCGEM_PAGE);
	munmap(own, PAGES(4));
	zcgem_release_memfd(writer.memfd);
}

static void test_watch_of_fence(const struct devices *devices)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), dmabuf;
	char *own = zcgem_map_memfd(memfd, 0, PAGES(4));
	uint32_t handle = wrap_watched(devices->fd, memfd, 0, PAGES(4), own);
	uint64_t before, looks, evicted = zcgem_evictions(devices->fd, handle);
	struct fence fence = {};

	own[0] = 1;
	dmabuf = zcgem_export(devices->fd, handle);
	begin_fence(devices->vgem, dmabuf, &fence);
	before = watch_looks(devices->fd);
	punch(memfd, 0, PAGES(2));
	sleep(2);
	do {
		usleep(10000);
		looks = watch_looks(devices->fd) - before;
	} while (!looks);
	igt_assert_eq_u64(zcgem_evictions(devices->fd, handle), evicted);
	end_fence(&fence);
	igt_assert(evicted_soon(devices->fd, handle, evicted));
	/* for the punch, and where its notification came before and after */
	igt_assert_lte_u64(looks, 4);

	close(dmabuf);
	gem_close(devices->fd, handle);
	munmap(own, PAGES(4));
	close(memfd);
}

static void test_killed_in_wrap(int fd)
{
	struct writer writer = { .memfd = zcgem_memfd(ZCGEM_PAGE, F_SEAL_SHRINK) };
	char *own = zcgem_map_memfd(writer.memfd, 0, ZCGEM_PAGE);
	bool ended;
	int status;
	pid_t child;

	own[0] = 1;
	open_hole(&writer.hole);
	igt_assert_eq(pthread_create(&writer.thread, NULL, write_hole, &writer), 0);
	wait_for_sleeper(&writer.hole);
	child = fork();
	if (!child) {
		uint32_t handle;

		/* or it would keep up the writer that it waits for */
		close(writer.hole.uffd);
		_exit(!!__zcgem_wrap_file(fd, writer.memfd, ZCGEM_PAGE, 0, &handle));
	}
	igt_assert(child > 0);
	/* where it waits it is asleep; sooner or later, it ends */
	usleep(200000);
	igt_assert_eq(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGKILL);
	ended = zcgem_wait_for_end(child, PATIENCE, &status);
	close_hole(&writer.hole);
	pthread_join(writer.thread, NULL);
	if (!ended)
		waitpid(child, &status, 0);
	igt_assert_f(ended, "a killed process waits for the lock of a file\n");
	munmap(writer.hole.memory, ZCGEM_PAGE);
	munmap(own, ZCGEM_PAGE);
	zcgem_release_memfd(writer.memfd);
}

static void test_punched_import(const struct devices *devices)
{
	int memfd = zcgem_memfd_hugetlb(ZCGEM_HUGE, F_SEAL_SHRINK), dmabuf;
	uint32_t handle = zcgem_wrap_memfd(devices->fd, memfd, 0, ZCGEM_HUGE, 0), theirs;
	char *map;
	int err;

	dmabuf = zcgem_export(devices->fd, handle);
	igt_assert_eq(__zcgem_import(devices->other, dmabuf, &theirs), 0);
	punch(memfd, 0, ZCGEM_HUGE);
	err = __zcgem_revalidate(devices->other, theirs, ZCGEM_HUGE);
	igt_info("revalidate: %d\n", err);
	igt_assert(!err || err == -EBUSY || err == -ENOMEM);
	igt_assert_eq(__zcgem_revalidate(devices->fd, handle, ZCGEM_HUGE), 0);
	igt_assert_eq(__zcgem_revalidate(devices->other, theirs, ZCGEM_HUGE), 0);
	map = zcgem_mmap(devices->fd, handle, ZCGEM_HUGE, RW);
	map[0] = 1;
	munmap(map, ZCGEM_HUGE);
	gem_close(devices->other, theirs);
	gem_close(devices->fd, handle);
	close(dmabuf);
	close(memfd);
}

static void *create_from_hole(void *data)
{
	struct writer *writer = data;

	/* memfd is the node here */
	return (void *)(long)ioctl(writer->memfd, UDMABUF_CREATE, writer->hole.memory);
}

static void bind_or_not(const char *file, const char *device)
{
	char path[80];
	int driver;

	snprintf(path, sizeof(path), "/sys/bus/zcgem/drivers/zcgem/%s", file);
	driver = open(path, O_WRONLY | O_CLOEXEC);
	igt_assert_fd(driver);
	igt_assert_f(write(driver, device, strlen(device)) == (ssize_t)strlen(device),
		     "%s %s: %m\n", file, device);
	close(driver);
}

static void test_remove_beside_udmabuf(const struct devices *devices)
{
	struct writer writer = { .memfd = devices->fd };
	bool ended;
	pid_t child;

	open_hole(&writer.hole);
	igt_assert_eq(pthread_create(&writer.thread, NULL, create_from_hole, &writer), 0);
	wait_for_sleeper(&writer.hole);
	child = fork();
	if (!child) {
		bind_or_not("unbind", "zcgem.1");
		bind_or_not("bind", "zcgem.1");
		_exit(0);
	}
	igt_assert(child > 0);
	ended = ends_soon(child);
	close_hole(&writer.hole);
	pthread_join(writer.thread, NULL);
	munmap(writer.hole.memory, ZCGEM_PAGE);
	igt_assert_f(ended, "a device is not removed\n");
}

int igt_main()
{
	struct devices devices = { .fd = -1, .other = -1, .vgem = -1 };
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("The largest object takes memory when it is used, and is refused then");
	igt_subtest("size-costs-nothing")
		zcgem_run_counted(fd, test_size_costs_nothing);

	igt_describe("However many of the largest objects a client has, others find an offset for theirs");
	igt_subtest("offsets")
		zcgem_run_counted(fd, test_offsets);

	igt_describe("Mappings at the offset of an object that is being made, and killed, find nothing (class 4)");
	igt_subtest("create-vs-mmap")
		zcgem_run_counted(fd, test_create_vs_mmap);

	igt_describe("Watches of a file whose lock is held for ever leave others' work alone");
	igt_subtest("watch-of-busy-file")
		zcgem_run_counted(fd, test_watch_of_busy_file);

	igt_describe("The longer a file's lock is held, the rarer a watch looks whether it is free");
	igt_subtest("watch-backs-off")
		zcgem_run_counted(fd, test_watch_backs_off);

	igt_describe("A process that waits for a file's lock in a wrap can be killed");
	igt_subtest("killed-in-wrap")
		zcgem_run_counted(fd, test_killed_in_wrap);

	igt_fixture()
		close(fd);

	igt_fixture()
		open_devices(&devices);

	igt_describe("An import whose exporter must prepare huge pages first says so, and works after it has");
	igt_subtest("punched-import")
		run_shared(&devices, test_punched_import);

	igt_describe("A watch that a fence holds up looks again when it has signalled, and not before");
	igt_subtest("watch-of-fence")
		run_shared(&devices, test_watch_of_fence);

	igt_describe("A device is removed while another one's caller does not give its argument");
	igt_subtest("remove-beside-udmabuf")
		test_remove_beside_udmabuf(&devices);

	igt_fixture()
		close_devices(&devices);
}
