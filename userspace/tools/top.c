// SPDX-License-Identifier: MIT
/*
 * zcgem top: a table of the processes that use zcgem, renewed at intervals.
 *
 * On a terminal it takes the whole screen until q or ctrl-c; elsewhere tables
 * follow one another. The first table of a run has no rates.
 */
#include <argp.h>
#include <error.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"
#include "usage.h"

/* Other screen, no cursor, rows cut at the right edge and not continued; and back. */
#define SCREEN_BEGIN	"\033[?1049h\033[?25l\033[?7l"
#define SCREEN_END	"\033[?7h\033[?25h\033[?1049l"
#define SCREEN_HOME	"\033[H"
#define LINE_END	"\033[K\n"
#define SCREEN_CLEAR	"\033[J"

/* Above and below the processes: title, heading, total. */
#define OTHER_LINES	4

struct settings {
	double interval;	/* seconds */
	unsigned long tables;	/* 0: until stopped */
	const char *debugfs;
	const char *proc;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Four digits at most and a unit. */
static const char *short_size(uint64_t bytes, char text[8])
{
	static const char * const units[] = { "", "K", "M", "G", "T", "P", "E" };
	double value = bytes;
	unsigned int unit = 0;

	for (; value >= 1024; unit++)
		value /= 1024;
	snprintf(text, 8, "%.*f%s", value < 10 && bytes % (1ull << 10 * unit), value, units[unit]);
	return text;
}

static void print_row(const struct usage *row, double seconds, const char *end)
{
	char size[8], resident[8], pinned[8], pid[16] = "";
	double faults = seconds > 0 ? row->new_faults / seconds : 0;
	double evictions = seconds > 0 ? row->new_evictions / seconds : 0;
	double engine = seconds > 0 ? row->new_busy / seconds / 1e7 : 0;

	if (row->pid)
		snprintf(pid, sizeof(pid), "%d", row->pid);
	printf("%7s %-15s %7u %7u %6s %8s %6s %5" PRIu64 " %8" PRIu64 " %8" PRIu64 " %7.0f %7" PRIu64
	       " %6.1f %6.1f%s", pid, row->command, row->clients, row->objects,
	       short_size(row->size, size), short_size(row->resident, resident),
	       short_size(row->pinned, pinned), row->mappings, row->attachments, row->faults, faults,
	       row->evictions, evictions, engine, end);
}

static void print_table(struct usage_list *list, double seconds, size_t rows, const char *end)
{
	char clock[16] = "";
	time_t now = time(NULL);
	struct tm local;
	size_t i;

	if (localtime_r(&now, &local))
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	printf("zcgem top - %s, %u device%s, %zu process%s%s", clock, list->devices,
	       list->devices == 1 ? "" : "s", list->count, list->count == 1 ? "" : "es", end);
	printf("%7s %-15s %7s %7s %6s %8s %6s %5s %8s %8s %7s %7s %6s %6s%s", "PID", "COMMAND", "CLIENTS",
	       "OBJECTS", "SIZE", "RESIDENT", "PINNED", "MAPS", "ATTACHED", "FAULTS", "FLT/S",
	       "EVICTED", "EVC/S", "ENG%", end);
	for (i = 0; i < list->count && i < rows; i++)
		print_row(&list->rows[i], seconds, end);
	snprintf(list->total.command, sizeof(list->total.command), "total");
	print_row(&list->total, seconds, end);
}

static size_t screen_rows(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row <= OTHER_LINES)
		return 20;
	return size.ws_row - OTHER_LINES;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Until the time is up, or somebody wants to leave. */
static void wait_for(double interval, bool keys)
{
	struct pollfd input = { .fd = keys ? STDIN_FILENO : -1, .events = POLLIN };
	char key;

	if (poll(&input, 1, (int)(interval * 1000)) > 0 &&
	    (read(STDIN_FILENO, &key, 1) != 1 || key == 'q'))
		stopped = 1;
}

static int run(const struct settings *settings, bool screen, bool keys)
{
	struct usage_list before = { 0 }, now;
	double then = 0;
	unsigned long number;
	int ret = 0;

	for (number = 0; !stopped && (!settings->tables || number < settings->tables); number++) {
		double time;

		if (number)
			wait_for(settings->interval, keys);
		if (stopped)
			break;
		ret = usage_read(settings->debugfs, settings->proc, &now);
		if (ret)
			break;
		time = seconds_now();
		if (number)
			usage_compare(&now, &before);
		if (screen)
			printf(SCREEN_HOME);
		else if (number)
			printf("\n");
		print_table(&now, number ? time - then : 0, screen ? screen_rows() : SIZE_MAX,
			    screen ? LINE_END : "\n");
		if (screen)
			printf(SCREEN_CLEAR);
		fflush(stdout);
		usage_free(&before);
		before = now;
		then = time;
	}
	usage_free(&before);
	return ret;
}

static int run_on_screen(const struct settings *settings)
{
	struct sigaction action = { .sa_handler = stop };
	struct termios saved, raw;
	bool keys = !tcgetattr(STDIN_FILENO, &saved);
	int ret;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	if (keys) {
		raw = saved;
		raw.c_lflag &= ~(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	printf(SCREEN_BEGIN);
	ret = run(settings, true, keys);
	printf(SCREEN_END);
	fflush(stdout);
	if (keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	return ret;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct settings *settings = state->input;
	char *end;

	switch (key) {
	case 'd':
		settings->interval = strtod(arg, &end);
		/* poll() counts milliseconds in an int. */
		if (end == arg || *end || !(settings->interval >= 0.1 && settings->interval <= 86400))
			argp_error(state, "'%s' is not a number of seconds from 0.1 to 86400", arg);
		return 0;
	case 'n':
		errno = 0;
		settings->tables = strtoul(arg, &end, 10);
		if (errno || end == arg || *end || *arg == '-' || !settings->tables)
			argp_error(state, "'%s' is not a number of tables", arg);
		return 0;
	case 'o':
		settings->tables = 1;
		return 0;
	case 'D':
		settings->debugfs = arg;
		return 0;
	case 'P':
		settings->proc = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_top(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "delay", 'd', "SECONDS", 0, "Time between two tables (default: 2)", 0 },
		{ "number", 'n', "COUNT", 0, "Stop after COUNT tables", 0 },
		{ "once", 'o', NULL, 0, "One table, without rates", 0 },
		{ "debugfs", 'D', "DIR", 0, "Where debugfs is (default: " DEBUGFS ")", 0 },
		{ "proc", 'P', "DIR", 0, "Where proc is (default: /proc)", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Show which processes use zcgem: their open nodes, the objects that they "
		       "made, memory, page faults and evictions, and how much of a processor their "
		       "submits take. q leaves.",
	};
	struct settings settings = { .interval = 2, .debugfs = DEBUGFS, .proc = "/proc" };
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	if (isatty(STDOUT_FILENO) && settings.tables != 1)
		ret = run_on_screen(&settings);
	else
		ret = run(&settings, false, false);
	if (ret) {
		error(0, 0, "%s", object_table_error(ret));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
