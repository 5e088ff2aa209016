// SPDX-License-Identifier: MIT
/*
 * A memory cgroup for tests: one at a time, on a mount of its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem_cgroup.h"
#include "igt_zcgem_settings.h"

static char mount_point[32];

static void path_of(char *path, size_t size, const char *file)
{
	snprintf(path, size, "%s/igt-zcgem/%s", mount_point, file);
}

static void remove_at_exit(int sig)
{
	char path[96];

	(void)sig;
	if (!mount_point[0])
		return;
	path_of(path, sizeof(path), "");
	rmdir(path);
	umount2(mount_point, MNT_DETACH);
	rmdir(mount_point);
	mount_point[0] = '\0';
}

/**
 * zcgem_cgroup_set:
 * @file: a file of the group that takes a number
 * @value: the number
 *
 * Skips where there is no such file.
 */
void zcgem_cgroup_set(const char *file, uint64_t value)
{
	char path[96], text[32];

	path_of(path, sizeof(path), file);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	igt_require_f(__zcgem_write_setting(path, text), "%s: %m\n", path);
}

/**
 * zcgem_make_cgroup:
 * @limit: bytes of memory
 * @swap: bytes of swap
 *
 * Makes an empty group; skips where there are no memory cgroups.
 */
void zcgem_make_cgroup(uint64_t limit, uint64_t swap)
{
	char path[96];

	snprintf(mount_point, sizeof(mount_point), "/tmp/igt-zcgem-XXXXXX");
	igt_require_f(mkdtemp(mount_point), "no directory in /tmp: %m\n");
	igt_install_exit_handler(remove_at_exit);
	igt_require_f(!mount("cgroup", mount_point, "cgroup2", 0, NULL), "no cgroup2: %m\n");
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", mount_point);
	igt_require_f(__zcgem_write_setting(path, "+memory"), "no memory cgroups: %m\n");
	path_of(path, sizeof(path), "");
	igt_require_f(!mkdir(path, 0755) || errno == EEXIST, "%s: %m\n", path);
	zcgem_cgroup_set("memory.max", limit);
	if (zcgem_read_key("/proc/meminfo", "SwapTotal"))
		zcgem_cgroup_set("memory.swap.max", swap);
}

/**
 * zcgem_enter_cgroup:
 *
 * Moves this process into the group. Callable in a child, which must not use IGT's checks.
 */
void zcgem_enter_cgroup(void)
{
	char path[96];

	path_of(path, sizeof(path), "cgroup.procs");
	if (!__zcgem_write_setting(path, "0"))
		_exit(100);
}

/**
 * zcgem_cgroup_number:
 * @file: a file of the group that has one number
 *
 * Returns: The number.
 */
uint64_t zcgem_cgroup_number(const char *file)
{
	char path[96];

	path_of(path, sizeof(path), file);
	return zcgem_read_number(path);
}

/**
 * zcgem_cgroup_key:
 * @file: a file of the group that has names and numbers
 * @key: the name
 *
 * Returns: The number.
 */
uint64_t zcgem_cgroup_key(const char *file, const char *key)
{
	char path[96];

	path_of(path, sizeof(path), file);
	return zcgem_read_key(path, key);
}

/**
 * zcgem_cgroup_reclaim:
 * @size: bytes
 *
 * Has the kernel reclaim memory of the group.
 *
 * Returns: Whether it got as much.
 */
bool zcgem_cgroup_reclaim(uint64_t size)
{
	char path[96], text[32];

	path_of(path, sizeof(path), "memory.reclaim");
	snprintf(text, sizeof(text), "%" PRIu64, size);
	return __zcgem_write_setting(path, text);
}

/**
 * zcgem_remove_cgroup:
 *
 * Removes the group, which must be empty, before the test ends.
 */
void zcgem_remove_cgroup(void)
{
	remove_at_exit(0);
}
