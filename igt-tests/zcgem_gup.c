// SPDX-License-Identifier: MIT
/*
 * Nobody gets a reference to a page by a mapping of an object, whatever the size of its
 * leaves: peers' bug class 8. Whether they are there, and of which size, is read from the
 * page tables.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_disk.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_target.h"
#include "igt_zcgem_uring.h"

/**
 * TEST: zcgem gup
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that no kernel path takes page references through mappings.
 *
 * SUBTEST: direct-io
 * Description: Direct I/O of a file on ext4 finds no pages at any leaf size (class 8).
 *
 * SUBTEST: vmsplice
 * Description: vmsplice finds no pages at any leaf size (class 8).
 *
 * SUBTEST: process-vm
 * Description: process_vm_readv and process_vm_writev find no pages at any leaf size (class 8).
 *
 * SUBTEST: io-uring
 * Description: io_uring gets no rings, no fixed buffer and no direct I/O at any leaf size (class 8).
 *
 * SUBTEST: zerocopy-send
 * Description: MSG_ZEROCOPY finds no pages at any leaf size (class 8).
 *
 * SUBTEST: wrap-again
 * Description: A mapping cannot be wrapped as an address range (class 8).
 *
 * SUBTEST: futex
 * Description: A shared futex gets EFAULT, a private one works (class 8).
 *
 * SUBTEST: move-pages
 * Description: move_pages finds no page to tell of or to move.
 *
 * SUBTEST: own-memory
 * Description: The memory that an object was made of stays open to all doors.
 *
 * SUBTEST: race-free
 * Description: Direct I/O races with objects that are freed and pages that are used again.
 *
 * SUBTEST: race-evict
 * Description: Direct I/O races with faults and eviction at every leaf size.
 */

IGT_TEST_DESCRIPTION("Check that no kernel path takes page references through mappings");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

static void expect_efault(const char *what, const struct target *target, long ret)
{
	igt_assert_f(ret == -1 && errno == EFAULT, "%s, %s: returned %ld, %m\n",
		     memory_name(target->memory.kind), what, ret);
	errno = 0;
}

/* A file on ext4, opened for direct I/O. */
struct file {
	struct zcgem_disk disk;
	int fd;
};

#define FILE_SIZE	(2 * LEAF_2M)

/* With data: where a file has none, a read just fills in zeroes by the CPU. */
static void open_file(struct file *file)
{
	char *data = aligned_alloc(ZCGEM_PAGE, FILE_SIZE);

	zcgem_disk_open(&file->disk);
	zcgem_disk_mount(&file->disk);
	file->fd = zcgem_disk_file(&file->disk, O_DIRECT, FILE_SIZE);
	igt_assert(data);
	memset(data, 0x77, FILE_SIZE);
	igt_assert_eq(pwrite(file->fd, data, FILE_SIZE, 0), FILE_SIZE);
	free(data);
}

static void close_file(struct file *file)
{
	close(file->fd);
	zcgem_disk_close(&file->disk);
}

static void try_direct_io(struct target *target, void *data)
{
	struct file *file = data;
	char *good = aligned_alloc(ZCGEM_PAGE, ZCGEM_PAGE);
	struct iovec both[2] = {
		{ good, ZCGEM_PAGE }, { target->inside, ZCGEM_PAGE },
	};
	long ret;

	expect_efault("pread", target, pread(file->fd, target->inside, ZCGEM_PAGE, 0));
	expect_efault("pwrite", target, pwrite(file->fd, target->inside, ZCGEM_PAGE, 0));
	expect_efault("pread", target, pread(file->fd, target->across, PAGES(8), 0));
	expect_efault("pwrite", target, pwrite(file->fd, target->across, PAGES(8), 0));
	expect_efault("pread", target, pread(file->fd, target->map, 2 * LEAF_2M, 0));
	expect_efault("pwrite", target, pwrite(file->fd, target->map, 2 * LEAF_2M, 0));
	expect_efault("pread", target, pread(file->fd, target->inside + 512, 512, 512));

	/* the other buffer may be served, this one not */
	memset(good, 0, ZCGEM_PAGE);
	ret = preadv(file->fd, both, 2, 0);
	igt_assert(ret == (long)ZCGEM_PAGE || (ret == -1 && errno == EFAULT));
	ret = pwritev(file->fd, both, 2, 0);
	igt_assert(ret == (long)ZCGEM_PAGE || (ret == -1 && errno == EFAULT));
	free(good);
}

