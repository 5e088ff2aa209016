/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_BACKING_MEMFD_H_
#define _ZCGEM_BACKING_MEMFD_H_

#include <linux/types.h>

struct zcgem_device;
struct zcgem_memfd;
struct zcgem_object;

struct zcgem_memfd *zcgem_memfd_begin(struct zcgem_device *zdev, u32 count, bool readonly);
int zcgem_memfd_add_range(struct zcgem_memfd *memfd, int fd, u64 offset, u64 size);
void zcgem_memfd_abandon(struct zcgem_memfd *memfd);
struct zcgem_object *zcgem_memfd_finish(struct zcgem_memfd *memfd);

#endif /* _ZCGEM_BACKING_MEMFD_H_ */
