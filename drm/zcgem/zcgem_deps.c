// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: dependencies
 *
 * The fences that a job waits for. An error of one that the client has named is the job's; errors
 * of fences that are merely found on an object are their owners' business.
 *
 * A fence that clients can make (sw_sync, or a driver's that hangs) may never signal, and eviction,
 * revocation, exit and memory reclaim would wait for ever behind it. So fences that are not the
 * driver's own are waited for ZCGEM_IN_FENCE_SECONDS from the submit on and no longer. Own ones
 * have no limit, since each of them is bounded by this and by ZCGEM_JOB_SECONDS.
 *
 * Fence containers are taken apart, so that own fences are recognised in them. What is found more
 * than once is waited for once: whenever the table is full it is sorted, and of fences on objects
 * only the last one of a context is kept, of those that the client has named each. So chains of the
 * same timeline that are named a thousand times are no million fences; there are at most
 * ZCGEM_MAX_DEPS.
 *
 * Callbacks are added when the job has become the first of its queue, so that a fence has no more
 * of them than there are queues. They run with a fence's lock held and interrupts off. Only adding
 * fences allocates.
 */

#include <linux/dma-fence-unwrap.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "zcgem_deps.h"
#include "zcgem_extents.h"
#include "zcgem_fence.h"
#include "zcgem_job.h"

struct zcgem_dep {
	struct dma_fence_cb cb;
	struct dma_fence *fence;
	struct zcgem_deps *deps;
	bool is_explicit;
};

#define ZCGEM_DEPS_FIRST	4U
#define ZCGEM_MAX_DEPS		65536U

/**
 * zcgem_deps_init() - Start with nothing to wait for.
 * @deps: zeroed
 * @queue: the queue of the job
 */
void zcgem_deps_init(struct zcgem_deps *deps, struct zcgem_queue *queue)
{
	deps->queue = queue;
}

/**
 * zcgem_deps_fini() - Drop the fences.
 * @deps: whatever has happened to it; not in atomic context
 */
void zcgem_deps_fini(struct zcgem_deps *deps)
{
	unsigned int i;

	for (i = 0; i < deps->count; i++) {
		/* This takes the fence's lock, under which a callback would run. */
		if (deps->armed)
			dma_fence_remove_callback(deps->table[i].fence, &deps->table[i].cb);
		dma_fence_put(deps->table[i].fence);
	}
	zcgem_table_free(deps->table);
}

/* Those that the client has named first, by address; then the others, of a context the last. */
static int zcgem_deps_compare(const void *a, const void *b)
{
	const struct zcgem_dep *x = a, *y = b;
	u64 p, q;

	if (x->is_explicit != y->is_explicit)
		return x->is_explicit ? -1 : 1;
	p = x->is_explicit ? (uintptr_t)x->fence : x->fence->context;
	q = y->is_explicit ? (uintptr_t)y->fence : y->fence->context;
	if (p != q)
		return p < q ? -1 : 1;
	if (x->fence == y->fence)
		return 0;
	return dma_fence_is_later(x->fence, y->fence) ? -1 : 1;
}

static bool zcgem_deps_same(const struct zcgem_dep *x, const struct zcgem_dep *y)
{
	if (x->is_explicit != y->is_explicit)
		return false;
	return x->is_explicit ? x->fence == y->fence : x->fence->context == y->fence->context;
}

/* Keep each once. */
static void zcgem_deps_compact(struct zcgem_deps *deps)
{
	unsigned int i, kept = 0;

	sort(deps->table, deps->count, sizeof(*deps->table), zcgem_deps_compare, NULL);
	for (i = 0; i < deps->count; i++) {
		if (kept && zcgem_deps_same(&deps->table[kept - 1], &deps->table[i]))
			dma_fence_put(deps->table[i].fence);
		else
			deps->table[kept++] = deps->table[i];
	}
	deps->count = kept;
}

/* Table full. There will be room for as many again, so sorting is rare. */
static int zcgem_deps_grow(struct zcgem_deps *deps)
{
	struct zcgem_dep *table;
	unsigned int capacity;

	zcgem_deps_compact(deps);
	if (deps->count > ZCGEM_MAX_DEPS)
		return -E2BIG;
	if (deps->capacity && deps->count <= deps->capacity / 2)
		return 0;

	capacity = max(2 * deps->capacity, ZCGEM_DEPS_FIRST);
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

/* A fence that is no container. */
static int zcgem_deps_add_one(struct zcgem_deps *deps, struct dma_fence *fence,
			      bool is_explicit)
{
	int ret;

	ret = dma_fence_get_status(fence);
	if (ret) {
		if (ret < 0 && is_explicit)
			cmpxchg(&deps->error, 0, ret);
		return 0;
	}
	/* What is before a job in its queue is over before it begins. */
	if (!is_explicit && fence->context == deps->queue->context)
		return 0;
	if (deps->count == deps->capacity) {
		ret = zcgem_deps_grow(deps);
		if (ret)
			return ret;
	}
	deps->table[deps->count++] = (struct zcgem_dep) {
		.fence = dma_fence_get(fence),
		.deps = deps,
		.is_explicit = is_explicit,
	};
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
			/* What the rest of the walk would have dropped. */
			dma_fence_put(cursor.chain);
			break;
		}
	}
	return ret;
}

