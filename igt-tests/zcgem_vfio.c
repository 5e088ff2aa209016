// SPDX-License-Identifier: MIT
/*
 * VFIO and mappings of objects: a program that drives a device by itself, as QEMU does for a guest,
 * has VFIO pin memory and map it in the IOMMU.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_evictor.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_target.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem vfio
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that VFIO maps no mapping of an object, and what becomes of memory that it has.
 *
 * SUBTEST: refused
 * Description: VFIO maps no mapping of an object at any leaf size.
 *
 * SUBTEST: race-evict
 * Description: VFIO maps no mapping of an object while it is evicted again and again.
 *
 * SUBTEST: revoked
 * Description: VFIO maps no mapping of an object that was revoked.
 *
 * SUBTEST: own-memory
 * Description: A device and an object share memory beside evictions, until a hole is punched.
 */

IGT_TEST_DESCRIPTION("Check that VFIO maps no mapping of an object");

#define PCI		"/sys/bus/pci/"
#define MEMFD_SIZE	(64 * ZCGEM_PAGE)
/* Where the device sees memory; it has 28 bits of address. */
#define IOVA		0x1000000ull

/* QEMU's device "edu" copies between memory and a buffer of its own. */
#define EDU_VENDOR	"0x1234"
#define EDU_DEVICE	"0x11e8"
#define EDU_BUFFER	0x40000ull
#define EDU_SOURCE	0x80
#define EDU_TARGET	0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98
#define EDU_START	1ull
#define EDU_TO_MEMORY	2ull
#define COPY_SIZE	2048

struct vfio {
	int container, group, device;
	volatile char *registers;
	uint64_t registers_size;
};

static char edu[64];

static bool has_id(const char *name, const char *file, const char *id)
{
	char path[600], text[16];

	snprintf(path, sizeof(path), PCI "devices/%s/%s", name, file);
	return zcgem_read_setting(path, text, sizeof(text)) && !strcmp(text, id);
}

static bool find_edu(void)
{
	DIR *dir = opendir(PCI "devices");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = has_id(entry->d_name, "vendor", EDU_VENDOR) &&
			has_id(entry->d_name, "device", EDU_DEVICE);
		if (found)
			snprintf(edu, sizeof(edu), "%.60s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The node of the device's IOMMU group; false where it has none. */
static bool group_path(char *path, size_t size)
{
	char link[128], target[256];
	ssize_t len;

	snprintf(link, sizeof(link), PCI "devices/%s/iommu_group", edu);
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	snprintf(path, size, "/dev/vfio/%s", strrchr(target, '/') + 1);
	return true;
}

static void override_driver(const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), PCI "devices/%s/driver_override", edu);
	igt_assert(__zcgem_write_setting(path, driver));
}

static void open_vfio(struct vfio *vfio)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[128];

	igt_require_f(find_edu(), "no device \"edu\" of QEMU\n");
	igt_require_f(group_path(path, sizeof(path)), "no IOMMU\n");
	igt_require_f(!system("modprobe -q vfio_iommu_type1 allow_unsafe_interrupts=1 && "
			      "modprobe -q vfio-pci"), "no VFIO\n");
	override_driver("vfio-pci");
	igt_assert(__zcgem_write_setting(PCI "drivers_probe", edu));

	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	igt_assert_fd(vfio->container);
	vfio->group = open(path, O_RDWR | O_CLOEXEC);
	igt_assert_fd(vfio->group);
	igt_assert_eq(ioctl(vfio->group, VFIO_GROUP_GET_STATUS, &status), 0);
	igt_assert(status.flags & VFIO_GROUP_FLAGS_VIABLE);
	igt_assert_eq(ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container), 0);
	igt_assert_eq(ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0);
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, edu);
	igt_assert_fd(vfio->device);
}

static void close_vfio(struct vfio *vfio)
{
	char path[128];

	close(vfio->device);
	close(vfio->group);
	close(vfio->container);
	snprintf(path, sizeof(path), PCI "devices/%s/driver/unbind", edu);
	igt_assert(__zcgem_write_setting(path, edu));
	override_driver("\n");
}

