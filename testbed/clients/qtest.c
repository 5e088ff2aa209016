// SPDX-License-Identifier: MIT
/*
 * A QEMU without a processor, whose memory and ports this program reads and writes (the
 * qtest protocol), and its monitor.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "bus.h"
#include "qtest.h"

#define MOST_ARGUMENTS	64

static FILE *tester, *monitor;
static pid_t qemu;

static FILE *channel(char *chardev, size_t size, const char *id, int *theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair: %m");
	*theirs = pair[1];
	snprintf(chardev, size, "socket,id=%s,fd=%d", id, pair[1]);
	return fdopen(pair[0], "r+");
}

void qtest_start(const char *display, const char *const *arguments)
{
	char test[64], mon[64];
	int theirs[2];
	const char *args[MOST_ARGUMENTS] = {
		"qemu-system-x86_64", "-accel", "qtest", "-nodefaults", "-no-user-config",
		"-display", display, "-chardev", test, "-qtest", "chardev:test",
		"-qtest-log", "/dev/null", "-chardev", mon, "-mon", "chardev=mon,mode=control",
	};
	unsigned int n = 17;

	tester = channel(test, sizeof(test), "test", &theirs[0]);
	monitor = channel(mon, sizeof(mon), "mon", &theirs[1]);
	while (*arguments && n < MOST_ARGUMENTS - 1)
		args[n++] = *arguments++;
	qemu = fork();
	if (!qemu) {
		/* a tester that is killed leaves no QEMU behind */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fileno(tester));
		close(fileno(monitor));
		execvp(args[0], (char *const *)args);
		die("%s: %m", args[0]);
	}
	close(theirs[0]);
	close(theirs[1]);
}

/* One command, and its answer after "OK ". */
static char *ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *ask(const char *format, ...)
{
	static char line[256];
	va_list args;

	va_start(args, format);
	vfprintf(tester, format, args);
	va_end(args);
	fflush(tester);
	do {
		if (!fgets(line, sizeof(line), tester))
			die("QEMU is gone");
	} while (!strncmp(line, "IRQ", 3));
	if (strncmp(line, "OK", 2))
		die("QEMU: %s", line);
	return line + 2;
}

void bus_out(unsigned int port, uint32_t value)
{
	ask("outl %#x %#x\n", port, value);
}

uint32_t bus_in(unsigned int port)
{
	return strtoul(ask("inl %#x\n", port), NULL, 0);
}

static char letter(unsigned int bytes)
{
	return bytes == 1 ? 'b' : bytes == 2 ? 'w' : bytes == 4 ? 'l' : 'q';
}

void bus_poke(uint64_t address, unsigned int bytes, uint64_t value)
{
	ask("write%c %#" PRIx64 " %#" PRIx64 "\n", letter(bytes), address, value);
}

uint64_t bus_peek(uint64_t address, unsigned int bytes)
{
	return strtoull(ask("read%c %#" PRIx64 "\n", letter(bytes), address), NULL, 0);
}

void bus_write(uint64_t address, const void *data, size_t size)
{
	const unsigned char *byte = data;
	char *hex = malloc(2 * size + 1);
	size_t i;

	if (!hex)
		die("no memory");
	for (i = 0; i < size; i++)
		sprintf(hex + 2 * i, "%02x", byte[i]);
	ask("write %#" PRIx64 " %zu 0x%s\n", address, size, hex);
	free(hex);
}

void bus_pause(void)
{
	usleep(10000);
}

void bus_die(const char *what, uint32_t value)
{
	die("%s: %#x", what, value);
}

static void send_command(const char *text)
{
	char line[4096];

	fprintf(monitor, "%s\n", text);
	fflush(monitor);
	do {
		if (!fgets(line, sizeof(line), monitor))
			die("QEMU's monitor is gone");
		if (strstr(line, "\"error\""))
			die("QEMU: %s", line);
	} while (!strstr(line, "\"return\""));
}

/* The monitor does nothing before it was told what its client can. */
static void command(const char *text)
{
	static int greeted;

	if (!greeted++)
		send_command("{\"execute\": \"qmp_capabilities\"}");
	send_command(text);
}

void qtest_screendump(const char *file)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"execute\": \"screendump\", \"arguments\": {\"filename\": \"%s\"}}", file);
	command(text);
}

void qtest_end(void)
{
	int status;

	command("{\"execute\": \"quit\"}");
	if (waitpid(qemu, &status, 0) != qemu || status)
		die("QEMU ended with %#x", status);
}
