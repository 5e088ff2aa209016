/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_DEPS_H_
#define _ZCGEM_DEPS_H_

#include <linux/atomic.h>
#include <linux/dma-fence.h>
#include <linux/timer.h>

struct zcgem_fence;

/** ZCGEM_IN_FENCE_SECONDS - How long a job waits for fences of others. */
#define ZCGEM_IN_FENCE_SECONDS	10

struct zcgem_dep;

/**
 * struct zcgem_deps - All that a job waits for, as one fence.
 */
struct zcgem_deps {
	/** @table: The fences. */
	struct zcgem_dep *table;

	/** @hash: Indices into @table, of twice @capacity, to find a fence by. */
	u32 *hash;

	/** @count: Fences in @table. */
	unsigned int count;

	/** @capacity: Fences that fit, 0 or a power of two. */
	unsigned int capacity;

	/** @pending: Fences that have not signalled, and one while arming. */
	atomic_t pending;

	/** @foreign: Those of them that are not the driver's own. */
	atomic_t foreign;

	/** @ready: Signals when nothing is pending, or when waiting has no point. */
	struct zcgem_fence *ready;

	/** @timer: Gives up on @foreign. */
	struct timer_list timer;

	/** @error: Why the job must not run, negative, or 0; set once. */
	int error;

	/** @armed: zcgem_deps_arm() was called. */
	bool armed;
};

int zcgem_deps_init(struct zcgem_deps *deps, u64 context);
void zcgem_deps_fini(struct zcgem_deps *deps);
int zcgem_deps_add(struct zcgem_deps *deps, struct dma_fence *fence, bool is_explicit);
void zcgem_deps_truncate(struct zcgem_deps *deps, unsigned int count);
void zcgem_deps_arm(struct zcgem_deps *deps);
void zcgem_deps_abort(struct zcgem_deps *deps, int error);

#endif /* _ZCGEM_DEPS_H_ */