/**
 * zcgem_deps_end() - There are no more fences to add.
 * @deps: not armed
 *
 * Return: 0, or -E2BIG if there are too many.
 */
int zcgem_deps_end(struct zcgem_deps *deps)
{
	if (deps->count > ZCGEM_MAX_DEPS)
		zcgem_deps_compact(deps);
	return deps->count > ZCGEM_MAX_DEPS ? -E2BIG : 0;
}

/**
 * zcgem_deps_drop_implicit() - Forget the fences that were found on objects.
 * @deps: not armed
 */
void zcgem_deps_drop_implicit(struct zcgem_deps *deps)
{
	unsigned int i, kept = 0;

	for (i = 0; i < deps->count; i++) {
		if (deps->table[i].is_explicit)
			deps->table[kept++] = deps->table[i];
		else
			dma_fence_put(deps->table[i].fence);
	}
	deps->count = kept;
}

static void zcgem_dep_done(struct zcgem_dep *dep)
{
	struct zcgem_deps *deps = dep->deps;

	if (dep->is_explicit && dep->fence->error)
		cmpxchg(&deps->error, 0, dep->fence->error);
	if (atomic_dec_and_test(&deps->pending))
		zcgem_queue_kick(deps->queue);
}

static void zcgem_dep_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	zcgem_dep_done(container_of(cb, struct zcgem_dep, cb));
}

/**
 * zcgem_deps_arm() - Wait, without sleeping.
 * @deps: complete; stays where it is until zcgem_deps_fini()
 *
 * The first call adds callbacks to the fences.
 *
 * Return: true if all have signalled; else the queue is kicked when they have.
 */
bool zcgem_deps_arm(struct zcgem_deps *deps)
{
	unsigned int i;

	if (!deps->count)
		return true;
	if (!deps->armed) {
		deps->armed = true;
		atomic_set(&deps->pending, deps->count);
		for (i = 0; i < deps->count; i++)
			if (dma_fence_add_callback(deps->table[i].fence, &deps->table[i].cb,
						   zcgem_dep_signalled))
				zcgem_dep_done(&deps->table[i]);
	}
	return !atomic_read(&deps->pending);
}

/**
 * zcgem_deps_foreign() - Is a fence pending that the driver cannot answer for?
 * @deps: armed
 *
 * Return: true if one that is not the driver's own has not signalled.
 */
bool zcgem_deps_foreign(const struct zcgem_deps *deps)
{
	unsigned int i;

	for (i = 0; i < deps->count; i++)
		if (!dma_fence_is_signaled(deps->table[i].fence) &&
		    !zcgem_fence_is_own(deps->table[i].fence))
			return true;
	return false;
}

/**
 * zcgem_deps_pending() - What is still waited for.
 * @deps: complete
 * @context: gets the context of one of the fences, if there is one
 * @seqno: gets its number
 *
 * Return: how many fences have not signalled.
 */
u32 zcgem_deps_pending(const struct zcgem_deps *deps, u64 *context, u64 *seqno)
{
	u32 i, pending = 0;

	for (i = 0; i < deps->count; i++) {
		const struct dma_fence *fence = deps->table[i].fence;

		if (test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags))
			continue;
		*context = fence->context;
		*seqno = fence->seqno;
		pending++;
	}
	return pending;
}
