/* SPDX-License-Identifier: MIT */
/*
 * Objects and clients summed up by process, as zcgem top shows them.
 */
#ifndef ZCGEM_USAGE_H
#define ZCGEM_USAGE_H

#include "clients.h"
#include "object_table.h"

struct usage {
	int pid;
	char command[16];
	unsigned int clients;	/* open files of a node */
	unsigned int objects;	/* that it made */
	uint64_t size;		/* bytes, as the next two */
	uint64_t resident;
	uint64_t pinned;
	uint64_t mappings;
	uint64_t attachments;
	uint64_t faults;
	uint64_t evictions;
	uint64_t busy;		/* nanoseconds that its submits ran */
	/* What came since a former list, in events; see usage_compare(). */
	uint64_t new_faults;
	uint64_t new_evictions;
	uint64_t new_busy;
};

struct usage_list {
	struct usage *rows;	/* the one with most resident memory first */
	size_t count;
	struct usage total;
	unsigned int devices;
};

/*
 * Read objects and clients and sum them up. An object counts for the process
 * that made it, also when that is gone. Returns as object_table_read().
 */
int usage_read(const char *debugfs, const char *proc, struct usage_list *list);

/* Fill in what has come since @before; counts of objects that are gone are lost. */
void usage_compare(struct usage_list *now, const struct usage_list *before);

void usage_free(struct usage_list *list);

#endif /* ZCGEM_USAGE_H */
