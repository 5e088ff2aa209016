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
 * Fence containers are taken apart, so that own fences are recognised in them, and what
 * is found more than once is waited for once: chains of the same timeline that are named
 * a thousand times would be a million fences else. Of fences on objects only the last one
 * of a context counts; of those that the client has named each does, for its error. A
 * hash finds them; there are at most ZCGEM_MAX_DEPS. Callbacks run with a fence's lock
 * held and interrupts off; the rest in process context, where only filling the table
 * allocates.
 */

#include <linux/dma-fence-unwrap.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

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

/* Powers of two. */
#define ZCGEM_DEPS_FIRST	4U
#define ZCGEM_MAX_DEPS		65536U

#define ZCGEM_DEPS_NONE		U32_MAX

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

static u64 zcgem_deps_key(const struct dma_fence *fence, bool is_explicit)
{
	return is_explicit ? (uintptr_t)fence : fence->context;
}

/* Where the index of such a fence is, or is to go: there is room always. */
static u32 *zcgem_deps_slot(struct zcgem_deps *deps, const struct dma_fence *fence,
			    bool is_explicit)
{
	u32 mask = 2 * deps->capacity - 1;
	u64 key = zcgem_deps_key(fence, is_explicit);
	u32 i = hash_64(key, ilog2(2 * deps->capacity));

	for (;; i = (i + 1) & mask) {
		u32 index = deps->hash[i];
		const struct zcgem_dep *dep;

		if (index == ZCGEM_DEPS_NONE)
			return &deps->hash[i];
		dep = &deps->table[index];
		if (dep->is_explicit == is_explicit &&
		    zcgem_deps_key(dep->fence, is_explicit) == key)
			return &deps->hash[i];
	}
}

static void zcgem_deps_rehash(struct zcgem_deps *deps)
{
	unsigned int i;

	memset32(deps->hash, ZCGEM_DEPS_NONE, 2 * deps->capacity);
	for (i = 0; i < deps->count; i++) {
		const struct zcgem_dep *dep = &deps->table[i];

		*zcgem_deps_slot(deps, dep->fence, dep->is_explicit) = i;
	}
}

/**
 * zcgem_deps_truncate() - Forget what was added last.
 * @deps: not armed
 * @count: how many to keep
 */
void zcgem_deps_truncate(struct zcgem_deps *deps, unsigned int count)
{
	if (deps->count <= count)
		return;
	while (deps->count > count)
		dma_fence_put(deps->table[--deps->count].fence);
	zcgem_deps_rehash(deps);
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
	for (i = 0; i < deps->count; i++)
		dma_fence_put(deps->table[i].fence);
	deps->count = 0;
	zcgem_table_free(deps->table);
	zcgem_table_free(deps->hash);
	dma_fence_put(&deps->ready->base);
	deps->ready = NULL;
}

static int zcgem_deps_grow(struct zcgem_deps *deps)
{
	unsigned int capacity = max(2 * deps->capacity, ZCGEM_DEPS_FIRST);
	struct zcgem_dep *table;
	u32 *hash;

	if (capacity > ZCGEM_MAX_DEPS)
		return -E2BIG;
	table = zcgem_table_alloc(capacity, sizeof(*table));
	hash = zcgem_table_alloc(2 * capacity, sizeof(*hash));
	if (!table || !hash) {
		zcgem_table_free(table);
		zcgem_table_free(hash);
		return -ENOMEM;
	}
	if (deps->count)
		memcpy(table, deps->table, deps->count * sizeof(*table));
	zcgem_table_free(deps->table);
	zcgem_table_free(deps->hash);
	deps->table = table;
	deps->hash = hash;
	deps->capacity = capacity;
	zcgem_deps_rehash(deps);
	return 0;
}

/* A fence that is no container. */
static int zcgem_deps_add_one(struct zcgem_deps *deps, struct dma_fence *fence,
			      bool is_explicit)
{
	struct zcgem_dep *dep;
	u32 *slot;
	int ret;

	if (!is_explicit && dma_fence_is_signaled(fence))
		return 0;
	if (deps->count == deps->capacity) {
		ret = zcgem_deps_grow(deps);
		if (ret)
			return ret;
	}

	slot = zcgem_deps_slot(deps, fence, is_explicit);
	if (*slot != ZCGEM_DEPS_NONE) {
		dep = &deps->table[*slot];
		if (dep->fence != fence && dma_fence_is_later(fence, dep->fence)) {
			dma_fence_put(dep->fence);
			dep->fence = dma_fence_get(fence);
		}
		return 0;
	}

	*slot = deps->count;
	dep = &deps->table[deps->count++];
	dep->fence = dma_fence_get(fence);
	dep->deps = deps;
	dep->is_explicit = is_explicit;
	dep->own = zcgem_fence_is_own(fence);
	return 0;
}

/**
 * zcgem_deps_add() - Wait for a fence too.
 * @deps: not armed
 * @fence: the fence, a container perhaps; the caller keeps its reference
 * @is_explicit: the client has named it, so its error is the job's
 *
 * Return: 0, -ENOMEM, -E2BIG, or -EINTR if the caller is being killed.
 */
int zcgem_deps_add(struct zcgem_deps *deps, struct dma_fence *fence, bool is_explicit)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence *part;
	int ret = 0;

	dma_fence_unwrap_for_each(part, &cursor, fence) {
		ret = zcgem_deps_add_one(deps, part, is_explicit);
		cond_resched();
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (ret) {
			/* What the rest of the walk would have let go of. */
			dma_fence_put(cursor.chain);
			break;
		}
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
 * @deps: armed, or about to be
 * @error: why, negative; the first one counts
 *
 * Any context.
 */
void zcgem_deps_abort(struct zcgem_deps *deps, int error)
{
	cmpxchg(&deps->error, 0, error);
	dma_fence_signal(&deps->ready->base);
}
