/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_WATCH_H_
#define _ZCGEM_WATCH_H_

#include <linux/types.h>

struct file;
struct zcgem_device;
struct zcgem_object;
struct zcgem_watch;

struct zcgem_watch *zcgem_watch_alloc(struct zcgem_device *zdev);
int zcgem_watch_add(struct zcgem_watch *watch, struct file *file, u64 address,
		    pgoff_t first, pgoff_t npages);
void zcgem_watch_start(struct zcgem_watch *watch, struct zcgem_object *obj);
void zcgem_watch_end(struct zcgem_watch *watch);

#endif /* _ZCGEM_WATCH_H_ */
