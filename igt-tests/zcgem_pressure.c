// SPDX-License-Identifier: MIT
/*
 * What reclaim takes from idle objects: it can have their memory, and nobody else's,
 * and what they held comes back. The tests of a tight machine want one of 1.5 GiB.
 */
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem pressure
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that the memory of idle objects can be reclaimed.
 *
 * SUBTEST: swappable
 * Description: The memory of an idle object can be swapped out, with what the object has written (class 10, class 12).
 *
 * SUBTEST: shrinker
 * Description: The shrinker evicts what no device needs in place, mapped or not, and only with swap space (class 10).
 *
 * SUBTEST: pressure
 * Description: A program gets memory that idle objects hold, and the objects keep their contents.
 *
 * SUBTEST: pressure-mapped
 * Description: The same with a CPU mapping of each object, which shows the contents afterwards.
 *
 * SUBTEST: pool-beside-memfd
 * Description: An ordinary user takes no more memory by pool objects than by memfds.
 *
 * SUBTEST: pressure-udmabuf
 * Description: The same program beside udmabuf objects fails, or this machine is no test.
 */

IGT_TEST_DESCRIPTION("Check that the memory of idle objects can be reclaimed");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

static uint64_t pages_in_core(void *map, uint64_t size)
{
	unsigned char *core = malloc(size / ZCGEM_PAGE);
	uint64_t i, count = 0;

	igt_assert(core && !mincore(map, size, core));
	for (i = 0; i < size / ZCGEM_PAGE; i++)
		count += core[i] & 1;
	free(core);
	return count;
}

