// SPDX-License-Identifier: MIT
/*
 * Calls of the zcgem driver for IGT tests, and the count of what it holds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_debugfs.h"
#include "igt_zcgem.h"
#include "ioctl_wrappers.h"

#define DRIVER_NAME	"zcgem"

/* Objects die on a workqueue, so what a test left behind has 5 s to go. */
#define SETTLE_STEP_US	10000
#define SETTLE_STEPS	500
#define SEAL_ATTEMPTS	20

static void check_driver(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	char name[32] = "";

	if (version) {
		snprintf(name, sizeof(name), "%s", version->name);
		drmFreeVersion(version);
	}
	igt_require_f(!strcmp(name, DRIVER_NAME),
		      "this device's driver is '%s', not " DRIVER_NAME "\n",
		      name);
}

/**
 * zcgem_open:
 *
 * Returns: A descriptor of zcgem's render node; skips where there is none.
 */
int zcgem_open(void)
{
	int fd;

	__set_forced_driver(DRIVER_NAME);
	fd = __drm_open_driver_render(DRIVER_ANY);
	igt_require_f(fd >= 0, "no " DRIVER_NAME " render node\n");
	check_driver(fd);

	return fd;
}

/**
 * zcgem_open_card:
 *
 * Returns: A descriptor of zcgem's card node; skips where there is none.
 */
int zcgem_open_card(void)
{
	int fd;

	__set_forced_driver(DRIVER_NAME);
	fd = __drm_open_driver(DRIVER_ANY);
	igt_require_f(fd >= 0, "no " DRIVER_NAME " card node\n");
	check_driver(fd);

	return fd;
}

static uint64_t stat_value(const char *text, const char *key)
{
	size_t len = strlen(key);
	const char *line = text;

	while (line) {
		if (!strncmp(line, key, len) && line[len] == ':')
			return strtoull(line + len + 1, NULL, 0);
		line = strchr(line, '\n');
		if (line)
			line++;
	}

	igt_assert_f(false, "zcgem_stats has no '%s':\n%s\n", key, text);
	return 0;
}

/* The value of a line "key: value ..." of a file of /proc, or 0. */
static long proc_value(const char *path, const char *key)
{
	FILE *file = fopen(path, "r");
	char line[128], name[64];
	long value = 0;

	igt_assert_f(file, "%s: %m\n", path);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63[^:]: %ld", name, &value) == 2 &&
		    !strcmp(name, key))
			break;
		value = 0;
	}
	fclose(file);

	return value;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	igt_assert(dir);
	while (readdir(dir))
		count++;
	closedir(dir);

	return count;
}

static void read_counts(int fd, struct zcgem_snapshot *snap)
{
	char text[4096];
	int dir, len;

	dir = igt_debugfs_dir(fd);
	igt_assert_f(dir >= 0, "zcgem has no debugfs directory\n");
	len = igt_debugfs_simple_read(dir, "zcgem_stats", text, sizeof(text));
	close(dir);
	igt_assert_f(len > 0, "cannot read zcgem_stats: %d\n", len);

	/* cleared as a whole because snapshots are compared by memcmp() */
	memset(snap, 0, sizeof(*snap));
	snap->objects = stat_value(text, "objects");
	snap->resident_bytes = stat_value(text, "resident_bytes");
	snap->pinned_folios = stat_value(text, "pinned_folios");
	snap->charged_pages = stat_value(text, "charged_pages");
	snap->mappings = stat_value(text, "mappings");
	snap->attachments = stat_value(text, "attachments");
	snap->dma_maps = stat_value(text, "dma_maps");
	snap->jobs = stat_value(text, "jobs");
	snap->process_pins = proc_value("/proc/self/status", "VmPin");
	snap->fds = count_fds();
}

/**
 * zcgem_take_snapshot:
 * @fd: zcgem descriptor
 * @snap: filled with the counts
 *
 * Waits until nothing changes any more, so that what an earlier test left to
 * the driver's workqueue is not taken for this one's doing.
 */
void zcgem_take_snapshot(int fd, struct zcgem_snapshot *snap)
{
	struct zcgem_snapshot last;
	int step;

	read_counts(fd, snap);
	for (step = 0; step < SETTLE_STEPS; step++) {
		usleep(SETTLE_STEP_US);
		last = *snap;
		read_counts(fd, snap);
		if (!memcmp(&last, snap, sizeof(last)))
			return;
	}
	igt_assert_f(false, "the driver's counts do not settle\n");
}

/**
 * zcgem_check_leaks:
 * @fd: zcgem descriptor
 * @before: counts to compare with
 *
 * Fails unless every count comes back to exactly what it was. A count that is
 * lower is a failure too: then something was given back twice.
 */
