/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_PATIENCE_H_
#define _ZCGEM_PATIENCE_H_

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>

/**
 * struct zcgem_patience - How long strangers wait for the jobs of a user.
 */
struct zcgem_patience {
	/** @users: References, under the lock of the list. */
	unsigned int users;

	/** @link: In the list of all users. */
	struct list_head link;

	/** @uid: The user. */
	kuid_t uid;

	/** @lock: Guards @whole; a leaf lock. */
	spinlock_t lock;

	/** @whole: When the budget is whole again, ktime_get_ns(). */
	u64 whole;
};

struct zcgem_patience *zcgem_patience_get(kuid_t uid);
void zcgem_patience_put(struct zcgem_patience *patience);
u64 zcgem_patience_left(struct zcgem_patience *patience);
void zcgem_patience_spend(struct zcgem_patience *patience, u64 ns);
void zcgem_patience_exit(void);

#endif /* _ZCGEM_PATIENCE_H_ */
