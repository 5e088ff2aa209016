// SPDX-License-Identifier: MIT
/*
 * See object_table.h. Columns are found by their names, so that a driver may
 * have more of them; the creator's name may have blanks and is as wide as its
 * column.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object_table.h"

#define NAME_WIDTH	16
#define MAX_COLUMNS	64
#define FIRST_RENDER_NODE	128
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* A number of a row, the column that has it, and where it goes. */
static const struct column {
	const char *name;
	size_t offset;
} numbers[] = {
	{ "size", offsetof(struct object_row, size) },
	{ "pins", offsetof(struct object_row, pins) },
	{ "maps", offsetof(struct object_row, mappings) },
	{ "attached", offsetof(struct object_row, attachments) },
	{ "evicted", offsetof(struct object_row, evictions) },
	{ "faults-4k", offsetof(struct object_row, faults[0]) },
	{ "faults-2m", offsetof(struct object_row, faults[1]) },
	{ "faults-1g", offsetof(struct object_row, faults[2]) },
	{ "4k", offsetof(struct object_row, extents[0]) },
	{ "<64k", offsetof(struct object_row, extents[1]) },
	{ "<2m", offsetof(struct object_row, extents[2]) },
	{ "<1g", offsetof(struct object_row, extents[3]) },
	{ ">=1g", offsetof(struct object_row, extents[4]) },
};

struct header {
	unsigned int columns;
	int pid, backing, resident;
	int number[COUNT(numbers)];
};

/* Cuts what follows the name into words. */
static unsigned int split(char *line, char *words[MAX_COLUMNS])
{
	unsigned int count = 0;
	char *rest = line, *word;

	while (count < MAX_COLUMNS && (word = strtok_r(count ? NULL : line, " \n", &rest)))
		words[count++] = word;
	return count;
}

static int find_column(char *words[MAX_COLUMNS], unsigned int count, const char *name)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(words[i], name))
			return i;
	return -1;
}

static int parse_header(char *line, struct header *header)
{
	char *words[MAX_COLUMNS];
	unsigned int i;

	if (strncmp(line, "creator ", 8) || strlen(line) <= NAME_WIDTH)
		return -EPROTO;
	header->columns = split(line + NAME_WIDTH, words);
	header->pid = find_column(words, header->columns, "pid");
	header->backing = find_column(words, header->columns, "backing");
	header->resident = find_column(words, header->columns, "resident");
	if (header->pid < 0 || header->backing < 0 || header->resident < 0)
		return -EPROTO;
	for (i = 0; i < COUNT(numbers); i++) {
		header->number[i] = find_column(words, header->columns, numbers[i].name);
		if (header->number[i] < 0)
			return -EPROTO;
	}
	return 0;
}

static int parse_number(const char *word, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(word, &end, 10);
	return errno || end == word || *end ? -EPROTO : 0;
}

static int parse_row(const struct header *header, char *line, struct object_row *row)
{
	char *words[MAX_COLUMNS];
	uint64_t value;
	unsigned int i;
	size_t length;

	if (strnlen(line, NAME_WIDTH + 1) <= NAME_WIDTH ||
	    split(line + NAME_WIDTH, words) != header->columns)
		return -EPROTO;

	for (length = NAME_WIDTH; length && line[length - 1] == ' '; length--)
		;
	snprintf(row->creator, sizeof(row->creator), "%.*s", (int)length, line);
	for (i = 0; row->creator[i]; i++)
		if (iscntrl((unsigned char)row->creator[i]))
			row->creator[i] = '?';
	snprintf(row->backing, sizeof(row->backing), "%s", words[header->backing]);
	row->resident = !strcmp(words[header->resident], "yes");
	if (parse_number(words[header->pid], &value) || value > INT_MAX)
		return -EPROTO;
	row->pid = value;
	for (i = 0; i < COUNT(numbers); i++) {
		if (parse_number(words[header->number[i]], &value))
			return -EPROTO;
		memcpy((char *)row + numbers[i].offset, &value, sizeof(value));
	}
	return 0;
}

static int read_table(FILE *file, unsigned int card, struct object_table *table)
{
	struct object_row *rows;
	struct header header;
	size_t room = 0;
	char *line = NULL;
	int ret = 0;

	if (getline(&line, &room, file) < 0)
		ret = ferror(file) ? -EIO : -EPROTO;
	else
		ret = parse_header(line, &header);
	while (!ret && getline(&line, &room, file) >= 0) {
		rows = reallocarray(table->rows, table->count + 1, sizeof(*rows));
		if (!rows) {
			ret = -ENOMEM;
			break;
		}
		table->rows = rows;
		memset(&rows[table->count], 0, sizeof(*rows));
		ret = parse_row(&header, line, &rows[table->count]);
		rows[table->count++].card = card;
	}
	free(line);
	return ret;
}

/* Cards have numbers below those of render nodes, which are the same devices again. */
static int is_card(const struct dirent *entry)
{
	char *end;

	return isdigit((unsigned char)entry->d_name[0]) &&
	       strtoul(entry->d_name, &end, 10) < FIRST_RENDER_NODE && !*end;
}

int object_table_read(const char *debugfs, struct object_table *table)
{
	struct dirent **entries = NULL;
	char path[PATH_MAX];
	int count, i, ret = 0;
	FILE *file;

	memset(table, 0, sizeof(*table));
	snprintf(path, sizeof(path), "%s/dri", debugfs);
	count = scandir(path, &entries, is_card, alphasort);
	if (count < 0)
		return errno == ENOENT ? -ENODEV : -errno;

	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/dri/%s/zcgem_objects", debugfs,
			 entries[i]->d_name);
		file = ret ? NULL : fopen(path, "r");
		if (file) {
			ret = read_table(file, atoi(entries[i]->d_name), table);
			table->devices++;
			fclose(file);
		}
		free(entries[i]);
	}
	free(entries);
	if (!ret && !table->devices)
		ret = -ENODEV;
	if (ret)
		object_table_free(table);
	return ret;
}

void object_table_free(struct object_table *table)
{
	free(table->rows);
	memset(table, 0, sizeof(*table));
}

const char *object_table_error(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return "debugfs is for root only; use sudo";
	case -ENODEV:
		return "no zcgem device in debugfs; is the module loaded, is debugfs mounted?";
	case -EPROTO:
		return "the driver's table is not as this program knows it";
	}
	return strerror(-error);
}
