// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: accounting
 *
 * Memory that a device or the kernel can hold in place is charged to the user who made
 * the object, in &user_struct.locked_vm, the counter of io_uring and perf. All processes
 * of the user share it, so that forking gives no more. zcgem_hold.c says when and how
 * much; this file says to whom and up to which limit.
 *
 * The limit is the larger of the creator's RLIMIT_MEMLOCK and the user's share of the
 * machine's memory, user_percent. CAP_IPC_LOCK lifts it, and then the user's count is left
 * alone. The charge remembers all this from the object's creation, since another process,
 * of another user, may be the one who attaches.
 *
 * The count is the user's and the limit is a process's. So what was charged to a limit
 * larger than the share is counted apart, and a process whose own limit is smaller than
 * that compares the rest with the share: a process with a large limit does not use up the
 * share of the others. What io_uring and perf have locked is in the rest.
 *
 * The share belongs to users of the initial user namespace and to who made a user
 * namespace below it. Someone with a range of subordinate UIDs would have as many shares
 * otherwise; those UIDs have RLIMIT_MEMLOCK.
 *
 * The locks here are leaf locks. Nothing may take mmap_lock, since objects die under
 * dma_resv and in reclaim.
 */

#include <kunit/visibility.h>

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "zcgem_account.h"

static unsigned int user_percent = 25;

static int zcgem_set_percent(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, 0, 100);
}

static const struct kernel_param_ops zcgem_percent_ops = {
	.set = zcgem_set_percent,
	.get = param_get_uint,
};

module_param_cb(user_percent, &zcgem_percent_ops, &user_percent, 0644);
__MODULE_PARM_TYPE(user_percent, "uint");
MODULE_PARM_DESC(user_percent,
		 "Percent of memory that each user may lock whatever RLIMIT_MEMLOCK says (0 to 100, default 25)");

/**
 * struct zcgem_user - What the driver knows of a user that has objects.
 */
struct zcgem_user {
	/** @link: In zcgem_users. */
	struct hlist_node link;

	/** @user: Whose &user_struct.locked_vm is raised; referenced. */
	struct user_struct *user;

	/** @objects: Objects that have the user. Protected by zcgem_users_lock. */
	unsigned long objects;

	/** @lock: Protects the fields below. */
	spinlock_t lock;

	/** @beyond: Pages charged to limits larger than the share. */
	unsigned long beyond;

	/** @largest: The largest of these limits, pages. */
	unsigned long largest;
};

static DEFINE_HASHTABLE(zcgem_users, 6);
static DEFINE_SPINLOCK(zcgem_users_lock);

static struct zcgem_user *zcgem_user_find(struct user_struct *user)
{
	struct zcgem_user *found;

	hash_for_each_possible(zcgem_users, found, link, (unsigned long)user) {
		if (found->user == user) {
			found->objects++;
			return found;
		}
	}
	return NULL;
}

/* The current user, or NULL without memory. */
static struct zcgem_user *zcgem_user_get(void)
{
	struct user_struct *user = current_user();
	struct zcgem_user *found, *new;

	spin_lock(&zcgem_users_lock);
	found = zcgem_user_find(user);
	spin_unlock(&zcgem_users_lock);
	if (found)
		return found;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return NULL;
	new->user = get_uid(user);
	new->objects = 1;
	spin_lock_init(&new->lock);

	spin_lock(&zcgem_users_lock);
	found = zcgem_user_find(user);
	if (!found)
		hash_add(zcgem_users, &new->link, (unsigned long)user);
	spin_unlock(&zcgem_users_lock);
	if (!found)
		return new;

	free_uid(new->user);
	kfree(new);
	return found;
}

static void zcgem_user_put(struct zcgem_user *user)
{
	bool last;

	spin_lock(&zcgem_users_lock);
	last = !--user->objects;
	if (last)
		hash_del(&user->link);
	spin_unlock(&zcgem_users_lock);
	if (!last)
		return;
	free_uid(user->user);
	kfree(user);
}

static bool zcgem_user_has_share(void)
{
	struct user_namespace *ns = current_user_ns();

	while (ns->level > 1)
		ns = ns->parent;
	return !ns->level || uid_eq(ns->owner, current_uid());
}

static unsigned long zcgem_share_pages(void)
{
	return mult_frac(totalram_pages(), (unsigned long)READ_ONCE(user_percent), 100UL);
}

/**
 * zcgem_user_share() - The share of memory that the current user may lock.
 *
 * Return: bytes; 0 if there is RLIMIT_MEMLOCK only.
 */
