// SPDX-License-Identifier: MIT
/*
 * How others read and write a mapping of an object without a reference to its pages: a
 * debugger, and /proc/PID/mem, by the access operation.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_target.h"
#include "igt_zcgem_tracing.h"

/**
 * TEST: zcgem access
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check the access operation of mappings of zcgem objects.
 *
 * SUBTEST: ptrace
 * Description: A debugger reads and writes by the access operation.
 *
 * SUBTEST: proc-mem
 * Description: Reads and writes of /proc/PID/mem go by the access operation.
 *
 * SUBTEST: bounds
 * Description: The access operation ends where the mapping ends.
 *
 * SUBTEST: read-only
 * Description: The access operation writes only what the mapping could (class 9).
 *
 * SUBTEST: one-page
 * Description: The access operation looks at the pages that it was asked for only.
 */

IGT_TEST_DESCRIPTION("Check the access operation of mappings of zcgem objects");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

static void try_ptrace(struct target *target, void *data)
{
	volatile long *words[2] = { (long *)target->inside, (long *)target->across };
	unsigned int i;
	int status;
	pid_t pid;

	(void)data;
	*words[0] = 0x1111;
	*words[1] = 0x2222;
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		/* what the debugger wrote is what this process sees */
		_exit(*words[0] == 0x3333 && *words[1] == 0x4444 ? 0 : 1);
	}
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSTOPPED(status));
	for (i = 0; i < 2; i++) {
		long value;

		errno = 0;
		value = ptrace(PTRACE_PEEKDATA, pid, words[i], NULL);
		igt_assert_f(!errno, "PEEKDATA: %m\n");
		igt_assert_eq(value, i ? 0x2222 : 0x1111);
		igt_assert_eq(ptrace(PTRACE_POKEDATA, pid, words[i],
				     i ? 0x4444 : 0x3333), 0);
	}
	igt_assert_eq(*words[0], 0x3333);
	igt_assert_eq(*words[1], 0x4444);
	igt_assert_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void test_ptrace(int fd)
{
	try_each_target(fd, try_ptrace, NULL);
}

static int open_mem(void)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	igt_assert_f(mem >= 0, "/proc/self/mem: %m\n");
	return mem;
}

static void try_proc_mem(struct target *target, void *data)
{
	const size_t size = PAGES(6);
	char *buffer = malloc(size);
	int mem = *(int *)data;
	char *at = target->across + 40;

	/* from inside one page to inside another, over the end of a 2 MiB leaf */
	memset(at, 0x31, size);
	igt_assert_eq(pread(mem, buffer, size, (uintptr_t)at), size);
	igt_assert(!memcmp(buffer, at, size));
	memset(buffer, 0x42, size);
	igt_assert_eq(pwrite(mem, buffer, size, (uintptr_t)at), size);
	igt_assert(!memcmp(buffer, at, size));
	/* give the stamps back */
	stamp(target->map, 0, target->size, TARGET_STEP, TARGET_SEED);

	igt_assert_eq(pread(mem, buffer, 8, (uintptr_t)target->map + TARGET_STEP), 8);
	igt_assert(!memcmp(buffer, target->map + TARGET_STEP, 8));
	free(buffer);
}

static void test_proc_mem(int fd)
{
	const uint64_t size = 2 * LEAF_2M;
	int mem = open_mem();
	struct target target;
	uint64_t word;
	long ret;

	try_each_target(fd, try_proc_mem, &mem);

	/* of an object that is not resident: its pages may have to be had first */
	open_target(fd, HUGETLB_2M, &target);
	stamp(target.map, 0, size, TARGET_STEP, TARGET_SEED);
	zcgem_evict(fd, target.memory.handle, size);
	ret = pread(mem, &word, 8, (uintptr_t)target.map + TARGET_STEP);
	igt_info("of an object that is not resident: %ld\n", ret < 0 ? -errno : ret);
	if (ret < 0) {
		igt_assert_eq(errno, EIO);
		zcgem_populate(fd, target.memory.handle, size, NULL);
		ret = pread(mem, &word, 8, (uintptr_t)target.map + TARGET_STEP);
	}
	igt_assert_eq(ret, 8);
	igt_assert_eq_u64(word, *(uint64_t *)((char *)target.memory.own + TARGET_STEP));
	close_target(fd, &target);
	close(mem);
}

