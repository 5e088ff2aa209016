// SPDX-License-Identifier: MIT
/*
 * The uAPI as such: sizes of structures, the 32-bit entry, parameters, both nodes, and
 * what the kernel answers to calls that make no sense. Where fields are, the compiler
 * checks: userspace/tests/uapi_layout.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem uapi
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check the zcgem uAPI as such.
 *
 * SUBTEST: version
 * Description: The driver says its name.
 *
 * SUBTEST: get-param
 * Description: Every parameter has a value that makes sense.
 *
 * SUBTEST: get-param-bad
 * Description: Unknown parameters and padding that is not zero are refused.
 *
 * SUBTEST: bad-pointer
 * Description: An argument that cannot be read or written gives EFAULT.
 *
 * SUBTEST: bad-handle
 * Description: A handle that is not there, or that none can be, is ENOENT to every call (class 2).
 *
 * SUBTEST: unknown-ioctl
 * Description: Numbers that the driver does not have are refused.
 *
 * SUBTEST: struct-sizes
 * Description: Callers with shorter and longer structures are served.
 *
 * SUBTEST: compat-ioctl
 * Description: The same calls work through the 32-bit entry.
 *
 * SUBTEST: render-node-permissions
 * Description: The render node refuses what only the card node may do.
 *
 * SUBTEST: card-node
 * Description: The ioctls work on the card node, too.
 */

IGT_TEST_DESCRIPTION("Check the zcgem uAPI as such");

static void test_version(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);

	igt_assert(version);
	igt_assert_f(!strcmp(version->name, "zcgem"), "name '%s'\n",
		     version->name);
	igt_assert_neq(version->desc_len, 0);
	drmFreeVersion(version);
}

static void test_get_param(int fd)
{
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);
	uint64_t backings = zcgem_get_param(fd, DRM_ZCGEM_PARAM_BACKINGS);
	const uint64_t needed = (1u << DRM_ZCGEM_BACKING_POOL) |
				(1u << DRM_ZCGEM_BACKING_MEMFD);
	uint64_t value;
	uint32_t param;

	for (param = 0; param <= DRM_ZCGEM_PARAM_USER_SHARE; param++)
		igt_assert_f(!__zcgem_get_param(fd, param, &value), "parameter %u\n", param);
	igt_assert_eq(__zcgem_get_param(fd, param, &value), -EINVAL);

	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_UAPI_VERSION),
			  DRM_ZCGEM_UAPI_VERSION);
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_ADVICE),
			  1u << DRM_ZCGEM_ADVICE_POPULATE | 1u << DRM_ZCGEM_ADVICE_EVICT |
			  1u << DRM_ZCGEM_ADVICE_REVALIDATE);
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_SUBMIT),
			  1u << DRM_ZCGEM_OP_COPY | 1u << DRM_ZCGEM_OP_FILL);
	igt_assert_lte_u64(1024, zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_OPS));
	igt_assert_lte_u64(1024, zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SYNCS));
	igt_assert_lt_u64(0, zcgem_get_param(fd, DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT));
	igt_assert_lt_u64(0, zcgem_get_param(fd, DRM_ZCGEM_PARAM_JOB_TIMEOUT));
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_REVOKE), 1);
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_WATCH), 1);
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_WAIT), 1);
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_SVM), 1);
	igt_assert_lte_u64(65536, zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES));
	igt_assert_lte_u64(1ull << 30, zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE));
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE) %
			  ZCGEM_PAGE, 0);
	igt_assert_eq_u64(backings & needed, needed);
	igt_assert_eq_u64(leaves & ZCGEM_PAGE, ZCGEM_PAGE);
	igt_assert_eq_u64(leaves & ~(LEAF_4K | LEAF_2M | LEAF_1G), 0);
	igt_assert_lte_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_LIVE_INVALIDATION),
			   1);
}

static void test_get_param_bad(int fd)
{
	static const uint32_t unknown[] = { 0x1000, 0x80000000, 0xffffffff };
	struct drm_zcgem_get_param arg;
	uint64_t value;
	unsigned int bit, i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		igt_assert_eq(__zcgem_get_param(fd, unknown[i], &value), -EINVAL);

	for (bit = 0; bit < 32; bit++) {
		memset(&arg, 0, sizeof(arg));
		arg.param = DRM_ZCGEM_PARAM_UAPI_VERSION;
		arg.pad = 1u << bit;
		do_ioctl_err(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &arg, EINVAL);
	}
}

