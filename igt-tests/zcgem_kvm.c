// SPDX-License-Identifier: MIT
/*
 * A mapping as memory of a virtual machine. KVM looks at page tables by itself and follows
 * what becomes of them by its MMU notifier, so what the guest sees must change with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_evictor.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem kvm
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check mappings that are memory of a virtual machine.
 *
 * SUBTEST: access
 * Description: Guest and program see each other's writes, in memory of every kind.
 *
 * SUBTEST: read-only
 * Description: A mapping for reading can be memory that the guest reads.
 *
 * SUBTEST: evict
 * Description: Nothing that the guest writes is lost while the object is evicted again and again.
 *
 * SUBTEST: punch
 * Description: The guest sees the new pages of a punched file once these are in place.
 *
 * SUBTEST: revoke
 * Description: The guest reads and writes nothing of an object that was revoked.
 */

IGT_TEST_DESCRIPTION("Check mappings that are memory of a virtual machine");

#define SIZE		(2 * ZCGEM_HUGE)
#define PAGES		(SIZE / ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)
/* Where the guest has its code, and the object. */
#define CODE		0x1000
#define LOW_SIZE	0x100000
#define OBJECT		0x400000

/*
 * next: mov [edi], eax; add edi, 4096; inc eax; dec ecx; jnz next; out 16, al: a word a page,
 * each one more than the last.
 */
static const uint8_t write_words[] = {
	0x89, 0x07, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0x40, 0x49, 0x75, 0xf4, 0xe6, 0x10,
};
/* xor eax, eax; next: add eax, [edi]; add edi, 4096; dec ecx; jnz next; out 16, al: their sum. */
static const uint8_t sum_words[] = {
	0x31, 0xc0, 0x03, 0x07, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0x49, 0x75, 0xf5, 0xe6, 0x10,
};

struct guest {
	int kvm, vm, cpu;
	struct kvm_run *run;
	char *low;
	/* How often KVM_RUN has answered EFAULT, and whether to call it again then. */
	unsigned int faults;
	bool again;
};

static int set_slot(const struct guest *guest, uint32_t slot, uint32_t flags, uint64_t address,
		    uint64_t size, const void *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = address,
		.memory_size = size, .userspace_addr = (uintptr_t)memory,
	};

	return ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

