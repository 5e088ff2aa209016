// SPDX-License-Identifier: MIT
/*
 * What /proc/PID/fdinfo says of a client's memory, by kind, and that tools show it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "igt.h"
#include "igt_debugfs.h"
#include "igt_vgem.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem fdinfo
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check what is told about a client's memory.
 *
 * SUBTEST: format
 * Description: Driver, client and one line for each figure of each kind of memory.
 *
 * SUBTEST: pool
 * Description: Objects of the pool are counted, and resident once they have pages (class 16).
 *
 * SUBTEST: memfd
 * Description: Objects of memfds are resident until evicted, and never purgeable (class 16).
 *
 * SUBTEST: userptr
 * Description: Objects of address ranges are resident and never purgeable (class 16).
 *
 * SUBTEST: svm
 * Description: Objects that mirror address ranges are resident and hold nothing that could be purged (class 16).
 *
 * SUBTEST: import
 * Description: Imported objects are a kind of their own (class 16).
 *
 * SUBTEST: shared
 * Description: Shared objects are counted as such in each client, once (class 16).
 *
 * SUBTEST: clients
 * Description: Each client is told of what it has itself (class 16).
 *
 * SUBTEST: cycles
 * Description: After 100000 objects the sums are exact (class 16).
 *
 * SUBTEST: read-race
 * Description: Reading while objects come and go is safe (class 16).
 *
 * SUBTEST: table
 * Description: The table of objects in debugfs says of each what GEM_INFO says (class 16).
 *
 * SUBTEST: table-name
 * Description: A creator's name cannot break the table of objects.
 *
 * SUBTEST: gputop
 * Description: IGT's gputop shows a zcgem client and its memory.
 */

IGT_TEST_DESCRIPTION("Check what is told about a client's memory");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)

enum region { POOL, MEMFD, USERPTR, SVM, IMPORT, REGIONS };

static const char * const region_names[REGIONS] = {
	[POOL] = "pool",
	[MEMFD] = "memfd",
	[USERPTR] = "userptr",
	[SVM] = "svm",
	[IMPORT] = "import",
};

enum figure { TOTAL, SHARED, ACTIVE, RESIDENT, PURGEABLE, FIGURES };

static const char * const figure_names[FIGURES] = {
	[TOTAL] = "total",
	[SHARED] = "shared",
	[ACTIVE] = "active",
	[RESIDENT] = "resident",
	[PURGEABLE] = "purgeable",
};

struct fdinfo {
	char driver[32];
	uint64_t client;
	unsigned int engines;
	uint64_t capacity;
	uint64_t busy;
	uint64_t bytes[REGIONS][FIGURES];
	unsigned int lines[REGIONS][FIGURES];
};

static uint64_t unit_of(const char *unit)
{
	if (!strcmp(unit, "KiB"))
		return 1 << 10;
	if (!strcmp(unit, "MiB"))
		return 1 << 20;
	igt_assert_f(!*unit, "unknown unit '%s'\n", unit);
	return 1;
}

static void parse_line(struct fdinfo *info, const char *line)
{
	unsigned long long value;
	char unit[16] = "", key[64];
	enum region region;
	enum figure figure;

	if (sscanf(line, "drm-driver: %31s", info->driver) == 1)
		return;
	if (sscanf(line, "drm-client-id: %llu", &value) == 1) {
		info->client = value;
		return;
	}
	info->engines += !strncmp(line, "drm-engine-", 11);
	if (sscanf(line, "drm-engine-capacity-copy: %llu", &value) == 1)
		info->capacity = value;
	if (sscanf(line, "drm-engine-copy: %llu ns", &value) == 1)
		info->busy = value;
	if (sscanf(line, "%63[^:]: %llu %15s", key, &value, unit) < 2)
		return;
	for (region = 0; region < REGIONS; region++) {
		for (figure = 0; figure < FIGURES; figure++) {
			char name[64];

			snprintf(name, sizeof(name), "drm-%s-%s", figure_names[figure],
				 region_names[region]);
			if (strcmp(name, key))
				continue;
			info->bytes[region][figure] = value * unit_of(unit);
			info->lines[region][figure]++;
		}
	}
}

