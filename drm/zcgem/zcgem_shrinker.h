/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_SHRINKER_H_
#define _ZCGEM_SHRINKER_H_

struct zcgem_device;
struct zcgem_object;

int zcgem_shrinker_init(struct zcgem_device *zdev);
void zcgem_shrinker_fini(struct zcgem_device *zdev);
void zcgem_shrinker_prepare(struct zcgem_object *obj);
void zcgem_shrinker_add(struct zcgem_object *obj);
void zcgem_shrinker_touch(struct zcgem_object *obj);
void zcgem_shrinker_remove(struct zcgem_object *obj);

#endif /* _ZCGEM_SHRINKER_H_ */
