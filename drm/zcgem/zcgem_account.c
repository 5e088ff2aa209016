// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: accounting
 *
 * Pages that an object may pin are charged to the user who created it, against
 * RLIMIT_MEMLOCK, the way io_uring charges registered buffers: one counter a
 * user, shared by all of the user's processes, so that forking gives no more.
 * CAP_IPC_LOCK, looked at when the charge is made, lifts the limit and then
 * nothing is added to the user's counter.
 *
 * The charge is a reservation for the life of the object: it stays while the
 * pages of an idle object are given back, so that getting them again cannot
 * fail for lack of a limit. It remembers whom it was made to, and is refunded
 * once, in any context, by whoever drops the object last.
 *
 * Everything here is atomic counters. It must never take mmap_lock, since
 * objects die under dma_resv and in reclaim.
 */

#include <kunit/visibility.h>

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include "zcgem_account.h"

static int zcgem_charge_user(struct user_struct *user, unsigned long npages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long locked = atomic_long_read(&user->locked_vm);

	do {
		if (npages > limit || locked > limit - npages)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &locked, locked + npages));

	return 0;
}

/**
 * zcgem_charge() - Charge pages to the calling user.
 * @charge: where to remember it, zeroed
 * @npages: pages
 *
 * Return: 0, or -ENOMEM if the limit does not allow it; then nothing is charged.
 */
int zcgem_charge(struct zcgem_charge *charge, unsigned long npages)
{
	int ret;

	if (!capable(CAP_IPC_LOCK)) {
		struct user_struct *user = get_uid(current_user());

		ret = zcgem_charge_user(user, npages);
		if (ret) {
			free_uid(user);
			return ret;
		}
		charge->user = user;
	}

	if (current->mm) {
		mmgrab(current->mm);
		charge->mm = current->mm;
		atomic64_add(npages, &charge->mm->pinned_vm);
	}
	charge->npages = npages;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_charge);

/**
 * zcgem_uncharge() - Refund a charge.
 * @charge: what zcgem_charge() filled in, or zeroes; zeroed again
 *
 * Callable in any context that may drop the last reference of an mm_struct's
 * memory (not of its users), so under dma_resv too.
 */
void zcgem_uncharge(struct zcgem_charge *charge)
{
	if (charge->user) {
		atomic_long_sub(charge->npages, &charge->user->locked_vm);
		free_uid(charge->user);
	}
	if (charge->mm) {
		atomic64_sub(charge->npages, &charge->mm->pinned_vm);
		mmdrop(charge->mm);
	}
	memset(charge, 0, sizeof(*charge));
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_uncharge);