static const unsigned long all_ioctls[] = {
	DRM_IOCTL_ZCGEM_GET_PARAM,
	DRM_IOCTL_ZCGEM_GEM_CREATE,
	DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD,
	DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR,
	DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET,
	DRM_IOCTL_ZCGEM_GEM_INFO,
	DRM_IOCTL_ZCGEM_GEM_WAIT,
	DRM_IOCTL_ZCGEM_GEM_ADVISE,
	DRM_IOCTL_ZCGEM_GEM_REVOKE,
	DRM_IOCTL_ZCGEM_SUBMIT,
};

/* What cannot be written back fails, after it was done: the objects go with the client. */
static void expect_unwritable(int fd, void *page)
{
	const struct drm_zcgem_memfd_range range = {
		.fd = zcgem_memfd(ZCGEM_PAGE, F_SEAL_SHRINK), .size = ZCGEM_PAGE,
	};
	const struct drm_zcgem_userptr_range user = zcgem_address_range(page, ZCGEM_PAGE);
	const struct drm_zcgem_gem_create create = { .size = ZCGEM_PAGE };
	const struct drm_zcgem_gem_wrap_memfd wrap = {
		.ranges = { sizeof(range), 1, (uintptr_t)&range },
	};
	const struct drm_zcgem_gem_wrap_userptr wrap_user = {
		.ranges = { sizeof(user), 1, (uintptr_t)&user },
		.flags = DRM_ZCGEM_WRAP_READONLY,
	};
	const struct drm_zcgem_gem_revoke revoke = { .handle = zcgem_create(fd, ZCGEM_PAGE, 0) };
	const struct {
		unsigned long request;
		const void *arg;
		size_t size;
	} calls[] = {
		{ DRM_IOCTL_ZCGEM_GEM_CREATE, &create, sizeof(create) },
		{ DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &wrap, sizeof(wrap) },
		{ DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &wrap_user, sizeof(wrap_user) },
		{ DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke, sizeof(revoke) },
	};
	struct drm_zcgem_gem_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		igt_assert_eq(mprotect(page, ZCGEM_PAGE, PROT_READ | PROT_WRITE), 0);
		memcpy(page, calls[i].arg, calls[i].size);
		igt_assert_eq(mprotect(page, ZCGEM_PAGE, PROT_READ), 0);
		do_ioctl_err(fd, calls[i].request, page, EFAULT);
	}
	zcgem_info(fd, revoke.handle, &info);
	igt_assert(info.flags & DRM_ZCGEM_INFO_REVOKED);
	close(range.fd);
}