static void test_direct_io(int fd)
{
	struct file file;

	open_file(&file);
	try_each_target(fd, try_direct_io, &file);
	close_file(&file);
}

static void try_vmsplice(struct target *target, void *data)
{
	struct iovec inside = { target->inside, ZCGEM_PAGE };
	struct iovec across = { target->across, PAGES(4) };
	int *ends = data;

	expect_efault("vmsplice", target, vmsplice(ends[1], &inside, 1, 0));
	expect_efault("vmsplice", target, vmsplice(ends[1], &inside, 1, SPLICE_F_GIFT));
	expect_efault("vmsplice", target, vmsplice(ends[1], &across, 1, 0));
}

static void test_vmsplice(int fd)
{
	int ends[2];

	igt_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	try_each_target(fd, try_vmsplice, ends);
	close(ends[0]);
	close(ends[1]);
}

static void try_process_vm(struct target *target, void *data)
{
	char *buffer = malloc(PAGES(4));
	struct iovec local = { buffer, PAGES(4) };
	struct iovec remote[2] = {
		{ target->inside, ZCGEM_PAGE }, { target->across, PAGES(4) },
	};
	unsigned int i;
	pid_t pid = *(pid_t *)data;

	for (i = 0; i < ARRAY_SIZE(remote); i++) {
		expect_efault("process_vm_readv", target,
			      process_vm_readv(pid, &local, 1, &remote[i], 1, 0));
		expect_efault("process_vm_writev", target,
			      process_vm_writev(pid, &local, 1, &remote[i], 1, 0));
	}

	/* as the near end the mapping is only copied to, which is fine */
	local = (struct iovec) { target->inside, ZCGEM_PAGE };
	remote[0] = (struct iovec) { buffer, ZCGEM_PAGE };
	memset(buffer, 7, ZCGEM_PAGE);
	igt_assert_eq(process_vm_readv(getpid(), &local, 1, remote, 1, 0), ZCGEM_PAGE);
	igt_assert(!memcmp(target->inside, buffer, ZCGEM_PAGE));
	free(buffer);
}

static void test_process_vm(int fd)
{
	pid_t pid = getpid();

	try_each_target(fd, try_process_vm, &pid);
}

struct ring_and_file {
	struct zcgem_uring ring;
	struct file file;
};

static void try_io_uring(struct target *target, void *data)
{
	struct ring_and_file *both = data;
	struct zcgem_uring *ring = &both->ring;
	int file = both->file.fd;

	igt_assert_eq(__zcgem_uring_rings_in(target->inside), -EFAULT);
	igt_assert_eq(__zcgem_uring_rings_in(target->across), -EFAULT);
	igt_assert_eq(__zcgem_uring_register(ring, target->inside, ZCGEM_PAGE), -EFAULT);
	igt_assert_eq(__zcgem_uring_register(ring, target->across, PAGES(4)), -EFAULT);
	igt_assert_eq(__zcgem_uring_register(ring, target->map, target->size), -EFAULT);
	igt_assert_eq(zcgem_uring_io(ring, IORING_OP_READ_FIXED, file, target->inside,
			      ZCGEM_PAGE), -EFAULT);
	igt_assert_eq(zcgem_uring_io(ring, IORING_OP_WRITE_FIXED, file, target->inside,
			      ZCGEM_PAGE), -EFAULT);
	igt_assert_eq(zcgem_uring_io(ring, IORING_OP_READ, file, target->inside, ZCGEM_PAGE),
		      -EFAULT);
	igt_assert_eq(zcgem_uring_io(ring, IORING_OP_WRITE, file, target->inside, ZCGEM_PAGE),
		      -EFAULT);
	igt_assert_eq(zcgem_uring_io(ring, IORING_OP_READ, file, target->across, PAGES(4)),
		      -EFAULT);
	igt_assert_eq(zcgem_uring_io(ring, IORING_OP_WRITE, file, target->across, PAGES(4)),
		      -EFAULT);
}

