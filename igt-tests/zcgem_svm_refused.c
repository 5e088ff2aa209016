// SPDX-License-Identifier: MIT
/*
 * What cannot be mirrored, and calls that are wrong: each gives its errno and leaves nothing
 * behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_module.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_svm.h"
#include "igt_zcgem_unfit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem svm refused
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check what cannot be mirrored, and that nothing is left.
 *
 * SUBTEST: bad-arguments
 * Description: Bad flags, alignments, ranges and pointers are refused and leave nothing behind (class 3).
 *
 * SUBTEST: bad-address
 * Description: Addresses that are not mapped, in part or at all, or not the caller's are refused (class 12).
 *
 * SUBTEST: bad-protection
 * Description: Memory that the caller may not read or write is refused (class 9).
 *
 * SUBTEST: refused-pfnmap
 * Description: Mappings of bare frames are refused.
 *
 * SUBTEST: refused-zcgem
 * Description: Mappings of a zcgem object or of its dma-buf are refused (class 8).
 *
 * SUBTEST: refused-secret
 * Description: Secret memory, which the kernel itself has not mapped, is refused.
 *
 * SUBTEST: refused-ramfs
 * Description: Files without write-back are refused.
 *
 * SUBTEST: shared-by-name
 * Description: Another client cannot open an object by a name that its creator gave it (class 9).
 *
 * SUBTEST: engine-off
 * Description: With the module's engine=0 mirrors and submits give EOPNOTSUPP, and the parameters say so.
 */

IGT_TEST_DESCRIPTION("Check what cannot be mirrored, and that nothing is left");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define OLD		(1ull << 32)
#define NEW		(2ull << 32)

static void expect_refused(int fd, const void *address, uint64_t size)
{
	igt_assert_eq(__zcgem_try_address(fd, address, size, DRM_ZCGEM_WRAP_SVM |
					  DRM_ZCGEM_WRAP_READONLY), -EFAULT);
	igt_assert_eq(__zcgem_try_address(fd, address, size, DRM_ZCGEM_WRAP_SVM), -EFAULT);
}

static void test_bad_arguments(int fd)
{
	const uint32_t svm = DRM_ZCGEM_WRAP_SVM;
	const uint64_t size = PAGES(4);
	char *user = zcgem_anonymous(size);
	struct drm_zcgem_userptr_range range = zcgem_address_range(user, size);
	uint32_t handle, bit;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);

	for (bit = 2; bit < 32; bit++)
		igt_assert_eq(__zcgem_try_address(fd, user, size, svm | 1u << bit), -EINVAL);
	/* memfds are not mirrored */
	igt_assert_eq(__zcgem_wrap_file(fd, memfd, size, DRM_ZCGEM_WRAP_SVM, &handle),
		      -EINVAL);
	close(memfd);

	igt_assert_eq(__zcgem_try_address(fd, user + 1, size, svm), -EINVAL);
	igt_assert_eq(__zcgem_try_address(fd, user, size - 1, svm), -EINVAL);
	igt_assert_eq(__zcgem_try_address(fd, user, 0, svm), -EINVAL);
	igt_assert_eq(__zcgem_try_address(fd, (void *)-ZCGEM_PAGE, PAGES(2), svm), -EINVAL);
	igt_assert_eq(__zcgem_try_address(fd, user, (1ull << 39) + ZCGEM_PAGE, svm), -EFBIG);
	igt_assert_eq(__zcgem_wrap_userptr(fd, &range, 0, DRM_ZCGEM_WRAP_SVM, &handle), -EINVAL);
	igt_assert_eq(__zcgem_wrap_userptr(fd, (void *)8, 1, DRM_ZCGEM_WRAP_SVM, &handle),
		      -EFAULT);
	munmap(user, size);
}

static void test_bad_address(int fd)
{
	zcgem_refuse_addresses(fd, DRM_ZCGEM_WRAP_SVM);
}

static void test_bad_protection(int fd)
{
	zcgem_refuse_protection(fd, DRM_ZCGEM_WRAP_SVM);
}

static void test_refused_pfnmap(int fd)
{
	unsigned int tried = zcgem_refuse_frames(fd, expect_refused);
	char *vdso = zcgem_find_mapping("[vdso]");

	if (vdso) {
		tried++;
		expect_refused(fd, vdso, PAGES(1));
	}
	igt_require_f(tried, "neither [vvar], [vdso] nor /dev/mem can be mapped\n");
}

static void test_refused_zcgem(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	uint32_t handle = zcgem_create(fd, size, 0);
	char *object = zcgem_mmap(fd, handle, size, RW), *export;
	char *user = zcgem_anonymous(PAGES(4));
	uint32_t small = zcgem_create(fd, PAGES(4), 0);
	int dmabuf = zcgem_export(fd, handle), other = zcgem_export(fd, small);
	struct svm svm;

	export = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
	igt_assert(export != MAP_FAILED);
	expect_refused(fd, object, PAGES(1));
	zcgem_mark_all(object, size, OLD);
	expect_refused(fd, object, size);
	expect_refused(fd, object + PAGES(77), PAGES(1));
	expect_refused(fd, export, size);

	/* nor later, at addresses that were mirrored when there was other memory */
	svm_open(&svm, fd, user, PAGES(4), 0);
	svm_check_same(&svm, user);
	igt_assert(mmap(user, PAGES(4), RW, MAP_SHARED | MAP_FIXED, other, 0) == user);
	svm_expect_gone(&svm);
	zcgem_mark_all(user, PAGES(4), NEW);
	svm_expect_gone(&svm);
	zcgem_check_marks(user, PAGES(4), NEW);
	/* zapping it goes by the mirror's notifier */
	do_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &((struct drm_zcgem_gem_revoke) {
		.handle = small,
	}));
	svm_expect_gone(&svm);
	igt_assert(zcgem_access_faults(user, false));
	svm_close(&svm);
	munmap(user, PAGES(4));
	munmap(export, size);
	munmap(object, size);
	close(other);
	close(dmabuf);
}

