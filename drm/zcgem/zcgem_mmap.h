/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_MMAP_H_
#define _ZCGEM_MMAP_H_

struct drm_gem_object;
struct file;
struct vm_area_struct;
struct vm_operations_struct;

extern const struct vm_operations_struct zcgem_vm_ops;

bool zcgem_has_leaf(unsigned int order);
int zcgem_gem_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma);
unsigned long zcgem_get_unmapped_area(struct file *file, unsigned long addr,
				      unsigned long len, unsigned long pgoff,
				      unsigned long flags);

#endif /* _ZCGEM_MMAP_H_ */