void zcgem_check_leaks(int fd, const struct zcgem_snapshot *before)
{
	struct zcgem_snapshot now;
	int step;

	for (step = 0; step < SETTLE_STEPS; step++) {
		read_counts(fd, &now);
		if (!memcmp(&now, before, sizeof(now)))
			return;
		usleep(SETTLE_STEP_US);
	}

	igt_assert_eq_u64(now.objects, before->objects);
	igt_assert_eq_u64(now.resident_bytes, before->resident_bytes);
	igt_assert_eq_u64(now.pinned_folios, before->pinned_folios);
	igt_assert_eq_u64(now.charged_pages, before->charged_pages);
	igt_assert_eq_u64(now.mappings, before->mappings);
	igt_assert_eq_u64(now.jobs, before->jobs);
	igt_assert_eq_u64(now.attachments, before->attachments);
	igt_assert_eq_u64(now.dma_maps, before->dma_maps);
	igt_assert_eq_u64(now.process_pins, before->process_pins);
	igt_assert_eq(now.fds, before->fds);
}

/**
 * zcgem_run_counted:
 * @fd: zcgem descriptor that stays open
 * @test: body of a subtest
 *
 * Runs @test with a descriptor of its own, closes that, and checks that
 * nothing is left. @test closes its handles itself where closing is what it
 * tests; all others go with the descriptor.
 */
void zcgem_run_counted(int fd, void (*test)(int fd))
{
	struct zcgem_snapshot before;
	int own;

	zcgem_take_snapshot(fd, &before);
	own = drm_reopen_driver(fd);
	test(own);
	close(own);
	zcgem_check_leaks(fd, &before);
}

/**
 * zcgem_run_refused:
 * @fd: zcgem descriptor that stays open
 * @test: body of a subtest that makes calls which fail
 *
 * As zcgem_run_counted(), but looks while the descriptor is still open: a
 * handle that a failed call forgot would go with it unseen.
 */
void zcgem_run_refused(int fd, void (*test)(int fd))
{
	struct zcgem_snapshot before;
	int own;

	own = drm_reopen_driver(fd);
	zcgem_take_snapshot(own, &before);
	test(own);
	zcgem_check_leaks(own, &before);
	close(own);
}

/**
 * zcgem_rounds:
 * @rounds: how often something is to be tried
 *
 * A kernel that checks all that it does, on an emulated machine, finds in fewer rounds
 * what there is to find, and does not get through as many.
 *
 * Returns: @rounds, or fewer where ZCGEM_SLOWER of the environment says that things take
 * so many times as long; ten at least.
 */
unsigned int zcgem_rounds(unsigned int rounds)
{
	const char *text = getenv("ZCGEM_SLOWER");
	unsigned int slower = text ? strtoul(text, NULL, 10) : 1, least = rounds < 10 ? rounds : 10;

	if (slower > 1)
		rounds /= slower;
	return rounds > least ? rounds : least;
}

static int zcgem_ioctl(int fd, unsigned long request, void *arg)
{
	int err = 0;

	if (igt_ioctl(fd, request, arg))
		err = -errno;
	errno = 0;

	return err;
}

/**
 * __zcgem_get_param:
 * @fd: zcgem descriptor
 * @param: one of enum drm_zcgem_param
 * @value: filled with the value
 *
 * Returns: 0 or -errno.
 */
int __zcgem_get_param(int fd, uint32_t param, uint64_t *value)
{
	struct drm_zcgem_get_param arg = { .param = param };
	int err = zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &arg);

	*value = arg.value;
	return err;
}

/**
 * zcgem_get_param:
 * @fd: zcgem descriptor
 * @param: one of enum drm_zcgem_param
 *
 * Returns: The value.
 */
uint64_t zcgem_get_param(int fd, uint32_t param)
{
	uint64_t value;

	igt_assert_eq(__zcgem_get_param(fd, param, &value), 0);
	return value;
}

/**
 * __zcgem_create:
 * @fd: zcgem descriptor
 * @size: bytes, replaced by the object's size
 * @flags: DRM_ZCGEM_CREATE flags
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_create(int fd, uint64_t *size, uint32_t flags, uint32_t *handle)
{
	struct drm_zcgem_gem_create arg = { .size = *size, .flags = flags };
	int err = zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_CREATE, &arg);

	if (!err) {
		*size = arg.size;
		*handle = arg.handle;
	}
	return err;
}

/**
 * zcgem_create:
 * @fd: zcgem descriptor
 * @size: bytes
 * @flags: DRM_ZCGEM_CREATE flags
 *
 * Returns: The handle of a new object of the driver's own pages.
 */
uint32_t zcgem_create(int fd, uint64_t size, uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(__zcgem_create(fd, &size, flags, &handle), 0);
	igt_assert_neq_u32(handle, 0);
	return handle;
}

/**
 * __zcgem_wrap:
 * @fd: zcgem descriptor
 * @ranges: ranges of memfds
 * @count: number of @ranges
 * @flags: DRM_ZCGEM_WRAP flags
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_wrap(int fd, const struct drm_zcgem_memfd_range *ranges,
		 uint32_t count, uint32_t flags, uint32_t *handle)
{
	struct drm_zcgem_gem_wrap_memfd arg = {
		.ranges = {
			.stride = sizeof(*ranges),
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
		.flags = flags,
	};
	uint64_t sum = 0;
	uint32_t i;
	int err;

	err = zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &arg);
	if (err)
		return err;

	for (i = 0; i < count; i++)
		sum += ranges[i].size;
	igt_assert_eq_u64(arg.size, sum);
	*handle = arg.handle;
	return 0;
}

/**
 * zcgem_wrap:
 * @fd: zcgem descriptor
 * @ranges: ranges of memfds
 * @count: number of @ranges
 * @flags: DRM_ZCGEM_WRAP flags
 *
 * Returns: The handle of a new object made of @ranges.
 */
