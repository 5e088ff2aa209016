// SPDX-License-Identifier: MIT
/*
 * zcgem objects: every object of this machine, as a table or as JSON.
 */
#include <argp.h>
#include <error.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "object_table.h"
#include "page_size.h"
#include "tool.h"

struct settings {
	bool json;
	const char *debugfs;
};

static void print_table(const struct object_table *table)
{
	const struct object_row *row;

	printf("%4s %7s %-15s %-8s %10s %-8s %4s %5s %8s %7s %10s %10s %10s\n", "CARD", "PID", "COMMAND",
	       "BACKING", "SIZE", "RESIDENT", "PINS", "MAPS", "ATTACHED", "EVICTED", "FAULTS-PTE",
	       "FAULTS-PMD", "FAULTS-PUD");
	for (row = table->rows; row < table->rows + table->count; row++)
		printf("%4u %7d %-15s %-8s %10s %-8s %4" PRIu64 " %5" PRIu64 " %8" PRIu64 " %7" PRIu64
		       " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n",
		       row->card, row->pid, row->creator, row->backing, size_text(row->size).text,
		       row->resident ? "yes" : "no", row->pins, row->mappings, row->attachments,
		       row->evictions, row->faults[0], row->faults[1], row->faults[2]);
}

static void print_numbers(const char *name, const char * const *keys, const uint64_t *values,
			  unsigned int count, const char *end)
{
	unsigned int i;

	printf("      \"%s\": { ", name);
	for (i = 0; i < count; i++)
		printf("%s\"%s\": %" PRIu64, i ? ", " : "", keys[i], values[i]);
	printf(" }%s\n", end);
}

static void print_json(const struct object_table *table)
{
	static const char * const leaf_names[LEAF_SIZES] = { "pte", "pmd", "pud" };
	static const char * const class_names[EXTENT_CLASSES] = {
		"page", "<64K", "<pmd", "<pud", ">=pud"
	};
	const struct object_row *row;

	printf("{\n  \"objects\": [");
	for (row = table->rows; row < table->rows + table->count; row++) {
		printf("%s\n    {\n      \"card\": %u,\n      \"pid\": %d,\n      ",
		       row > table->rows ? "," : "", row->card, row->pid);
		json_string("command", row->creator, ",\n      ");
		json_string("backing", row->backing, ",\n");
		printf("      \"size\": %" PRIu64 ",\n      \"resident\": %s,\n", row->size,
		       row->resident ? "true" : "false");
		printf("      \"pins\": %" PRIu64 ",\n      \"mappings\": %" PRIu64 ",\n", row->pins,
		       row->mappings);
		printf("      \"attachments\": %" PRIu64 ",\n      \"evictions\": %" PRIu64 ",\n",
		       row->attachments, row->evictions);
		print_numbers("faults", leaf_names, row->faults, LEAF_SIZES, ",");
		print_numbers("extents", class_names, row->extents, EXTENT_CLASSES, "");
		printf("    }");
	}
	printf("%s]\n}\n", table->count ? "\n  " : "");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case 'j':
		settings->json = true;
		return 0;
	case 'D':
		settings->debugfs = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_objects(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "json", 'j', NULL, 0, "Print JSON", 0 },
		{ "debugfs", 'D', "DIR", 0, "Where debugfs is (default: " DEBUGFS ")", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Print the objects of this machine's zcgem devices: who made them, what "
		       "they are made of, who uses them.",
	};
	struct settings settings = { .debugfs = DEBUGFS };
	struct object_table table;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	ret = object_table_read(settings.debugfs, &table);
	if (ret) {
		error(0, 0, "%s", object_table_error(ret));
		return EXIT_FAILURE;
	}
	if (settings.json)
		print_json(&table);
	else
		print_table(&table);
	object_table_free(&table);
	return EXIT_SUCCESS;
}
