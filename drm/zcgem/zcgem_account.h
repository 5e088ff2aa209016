/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_ACCOUNT_H_
#define _ZCGEM_ACCOUNT_H_

#include <linux/types.h>

struct mm_struct;
struct zcgem_user;

/**
 * struct zcgem_charge - Who pays for an object, and what is charged now.
 *
 * All but the last two fields are set by zcgem_charge_init() and then constant.
 */
struct zcgem_charge {
	/** @user: The creator's user, NULL with CAP_IPC_LOCK: no count is raised then. */
	struct zcgem_user *user;

	/** @mm: Whose &mm_struct.pinned_vm is raised, for statistics; or NULL. */
	struct mm_struct *mm;

	/** @limit: The creator's RLIMIT_MEMLOCK at that time, pages. */
	unsigned long limit;

	/** @share: The user may lock its share of memory whatever @limit says. */
	bool share;

	/** @beyond: The pages were charged to a limit larger than the share. */
	bool beyond;

	/** @npages: Pages charged. */
	unsigned long npages;
};

int zcgem_charge_init(struct zcgem_charge *charge);
void zcgem_charge_fini(struct zcgem_charge *charge);
int zcgem_charge(struct zcgem_charge *charge, unsigned long npages);
void zcgem_charge_set(struct zcgem_charge *charge, unsigned long npages);
unsigned long zcgem_charge_limit(const struct zcgem_charge *charge);
u64 zcgem_user_share(void);

#endif /* _ZCGEM_ACCOUNT_H_ */
