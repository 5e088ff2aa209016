// SPDX-License-Identifier: MIT
/*
 * Pages whose memory has failed. MADV_HWPOISON has the kernel treat a page as after a machine
 * check, without taking it out of its linear map; the test bed's group "mce" does that as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem poison
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check that a page whose memory has failed is not used any more.
 *
 * SUBTEST: idle-shmem
 * Description: A failed page of an idle memfd is refused until it is punched (class 12).
 *
 * SUBTEST: idle-shmem-thp
 * Description: A failed page of a huge page of tmpfs is refused, its neighbours are not (class 12).
 *
 * SUBTEST: idle-hugetlb
 * Description: A huge page of hugetlbfs with a failed page is refused until it is punched (class 12).
 *
 * SUBTEST: pinned-shmem
 * Description: A page of a memfd that fails while it is pinned is neither mapped nor copied (class 12).
 *
 * SUBTEST: pinned-shmem-thp
 * Description: The same in a huge page of tmpfs (class 12).
 *
 * SUBTEST: pinned-hugetlb
 * Description: The same in a huge page of hugetlbfs (class 12).
 *
 * SUBTEST: pinned-userptr
 * Description: A page of an address range that fails is neither mapped nor copied (class 12).
 *
 * SUBTEST: userptr-refused
 * Description: Addresses whose memory has failed are refused with EHWPOISON (class 12).
 *
 * SUBTEST: mapped
 * Description: A page that fails while it is mapped is out of all views after an eviction (class 12).
 *
 * SUBTEST: machine-check-idle
 * Description: A page that a machine check took out of the linear map is not touched (class 12).
 *
 * SUBTEST: machine-check-pinned
 * Description: A page that is pinned when a machine check reports it is not used (class 12).
 */

IGT_TEST_DESCRIPTION("Check that a page whose memory has failed is not used any more");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define BAD		3
#define SEED		7

static struct devices all;
static sigjmp_buf out_of_fault;
static volatile int fault_code;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	fault_code = info->si_code;
	siglongjmp(out_of_fault, 1);
}

static void note_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	fault_code = info->si_code;
}

/* Has the memory of a page fail. The kernel tells the process, and may not get hold of all of it. */
static void fail_page(void *page)
{
	struct sigaction action = { .sa_sigaction = note_sigbus, .sa_flags = SA_SIGINFO }, old;
	int ret;

	sigaction(SIGBUS, &action, &old);
	ret = madvise(page, ZCGEM_PAGE, MADV_HWPOISON) ? -errno : 0;
	sigaction(SIGBUS, &old, NULL);
	igt_require_f(ret != -EINVAL && ret != -EPERM, "the kernel cannot have memory fail\n");
	igt_debug("memory_failure(): %d\n", ret);
}

/* The code of the SIGBUS that a read ends with, or 0. */
static int read_code(const void *address)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO }, old;

	fault_code = 0;
	sigaction(SIGBUS, &action, &old);
	if (!sigsetjmp(out_of_fault, 1))
		(void)*(volatile const uint64_t *)address;
	sigaction(SIGBUS, &old, NULL);
	return fault_code;
}

static int read_by_kernel(const void *address)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), ret;
	uint64_t word;

	igt_assert_fd(mem);
	ret = pread(mem, &word, sizeof(word), (uintptr_t)address) < 0 ? -errno : 0;
	close(mem);
	return ret;
}

/* What a submit of one operation ends with, at once or in its fence. */
static int run_op(int fd, struct drm_zcgem_op op)
{
	struct drm_zcgem_sync out = { .handle = syncobj_new(fd) };
	int ret = __zcgem_submit_syncs(fd, &op, NULL, &out);

	if (!ret)
		ret = syncobj_error(fd, out.handle);
	syncobj_free(fd, out.handle);
	return ret;
}