static void test_io_uring(int fd)
{
	struct ring_and_file both;
	void *own;

	zcgem_uring_open(&both.ring);
	/* the program's own memory is fine */
	own = zcgem_anonymous(PAGES(4));
	igt_assert_eq(__zcgem_uring_rings_in(own), 0);
	munmap(own, PAGES(4));
	open_file(&both.file);
	try_each_target(fd, try_io_uring, &both);
	close_file(&both.file);
	zcgem_uring_close(&both.ring);
}

static void try_zerocopy(struct target *target, void *data)
{
	int sock = *(int *)data;

	expect_efault("send", target, send(sock, target->inside, 1024, MSG_ZEROCOPY));
	expect_efault("send", target, send(sock, target->across, 32768, MSG_ZEROCOPY));
	/* without it the bytes are copied */
	igt_assert_eq(send(sock, target->inside, 1024, 0), 1024);
}

static void loopback_up(int sock)
{
	struct ifreq request = { .ifr_name = "lo" };

	igt_require(!ioctl(sock, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	igt_require_f(!ioctl(sock, SIOCSIFFLAGS, &request), "no loopback: %m\n");
}

static void test_zerocopy_send(int fd)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int sink = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int one = 1;

	igt_require(sink >= 0 && sock >= 0);
	loopback_up(sock);
	igt_assert_eq(bind(sink, (void *)&address, sizeof(address)), 0);
	igt_assert_eq(getsockname(sink, (void *)&address, &size), 0);
	igt_assert_eq(connect(sock, (void *)&address, sizeof(address)), 0);
	igt_require_f(!setsockopt(sock, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)),
		      "no SO_ZEROCOPY: %m\n");
	try_each_target(fd, try_zerocopy, &sock);
	close(sock);
	close(sink);
}

static void try_wrap(struct target *target, void *data)
{
	int fd = *(int *)data;
	uint32_t handle = 0, flags;

	for (flags = 0; flags <= DRM_ZCGEM_WRAP_READONLY; flags++) {
		igt_assert_eq(__zcgem_wrap_address(fd, target->inside, ZCGEM_PAGE, flags,
						   &handle), -EFAULT);
		igt_assert_eq(__zcgem_wrap_address(fd, target->across, PAGES(4), flags,
						   &handle), -EFAULT);
		igt_assert_eq(__zcgem_wrap_address(fd, target->map, target->size, flags,
						   &handle), -EFAULT);
	}
}

static void test_wrap_again(int fd)
{
	try_each_target(fd, try_wrap, &fd);
}

static long futex(void *word, int operation, uint32_t value, uint64_t wait_ns)
{
	struct timespec timeout = { .tv_nsec = wait_ns };

	return syscall(SYS_futex, word, operation, value, &timeout, NULL, 0);
}

static void try_futex(struct target *target, void *data)
{
	uint32_t *word = (uint32_t *)target->inside, value = *word;

	(void)data;
	expect_efault("futex", target, futex(word, FUTEX_WAIT, value, 1000000));
	expect_efault("futex", target, futex(word, FUTEX_WAIT, value + 1, 1000000));
	expect_efault("futex", target, futex(word, FUTEX_WAKE, 1, 0));
	expect_efault("futex", target, futex(word, FUTEX_LOCK_PI, 0, 1000000));

	/* known by its address alone, this takes no page */
	igt_assert_eq(futex(word, FUTEX_WAIT_PRIVATE, value, 1000000), -1);
	igt_assert_eq(errno, ETIMEDOUT);
	igt_assert_eq(futex(word, FUTEX_WAIT_PRIVATE, value + 1, 1000000), -1);
	igt_assert_eq(errno, EAGAIN);
	igt_assert_eq(futex(word, FUTEX_WAKE_PRIVATE, 1, 0), 0);
}

