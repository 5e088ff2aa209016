// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: patience
 *
 * Reclaim, write-back, compaction and other processes call the MMU notifiers of mirrored memory,
 * often with locks held that the whole machine needs, and wait there for jobs of the memory's
 * owner. What they wait for all jobs of a user comes out of one budget, which is a second and
 * fills again by one twentieth of the time that passes: however many objects, files and processes
 * a user has, strangers lose a second and then one part in twenty of their time to them. When the
 * budget is used up jobs that are in the way are ended at once.
 *
 * All devices share the budgets.
 */

#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "zcgem_patience.h"

#define ZCGEM_PATIENCE_NS	NSEC_PER_SEC
#define ZCGEM_PATIENCE_REFILL	20

static DEFINE_MUTEX(zcgem_patience_mutex);
static LIST_HEAD(zcgem_patience_list);

static u64 zcgem_patience_used(const struct zcgem_patience *patience, u64 now)
{
	return patience->whole > now ? (patience->whole - now) / ZCGEM_PATIENCE_REFILL : 0;
}

/**
 * zcgem_patience_left() - How long a stranger may wait now.
 * @patience: the budget
 *
 * Return: nanoseconds.
 */
u64 zcgem_patience_left(struct zcgem_patience *patience)
{
	u64 used;

	spin_lock(&patience->lock);
	used = zcgem_patience_used(patience, ktime_get_ns());
	spin_unlock(&patience->lock);
	return used < ZCGEM_PATIENCE_NS ? ZCGEM_PATIENCE_NS - used : 0;
}

/* List locked. Forget users without objects whose budget is whole, or with @all every one. */
static void zcgem_patience_prune(bool all)
{
	struct zcgem_patience *patience, *next;

	list_for_each_entry_safe(patience, next, &zcgem_patience_list, link) {
		if (patience->users || (!all && zcgem_patience_left(patience) < ZCGEM_PATIENCE_NS))
			continue;
		list_del(&patience->link);
		kfree(patience);
	}
}

/**
 * zcgem_patience_get() - The budget of a user.
 * @uid: the user
 *
 * Return: the budget, for zcgem_patience_put(), or NULL without memory.
 */
struct zcgem_patience *zcgem_patience_get(kuid_t uid)
{
	struct zcgem_patience *patience;

	mutex_lock(&zcgem_patience_mutex);
	zcgem_patience_prune(false);
	list_for_each_entry(patience, &zcgem_patience_list, link)
		if (uid_eq(patience->uid, uid))
			goto found;
	patience = kzalloc(sizeof(*patience), GFP_KERNEL_ACCOUNT);
	if (!patience)
		goto unlock;
	spin_lock_init(&patience->lock);
	patience->uid = uid;
	list_add(&patience->link, &zcgem_patience_list);
found:
	patience->users++;
unlock:
	mutex_unlock(&zcgem_patience_mutex);
	return patience;
}

/**
 * zcgem_patience_put() - Drop what zcgem_patience_get() returned.
 * @patience: the budget
 *
 * It is remembered until it is whole, or a user could have a new one by closing all objects.
 */
void zcgem_patience_put(struct zcgem_patience *patience)
{
	mutex_lock(&zcgem_patience_mutex);
	patience->users--;
	mutex_unlock(&zcgem_patience_mutex);
}

/**
 * zcgem_patience_exit() - Forget all users; no object is left.
 */
void zcgem_patience_exit(void)
{
	zcgem_patience_prune(true);
}

/**
 * zcgem_patience_spend() - A stranger has waited.
 * @patience: the budget
 * @ns: how long
 */
void zcgem_patience_spend(struct zcgem_patience *patience, u64 ns)
{
	u64 now = ktime_get_ns();

	spin_lock(&patience->lock);
	patience->whole = max(patience->whole, now) + ns * ZCGEM_PATIENCE_REFILL;
	spin_unlock(&patience->lock);
}