static void test_bad_pointer(int fd)
{
	char *page;
	unsigned int i;

	page = mmap(NULL, 2 * ZCGEM_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(page != MAP_FAILED);
	munmap(page + ZCGEM_PAGE, ZCGEM_PAGE);

	for (i = 0; i < ARRAY_SIZE(all_ioctls); i++) {
		do_ioctl_err(fd, all_ioctls[i], NULL, EFAULT);
		/* the last 8 bytes of what is there, and a kernel address */
		do_ioctl_err(fd, all_ioctls[i], page + ZCGEM_PAGE - 8, EFAULT);
		do_ioctl_err(fd, all_ioctls[i], (void *)-4096l, EFAULT);
	}

	expect_unwritable(fd, page);
	igt_assert_eq(mprotect(page, ZCGEM_PAGE, PROT_NONE), 0);
	for (i = 0; i < ARRAY_SIZE(all_ioctls); i++)
		do_ioctl_err(fd, all_ioctls[i], page, EFAULT);

	munmap(page, ZCGEM_PAGE);
}

/* DRM's own handles end at INT_MAX. */
static void test_bad_handle(int fd)
{
	const uint32_t good = zcgem_create(fd, ZCGEM_PAGE, 0);
	const uint32_t closed = zcgem_create(fd, ZCGEM_PAGE, 0);
	const uint32_t bad[] = { 0, closed, 0x7fffffff, 0x80000000, good | 1u << 31, 0xffffffff };
	unsigned int i;

	gem_close(fd, closed);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct drm_zcgem_op ops[] = {
			zcgem_op_fill32(bad[i], 0, 4, 1),
			zcgem_op_copy(good, 0, bad[i], 0, 4),
		};
		struct drm_zcgem_gem_revoke revoke = { .handle = bad[i] };
		struct drm_zcgem_gem_info info;
		uint64_t offset;
		int dmabuf;

		igt_assert_eq(__zcgem_mmap_offset(fd, bad[i], &offset), -ENOENT);
		igt_assert_eq(__zcgem_info(fd, bad[i], &info), -ENOENT);
		igt_assert_eq(__zcgem_wait(fd, bad[i], 0, 0), -ENOENT);
		igt_assert_eq(__zcgem_evict(fd, bad[i], ZCGEM_PAGE), -ENOENT);
		do_ioctl_err(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke, ENOENT);
		igt_assert_eq(__zcgem_submit_ops(fd, &ops[0], 1), -ENOENT);
		igt_assert_eq(__zcgem_submit_ops(fd, &ops[1], 1), -ENOENT);
		igt_assert_eq(__zcgem_export(fd, bad[i], DRM_CLOEXEC, &dmabuf), -ENOENT);
		igt_assert_eq(__zcgem_close(fd, bad[i]), -EINVAL);
	}
	gem_close(fd, good);
}

static void test_unknown_ioctl(int fd)
{
	uint64_t arg[32] = {};

	do_ioctl_err(fd, DRM_IOWR(DRM_COMMAND_BASE + 0x5f, uint64_t), arg, EINVAL);
	do_ioctl_err(fd, DRM_IO(DRM_COMMAND_BASE + 0x5f), arg, EINVAL);
	do_ioctl_err(fd, _IOWR('Z', 0x40, uint64_t), arg, ENOTTY);
}

static void test_struct_sizes(int fd)
{
	struct {
		struct drm_zcgem_get_param arg;
		uint64_t tail[2];
	} longer = { .tail = { 0x1122334455667788, 0x99aabbccddeeff00 } };
	union {
		struct drm_zcgem_get_param arg;
		uint64_t words[2];
	} shorter;
	union {
		struct drm_zcgem_gem_info arg;
		uint64_t words[sizeof(struct drm_zcgem_gem_info) / 8];
	} info;
	uint32_t handle;
	unsigned int i;

	/* a client newer than the driver: what it does not know stays */
	longer.arg.param = DRM_ZCGEM_PARAM_MAX_RANGES;
	do_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GET_PARAM, longer),
		 &longer);
	igt_assert_eq_u64(longer.arg.value,
			  zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES));
	igt_assert_eq_u64(longer.tail[0], 0x1122334455667788);
	igt_assert_eq_u64(longer.tail[1], 0x99aabbccddeeff00);

	/* a client older than the driver: nothing after its end is touched */
	memset(&shorter, 0xa5, sizeof(shorter));
	shorter.arg.param = DRM_ZCGEM_PARAM_MAX_RANGES;
	shorter.arg.pad = 0;
	do_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GET_PARAM, uint64_t),
		 &shorter);
	igt_assert_eq_u64(shorter.words[1], 0xa5a5a5a5a5a5a5a5);

	handle = zcgem_create(fd, 3 * ZCGEM_PAGE, 0);
	memset(&info, 0xa5, sizeof(info));
	info.arg.handle = handle;
	info.arg.pad = 0;
	do_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_INFO, uint64_t[2]),
		 &info);
	igt_assert_eq_u64(info.arg.size, 3 * ZCGEM_PAGE);
	for (i = 2; i < ARRAY_SIZE(info.words); i++)
		igt_assert_eq_u64(info.words[i], 0xa5a5a5a5a5a5a5a5);
}