u64 zcgem_user_share(void)
{
	return zcgem_user_has_share() ? (u64)zcgem_share_pages() << PAGE_SHIFT : 0;
}

/**
 * zcgem_charge_init() - Remember the current user and its limit.
 * @charge: filled in; zcgem_charge_fini() undoes it
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_charge_init(struct zcgem_charge *charge)
{
	memset(charge, 0, sizeof(*charge));
	if (!capable(CAP_IPC_LOCK)) {
		charge->user = zcgem_user_get();
		if (!charge->user)
			return -ENOMEM;
		charge->limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
		charge->share = zcgem_user_has_share();
	}
	if (current->mm) {
		mmgrab(current->mm);
		charge->mm = current->mm;
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_charge_init);

/**
 * zcgem_charge_fini() - Refund what is charged, and forget the user.
 * @charge: what zcgem_charge_init() filled in, or zeroes; zeroed
 *
 * Callable in any context that may drop the last reference of an mm_struct's
 * memory (not of its users), so under dma_resv too.
 */
void zcgem_charge_fini(struct zcgem_charge *charge)
{
	zcgem_charge_set(charge, 0);
	if (charge->user)
		zcgem_user_put(charge->user);
	if (charge->mm)
		mmdrop(charge->mm);
	memset(charge, 0, sizeof(*charge));
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_charge_fini);

/**
 * zcgem_charge_limit() - The limit of a charge.
 * @charge: what zcgem_charge_init() filled in
 *
 * Return: pages that the user may have locked; ULONG_MAX without a limit.
 */
unsigned long zcgem_charge_limit(const struct zcgem_charge *charge)
{
	if (!charge->user)
		return ULONG_MAX;
	return max(charge->limit, charge->share ? zcgem_share_pages() : 0UL);
}

static bool zcgem_fits(unsigned long locked, unsigned long npages, unsigned long limit)
{
	return npages <= limit && locked <= limit - npages;
}

/* Whether the user, who has @locked pages locked, may lock more. The user's lock is held. */
static bool zcgem_may_lock(struct zcgem_charge *charge, unsigned long locked,
			   unsigned long npages)
{
	const struct zcgem_user *user = charge->user;
	unsigned long share = charge->share ? zcgem_share_pages() : 0;

	charge->beyond = charge->limit > share;
	if (charge->beyond) {
		if (zcgem_fits(locked, npages, charge->limit))
			return true;
		if (charge->limit >= user->largest)
			return false;
		charge->beyond = false;
	}
	return zcgem_fits(locked - min(locked, user->beyond), npages, share);
}

static int zcgem_charge_user(struct zcgem_charge *charge, unsigned long npages)
{
	struct zcgem_user *user = charge->user;
	atomic_long_t *count = &user->user->locked_vm;
	unsigned long locked;
	int ret = 0;

	spin_lock(&user->lock);
	locked = atomic_long_read(count);
	do {
		if (!zcgem_may_lock(charge, locked, npages)) {
			ret = -ENOMEM;
			break;
		}
	} while (!atomic_long_try_cmpxchg(count, &locked, locked + npages));
	if (!ret && charge->beyond) {
		user->beyond += npages;
		user->largest = max(user->largest, charge->limit);
	}
	spin_unlock(&user->lock);
	return ret;
}

/**
 * zcgem_charge() - Charge pages if the limit allows it.
 * @charge: what zcgem_charge_init() filled in, with nothing charged
 * @npages: pages
 *
 * Return: 0, or -ENOMEM if the limit does not allow it; then nothing is charged.
 */
int zcgem_charge(struct zcgem_charge *charge, unsigned long npages)
{
	if (charge->user) {
		int ret = zcgem_charge_user(charge, npages);

		if (ret)
			return ret;
	}
	if (charge->mm)
		atomic64_add(npages, &charge->mm->pinned_vm);
	charge->npages = npages;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_charge);

/**
 * zcgem_charge_set() - Change what is charged, whatever the limit.
 * @charge: what zcgem_charge_init() filled in
 * @npages: pages, 0 for a refund; more than before if something is charged
 */
void zcgem_charge_set(struct zcgem_charge *charge, unsigned long npages)
{
	struct zcgem_user *user = charge->user;
	long more = npages - charge->npages;

	if (!more)
		return;
	if (user) {
		spin_lock(&user->lock);
		atomic_long_add(more, &user->user->locked_vm);
		if (charge->beyond)
			user->beyond += more;
		if (!user->beyond)
			user->largest = 0;
		spin_unlock(&user->lock);
	}
	if (charge->mm)
		atomic64_add(more, &charge->mm->pinned_vm);
	charge->npages = npages;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_charge_set);