static void read_fdinfo(int fd, struct fdinfo *info)
{
	char path[64], line[256];
	FILE *file;

	memset(info, 0, sizeof(*info));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file))
		parse_line(info, line);
	fclose(file);
}

static void expect(int fd, enum region region, uint64_t total, uint64_t shared, uint64_t resident)
{
	const uint64_t expected[FIGURES] = {
		[TOTAL] = total,
		[SHARED] = shared,
		[RESIDENT] = resident,
	};
	struct fdinfo info;
	enum figure figure;

	read_fdinfo(fd, &info);
	for (figure = 0; figure < FIGURES; figure++)
		igt_assert_f(info.bytes[region][figure] == expected[figure],
			     "drm-%s-%s: %" PRIu64 ", expected %" PRIu64 "\n",
			     figure_names[figure], region_names[region],
			     info.bytes[region][figure], expected[figure]);
}

static void expect_nothing(int fd)
{
	enum region region;

	for (region = 0; region < REGIONS; region++)
		expect(fd, region, 0, 0, 0);
}

static void test_format(int fd)
{
	int second = drm_reopen_driver(fd);
	struct fdinfo info, other;
	enum region region;
	enum figure figure;

	read_fdinfo(fd, &info);
	read_fdinfo(second, &other);
	igt_assert(!strcmp(info.driver, "zcgem"));
	igt_assert_neq_u64(info.client, 0);
	igt_assert_neq_u64(info.client, other.client);
	for (region = 0; region < REGIONS; region++) {
		/*
		 * These must be there, by the document, where a kind of memory is; purgeable is
		 * what may lose its contents.
		 */
		for (figure = 0; figure < FIGURES; figure++)
			igt_assert_f(info.lines[region][figure] == (figure != PURGEABLE),
				     "drm-%s-%s is there %u times\n", figure_names[figure],
				     region_names[region], info.lines[region][figure]);
	}
	expect_nothing(fd);
	expect_nothing(second);
	close(second);
}

static void test_pool(int fd)
{
	uint32_t one = zcgem_create(fd, PAGES(5), 0);
	uint32_t two = zcgem_create(fd, 3 << 20, DRM_ZCGEM_CREATE_WC);

	expect(fd, POOL, PAGES(5) + (3 << 20), 0, 0);
	zcgem_populate(fd, one, PAGES(5), NULL);
	expect(fd, POOL, PAGES(5) + (3 << 20), 0, PAGES(5));
	zcgem_populate(fd, two, 3 << 20, NULL);
	expect(fd, POOL, PAGES(5) + (3 << 20), 0, PAGES(5) + (3 << 20));
	expect(fd, MEMFD, 0, 0, 0);
	gem_close(fd, one);
	expect(fd, POOL, 3 << 20, 0, 3 << 20);
	gem_close(fd, two);
	expect_nothing(fd);
}

static void test_memfd(int fd)
{
	const uint64_t size = PAGES(21);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0), second;
	char *object;

	expect(fd, MEMFD, size, 0, size);
	object = zcgem_mmap(fd, handle, size, RW);
	expect(fd, MEMFD, size, 0, size);
	munmap(object, size);
	expect(fd, MEMFD, size, 0, size);
	zcgem_evict(fd, handle, size);
	expect(fd, MEMFD, size, 0, 0);
	zcgem_populate(fd, handle, size, NULL);
	expect(fd, MEMFD, size, 0, size);

	second = zcgem_wrap_memfd(fd, memfd, PAGES(1), PAGES(4), 0);
	expect(fd, MEMFD, size + PAGES(4), 0, size + PAGES(4));
	gem_close(fd, handle);
	expect(fd, MEMFD, PAGES(4), 0, PAGES(4));
	gem_close(fd, second);
	expect_nothing(fd);
	close(memfd);
}

