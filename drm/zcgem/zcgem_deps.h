/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_DEPS_H_
#define _ZCGEM_DEPS_H_

#include <linux/atomic.h>
#include <linux/types.h>

struct dma_fence;
struct zcgem_dep;
struct zcgem_queue;

/**
 * struct zcgem_deps - What a job waits for.
 */
struct zcgem_deps {
	/** @table: The fences. */
	struct zcgem_dep *table;

	/** @count: Fences in @table. */
	unsigned int count;

	/** @capacity: Fences that fit. */
	unsigned int capacity;

	/** @pending: Fences that have not signalled, once armed. */
	atomic_t pending;

	/** @armed: zcgem_deps_arm() was called. */
	bool armed;

	/** @error: Of a fence that the client has named, negative, or 0; set once. */
	int error;

	/** @queue: What is kicked when nothing is pending any more. */
	struct zcgem_queue *queue;
};

void zcgem_deps_init(struct zcgem_deps *deps, struct zcgem_queue *queue);
void zcgem_deps_fini(struct zcgem_deps *deps);
int zcgem_deps_add(struct zcgem_deps *deps, struct dma_fence *fence, bool is_explicit);
int zcgem_deps_end(struct zcgem_deps *deps);
void zcgem_deps_drop_implicit(struct zcgem_deps *deps);
bool zcgem_deps_arm(struct zcgem_deps *deps);
u32 zcgem_deps_pending(const struct zcgem_deps *deps, u64 *context, u64 *seqno);
bool zcgem_deps_foreign(const struct zcgem_deps *deps);

#endif /* _ZCGEM_DEPS_H_ */
