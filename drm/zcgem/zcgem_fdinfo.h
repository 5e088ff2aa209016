/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_FDINFO_H_
#define _ZCGEM_FDINFO_H_

struct drm_file;
struct drm_printer;

void zcgem_show_fdinfo(struct drm_printer *p, struct drm_file *file);

#endif /* _ZCGEM_FDINFO_H_ */