static struct kvm_segment flat_segment(uint8_t type, uint16_t selector)
{
	return (struct kvm_segment) {
		.limit = 0xffffffff, .type = type, .selector = selector,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
}

/* A processor in 32-bit mode without paging. */
static void open_guest(struct guest *guest)
{
	struct kvm_segment data = flat_segment(3, 16);
	struct kvm_sregs sregs;

	igt_debug("modprobe: %d\n", system("modprobe -q -a kvm-amd kvm-intel"));
	*guest = (struct guest) { .kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC) };
	igt_require_f(guest->kvm >= 0, "no KVM: %m\n");
	guest->vm = ioctl(guest->kvm, KVM_CREATE_VM, 0);
	igt_assert_fd(guest->vm);
	guest->low = zcgem_shared_anonymous(LOW_SIZE);
	igt_assert_eq(set_slot(guest, 0, 0, 0, LOW_SIZE, guest->low), 0);
	guest->cpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	igt_assert_fd(guest->cpu);
	guest->run = mmap(NULL, ioctl(guest->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_RW, MAP_SHARED,
			  guest->cpu, 0);
	igt_assert(guest->run != MAP_FAILED);
	igt_assert_eq(ioctl(guest->cpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs = flat_segment(11, 8);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 |= 1;
	igt_assert_eq(ioctl(guest->cpu, KVM_SET_SREGS, &sregs), 0);
}

static void close_guest(struct guest *guest)
{
	munmap(guest->run, ioctl(guest->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(guest->cpu);
	close(guest->vm);
	close(guest->kvm);
	munmap(guest->low, LOW_SIZE);
}

/* Returns 0 with what the code has in eax, or -errno of KVM_RUN, -EPROTO for another exit. */
static int run_guest(struct guest *guest, const uint8_t *code, size_t size, uint32_t *eax)
{
	struct kvm_regs regs = {
		.rip = CODE, .rflags = 2, .rdi = OBJECT, .rcx = PAGES, .rax = *eax,
	};
	int ret;

	memcpy(guest->low + CODE, code, size);
	igt_assert_eq(ioctl(guest->cpu, KVM_SET_REGS, &regs), 0);
	do {
		ret = ioctl(guest->cpu, KVM_RUN, 0) < 0 ? -errno : 0;
		if (ret == -EFAULT)
			guest->faults++;
	} while (ret == -EINTR || (ret == -EFAULT && guest->again));
	if (ret)
		return ret;
	if (guest->run->exit_reason != KVM_EXIT_IO)
		return -EPROTO;
	igt_assert_eq(ioctl(guest->cpu, KVM_GET_REGS, &regs), 0);
	*eax = regs.rax;
	return 0;
}

static int guest_writes(struct guest *guest, uint32_t first)
{
	return run_guest(guest, write_words, sizeof(write_words), &first);
}

static void expect_guest_reads(struct guest *guest, uint32_t word)
{
	uint32_t sum = 0;

	igt_assert_eq(run_guest(guest, sum_words, sizeof(sum_words), &sum), 0);
	igt_assert_eq_u32(sum, word * PAGES);
}

static void put_words(char *map, uint32_t word)
{
	uint64_t at;

	for (at = 0; at < SIZE; at += ZCGEM_PAGE)
		*(volatile uint32_t *)(map + at) = word;
}

static bool has_words(const char *map, uint32_t first)
{
	uint64_t at;

	for (at = 0; at < SIZE; at += ZCGEM_PAGE)
		if (*(const volatile uint32_t *)(map + at) != first++)
			return false;
	return true;
}

enum kind { SMALL, HUGE, POOL, KINDS };

struct memory {
	int memfd;
	uint32_t handle;
	/* The object's mapping, and the program's own one of the memfd or the same. */
	char *map, *own;
};

static void open_memory(int fd, enum kind kind, struct memory *memory)
{
	*memory = (struct memory) { .memfd = -1 };
	if (kind == POOL) {
		memory->handle = zcgem_create(fd, SIZE, 0);
	} else {
		memory->memfd = kind == SMALL ? zcgem_memfd(SIZE, F_SEAL_SHRINK) :
						zcgem_memfd_hugetlb(SIZE, F_SEAL_SHRINK);
		memory->own = zcgem_map_memfd(memory->memfd, 0, SIZE);
		put_words(memory->own, 1);
		memory->handle = zcgem_wrap_memfd(fd, memory->memfd, 0, SIZE, 0);
	}
	memory->map = zcgem_mmap(fd, memory->handle, SIZE, PROT_RW);
	if (!memory->own)
		memory->own = memory->map;
}

static void close_memory(int fd, struct memory *memory)
{
	if (memory->own != memory->map)
		munmap(memory->own, SIZE);
	munmap(memory->map, SIZE);
	gem_close(fd, memory->handle);
	if (memory->memfd >= 0)
		close(memory->memfd);
}

/* KVM before 6.13 takes a reference to the page that it finds, which tail pages refuse. */
static bool kvm_takes_pool(void)
{
	struct utsname name;
	int major, minor;

	igt_assert(!uname(&name));
	igt_assert_eq(sscanf(name.release, "%d.%d", &major, &minor), 2);
	return major > 6 || (major == 6 && minor > 12);
}

static void test_access(int fd)
{
	struct guest guest;
	enum kind kind;

	open_guest(&guest);
	for (kind = 0; kind < KINDS; kind++) {
		struct memory memory;

		if (kind == POOL && !kvm_takes_pool())
			continue;
		open_memory(fd, kind, &memory);
		igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, SIZE, memory.map), 0);
		igt_assert_eq(guest_writes(&guest, 1000), 0);
		igt_assert(has_words(memory.own, 1000));
		igt_assert(has_words(memory.map, 1000));
		put_words(memory.own, 7);
		expect_guest_reads(&guest, 7);
		igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, 0, NULL), 0);
		close_memory(fd, &memory);
	}
	close_guest(&guest);
}

static void test_read_only(int fd)
{
	struct memory memory;
	struct guest guest;
	int dmabuf;
	char *map;

	open_guest(&guest);
	open_memory(fd, SMALL, &memory);
	igt_assert_eq(__zcgem_export(fd, memory.handle, DRM_CLOEXEC, &dmabuf), 0);
	map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0);
	igt_assert(map != MAP_FAILED);
	put_words(memory.own, 3);
	igt_assert_eq(set_slot(&guest, 1, KVM_MEM_READONLY, OBJECT, SIZE, map), 0);
	expect_guest_reads(&guest, 3);
	/* for the guest it is a device that nothing stands for */
	igt_assert_eq(guest_writes(&guest, 9), -EPROTO);
	igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, 0, NULL), 0);
	/* and where KVM believes that it can be written, the mapping still cannot */
	igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, SIZE, map), 0);
	igt_assert_lt(guest_writes(&guest, 9), 0);
	expect_guest_reads(&guest, 3);
	igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, 0, NULL), 0);
	munmap(map, SIZE);
	close(dmabuf);
	close_memory(fd, &memory);
	close_guest(&guest);
}

