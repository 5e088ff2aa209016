// SPDX-License-Identifier: MIT
/*
 * Swap space for tests of reclaim: what the machine has, or else a zram device,
 * which keeps packed pages in memory and needs no disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define DEVICE		"/dev/zram0"
#define DEVICE_SYSFS	"/sys/block/zram0"

static bool swap_is_ours;

static void swap_off(int sig)
{
	(void)sig;
	if (!swap_is_ours)
		return;
	swapoff(DEVICE);
	__zcgem_write_setting(DEVICE_SYSFS "/reset", "1");
	swap_is_ours = false;
}

/* The header that mkswap writes: version, last page, and the name at the end. */
static bool write_header(uint64_t size)
{
	uint32_t header[ZCGEM_PAGE / sizeof(uint32_t)] = {};
	FILE *device = fopen(DEVICE, "w");
	bool good;

	if (!device)
		return false;
	header[256] = 1;
	header[257] = size / ZCGEM_PAGE - 1;
	memcpy((char *)header + ZCGEM_PAGE - 10, "SWAPSPACE2", 10);
	good = fwrite(header, sizeof(header), 1, device) == 1;
	return !fclose(device) && good;
}

/**
 * zcgem_end_swap:
 *
 * Ends the swap that zcgem_require_swap() made, before the test ends.
 */
void zcgem_end_swap(void)
{
	swap_off(0);
}

/**
 * zcgem_require_swap:
 * @size: bytes, free
 *
 * Makes swap on zram where there is too little; skips where there is no zram.
 */
void zcgem_require_swap(uint64_t size)
{
	char text[32];

	if (zcgem_read_key("/proc/meminfo", "SwapFree") * 1024 >= size)
		return;

	if (swap_is_ours)
		swap_off(0);
	else
		igt_install_exit_handler(swap_off);
	if (access(DEVICE_SYSFS, F_OK))
		igt_require_f(!system("modprobe zram"),
			      "no swap of %llu MiB and no zram module\n",
			      (unsigned long long)size >> 20);

	__zcgem_write_setting(DEVICE_SYSFS "/reset", "1");
	snprintf(text, sizeof(text), "%llu", (unsigned long long)size + ZCGEM_HUGE);
	igt_require_f(__zcgem_write_setting(DEVICE_SYSFS "/disksize", text),
		      "no zram of %s bytes: %m\n", text);
	igt_require(write_header(size + ZCGEM_HUGE));
	igt_require_f(!swapon(DEVICE, 0), "swapon: %m\n");
	swap_is_ours = true;
}

/**
 * zcgem_page_out:
 * @map: memory
 * @size: bytes
 *
 * Asks the kernel to reclaim the memory. It may leave pages it cannot get.
 *
 * Returns: Whether the kernel knows how to.
 */
bool zcgem_page_out(void *map, uint64_t size)
{
	return !madvise(map, size, MADV_PAGEOUT);
}
