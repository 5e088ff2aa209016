/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_UDMABUF_H_
#define _ZCGEM_UDMABUF_H_

#include <linux/kconfig.h>

struct file;

long zcgem_unlocked_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long zcgem_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#if IS_ENABLED(CONFIG_KUNIT)
int zcgem_udmabuf_errno(int error);
#endif

#endif /* _ZCGEM_UDMABUF_H_ */
