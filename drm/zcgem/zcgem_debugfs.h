/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_DEBUGFS_H_
#define _ZCGEM_DEBUGFS_H_

struct zcgem_device;

void zcgem_debugfs_init(struct zcgem_device *zdev);

#endif /* _ZCGEM_DEBUGFS_H_ */