static void test_swappable(int fd)
{
	const uint64_t size = MIB(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size), *object;
	uint32_t handle;

	zcgem_require_swap(MIB(64));
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_mark_all(object, size, 1);
	zcgem_check_marks(file, size, 1);

	/* in place for the CPU: not one page may go until the object is evicted */
	igt_require(zcgem_page_out(file, size));
	igt_assert_eq_u64(pages_in_core(file, size), size / ZCGEM_PAGE);
	zcgem_check_same(object, file, size);

	/* written through the object last, by nothing that reclaim can see */
	zcgem_mark_all(object, size, 2);
	zcgem_evict(fd, handle, size);
	zcgem_check_marks(file, size, 2);
	igt_assert(zcgem_page_out(file, size));
	igt_assert_lt_u64(pages_in_core(file, size), size / ZCGEM_PAGE / 4);
	zcgem_check_marks(object, size, 2);
	zcgem_check_same(object, file, size);

	munmap(object, size);
	munmap(file, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

/* Shrinkers run when caches are dropped as they do when memory is short. */
static void drop_caches(void)
{
	igt_require_f(__zcgem_write_setting("/proc/sys/vm/drop_caches", "2"),
		      "cannot drop caches: %m\n");
}

static void test_shrinker(int fd)
{
	const uint64_t size = PAGES(64);
	uint32_t idle[8], mapped, exported, held, untouched, i;
	uint64_t before = zcgem_pinned_folios(fd);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf, device;
	char *file = zcgem_map_memfd(memfd, 0, size), *object, *user;

	require_importer();
	zcgem_mark_all(file, size, 1);
	for (i = 0; i < ARRAY_SIZE(idle); i++)
		idle[i] = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	mapped = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	object = zcgem_mmap(fd, mapped, size, RW);
	zcgem_check_marks(object, size, 1);
	held = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	dmabuf = zcgem_export(fd, held);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	close(dmabuf);
	/* a dma-buf by itself is no use of the memory */
	exported = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	dmabuf = zcgem_export(fd, exported);
	user = zcgem_anonymous(size);
	untouched = zcgem_wrap_address(fd, user, size, 0);

	if (!zcgem_read_key("/proc/meminfo", "SwapFree")) {
		drop_caches();
		for (i = 0; i < ARRAY_SIZE(idle); i++)
			igt_assert(zcgem_is_resident(fd, idle[i]));
	}
	zcgem_require_swap(MIB(64));
	drop_caches();
	for (i = 0; i < ARRAY_SIZE(idle); i++) {
		igt_assert(!zcgem_is_resident(fd, idle[i]));
		igt_assert_eq_u64(zcgem_evictions(fd, idle[i]), 1);
	}
	igt_assert(!zcgem_is_resident(fd, exported));
	/* it was used since, and has had its second chance now */
	drop_caches();
	igt_assert(!zcgem_is_resident(fd, mapped));
	igt_assert(zcgem_is_resident(fd, held));
	igt_assert(zcgem_is_resident(fd, untouched));
	zcgem_check_same(object, file, size);
	igt_assert(zcgem_is_resident(fd, mapped));

	munmap(object, size);
	close(device);
	drop_caches();
	drop_caches();
	igt_assert(!zcgem_is_resident(fd, mapped));
	igt_assert(!zcgem_is_resident(fd, held));
	igt_assert_eq_u64(zcgem_pinned_folios(fd), before + size / ZCGEM_PAGE);
	object = zcgem_mmap(fd, idle[3], size, RW);
	zcgem_check_same(object, file, size);

	munmap(object, size);
	munmap(user, size);
	munmap(file, size);
	close(dmabuf);
	close(memfd);
	zcgem_end_swap();
}

#define BIG_OBJECTS	8
#define BIG_SIZE	MIB(128)
#define TOUCHED		MIB(1024)

/* One value all over each page, which zram packs into nothing. */
static void fill_pages(uint64_t *words, uint64_t size, uint64_t seed)
{
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		words[i] = seed + i / (ZCGEM_PAGE / sizeof(*words));
}

static uint64_t count_bad_pages(const uint64_t *words, uint64_t size, uint64_t seed)
{
	const uint64_t each = ZCGEM_PAGE / sizeof(*words);
	uint64_t page, i, bad = 0;

	for (page = 0; page < size / ZCGEM_PAGE; page++) {
		for (i = 0; i < each && words[page * each + i] == seed + page; i++)
			;
		bad += i < each;
	}
	return bad;
}

/*
 * A program that touches 1 GiB and cannot be swapped out itself, or there would be room
 * for it beside anything. Returns how it ended, as waitpid() says.
 */
static int run_program(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		uint64_t *memory;

		/* it, and not the test, is who is killed */
		__zcgem_write_setting("/proc/self/oom_score_adj", "1000");
		memory = mmap(NULL, TOUCHED, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED || mlock2(memory, TOUCHED, MLOCK_ONFAULT))
			_exit(1);
		fill_pages(memory, TOUCHED, 7ull << 40);
		_exit(count_bad_pages(memory, TOUCHED, 7ull << 40) ? 2 : 0);
	}
	igt_assert(child > 0);
	igt_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

/*
 * Who waits for memory while the program is killed may ask for another kill at once, and
 * without swap there is nobody else to take but the test. So that there is: a process that
 * has little and waits.
 */
static pid_t start_spare(void)
{
	pid_t child = fork();

	if (!child) {
		uint64_t size = MIB(32);
		uint64_t *memory;

		__zcgem_write_setting("/proc/self/oom_score_adj", "900");
		memory = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED || mlock(memory, size))
			_exit(1);
		pause();
		_exit(0);
	}
	igt_assert(child > 0);
	__zcgem_write_setting("/proc/self/oom_score_adj", "-1000");
	return child;
}

static void make_big_memfds(int *memfds)
{
	unsigned int i;

	for (i = 0; i < BIG_OBJECTS; i++) {
		uint64_t *file;

		memfds[i] = zcgem_memfd(BIG_SIZE, F_SEAL_SHRINK);
		file = zcgem_map_memfd(memfds[i], 0, BIG_SIZE);
		fill_pages(file, BIG_SIZE, (uint64_t)(i + 1) << 40);
		munmap(file, BIG_SIZE);
	}
}

static void require_tight_machine(void)
{
	uint64_t total = zcgem_read_key("/proc/meminfo", "MemTotal") * 1024;

	igt_require_f(total > MIB(1200) && total < MIB(1700),
		      "this needs a machine of 1.5 GiB, for lack of memory\n");
}

static void print_figures(const char *what, int status, uint64_t swapped)
{
	igt_info("%s: 8 objects of 128 MiB idle, a program touches 1024 MiB: %s (%d), %" PRIu64
		 " MiB in swap\n", what,
		 WIFSIGNALED(status) ? "killed by signal" : "exits",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		 swapped / 1024);
}

static uint64_t swap_used(void)
{
	return zcgem_read_key("/proc/meminfo", "SwapTotal") -
	       zcgem_read_key("/proc/meminfo", "SwapFree");
}

static void run_pressure(int fd, bool mapped)
{
	uint64_t *maps[BIG_OBJECTS] = {};
	int memfds[BIG_OBJECTS], status;
	uint32_t handles[BIG_OBJECTS];
	uint64_t bad = 0, evicted = 0;
	unsigned int i;

	require_tight_machine();
	zcgem_require_swap(MIB(3072));
	make_big_memfds(memfds);
	for (i = 0; i < BIG_OBJECTS; i++)
		handles[i] = zcgem_wrap_memfd(fd, memfds[i], 0, BIG_SIZE, 0);
	for (i = 0; i < BIG_OBJECTS && mapped; i++) {
		maps[i] = (uint64_t *)zcgem_mmap(fd, handles[i], BIG_SIZE, RW);
		fill_pages(maps[i], BIG_SIZE, (uint64_t)(i + 1) << 40);
	}

	status = run_program();
	print_figures(mapped ? "zcgem, mapped" : "zcgem", status, swap_used());
	for (i = 0; i < BIG_OBJECTS; i++) {
		uint64_t *object;

		evicted += zcgem_evictions(fd, handles[i]);
		object = mapped ? maps[i] : zcgem_mmap(fd, handles[i], BIG_SIZE, PROT_READ);
		bad += count_bad_pages(object, BIG_SIZE, (uint64_t)(i + 1) << 40);
		munmap(object, BIG_SIZE);
		gem_close(fd, handles[i]);
		zcgem_release_memfd(memfds[i]);
	}
	igt_info("zcgem: %" PRIu64 " evictions, %" PRIu64 " pages with wrong contents\n",
		 evicted, bad);
	igt_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	igt_assert_lt_u64(0, evicted);
	igt_assert_eq_u64(bad, 0);
}

static void test_pressure(int fd)
{
	run_pressure(fd, false);
}

static void test_pressure_mapped(int fd)
{
	run_pressure(fd, true);
}

/*
 * What the machine is like without zcgem: if this passes, pressure proves nothing. There is
 * no swap: it would not help, and 7.2 looks for minutes for something to put there.
 */
static void test_pressure_udmabuf(int fd)
{
	char *limit = "/sys/module/udmabuf/parameters/size_limit_mb";
	int memfds[BIG_OBJECTS], dmabufs[BIG_OBJECTS], device, status;
	pid_t spare;
	unsigned int i;

	(void)fd;
	require_tight_machine();
	zcgem_end_swap();
	device = open("/dev/udmabuf", O_RDWR);
	igt_require_f(device >= 0, "no /dev/udmabuf\n");
	zcgem_change_setting(limit, "256");
	make_big_memfds(memfds);
	for (i = 0; i < BIG_OBJECTS; i++) {
		struct udmabuf_create create = {
			.memfd = memfds[i], .size = BIG_SIZE,
		};

		dmabufs[i] = ioctl(device, UDMABUF_CREATE, &create);
		igt_assert_f(dmabufs[i] >= 0, "udmabuf of 128 MiB: %m\n");
	}
	spare = start_spare();
	status = run_program();
	print_figures("udmabuf", status, swap_used());
	kill(spare, SIGKILL);
	waitpid(spare, NULL, 0);
	for (i = 0; i < BIG_OBJECTS; i++) {
		close(dmabufs[i]);
		zcgem_release_memfd(memfds[i]);
	}
	close(device);
	zcgem_restore_settings();
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* How far an ordinary user who takes memory has come. */
struct taker {
	uint64_t bytes;
	uint64_t most;
	bool done;
	/* seen from outside */
	uint64_t swapped;
	uint64_t kills;
	int status;
};

#define TAKEN_SWAP	MIB(256)
#define PIECE		MIB(32)
#define USER		65534

/* In a child. Nothing is mapped or in use but what is being filled. */
static void take_memory(int fd, bool pool, struct taker *taker)
{
	char path[32];
	int node;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	node = open(path, O_RDWR);
	__zcgem_write_setting("/proc/self/oom_score_adj", "1000");
	if (node < 0 || setgroups(0, NULL) || setresgid(USER, USER, USER) ||
	    setresuid(USER, USER, USER))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (taker->bytes < taker->most) {
		uint64_t size = PIECE, *map;
		int memfd = -1;
		uint32_t handle;

		if (pool) {
			if (__zcgem_create(node, &size, 0, &handle) ||
			    __zcgem_advise(node, handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL))
				break;
			map = __zcgem_mmap(node, handle, size, RW);
		} else {
			memfd = memfd_create("taken", MFD_CLOEXEC);
			if (memfd < 0 || ftruncate(memfd, size))
				break;
			map = mmap(NULL, size, RW, MAP_SHARED, memfd, 0);
		}
		if (map == MAP_FAILED)
			break;
		fill_pages(map, size, taker->bytes);
		munmap(map, size);
		taker->bytes += size;
	}
	__atomic_store_n(&taker->done, true, __ATOMIC_RELEASE);
	pause();
	_exit(0);
}

static uint64_t oom_kills(void)
{
	return zcgem_read_key("/proc/vmstat", "oom_kill");
}

/* Until it has what it is to take, and then it is killed. */
static void watch_taker(int fd, bool pool, struct taker *taker)
{
	uint64_t kills = oom_kills(), swapped = swap_used();
	unsigned int step;
	bool ended = false;
	pid_t child = fork();

	if (!child)
		take_memory(fd, pool, taker);
	igt_assert(child > 0);
	for (step = 0; step < 60000 && !ended; step++) {
		uint64_t now = swap_used();

		if (now > swapped + taker->swapped)
			taker->swapped = now - swapped;
		if (__atomic_load_n(&taker->done, __ATOMIC_ACQUIRE))
			break;
		ended = waitpid(child, &taker->status, WNOHANG) == child;
		usleep(5000);
	}
	igt_assert(ended || taker->done);
	if (!ended) {
		kill(child, SIGKILL);
		igt_assert_f(zcgem_wait_for_end(child, 60, &taker->status), "it does not die\n");
	}
	taker->kills = oom_kills() - kills;
	igt_info("%s: %" PRIu64 " MiB, %" PRIu64 " MiB in swap, %" PRIu64 " killed\n",
		 pool ? "pool" : "memfds", taker->bytes >> 20, taker->swapped >> 10,
		 taker->kills);
}

/*
 * Pool objects are as good a way to take memory as memfds, and no better: what does not fit
 * is swapped out, no process is killed, and it all comes back.
 */
static void test_pool_beside_memfd(int fd)
{
	struct taker *takers = mmap(NULL, 2 * sizeof(*takers), RW, MAP_SHARED | MAP_ANONYMOUS,
				    -1, 0);
	unsigned int i;
	uint64_t most;
	pid_t spare;
	int status;

	igt_assert(takers != MAP_FAILED);
	require_tight_machine();
	igt_require_f(!geteuid(), "only root can become another user\n");
	zcgem_end_swap();
	zcgem_require_swap(TAKEN_SWAP);
	spare = start_spare();
	/*
	 * More than there is without swap, and not all that there is with it: the OOM killer
	 * does not wait until a file system has freed what its first victim had.
	 */
	most = zcgem_read_key("/proc/meminfo", "MemAvailable") * 1024 + TAKEN_SWAP / 2;
	takers[0].most = most;
	takers[1].most = most;
	watch_taker(fd, false, &takers[0]);
	watch_taker(fd, true, &takers[1]);

	for (i = 0; i < 2; i++) {
		igt_assert_lte_u64(most, takers[i].bytes);
		igt_assert_eq_u64(takers[i].kills, 0);
		igt_assert_lt_u64(TAKEN_SWAP / 8, takers[i].swapped * 1024);
	}
	igt_assert_eq(waitpid(spare, &status, WNOHANG), 0);
	kill(spare, SIGKILL);
	waitpid(spare, NULL, 0);
	zcgem_end_swap();
	munmap(takers, 2 * sizeof(*takers));
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("The memory of an idle object can be swapped out, with what the object has written (class 10, class 12)");
	igt_subtest("swappable")
		zcgem_run_counted(fd, test_swappable);

	igt_describe("The shrinker evicts what no device needs in place, mapped or not, and only with swap space (class 10)");
	igt_subtest("shrinker")
		zcgem_run_counted(fd, test_shrinker);

	igt_describe("A program gets memory that idle objects hold, and the objects keep their contents");
	igt_subtest("pressure")
		zcgem_run_counted(fd, test_pressure);

	igt_describe("The same with a CPU mapping of each object, which shows the contents afterwards");
	igt_subtest("pressure-mapped")
		zcgem_run_counted(fd, test_pressure_mapped);

	igt_describe("An ordinary user takes no more memory by pool objects than by memfds");
	igt_subtest("pool-beside-memfd")
		zcgem_run_counted(fd, test_pool_beside_memfd);

	igt_describe("The same program beside udmabuf objects fails, or this machine is no test");
	igt_subtest("pressure-udmabuf")
		zcgem_run_counted(fd, test_pressure_udmabuf);

	igt_fixture()
		drm_close_driver(fd);
}