static void test_futex(int fd)
{
	try_each_target(fd, try_futex, NULL);
}

static void try_move_pages(struct target *target, void *data)
{
	void *pages[2] = { target->inside, target->across };
	int nodes[2] = { 0, 0 }, status[2] = { 1, 1 };
	unsigned int i;
	long ret;

	(void)data;
	ret = syscall(SYS_move_pages, 0, 2ul, pages, NULL, status, 0);
	igt_assert(!ret);
	for (i = 0; i < 2; i++)
		igt_assert_f(status[i] == -EFAULT || status[i] == -ENOENT,
			     "status of page %u: %d\n", i, status[i]);
	status[0] = 1;
	status[1] = 1;
	ret = syscall(SYS_move_pages, 0, 2ul, pages, nodes, status, 0);
	igt_assert(!ret);
	for (i = 0; i < 2; i++)
		igt_assert_f(status[i] == -EFAULT || status[i] == -ENOENT,
			     "moved page %u: %d\n", i, status[i]);
}

static void test_move_pages(int fd)
{
	igt_require_f(!access("/proc/self/numa_maps", R_OK), "no NUMA in this kernel\n");
	try_each_target(fd, try_move_pages, NULL);
}

static void check_own_memory(int fd, enum memory_kind kind, struct ring_and_file *both)
{
	char *buffer = aligned_alloc(ZCGEM_PAGE, ZCGEM_PAGE);
	struct iovec near = { buffer, ZCGEM_PAGE }, far;
	struct target target;
	uint32_t handle;
	char *own, *object;
	int ends[2];

	open_target(fd, kind, &target);
	stamp(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	own = (char *)target.memory.own + PAGES(3);
	object = target.inside;
	far = (struct iovec) { own, ZCGEM_PAGE };

	zcgem_fill(object, ZCGEM_PAGE, 7);
	igt_assert_eq(process_vm_readv(getpid(), &near, 1, &far, 1, 0), ZCGEM_PAGE);
	zcgem_check(buffer, ZCGEM_PAGE, 7);
	zcgem_fill(buffer, ZCGEM_PAGE, 8);
	igt_assert_eq(process_vm_writev(getpid(), &near, 1, &far, 1, 0), ZCGEM_PAGE);
	zcgem_check(object, ZCGEM_PAGE, 8);

	igt_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	igt_assert_eq(vmsplice(ends[1], &far, 1, 0), ZCGEM_PAGE);
	igt_assert_eq(read(ends[0], buffer, ZCGEM_PAGE), ZCGEM_PAGE);
	zcgem_check(buffer, ZCGEM_PAGE, 8);
	close(ends[0]);
	close(ends[1]);

	/* out of the object to the disk and back */
	igt_assert_eq(pwrite(both->file.fd, own, ZCGEM_PAGE, 0), ZCGEM_PAGE);
	zcgem_fill(object, ZCGEM_PAGE, 9);
	igt_assert_eq(pread(both->file.fd, own, ZCGEM_PAGE, 0), ZCGEM_PAGE);
	zcgem_check(object, ZCGEM_PAGE, 8);

	zcgem_fill(object, ZCGEM_PAGE, 10);
	igt_assert_eq(__zcgem_uring_register(&both->ring, own, ZCGEM_PAGE), 0);
	igt_assert_eq(zcgem_uring_io(&both->ring, IORING_OP_READ_FIXED, both->file.fd, own,
			      ZCGEM_PAGE), ZCGEM_PAGE);
	zcgem_check(object, ZCGEM_PAGE, 8);
	zcgem_uring_unregister(&both->ring);

	igt_assert_eq(futex(own, FUTEX_WAKE, 1, 0), 0);
	handle = zcgem_wrap_address(fd, own, PAGES(4), 0);
	gem_close(fd, handle);

	free(buffer);
	close_target(fd, &target);
}

static void test_own_memory(int fd)
{
	static const enum memory_kind owned[] = {
		SHMEM_4K, SHMEM_THP, HUGETLB_2M, HUGETLB_1G, ANON_THP, ANON_HUGETLB,
	};
	struct ring_and_file both;
	unsigned int i;

	zcgem_uring_open(&both.ring);
	open_file(&both.file);
	for (i = 0; i < ARRAY_SIZE(owned); i++) {
		if (memory_available(owned[i], target_size(owned[i])))
			check_own_memory(fd, owned[i], &both);
	}
	close_file(&both.file);
	zcgem_uring_close(&both.ring);
}

/* Faults pages in and tries to get at them, again and again, and counts successes. */
struct attacker {
	pthread_t thread;
	volatile bool *stop;
	char *map;
	uint64_t size;
	int file;
	int ends[2];
	volatile uint64_t tries;
	uint64_t took, strange;
};

/* On a busy host the attacker runs seldom, and the rounds go on until it has. */
#define ENOUGH_TRIES	100

static void note(struct attacker *attacker, long ret)
{
	attacker->tries++;
	if (ret >= 0)
		attacker->took++;
	else if (errno != EFAULT)
		attacker->strange++;
}

static void *attack(void *data)
{
	struct attacker *attacker = data;
	uint64_t at = 0;

	while (!*attacker->stop) {
		char *page = attacker->map + at;
		struct iovec iov = { page, ZCGEM_PAGE };

		/* if it has gone, it comes back, for the fast walk to meet it */
		(*(volatile uint64_t *)page)++;
		note(attacker, pread(attacker->file, page, ZCGEM_PAGE, 0));
		note(attacker, pwrite(attacker->file, page, ZCGEM_PAGE, 0));
		note(attacker, vmsplice(attacker->ends[1], &iov, 1, 0));
		at = (at + 5 * ZCGEM_PAGE) % attacker->size;
	}
	return NULL;
}

struct race {
	struct attacker attacker;
	struct file file;
	volatile bool stop;
};

static void start_attack(struct race *race, char *map, uint64_t size)
{
	race->stop = false;
	open_file(&race->file);
	race->attacker = (struct attacker) {
		.stop = &race->stop, .map = map, .size = size,
		.file = race->file.fd,
	};
	igt_assert_eq(pipe2(race->attacker.ends, O_CLOEXEC | O_NONBLOCK), 0);
	igt_assert_eq(pthread_create(&race->attacker.thread, NULL, attack,
				     &race->attacker), 0);
}

static void end_attack(struct race *race, unsigned int rounds)
{
	struct attacker *attacker = &race->attacker;

	race->stop = true;
	pthread_join(attacker->thread, NULL);
	igt_info("%u rounds, %" PRIu64 " tries\n", rounds, attacker->tries);
	igt_assert_lte_u64(ENOUGH_TRIES, attacker->tries);
	igt_assert_eq_u64(attacker->took, 0);
	igt_assert_eq_u64(attacker->strange, 0);
	close(attacker->ends[0]);
	close(attacker->ends[1]);
	close_file(&race->file);
}

static uint32_t object_to_lose(int fd, bool huge, uint64_t size)
{
	uint32_t handle;
	int memfd;

	if (!huge)
		return zcgem_create(fd, size, 0);
	memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	close(memfd);
	return handle;
}

/*
 * The pages of the object that went are in this memory then, as like as not. Who
 * still holds a reference or a translation to one writes into it.
 */
static void expect_undisturbed(bool huge, uint64_t size, uint64_t seed)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : 0);
	char *memory = mmap(NULL, size, PROT_RW, flags, -1, 0);

	if (memory == MAP_FAILED)
		return;
	stamp(memory, 0, size, 512, seed);
	sched_yield();
	check_stamps(memory, 0, size, 512, seed);
	munmap(memory, size);
}

