// SPDX-License-Identifier: MIT
/*
 * Memfds for IGT tests, and contents to know again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"

#define SETTLE_STEP_US	10000
#define SEAL_ATTEMPTS	20

static int make_memfd(uint64_t size, unsigned int flags, unsigned int seals)
{
	int memfd = memfd_create("igt-zcgem",
				 MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	if (memfd < 0)
		return -1;

	igt_assert_eq(ftruncate(memfd, size), 0);
	if (seals)
		igt_assert_eq(fcntl(memfd, F_ADD_SEALS, seals), 0);
	return memfd;
}

/**
 * zcgem_memfd:
 * @size: bytes
 * @seals: F_SEAL flags
 *
 * Returns: A new memfd on shmem, all hole.
 */
int zcgem_memfd(uint64_t size, unsigned int seals)
{
	int memfd = make_memfd(size, 0, seals);

	igt_assert_f(memfd >= 0, "memfd_create: %m\n");
	return memfd;
}

static long saved_hugepages = -1;

static void write_hugepages(long count)
{
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (!file)
		return;
	fprintf(file, "%ld\n", count);
	fclose(file);
}

static void restore_hugepages(int sig)
{
	(void)sig;
	write_hugepages(saved_hugepages);
}

static long meminfo(const char *key)
{
	return zcgem_read_key("/proc/meminfo", key);
}

/**
 * zcgem_free_huge_pages:
 *
 * Returns: Huge pages of the default size that nobody has or is promised.
 */
long zcgem_free_huge_pages(void)
{
	return meminfo("HugePages_Free") - meminfo("HugePages_Rsvd");
}

/**
 * zcgem_memfd_hugetlb:
 * @size: bytes, a multiple of 2 MiB
 * @seals: F_SEAL flags
 *
 * Asks the kernel for the pages where there are too few, and gives them back
 * when the test ends.
 *
 * Returns: A new memfd on 2 MiB hugetlbfs; skips where there are no pages.
 */
int zcgem_memfd_hugetlb(uint64_t size, unsigned int seals)
{
	long need = size / ZCGEM_HUGE;
	int memfd;

	if (zcgem_free_huge_pages() < need) {
		if (saved_hugepages < 0) {
			saved_hugepages = meminfo("HugePages_Total");
			igt_install_exit_handler(restore_hugepages);
		}
		write_hugepages(meminfo("HugePages_Total") + need);
	}
	igt_require_f(zcgem_free_huge_pages() >= need,
		      "the kernel has not %ld free huge pages\n", need);

	memfd = make_memfd(size, MFD_HUGETLB | __builtin_ctzll(ZCGEM_HUGE) << MFD_HUGE_SHIFT,
			   seals);
	igt_require_f(memfd >= 0, "no memfd on 2 MiB pages: %m\n");
	return memfd;
}

/**
 * zcgem_release_memfd:
 * @memfd: a memfd that has no objects, writable mappings and write seal any more
 *
 * Closes it, but fails unless the kernel is willing to seal it against writing,
 * which it is only when nobody else holds a page of it or may write to it. That
 * is asked of the page counts themselves and not of what the driver believes.
 */
void zcgem_release_memfd(int memfd)
{
	int step, ret;

	/* each attempt already waits a part of a second for pins to go */
	for (step = 0; step < SEAL_ATTEMPTS; step++) {
		ret = fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE);
		if (!ret || errno != EBUSY)
			break;
		usleep(SETTLE_STEP_US);
	}
	igt_assert_f(!ret, "pages of a memfd are still held: %m\n");
	close(memfd);
}

/**
 * zcgem_reopen:
 * @memfd: a memfd
 * @flags: O_RDONLY and the like
 *
 * Returns: Another description of the memfd, with an access mode of its own.
 */
int zcgem_reopen(int memfd, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	fd = open(path, flags | O_CLOEXEC);
	igt_assert_f(fd >= 0, "%s: %m\n", path);
	return fd;
}

/**
 * zcgem_map_memfd:
 * @memfd: a memfd
 * @offset: start in it, bytes
 * @size: bytes
 *
 * Returns: The start of a shared writable mapping of the memfd itself.
 */
void *zcgem_map_memfd(int memfd, uint64_t offset, uint64_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd,
			 offset);

	igt_assert_f(map != MAP_FAILED, "mmap of a memfd: %m\n");
	return map;
}

static uint64_t pattern(uint64_t seed, uint64_t word)
{
	/* differs between any two words and seeds of one test; never zero */
	return (seed << 40) + word * 8 + 1;
}

/**
 * zcgem_fill:
 * @map: memory
 * @size: bytes
 * @seed: makes the pattern differ from others
 *
 * Writes a pattern that is different in every word.
 */
void zcgem_fill(void *map, uint64_t size, uint64_t seed)
{
	volatile uint64_t *words = map;
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		words[i] = pattern(seed, i);
}

/**
 * zcgem_first_difference:
 * @map: memory
 * @size: bytes
 * @seed: what zcgem_fill() was given
 *
 * For threads, which must not fail an assertion.
 *
 * Returns: Offset of the first word that is not of the pattern, or @size.
 */
uint64_t zcgem_first_difference(const void *map, uint64_t size, uint64_t seed)
{
	const volatile uint64_t *words = map;
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++) {
		if (words[i] != pattern(seed, i))
			break;
	}
	return i * sizeof(*words);
}

/**
 * zcgem_check:
 * @map: memory
 * @size: bytes
 * @seed: what zcgem_fill() was given
 *
 * Fails unless all of the pattern is there.
 */
void zcgem_check(const void *map, uint64_t size, uint64_t seed)
{
	uint64_t at = zcgem_first_difference(map, size, seed);

	igt_assert_f(at == size,
		     "at byte %#" PRIx64 ": %#" PRIx64 ", expected %#" PRIx64 "\n",
		     at, *(const uint64_t *)((const char *)map + at),
		     pattern(seed, at / sizeof(uint64_t)));
}

static sigjmp_buf fault_jump;

static void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

/**
 * zcgem_access_faults:
 * @addr: address
 * @write: write rather than read
 *
 * Returns: Whether the access ends in SIGSEGV or SIGBUS.
 */
bool zcgem_access_faults(void *addr, bool write)
{
	struct sigaction action = { .sa_handler = on_fault };
	struct sigaction old_segv, old_bus;
	volatile bool faulted = true;

	sigaction(SIGSEGV, &action, &old_segv);
	sigaction(SIGBUS, &action, &old_bus);
	if (!sigsetjmp(fault_jump, 1)) {
		volatile uint64_t *word = addr;

		if (write)
			*word = 0x5e5e5e5e5e5e5e5eull;
		else
			(void)*word;
		faulted = false;
	}
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);

	return faulted;
}

static void exit_on_fault(int sig)
{
	(void)sig;
	_exit(0);
}

/**
 * zcgem_touch_until_sigbus:
 * @map: start of a mapping
 * @size: bytes
 *
 * For a child process: reads and writes without end, and exits with status 0 at the
 * first SIGBUS; with another one where none comes within 20 s.
 */
void zcgem_touch_until_sigbus(void *map, uint64_t size)
{
	struct sigaction action = { .sa_handler = exit_on_fault };
	uint64_t round = 0;

	sigaction(SIGBUS, &action, NULL);
	alarm(20);
	for (;;) {
		volatile uint64_t *word = (void *)((char *)map + (round * ZCGEM_PAGE) % size);

		*word = *word + 1;
		/* so that there is always something to fault */
		if (++round % 64 == 0)
			madvise(map, size, MADV_DONTNEED);
	}
}