static void test_access_bounds(int fd)
{
	const uint64_t size = PAGES(8);
	uint32_t handle = zcgem_create(fd, size, 0);
	char buffer[ZCGEM_PAGE], *map = zcgem_mmap(fd, handle, size, PROT_RW), *next;
	int mem = open_mem();

	memset(map, 'o', size);
	/* the second half is another mapping now, of other memory */
	next = map + PAGES(4);
	igt_assert(mmap(next, PAGES(4), PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			-1, 0) == next);
	memset(next, 'n', PAGES(4));

	igt_assert_eq(pread(mem, buffer, sizeof(buffer), (uintptr_t)next - 100),
		      sizeof(buffer));
	igt_assert_eq(buffer[0], 'o');
	igt_assert_eq(buffer[99], 'o');
	igt_assert_eq(buffer[100], 'n');
	igt_assert_eq(buffer[sizeof(buffer) - 1], 'n');

	memset(buffer, 'w', sizeof(buffer));
	igt_assert_eq(pwrite(mem, buffer, sizeof(buffer), (uintptr_t)next - 100),
		      sizeof(buffer));
	igt_assert_eq(next[-1], 'w');
	igt_assert_eq(next[0], 'w');
	munmap(next, PAGES(4));
	munmap(map, PAGES(4));

	/* what lies behind the mapped part has not been reached */
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	igt_assert_eq(map[PAGES(4)], 'o');

	/* with nothing behind it the rest is refused */
	igt_assert_eq(munmap(map + PAGES(4), PAGES(4)), 0);
	igt_assert_lte(pread(mem, buffer, sizeof(buffer), (uintptr_t)map + PAGES(4) - 100),
		       100);
	munmap(map, PAGES(4));
	close(mem);
}

static void expect_no_write(int mem, char *map)
{
	uint64_t before = *(volatile uint64_t *)map, value = ~before;

	igt_assert_f(pwrite(mem, &value, 8, (uintptr_t)map) < 0,
		     "a mapping that can only be read was written\n");
	igt_assert_eq_u64(*(volatile uint64_t *)map, before);
}

static void test_access_read_only(int fd)
{
	const uint64_t size = PAGES(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t writable = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	uint32_t readonly = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	int mem = open_mem(), dmabuf;
	char *map;

	map = zcgem_mmap(fd, readonly, size, PROT_READ);
	expect_no_write(mem, map);
	munmap(map, size);

	/* the object is writable, but who was given this descriptor may only read */
	igt_assert_eq(__zcgem_export(fd, writable, DRM_CLOEXEC, &dmabuf), 0);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0);
	igt_assert(map != MAP_FAILED);
	expect_no_write(mem, map);
	munmap(map, size);
	close(dmabuf);

	/* as with other shared memory, a mapping to read is not written by force */
	map = zcgem_mmap(fd, writable, size, PROT_READ);
	expect_no_write(mem, map);
	munmap(map, size);
	close(mem);
	close(memfd);
}

static void read_word(int mem, const char *at, uint64_t expected)
{
	uint64_t value;

	igt_assert_eq(pread(mem, &value, sizeof(value), (uintptr_t)at), sizeof(value));
	igt_assert_eq_u64(value, expected);
}

static void test_access_one_page(int fd)
{
	const uint64_t size = PAGES(8192);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), mem = open_mem();
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	char *map = zcgem_mmap(fd, handle, size, PROT_RW);
	uint64_t before = evictions(fd, handle);
	char punched[64];

	snprintf(punched, sizeof(punched), "offset=%llu size=%llu", PAGES(5), PAGES(1));
	memset(map, 0x31, size);
	/* each look at a page that has left its file is an event, and has the range */
	punch(memfd, PAGES(5), PAGES(1));
	zcgem_begin_tracing(0);
	read_word(mem, map + PAGES(4), 0x3131313131313131);
	read_word(mem, map + size - 8, 0x3131313131313131);
	read_word(mem, map + PAGES(6), 0x3131313131313131);
	igt_assert_eq(zcgem_count_events("zcgem_punch", ""), 0);
	igt_assert_eq_u64(evictions(fd, handle), before);
	read_word(mem, map + PAGES(5) + 8, 0);
	igt_assert_eq(zcgem_count_events("zcgem_punch", punched), 1);
	igt_assert_eq(zcgem_count_events("zcgem_punch", ""), 1);
	zcgem_end_tracing();
	igt_assert_lt_u64(before, evictions(fd, handle));

	munmap(map, size);
	close(mem);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("A debugger reads and writes by the access operation");
	igt_subtest("ptrace")
		zcgem_run_counted(fd, test_ptrace);

	igt_describe("Reads and writes of /proc/PID/mem go by the access operation");
	igt_subtest("proc-mem")
		zcgem_run_counted(fd, test_proc_mem);

	igt_describe("The access operation ends where the mapping ends");
	igt_subtest("bounds")
		zcgem_run_counted(fd, test_access_bounds);

	igt_describe("The access operation writes only what the mapping could (class 9)");
	igt_subtest("read-only")
		zcgem_run_counted(fd, test_access_read_only);

	igt_describe("The access operation looks at the pages that it was asked for only");
	igt_subtest("one-page")
		zcgem_run_counted(fd, test_access_one_page);

	igt_fixture()
		drm_close_driver(fd);
}
