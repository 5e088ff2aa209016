// SPDX-License-Identifier: MIT
/*
 * See usage.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "usage.h"

static struct usage *find(const struct usage_list *list, int pid, const char *command)
{
	size_t i;

	/* A number may have had two owners, of which one left objects behind. */
	for (i = 0; i < list->count; i++)
		if (list->rows[i].pid == pid && !strcmp(list->rows[i].command, command))
			return &list->rows[i];
	return NULL;
}

static struct usage *find_or_add(struct usage_list *list, int pid, const char *command)
{
	struct usage *row = find(list, pid, command), *rows;

	if (row)
		return row;
	rows = reallocarray(list->rows, list->count + 1, sizeof(*rows));
	if (!rows)
		return NULL;
	list->rows = rows;
	row = &rows[list->count++];
	memset(row, 0, sizeof(*row));
	row->pid = pid;
	snprintf(row->command, sizeof(row->command), "%s", command);
	return row;
}

static void add_object(struct usage *row, const struct object_row *object)
{
	int i;

	row->objects++;
	row->size += object->size;
	if (object->resident)
		row->resident += object->size;
	if (object->pins)
		row->pinned += object->size;
	row->mappings += object->mappings;
	row->attachments += object->attachments;
	row->evictions += object->evictions;
	for (i = 0; i < LEAF_SIZES; i++)
		row->faults += object->faults[i];
}

static int by_resident(const void *a, const void *b)
{
	const struct usage *left = a, *right = b;

	if (left->resident != right->resident)
		return left->resident < right->resident ? 1 : -1;
	if (left->size != right->size)
		return left->size < right->size ? 1 : -1;
	return left->pid - right->pid;
}

static int sum_up(const struct object_table *table, const struct client_list *clients,
		  struct usage_list *list)
{
	struct usage *row;
	size_t i;

	for (i = 0; i < clients->count; i++) {
		row = find_or_add(list, clients->clients[i].pid, clients->clients[i].command);
		if (!row)
			return -ENOMEM;
		row->clients++;
		row->busy += clients->clients[i].busy;
		list->total.clients++;
	}
	for (i = 0; i < table->count; i++) {
		row = find_or_add(list, table->rows[i].pid, table->rows[i].creator);
		if (!row)
			return -ENOMEM;
		add_object(row, &table->rows[i]);
		add_object(&list->total, &table->rows[i]);
	}
	list->devices = table->devices;
	if (list->count)
		qsort(list->rows, list->count, sizeof(*list->rows), by_resident);
	return 0;
}

int usage_read(const char *debugfs, const char *proc, struct usage_list *list)
{
	struct object_table table;
	struct client_list clients;
	int ret;

	memset(list, 0, sizeof(*list));
	ret = object_table_read(debugfs, &table);
	if (ret)
		return ret;
	ret = client_list_read(proc, &clients);
	if (!ret) {
		ret = sum_up(&table, &clients, list);
		client_list_free(&clients);
	}
	object_table_free(&table);
	if (ret)
		usage_free(list);
	return ret;
}

void usage_compare(struct usage_list *now, const struct usage_list *before)
{
	size_t i;

	for (i = 0; i < now->count; i++) {
		struct usage *row = &now->rows[i];
		const struct usage *old = find(before, row->pid, row->command);
		uint64_t faults = old ? old->faults : 0, evictions = old ? old->evictions : 0;
		uint64_t busy = old ? old->busy : 0;

		row->new_faults = row->faults > faults ? row->faults - faults : 0;
		row->new_evictions = row->evictions > evictions ? row->evictions - evictions : 0;
		row->new_busy = row->busy > busy ? row->busy - busy : 0;
		now->total.new_busy += row->new_busy;
		now->total.new_faults += row->new_faults;
		now->total.new_evictions += row->new_evictions;
	}
}

void usage_free(struct usage_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
