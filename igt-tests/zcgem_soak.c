// SPDX-License-Identifier: MIT
/*
 * Long runs: many processes that use two devices at once and are killed at any moment,
 * modules that are reloaded under load, processes that run out of memory.
 *
 * How long each takes is ZCGEM_SOAK_SECONDS of the environment, or ten minutes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem soak
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Driver
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: stress test
 * Description: Check that nothing breaks, leaks or mixes up in a long time under load.
 *
 * SUBTEST: processes
 * Description: 48 processes do everything to private and shared memory, some are killed.
 *
 * SUBTEST: reload
 * Description: The module goes and comes back whenever, between its users, it can.
 *
 * SUBTEST: oom-kill
 * Description: The OOM killer ends processes that fill a cgroup with objects; all goes with them.
 */

IGT_TEST_DESCRIPTION("Check that nothing breaks, leaks or mixes up in a long time under load");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define PROT_RW		(PROT_READ | PROT_WRITE)

#define CLIENTS		48
#define SHARED_FILES	4
#define SHARED_PAGES	128
#define STAMP		0x5eedull
/* What igt_runner must hear from a test now and then. */
#define SAY_SECONDS	20
#define BROKEN		9

/* One of the processes; they are no children of IGT's, since some of them are killed. */
struct client {
	pid_t pid;
	unsigned int seed;
	int fd;
	int other;
	volatile uint64_t *rounds;
};

static int shared_files[SHARED_FILES];

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

static double soak_seconds(void)
{
	const char *text = getenv("ZCGEM_SOAK_SECONDS");

	return text ? atof(text) : 600;
}

