// SPDX-License-Identifier: MIT
/*
 * Objects that mirror address ranges: what can be mirrored, what jobs see of it, and
 * what such an object cannot be used for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_disk.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_svm.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem svm
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects that mirror address ranges.
 *
 * SUBTEST: single
 * Description: A job sees what the caller writes and the other way round, and nothing is pinned or charged.
 *
 * SUBTEST: list
 * Description: A list of ranges of several mappings is one object in list order, also where ranges overlap.
 *
 * SUBTEST: most-ranges
 * Description: The largest list is one object, page for page (class 14).
 *
 * SUBTEST: kinds
 * Description: Anonymous memory, shmem, transparent huge pages and hugetlb, shared and private.
 *
 * SUBTEST: private-file
 * Description: Of a private mapping of a file a job sees the file or the caller's copy, and never writes to the file.
 *
 * SUBTEST: file
 * Description: A shared mapping of a file with write-back is mirrored for reading, not for writing.
 *
 * SUBTEST: readonly
 * Description: Of a read-only object jobs read what the caller writes, and cannot write.
 *
 * SUBTEST: never-written
 * Description: A read-only object leaves memory that was never written as it is; a writable one gives it pages.
 *
 * SUBTEST: no-limit
 * Description: No RLIMIT_MEMLOCK is needed.
 *
 * SUBTEST: no-mmap
 * Description: There is no CPU mapping, by any way of asking (EPERM).
 *
 * SUBTEST: no-export
 * Description: There is no dma-buf (EPERM).
 *
 * SUBTEST: advice
 * Description: Populate, evict and revalidate do what they say.
 *
 * SUBTEST: revoke
 * Description: A revoked object is refused by submits.
 */

IGT_TEST_DESCRIPTION("Check objects that mirror address ranges");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define OLD		(1ull << 32)
#define NEW		(2ull << 32)

static void test_single(int fd)
{
	const uint64_t size = PAGES(67);
	char *user = zcgem_anonymous(size);
	struct drm_zcgem_gem_info info;
	struct zcgem_snapshot before, now;
	struct svm svm;

	zcgem_take_snapshot(fd, &before);
	svm_open(&svm, fd, user, size, 0);
	svm_check_same(&svm, user);
	svm_check_same(&svm, user);

	zcgem_info(fd, svm.handle, &info);
	igt_assert_eq_u64(info.size, size);
	igt_assert_eq_u64(info.resident, size);
	igt_assert_eq_u64(info.charged, 0);
	igt_assert_eq_u64(info.pins, 0);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_SVM);
	igt_assert_eq_u32(info.flags, DRM_ZCGEM_INFO_RESIDENT);
	/* The buffer that the mirror is copied to is memory of its own. */
	zcgem_evict(fd, svm.buffer, size);
	zcgem_take_snapshot(fd, &now);
	igt_assert_eq_u64(now.pinned_folios, before.pinned_folios);
	igt_assert_eq_u64(now.charged_pages, before.charged_pages);
	igt_assert_eq_u64(now.process_pins, before.process_pins);
	igt_assert_eq_u64(now.notifiers, before.notifiers + 1);

	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_SVM), 1);
	igt_assert(zcgem_get_param(fd, DRM_ZCGEM_PARAM_BACKINGS) &
		   (1 << DRM_ZCGEM_BACKING_SVM));
	svm_close(&svm);
	munmap(user, size);
}

