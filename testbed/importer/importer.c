// SPDX-License-Identifier: GPL-2.0
/*
 * A device that imports dma-bufs, for tests only. It can be what real devices are: one
 * that follows moves or must be pinned for, with few address bits, short segments, no
 * DMA at all, or work that is not done yet. See importer.h.
 *
 * On a machine with QEMU's device "edu", that PCI device is the one that imports, unless
 * something is asked for that is not so: behind an IOMMU that translates, what it reaches is
 * what the IOMMU lets it reach.
 *
 * What it has of a buffer is guarded by that buffer's dma_resv, since exporters tell of
 * moves under it; the mutex, which is outside, keeps the attachment itself.
 */

#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/iommu.h>
#include <linux/iosys-map.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "importer.h"

#ifdef HAVE_INVALIDATE_MAPPINGS
#define INVALIDATE_MAPPINGS	invalidate_mappings
#else
#define INVALIDATE_MAPPINGS	move_notify
#endif

struct importer {
	/* Keeps what is not under dma_resv, and one call from another. */
	struct mutex lock;
	struct device *device;
	bool removed;
	/* Whose device it is, if it is another descriptor's. */
	struct file *other;
	struct iommu_domain *domain;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	unsigned int flags;
	struct dma_fence *fence;
	/* Under dma_resv. */
	struct sg_table *sgt;
	struct sg_table *more;
	enum dma_data_direction dir;
	unsigned int pins;
	unsigned int vmaps;
	struct iosys_map map;
	u64 told;
};

static const char *importer_fence_name(struct dma_fence *fence)
{
	return "importer";
}

static const struct dma_fence_ops importer_fence_ops = {
	.get_driver_name = importer_fence_name,
	.get_timeline_name = importer_fence_name,
};

static DEFINE_SPINLOCK(fence_lock);

static void unmap_locked(struct importer *importer)
{
	if (importer->sgt)
		dma_buf_unmap_attachment(importer->attach, importer->sgt, importer->dir);
	importer->sgt = NULL;
}

static void unmap_more_locked(struct importer *importer)
{
	if (importer->more)
		dma_buf_unmap_attachment(importer->attach, importer->more, DMA_BIDIRECTIONAL);
	importer->more = NULL;
}

static void unpin_locked(struct importer *importer)
{
	while (importer->pins) {
		dma_buf_unpin(importer->attach);
		importer->pins--;
	}
}

static int fence_locked(struct importer *importer);

static void importer_told(struct dma_buf_attachment *attach)
{
	struct importer *importer = attach->importer_priv;

	importer->told++;
	if (importer->flags & IMPORTER_FENCES)
		fence_locked(importer);
	if (!(importer->flags & IMPORTER_KEEPS)) {
		unmap_locked(importer);
		unmap_more_locked(importer);
	}
	if (importer->flags & IMPORTER_UNPINS)
		unpin_locked(importer);
}

static const struct dma_buf_attach_ops attach_ops = {
	.INVALIDATE_MAPPINGS = importer_told,
};

static const struct dma_buf_attach_ops attach_p2p_ops = {
	.allow_peer2peer = true,
	.INVALIDATE_MAPPINGS = importer_told,
};

#ifdef HAVE_INVALIDATE_MAPPINGS
static const struct dma_buf_attach_ops attach_pin_ops = {};
#endif

static bool take_pci_device(struct importer *importer)
{
	struct pci_dev *pci = pci_get_device(0x1234, 0x11e8, NULL);
	struct iommu_domain *domain;

	if (!pci)
		return false;
	domain = iommu_get_domain_for_dev(&pci->dev);
	importer->device = &pci->dev;
	if (domain && domain->type & __IOMMU_DOMAIN_DMA_API)
		importer->domain = domain;
	return true;
}

static void put_device_again(struct importer *importer)
{
	if (importer->other)
		fput(importer->other);
	else if (dev_is_pci(importer->device))
		put_device(importer->device);
	else if (importer->removed)
		platform_device_put(to_platform_device(importer->device));
	else
		platform_device_unregister(to_platform_device(importer->device));
	importer->other = NULL;
	importer->removed = false;
	importer->domain = NULL;
}

static const struct file_operations importer_fops;