/* What must hold in a client; an assertion of IGT's would jump into the parent's test. */
#define must(good)							\
	do {								\
		if (!(good))						\
			fail_client(#good, __LINE__);			\
	} while (0)

static void fail_client(const char *what, int line)
{
	dprintf(STDERR_FILENO, "client %d, line %d: %s: %m\n", getpid(), line, what);
	_exit(BROKEN);
}

static unsigned int pick(struct client *client, unsigned int count)
{
	return rand_r(&client->seed) / 7 % count;
}

static int make_file(uint64_t size)
{
	int memfd = memfd_create("igt-zcgem-soak", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (memfd >= 0 && (ftruncate(memfd, size) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))) {
		close(memfd);
		memfd = -1;
	}
	return memfd;
}

static void *map_any(int fd, uint64_t offset, uint64_t size)
{
	void *map = mmap(NULL, size, PROT_RW, MAP_SHARED, fd, offset);

	must(map != MAP_FAILED);
	return map;
}

static void *map_object(int fd, uint32_t handle, uint64_t size)
{
	uint64_t offset = 0;

	must(!__zcgem_mmap_offset(fd, handle, &offset));
	return map_any(fd, offset, size);
}

/* The other device, through a dma-buf, sees the same and lets go again. */
static void share_object(struct client *client, uint32_t handle, uint64_t size, uint64_t seed)
{
	uint32_t theirs;
	int dmabuf;
	void *map;

	must(!__zcgem_export(client->fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf));
	must(!__zcgem_import(client->other, dmabuf, &theirs));
	must(!__zcgem_advise(client->other, theirs, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL));
	map = pick(client, 2) ? map_any(dmabuf, 0, size) :
				map_object(client->other, theirs, size);
	must(!dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	must(zcgem_first_difference(map, size, seed) == size);
	must(!dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	close(dmabuf);
	must(!__zcgem_close(client->other, theirs));
	must(!munmap(map, size));
}

/*
 * TTM frees imports by work, and until then an importer that is told of no moves has the object
 * pinned (6.12).
 */
static int revalidate_soon(int fd, uint32_t handle, uint64_t size)
{
	double end = now() + 60;
	int err;

	do {
		err = __zcgem_revalidate(fd, handle, size);
		if (err == -EBUSY)
			usleep(1000);
	} while (err == -EBUSY && now() < end);
	return err;
}

static void use_memfd(struct client *client)
{
	uint64_t size = PAGES(1 + pick(client, 32)), seed = client->seed;
	int memfd = make_file(size), err;
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = size };
	uint64_t hole = PAGES(pick(client, size / ZCGEM_PAGE));
	uint32_t handle;
	char *own, *map;

	must(memfd >= 0);
	own = map_any(memfd, 0, size);
	if (pick(client, 2))
		range.watch_address = (uintptr_t)own;
	zcgem_fill(own, size, seed);
	must(!__zcgem_wrap(client->fd, &range, 1, 0, &handle));
	map = map_object(client->fd, handle, size);
	must(zcgem_first_difference(map, size, seed) == size);
	if (pick(client, 2))
		share_object(client, handle, size, seed);
	if (pick(client, 2)) {
		err = __zcgem_advise(client->fd, handle, DRM_ZCGEM_ADVICE_EVICT, 0, size, NULL);
		must(!err || err == -EBUSY);
		must(zcgem_first_difference(map, size, seed) == size);
	}
	must(!fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole, ZCGEM_PAGE));
	must(!revalidate_soon(client->fd, handle, size));
	must(*(volatile uint64_t *)(map + hole) == 0);
	must(*(volatile uint64_t *)(own + hole) == 0);

	must(!munmap(map, size));
	must(!munmap(own, size));
	close(memfd);
	must(!__zcgem_close(client->fd, handle));
}

static void use_userptr(struct client *client)
{
	uint64_t size = PAGES(1 + pick(client, 32)), seed = client->seed;
	bool keep = pick(client, 2);
	uint32_t handle;
	char *own, *map;

	own = mmap(NULL, size, PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(own != MAP_FAILED);
	zcgem_fill(own, size, seed);
	must(!__zcgem_wrap_address(client->fd, own, size, 0, &handle));
	if (!keep)
		must(!munmap(own, size));
	map = map_object(client->fd, handle, size);
	must(zcgem_first_difference(map, size, seed) == size);
	zcgem_fill(map, size, ~seed);
	if (keep)
		must(zcgem_first_difference(own, size, ~seed) == size);
	share_object(client, handle, size, ~seed);
	must(!munmap(map, size));
	if (keep)
		must(!munmap(own, size));
	must(!__zcgem_close(client->fd, handle));
}

static void use_pool(struct client *client)
{
	uint64_t size = PAGES(1 + pick(client, 64)), seed = client->seed;
	uint32_t handle;
	char *map;

	must(!__zcgem_create(client->fd, &size, pick(client, 2) ? DRM_ZCGEM_CREATE_WC : 0,
			     &handle));
	map = map_object(client->fd, handle, size);
	must(*(volatile uint64_t *)(map + size - 8) == 0);
	zcgem_fill(map, size, seed);
	if (!pick(client, 4)) {
		pid_t child = fork();
		int status;

		must(child >= 0);
		if (!child)
			_exit(zcgem_first_difference(map, size, seed) != size);
		must(waitpid(child, &status, 0) == child && !status);
	}
	share_object(client, handle, size, seed);
	must(!munmap(map, size));
	must(!__zcgem_close(client->fd, handle));
}

/* Pages of a file that all wrap and punch: each has its own stamp or is empty. */
static void use_shared(struct client *client)
{
	unsigned int file = pick(client, SHARED_FILES), first = pick(client, SHARED_PAGES);
	unsigned int count = 1 + pick(client, SHARED_PAGES - first), i, hole;
	struct drm_zcgem_memfd_range range = {
		.fd = shared_files[file], .offset = PAGES(first), .size = PAGES(count),
	};
	uint32_t handle;
	char *map;
	int err;

	must(!__zcgem_wrap(client->fd, &range, 1, 0, &handle));
	map = map_object(client->fd, handle, range.size);
	for (i = 0; i < count; i++) {
		volatile uint64_t *word = (volatile uint64_t *)(map + PAGES(i));
		uint64_t stamp = STAMP << 48 | (uint64_t)file << 32 | (first + i), value = *word;

		must(!value || value == stamp);
		*word = stamp;
	}
	hole = first + pick(client, count);
	if (!pick(client, 3))
		must(!fallocate(shared_files[file], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				PAGES(hole), ZCGEM_PAGE));
	err = __zcgem_advise(client->fd, handle, pick(client, 2) ? DRM_ZCGEM_ADVICE_EVICT :
			     DRM_ZCGEM_ADVICE_REVALIDATE, 0, range.size, NULL);
	must(!err);
	must(!munmap(map, range.size));
	must(!__zcgem_close(client->fd, handle));
}

static void use_anything(struct client *client)
{
	static void (*const uses[])(struct client *client) = {
		use_memfd, use_userptr, use_pool, use_shared,
	};

	uses[pick(client, ARRAY_SIZE(uses))](client);
	++*client->rounds;
}

static void start_client(struct client *client, double end)
{
	client->seed = client->seed * 1103515245 + 12345;
	client->pid = fork();
	igt_assert(client->pid >= 0);
	if (client->pid)
		return;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	client->fd = open_device(0);
	client->other = open_device(1);
	must(client->fd >= 0 && client->other >= 0);
	while (now() < end)
		use_anything(client);
	_exit(0);
}

static void make_shared_files(void)
{
	unsigned int i;

	for (i = 0; i < SHARED_FILES; i++) {
		shared_files[i] = make_file(PAGES(SHARED_PAGES));
		igt_assert_fd(shared_files[i]);
	}
}

static void test_processes(const struct devices *devices)
{
	double begin = now(), end = begin + soak_seconds(), said = begin;
	static struct client clients[CLIENTS];
	volatile uint64_t *rounds;
	uint64_t sum = 0;
	unsigned int i, killed = 0, seed = 1;
	int status;

	(void)devices;
	make_shared_files();
	rounds = mmap(NULL, PAGES(1), PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	igt_assert(rounds != MAP_FAILED);
	for (i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client) { .seed = i + 1, .rounds = rounds + i };
		start_client(&clients[i], end);
	}

	while (now() < end) {
		struct client *victim = &clients[rand_r(&seed) / 7 % CLIENTS];

		usleep(200000);
		kill(victim->pid, SIGKILL);
		igt_assert_eq(waitpid(victim->pid, &status, 0), victim->pid);
		/* it may have come to its end by itself, but not to a failure */
		igt_assert_f(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : !status,
			     "client %d: status %#x\n", victim->pid, status);
		killed++;
		start_client(victim, end);
		if (now() > said + SAY_SECONDS) {
			said = now();
			igt_info("%.0f s, %u killed\n", said - begin, killed);
		}
	}
	for (i = 0; i < CLIENTS; i++) {
		igt_assert_eq(waitpid(clients[i].pid, &status, 0), clients[i].pid);
		igt_assert_f(!status, "client %d: status %#x\n", clients[i].pid, status);
		sum += rounds[i];
	}
	igt_info("%u processes, %.0f s: %" PRIu64 " rounds, %u killed\n", CLIENTS,
		 now() - begin, sum, killed);
	igt_assert_lt_u64(CLIENTS, sum);

	munmap((void *)rounds, PAGES(1));
	for (i = 0; i < SHARED_FILES; i++)
		close(shared_files[i]);
}

/* A client that is not there half of the time, and expects the device not to be. */
static void come_and_go(struct client *client, double end)
{
	while (now() < end) {
		client->fd = open_device(0);
		client->other = open_device(1);
		if (client->fd >= 0 && client->other >= 0)
			use_anything(client);
		if (client->fd >= 0)
			close(client->fd);
		if (client->other >= 0)
			close(client->other);
		usleep(pick(client, 20000));
	}
	_exit(0);
}

static void test_reload(void)
{
	double begin = now(), end = begin + soak_seconds(), said = begin;
	struct client clients[4];
	volatile uint64_t *rounds;
	unsigned int i, loads = 0, tries = 0;
	uint64_t sum = 0;
	int status;

	make_shared_files();
	rounds = mmap(NULL, PAGES(1), PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	igt_assert(rounds != MAP_FAILED);
	for (i = 0; i < ARRAY_SIZE(clients); i++) {
		clients[i] = (struct client) { .seed = i + 1, .rounds = rounds + i };
		clients[i].pid = fork();
		igt_assert(clients[i].pid >= 0);
		if (!clients[i].pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			come_and_go(&clients[i], end);
		}
	}

	while (now() < end) {
		tries++;
		if (!syscall(SYS_delete_module, "zcgem", O_NONBLOCK)) {
			igt_assert_f(load_devices(2), "the module does not come back\n");
			loads++;
		} else {
			igt_assert_f(errno == EAGAIN || errno == EBUSY, "delete_module: %m\n");
			usleep(1000);
		}
		if (now() > said + SAY_SECONDS) {
			said = now();
			igt_info("%.0f s, %u loads\n", said - begin, loads);
		}
	}
	for (i = 0; i < ARRAY_SIZE(clients); i++) {
		igt_assert_eq(waitpid(clients[i].pid, &status, 0), clients[i].pid);
		igt_assert_f(!status, "client %d: status %#x\n", clients[i].pid, status);
		sum += rounds[i];
	}
	igt_info("%.0f s: %u loads in %u tries, %" PRIu64 " rounds\n", now() - begin, loads,
		 tries, sum);
	igt_assert_lt(0, loads);
	igt_assert_lt_u64(0, sum);

	munmap((void *)rounds, PAGES(1));
	for (i = 0; i < SHARED_FILES; i++)
		close(shared_files[i]);
}

static char group[64];

static void leave_group(int sig)
{
	(void)sig;
	if (!group[0])
		return;
	umount2("/run/igt-cgroup", MNT_DETACH);
	rmdir("/run/igt-cgroup");
	group[0] = '\0';
}

/* A control group with little memory and no swap. */
static void make_group(uint64_t limit)
{
	char path[128], text[32];

	mkdir("/run/igt-cgroup", 0700);
	igt_require_f(!mount("none", "/run/igt-cgroup", "cgroup2", 0, NULL), "no cgroup2: %m\n");
	snprintf(group, sizeof(group), "/run/igt-cgroup/soak");
	igt_install_exit_handler(leave_group);
	igt_require_f(__zcgem_write_setting("/run/igt-cgroup/cgroup.subtree_control", "+memory"),
		      "no memory controller: %m\n");
	igt_assert(!mkdir(group, 0700) || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/memory.max", group);
	snprintf(text, sizeof(text), "%" PRIu64, limit);
	igt_assert_f(__zcgem_write_setting(path, text), "%s: %m\n", path);
	snprintf(path, sizeof(path), "%s/memory.swap.max", group);
	__zcgem_write_setting(path, "0");
}

/* Makes and shares objects until the OOM killer comes. */
static void fill_group(struct client *client)
{
	const uint64_t size = MIB(1);
	char path[128], *map;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	must(__zcgem_write_setting(path, "0"));
	client->fd = open_device(0);
	client->other = open_device(1);
	must(client->fd >= 0 && client->other >= 0);

	for (i = 0; i < 1000; i++) {
		bool file = (i + client->seed) % 2;
		int memfd = file ? make_file(size) : -1, dmabuf;
		struct drm_zcgem_memfd_range range = { .fd = memfd, .size = size };
		uint32_t handle, theirs;

		if (file) {
			must(memfd >= 0);
			must(!__zcgem_wrap(client->fd, &range, 1, 0, &handle));
		} else {
			map = mmap(NULL, size, PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			must(map != MAP_FAILED);
			/* what the killer interrupts may fail before it dies */
			if (__zcgem_wrap_address(client->fd, map, size, 0, &handle))
				pause();
		}
		if (__zcgem_advise(client->fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL))
			pause();
		must(!__zcgem_export(client->fd, handle, DRM_CLOEXEC, &dmabuf));
		must(!__zcgem_import(client->other, dmabuf, &theirs));
		if (__zcgem_advise(client->other, theirs, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL))
			pause();
		close(dmabuf);
		map = map_object(client->fd, handle, size);
		zcgem_fill(map, size, i);
	}
	_exit(0);
}

static void test_oom(const struct devices *devices)
{
	double end = now() + soak_seconds() / 4;
	unsigned int kills = 0, refused = 0;

	(void)devices;
	make_group(MIB(48));
	do {
		struct client client = { .seed = kills };
		int status, tenths = 0;

		client.pid = fork();
		igt_assert(client.pid >= 0);
		if (!client.pid)
			fill_group(&client);
		while (waitpid(client.pid, &status, WNOHANG) == 0) {
			usleep(100000);
			/* a call said ENOMEM and the process waits for its end: be it */
			if (++tenths == 300) {
				kill(client.pid, SIGKILL);
				refused++;
			}
		}
		igt_assert_f(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
			     "status %#x\n", status);
		kills++;
	} while (kills < 20 || now() < end);
	igt_info("%u processes killed, %u of them not by the OOM killer\n", kills, refused);
	igt_assert_lt(refused, kills);
	igt_assert_eq(rmdir(group), 0);
	leave_group(0);
}

static void run_counted(void (*test)(const struct devices *devices))
{
	struct devices devices;

	open_devices(&devices);
	run_shared(&devices, test);
	close_devices(&devices);
}

int igt_main()
{
	igt_describe("48 processes do everything to private and shared memory, some are killed");
	igt_subtest("processes")
		run_counted(test_processes);

	igt_describe("The module goes and comes back whenever, between its users, it can");
	igt_subtest("reload") {
		igt_require_f(load_devices(2), "cannot load zcgem with two devices\n");
		test_reload();
		load_devices(1);
	}

	igt_describe("The OOM killer ends processes that fill a cgroup with objects; all goes with them");
	igt_subtest("oom-kill")
		run_counted(test_oom);
}