static void test_evict(int fd)
{
	struct guest guest;
	enum kind kind;

	open_guest(&guest);
	for (kind = 0; kind < POOL; kind++) {
		struct evictor evictor;
		struct memory memory;
		uint32_t round;

		open_memory(fd, kind, &memory);
		igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, SIZE, memory.map), 0);
		igt_assert_eq(guest_writes(&guest, 1), 0);
		zcgem_evict(fd, memory.handle, SIZE);
		igt_assert(has_words(memory.own, 1));
		put_words(memory.own, 9);
		expect_guest_reads(&guest, 9);

		/*
		 * KVM takes a zap between two looks of its own for a failure, and no harm is done;
		 * but a KVM that takes references never gets one to a tail page.
		 */
		if (kind == HUGE && !kvm_takes_pool())
			goto next;
		guest.again = true;
		guest.faults = 0;
		evictor_start(&evictor, fd, memory.handle, SIZE);
		/* the thread may start late */
		for (round = 1; round <= 20 || !evictor.evictions; round++) {
			igt_assert_eq(guest_writes(&guest, round * 10000), 0);
			igt_assert(has_words(memory.own, round * 10000));
		}
		evictor_stop(&evictor);
		guest.again = false;
		igt_info("%u evictions, KVM_RUN said EFAULT %u times\n", evictor.evictions,
			 guest.faults);
next:
		igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, 0, NULL), 0);
		close_memory(fd, &memory);
	}
	close_guest(&guest);
}

static void test_punch(int fd)
{
	struct guest guest;
	enum kind kind;

	open_guest(&guest);
	for (kind = 0; kind < POOL; kind++) {
		struct memory memory;

		open_memory(fd, kind, &memory);
		igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, SIZE, memory.map), 0);
		expect_guest_reads(&guest, 1);
		punch(memory.memfd, 0, SIZE);
		igt_assert_eq(__zcgem_revalidate(fd, memory.handle, SIZE), 0);
		expect_guest_reads(&guest, 0);
		put_words(memory.own, 11);
		expect_guest_reads(&guest, 11);
		igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, 0, NULL), 0);
		close_memory(fd, &memory);
	}
	close_guest(&guest);
}

static void test_revoke(int fd)
{
	struct guest guest;
	enum kind kind;

	open_guest(&guest);
	for (kind = 0; kind < POOL; kind++) {
		struct drm_zcgem_gem_revoke revoke = {};
		struct memory memory;
		uint32_t sum = 0;

		open_memory(fd, kind, &memory);
		igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, SIZE, memory.map), 0);
		igt_assert_eq(guest_writes(&guest, 1), 0);
		revoke.handle = memory.handle;
		igt_assert_eq(igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
		igt_assert_eq(guest_writes(&guest, 5000), -EFAULT);
		igt_assert_eq(run_guest(&guest, sum_words, sizeof(sum_words), &sum), -EFAULT);
		igt_assert(has_words(memory.own, 1));
		igt_assert_eq(set_slot(&guest, 1, 0, OBJECT, 0, NULL), 0);
		close_memory(fd, &memory);
	}
	close_guest(&guest);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Guest and program see each other's writes, in memory of every kind");
	igt_subtest("access")
		zcgem_run_counted(fd, test_access);

	igt_describe("A mapping for reading can be memory that the guest reads");
	igt_subtest("read-only")
		zcgem_run_counted(fd, test_read_only);

	igt_describe("Nothing that the guest writes is lost while the object is evicted again and again");
	igt_subtest("evict")
		zcgem_run_counted(fd, test_evict);

	igt_describe("The guest sees the new pages of a punched file once these are in place");
	igt_subtest("punch")
		zcgem_run_counted(fd, test_punch);

	igt_describe("The guest reads and writes nothing of an object that was revoked");
	igt_subtest("revoke")
		zcgem_run_counted(fd, test_revoke);

	igt_fixture()
		drm_close_driver(fd);
}