/* The other one keeps its device while this one has its file, if the caller detaches this first. */
static int share_device(struct importer *importer, int fd)
{
	struct file *file = fget(fd);
	struct importer *other;

	if (!file)
		return -EBADF;
	other = file->private_data;
	if (file->f_op != &importer_fops || other == importer || !other->attach || other->other) {
		fput(file);
		return -EINVAL;
	}
	importer->other = file;
	importer->device = other->device;
	importer->domain = other->domain;
	return 0;
}

static int remove_device(struct importer *importer)
{
	if (!importer->attach)
		return -ENOTCONN;
	if (importer->other || importer->removed || dev_is_pci(importer->device))
		return -EOPNOTSUPP;
	platform_device_del(to_platform_device(importer->device));
	importer->removed = true;
	return 0;
}

static int make_device(struct importer *importer, const struct importer_attach *arg)
{
	struct platform_device_info info = {
		.name = "importer",
		.id = PLATFORM_DEVID_AUTO,
		.dma_mask = DMA_BIT_MASK(64),
	};
	struct platform_device *device;

	if (arg->flags & IMPORTER_SHARES)
		return share_device(importer, arg->device);
	if (!arg->dma_bits && !arg->max_segment && !arg->boundary &&
	    !(arg->flags & IMPORTER_NO_DMA) && take_pci_device(importer))
		return 0;
	device = platform_device_register_full(&info);
	if (IS_ERR(device))
		return PTR_ERR(device);
	if (arg->dma_bits)
		*device->dev.dma_mask = DMA_BIT_MASK(arg->dma_bits);
	dma_set_max_seg_size(&device->dev, arg->max_segment ?: UINT_MAX);
	if (arg->boundary)
		dma_set_seg_boundary(&device->dev, arg->boundary - 1);
	if (arg->flags & IMPORTER_NO_DMA)
		device->dev.dma_mask = NULL;
	importer->device = &device->dev;
	return 0;
}

static int attach(struct importer *importer, void __user *user)
{
	struct dma_buf_attachment *attachment;
	struct importer_attach arg;
	struct dma_buf *dmabuf;
	struct device *dev;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.dma_bits > 64 || (arg.boundary && !is_power_of_2(arg.boundary)))
		return -EINVAL;
#ifndef HAVE_INVALIDATE_MAPPINGS
	if (arg.flags & IMPORTER_PINS)
		return -EOPNOTSUPP;
#endif
	if (importer->attach)
		return -EBUSY;

	dmabuf = dma_buf_get(arg.dmabuf);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = make_device(importer, &arg);
	if (ret)
		goto put;

	importer->flags = arg.flags;
	importer->told = 0;
	dev = importer->device;
	if (arg.flags & IMPORTER_FOLLOWS)
		attachment = dma_buf_dynamic_attach(dmabuf, dev,
						    arg.flags & IMPORTER_PEER2PEER ?
						    &attach_p2p_ops : &attach_ops, importer);
#ifdef HAVE_INVALIDATE_MAPPINGS
	else if (arg.flags & IMPORTER_PINS)
		attachment = dma_buf_dynamic_attach(dmabuf, dev, &attach_pin_ops, importer);
#endif
	else
		attachment = dma_buf_attach(dmabuf, dev);
	if (IS_ERR(attachment)) {
		ret = PTR_ERR(attachment);
		goto unregister;
	}
	importer->attach = attachment;
	importer->dmabuf = dmabuf;
	return 0;

unregister:
	put_device_again(importer);
put:
	dma_buf_put(dmabuf);
	return ret;
}

static void signal_fence(struct importer *importer)
{
	if (!importer->fence)
		return;
	dma_fence_signal(importer->fence);
	dma_fence_put(importer->fence);
	importer->fence = NULL;
}

static int detach(struct importer *importer)
{
	if (!importer->attach)
		return -ENOTCONN;

	signal_fence(importer);
	dma_resv_lock(importer->dmabuf->resv, NULL);
	unmap_locked(importer);
	unmap_more_locked(importer);
	while (importer->vmaps) {
		dma_buf_vunmap(importer->dmabuf, &importer->map);
		importer->vmaps--;
	}
	unpin_locked(importer);
	dma_resv_unlock(importer->dmabuf->resv);

	dma_buf_detach(importer->dmabuf, importer->attach);
	dma_buf_put(importer->dmabuf);
	put_device_again(importer);
	importer->attach = NULL;
	importer->dmabuf = NULL;
	return 0;
}