/* Neither the engine nor a device gets the bad page; the engine goes on with other work. */
static void check_refused(const struct devices *dev, const struct memory *memory, bool resident)
{
	uint32_t copy = zcgem_create(dev->fd, memory->size, 0);
	uint64_t bad = PAGES(BAD);
	int dmabuf, device;

	igt_assert_eq(run_op(dev->fd, zcgem_op_copy(copy, 0, memory->handle, 0, memory->size)),
		      -EHWPOISON);
	igt_assert_eq(run_op(dev->fd, zcgem_op_copy(memory->handle, bad + 64, copy, 0, 64)),
		      -EHWPOISON);
	igt_assert_eq(run_op(dev->fd, zcgem_op_fill32(memory->handle, bad, 64, 1)), -EHWPOISON);
	igt_assert_eq(run_op(dev->fd, zcgem_op_fill32(copy, 0, memory->size, 1)), 0);

	dmabuf = zcgem_export(dev->fd, memory->handle);
	device = importer_open();
	igt_assert_eq(__importer_attach(device, dmabuf, IMPORTER_FOLLOWS, 0, 0),
		      resident ? 0 : -EHWPOISON);
	if (resident) {
		char word[8] = "unread";

		igt_assert_eq(__importer_call(device, IMPORTER_MAP, IMPORTER_READS), -EHWPOISON);
		/* which cannot be refused: it gets zeroes */
		importer_call(device, IMPORTER_VMAP, 0);
		igt_assert_eq(__importer_copy(device, bad, word, sizeof(word), IMPORTER_COPY_VMAP),
			      0);
		igt_assert(!memcmp(word, "\0\0\0\0\0\0\0", sizeof(word)));
		importer_call(device, IMPORTER_VUNMAP, 0);
	}
	close(device);
	close(dmabuf);
	igt_assert_eq(__zcgem_close(dev->fd, copy), 0);
}

static void begin(const struct devices *dev, enum memory_kind kind, struct memory *memory)
{
	uint64_t size = kind == SHMEM_4K || kind == ANON_4K ? PAGES(16) : 2 * ZCGEM_HUGE;

	require_importer();
	require_walker();
	make_memory(dev->fd, kind, size, memory);
	zcgem_mark_all(memory->own, size, SEED);
}

static void try_idle(const struct devices *dev, enum memory_kind kind)
{
	struct memory memory;
	uint64_t step, size;
	uint32_t handle;
	char *map;

	begin(dev, kind, &memory);
	size = memory.size;
	/* where the file's next pages are that are good */
	step = kind == HUGETLB_2M ? ZCGEM_HUGE : PAGES(BAD + 1);
	map = zcgem_mmap(dev->fd, memory.handle, size, PROT_READ);
	zcgem_evict(dev->fd, memory.handle, size);
	fail_page((char *)memory.own + PAGES(BAD));

	igt_assert_eq(__zcgem_advise(dev->fd, memory.handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size,
				     NULL), -EHWPOISON);
	igt_assert_eq(__zcgem_wrap_file(dev->fd, memory.memfd, size, 0, &handle), -EHWPOISON);
	igt_assert_eq(read_code(map + PAGES(BAD)), BUS_MCEERR_AR);
	igt_assert_lt(read_by_kernel(map + PAGES(BAD)), 0);
	check_refused(dev, &memory, false);
	igt_assert(!zcgem_is_resident(dev->fd, memory.handle));

	/* the others are as good as before */
	handle = zcgem_wrap_memfd(dev->fd, memory.memfd, step, size - step, 0);
	igt_assert_eq(__zcgem_close(dev->fd, handle), 0);

	/* the kernel does not free a bad huge page: have it get another one */
	if (kind == HUGETLB_2M)
		close(zcgem_memfd_hugetlb(step, 0));
	punch(memory.memfd, 0, step);
	zcgem_populate(dev->fd, memory.handle, size, NULL);
	igt_assert_eq(read_code(map + PAGES(BAD)), 0);
	zcgem_check_zero(map, step);
	zcgem_check_mark(map, step / ZCGEM_PAGE, SEED + step / ZCGEM_PAGE);
	munmap(map, size);
	free_memory(dev->fd, &memory);
}

