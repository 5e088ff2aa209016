/* SPDX-License-Identifier: MIT */
/*
 * The objects of a machine's zcgem devices, as debugfs tells of them.
 */
#ifndef ZCGEM_OBJECT_TABLE_H
#define ZCGEM_OBJECT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAF_SIZES	3	/* PTE, PMD, PUD */
#define EXTENT_CLASSES	5	/* a page, below 64K, PMD, PUD, larger */

struct object_row {
	unsigned int card;	/* number of the card node of its device */
	char creator[16];
	int pid;
	char backing[16];
	uint64_t size;		/* bytes */
	bool resident;
	uint64_t pins;
	uint64_t mappings;
	uint64_t attachments;
	uint64_t evictions;
	uint64_t faults[LEAF_SIZES];
	uint64_t extents[EXTENT_CLASSES];
};

struct object_table {
	struct object_row *rows;
	size_t count;
	unsigned int devices;
};

/*
 * Read the tables of all devices below a debugfs mount point. Returns 0,
 * -ENODEV if there is no device, -EACCES if debugfs may not be read, -EPROTO
 * if a table is in a form that is not known, or what reading said.
 */
int object_table_read(const char *debugfs, struct object_table *table);

void object_table_free(struct object_table *table);

/* Errors of object_table_read() in words, with what can be done. */
const char *object_table_error(int error);

#endif /* ZCGEM_OBJECT_TABLE_H */
