// SPDX-License-Identifier: MIT
/*
 * Calls of pure noise from a 32-bit program, for zcgem_fuzz. Without a C library, so that every
 * x86-64 compiler can make it. Descriptor GARBAGE_FD is the node; the arguments are how many
 * calls and the seed.
 */
#include <asm/unistd_32.h>
#include <linux/time.h>

#include "garbage.h"

#define SIGALRM		14
#define WAIT_US		2000
#define MFD_ALLOW_SEALING 2
#define F_ADD_SEALS	1033
#define F_SEAL_SHRINK	2

static struct garbage garbage;

static long call(long nr, long a, long b, long c, long d)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a" (ret) : "0" (nr), "b" (a), "c" (b), "d" (c), "S" (d)
			 : "memory");
	return ret;
}

static uint64_t parse(const char *text)
{
	uint64_t number = 0;

	while (*text)
		number = number * 10 + (*text++ - '0');
	return number;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* The 32-bit kernel's own form: no restart, and no restorer but the kernel's. */
static void begin_signals(void)
{
	struct {
		void (*handler)(int sig);
		unsigned long flags;
		void *restorer;
		unsigned long mask[2];
	} action = { .handler = on_alarm };
	long timer[4] = { 0, WAIT_US, 0, WAIT_US };

	call(__NR_rt_sigaction, SIGALRM, (long)&action, 0, 8);
	call(__NR_setitimer, 0, (long)timer, 0, 0);
}

static __attribute__((used)) void run(const char **arguments)
{
	uint64_t count = parse(arguments[1]), seed = parse(arguments[2]), i;
	long memfd;

	begin_signals();
	memfd = call(__NR_memfd_create, (long)"garbage", MFD_ALLOW_SEALING, 0, 0);
	call(__NR_ftruncate, memfd, 65536, 0, 0);
	call(__NR_fcntl64, memfd, F_ADD_SEALS, F_SEAL_SHRINK, 0);
	for (i = 0; i < count; i++) {
		/* what calls have made is not kept */
		if (i % 256 == 0)
			call(__NR_close_range, memfd + 1, -1, 0, 0);
		garbage_make(&garbage, &seed);
		call(__NR_ioctl, GARBAGE_FD, garbage.request, (long)garbage.words, 0);
	}
	call(__NR_exit_group, 0, 0, 0, 0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	lea 4(%esp), %eax\n"
	"	and $-16, %esp\n"
	"	sub $12, %esp\n"
	"	push %eax\n"
	"	call run\n"
	"	hlt\n");
