/* SPDX-License-Identifier: MIT */
/*
 * Mappings of memory that no object may be made of.
 */
#ifndef IGT_ZCGEM_UNFIT_H
#define IGT_ZCGEM_UNFIT_H

#include <stdint.h>

/* What a test does to see that a range is refused. */
typedef void (*zcgem_refusal)(int fd, const void *address, uint64_t size);

void *zcgem_find_mapping(const char *name);
unsigned int zcgem_refuse_frames(int fd, zcgem_refusal expect);
void zcgem_refuse_secret(int fd, zcgem_refusal expect);
void zcgem_refuse_ramfs(int fd, zcgem_refusal expect);
void zcgem_refuse_addresses(int fd, uint32_t mode);
void zcgem_refuse_protection(int fd, uint32_t mode);

#endif /* IGT_ZCGEM_UNFIT_H */
