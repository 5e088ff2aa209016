// SPDX-License-Identifier: MIT
/*
 * Settings of the kernel in /proc and /sys, put back when the test ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem_settings.h"

static struct saved {
	char path[128];
	char value[256];
} saved[32];

static int saved_count;

/**
 * __zcgem_write_setting:
 * @path: file
 * @value: text
 *
 * Returns: Whether it could be written; if not, errno says why.
 */
bool __zcgem_write_setting(const char *path, const char *value)
{
	int file = open(path, O_WRONLY), err;
	ssize_t len = strlen(value);
	bool good;

	if (file < 0)
		return false;
	good = write(file, value, len) == len;
	err = errno;
	close(file);
	errno = err;
	return good;
}

/**
 * zcgem_read_setting:
 * @path: file
 * @value: filled with its first line
 * @size: room for it
 *
 * Of a list like "always [madvise] never" the chosen word is the value.
 *
 * Returns: Whether it could be read.
 */
bool zcgem_read_setting(const char *path, char *value, int size)
{
	FILE *file = fopen(path, "r");
	char *open, *close;
	bool good;

	if (!file)
		return false;
	good = fgets(value, size, file);
	fclose(file);
	if (!good)
		return false;

	value[strcspn(value, "\n")] = '\0';
	open = strchr(value, '[');
	close = open ? strchr(open, ']') : NULL;
	if (close) {
		*close = '\0';
		memmove(value, open + 1, close - open);
	}
	return true;
}

/**
 * zcgem_read_number:
 * @path: file
 *
 * Returns: The number that it starts with.
 */
uint64_t zcgem_read_number(const char *path)
{
	char value[256];

	igt_assert_f(zcgem_read_setting(path, value, sizeof(value)), "%s: %m\n",
		     path);
	return strtoull(value, NULL, 0);
}

/**
 * zcgem_read_key:
 * @path: file of lines that start with a name
 * @key: the name, without a colon
 *
 * Returns: The number that follows it.
 */
uint64_t zcgem_read_key(const char *path, const char *key)
{
	unsigned long long value = 0;
	bool found = false;
	char line[512];
	FILE *file = fopen(path, "r");
	size_t len = strlen(key);

	igt_assert_f(file, "%s: %m\n", path);
	while (!found && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, key, len) && strchr(": \t", line[len]))
			found = sscanf(line + len, "%*[: \t]%llu", &value) == 1;
	}
	fclose(file);
	igt_assert_f(found, "%s has no '%s'\n", path, key);
	return value;
}

static void restore_at_exit(int sig)
{
	(void)sig;
	zcgem_restore_settings();
}

/**
 * zcgem_change_setting:
 * @path: file
 * @value: text
 *
 * Skips where there is no such setting. Only for what can be read back.
 */
void zcgem_change_setting(const char *path, const char *value)
{
	struct saved *entry = NULL;
	int i;

	for (i = 0; i < saved_count; i++) {
		if (!strcmp(saved[i].path, path))
			entry = &saved[i];
	}
	if (!entry) {
		igt_assert(saved_count < (int)(sizeof(saved) / sizeof(*saved)));
		entry = &saved[saved_count];
		igt_require_f(zcgem_read_setting(path, entry->value,
						 sizeof(entry->value)),
			      "no %s\n", path);
		snprintf(entry->path, sizeof(entry->path), "%s", path);
		if (!saved_count++)
			igt_install_exit_handler(restore_at_exit);
	}
	igt_require_f(__zcgem_write_setting(path, value), "cannot write %s: %m\n",
		      path);
}

/**
 * zcgem_restore_settings:
 *
 * Undoes every zcgem_change_setting(), the last one first.
 */
void zcgem_restore_settings(void)
{
	while (saved_count) {
		saved_count--;
		__zcgem_write_setting(saved[saved_count].path,
				      saved[saved_count].value);
	}
}

/**
 * zcgem_dma_is_checked:
 *
 * Returns: Whether the kernel keeps a record of each page that is mapped for DMA
 * (CONFIG_DMA_API_DEBUG), which is slow, and knows of up to seven mappings of a page.
 */
bool zcgem_dma_is_checked(void)
{
	char disabled[8];

	return zcgem_read_setting("/sys/kernel/debug/dma-api/disabled", disabled,
				  sizeof(disabled)) && disabled[0] == 'N';
}