static void test_refused_secret(int fd)
{
	zcgem_refuse_secret(fd, expect_refused);
}

static void test_refused_ramfs(int fd)
{
	zcgem_refuse_ramfs(fd, expect_refused);
}

static void test_shared_by_name(int fd)
{
	char *user = zcgem_anonymous(PAGES(4));
	int card = zcgem_open_card(), other = zcgem_open_card();
	struct drm_gem_flink flink = {};
	struct drm_gem_open open = {};
	uint32_t pool;

	(void)fd;
	igt_assert_eq(__zcgem_wrap_svm(card, user, PAGES(4), 0, &flink.handle), 0);
	do_ioctl(card, DRM_IOCTL_GEM_FLINK, &flink);
	open.name = flink.name;
	do_ioctl_err(other, DRM_IOCTL_GEM_OPEN, &open, EPERM);
	/* it is the creator's own all the same */
	do_ioctl(card, DRM_IOCTL_GEM_OPEN, &open);
	gem_close(card, open.handle);
	gem_close(card, flink.handle);

	pool = zcgem_create(card, PAGES(1), 0);
	flink = (struct drm_gem_flink) { .handle = pool };
	do_ioctl(card, DRM_IOCTL_GEM_FLINK, &flink);
	open.name = flink.name;
	do_ioctl(other, DRM_IOCTL_GEM_OPEN, &open);
	gem_close(other, open.handle);
	gem_close(card, pool);
	close(other);
	close(card);
	munmap(user, PAGES(4));
}

static void test_engine_off(int fd)
{
	char *user = zcgem_anonymous(PAGES(1));
	struct drm_zcgem_op op = zcgem_op_fill32(zcgem_create(fd, PAGES(1), 0), 0, 4, 1);
	uint32_t handle;

	igt_assert_eq(__zcgem_wrap_svm(fd, user, PAGES(1), 0, &handle), -EOPNOTSUPP);
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), -EOPNOTSUPP);
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_SUBMIT), 0);
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_SVM), 0);
	igt_assert(!(zcgem_get_param(fd, DRM_ZCGEM_PARAM_BACKINGS) &
		     (1 << DRM_ZCGEM_BACKING_SVM)));
	/* the rest needs no engine */
	igt_assert_eq(__zcgem_wrap_address(fd, user, PAGES(1), 0, &handle), 0);
	zcgem_wait(fd, handle);
	munmap(user, PAGES(1));
}

int igt_main()
{
	/* Of the program, not of the function: a subtest ends by siglongjmp(). */
	static int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Bad flags, alignments, ranges and pointers are refused and leave nothing behind (class 3)");
	igt_subtest("bad-arguments")
		zcgem_run_refused(fd, test_bad_arguments);

	igt_describe("Addresses that are not mapped, in part or at all, or not the caller's are refused (class 12)");
	igt_subtest("bad-address")
		zcgem_run_refused(fd, test_bad_address);

	igt_describe("Memory that the caller may not read or write is refused (class 9)");
	igt_subtest("bad-protection")
		zcgem_run_refused(fd, test_bad_protection);

	igt_describe("Mappings of bare frames are refused");
	igt_subtest("refused-pfnmap")
		zcgem_run_refused(fd, test_refused_pfnmap);

	igt_describe("Mappings of a zcgem object or of its dma-buf are refused (class 8)");
	igt_subtest("refused-zcgem")
		zcgem_run_counted(fd, test_refused_zcgem);

	igt_describe("Secret memory, which the kernel itself has not mapped, is refused");
	igt_subtest("refused-secret")
		zcgem_run_refused(fd, test_refused_secret);

	igt_describe("Files without write-back are refused");
	igt_subtest("refused-ramfs")
		zcgem_run_refused(fd, test_refused_ramfs);

	igt_describe("Another client cannot open an object by a name that its creator gave it (class 9)");
	igt_subtest("shared-by-name")
		zcgem_run_counted(fd, test_shared_by_name);

	igt_describe("With the module's engine=0 mirrors and submits give EOPNOTSUPP, and the parameters say so");
	igt_subtest("engine-off") {
		close(fd);
		fd = -1;
		igt_require_f(zcgem_load("engine=0"), "cannot load zcgem without its engine\n");
		fd = zcgem_open();
		zcgem_run_counted(fd, test_engine_off);
		close(fd);
		fd = -1;
	}

	igt_fixture() {
		/* engine-off comes last */
		if (fd < 0)
			igt_assert(zcgem_load(""));
		else
			drm_close_driver(fd);
	}
}
