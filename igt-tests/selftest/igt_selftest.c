// SPDX-License-Identifier: MIT
/*
 * Uses each kind of block once, with a known outcome; run.py compares what
 * libigt.so.0 makes of it.
 */
#include "igt.h"

IGT_TEST_DESCRIPTION("Use each kind of block with a known outcome");

static int fixtures;

int igt_main()
{
	igt_fixture()
		fixtures++;

	igt_describe("passes");
	igt_subtest("pass")
		igt_assert_eq(fixtures, 1);

	igt_subtest_f("pass-%s", "formatted")
		igt_assert_eq_u64(~0ull, ~0ull);

	igt_subtest("skip")
		igt_require_f(fixtures > 1, "there is one fixture\n");

	igt_subtest("skip-on")
		igt_skip_on(fixtures == 1);

	igt_subtest("fail")
		igt_assert_f(fixtures > 1, "there is one fixture\n");

	igt_subtest("fail-compare")
		igt_assert_eq_u64(1ull << 40, 0);

	igt_subtest("pass-fork") {
		igt_fork(child, 2)
			igt_assert_lt(child, 2);
		igt_waitchildren();
	}

	igt_subtest("fail-fork") {
		igt_fork(child, 2)
			igt_assert_eq(child, 0);
		igt_waitchildren();
	}

	igt_subtest_group() {
		igt_fixture()
			igt_require(fixtures > 1);

		igt_subtest("skip-group")
			igt_assert(false);
	}

	/* what the group's fixture refused must not reach out of the group */
	igt_subtest("pass-after-group")
		igt_assert_neq(fixtures, 0);

	igt_fixture()
		fixtures--;
}
