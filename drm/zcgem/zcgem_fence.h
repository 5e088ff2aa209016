/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_FENCE_H_
#define _ZCGEM_FENCE_H_

#include <linux/dma-fence.h>
#include <linux/spinlock.h>

/**
 * struct zcgem_fence - A fence of the engine.
 */
struct zcgem_fence {
	/** @base: The fence. */
	struct dma_fence base;

	/** @lock: Its lock, as long-lived as it is. */
	spinlock_t lock;
};

struct zcgem_fence *zcgem_fence_alloc(void);
void zcgem_fence_init(struct zcgem_fence *fence, u64 context, u64 seqno);
bool zcgem_fence_is_own(struct dma_fence *fence);

#endif /* _ZCGEM_FENCE_H_ */
