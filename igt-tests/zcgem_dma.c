// SPDX-License-Identifier: MIT
/*
 * How objects are mapped for DMA, as the kernel's own trace events dma:* show it: with
 * which attributes, when the CPU's access is synced, and what no device may be given.
 * The device is the test bed's module "importer".
 */
#include <errno.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"

/**
 * TEST: zcgem dma
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check how objects are mapped for DMA and synced for the CPU.
 *
 * SUBTEST: sync-before-map
 * Description: What the CPU wrote before a device maps the object is transferred by the mapping.
 *
 * SUBTEST: coherent
 * Description: A coherent device is mapped so that the DMA layer must not use other memory.
 *
 * SUBTEST: sync-while-mapped
 * Description: CPU access syncs each mapping once, with the direction it was made with.
 *
 * SUBTEST: sync-after-fence
 * Description: Memory is synced for the CPU when the device's work is done, not before.
 *
 * SUBTEST: end-under-signal
 * Description: The end of CPU access waits for the object whatever signals come.
 *
 * SUBTEST: boundary
 * Description: No entry of a scatter list crosses the device's segment boundary.
 *
 * SUBTEST: bounced
 * Description: Where all DMA is bounced (swiotlb=force), devices are refused, in every memory.
 */

IGT_TEST_DESCRIPTION("Check how objects are mapped for DMA and synced for the CPU");

#define TRACING		"/sys/kernel/tracing/instances/igt-zcgem-dma"
#define PAGES(n)	((n) * ZCGEM_PAGE)
#define SIZE		PAGES(4)

static bool dma_is_bounced(void)
{
	char words[4096];

	return zcgem_read_setting("/proc/cmdline", words, sizeof(words)) &&
	       strstr(words, "swiotlb=force");
}

static void require_direct_dma(void)
{
	igt_require_f(!dma_is_bounced(), "all DMA is bounced here\n");
}

static void end_tracing(int sig)
{
	(void)sig;
	__zcgem_write_setting(TRACING "/events/dma/enable", "0");
	rmdir(TRACING);
}

static void begin_tracing(void)
{
	require_direct_dma();
	/* what a test that failed has left */
	end_tracing(0);
	igt_require_f(!mkdir(TRACING, 0700), "no trace: %m\n");
	igt_require_f(__zcgem_write_setting(TRACING "/events/dma/enable", "1"),
		      "the kernel does not trace DMA\n");
}

static bool knows_require_coherent(void)
{
	FILE *format = fopen(TRACING "/events/dma/dma_map_sg/format", "r");
	char *text = NULL;
	size_t size = 0;
	bool found = false;

	while (format && !found && getline(&text, &size, format) > 0)
		found = strstr(text, "REQUIRE_COHERENT");
	free(text);
	if (format)
		fclose(format);
	return found;
}

/* How many events of the importer are of a name and have a text. */
static unsigned int count_lines(const char *event, const char *text)
{
	FILE *trace = fopen(TRACING "/trace", "r");
	unsigned int count = 0;
	char *line = NULL;
	size_t size = 0;

	igt_assert(trace);
	while (getline(&line, &size, trace) > 0) {
		char *at = strstr(line, event);

		count += at && strstr(at, "importer") && strstr(at, text);
	}
	free(line);
	fclose(trace);
	return count;
}

/* One object in the hands of one device, and the events of what is done with it. */
struct buffer {
	uint32_t handle;
	int dmabuf;
	int device;
};

static void begin_buffer(int fd, struct buffer *b)
{
	b->handle = zcgem_create(fd, SIZE, 0);
	b->dmabuf = zcgem_export(fd, b->handle);
	b->device = importer_open();
	/* a device of its own, also where there is another one behind an IOMMU */
	igt_assert_eq(__importer_attach(b->device, b->dmabuf, IMPORTER_FOLLOWS, 64, 0), 0);
}

