/* SPDX-License-Identifier: MIT */
/*
 * What the zcgem tests use of libigt.so.0's test control flow and logging.
 *
 * Written from the library's binary interface, for machines that have the
 * library but no IGT headers. meson.build names every symbol used here and the
 * configure step fails when the library lacks one; the igt-abi test runs each
 * kind of block and compares the outcome.
 */
#ifndef ZCGEM_ABI_IGT_CORE_H
#define ZCGEM_ABI_IGT_CORE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef IGT_LOG_DOMAIN
#define IGT_LOG_DOMAIN (NULL)
#endif

#define __igt_join2(a, b) a ## b
#define __igt_join(a, b) __igt_join2(a, b)
#define igt_unique(name) __igt_join(__igt_join(name, _line_), __LINE__)

/* The library looks for this name, so it must be what it is in IGT. */
extern const char *__igt_test_description __attribute__((weak));
#define IGT_TEST_DESCRIPTION(text) const char *__igt_test_description = text

#define IGT_EXIT_SKIP		77
#define IGT_EXIT_SUCCESS	0
#define IGT_EXIT_INVALID	79
#define IGT_EXIT_FAILURE	98
#define IGT_EXIT_ABORT		112

struct option;
typedef int (*igt_opt_handler_t)(int opt, int opt_index, void *data);

extern jmp_buf igt_subtest_jmpbuf;

int igt_subtest_init_parse_opts(int *argc, char **argv, const char *shorts,
				const struct option *longs, const char *help,
				igt_opt_handler_t handler, void *data);
bool __igt_fixture(void);
void __igt_fixture_complete(void);
bool __igt_run_subtest(const char *name, const char *file, const int line);
void __igt_subtest_group_save(int *save, int *desc);
void __igt_subtest_group_restore(int save, int desc);
const char *igt_subtest_name(void);
bool igt_only_list_subtests(void);
void igt_success(void);
void igt_exit(void) __attribute__((noreturn));

void igt_skip(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void __igt_skip_check(const char *file, const int line, const char *func,
		      const char *check, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 5, 6)));
void igt_fail(int exitcode) __attribute__((noreturn));
void __igt_fail_assert(const char *domain, const char *file, const int line,
		       const char *func, const char *assertion,
		       const char *fmt, ...)
	__attribute__((noreturn, format(printf, 6, 7)));

void igt_describe_f(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#include "igt_blocks.h"

#define igt_subtest(name)						\
	for (; __igt_run_subtest((name), __FILE__, __LINE__) &&		\
	       sigsetjmp(igt_subtest_jmpbuf, 1) == 0;			\
	     igt_success())

#define igt_subtest_f(...)						\
	for (char igt_unique(__name)[256];				\
	     snprintf(igt_unique(__name), sizeof(igt_unique(__name)),	\
		      __VA_ARGS__),					\
	     __igt_run_subtest(igt_unique(__name), __FILE__, __LINE__) &&	\
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0;			\
	     igt_success())

#define igt_describe(text) igt_describe_f("%s", text)

/* Assertions: a failed one ends the subtest by a long jump. */

#define __igt_check(cond, text, ...)					\
	do {								\
		if (!(cond))						\
			__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__,	\
					  __LINE__, __func__, text,	\
					  __VA_ARGS__);			\
	} while (0)

#define igt_assert(cond) __igt_check(cond, #cond, NULL)
#define igt_assert_f(cond, ...) __igt_check(cond, #cond, __VA_ARGS__)

#define __igt_compare(type, fmt, cast, a, op, not_op, b)		\
	do {								\
		type __a = (a), __b = (b);				\
									\
		__igt_check(__a op __b, #a " " #op " " #b,		\
			    "error: " fmt " " #not_op " " fmt "\n",	\
			    (cast)__a, (cast)__b);			\
	} while (0)

#define __igt_cmp_int(a, op, not_op, b)					\
	__igt_compare(int, "%d", int, a, op, not_op, b)
#define __igt_cmp_u32(a, op, not_op, b)					\
	__igt_compare(uint32_t, "%#x", unsigned int, a, op, not_op, b)
#define __igt_cmp_u64(a, op, not_op, b)					\
	__igt_compare(uint64_t, "%#llx", unsigned long long, a, op, not_op, b)

#define igt_assert_eq(a, b)		__igt_cmp_int(a, ==, !=, b)
#define igt_assert_neq(a, b)		__igt_cmp_int(a, !=, ==, b)
#define igt_assert_lte(a, b)		__igt_cmp_int(a, <=, >, b)
#define igt_assert_lt(a, b)		__igt_cmp_int(a, <, >=, b)
#define igt_assert_eq_u32(a, b)		__igt_cmp_u32(a, ==, !=, b)
#define igt_assert_neq_u32(a, b)	__igt_cmp_u32(a, !=, ==, b)
#define igt_assert_eq_u64(a, b)		__igt_cmp_u64(a, ==, !=, b)
#define igt_assert_neq_u64(a, b)	__igt_cmp_u64(a, !=, ==, b)
#define igt_assert_lte_u64(a, b)	__igt_cmp_u64(a, <=, >, b)
#define igt_assert_lt_u64(a, b)		__igt_cmp_u64(a, <, >=, b)
#define igt_assert_fd(fd)						\
	igt_assert_f((fd) >= 0, "file descriptor " #fd " failed\n")

/* Requirements: one that is not met skips the subtest, or in a fixture all. */

#define __igt_need(cond, text, ...)					\
	do {								\
		if (!(cond))						\
			__igt_skip_check(__FILE__, __LINE__, __func__,	\
					 text, __VA_ARGS__);		\
		igt_debug("Test requirement passed: %s\n", text);	\
	} while (0)

#define igt_require(cond) __igt_need(cond, #cond, NULL)
#define igt_require_f(cond, ...) __igt_need(cond, #cond, __VA_ARGS__)
#define igt_skip_on(cond) __igt_need(!(cond), "!(" #cond ")", NULL)
#define igt_skip_on_f(cond, ...) __igt_need(!(cond), "!(" #cond ")", __VA_ARGS__)

/* Children: a failed assertion in one fails the parent's igt_waitchildren(). */

bool __igt_fork(void);
void igt_waitchildren(void);
#define igt_fork(child, count)						\
	for (int child = 0; child < (count); child++)			\
		for (; __igt_fork(); exit(0))

typedef void (*igt_exit_handler_t)(int sig);
void igt_install_exit_handler(igt_exit_handler_t fn);

enum igt_log_level {
	IGT_LOG_DEBUG,
	IGT_LOG_INFO,
	IGT_LOG_WARN,
	IGT_LOG_CRITICAL,
	IGT_LOG_NONE,
};

void igt_log(const char *domain, enum igt_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define igt_debug(...) igt_log(IGT_LOG_DOMAIN, IGT_LOG_DEBUG, __VA_ARGS__)
#define igt_info(...) igt_log(IGT_LOG_DOMAIN, IGT_LOG_INFO, __VA_ARGS__)
#define igt_warn(...) igt_log(IGT_LOG_DOMAIN, IGT_LOG_WARN, __VA_ARGS__)

#endif /* ZCGEM_ABI_IGT_CORE_H */