static void test_userptr(int fd)
{
	const uint64_t size = PAGES(21);
	char *user = zcgem_anonymous(size);
	uint32_t handle = zcgem_wrap_address(fd, user, size, 0);

	/* pinned for good */
	expect(fd, USERPTR, size, 0, size);
	gem_close(fd, handle);
	expect_nothing(fd);
	munmap(user, size);
}

static void test_svm(int fd)
{
	const uint64_t size = PAGES(21);
	char *user = zcgem_anonymous(size);
	uint32_t handle = zcgem_wrap_address(fd, user, size, DRM_ZCGEM_WRAP_SVM);

	expect(fd, SVM, size, 0, size);
	zcgem_evict(fd, handle, size);
	expect(fd, SVM, size, 0, 0);
	gem_close(fd, handle);
	expect_nothing(fd);
	munmap(user, size);
}

static void test_import(int fd)
{
	struct vgem_bo bo = { .width = 64, .height = 64, .bpp = 32 };
	int vgem = __drm_open_driver(DRIVER_VGEM), dmabuf;
	struct drm_zcgem_gem_info info;
	struct fdinfo text;
	uint32_t handle;

	igt_require_f(vgem >= 0, "no vgem device\n");
	vgem_create(vgem, &bo);
	dmabuf = zcgem_export(vgem, bo.handle);
	handle = prime_fd_to_handle(fd, dmabuf);
	zcgem_info(fd, handle, &info);
	read_fdinfo(fd, &text);
	igt_assert_eq_u64(text.bytes[IMPORT][TOTAL], info.size);
	igt_assert_eq_u64(text.bytes[IMPORT][SHARED], info.size);
	expect(fd, POOL, 0, 0, 0);
	gem_close(fd, handle);
	expect_nothing(fd);
	close(dmabuf);
	close(vgem);
}

static void test_shared(int fd)
{
	int other = drm_reopen_driver(fd), dmabuf;
	uint32_t handle, theirs, again;

	handle = zcgem_create(fd, PAGES(9), 0);
	expect(fd, POOL, PAGES(9), 0, 0);
	/* a dma-buf by itself may be on its way to anybody */
	dmabuf = zcgem_export(fd, handle);
	expect(fd, POOL, PAGES(9), PAGES(9), 0);
	theirs = prime_fd_to_handle(other, dmabuf);
	close(dmabuf);
	expect(fd, POOL, PAGES(9), PAGES(9), 0);
	expect(other, POOL, PAGES(9), PAGES(9), 0);

	/* two handles of one client, by way of another dma-buf, are one object */
	dmabuf = zcgem_export(other, theirs);
	again = prime_fd_to_handle(fd, dmabuf);
	igt_assert_eq_u32(again, handle);
	close(dmabuf);
	expect(fd, POOL, PAGES(9), PAGES(9), 0);

	/* what was once given away stays so as long as there is a handle */
	gem_close(other, theirs);
	expect_nothing(other);
	expect(fd, POOL, PAGES(9), PAGES(9), 0);
	gem_close(fd, handle);
	expect_nothing(fd);
	close(other);
}

/* Another client's memory is not this one's, and a forked child is no new client. */
static void test_clients(int fd)
{
	int other = drm_reopen_driver(fd), copy = dup(fd);
	struct fdinfo info, same;
	struct zcgem_line line;

	zcgem_create(fd, PAGES(2), 0);
	zcgem_create(other, PAGES(3), 0);
	expect(fd, POOL, PAGES(2), 0, 0);
	expect(other, POOL, PAGES(3), 0, 0);
	read_fdinfo(fd, &info);
	read_fdinfo(copy, &same);
	igt_assert_eq_u64(same.client, info.client);
	expect(copy, POOL, PAGES(2), 0, 0);

	zcgem_open_line(&line);
	igt_fork(child, 1) {
		zcgem_create(fd, PAGES(4), 0);
		expect(fd, POOL, PAGES(6), 0, 0);
	}
	igt_waitchildren();
	expect(fd, POOL, PAGES(6), 0, 0);
	zcgem_close_line(&line);
	close(copy);
	close(other);
}

#define CYCLES	25000