uint32_t zcgem_wrap(int fd, const struct drm_zcgem_memfd_range *ranges,
		    uint32_t count, uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(__zcgem_wrap(fd, ranges, count, flags, &handle), 0);
	igt_assert_neq_u32(handle, 0);
	return handle;
}

/**
 * zcgem_wrap_memfd:
 * @fd: zcgem descriptor
 * @memfd: a memfd
 * @offset: start in it, bytes
 * @size: bytes
 * @flags: DRM_ZCGEM_WRAP flags
 *
 * Returns: The handle of a new object made of one range.
 */
uint32_t zcgem_wrap_memfd(int fd, int memfd, uint64_t offset, uint64_t size,
			  uint32_t flags)
{
	struct drm_zcgem_memfd_range range = {
		.fd = memfd,
		.offset = offset,
		.size = size,
	};

	return zcgem_wrap(fd, &range, 1, flags);
}

/**
 * __zcgem_mmap_offset:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @offset: filled with the offset to give to mmap()
 *
 * Returns: 0 or -errno.
 */
int __zcgem_mmap_offset(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_zcgem_gem_mmap_offset arg = { .handle = handle };
	int err = zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &arg);

	*offset = arg.offset;
	return err;
}

/**
 * zcgem_mmap_offset:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 *
 * Returns: The offset to give to mmap().
 */
uint64_t zcgem_mmap_offset(int fd, uint32_t handle)
{
	uint64_t offset;

	igt_assert_eq(__zcgem_mmap_offset(fd, handle, &offset), 0);
	return offset;
}

/**
 * __zcgem_mmap:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @size: bytes
 * @prot: PROT flags
 *
 * Returns: The start of a shared mapping, or NULL with errno set.
 */
void *__zcgem_mmap(int fd, uint32_t handle, uint64_t size, int prot)
{
	void *map = mmap(NULL, size, prot, MAP_SHARED, fd,
			 zcgem_mmap_offset(fd, handle));

	return map == MAP_FAILED ? NULL : map;
}

/**
 * zcgem_mmap:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @size: bytes
 * @prot: PROT flags
 *
 * Returns: The start of a shared mapping.
 */
void *zcgem_mmap(int fd, uint32_t handle, uint64_t size, int prot)
{
	void *map = __zcgem_mmap(fd, handle, size, prot);

	igt_assert_f(map, "mmap of %" PRIu64 " bytes: %m\n", size);
	return map;
}

/**
 * __zcgem_info:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @info: filled
 *
 * Returns: 0 or -errno.
 */
int __zcgem_info(int fd, uint32_t handle, struct drm_zcgem_gem_info *info)
{
	memset(info, 0, sizeof(*info));
	info->handle = handle;
	return zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_INFO, info);
}

/**
 * zcgem_info:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @info: filled
 */
void zcgem_info(int fd, uint32_t handle, struct drm_zcgem_gem_info *info)
{
	igt_assert_eq(__zcgem_info(fd, handle, info), 0);
}

/**
 * __zcgem_close:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_close(int fd, uint32_t handle)
{
	struct drm_gem_close arg = { .handle = handle };

	return zcgem_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &arg);
}

/**
 * __zcgem_export:
 * @fd: DRM descriptor
 * @handle: GEM handle
 * @flags: DRM_CLOEXEC, DRM_RDWR
 * @dmabuf: filled with the dma-buf's descriptor
 *
 * Returns: 0 or -errno.
 */
int __zcgem_export(int fd, uint32_t handle, uint32_t flags, int *dmabuf)
{
	struct drm_prime_handle arg = {
		.handle = handle,
		.flags = flags,
		.fd = -1,
	};
	int err = zcgem_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg);

	*dmabuf = arg.fd;
	return err;
}

/**
 * zcgem_export:
 * @fd: DRM descriptor
 * @handle: GEM handle
 *
 * Returns: The descriptor of a dma-buf that may be mapped for writing.
 */
int zcgem_export(int fd, uint32_t handle)
{
	int dmabuf;

	igt_assert_eq(__zcgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR,
				     &dmabuf), 0);
	igt_assert_fd(dmabuf);
	return dmabuf;
}

/**
 * __zcgem_import:
 * @fd: DRM descriptor
 * @dmabuf: a dma-buf's descriptor
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_import(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle arg = { .fd = dmabuf };
	int err = zcgem_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);

	*handle = arg.handle;
	return err;
}

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
	return proc_value("/proc/meminfo", key);
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

	memfd = make_memfd(size, MFD_HUGETLB | MFD_HUGE_2MB, seals);
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
