// SPDX-License-Identifier: MIT
/*
 * The driver's trace events, in an instance of their own that ends with the test.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_tracing.h"

#define TRACING	"/sys/kernel/tracing/instances/igt-zcgem"

static void end_tracing(int sig)
{
	(void)sig;
	__zcgem_write_setting(TRACING "/events/zcgem/enable", "0");
	rmdir(TRACING);
}

/**
 * zcgem_end_tracing:
 *
 * Ends what zcgem_begin_tracing() began.
 */
void zcgem_end_tracing(void)
{
	end_tracing(0);
}

/**
 * zcgem_begin_tracing:
 * @thread: only what this thread causes; 0 for all
 *
 * Skips on a kernel that cannot trace.
 */
void zcgem_begin_tracing(pid_t thread)
{
	char text[64];

	igt_install_exit_handler(end_tracing);
	igt_require_f(!mkdir(TRACING, 0700), "no trace: %m\n");
	snprintf(text, sizeof(text), "%d", thread);
	if (thread)
		igt_assert(__zcgem_write_setting(TRACING "/set_event_pid", text));
	igt_assert(__zcgem_write_setting(TRACING "/events/zcgem/enable", "1"));
}

/**
 * zcgem_open_trace:
 *
 * Returns: The trace, a line for an event, oldest first.
 */
FILE *zcgem_open_trace(void)
{
	FILE *trace = fopen(TRACING "/trace", "r");

	igt_assert_f(trace, "trace: %m\n");
	return trace;
}

/**
 * zcgem_count_events:
 * @name: of the event
 * @text: what its line must have
 *
 * Returns: How many there were since zcgem_begin_tracing().
 */
unsigned int zcgem_count_events(const char *name, const char *text)
{
	FILE *trace = zcgem_open_trace();
	char line[512], event[64];
	unsigned int count = 0;

	snprintf(event, sizeof(event), ": %s: ", name);
	while (fgets(line, sizeof(line), trace)) {
		char *at = strstr(line, event);

		if (at && strstr(at, text))
			count++;
	}
	fclose(trace);
	igt_debug("%u %s with '%s'\n", count, name, text);
	return count;
}
