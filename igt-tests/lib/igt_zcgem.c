// SPDX-License-Identifier: MIT
/*
 * Devices of the zcgem driver for IGT tests, and the count of what they hold.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_debugfs.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"

#define DRIVER_NAME	"zcgem"

/* Objects die on a workqueue, so what a test left behind has 5 s to go. */
#define SETTLE_STEP_US	10000
#define SETTLE_STEPS	3000

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

/*
 * A node of the driver that was forced. IGT honours that for its own DRIVER_ANY alone, and
 * one built for a later IGT may run with 2.0, which leaves out only vgem.
 */
static int open_forced(int (*open_driver)(int chipset))
{
	int fd;

	__set_forced_driver(DRIVER_NAME);
	fd = open_driver(DRIVER_ANY);
	return fd >= 0 ? fd : open_driver(~DRIVER_VGEM);
}

/**
 * zcgem_open:
 *
 * Returns: A descriptor of zcgem's render node; skips where there is none.
 */
int zcgem_open(void)
{
	int fd = open_forced(__drm_open_driver_render);

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
	int fd = open_forced(__drm_open_driver);

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

/**
 * zcgem_count_fds:
 *
 * Returns: How many descriptors this process has open, the same few more each time.
 */
int zcgem_count_fds(void)
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
	snap->notifiers = stat_value(text, "notifiers");
	snap->process_pins = zcgem_read_key("/proc/self/status", "VmPin");
	snap->fds = zcgem_count_fds();
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

static bool counts_come_back(int fd, const struct zcgem_snapshot *before,
			     struct zcgem_snapshot *now)
{
	int step;

	for (step = 0; step < SETTLE_STEPS; step++) {
		read_counts(fd, now);
		if (!memcmp(now, before, sizeof(*now)))
			return true;
		usleep(SETTLE_STEP_US);
	}
	return false;
}

/**
 * zcgem_counts_come_back:
 * @fd: zcgem descriptor
 * @before: counts to compare with
 *
 * Returns: Whether every count comes back to exactly what it was.
 */
bool zcgem_counts_come_back(int fd, const struct zcgem_snapshot *before)
{
	struct zcgem_snapshot now;

	return counts_come_back(fd, before, &now);
}

/**
 * zcgem_pinned_folios:
 * @fd: zcgem descriptor
 *
 * Returns: How many folios the driver has pinned, once that is at rest.
 */
uint64_t zcgem_pinned_folios(int fd)
{
	struct zcgem_snapshot snap;

	zcgem_take_snapshot(fd, &snap);
	return snap.pinned_folios;
}

/**
 * zcgem_charged_pages:
 * @fd: zcgem descriptor
 *
 * Returns: How many pages the driver has charged to users, once that is at rest.
 */
uint64_t zcgem_charged_pages(int fd)
{
	struct zcgem_snapshot snap;

	zcgem_take_snapshot(fd, &snap);
	return snap.charged_pages;
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

	if (counts_come_back(fd, before, &now))
		return;

	igt_assert_eq_u64(now.objects, before->objects);
	igt_assert_eq_u64(now.resident_bytes, before->resident_bytes);
	igt_assert_eq_u64(now.pinned_folios, before->pinned_folios);
	igt_assert_eq_u64(now.charged_pages, before->charged_pages);
	igt_assert_eq_u64(now.mappings, before->mappings);
	igt_assert_eq_u64(now.jobs, before->jobs);
	igt_assert_eq_u64(now.attachments, before->attachments);
	igt_assert_eq_u64(now.dma_maps, before->dma_maps);
	igt_assert_eq_u64(now.notifiers, before->notifiers);
	igt_assert_eq_u64(now.process_pins, before->process_pins);
	igt_assert_eq(now.fds, before->fds);
}

/* The descriptor of the subtest that runs. One that has skipped leaves it open, with its objects. */
static int reopen_for_subtest(int fd)
{
	static int own = -1;

	if (own >= 0)
		close(own);
	own = fd < 0 ? -1 : drm_reopen_driver(fd);
	return own;
}

/**
 * igt_zcgem_page_size:
 *
 * Returns: Bytes of a page of the running kernel.
 */
unsigned long long igt_zcgem_page_size(void)
{
	static unsigned long long size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}

/**
 * igt_zcgem_pmd_size:
 *
 * Returns: Bytes that a page table of the last level maps, one page of 8-byte
 * entries: what a huge page has, and a huge entry maps.
 */
unsigned long long igt_zcgem_pmd_size(void)
{
	return igt_zcgem_page_size() / 8 * igt_zcgem_page_size();
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

	reopen_for_subtest(-1);
	zcgem_take_snapshot(fd, &before);
	test(reopen_for_subtest(fd));
	reopen_for_subtest(-1);
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
	int own = reopen_for_subtest(fd);
	struct zcgem_snapshot before;

	zcgem_take_snapshot(own, &before);
	test(own);
	zcgem_check_leaks(own, &before);
	reopen_for_subtest(-1);
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
