/* SPDX-License-Identifier: MIT */
/*
 * A memory cgroup for tests, removed when the test ends.
 */
#ifndef IGT_ZCGEM_CGROUP_H
#define IGT_ZCGEM_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

void zcgem_make_cgroup(uint64_t limit, uint64_t swap);
void zcgem_cgroup_set(const char *file, uint64_t value);
void zcgem_enter_cgroup(void);
uint64_t zcgem_cgroup_number(const char *file);
uint64_t zcgem_cgroup_key(const char *file, const char *key);
bool zcgem_cgroup_reclaim(uint64_t size);
void zcgem_remove_cgroup(void);

#endif /* IGT_ZCGEM_CGROUP_H */
