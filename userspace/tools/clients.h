/* SPDX-License-Identifier: MIT */
/*
 * Who has a node of zcgem open, from /proc.
 */
#ifndef ZCGEM_CLIENTS_H
#define ZCGEM_CLIENTS_H

#include <stddef.h>
#include <stdint.h>

/* One open file of a node, in one process that has it. */
struct client {
	int pid;
	uint64_t id;
	uint64_t busy;		/* nanoseconds that its submits ran */
	char command[16];
};

struct client_list {
	struct client *clients;
	size_t count;
};

/*
 * Find the clients below a mount point of proc; of a process that may not be
 * looked at there are none. Returns 0 or a negative errno.
 */
int client_list_read(const char *proc, struct client_list *list);

void client_list_free(struct client_list *list);

#endif /* ZCGEM_CLIENTS_H */