/* Four clients' worth of coming and going; what stays behind must be told exactly. */
static void test_cycles(int fd)
{
	const uint64_t size = PAGES(3);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *user = zcgem_anonymous(size);
	uint32_t stay[3];
	unsigned int rounds = zcgem_rounds(CYCLES), i;

	stay[0] = zcgem_create(fd, size, 0);
	stay[1] = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	stay[2] = zcgem_wrap_address(fd, user, size, 0);
	for (i = 0; i < rounds; i++) {
		uint32_t handles[4];

		handles[0] = zcgem_create(fd, PAGES(1 + i % 3), 0);
		handles[1] = zcgem_create(fd, PAGES(1 + i % 5), DRM_ZCGEM_CREATE_WC);
		handles[2] = zcgem_wrap_memfd(fd, memfd, PAGES(i % 3), PAGES(1), 0);
		handles[3] = zcgem_wrap_address(fd, user, PAGES(1 + i % 3), 0);
		if (i % 1000 == 0) {
			expect(fd, POOL, size + PAGES(2 + i % 3 + i % 5), 0, 0);
			expect(fd, USERPTR, size + PAGES(1 + i % 3), 0,
			       size + PAGES(1 + i % 3));
		}
		/* in another order each time */
		gem_close(fd, handles[i % 4]);
		gem_close(fd, handles[(i + 3) % 4]);
		gem_close(fd, handles[(i + 1) % 4]);
		gem_close(fd, handles[(i + 2) % 4]);
	}
	expect(fd, POOL, size, 0, 0);
	/* it may have been idle for long enough to be unpinned */
	zcgem_populate(fd, stay[1], size, NULL);
	expect(fd, MEMFD, size, 0, size);
	expect(fd, USERPTR, size, 0, size);
	for (i = 0; i < 3; i++)
		gem_close(fd, stay[i]);
	expect_nothing(fd);
	munmap(user, size);
	zcgem_release_memfd(memfd);
}

struct reader {
	int fd;
	bool stop;
	bool wrong;
	uint64_t reads;
};

static void *read_on(void *data)
{
	struct reader *reader = data;
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", reader->fd);
	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		int file = open(path, O_RDONLY);
		ssize_t len = read(file, text, sizeof(text) - 1);

		close(file);
		if (len <= 0)
			reader->wrong = true;
		reader->reads++;
	}
	return NULL;
}

/* Objects that are being made, evicted and closed while somebody looks. */
static void test_read_race(int fd)
{
	const uint64_t size = PAGES(4);
	struct reader reader = { .fd = fd };
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *user = zcgem_anonymous(size);
	unsigned int rounds = zcgem_rounds(3000), i;
	pthread_t thread;

	igt_assert_eq(pthread_create(&thread, NULL, read_on, &reader), 0);
	/* the reader may come late */
	for (i = 0; i < rounds || !__atomic_load_n(&reader.reads, __ATOMIC_RELAXED); i++) {
		uint32_t handle, other, pool;

		if (__zcgem_wrap_file(fd, memfd, size, 0, &handle) ||
		    __zcgem_wrap_address(fd, user, size, 0, &other))
			break;
		pool = zcgem_create(fd, size, 0);
		if (__zcgem_evict(fd, handle, size))
			break;
		__zcgem_close(fd, pool);
		__zcgem_close(fd, handle);
		__zcgem_close(fd, other);
	}
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	igt_assert_lte(rounds, i);
	igt_assert(!reader.wrong);
	expect_nothing(fd);
	munmap(user, size);
	close(memfd);
}

/* A row of the table of objects. */
struct row {
	char comm[17], backing[17], resident[8];
	int pid, mappings, attachments;
	unsigned int pins;
	unsigned long long size, evictions, faults[3], extents[5];
};

