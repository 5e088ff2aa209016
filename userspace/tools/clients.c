// SPDX-License-Identifier: MIT
/*
 * See clients.h. The kernel's name for a client, drm-client-id, is the same for
 * all descriptors of one open file.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"

#define PATH_SIZE	512

/* Is this the fdinfo of a zcgem node? */
static bool read_fdinfo(const char *path, uint64_t *id, uint64_t *busy)
{
	FILE *file = fopen(path, "r");
	bool ours = false, known = false;
	char line[128], name[32];

	if (!file)
		return false;
	*busy = 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "drm-driver: %31s", name) == 1)
			ours = !strcmp(name, "zcgem");
		else if (sscanf(line, "drm-client-id: %" SCNu64, id) == 1)
			known = true;
		else if (sscanf(line, "drm-engine-copy: %" SCNu64, busy) == 1)
			break;
	}
	fclose(file);
	return ours && known;
}

static void read_command(const char *proc, int pid, char *command, size_t size)
{
	char path[PATH_SIZE];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/comm", proc, pid);
	command[0] = 0;
	file = fopen(path, "r");
	if (!file)
		return;
	if (!fgets(command, size, file))
		command[0] = 0;
	fclose(file);
	command[strcspn(command, "\n")] = 0;
	/* A program chooses its name, and root's terminal must not obey it. */
	for (; *command; command++)
		if (iscntrl((unsigned char)*command))
			*command = '?';
}

static int add_client(struct client_list *list, const char *proc, int pid, uint64_t id,
		      uint64_t busy)
{
	struct client *clients;
	size_t i;

	for (i = list->count; i && list->clients[i - 1].pid == pid; i--)
		if (list->clients[i - 1].id == id)
			return 0;
	clients = reallocarray(list->clients, list->count + 1, sizeof(*clients));
	if (!clients)
		return -ENOMEM;
	list->clients = clients;
	clients[list->count].pid = pid;
	clients[list->count].id = id;
	clients[list->count].busy = busy;
	read_command(proc, pid, clients[list->count].command, sizeof(clients->command));
	list->count++;
	return 0;
}

static int read_process(struct client_list *list, const char *proc, int pid)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	uint64_t id, busy;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/fdinfo", proc, pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!ret && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/%d/fdinfo/%s", proc, pid, entry->d_name);
		if (read_fdinfo(path, &id, &busy))
			ret = add_client(list, proc, pid, id, busy);
	}
	closedir(dir);
	return ret;
}

int client_list_read(const char *proc, struct client_list *list)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	memset(list, 0, sizeof(*list));
	dir = opendir(proc);
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			ret = read_process(list, proc, atoi(entry->d_name));
	closedir(dir);
	if (ret)
		client_list_free(list);
	return ret;
}

void client_list_free(struct client_list *list)
{
	free(list->clients);
	memset(list, 0, sizeof(*list));
}