static int map_dma(const struct vfio *vfio, const void *memory, uint64_t size, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg), .flags = flags, .vaddr = (uintptr_t)memory,
		.iova = IOVA, .size = size,
	};

	return ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &arg) ? -errno : 0;
}

/* Returns how many bytes were mapped there. */
static uint64_t unmap_dma(const struct vfio *vfio, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .iova = IOVA, .size = size,
	};

	igt_assert_eq(ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &arg), 0);
	return arg.size;
}

#define READ_ONLY	VFIO_DMA_MAP_FLAG_READ
#define READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static void try_map(struct target *target, void *data)
{
	const struct {
		void *start;
		uint64_t size;
	} parts[] = {
		{ target->inside, ZCGEM_PAGE },
		{ target->across, 4 * ZCGEM_PAGE },
		{ target->map, target->size },
	};
	const struct vfio *vfio = data;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		igt_assert_eq(map_dma(vfio, parts[i].start, parts[i].size, READ_ONLY), -EFAULT);
		igt_assert_eq(map_dma(vfio, parts[i].start, parts[i].size, READ_WRITE), -EFAULT);
		igt_assert_eq_u64(unmap_dma(vfio, parts[i].size), 0);
	}
}

static void test_refused(int fd)
{
	struct vfio vfio;

	open_vfio(&vfio);
	try_each_target(fd, try_map, &vfio);
	close_vfio(&vfio);
}

