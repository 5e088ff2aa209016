// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: dependencies
 *
 * Stands between the fences that a job waits for and the scheduler, which sees one
 * fence, "ready", that always signals in bounded time: a fence that clients can make
 * (sw_sync, or a driver's that hangs) may never signal, and eviction, revocation, exit
 * and memory reclaim would wait for ever behind it. Ready signals when
 *
 * - all fences have signalled; or
 * - fences that are not the driver's own are left after ZCGEM_IN_FENCE_SECONDS; or
 * - the job is cancelled.
 *
 * In the last two cases, and when a fence that the client has named has failed, there is
 * an error and the job must not run. Errors of fences that are merely found on an object
 * are their owners' business. The driver's own fences are waited for without a limit of
 * time, since each of them is bounded by these rules.
 *
 * Fence containers are taken apart, so that own fences are recognised in them. Callbacks
 * run with a fence's lock held and interrupts off; the rest in process context, where
 * only filling the table allocates.
 */

#include <linux/dma-fence-unwrap.h>
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "zcgem_deps.h"
#include "zcgem_extents.h"
#include "zcgem_fence.h"

struct zcgem_dep {
	struct dma_fence_cb cb;
	struct dma_fence *fence;
	struct zcgem_deps *deps;
	bool is_explicit;
	bool own;
};

#define ZCGEM_DEPS_FIRST	4

/* Ready is signalled under the lock of a fence that it waits for, perhaps an own one. */
static struct lock_class_key zcgem_ready_key;

static void zcgem_deps_timeout(struct timer_list *timer)
{
	struct zcgem_deps *deps = container_of(timer, struct zcgem_deps, timer);

	if (atomic_read(&deps->foreign))
		zcgem_deps_abort(deps, -ETIMEDOUT);
}

/**
 * zcgem_deps_init() - Start with nothing to wait for.
 * @deps: zeroed; zcgem_deps_fini() is in order also if this fails
 * @context: fence context for ready
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_deps_init(struct zcgem_deps *deps, u64 context)
{
	timer_setup(&deps->timer, zcgem_deps_timeout, 0);
	deps->ready = zcgem_fence_alloc();
	if (!deps->ready)
		return -ENOMEM;
	zcgem_fence_init(deps->ready, context, 1);
	lockdep_set_class(&deps->ready->lock, &zcgem_ready_key);
	return 0;
}

/**
 * zcgem_deps_truncate() - Forget what was added last.
 * @deps: not armed
 * @count: how many to keep
 */
void zcgem_deps_truncate(struct zcgem_deps *deps, unsigned int count)
{
	while (deps->count > count)
		dma_fence_put(deps->table[--deps->count].fence);
}

/**
 * zcgem_deps_fini() - Let go of the fences.
 * @deps: armed and aborted or ready, or never armed; not in atomic context
 */
void zcgem_deps_fini(struct zcgem_deps *deps)
{
	unsigned int i;

	if (!deps->ready)
		return;
	if (deps->armed) {
		timer_delete_sync(&deps->timer);
		/* This takes the fence's lock, under which a callback would run. */
		for (i = 0; i < deps->count; i++)
			dma_fence_remove_callback(deps->table[i].fence, &deps->table[i].cb);
	}
	zcgem_deps_truncate(deps, 0);
	zcgem_table_free(deps->table);
	dma_fence_put(&deps->ready->base);
	deps->ready = NULL;
}

static int zcgem_deps_grow(struct zcgem_deps *deps)
{
	unsigned int capacity = max(2 * deps->capacity, ZCGEM_DEPS_FIRST);
	struct zcgem_dep *table;

	table = zcgem_table_alloc(capacity, sizeof(*table));
	if (!table)
		return -ENOMEM;
	if (deps->count)
		memcpy(table, deps->table, deps->count * sizeof(*table));
	zcgem_table_free(deps->table);
	deps->table = table;
	deps->capacity = capacity;
	return 0;
}

/**
 * zcgem_deps_add() - Wait for a fence too.
 * @deps: not armed
 * @fence: the fence, a container perhaps; the caller keeps its reference
 * @is_explicit: the client has named it, so its error is the job's
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_deps_add(struct zcgem_deps *deps, struct dma_fence *fence, bool is_explicit)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence *part;
	int ret = 0;

	dma_fence_unwrap_for_each(part, &cursor, fence) {
		struct zcgem_dep *dep;

		/* Going on to the end is what lets go of the containers. */
		if (ret || (!is_explicit && dma_fence_is_signaled(part)))
			continue;
		if (deps->count == deps->capacity)
			ret = zcgem_deps_grow(deps);
		if (ret)
			continue;
		dep = &deps->table[deps->count++];
		dep->fence = dma_fence_get(part);
		dep->deps = deps;
		dep->is_explicit = is_explicit;
		dep->own = zcgem_fence_is_own(part);
	}
	return ret;
}

static void zcgem_dep_done(struct zcgem_dep *dep)
{
	struct zcgem_deps *deps = dep->deps;

	if (dep->is_explicit && dep->fence->error)
		cmpxchg(&deps->error, 0, dep->fence->error);
	if (!dep->own)
		atomic_dec(&deps->foreign);
	if (atomic_dec_and_test(&deps->pending))
		dma_fence_signal(&deps->ready->base);
}

static void zcgem_dep_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	zcgem_dep_done(container_of(cb, struct zcgem_dep, cb));
}

/**
 * zcgem_deps_arm() - Start to wait.
 * @deps: complete; stays where it is until zcgem_deps_fini()
 *
 * Allocates nothing and does not sleep.
 */
void zcgem_deps_arm(struct zcgem_deps *deps)
{
	unsigned int i, foreign = 0;

	for (i = 0; i < deps->count; i++)
		foreign += !deps->table[i].own;
	atomic_set(&deps->foreign, foreign);
	atomic_set(&deps->pending, deps->count + 1);
	deps->armed = true;

	for (i = 0; i < deps->count; i++)
		if (dma_fence_add_callback(deps->table[i].fence, &deps->table[i].cb,
					   zcgem_dep_signalled))
			zcgem_dep_done(&deps->table[i]);

	if (atomic_read(&deps->foreign))
		mod_timer(&deps->timer, jiffies + ZCGEM_IN_FENCE_SECONDS * HZ);
	if (atomic_dec_and_test(&deps->pending))
		dma_fence_signal(&deps->ready->base);
}

/**
 * zcgem_deps_abort() - Have the job not run, and wait no more.
 * @deps: armed
 * @error: why, negative; the first one counts
 *
 * Any context.
 */
void zcgem_deps_abort(struct zcgem_deps *deps, int error)
{
	cmpxchg(&deps->error, 0, error);
	dma_fence_signal(&deps->ready->base);
}