#ifdef __x86_64__
/* ioctl() as a 32-bit process makes it: int 0x80, number 54 of that table */
static int ioctl32(int fd, uint32_t request, void *arg)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "a" (54l), "b" ((long)fd), "c" ((long)request),
		       "d" (arg)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static void test_compat_ioctl(int fd)
{
	struct {
		struct drm_zcgem_get_param param;
		struct drm_zcgem_gem_create create;
		struct drm_zcgem_memfd_range ranges[2];
		struct drm_zcgem_gem_wrap_memfd wrap;
		struct drm_zcgem_gem_mmap_offset offset;
		struct drm_zcgem_gem_info info;
		struct drm_zcgem_userptr_range user;
		struct drm_zcgem_gem_wrap_userptr wrap_user;
		struct drm_zcgem_op op;
		struct drm_zcgem_sync sync;
		struct drm_zcgem_submit submit;
		struct drm_zcgem_gem_wait wait;
		struct drm_zcgem_gem_advise advise;
		struct drm_zcgem_gem_revoke revoke;
	} *low;
	int memfd = zcgem_memfd(4 * ZCGEM_PAGE, F_SEAL_SHRINK);
	uint64_t *user = zcgem_anonymous(2 * ZCGEM_PAGE);
	unsigned int i;
	char *end;
	int ret;

	low = mmap(NULL, 2 * ZCGEM_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	igt_assert(low != MAP_FAILED);
	end = (char *)low + ZCGEM_PAGE;
	munmap(end, ZCGEM_PAGE);

	low->param.param = DRM_ZCGEM_PARAM_MAX_SIZE;
	ret = ioctl32(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &low->param);
	igt_require_f(ret != -ENOSYS, "the kernel has no 32-bit system calls\n");
	igt_assert_eq(ret, 0);
	igt_assert_eq_u64(low->param.value,
			  zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE));

	low->create.size = 5 * ZCGEM_PAGE;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_CREATE, &low->create), 0);
	low->info.handle = low->create.handle;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_INFO, &low->info), 0);
	igt_assert_eq_u64(low->info.size, 5 * ZCGEM_PAGE);

	low->ranges[0].fd = memfd;
	low->ranges[0].offset = 3 * ZCGEM_PAGE;
	low->ranges[0].size = ZCGEM_PAGE;
	low->ranges[1].fd = memfd;
	low->ranges[1].size = 2 * ZCGEM_PAGE;
	low->wrap.ranges.stride = sizeof(low->ranges[0]);
	low->wrap.ranges.count = 2;
	low->wrap.ranges.pointer = (uintptr_t)low->ranges;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &low->wrap), 0);
	igt_assert_eq_u64(low->wrap.size, 3 * ZCGEM_PAGE);

	low->offset.handle = low->wrap.handle;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &low->offset), 0);
	igt_assert_eq_u64(low->offset.offset,
			  zcgem_mmap_offset(fd, low->wrap.handle));

	low->user = zcgem_address_range(user, 2 * ZCGEM_PAGE);
	low->wrap_user.ranges.stride = sizeof(low->user);
	low->wrap_user.ranges.count = 1;
	low->wrap_user.ranges.pointer = (uintptr_t)&low->user;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &low->wrap_user), 0);
	igt_assert_eq_u64(low->wrap_user.size, 2 * ZCGEM_PAGE);

	low->op = zcgem_op_fill64(low->wrap_user.handle, ZCGEM_PAGE, 8, 0x1122334455667788);
	low->sync.handle = syncobj_new(fd);
	low->submit.ops.stride = sizeof(low->op);
	low->submit.ops.count = 1;
	low->submit.ops.pointer = (uintptr_t)&low->op;
	low->submit.out_syncs.stride = sizeof(low->sync);
	low->submit.out_syncs.count = 1;
	low->submit.out_syncs.pointer = (uintptr_t)&low->sync;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_SUBMIT, &low->submit), 0);
	low->wait.handle = low->wrap_user.handle;
	low->wait.flags = DRM_ZCGEM_WAIT_WRITE;
	low->wait.timeout_ns = zcgem_now() + WAIT_NS;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_WAIT, &low->wait), 0);
	igt_assert_eq_u64(user[ZCGEM_PAGE / 8], 0x1122334455667788);
	igt_assert_eq(syncobj_error(fd, low->sync.handle), 0);
	syncobj_free(fd, low->sync.handle);

	low->advise.handle = low->wrap.handle;
	low->advise.advice = DRM_ZCGEM_ADVICE_EVICT;
	low->advise.size = low->wrap.size;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_ADVISE, &low->advise), 0);
	igt_assert(!zcgem_is_resident(fd, low->wrap.handle));
	low->revoke.handle = low->wrap.handle;
	low->revoke.holders = 1;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &low->revoke), 0);
	igt_assert_eq_u64(low->revoke.holders, 0);

	for (i = 0; i < ARRAY_SIZE(all_ioctls); i++) {
		igt_assert_eq(ioctl32(fd, all_ioctls[i], NULL), -EFAULT);
		igt_assert_eq(ioctl32(fd, all_ioctls[i], end - 8), -EFAULT);
	}
	low->param.pad = 1;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &low->param), -EINVAL);

	munmap(low, ZCGEM_PAGE);
	munmap(user, 2 * ZCGEM_PAGE);
	close(memfd);
}
#else
static void test_compat_ioctl(int fd)
{
	(void)fd;
	igt_skip("the test knows the 32-bit entry of x86-64 only\n");
}
#endif