static void race_with_evictions(int fd, const struct vfio *vfio, enum memory_kind kind)
{
	unsigned int tries = 0, odd = 0;
	struct evictor evictor;
	struct target target;

	open_target(fd, kind, &target);
	stamp(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	evictor_start(&evictor, fd, target.memory.handle, target.size);
	/* the thread may start late */
	while (tries < 200 || evictor.evictions < 20) {
		int ret = map_dma(vfio, target.inside, ZCGEM_PAGE, READ_WRITE);

		/* a zap between its fault and its second look is EINVAL to VFIO */
		igt_assert(ret == -EFAULT || ret == -EINVAL);
		odd += ret == -EINVAL;
		tries++;
	}
	evictor_stop(&evictor);
	igt_info("%s: %u tries, %u evictions, EINVAL %u times\n", memory_name(kind), tries,
		 evictor.evictions, odd);
	check_stamps(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	close_target(fd, &target);
}

static void test_race_evict(int fd)
{
	struct vfio vfio;

	open_vfio(&vfio);
	race_with_evictions(fd, &vfio, SHMEM_4K);
	race_with_evictions(fd, &vfio, HUGETLB_2M);
	close_vfio(&vfio);
}

static void test_revoked(int fd)
{
	struct drm_zcgem_gem_revoke revoke = {};
	struct target target;
	struct vfio vfio;

	open_vfio(&vfio);
	open_target(fd, SHMEM_4K, &target);
	stamp(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	revoke.handle = target.memory.handle;
	igt_assert_eq(igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
	try_map(&target, &vfio);
	check_stamps(target.memory.own, 0, target.size, TARGET_STEP, TARGET_SEED);
	close_target(fd, &target);
	close_vfio(&vfio);
}

static uint64_t region_offset(const struct vfio *vfio, uint32_t index, uint64_t *size)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	igt_assert_eq(ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	*size = info.size;
	return info.offset;
}

/* Memory space and bus mastering are on from here. */
static void map_registers(struct vfio *vfio)
{
	uint64_t size, config = region_offset(vfio, VFIO_PCI_CONFIG_REGION_INDEX, &size);
	uint64_t bar = region_offset(vfio, VFIO_PCI_BAR0_REGION_INDEX, &vfio->registers_size);
	uint16_t command;
	void *map;

	igt_assert_eq(pread(vfio->device, &command, sizeof(command), config + 4), 2);
	command |= 6;
	igt_assert_eq(pwrite(vfio->device, &command, sizeof(command), config + 4), 2);
	map = mmap(NULL, vfio->registers_size, PROT_READ | PROT_WRITE, MAP_SHARED, vfio->device,
		   bar);
	igt_assert(map != MAP_FAILED);
	vfio->registers = map;
}

static void write_register(const struct vfio *vfio, uint64_t at, uint64_t value)
{
	*(volatile uint64_t *)(vfio->registers + at) = value;
}

static void device_copies(const struct vfio *vfio, uint64_t from, uint64_t to, uint64_t command)
{
	write_register(vfio, EDU_SOURCE, from);
	write_register(vfio, EDU_TARGET, to);
	write_register(vfio, EDU_COUNT, COPY_SIZE);
	write_register(vfio, EDU_COMMAND, EDU_START | command);
	while (*(volatile uint64_t *)(vfio->registers + EDU_COMMAND) & EDU_START)
		usleep(1000);
}

static void device_reads(const struct vfio *vfio, uint64_t offset)
{
	device_copies(vfio, IOVA + offset, EDU_BUFFER, 0);
}

static void device_writes(const struct vfio *vfio, uint64_t offset)
{
	device_copies(vfio, EDU_BUFFER, IOVA + offset, EDU_TO_MEMORY);
}

static void test_own_memory(int fd)
{
	struct evictor evictor;
	struct vfio vfio;
	unsigned int round;
	char *own, *map;
	uint32_t handle;
	int memfd;

	open_vfio(&vfio);
	map_registers(&vfio);
	memfd = zcgem_memfd(MEMFD_SIZE, F_SEAL_SHRINK);
	own = zcgem_map_memfd(memfd, 0, MEMFD_SIZE);
	handle = zcgem_wrap_memfd(fd, memfd, 0, MEMFD_SIZE, 0);
	map = zcgem_mmap(fd, handle, MEMFD_SIZE, PROT_READ | PROT_WRITE);
	igt_assert_eq(map_dma(&vfio, own, MEMFD_SIZE, READ_WRITE), 0);

	/* what is written through the object comes back through the device */
	evictor_start(&evictor, fd, handle, MEMFD_SIZE);
	for (round = 0; round < 3 || evictor.evictions < 3; round++) {
		zcgem_fill(map, COPY_SIZE, round);
		device_reads(&vfio, 0);
		device_writes(&vfio, 3 * ZCGEM_PAGE);
		zcgem_check(map + 3 * ZCGEM_PAGE, COPY_SIZE, round);
	}
	evictor_stop(&evictor);

	/* VFIO keeps the old pages, and the object has the new ones */
	punch(memfd, 0, MEMFD_SIZE);
	igt_assert_eq(__zcgem_revalidate(fd, handle, MEMFD_SIZE), 0);
	device_writes(&vfio, 3 * ZCGEM_PAGE);
	zcgem_check_zero(map, MEMFD_SIZE);

	igt_assert_eq_u64(unmap_dma(&vfio, MEMFD_SIZE), MEMFD_SIZE);
	munmap(map, MEMFD_SIZE);
	munmap(own, MEMFD_SIZE);
	gem_close(fd, handle);
	close(memfd);
	munmap((void *)vfio.registers, vfio.registers_size);
	close_vfio(&vfio);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("VFIO maps no mapping of an object at any leaf size");
	igt_subtest("refused")
		zcgem_run_counted(fd, test_refused);

	igt_describe("VFIO maps no mapping of an object while it is evicted again and again");
	igt_subtest("race-evict")
		zcgem_run_counted(fd, test_race_evict);

	igt_describe("VFIO maps no mapping of an object that was revoked");
	igt_subtest("revoked")
		zcgem_run_counted(fd, test_revoked);

	igt_describe("A device and an object share memory beside evictions, until a hole is punched");
	igt_subtest("own-memory")
		zcgem_run_counted(fd, test_own_memory);

	igt_fixture()
		drm_close_driver(fd);
}
