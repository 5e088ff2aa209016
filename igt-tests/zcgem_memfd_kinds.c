// SPDX-License-Identifier: MIT
/*
 * Which kinds of memfds and of files like them are taken, by zcgem's own ioctl, by udmabuf's on
 * zcgem's node, and by the kernel's udmabuf. The table in the manual's page on bad input is
 * this one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "igt.h"
#include "igt_udmabuf.h"
#include "igt_zcgem.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem memfd kinds
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check which kinds of memfds are taken.
 *
 * SUBTEST: taken
 * Description: Memfds with the seals of newer kernels are taken, and are what the object shows.
 *
 * SUBTEST: refused
 * Description: Each other kind is refused with its errno (class 5).
 *
 * SUBTEST: secretmem
 * Description: Memory that the kernel itself does not map is refused (class 5).
 *
 * SUBTEST: guest-memfd
 * Description: Memory of KVM's guests is refused (class 5).
 *
 * SUBTEST: sealed-and-grown-later
 * Description: An object stays what it is when its memfd grows and is sealed.
 */

IGT_TEST_DESCRIPTION("Check which kinds of memfds are taken");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define UDMABUF		"/dev/udmabuf"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#define MFD_EXEC	0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x0020
#endif
#ifndef KVM_CREATE_GUEST_MEMFD
struct kvm_create_guest_memfd {
	__u64 size;
	__u64 flags;
	__u64 reserved[6];
};

#define KVM_CREATE_GUEST_MEMFD	_IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)
#endif

/* A file, and the answers: 0 or an errno. */
struct kind {
	const char *name;
	unsigned int flags, seals;
	int native, readonly, udmabuf;
};

static const struct kind taken[] = {
	{ .name = "F_SEAL_SHRINK", MFD_ALLOW_SEALING, F_SEAL_SHRINK },
	{ .name = "MFD_NOEXEC_SEAL", MFD_NOEXEC_SEAL, F_SEAL_SHRINK },
	{ .name = "MFD_EXEC", MFD_ALLOW_SEALING | MFD_EXEC, F_SEAL_SHRINK },
	{ .name = "F_SEAL_EXEC", MFD_NOEXEC_SEAL, F_SEAL_SHRINK | F_SEAL_EXEC },
	{ .name = "F_SEAL_GROW", MFD_ALLOW_SEALING, F_SEAL_SHRINK | F_SEAL_GROW },
	{ .name = "F_SEAL_SEAL", MFD_ALLOW_SEALING, F_SEAL_SHRINK | F_SEAL_SEAL },
	{ .name = "all but write seals", MFD_NOEXEC_SEAL,
	  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_EXEC | F_SEAL_SEAL },
};

static const struct kind refused[] = {
	{ "no seals", MFD_ALLOW_SEALING, 0, EINVAL, EINVAL, EINVAL },
	{ "not to be sealed", 0, 0, EINVAL, EINVAL, EINVAL },
	{ "MFD_NOEXEC_SEAL alone", MFD_NOEXEC_SEAL, 0, EINVAL, EINVAL, EINVAL },
	{ "F_SEAL_GROW alone", MFD_ALLOW_SEALING, F_SEAL_GROW, EINVAL, EINVAL, EINVAL },
	{ "F_SEAL_WRITE", MFD_ALLOW_SEALING, F_SEAL_SHRINK | F_SEAL_WRITE, EPERM, 0, EINVAL },
	{ "F_SEAL_FUTURE_WRITE", MFD_ALLOW_SEALING, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, EPERM, 0,
	  EINVAL },
	/* Sealing an executable one adds the write seals. */
	{ "F_SEAL_EXEC of an executable one", MFD_ALLOW_SEALING | MFD_EXEC, F_SEAL_EXEC, EPERM, 0,
	  EINVAL },
};

static int make(const struct kind *kind)
{
	int memfd = memfd_create("igt-zcgem", MFD_CLOEXEC | kind->flags);

	igt_assert_f(memfd >= 0, "%s: %m\n", kind->name);
	igt_assert_eq(ftruncate(memfd, PAGES(4)), 0);
	if (kind->seals)
		igt_assert_f(!fcntl(memfd, F_ADD_SEALS, kind->seals), "%s: %m\n", kind->name);
	return memfd;
}

static int try_udmabuf(int node, int memfd)
{
	int ret = __udmabuf_create(node, memfd, 0, PAGES(4), UDMABUF_FLAGS_CLOEXEC);

	if (ret >= 0)
		close(ret);
	return ret < 0 ? -ret : 0;
}

/* All four answers; the kernel's udmabuf must give the one that zcgem's does. */
static void check_answers(int fd, int memfd, const struct kind *kind)
{
	int udmabuf = open(UDMABUF, O_RDWR | O_CLOEXEC);
	int native = -__zcgem_try_range(fd, memfd, 0, PAGES(4), 0);
	int readonly = -__zcgem_try_range(fd, memfd, 0, PAGES(4), DRM_ZCGEM_WRAP_READONLY);
	int own = try_udmabuf(fd, memfd), kernels = udmabuf < 0 ? own : try_udmabuf(udmabuf, memfd);

	igt_info("%s: wrapped %s, read-only %s, UDMABUF_CREATE %s\n", kind->name,
		 strerrorname_np(native), strerrorname_np(readonly), strerrorname_np(own));
	igt_assert_f(native == kind->native, "%s: %s\n", kind->name, strerror(native));
	igt_assert_f(readonly == kind->readonly, "%s, read-only: %s\n", kind->name,
		     strerror(readonly));
	igt_assert_f(own == kind->udmabuf, "%s, UDMABUF_CREATE: %s\n", kind->name, strerror(own));
	igt_assert_f(kernels == own, "%s: the kernel's udmabuf says %s\n", kind->name,
		     strerror(kernels));
	if (udmabuf >= 0)
		close(udmabuf);
}

