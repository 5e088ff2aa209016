// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: udmabuf
 *
 * UDMABUF_CREATE and UDMABUF_CREATE_LIST on the DRM nodes, so that programs written
 * for /dev/udmabuf run unchanged when that name is a render node. They give a dma-buf of
 * a memfd object for which no handle is made. Its exporter's name is udmabuf, by which
 * programs tell dma-bufs that are plain memory.
 *
 * Where a client can tell, the answers are udmabuf's: which errno, what is ignored
 * (flags but UDMABUF_FLAGS_CLOEXEC, padding), and that how the node was opened does not
 * matter. Where it can only gain it gets more: up to ZCGEM_MAX_RANGES items and no other
 * limit of size than the caller's RLIMIT_MEMLOCK. A memfd that is open for reading only
 * gives a dma-buf that can only be read, where udmabuf gave write access for nothing.
 *
 * The DRM core answers only ioctls of its own type, so these are taken out before. Their
 * layout is the same for 32-bit callers.
 */

#include <kunit/visibility.h>

#include <linux/compat.h>
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/udmabuf.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>

#include "zcgem_backing_memfd.h"
#include "zcgem_ioctl.h"
#include "zcgem_object.h"
#include "zcgem_prime.h"
#include "zcgem_udmabuf.h"

/* udmabuf knows three reasons where the native ioctl tells more apart. */
VISIBLE_IF_KUNIT int zcgem_udmabuf_errno(int error)
{
	switch (error) {
	case -EBADF:
		return -EBADFD;
	case -EPERM:
	case -EFBIG:
	case -E2BIG:
		return -EINVAL;
	default:
		return error;
	}
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_udmabuf_errno);

/* A descriptor that may change before it is looked at again: then that one fails. */
static bool zcgem_udmabuf_fd_readonly(int fd)
{
	struct file *file = fget(fd);
	bool readonly;

	if (!file)
		return false;
	readonly = !(file->f_mode & FMODE_WRITE);
	fput(file);
	return readonly;
}

static int zcgem_udmabuf_get_item(const struct udmabuf_create_item __user *items, u32 index,
				  struct udmabuf_create_item *item)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	return copy_from_user(item, items + index, sizeof(*item)) ? -EFAULT : 0;
}

static int zcgem_udmabuf_any_readonly(const struct udmabuf_create_item __user *items, u32 count)
{
	struct udmabuf_create_item item;
	u32 i;
	int ret;

	for (i = 0; i < count; i++) {
		ret = zcgem_udmabuf_get_item(items, i, &item);
		if (ret)
			return ret;
		if (zcgem_udmabuf_fd_readonly(item.memfd))
			return 1;
	}
	return 0;
}

static int zcgem_udmabuf_export(struct zcgem_object *obj, u64 client, u32 flags)
{
	struct dma_buf *dmabuf;
	int fd;

	obj->client = client;
	dmabuf = zcgem_gem_export_as(&obj->bo.base, O_RDWR, "udmabuf");
	drm_gem_object_put(&obj->bo.base);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	fd = dma_buf_fd(dmabuf, flags & UDMABUF_FLAGS_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static int zcgem_udmabuf_create_one(struct zcgem_device *zdev, u64 client,
				    const struct udmabuf_create __user *arg)
{
	struct udmabuf_create create;
	struct zcgem_object *obj;
	struct zcgem_memfd *memfd;
	int ret;

	if (copy_from_user(&create, arg, sizeof(create)))
		return -EFAULT;

	memfd = zcgem_memfd_begin(zdev, 1, zcgem_udmabuf_fd_readonly(create.memfd));
	if (!memfd)
		return -ENOMEM;
	ret = zcgem_memfd_add_range(memfd, create.memfd, create.offset, create.size);
	if (ret) {
		zcgem_memfd_abandon(memfd);
		return zcgem_udmabuf_errno(ret);
	}

	obj = zcgem_memfd_finish(memfd);
	return IS_ERR(obj) ? PTR_ERR(obj) : zcgem_udmabuf_export(obj, client, create.flags);
}

static int zcgem_udmabuf_create_list(struct zcgem_device *zdev, u64 client,
				     const struct udmabuf_create_list __user *arg)
{
	const struct udmabuf_create_item __user *items = arg->list;
	struct udmabuf_create_list head;
	struct zcgem_object *obj;
	struct zcgem_memfd *memfd;
	u32 i;
	int ret;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (!head.count || head.count > ZCGEM_MAX_RANGES)
		return zcgem_refuse(&zdev->drm, -EINVAL, "a list of %u items", head.count);

	ret = zcgem_udmabuf_any_readonly(items, head.count);
	if (ret < 0)
		return ret;
	memfd = zcgem_memfd_begin(zdev, head.count, ret);
	if (!memfd)
		return -ENOMEM;

	for (i = 0; i < head.count; i++) {
		struct udmabuf_create_item item;

		ret = zcgem_udmabuf_get_item(items, i, &item);
		if (!ret)
			ret = zcgem_memfd_add_range(memfd, item.memfd, item.offset,
						    item.size);
		if (ret) {
			zcgem_memfd_abandon(memfd);
			return zcgem_udmabuf_errno(ret);
		}
	}

	obj = zcgem_memfd_finish(memfd);
	return IS_ERR(obj) ? PTR_ERR(obj) : zcgem_udmabuf_export(obj, client, head.flags);
}

static long zcgem_udmabuf_ioctl(struct file *file, unsigned int cmd, void __user *arg)
{
	struct drm_file *priv = file->private_data;
	struct drm_device *drm = priv->minor->dev;

	/* As drm_ioctl() does: removal must not wait for what the caller's memory does. */
	if (drm_dev_is_unplugged(drm))
		return -ENODEV;
	if (cmd == UDMABUF_CREATE)
		return zcgem_udmabuf_create_one(to_zcgem(drm), priv->client_id, arg);
	return zcgem_udmabuf_create_list(to_zcgem(drm), priv->client_id, arg);
}

static bool zcgem_is_udmabuf(unsigned int cmd)
{
	return cmd == UDMABUF_CREATE || cmd == UDMABUF_CREATE_LIST;
}

/**
 * zcgem_unlocked_ioctl() - &file_operations.unlocked_ioctl of the nodes.
 * @file: the node
 * @cmd: DRM's ioctls and udmabuf's
 * @arg: argument
 *
 * Return: what the ioctl says.
 */
long zcgem_unlocked_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (zcgem_is_udmabuf(cmd))
		return zcgem_udmabuf_ioctl(file, cmd, (void __user *)arg);
	return drm_ioctl(file, cmd, arg);
}

#ifdef CONFIG_COMPAT
/**
 * zcgem_compat_ioctl() - &file_operations.compat_ioctl of the nodes.
 * @file: the node
 * @cmd: DRM's ioctls and udmabuf's
 * @arg: argument of a 32-bit caller
 *
 * Return: what the ioctl says.
 */
long zcgem_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (zcgem_is_udmabuf(cmd))
		return zcgem_udmabuf_ioctl(file, cmd, compat_ptr(arg));
	return drm_compat_ioctl(file, cmd, arg);
}
#endif
