// SPDX-License-Identifier: GPL-2.0
/*
 * Charges against RLIMIT_MEMLOCK. Each case runs in a thread that is a process of its own, so
 * that privileges and limits can be taken away from it.
 */

#include <kunit/test.h>

#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/resource.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include "zcgem_account.h"

#define ROOM	100UL

/* The caller's user, who has @ROOM pages left and no privileges. */
static struct user_struct *become_unprivileged(struct kunit *test, const struct cred **old)
{
	struct cred *cred = prepare_creds();
	struct user_struct *user;
	unsigned long used;

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cap_clear(cred->cap_effective);
	*old = override_creds(cred);
	user = current_user();
	used = atomic_long_read(&user->locked_vm);
	current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur = (used + ROOM) << PAGE_SHIFT;
	return user;
}

static void become_privileged(const struct cred *old)
{
	const struct cred *cred = current_cred();

	revert_creds(old);
	put_cred(cred);
}

static void account_up_to_the_limit(struct kunit *test)
{
	struct zcgem_charge first = {}, second = {}, third = {};
	const struct cred *old;
	struct user_struct *user = become_unprivileged(test, &old);
	long before = atomic_long_read(&user->locked_vm);

	KUNIT_ASSERT_EQ(test, zcgem_charge_init(&first), 0);
	KUNIT_ASSERT_EQ(test, zcgem_charge_init(&second), 0);
	KUNIT_ASSERT_EQ(test, zcgem_charge_init(&third), 0);
	first.share = false;
	second.share = false;
	third.share = false;
	KUNIT_EXPECT_EQ(test, zcgem_charge(&first, ROOM - 1), 0);
	KUNIT_EXPECT_EQ(test, zcgem_charge(&second, 2), -ENOMEM);
	KUNIT_EXPECT_EQ(test, second.npages, 0);
	KUNIT_EXPECT_EQ(test, zcgem_charge(&second, 1), 0);
	KUNIT_EXPECT_EQ(test, zcgem_charge(&third, 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm) - before, (long)ROOM);
	KUNIT_EXPECT_PTR_EQ(test, first.user, second.user);
	KUNIT_EXPECT_EQ(test, first.npages, ROOM - 1);

	zcgem_charge_fini(&first);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm) - before, 1);
	/* A charge is given back once, however often. */
	zcgem_charge_fini(&first);
	zcgem_charge_fini(&second);
	zcgem_charge_fini(&third);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm), before);
	become_privileged(old);
}

static void account_does_not_wrap(struct kunit *test)
{
	struct zcgem_charge charge = {};
	const struct cred *old;
	struct user_struct *user = become_unprivileged(test, &old);
	long before = atomic_long_read(&user->locked_vm);

	KUNIT_ASSERT_EQ(test, zcgem_charge_init(&charge), 0);
	charge.share = false;
	KUNIT_EXPECT_EQ(test, zcgem_charge(&charge, ULONG_MAX), -ENOMEM);
	KUNIT_EXPECT_EQ(test, zcgem_charge(&charge, ULONG_MAX - ROOM + 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, zcgem_charge(&charge, LONG_MAX), -ENOMEM);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm), before);
	zcgem_charge_fini(&charge);
	become_privileged(old);
}

static void account_without_limit(struct kunit *test)
{
	struct zcgem_charge charge = {};
	const struct cred *old;
	struct user_struct *user = become_unprivileged(test, &old);
	long before = atomic_long_read(&user->locked_vm);

	current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur = RLIM_INFINITY;
	KUNIT_ASSERT_EQ(test, zcgem_charge_init(&charge), 0);
	KUNIT_EXPECT_EQ(test, zcgem_charge(&charge, 1UL << 30), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm) - before, 1L << 30);
	zcgem_charge_fini(&charge);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm), before);
	become_privileged(old);
}

static void account_of_the_privileged(struct kunit *test)
{
	struct user_struct *user = current_user();
	long before = atomic_long_read(&user->locked_vm);
	struct zcgem_charge charge = {};

	current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur = 0;
	KUNIT_ASSERT_EQ(test, zcgem_charge_init(&charge), 0);
	KUNIT_EXPECT_EQ(test, zcgem_charge(&charge, 5), 0);
	KUNIT_EXPECT_EQ(test, charge.npages, 5);
	KUNIT_EXPECT_NULL(test, charge.user);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm), before);
	zcgem_charge_fini(&charge);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm), before);
	KUNIT_EXPECT_EQ(test, charge.npages, 0);
}

static void account_outlives_the_caller(struct kunit *test)
{
	struct zcgem_charge charge = {};
	const struct cred *old;
	struct user_struct *user = become_unprivileged(test, &old);
	long before = atomic_long_read(&user->locked_vm);

	KUNIT_ASSERT_EQ(test, zcgem_charge_init(&charge), 0);
	charge.share = false;
	/* Charged by one, given back by another, who has no charge of its own. */
	KUNIT_EXPECT_EQ(test, zcgem_charge(&charge, 7), 0);
	become_privileged(old);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm) - before, 7);
	zcgem_charge_fini(&charge);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm), before);
}

static struct kunit_case account_cases[] = {
	KUNIT_CASE(account_up_to_the_limit),
	KUNIT_CASE(account_does_not_wrap),
	KUNIT_CASE(account_without_limit),
	KUNIT_CASE(account_of_the_privileged),
	KUNIT_CASE(account_outlives_the_caller),
	{}
};

static struct kunit_suite account_suite = {
	.name = "zcgem_account",
	.test_cases = account_cases,
};

kunit_test_suite(account_suite);