static void test_list(int fd)
{
	char *one = zcgem_anonymous(PAGES(40)), *other = zcgem_shared_anonymous(PAGES(8));
	/* backwards, next to each other, of another mapping, of one page, twice */
	const struct drm_zcgem_userptr_range ranges[] = {
		zcgem_address_range(one + PAGES(30), PAGES(10)),
		zcgem_address_range(one, PAGES(3)),
		zcgem_address_range(one + PAGES(3), PAGES(4)),
		zcgem_address_range(other, PAGES(8)),
		zcgem_address_range(one + PAGES(7), PAGES(1)),
		zcgem_address_range(other, PAGES(8)),
	};
	uint32_t handle, buffer = zcgem_create(fd, PAGES(34), 0), i;
	char *map = zcgem_mmap(fd, buffer, PAGES(34), RW), *at = map;
	struct zcgem_snapshot before, now;

	zcgem_take_snapshot(fd, &before);
	handle = zcgem_wrap_userptr(fd, ranges, ARRAY_SIZE(ranges), DRM_ZCGEM_WRAP_SVM);
	/* one for each piece of memory, of which two may touch */
	zcgem_take_snapshot(fd, &now);
	igt_assert_lte_u64(now.notifiers, before.notifiers + 3);
	zcgem_mark_all(one, PAGES(40), OLD);
	zcgem_mark_all(other, PAGES(8), NEW);
	zcgem_submit_op(fd, zcgem_op_copy(buffer, 0, handle, 0, PAGES(34)));
	zcgem_wait(fd, buffer);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		igt_assert(!memcmp(at, (void *)(uintptr_t)ranges[i].address, ranges[i].size));
		at += ranges[i].size;
	}

	/* a copy from one place of the list to another */
	zcgem_submit_op(fd, zcgem_op_copy(handle, PAGES(10), handle, PAGES(17), PAGES(7)));
	zcgem_wait(fd, handle);
	zcgem_check_marks(one, PAGES(7), NEW);
	munmap(map, PAGES(34));
	munmap(other, PAGES(8));
	munmap(one, PAGES(40));
}

static void test_most_ranges(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	const uint32_t pages = 4096;
	struct drm_zcgem_userptr_range *ranges = calloc(count + 1, sizeof(*ranges));
	char *user = zcgem_anonymous(PAGES(pages)), *map;
	struct zcgem_snapshot before, now;
	uint32_t handle, buffer, i;
	uint64_t value;

	igt_assert(ranges);
	zcgem_take_snapshot(fd, &before);
	zcgem_mark_all(user, PAGES(pages), OLD);
	for (i = 0; i <= count; i++)
		ranges[i] = zcgem_address_range(user + PAGES(i * 2749 % pages), PAGES(1));
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, count + 1, DRM_ZCGEM_WRAP_SVM, &handle),
		      -E2BIG);

	handle = zcgem_wrap_userptr(fd, ranges, count, DRM_ZCGEM_WRAP_SVM);
	/* there is not a page between them */
	zcgem_take_snapshot(fd, &now);
	igt_assert_eq_u64(now.notifiers, before.notifiers + 1);
	buffer = zcgem_create(fd, count * sizeof(value), 0);
	map = zcgem_mmap(fd, buffer, count * sizeof(value), RW);
	/* the first word of each page */
	zcgem_submit_op(fd, (struct drm_zcgem_op) {
		.type = DRM_ZCGEM_OP_COPY,
		.dst_handle = buffer,
		.src_handle = handle,
		.size = sizeof(value),
		.height = count,
		.dst_pitch = sizeof(value),
		.src_pitch = PAGES(1),
	});
	zcgem_wait(fd, buffer);
	for (i = 0; i < count; i++) {
		memcpy(&value, map + i * sizeof(value), sizeof(value));
		igt_assert_eq_u64(value, OLD + i * 2749 % pages);
	}
	munmap(map, count * sizeof(value));
	munmap(user, PAGES(pages));
	free(ranges);
}

static void run_kind(int fd, char *user, uint64_t size)
{
	struct svm svm;

	igt_assert(user != MAP_FAILED);
	svm_open(&svm, fd, user, size, 0);
	svm_check_same(&svm, user);
	svm_close(&svm);
	/* not at the start of a huge page, and over the end of one */
	svm_open(&svm, fd, user + PAGES(3), size - PAGES(5), 0);
	svm_check_same(&svm, user + PAGES(3));
	svm_close(&svm);
	munmap(user, size);
}

static void test_kinds(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), hugetlb;

	run_kind(fd, zcgem_anonymous(size), size);
	run_kind(fd, zcgem_huge_anonymous(size), size);
	run_kind(fd, zcgem_shared_anonymous(size), size);
	run_kind(fd, zcgem_map_memfd(memfd, 0, size), size);
	run_kind(fd, mmap(NULL, size, RW, MAP_PRIVATE, memfd, 0), size);
	close(memfd);

	/* the private mapping has copies of its own */
	close(zcgem_memfd_hugetlb(2 * size, 0));
	hugetlb = zcgem_memfd_hugetlb(size, 0);
	run_kind(fd, zcgem_map_memfd(hugetlb, 0, size), size);
	run_kind(fd, mmap(NULL, size, RW, MAP_PRIVATE, hugetlb, 0), size);
	close(hugetlb);
}

