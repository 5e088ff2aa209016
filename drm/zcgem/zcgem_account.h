/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_ACCOUNT_H_
#define _ZCGEM_ACCOUNT_H_

#include <linux/types.h>

struct mm_struct;
struct user_struct;

/**
 * struct zcgem_charge - What an object has charged to whom.
 */
struct zcgem_charge {
	/** @user: Whose &user_struct.locked_vm was raised, NULL if nobody's. */
	struct user_struct *user;

	/** @mm: Whose &mm_struct.pinned_vm was raised, for statistics. */
	struct mm_struct *mm;

	/** @npages: Pages charged. */
	unsigned long npages;
};

int zcgem_charge(struct zcgem_charge *charge, unsigned long npages);
void zcgem_uncharge(struct zcgem_charge *charge);

#endif /* _ZCGEM_ACCOUNT_H_ */
