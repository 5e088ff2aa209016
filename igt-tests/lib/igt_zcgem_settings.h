/* SPDX-License-Identifier: MIT */
/*
 * Settings of the kernel in /proc and /sys, put back when the test ends.
 */
#ifndef IGT_ZCGEM_SETTINGS_H
#define IGT_ZCGEM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

/* Percent of memory that each user may lock whatever RLIMIT_MEMLOCK says. */
#define ZCGEM_USER_PERCENT	"/sys/module/zcgem/parameters/user_percent"

bool __zcgem_write_setting(const char *path, const char *value);
void zcgem_change_setting(const char *path, const char *value);
void zcgem_restore_settings(void);
bool zcgem_read_setting(const char *path, char *value, int size);
uint64_t zcgem_read_number(const char *path);
uint64_t zcgem_read_key(const char *path, const char *key);
bool zcgem_dma_is_checked(void);

#endif /* IGT_ZCGEM_SETTINGS_H */
