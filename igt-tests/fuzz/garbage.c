// SPDX-License-Identifier: MIT
/*
 * Calls of pure noise. Nothing is known of what they return, only that the kernel survives them
 * and that all that they made goes away with the process.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "fuzz.h"
#include "garbage.h"
#include "igt_zcgem.h"

/* Some calls wait for what never comes: a signal ends them. */
#define WAIT_US		2000
/* How often the descriptors that calls have made are closed. */
#define BATCH		256

static void on_alarm(int sig)
{
	(void)sig;
}

/**
 * garbage_calls:
 * @fd: a node
 * @count: how many calls
 * @seed: the same gives the same
 *
 * Ends the process, with status 0.
 */
void garbage_calls(int fd, uint64_t count, uint64_t seed)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = {
		.it_interval.tv_usec = WAIT_US, .it_value.tv_usec = WAIT_US,
	};
	struct garbage *garbage = mmap(NULL, sizeof(*garbage), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int node = fcntl(fd, F_DUPFD, 100), memfd;
	uint64_t i;

	if (garbage == MAP_FAILED || node < 0)
		_exit(1);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);

	for (i = 0; i < count; i++) {
		if (i % BATCH == 0) {
			/* a memfd among the descriptors that random numbers hit */
			close_range(3, 99, 0);
			close_range(node + 1, ~0u, 0);
			memfd = zcgem_memfd(16 * ZCGEM_PAGE, 0x2);
			if (memfd < 0)
				_exit(1);
		}
		garbage_make(garbage, &seed);
		ioctl(node, garbage->request, garbage->words);
	}
	_exit(0);
}
