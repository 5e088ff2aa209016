/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of the zcgem command. Each gets its own arguments, with its
 * name as the first, and returns an exit status; it has said what went wrong.
 */
#ifndef ZCGEM_TOOL_H
#define ZCGEM_TOOL_H

/* Where tools look for the driver's debugfs. */
#define DEBUGFS	"/sys/kernel/debug"

struct zcgem_device;

/* zcgem_device_open(), which has also said why it failed. */
int open_device(struct zcgem_device **dev);

int cmd_copy(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_objects(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_top(int argc, char **argv);

#endif /* ZCGEM_TOOL_H */