static void test_private_file(int fd)
{
	const uint64_t size = PAGES(9);
	int file = open("/proc/self/exe", O_RDONLY);
	unsigned char *user, *before = malloc(size);
	uint32_t handle;
	struct svm svm;

	igt_assert_fd(file);
	igt_assert(before && pread(file, before, size, 0) == (ssize_t)size);
	user = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
	igt_assert(user != MAP_FAILED);
	igt_assert_eq(__zcgem_wrap_svm(fd, user, size, 0, &handle), -EFAULT);
	svm_open(&svm, fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	svm_read(&svm);
	igt_assert(!memcmp(svm.map, before, size));
	svm_close(&svm);
	munmap(user, size);

	user = mmap(NULL, size, RW, MAP_PRIVATE, file, 0);
	igt_assert(user != MAP_FAILED);
	svm_open(&svm, fd, user, size, 0);
	svm_read(&svm);
	igt_assert(!memcmp(svm.map, before, size));
	svm_check_same(&svm, user);
	svm_close(&svm);
	munmap(user, size);

	user = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	igt_assert(user != MAP_FAILED);
	igt_assert(!memcmp(user, before, size));
	munmap(user, size);
	free(before);
	close(file);
}

static void test_file(int fd)
{
	const uint64_t size = PAGES(33);
	struct zcgem_disk disk;
	uint32_t handle;
	struct svm svm;
	char *user;
	int file;

	zcgem_disk_open(&disk);
	zcgem_disk_mount(&disk);
	file = zcgem_disk_file(&disk, 0, size);
	user = zcgem_map_memfd(file, 0, size);
	igt_assert_eq(__zcgem_wrap_svm(fd, user, size, 0, &handle), -EFAULT);

	svm_open(&svm, fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	zcgem_mark_all(user, size, OLD);
	svm_check_marks(&svm, OLD);
	/* now its pages are clean and write-protected, and still the same */
	igt_assert_eq(msync(user, size, MS_SYNC), 0);
	svm_check_marks(&svm, OLD);
	zcgem_mark_all(user, size, NEW);
	svm_check_marks(&svm, NEW);
	munmap(user, size);
	igt_assert_eq(__svm_read(&svm), -EFAULT);

	/* a file that became too short is not there any more */
	user = mmap(user, size, RW, MAP_SHARED | MAP_FIXED, file, 0);
	igt_assert(user != MAP_FAILED);
	svm_check_marks(&svm, NEW);
	igt_assert_eq(ftruncate(file, size / 2), 0);
	igt_assert_eq(__svm_read(&svm), -EFAULT);
	svm_close(&svm);
	munmap(user, size);
	close(file);
	zcgem_disk_close(&disk);
}

static void test_readonly(int fd)
{
	const uint64_t size = PAGES(16);
	char *user = zcgem_anonymous(size);
	struct drm_zcgem_gem_info info;
	struct svm svm;

	zcgem_mark_all(user, size, OLD);
	igt_assert_eq(mprotect(user, size, PROT_READ), 0);
	svm_open(&svm, fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	zcgem_info(fd, svm.handle, &info);
	igt_assert_eq_u32(info.flags, DRM_ZCGEM_INFO_READONLY | DRM_ZCGEM_INFO_RESIDENT);
	svm_check_marks(&svm, OLD);
	igt_assert_eq(mprotect(user, size, RW), 0);
	zcgem_mark_all(user, size, NEW);
	svm_check_marks(&svm, NEW);
	zcgem_mark_all(svm.map, size, OLD);
	igt_assert_eq(__svm_write(&svm), -EACCES);
	zcgem_check_marks(user, size, NEW);
	svm_close(&svm);
	munmap(user, size);
}

static void test_never_written(int fd)
{
	const uint64_t size = PAGES(64);
	char *user = zcgem_anonymous(size), *zero = zcgem_anonymous(PAGES(1));
	uint64_t page_of_zeroes, *frames, i;
	struct svm svm;

	igt_assert_eq(zero[0], 0);
	page_of_zeroes = zcgem_frame(zero);
	svm_open(&svm, fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	memset(svm.map, 1, size);
	svm_read(&svm);
	for (i = 0; i < size; i++)
		igt_assert_eq(((char *)svm.map)[i], 0);
	frames = zcgem_frames(user, size);
	for (i = 0; i < size / ZCGEM_PAGE; i++)
		igt_assert_eq_u64(frames[i], page_of_zeroes);
	free(frames);
	zcgem_mark_all(user, size, NEW);
	svm_check_marks(&svm, NEW);
	svm_close(&svm);
	munmap(user, size);

	user = zcgem_anonymous(size);
	igt_assert_eq(user[0] | user[size - 1], 0);
	svm_open(&svm, fd, user, size, 0);
	igt_assert_neq_u64(zcgem_frame(user), page_of_zeroes);
	svm_check_same(&svm, user);
	svm_close(&svm);
	igt_assert_eq(zero[0], 0);
	munmap(user, size);
	munmap(zero, PAGES(1));
}

static void test_no_limit(int fd)
{
	const uint64_t size = PAGES(256);

	zcgem_change_setting(ZCGEM_USER_PERCENT, "0");
	igt_fork(child, 1) {
		char *user = zcgem_anonymous(size);
		uint32_t handle;
		struct svm svm;

		zcgem_become_user(12345, false);
		zcgem_set_memlock(0);
		igt_assert_eq(__zcgem_wrap_address(fd, user, size, 0, &handle), -ENOMEM);
		svm_open(&svm, fd, user, size, 0);
		svm_check_same(&svm, user);
		svm_close(&svm);
	}
	igt_waitchildren();
	zcgem_restore_settings();
}

static void test_no_mmap(int fd)
{
	const uint64_t size = PAGES(8);
	char *user = zcgem_anonymous(size);
	uint32_t handle, first = zcgem_create(fd, size, 0);
	uint64_t offset = zcgem_mmap_offset(fd, first), ignored;
	struct drm_mode_map_dumb dumb = {};
	void *map;
	int card;

	igt_assert_eq(__zcgem_wrap_svm(fd, user, size, 0, &handle), 0);
	igt_assert_eq(__zcgem_mmap_offset(fd, handle, &ignored), -EPERM);
	gem_close(fd, handle);

	/* whoever knows where the next object goes need not ask */
	gem_close(fd, first);
	igt_assert_eq(__zcgem_wrap_svm(fd, user, size, 0, &handle), 0);
	map = mmap(NULL, size, RW, MAP_SHARED, fd, offset);
	igt_assert(map == MAP_FAILED);
	if (errno != EPERM)
		igt_info("the guess at the offset was wrong: %m\n");
	gem_close(fd, handle);

	card = zcgem_open_card();
	if (card >= 0) {
		igt_assert_eq(__zcgem_wrap_svm(card, user, size, 0, &dumb.handle), 0);
		do_ioctl_err(card, DRM_IOCTL_MODE_MAP_DUMB, &dumb, EPERM);
		close(card);
	}
	munmap(user, size);
}

static void test_no_export(int fd)
{
	const uint64_t size = PAGES(8);
	char *user = zcgem_anonymous(size);
	struct drm_zcgem_gem_info info;
	int dmabuf = -7;
	struct svm svm;

	svm_open(&svm, fd, user, size, 0);
	igt_assert_eq(__zcgem_export(fd, svm.handle, O_CLOEXEC | O_RDWR, &dmabuf), -EPERM);
	igt_assert_eq(__zcgem_export(fd, svm.handle, 0, &dmabuf), -EPERM);
	zcgem_info(fd, svm.handle, &info);
	igt_assert(!(info.flags & DRM_ZCGEM_INFO_EXPORTED));
	svm_check_same(&svm, user);
	svm_close(&svm);
	munmap(user, size);
}

static uint64_t resident(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.resident;
}

static void test_advice(int fd)
{
	const uint64_t size = PAGES(32);
	char *user = zcgem_anonymous(size);
	struct svm svm;

	svm_open(&svm, fd, user, size, 0);
	igt_assert_eq_u64(resident(fd, svm.handle), size);
	zcgem_evict(fd, svm.handle, size);
	igt_assert_eq_u64(resident(fd, svm.handle), 0);
	zcgem_populate(fd, svm.handle, size, NULL);
	igt_assert_eq_u64(resident(fd, svm.handle), size);
	svm_check_same(&svm, user);
	igt_assert_eq(madvise(user, size, MADV_DONTNEED), 0);
	igt_assert_eq_u64(zcgem_frame(user), 0);
	igt_assert_eq(__zcgem_revalidate(fd, svm.handle, size), 0);
	/* it has faulted the pages in for the caller too */
	igt_assert_neq_u64(zcgem_frame(user), 0);
	svm_check_same(&svm, user);

	/* there is no mapping whose tables could be filled */
	igt_assert_eq(__zcgem_advise(fd, svm.handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, user),
		      -EINVAL);
	munmap(user, size);
	igt_assert_eq(__zcgem_advise(fd, svm.handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL),
		      -EFAULT);
	igt_assert_eq(__zcgem_revalidate(fd, svm.handle, size), -EFAULT);
	zcgem_evict(fd, svm.handle, size);
	svm_close(&svm);
}

static void test_revoke(int fd)
{
	const uint64_t size = PAGES(8);
	char *user = zcgem_anonymous(size);
	struct svm svm;

	svm_open(&svm, fd, user, size, 0);
	svm_check_same(&svm, user);
	do_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &((struct drm_zcgem_gem_revoke) {
		.handle = svm.handle,
	}));
	igt_assert_eq(__svm_read(&svm), -EACCES);
	igt_assert_eq(__svm_write(&svm), -EACCES);
	zcgem_mark_all(user, size, NEW);
	svm_close(&svm);
	munmap(user, size);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A job sees what the caller writes and the other way round, and nothing is pinned or charged");
	igt_subtest("single")
		zcgem_run_counted(fd, test_single);

	igt_describe("A list of ranges of several mappings is one object in list order, also where ranges overlap");
	igt_subtest("list")
		zcgem_run_counted(fd, test_list);

	igt_describe("The largest list is one object, page for page (class 14)");
	igt_subtest("most-ranges")
		zcgem_run_counted(fd, test_most_ranges);

	igt_describe("Anonymous memory, shmem, transparent huge pages and hugetlb, shared and private");
	igt_subtest("kinds")
		zcgem_run_counted(fd, test_kinds);

	igt_describe("Of a private mapping of a file a job sees the file or the caller's copy, and never writes to the file");
	igt_subtest("private-file")
		zcgem_run_counted(fd, test_private_file);

	igt_describe("A shared mapping of a file with write-back is mirrored for reading, not for writing");
	igt_subtest("file")
		zcgem_run_counted(fd, test_file);

	igt_describe("Of a read-only object jobs read what the caller writes, and cannot write");
	igt_subtest("readonly")
		zcgem_run_counted(fd, test_readonly);

	igt_describe("A read-only object leaves memory that was never written as it is; a writable one gives it pages");
	igt_subtest("never-written")
		zcgem_run_counted(fd, test_never_written);

	igt_describe("No RLIMIT_MEMLOCK is needed");
	igt_subtest("no-limit")
		zcgem_run_counted(fd, test_no_limit);

	igt_describe("There is no CPU mapping, by any way of asking (EPERM)");
	igt_subtest("no-mmap")
		zcgem_run_counted(fd, test_no_mmap);

	igt_describe("There is no dma-buf (EPERM)");
	igt_subtest("no-export")
		zcgem_run_counted(fd, test_no_export);

	igt_describe("Populate, evict and revalidate do what they say");
	igt_subtest("advice")
		zcgem_run_counted(fd, test_advice);

	igt_describe("A revoked object is refused by submits");
	igt_subtest("revoke")
		zcgem_run_counted(fd, test_revoke);

	igt_fixture()
		drm_close_driver(fd);
}