/* This process's row of an object that no other has the size of. */
static void find_row(int dir, uint64_t size, struct row *row)
{
	char text[16384], *line;
	int len = igt_debugfs_simple_read(dir, "zcgem_objects", text, sizeof(text));

	igt_assert_lt(0, len);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		/* the name may have blanks in it */
		memcpy(row->comm, line, 16);
		row->comm[16] = '\0';
		if (sscanf(line + 16, "%d %16s %llu %7s %u %d %d %llu %llu %llu %llu "
			   "%llu %llu %llu %llu %llu", &row->pid, row->backing, &row->size,
			   row->resident, &row->pins, &row->mappings, &row->attachments,
			   &row->evictions, &row->faults[0], &row->faults[1], &row->faults[2],
			   &row->extents[0], &row->extents[1], &row->extents[2],
			   &row->extents[3], &row->extents[4]) == 16 &&
		    row->pid == getpid() && row->size == size)
			return;
	}
	igt_assert_f(false, "no row of an object of %" PRIu64 " bytes\n", size);
}

static void check_row(int fd, int dir, uint32_t handle, const char *backing)
{
	static const unsigned int ends[] = { 1, 4, 9, 18, DRM_ZCGEM_EXTENT_ORDERS };
	struct drm_zcgem_gem_info info;
	unsigned int class, order = 0;
	struct row row;

	zcgem_info(fd, handle, &info);
	find_row(dir, info.size, &row);
	igt_assert_f(!strncmp(row.comm, "zcgem_fdinfo", 12), "'%s'\n", row.comm);
	igt_assert_f(!strcmp(row.backing, backing), "'%s'\n", row.backing);
	igt_assert_f(!strcmp(row.resident, info.flags & DRM_ZCGEM_INFO_RESIDENT ? "yes" : "no"),
		     "'%s'\n", row.resident);
	igt_assert_eq(row.pins, info.pins);
	igt_assert_eq(row.mappings, info.mappings);
	igt_assert_eq(row.attachments, info.attachments);
	igt_assert_eq_u64(row.evictions, info.evictions);
	igt_assert_eq_u64(row.faults[0], info.faults_pte);
	igt_assert_eq_u64(row.faults[1], info.faults_pmd);
	igt_assert_eq_u64(row.faults[2], info.faults_pud);
	for (class = 0; class < ARRAY_SIZE(ends); class++) {
		uint64_t count = 0;

		for (; order < ends[class]; order++)
			count += info.extents_by_order[order];
		igt_assert_eq_u64(row.extents[class], count);
	}
}

static void test_table(int fd)
{
	int memfd = zcgem_memfd(PAGES(21), F_SEAL_SHRINK), dir = igt_debugfs_dir(fd);
	int huge = zcgem_memfd_hugetlb(2 * ZCGEM_HUGE, F_SEAL_SHRINK);
	uint32_t pool, file, hugetlb, address;
	char *user, *map;

	igt_assert_fd(dir);
	user = zcgem_anonymous(PAGES(23));
	pool = zcgem_create(fd, PAGES(19), 0);
	file = zcgem_wrap_memfd(fd, memfd, 0, PAGES(21), 0);
	hugetlb = zcgem_wrap_memfd(fd, huge, 0, 2 * ZCGEM_HUGE, 0);
	address = zcgem_wrap_address(fd, user, PAGES(23), 0);
	check_row(fd, dir, pool, "pool");
	check_row(fd, dir, address, "userptr");

	map = zcgem_mmap(fd, file, PAGES(21), RW);
	zcgem_mark_all(map, PAGES(21), 1);
	check_row(fd, dir, file, "memfd");
	zcgem_evict(fd, file, PAGES(21));
	check_row(fd, dir, file, "memfd");
	munmap(map, PAGES(21));
	check_row(fd, dir, file, "memfd");

	map = zcgem_mmap(fd, hugetlb, 2 * ZCGEM_HUGE, RW);
	zcgem_mark_all(map, 2 * ZCGEM_HUGE, 1);
	check_row(fd, dir, hugetlb, "memfd");
	munmap(map, 2 * ZCGEM_HUGE);

	munmap(user, PAGES(23));
	close(dir);
	close(huge);
	close(memfd);
}

