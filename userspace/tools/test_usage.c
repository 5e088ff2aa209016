// SPDX-License-Identifier: MIT
/*
 * Tables of objects and lists of clients, from files as the kernel writes them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "usage.h"

#define CHECK(condition) do {							\
	if (!(condition)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);	\
		exit(1);							\
	}									\
} while (0)

#define HEADER	"creator          pid      backing          size resident pins maps attached " \
		"evicted faults-4k faults-2m faults-1g     4k    <64k     <2m     <1g    >=1g\n"
#define ROW(name, pid, size, resident, pins, evicted, faults)			\
	name " " pid "     memfd    " size " " resident "    " pins		\
	"    2        1       " evicted "         " faults			\
	"         0         0      16       0       0       0       0\n"

static char top[] = "/tmp/zcgem-usage-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[256], *slash;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	for (slash = path + strlen(top) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		CHECK(!mkdir(path, 0777) || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(path, "w");
	CHECK(file && fputs(text, file) >= 0 && !fclose(file));
}

static int read_usage(struct usage_list *list)
{
	char debugfs[256], proc[256];

	snprintf(debugfs, sizeof(debugfs), "%s/debug", top);
	snprintf(proc, sizeof(proc), "%s/proc", top);
	return usage_read(debugfs, proc, list);
}

static void write_processes(void)
{
	/* The same open file twice, another one, and files that are none of ours. */
	write_file("proc/17/comm", "one two\n");
	write_file("proc/17/fdinfo/3", "pos:\t0\ndrm-driver:\tzcgem\ndrm-client-id:\t5\n");
	write_file("proc/17/fdinfo/4", "pos:\t0\ndrm-driver:\tzcgem\ndrm-client-id:\t5\n");
	write_file("proc/17/fdinfo/5", "pos:\t0\ndrm-driver:\tzcgem\ndrm-client-id:\t6\n");
	write_file("proc/17/fdinfo/6", "pos:\t0\ndrm-driver:\tvgem\ndrm-client-id:\t7\n");
	write_file("proc/17/fdinfo/7", "pos:\t0\nflags:\t02\n");
	write_file("proc/18/comm", "other\n");
	write_file("proc/18/fdinfo/0", "pos:\t0\n");
	write_file("proc/self/comm", "not a number\n");
}

static void test_no_device(void)
{
	struct usage_list list;

	CHECK(read_usage(&list) == -ENODEV);
	write_file("debug/dri/0/name", "vgem\n");
	CHECK(read_usage(&list) == -ENODEV);
	write_file("debug/dri/1/zcgem_objects", HEADER);
	CHECK(read_usage(&list) == 0);
	CHECK(list.devices == 1 && list.count == 1 && list.rows[0].pid == 17);
	CHECK(list.rows[0].clients == 2 && !list.rows[0].objects);
	usage_free(&list);
}

static void test_objects(void)
{
	struct usage_list list, later;

	write_file("debug/dri/1/zcgem_objects", HEADER
		   ROW("one two         ", "17", "65536", "yes", "0", "1", "3")
		   ROW("one two         ", "17", "4096 ", "no ", "1", "0", "2"));
	/* Another device, whose object's maker is gone; and the first one's other node. */
	write_file("debug/dri/2/zcgem_objects", HEADER
		   ROW("gone            ", "99", "1048576", "yes", "0", "0", "0"));
	write_file("debug/dri/129/zcgem_objects", HEADER
		   ROW("twice           ", "17", "65536", "yes", "0", "1", "3"));
	CHECK(read_usage(&list) == 0);
	CHECK(list.devices == 2 && list.count == 2);
	CHECK(list.rows[0].pid == 99 && list.rows[0].resident == 1048576 && !list.rows[0].clients);
	CHECK(!strcmp(list.rows[1].command, "one two") && list.rows[1].objects == 2);
	CHECK(list.rows[1].size == 65536 + 4096 && list.rows[1].resident == 65536);
	CHECK(list.rows[1].pinned == 4096 && list.rows[1].faults == 5);
	CHECK(list.rows[1].mappings == 4 && list.rows[1].attachments == 2);
	CHECK(list.total.objects == 3 && list.total.clients == 2 && list.total.evictions == 1);

	write_file("debug/dri/1/zcgem_objects", HEADER
		   ROW("one two         ", "17", "65536", "yes", "0", "4", "13"));
	write_file("debug/dri/2/zcgem_objects", HEADER);
	CHECK(read_usage(&later) == 0);
	usage_compare(&later, &list);
	CHECK(later.count == 1 && later.rows[0].new_faults == 8 && later.rows[0].new_evictions == 3);
	usage_free(&list);
	usage_free(&later);
}

static void test_form(void)
{
	static const char * const bad[] = {
		"", "objects: 3\n", "creator          pid      backing          size\n",
		HEADER "short\n",
		HEADER ROW("one two         ", "x", "65536", "yes", "0", "4", "13"),
		HEADER ROW("one two         ", "17", "99999999999999999999999", "yes", "0", "4", "13"),
	};
	struct usage_list list;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file("debug/dri/1/zcgem_objects", bad[i]);
		CHECK(read_usage(&list) == -EPROTO);
	}
	/* One more column does no harm, nor does an odd name. */
	write_file("debug/dri/1/zcgem_objects",
		   "creator          pid backing size resident pins maps attached evicted faults-4k "
		   "new faults-2m faults-1g 4k <64k <2m <1g >=1g\n"
		   "a\tb \"c            7 pool 4096 yes 0 0 0 0 1 77 0 0 1 0 0 0 0\n");
	CHECK(read_usage(&list) == 0);
	CHECK(list.count == 2 && list.rows[0].pid == 7 && list.rows[0].faults == 1);
	CHECK(!strcmp(list.rows[0].command, "a?b \"c"));
	usage_free(&list);
}

int main(void)
{
	CHECK(mkdtemp(top));
	write_processes();
	test_no_device();
	test_objects();
	test_form();
	return execlp("rm", "rm", "-r", top, NULL);
}