static void test_render_node_permissions(int fd)
{
	struct drm_mode_create_dumb dumb = {
		.width = 16, .height = 16, .bpp = 32,
	};
	struct drm_gem_flink flink = {};
	struct stat st;

	igt_assert_eq(fstat(fd, &st), 0);
	igt_assert(S_ISCHR(st.st_mode));
	igt_assert_eq(drmGetNodeTypeFromFd(fd), DRM_NODE_RENDER);

	do_ioctl_err(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb, EACCES);
	flink.handle = zcgem_create(fd, ZCGEM_PAGE, 0);
	do_ioctl_err(fd, DRM_IOCTL_GEM_FLINK, &flink, EACCES);
}

static void test_card_node(int fd)
{
	const uint64_t size = 4 * ZCGEM_PAGE;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	int card = zcgem_open_card();
	struct drm_zcgem_gem_info info;
	uint32_t handle;
	void *map;

	igt_assert_eq(drmGetNodeTypeFromFd(card), DRM_NODE_PRIMARY);
	igt_assert_eq_u64(zcgem_get_param(card, DRM_ZCGEM_PARAM_MAX_SIZE),
			  zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE));

	handle = zcgem_create(card, size, 0);
	gem_close(card, handle);

	handle = zcgem_wrap_memfd(card, memfd, 0, size, 0);
	zcgem_info(card, handle, &info);
	igt_assert_eq_u64(info.size, size);
	map = zcgem_mmap(card, handle, size, PROT_READ | PROT_WRITE);
	zcgem_fill(map, size, 1);
	munmap(map, size);

	map = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(map, size, 1);
	munmap(map, size);

	close(card);
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("The driver says its name");
	igt_subtest("version")
		zcgem_run_counted(fd, test_version);

	igt_describe("Every parameter has a value that makes sense");
	igt_subtest("get-param")
		zcgem_run_counted(fd, test_get_param);

	igt_describe("Unknown parameters and padding that is not zero are refused");
	igt_subtest("get-param-bad")
		zcgem_run_refused(fd, test_get_param_bad);

	igt_describe("An argument that cannot be read or written gives EFAULT");
	igt_subtest("bad-pointer")
		zcgem_run_counted(fd, test_bad_pointer);

	igt_describe("A handle that is not there, or that none can be, is ENOENT to every call (class 2)");
	igt_subtest("bad-handle")
		zcgem_run_refused(fd, test_bad_handle);

	igt_describe("Numbers that the driver does not have are refused");
	igt_subtest("unknown-ioctl")
		zcgem_run_counted(fd, test_unknown_ioctl);

	igt_describe("Callers with shorter and longer structures are served");
	igt_subtest("struct-sizes")
		zcgem_run_counted(fd, test_struct_sizes);

	igt_describe("The same calls work through the 32-bit entry");
	igt_subtest("compat-ioctl")
		zcgem_run_counted(fd, test_compat_ioctl);

	igt_describe("The render node refuses what only the card node may do");
	igt_subtest("render-node-permissions")
		zcgem_run_counted(fd, test_render_node_permissions);

	igt_describe("The ioctls work on the card node, too");
	igt_subtest("card-node")
		zcgem_run_counted(fd, test_card_node);

	igt_fixture()
		drm_close_driver(fd);
}
