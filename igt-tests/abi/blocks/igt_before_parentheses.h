/* SPDX-License-Identifier: MIT */
/*
 * Put in front of every source file when -Digt names a tree of IGT 2.2 or
 * older, where igt_main, igt_fixture and igt_subtest_group took no parentheses.
 */
#ifndef ZCGEM_IGT_BEFORE_PARENTHESES_H
#define ZCGEM_IGT_BEFORE_PARENTHESES_H

#include "igt.h"

#undef igt_main
#undef igt_main_args
#undef igt_fixture
#undef igt_subtest_group

#include "igt_blocks.h"

#endif /* ZCGEM_IGT_BEFORE_PARENTHESES_H */