static void end_buffer(int fd, struct buffer *b)
{
	close(b->device);
	close(b->dmabuf);
	gem_close(fd, b->handle);
}

static void test_sync_before_map(int fd)
{
	struct buffer b;

	begin_tracing();
	begin_buffer(fd, &b);
	igt_assert_eq(dmabuf_sync(b.dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START), 0);
	igt_assert_eq(dmabuf_sync(b.dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END), 0);
	importer_call(b.device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	importer_call(b.device, IMPORTER_UNMAP, 0);
	igt_assert_eq(count_lines(" dma_map_sg: ", ""), 1);
	igt_assert_eq(count_lines(" dma_unmap_sg: ", ""), 1);
	igt_assert_eq(count_lines(" dma_map_sg: ", "SKIP_CPU_SYNC"), 0);
	igt_assert_eq(count_lines(" dma_unmap_sg: ", "SKIP_CPU_SYNC"), 0);
	end_tracing(0);
	end_buffer(fd, &b);
}

static void test_coherent(int fd)
{
	struct buffer b;

	begin_tracing();
	igt_require_f(knows_require_coherent(), "the kernel has no DMA_ATTR_REQUIRE_COHERENT\n");
	begin_buffer(fd, &b);
	importer_call(b.device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	importer_call(b.device, IMPORTER_UNMAP, 0);
#ifndef __aarch64__
	igt_assert_eq(count_lines(" dma_map_sg: ", "REQUIRE_COHERENT"), 1);
	igt_assert_eq(count_lines(" dma_unmap_sg: ", "REQUIRE_COHERENT"), 1);
#else
	/* a device that no firmware knows is not coherent there */
	igt_assert_eq(count_lines(" dma_map_sg: ", "REQUIRE_COHERENT"), 0);
#endif
	end_tracing(0);
	end_buffer(fd, &b);
}

static void test_sync_while_mapped(int fd)
{
	static const char * const directions[] = {
		[IMPORTER_BIDIRECTIONAL] = "dir=BIDIRECTIONAL",
		[IMPORTER_READS] = "dir=TO_DEVICE",
		[IMPORTER_WRITES] = "dir=FROM_DEVICE",
	};
	struct buffer b;
	unsigned int i;

	begin_tracing();
	begin_buffer(fd, &b);
	for (i = 0; i < ARRAY_SIZE(directions); i++) {
		importer_call(b.device, IMPORTER_MAP, i);
		igt_assert_eq(dmabuf_sync(b.dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START), 0);
		igt_assert_eq(count_lines(" dma_sync_sg_for_cpu: ", directions[i]), 1);
		igt_assert_eq(dmabuf_sync(b.dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END), 0);
		igt_assert_eq(count_lines(" dma_sync_sg_for_device: ", directions[i]), 1);
		importer_call(b.device, IMPORTER_UNMAP, 0);
	}
	igt_assert_eq(count_lines(" dma_sync_sg_for_cpu: ", ""), ARRAY_SIZE(directions));
	end_tracing(0);
	end_buffer(fd, &b);
}

/* A thread that calls something, and whether it sleeps in there. */
struct caller {
	int (*call)(struct caller *caller);
	int dmabuf;
	int device;
	int result;
	volatile pid_t tid;
	volatile bool ended;
	pthread_t thread;
};

static void *run_caller(void *data)
{
	struct caller *caller = data;

	caller->tid = syscall(SYS_gettid);
	caller->result = caller->call(caller);
	caller->ended = true;
	return NULL;
}

static char thread_state(pid_t tid)
{
	char path[64], text[512], *end;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	if (!zcgem_read_setting(path, text, sizeof(text)))
		return 0;
	end = strrchr(text, ')');
	return end ? end[2] : 0;
}

/* Comes back when the call has ended or sleeps and goes on sleeping. */
static void start_caller(struct caller *caller)
{
	unsigned int asleep = 0;

	igt_assert_eq(pthread_create(&caller->thread, NULL, run_caller, caller), 0);
	while (asleep < 20 && !caller->ended) {
		char state = caller->tid ? thread_state(caller->tid) : 0;

		asleep = state == 'S' || state == 'D' ? asleep + 1 : 0;
		usleep(10000);
	}
}

static int join_caller(struct caller *caller)
{
	pthread_join(caller->thread, NULL);
	return caller->result;
}

static int call_begin(struct caller *caller)
{
	return dmabuf_sync(caller->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START);
}

static void test_sync_after_fence(int fd)
{
	struct caller caller = { .call = call_begin };
	struct buffer b;

	begin_tracing();
	begin_buffer(fd, &b);
	caller.dmabuf = b.dmabuf;
	importer_call(b.device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	importer_call(b.device, IMPORTER_FENCE, 0);
	start_caller(&caller);
	igt_assert_f(!caller.ended, "it did not wait: %d\n", caller.result);
	igt_assert_eq(count_lines(" dma_sync_sg_for_cpu: ", ""), 0);
	importer_call(b.device, IMPORTER_SIGNAL, 0);
	igt_assert_eq(join_caller(&caller), 0);
	igt_assert_eq(count_lines(" dma_sync_sg_for_cpu: ", ""), 1);
	end_tracing(0);
	end_buffer(fd, &b);
}

static int call_map(struct caller *caller)
{
	return __importer_call(caller->device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
}

static volatile unsigned int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static int call_end(struct caller *caller)
{
	struct sigaction action = { .sa_handler = on_alarm };
	sigset_t set;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return dmabuf_sync(caller->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END);
}

/*
 * A device that maps while the memory was punched and another's work is not done waits with
 * the object locked.
 */
static void test_end_under_signal(int fd)
{
	struct caller mapper = { .call = call_map }, ender = { .call = call_end };
	int memfd, dmabuf, worker, map_result, end_result;
	uint32_t handle;

	require_direct_dma();
	memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	dmabuf = zcgem_export(fd, handle);
	worker = importer_new(dmabuf, IMPORTER_FOLLOWS);
	mapper.device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	ender.dmabuf = dmabuf;

	importer_call(worker, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	importer_call(worker, IMPORTER_UNMAP, 0);
	importer_call(worker, IMPORTER_FENCE, 0);
	punch(memfd, 0, PAGES(1));
	start_caller(&mapper);
	igt_assert_f(!mapper.ended, "it did not wait: %d\n", mapper.result);

	alarms = 0;
	start_caller(&ender);
	if (!ender.ended) {
		pthread_kill(ender.thread, SIGUSR1);
		/* time for it to come back, if it does */
		usleep(300000);
	}
	importer_call(worker, IMPORTER_SIGNAL, 0);
	map_result = join_caller(&mapper);
	end_result = join_caller(&ender);
	igt_assert_eq(map_result, 0);
	igt_assert_eq(end_result, 0);
	igt_assert_lt(0, alarms);
	close(worker);
	close(mapper.device);
	close(dmabuf);
	gem_close(fd, handle);
	close(memfd);
}

static const enum memory_kind kinds[] = {
	SHMEM_4K, SHMEM_THP, HUGETLB_2M, ANON_4K, ANON_THP, POOL,
};

static void for_each_kind(int fd, void (*test)(int fd, const struct memory *memory, int dmabuf))
{
	const uint64_t size = 2 * LEAF_2M;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct memory memory;
		void *map;
		int dmabuf;

		if (!memory_available(kinds[i], size))
			continue;
		make_memory(fd, kinds[i], size, &memory);
		map = map_memory(fd, &memory, PROT_READ | PROT_WRITE);
		zcgem_fill(map, PAGES(8), 5);
		munmap(map, size);
		dmabuf = zcgem_export(fd, memory.handle);
		test(fd, &memory, dmabuf);
		close(dmabuf);
		free_memory(fd, &memory);
	}
}

static void try_boundary(int fd, const struct memory *memory, int dmabuf)
{
	static const uint64_t boundaries[] = { 1 << 16, 1 << 20, 1ull << 32 };
	unsigned int i;

	(void)fd;
	for (i = 0; i < ARRAY_SIZE(boundaries); i++) {
		struct importer_attach arg = {
			.dmabuf = dmabuf, .flags = IMPORTER_FOLLOWS, .boundary = boundaries[i],
		};
		int device = importer_open();
		struct importer_state state;

		importer_call(device, IMPORTER_ATTACH, (uintptr_t)&arg);
		importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		importer_state(device, &state);
		igt_debug("kind %u, boundary %#llx: %u entries, longest %u, %u cross\n", memory->kind,
			  (unsigned long long)boundaries[i], state.entries, state.longest,
			  state.crossing);
		igt_assert_eq_u64(state.bytes, memory->size);
		igt_assert_eq(state.crossing, 0);
		importer_check(device, PAGES(8), 5, 0);
		close(device);
	}
}

static void test_boundary(int fd)
{
	require_direct_dma();
	for_each_kind(fd, try_boundary);
}

static void try_bounced(int fd, const struct memory *memory, int dmabuf)
{
	int device = importer_open(), ret;
	uint32_t handle;

	/* one that follows moves is there for DMA alone */
	igt_assert_eq(__importer_attach(device, dmabuf, IMPORTER_FOLLOWS, 0, 0), -EOPNOTSUPP);
	/* the others are refused no later than when they map, and may have a kernel mapping */
	ret = __importer_attach(device, dmabuf, 0, 0, 0);
	if (!ret) {
		igt_assert_eq(__importer_call(device, IMPORTER_MAP, 0), -EOPNOTSUPP);
		importer_call(device, IMPORTER_VMAP, 0);
		importer_check(device, PAGES(8), 5, IMPORTER_COPY_VMAP);
	} else {
		igt_assert_eq(ret, -EOPNOTSUPP);
	}
	close(device);
	/* the same device takes its own object back, which is no DMA */
	handle = zcgem_import(fd, dmabuf);
	igt_assert_eq_u32(handle, memory->handle);
}

static void test_bounced(int fd)
{
	igt_require_f(dma_is_bounced(), "for machines with swiotlb=force\n");
	for_each_kind(fd, try_bounced);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		sigset_t set;

		fd = zcgem_open();
		require_importer();
		require_walker();
		igt_install_exit_handler(end_tracing);
		/* for one thread only */
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	}

	igt_describe("What the CPU wrote before a device maps the object is transferred by the mapping");
	igt_subtest("sync-before-map")
		zcgem_run_counted(fd, test_sync_before_map);

	igt_describe("A coherent device is mapped so that the DMA layer must not use other memory");
	igt_subtest("coherent")
		zcgem_run_counted(fd, test_coherent);

	igt_describe("CPU access syncs each mapping once, with the direction it was made with");
	igt_subtest("sync-while-mapped")
		zcgem_run_counted(fd, test_sync_while_mapped);

	igt_describe("Memory is synced for the CPU when the device's work is done, not before");
	igt_subtest("sync-after-fence")
		zcgem_run_counted(fd, test_sync_after_fence);

	igt_describe("The end of CPU access waits for the object whatever signals come");
	igt_subtest("end-under-signal")
		zcgem_run_counted(fd, test_end_under_signal);

	igt_describe("No entry of a scatter list crosses the device's segment boundary");
	igt_subtest("boundary")
		zcgem_run_counted(fd, test_boundary);

	igt_describe("Where all DMA is bounced (swiotlb=force), devices are refused, in every memory");
	igt_subtest("bounced")
		zcgem_run_counted(fd, test_bounced);

	igt_fixture()
		drm_close_driver(fd);
}