static void check_shows(int fd, int memfd)
{
	char *file = zcgem_map_memfd(memfd, 0, PAGES(4));
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	char *map = zcgem_mmap(fd, handle, PAGES(4), PROT_READ | PROT_WRITE);

	zcgem_fill(map, PAGES(4), 5);
	zcgem_check(file, PAGES(4), 5);
	zcgem_fill(file, PAGES(4), 6);
	zcgem_check(map, PAGES(4), 6);
	munmap(map, PAGES(4));
	munmap(file, PAGES(4));
	gem_close(fd, handle);
}

static void test_taken(int fd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		int memfd = make(&taken[i]);

		check_answers(fd, memfd, &taken[i]);
		check_shows(fd, memfd);
		close(memfd);
	}
}

static void test_refused(int fd)
{
	static const struct kind tmpfs = { "a file on tmpfs", 0, 0, EINVAL, EINVAL, EINVAL };
	static const struct kind other = { "a file elsewhere", 0, 0, EBADFD, EBADFD, EBADFD };
	unsigned int i;
	int file;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		file = make(&refused[i]);
		check_answers(fd, file, &refused[i]);
		close(file);
	}

	/* It has a place for seals and can have none. */
	file = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	igt_assert_f(file >= 0, "/dev/shm: %m\n");
	igt_assert_eq(ftruncate(file, PAGES(4)), 0);
	igt_assert_eq(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK), -1);
	errno = 0;
	check_answers(fd, file, &tmpfs);
	close(file);

	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	igt_assert(file >= 0);
	check_answers(fd, file, &other);
	close(file);
}

static void test_secretmem(int fd)
{
	static const struct kind kind = { "memfd_secret", 0, 0, EBADFD, EBADFD, EBADFD };
	int file = syscall(SYS_memfd_secret, O_CLOEXEC);

	igt_require_f(file >= 0, "memfd_secret: %m\n");
	igt_assert_eq(ftruncate(file, PAGES(4)), 0);
	check_answers(fd, file, &kind);
	close(file);
}

static void test_guest_memfd(int fd)
{
	static const struct kind kind = { "guest_memfd", 0, 0, EBADFD, EBADFD, EBADFD };
	struct kvm_create_guest_memfd new = { .size = PAGES(4) };
	int kvm, vm, file;

	if (system("modprobe -q kvm_amd"))
		igt_debug("kvm_amd cannot be loaded\n");
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	igt_require_f(kvm >= 0, "/dev/kvm: %m\n");
	/* The first type has it where the kernel can map such memory, the second where it cannot. */
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	file = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_GUEST_MEMFD, &new);
	if (file < 0) {
		close(vm);
		vm = ioctl(kvm, KVM_CREATE_VM, 1);
		file = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_GUEST_MEMFD, &new);
	}
	igt_require_f(file >= 0, "KVM_CREATE_GUEST_MEMFD: %m\n");
	check_answers(fd, file, &kind);
	close(file);
	close(vm);
	close(kvm);
}

static void test_sealed_and_grown_later(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0), more;
	char *map = zcgem_mmap(fd, handle, PAGES(4), PROT_READ | PROT_WRITE);

	zcgem_fill(map, PAGES(4), 7);
	igt_assert_eq(ftruncate(memfd, PAGES(8)), 0);
	zcgem_check(map, PAGES(4), 7);
	more = zcgem_wrap_memfd(fd, memfd, PAGES(4), PAGES(4), 0);
	/* It is executable: this would add the write seals, which a writable object keeps off. */
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_EXEC), -1);
	igt_assert_eq(errno, EBUSY);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL), 0);
	igt_assert_eq(ftruncate(memfd, PAGES(9)), -1);
	igt_assert_eq(errno, EPERM);
	errno = 0;
	zcgem_evict(fd, handle, PAGES(4));
	zcgem_check(map, PAGES(4), 7);
	check_shows(fd, memfd);
	munmap(map, PAGES(4));
	gem_close(fd, more);
	gem_close(fd, handle);
	close(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Memfds with the seals of newer kernels are taken, and are what the object shows");
	igt_subtest("taken")
		zcgem_run_counted(fd, test_taken);

	igt_describe("Each other kind is refused with its errno (class 5)");
	igt_subtest("refused")
		zcgem_run_counted(fd, test_refused);

	igt_describe("Memory that the kernel itself does not map is refused (class 5)");
	igt_subtest("secretmem")
		zcgem_run_counted(fd, test_secretmem);

	igt_describe("Memory of KVM's guests is refused (class 5)");
	igt_subtest("guest-memfd")
		zcgem_run_counted(fd, test_guest_memfd);

	igt_describe("An object stays what it is when its memfd grows and is sealed");
	igt_subtest("sealed-and-grown-later")
		zcgem_run_counted(fd, test_sealed_and_grown_later);

	igt_fixture()
		drm_close_driver(fd);
}