/* A name is any bytes, and an object keeps that of its creator. */
static void test_table_name(int fd)
{
	int dir = igt_debugfs_dir(fd);
	char name[17] = {};
	struct row row;

	igt_assert_fd(dir);
	igt_assert_eq(prctl(PR_GET_NAME, name), 0);
	igt_assert_eq(prctl(PR_SET_NAME, "two\nlines\t\x7f"), 0);
	zcgem_create(fd, PAGES(27), 0);
	igt_assert_eq(prctl(PR_SET_NAME, name), 0);
	find_row(dir, PAGES(27), &row);
	igt_assert_f(!strcmp(row.comm, "two?lines??     "), "'%s'\n", row.comm);
	close(dir);
}

static void test_gputop(int fd)
{
	uint32_t handle = zcgem_create(fd, 5 << 20, 0);
	char line[512], pid[32];
	struct fdinfo info;
	bool shown = false;
	FILE *top;

	igt_require_f(!system("command -v gputop >/dev/null"), "no gputop\n");
	read_fdinfo(fd, &info);
	/* the engine and its capacity */
	igt_assert_eq(info.engines, 2);
	igt_assert_lt_u64(0, info.capacity);
	igt_assert_eq_u64(info.busy, 0);

	/* it shows clients that have used an engine */
	zcgem_submit_op(fd, zcgem_op_fill32(handle, 0, 5 << 20, 1));
	zcgem_wait(fd, handle);
	read_fdinfo(fd, &info);
	igt_assert_lt_u64(0, info.busy);
	top = popen("TERM=dumb COLUMNS=120 LINES=60 gputop -n 2 -d 0.5 2>&1", "r");
	igt_assert(top);
	snprintf(pid, sizeof(pid), "%d ", getpid());
	while (fgets(line, sizeof(line), top)) {
		igt_debug("gputop: %s", line);
		shown |= strstr(line, pid) && strstr(line, "5M");
	}
	pclose(top);
	igt_assert_f(shown, "gputop shows no zcgem client with 5 MiB\n");
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Driver, client and one line for each figure of each kind of memory");
	igt_subtest("format")
		zcgem_run_counted(fd, test_format);

	igt_describe("Objects of the pool are counted, and resident once they have pages (class 16)");
	igt_subtest("pool")
		zcgem_run_counted(fd, test_pool);

	igt_describe("Objects of memfds are resident until evicted, and never purgeable (class 16)");
	igt_subtest("memfd")
		zcgem_run_counted(fd, test_memfd);

	igt_describe("Objects of address ranges are resident and never purgeable (class 16)");
	igt_subtest("userptr")
		zcgem_run_counted(fd, test_userptr);

	igt_describe("Objects that mirror address ranges are resident and hold nothing that could be purged (class 16)");
	igt_subtest("svm")
		zcgem_run_counted(fd, test_svm);

	igt_describe("Imported objects are a kind of their own (class 16)");
	igt_subtest("import")
		zcgem_run_counted(fd, test_import);

	igt_describe("Shared objects are counted as such in each client, once (class 16)");
	igt_subtest("shared")
		zcgem_run_counted(fd, test_shared);

	igt_describe("Each client is told of what it has itself (class 16)");
	igt_subtest("clients")
		zcgem_run_counted(fd, test_clients);

	igt_describe("After 100000 objects the sums are exact (class 16)");
	igt_subtest("cycles")
		zcgem_run_counted(fd, test_cycles);

	igt_describe("Reading while objects come and go is safe (class 16)");
	igt_subtest("read-race")
		zcgem_run_counted(fd, test_read_race);

	igt_describe("The table of objects in debugfs says of each what GEM_INFO says (class 16)");
	igt_subtest("table")
		zcgem_run_counted(fd, test_table);

	igt_describe("A creator's name cannot break the table of objects");
	igt_subtest("table-name")
		zcgem_run_counted(fd, test_table_name);

	igt_describe("IGT's gputop shows a zcgem client and its memory");
	igt_subtest("gputop")
		zcgem_run_counted(fd, test_gputop);

	igt_fixture()
		drm_close_driver(fd);
}