static void race_free(int fd, bool huge, uint64_t size, unsigned int rounds)
{
	struct race race = {};
	uint32_t handle = object_to_lose(fd, huge, size);
	char *map;
	unsigned int i;

	/* pages for the object that comes, the one that goes, and the witness */
	if (huge)
		close(zcgem_memfd_hugetlb(3 * size, 0));
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	touch(map, size, ZCGEM_PAGE, true);
	if (huge)
		expect_leaves(map, size, LEAF_2M);

	start_attack(&race, map, size);
	for (i = 0; i < rounds || race.attacker.tries < ENOUGH_TRIES; i++) {
		uint32_t next = object_to_lose(fd, huge, size);

		gem_close(fd, handle);
		/* the old mapping goes and with it the last reference */
		igt_assert(mmap(map, size, PROT_RW, MAP_SHARED | MAP_FIXED, fd,
				zcgem_mmap_offset(fd, next)) == map);
		handle = next;
		expect_undisturbed(huge, size, i + 1);
	}
	end_attack(&race, i);
	munmap(map, size);
	gem_close(fd, handle);
}

static void test_race_free(int fd)
{
	race_free(fd, false, PAGES(32), 400);
	race_free(fd, true, LEAF_2M, 150);
}

static void race_evict(int fd, enum memory_kind kind, unsigned int rounds)
{
	struct race race = {};
	struct target target;
	unsigned int i;

	open_target(fd, kind, &target);
	touch(target.map, target.size, ZCGEM_PAGE, true);
	expect_leaves(target.map, target.size, target.memory.leaf);

	start_attack(&race, target.map, target.size);
	for (i = 0; i < rounds || race.attacker.tries < ENOUGH_TRIES; i++) {
		zcgem_evict(fd, target.memory.handle, target.size);
		if (i % 8 == 7)
			usleep(100);
	}
	end_attack(&race, i);
	close_target(fd, &target);
}