static void try_pinned(const struct devices *dev, enum memory_kind kind)
{
	struct memory memory;
	uint64_t good;
	char *map;

	begin(dev, kind, &memory);
	good = kind == HUGETLB_2M ? ZCGEM_HUGE : PAGES(BAD + 1);
	map = zcgem_mmap(dev->fd, memory.handle, memory.size, PROT_READ);
	fail_page((char *)memory.own + PAGES(BAD));

	igt_assert_eq(read_code(map + good), 0);
	zcgem_check_mark(map, good / ZCGEM_PAGE, SEED + good / ZCGEM_PAGE);
	igt_assert_eq(read_code(map + PAGES(BAD)), BUS_MCEERR_AR);
	igt_assert_lt(read_by_kernel(map + PAGES(BAD)), 0);
	check_refused(dev, &memory, true);
	igt_assert_eq(run_op(dev->fd, zcgem_op_fill32(memory.handle, good, ZCGEM_PAGE, 1)), 0);

	munmap(map, memory.size);
	free_memory(dev->fd, &memory);
}

static void test_idle_shmem(const struct devices *dev)
{
	try_idle(dev, SHMEM_4K);
}

static void test_idle_shmem_thp(const struct devices *dev)
{
	try_idle(dev, SHMEM_THP);
}

static void test_idle_hugetlb(const struct devices *dev)
{
	try_idle(dev, HUGETLB_2M);
}

static void test_pinned_shmem(const struct devices *dev)
{
	try_pinned(dev, SHMEM_4K);
}

static void test_pinned_shmem_thp(const struct devices *dev)
{
	try_pinned(dev, SHMEM_THP);
}

static void test_pinned_hugetlb(const struct devices *dev)
{
	try_pinned(dev, HUGETLB_2M);
}

static void test_pinned_userptr(const struct devices *dev)
{
	try_pinned(dev, ANON_4K);
}

static void test_userptr_refused(const struct devices *dev)
{
	const uint64_t size = PAGES(16);
	char *own = zcgem_anonymous(size);
	uint32_t handle;

	memset(own, 1, size);
	fail_page(own + PAGES(BAD));
	igt_assert_eq(__zcgem_wrap_address(dev->fd, own, size, 0, &handle), -EHWPOISON);
	igt_assert_eq(__zcgem_wrap_address(dev->fd, own, size, DRM_ZCGEM_WRAP_READONLY, &handle),
		      -EHWPOISON);
	handle = 0;
	igt_assert_eq(__zcgem_wrap_address(dev->fd, own + PAGES(BAD + 1), PAGES(4), 0, &handle), 0);
	igt_assert_eq(__zcgem_close(dev->fd, handle), 0);
	munmap(own, size);
}

static void test_mapped(const struct devices *dev)
{
	struct memory memory;
	char *views[2];
	int dmabuf, i;

	begin(dev, SHMEM_4K, &memory);
	dmabuf = zcgem_export(dev->fd, memory.handle);
	views[0] = zcgem_mmap(dev->fd, memory.handle, memory.size, PROT_READ);
	views[1] = map_dmabuf(dmabuf, memory.size);
	for (i = 0; i < 2; i++)
		zcgem_check_mark(views[i], BAD, SEED + BAD);
	fail_page((char *)memory.own + PAGES(BAD));
	zcgem_evict(dev->fd, memory.handle, memory.size);
	for (i = 0; i < 2; i++) {
		igt_assert_eq(read_code(views[i] + PAGES(BAD)), BUS_MCEERR_AR);
		munmap(views[i], memory.size);
	}
	close(dmabuf);
	free_memory(dev->fd, &memory);
}

