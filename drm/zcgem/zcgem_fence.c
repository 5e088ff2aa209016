// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: fences
 *
 * What others see of a job. Fences live as long as something holds them: a sync_file, a syncobj, a
 * dma-buf of another driver. So a fence has a lock of its own, its names are constants of the
 * module, it leads to nothing else, and it holds the module, whose code its operations are.
 *
 * May be used in any context.
 */

#include <linux/module.h>
#include <linux/slab.h>

#include "zcgem_compat.h"
#include "zcgem_fence.h"

static const char *zcgem_fence_driver_name(struct dma_fence *fence)
{
	return KBUILD_MODNAME;
}

static const char *zcgem_fence_timeline_name(struct dma_fence *fence)
{
	return "copy";
}

/* zcgem_exit() waits until no task can be between the last two lines any more. */
static void zcgem_fence_release(struct dma_fence *fence)
{
	dma_fence_free(fence);
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops zcgem_fence_ops = {
	.get_driver_name = zcgem_fence_driver_name,
	.get_timeline_name = zcgem_fence_timeline_name,
	.release = zcgem_fence_release,
};

/**
 * zcgem_fence_alloc() - Memory for a fence.
 *
 * Return: memory for zcgem_fence_init() or kfree(), or NULL.
 */
struct zcgem_fence *zcgem_fence_alloc(void)
{
	/* dma_fence_free() frees the base, which is therefore the first member. */
	BUILD_BUG_ON(offsetof(struct zcgem_fence, base));

	return kzalloc(sizeof(struct zcgem_fence), GFP_KERNEL_ACCOUNT);
}

/**
 * zcgem_fence_init() - Make it a fence, with one reference.
 * @fence: what zcgem_fence_alloc() returned
 * @context: fence context
 * @seqno: number in that context, larger than those before it
 *
 * Called on behalf of an open file, which holds the module. Any context.
 */
void zcgem_fence_init(struct zcgem_fence *fence, u64 context, u64 seqno)
{
	__module_get(THIS_MODULE);
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &zcgem_fence_ops, &fence->lock, context, seqno);
}

/**
 * zcgem_fence_is_own() - Is it one of the driver's, of whatever device?
 * @fence: a fence
 *
 * Return: true if so; such a fence signals in the end whatever clients do.
 */
bool zcgem_fence_is_own(struct dma_fence *fence)
{
	return zcgem_dma_fence_has_ops(fence, &zcgem_fence_ops);
}