static void test_race_evict(int fd)
{
	race_evict(fd, SHMEM_4K, 500);
	race_evict(fd, SHMEM_THP, 500);
	race_evict(fd, HUGETLB_2M, 500);
	if (memory_available(HUGETLB_1G, LEAF_1G))
		race_evict(fd, HUGETLB_1G, 500);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("Direct I/O of a file on ext4 finds no pages at any leaf size (class 8)");
	igt_subtest("direct-io")
		zcgem_run_counted(fd, test_direct_io);

	igt_describe("vmsplice finds no pages at any leaf size (class 8)");
	igt_subtest("vmsplice")
		zcgem_run_counted(fd, test_vmsplice);

	igt_describe("process_vm_readv and process_vm_writev find no pages at any leaf size (class 8)");
	igt_subtest("process-vm")
		zcgem_run_counted(fd, test_process_vm);

	igt_describe("io_uring gets no rings, no fixed buffer and no direct I/O at any leaf size (class 8)");
	igt_subtest("io-uring")
		zcgem_run_counted(fd, test_io_uring);

	igt_describe("MSG_ZEROCOPY finds no pages at any leaf size (class 8)");
	igt_subtest("zerocopy-send")
		zcgem_run_counted(fd, test_zerocopy_send);

	igt_describe("A mapping cannot be wrapped as an address range (class 8)");
	igt_subtest("wrap-again")
		zcgem_run_counted(fd, test_wrap_again);

	igt_describe("A shared futex gets EFAULT, a private one works (class 8)");
	igt_subtest("futex")
		zcgem_run_counted(fd, test_futex);

	igt_describe("move_pages finds no page to tell of or to move");
	igt_subtest("move-pages")
		zcgem_run_counted(fd, test_move_pages);

	igt_describe("The memory that an object was made of stays open to all doors");
	igt_subtest("own-memory")
		zcgem_run_counted(fd, test_own_memory);

	igt_describe("Direct I/O races with objects that are freed and pages that are used again");
	igt_subtest("race-free")
		zcgem_run_counted(fd, test_race_free);

	igt_describe("Direct I/O races with faults and eviction at every leaf size");
	igt_subtest("race-evict")
		zcgem_run_counted(fd, test_race_evict);

	igt_fixture()
		drm_close_driver(fd);
}