static int map_locked(struct importer *importer, unsigned long how)
{
	static const enum dma_data_direction dirs[] = {
		[IMPORTER_BIDIRECTIONAL] = DMA_BIDIRECTIONAL,
		[IMPORTER_READS] = DMA_TO_DEVICE,
		[IMPORTER_WRITES] = DMA_FROM_DEVICE,
	};
	struct sg_table *sgt;

	if (how >= ARRAY_SIZE(dirs))
		return -EINVAL;
	if (importer->sgt)
		return -EBUSY;
	sgt = dma_buf_map_attachment(importer->attach, dirs[how]);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	importer->sgt = sgt;
	importer->dir = dirs[how];
	return 0;
}

static int map_more_locked(struct importer *importer)
{
	struct sg_table *sgt;

	if (importer->more)
		return -EBUSY;
	sgt = dma_buf_map_attachment(importer->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	importer->more = sgt;
	return 0;
}

/* As a driver does whose job uses both: it does not know which one is locked first elsewhere. */
static int map_beside(struct importer *importer, int fd)
{
	struct dma_resv *ours, *theirs, *first, *second;
	struct ww_acquire_ctx ticket;
	struct dma_buf *other;
	int ret;

	if (!importer->attach)
		return -ENOTCONN;
	other = dma_buf_get(fd);
	if (IS_ERR(other))
		return PTR_ERR(other);
	ours = importer->dmabuf->resv;
	theirs = other->resv;
	first = theirs;
	second = ours;
	ret = -EINVAL;
	if (ours == theirs)
		goto put;

	ww_acquire_init(&ticket, &reservation_ww_class);
	ret = dma_resv_lock(first, &ticket);
	/* nothing else is locked yet, but a debug kernel may say so to see what comes of it */
	if (ret == -EDEADLK) {
		dma_resv_lock_slow(first, &ticket);
		ret = 0;
	}
	while (!ret) {
		ret = dma_resv_lock(second, &ticket);
		if (ret != -EDEADLK)
			break;
		dma_resv_unlock(first);
		dma_resv_lock_slow(second, &ticket);
		swap(first, second);
		ret = 0;
	}
	ww_acquire_done(&ticket);
	if (!ret) {
		ret = map_locked(importer, IMPORTER_BIDIRECTIONAL);
		dma_resv_unlock(second);
		dma_resv_unlock(first);
	}
	ww_acquire_fini(&ticket);
put:
	dma_buf_put(other);
	return ret;
}

static int pin_locked(struct importer *importer, bool pin)
{
	int ret;

	if (!(importer->flags & (IMPORTER_FOLLOWS | IMPORTER_PINS)))
		return -EOPNOTSUPP;
	if (!pin) {
		if (!importer->pins)
			return -ENODATA;
		importer->pins--;
		dma_buf_unpin(importer->attach);
		return 0;
	}
	ret = dma_buf_pin(importer->attach);
	if (!ret)
		importer->pins++;
	return ret;
}

static int vmap_locked(struct importer *importer, bool map)
{
	int ret;

	if (!map) {
		if (!importer->vmaps)
			return -ENODATA;
		importer->vmaps--;
		dma_buf_vunmap(importer->dmabuf, &importer->map);
		return 0;
	}
	ret = dma_buf_vmap(importer->dmabuf, &importer->map);
	if (!ret)
		importer->vmaps++;
	return ret;
}

/* The fence's code is here, and nobody tells when the last one who has it lets go. */
static int fence_locked(struct importer *importer)
{
	struct dma_fence *fence;
	int ret;

	if (importer->fence)
		return -EBUSY;
	ret = dma_resv_reserve_fences(importer->dmabuf->resv, 1);
	if (ret)
		return ret;
	fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	if (!fence)
		return -ENOMEM;
	__module_get(THIS_MODULE);
	dma_fence_init(fence, &importer_fence_ops, &fence_lock, dma_fence_context_alloc(1), 1);
	dma_resv_add_fence(importer->dmabuf->resv, fence, DMA_RESV_USAGE_WRITE);
	importer->fence = fence;
	return 0;
}

static int with_buffer_locked(struct importer *importer, unsigned int cmd, unsigned long arg)
{
	int ret;

	if (!importer->attach)
		return -ENOTCONN;
	ret = dma_resv_lock_interruptible(importer->dmabuf->resv, NULL);
	if (ret)
		return ret;

	switch (cmd) {
	case IMPORTER_MAP:
		ret = map_locked(importer, arg);
		break;
	case IMPORTER_UNMAP:
		ret = importer->sgt ? 0 : -ENODATA;
		unmap_locked(importer);
		break;
	case IMPORTER_MAP_MORE:
		ret = map_more_locked(importer);
		break;
	case IMPORTER_UNMAP_MORE:
		ret = importer->more ? 0 : -ENODATA;
		unmap_more_locked(importer);
		break;
	case IMPORTER_PIN:
	case IMPORTER_UNPIN:
		ret = pin_locked(importer, cmd == IMPORTER_PIN);
		break;
	case IMPORTER_VMAP:
	case IMPORTER_VUNMAP:
		ret = vmap_locked(importer, cmd == IMPORTER_VMAP);
		break;
	default:
		ret = fence_locked(importer);
		break;
	}
	dma_resv_unlock(importer->dmabuf->resv);
	return ret;
}

static void count_entries(struct importer *importer, struct importer_state *state)
{
	u64 within = dma_get_seg_boundary(importer->device);
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(importer->sgt, sg, i) {
		u64 last = sg_dma_address(sg) + sg_dma_len(sg) - 1;

		state->entries++;
		state->crossing += (sg_dma_address(sg) & ~within) != (last & ~within);
		state->longest = max(state->longest, sg_dma_len(sg));
		state->bytes += sg_dma_len(sg);
		state->last = max(state->last, last);
	}
}

static int get_state(struct importer *importer, void __user *user)
{
	struct importer_state state = {};
	int ret;

	if (importer->attach) {
		ret = dma_resv_lock_interruptible(importer->dmabuf->resv, NULL);
		if (ret)
			return ret;
		state.attached = true;
		state.mapped = !!importer->sgt + !!importer->more;
		state.told = importer->told;
		state.fence_pending = importer->fence && !dma_fence_is_signaled(importer->fence);
		if (importer->sgt)
			count_entries(importer, &state);
		dma_resv_unlock(importer->dmabuf->resv);
	}
	return copy_to_user(user, &state, sizeof(state)) ? -EFAULT : 0;
}

static void copy_bytes(void *theirs, void *ours, size_t size, bool write)
{
	if (write)
		memcpy(theirs, ours, size);
	else
		memcpy(ours, theirs, size);
}

/* An IOMMU's pages need not follow one another in memory. */
static bool copy_at(struct importer *importer, dma_addr_t addr, void *data, u64 size, bool write)
{
	while (size) {
		u64 n = importer->domain ? min_t(u64, size, PAGE_SIZE - offset_in_page(addr)) : size;
		phys_addr_t phys = importer->domain ?
				   iommu_iova_to_phys(importer->domain, addr) :
				   dma_to_phys(importer->device, addr);

		if (!phys)
			return false;
		copy_bytes(phys_to_virt(phys), data, n, write);
		addr += n;
		data += n;
		size -= n;
	}
	return true;
}

/* As the device would: by the DMA addresses, and without a look at the pages. */
static int copy_by_dma(struct importer *importer, const struct importer_copy *copy, void *data)
{
	bool write = copy->flags & IMPORTER_COPY_WRITE;
	u64 at = 0, offset = copy->offset, left = copy->size;
	struct scatterlist *sg;
	int i;

	if (!importer->sgt)
		return -ENODATA;
	if (write && importer->dir == DMA_TO_DEVICE)
		return -EACCES;

	for_each_sgtable_dma_sg(importer->sgt, sg, i) {
		u64 length = sg_dma_len(sg), skip = offset - at, n;

		if (left && skip < length) {
			n = min(left, length - skip);
			if (!copy_at(importer, sg_dma_address(sg) + skip, data, n, write))
				return -EIO;
			data += n;
			offset += n;
			left -= n;
		}
		at += length;
	}
	return left ? -EFBIG : 0;
}

static int copy_by_vmap(struct importer *importer, const struct importer_copy *copy, void *data)
{
	if (!importer->vmaps)
		return -ENODATA;
	if (copy->offset + copy->size > importer->dmabuf->size)
		return -EFBIG;
	copy_bytes(importer->map.vaddr + copy->offset, data, copy->size,
		   copy->flags & IMPORTER_COPY_WRITE);
	return 0;
}

static int copy(struct importer *importer, void __user *user)
{
	struct importer_copy copy;
	void *data;
	int ret;

	if (copy_from_user(&copy, user, sizeof(copy)))
		return -EFAULT;
	if (!copy.size || copy.size > IMPORTER_COPY_MAX || copy.offset > LONG_MAX)
		return -EINVAL;
	if (!importer->attach)
		return -ENOTCONN;

	data = kvzalloc(copy.size, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	ret = -EFAULT;
	if (copy.flags & IMPORTER_COPY_WRITE &&
	    copy_from_user(data, u64_to_user_ptr(copy.data), copy.size))
		goto free;

	ret = dma_resv_lock_interruptible(importer->dmabuf->resv, NULL);
	if (ret)
		goto free;
	if (copy.flags & IMPORTER_COPY_VMAP)
		ret = copy_by_vmap(importer, &copy, data);
	else
		ret = copy_by_dma(importer, &copy, data);
	dma_resv_unlock(importer->dmabuf->resv);

	if (!ret && !(copy.flags & IMPORTER_COPY_WRITE) &&
	    copy_to_user(u64_to_user_ptr(copy.data), data, copy.size))
		ret = -EFAULT;
free:
	kvfree(data);
	return ret;
}

static long importer_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct importer *importer = file->private_data;
	int ret;

	mutex_lock(&importer->lock);
	switch (cmd) {
	case IMPORTER_ATTACH:
		ret = attach(importer, (void __user *)arg);
		break;
	case IMPORTER_DETACH:
		ret = detach(importer);
		break;
	case IMPORTER_STATE:
		ret = get_state(importer, (void __user *)arg);
		break;
	case IMPORTER_COPY:
		ret = copy(importer, (void __user *)arg);
		break;
	case IMPORTER_SIGNAL:
		ret = importer->fence ? 0 : -ENODATA;
		signal_fence(importer);
		break;
	case IMPORTER_MAP_BESIDE:
		ret = map_beside(importer, arg);
		break;
	case IMPORTER_REMOVE:
		ret = remove_device(importer);
		break;
	case IMPORTER_MAP:
	case IMPORTER_UNMAP:
	case IMPORTER_MAP_MORE:
	case IMPORTER_UNMAP_MORE:
	case IMPORTER_PIN:
	case IMPORTER_UNPIN:
	case IMPORTER_VMAP:
	case IMPORTER_VUNMAP:
	case IMPORTER_FENCE:
		ret = with_buffer_locked(importer, cmd, arg);
		break;
	default:
		ret = -ENOTTY;
		break;
	}
	mutex_unlock(&importer->lock);
	return ret;
}

static int importer_open(struct inode *inode, struct file *file)
{
	struct importer *importer = kzalloc(sizeof(*importer), GFP_KERNEL);

	if (!importer)
		return -ENOMEM;
	mutex_init(&importer->lock);
	file->private_data = importer;
	return 0;
}

static int importer_release(struct inode *inode, struct file *file)
{
	struct importer *importer = file->private_data;

	detach(importer);
	mutex_destroy(&importer->lock);
	kfree(importer);
	return 0;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.open = importer_open,
	.release = importer_release,
	.unlocked_ioctl = importer_ioctl,
};

static struct miscdevice importer_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "importer",
	.fops = &importer_fops,
};
module_misc_device(importer_misc);

MODULE_DESCRIPTION("imports dma-bufs, for tests");
MODULE_LICENSE("GPL");
#ifdef HAVE_UNQUOTED_IMPORT_NS
MODULE_IMPORT_NS(DMA_BUF);
#else
MODULE_IMPORT_NS("DMA_BUF");
#endif