static uint64_t corrupted(void)
{
	return zcgem_read_key("/proc/meminfo", "HardwareCorrupted");
}

/* The test bed reads our output, and has QEMU's monitor inject a machine check. */
static void have_machine_check(void *page)
{
	uint64_t before = corrupted();
	unsigned int i;

	printf("bed: fail %#" PRIx64 "\n", (uint64_t)(zcgem_frame(page) * ZCGEM_PAGE));
	fflush(stdout);
	for (i = 0; corrupted() == before; i++) {
		igt_assert_f(i < 600, "no machine check came\n");
		usleep(100000);
	}
	/* what takes the page out of the linear map comes after the count */
	sleep(1);
}

static void try_machine_check(const struct devices *dev, bool pinned)
{
	struct memory memory;
	char *map;

	igt_require_f(getenv("ZCGEM_BED_INJECTS"), "nothing here injects machine checks\n");
	begin(dev, SHMEM_4K, &memory);
	map = zcgem_mmap(dev->fd, memory.handle, memory.size, PROT_READ);
	if (!pinned)
		zcgem_evict(dev->fd, memory.handle, memory.size);
	have_machine_check((char *)memory.own + PAGES(BAD));

	igt_assert_eq(read_code(map + PAGES(BAD)), BUS_MCEERR_AR);
	igt_assert_lt(read_by_kernel(map + PAGES(BAD)), 0);
	check_refused(dev, &memory, pinned);
	if (pinned)
		zcgem_check_mark(map, BAD + 1, SEED + BAD + 1);
	munmap(map, memory.size);
	free_memory(dev->fd, &memory);
}

static void test_machine_check_idle(const struct devices *dev)
{
	try_machine_check(dev, false);
}

static void test_machine_check_pinned(const struct devices *dev)
{
	try_machine_check(dev, true);
}

int igt_main()
{
	igt_fixture()
		open_devices(&all);

	igt_describe("A failed page of an idle memfd is refused until it is punched (class 12)");
	igt_subtest("idle-shmem")
		run_shared(&all, test_idle_shmem);

	igt_describe("A failed page of a huge page of tmpfs is refused, its neighbours are not (class 12)");
	igt_subtest("idle-shmem-thp")
		run_shared(&all, test_idle_shmem_thp);

	igt_describe("A huge page of hugetlbfs with a failed page is refused until it is punched (class 12)");
	igt_subtest("idle-hugetlb")
		run_shared(&all, test_idle_hugetlb);

	igt_describe("A page of a memfd that fails while it is pinned is neither mapped nor copied (class 12)");
	igt_subtest("pinned-shmem")
		run_shared(&all, test_pinned_shmem);

	igt_describe("The same in a huge page of tmpfs (class 12)");
	igt_subtest("pinned-shmem-thp")
		run_shared(&all, test_pinned_shmem_thp);

	igt_describe("The same in a huge page of hugetlbfs (class 12)");
	igt_subtest("pinned-hugetlb")
		run_shared(&all, test_pinned_hugetlb);

	igt_describe("A page of an address range that fails is neither mapped nor copied (class 12)");
	igt_subtest("pinned-userptr")
		run_shared(&all, test_pinned_userptr);

	igt_describe("Addresses whose memory has failed are refused with EHWPOISON (class 12)");
	igt_subtest("userptr-refused")
		run_shared(&all, test_userptr_refused);

	igt_describe("A page that fails while it is mapped is out of all views after an eviction (class 12)");
	igt_subtest("mapped")
		run_shared(&all, test_mapped);

	igt_describe("A page that a machine check took out of the linear map is not touched (class 12)");
	igt_subtest("machine-check-idle")
		run_shared(&all, test_machine_check_idle);

	igt_describe("A page that is pinned when a machine check reports it is not used (class 12)");
	igt_subtest("machine-check-pinned")
		run_shared(&all, test_machine_check_pinned);

	igt_fixture()
		close_devices(&all);
}
