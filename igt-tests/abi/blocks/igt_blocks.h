/* SPDX-License-Identifier: MIT */
/*
 * The blocks that an IGT test is made of, in the form that IGT has had since
 * they are written with parentheses: igt_main(), igt_fixture(),
 * igt_subtest_group().
 *
 * They only arrange calls of libigt.so.0, so this file serves our own
 * declarations as well as the headers of an IGT tree that is too old to have
 * the parentheses.
 */
#ifndef ZCGEM_IGT_BLOCKS_H
#define ZCGEM_IGT_BLOCKS_H

#include <setjmp.h>
#include <stddef.h>

#define igt_main() igt_main_args(NULL, NULL, NULL, NULL, NULL)

/* "int igt_main()" makes "int" the type of the prototype that comes first */
#define igt_main_args(shorts, longs, help, handler, data)		\
	main(int argc, char **argv);					\
	static void igt_unique(__real_main)(void);			\
	int main(int argc, char **argv)					\
	{								\
		igt_subtest_init_parse_opts(&argc, argv, shorts, longs,	\
					    help, handler, data);	\
		igt_unique(__real_main)();				\
		igt_exit();						\
	}								\
	static void igt_unique(__real_main)(void)

#define igt_fixture()							\
	for (volatile int igt_unique(__once) = 0;			\
	     !igt_unique(__once) && __igt_fixture() &&			\
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0;			\
	     igt_unique(__once) = 1, __igt_fixture_complete())

#define igt_subtest_group()						\
	for (int igt_unique(__once) = 0, igt_unique(__save) = 0,	\
	     igt_unique(__desc) = 0;					\
	     !igt_unique(__once) &&					\
	     (__igt_subtest_group_save(&igt_unique(__save),		\
				       &igt_unique(__desc)), 1);	\
	     igt_unique(__once) = 1,					\
	     __igt_subtest_group_restore(igt_unique(__save),		\
					 igt_unique(__desc)))

#endif /* ZCGEM_IGT_BLOCKS_H */
