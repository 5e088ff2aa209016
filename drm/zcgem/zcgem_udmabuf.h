/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_UDMABUF_H_
#define _ZCGEM_UDMABUF_H_

struct file;

long zcgem_unlocked_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long zcgem_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* _ZCGEM_UDMABUF_H_ */
