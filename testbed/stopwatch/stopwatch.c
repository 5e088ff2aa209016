// SPDX-License-Identifier: GPL-2.0
/*
 * Takes the time of what importers do to a dma-buf, and of what any exporter of memfd
 * pages has to call, for the benchmarks only.
 *
 * It is a device that can reach all memory through no IOMMU and never accesses it.
 * Each ioctl of /dev/stopwatch does one pair of calls and tells how long they took, by
 * the clock that CLOCK_MONOTONIC is. Nothing stays between calls, so there is nothing
 * to lock.
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/iosys-map.h>
#include <linux/ktime.h>
#include <linux/memfd.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "stopwatch.h"

static struct platform_device *stopwatch_device;

static void stopwatch_invalidate(struct dma_buf_attachment *attach)
{
}

static const struct dma_buf_attach_ops stopwatch_attach_ops = {
	.INVALIDATE = stopwatch_invalidate,
};

static int stopwatch_static(struct dma_buf *dmabuf, struct stopwatch_import *args)
{
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	u64 start = ktime_get_ns();

	attach = dma_buf_attach(dmabuf, &stopwatch_device->dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	args->map = ktime_get_ns() - start;
	if (IS_ERR(sgt)) {
		dma_buf_detach(dmabuf, attach);
		return PTR_ERR(sgt);
	}
	args->nents = sgt->nents;

	start = ktime_get_ns();
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_BIDIRECTIONAL);
	dma_buf_detach(dmabuf, attach);
	args->unmap = ktime_get_ns() - start;
	return 0;
}

static int stopwatch_dynamic(struct dma_buf *dmabuf, struct stopwatch_import *args)
{
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	u64 start = ktime_get_ns();

	attach = dma_buf_dynamic_attach(dmabuf, &stopwatch_device->dev, &stopwatch_attach_ops,
					NULL);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	dma_resv_lock(dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(attach, DMA_BIDIRECTIONAL);
	dma_resv_unlock(dmabuf->resv);
	args->map = ktime_get_ns() - start;
	if (IS_ERR(sgt)) {
		dma_buf_detach(dmabuf, attach);
		return PTR_ERR(sgt);
	}
	args->nents = sgt->nents;

	start = ktime_get_ns();
	dma_resv_lock(dmabuf->resv, NULL);
	dma_buf_unmap_attachment(attach, sgt, DMA_BIDIRECTIONAL);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_detach(dmabuf, attach);
	args->unmap = ktime_get_ns() - start;
	return 0;
}

static int stopwatch_vmap(struct dma_buf *dmabuf, struct stopwatch_vmap *args)
{
	struct iosys_map map;
	u64 start = ktime_get_ns();
	int ret;

	ret = dma_buf_vmap_unlocked(dmabuf, &map);
	args->vmap = ktime_get_ns() - start;
	if (ret)
		return ret;

	start = ktime_get_ns();
	dma_buf_vunmap_unlocked(dmabuf, &map);
	args->vunmap = ktime_get_ns() - start;
	return 0;
}

static int stopwatch_pin(struct file *memfd, struct stopwatch_pin *args)
{
	struct folio **folios;
	pgoff_t skip;
	u64 start;
	long nr, i;

	if (!args->size || args->size > SZ_2G)
		return -EINVAL;
	folios = kvmalloc_array(PFN_UP(args->size), sizeof(*folios), GFP_KERNEL);
	if (!folios)
		return -ENOMEM;

	start = ktime_get_ns();
	nr = memfd_pin_folios(memfd, 0, args->size - 1, folios, PFN_UP(args->size), &skip);
	args->pin = ktime_get_ns() - start;
	if (nr < 0) {
		kvfree(folios);
		return nr;
	}
	args->folios = nr;

	start = ktime_get_ns();
	for (i = 0; i < nr; i++)
		unpin_folio(folios[i]);
	args->unpin = ktime_get_ns() - start;
	kvfree(folios);
	return 0;
}

static int stopwatch_with_memfd(struct stopwatch_pin *args)
{
	struct file *memfd = fget(args->memfd);
	int ret;

	if (!memfd)
		return -EBADF;
	ret = stopwatch_pin(memfd, args);
	fput(memfd);
	return ret;
}

static int stopwatch_with_dmabuf(unsigned int cmd, void *args)
{
	struct stopwatch_import *import = args;
	struct stopwatch_vmap *vmap = args;
	struct dma_buf *dmabuf;
	int ret;

	dmabuf = dma_buf_get(cmd == STOPWATCH_VMAP ? vmap->dmabuf : import->dmabuf);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	if (cmd == STOPWATCH_VMAP)
		ret = stopwatch_vmap(dmabuf, vmap);
	else if (import->flags & STOPWATCH_DYNAMIC)
		ret = stopwatch_dynamic(dmabuf, import);
	else
		ret = stopwatch_static(dmabuf, import);
	dma_buf_put(dmabuf);
	return ret;
}

static long stopwatch_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	union {
		struct stopwatch_import import;
		struct stopwatch_vmap vmap;
		struct stopwatch_pin pin;
	} args;
	int ret;

	if (cmd != STOPWATCH_IMPORT && cmd != STOPWATCH_VMAP && cmd != STOPWATCH_PIN)
		return -ENOTTY;
	if (copy_from_user(&args, (void __user *)arg, _IOC_SIZE(cmd)))
		return -EFAULT;

	ret = cmd == STOPWATCH_PIN ? stopwatch_with_memfd(&args.pin) :
				     stopwatch_with_dmabuf(cmd, &args);

	if (!ret && copy_to_user((void __user *)arg, &args, _IOC_SIZE(cmd)))
		ret = -EFAULT;
	return ret;
}

static const struct file_operations stopwatch_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = stopwatch_ioctl,
};

static struct miscdevice stopwatch_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "stopwatch",
	.fops = &stopwatch_fops,
};

static int __init stopwatch_init(void)
{
	int ret;

	stopwatch_device = platform_device_register_simple("stopwatch", -1, NULL, 0);
	if (IS_ERR(stopwatch_device))
		return PTR_ERR(stopwatch_device);

	ret = dma_coerce_mask_and_coherent(&stopwatch_device->dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = misc_register(&stopwatch_misc);
	if (ret)
		platform_device_unregister(stopwatch_device);
	else
		dma_set_max_seg_size(&stopwatch_device->dev, UINT_MAX);
	return ret;
}
module_init(stopwatch_init);

static void __exit stopwatch_exit(void)
{
	misc_deregister(&stopwatch_misc);
	platform_device_unregister(stopwatch_device);
}
module_exit(stopwatch_exit);

MODULE_DESCRIPTION("times what importers do to a dma-buf");
MODULE_IMPORT_NS(DMA_BUF_NAMESPACE);
MODULE_LICENSE("GPL");
