/* SPDX-License-Identifier: MIT */
/*
 * Processes that take turns: messages between them, descriptors, other users.
 */
#ifndef IGT_ZCGEM_PROCESS_H
#define IGT_ZCGEM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct zcgem_line - A line between a parent and its child.
 * @end: the two ends; 0 is the parent's, -1 one that is not held
 */
struct zcgem_line {
	int end[2];
};

void zcgem_open_line(struct zcgem_line *line);
void zcgem_take_end(struct zcgem_line *line, int mine);
void zcgem_close_line(struct zcgem_line *line);
void zcgem_say(int end, uint64_t value);
uint64_t zcgem_hear(int end);
void zcgem_send_fd(int end, int fd);
int zcgem_receive_fd(int end);
bool zcgem_wait_for_end(pid_t pid, unsigned int seconds, int *status);
void zcgem_become_user(uid_t user, bool may_lock);
void zcgem_set_memlock(uint64_t bytes);

#endif /* IGT_ZCGEM_PROCESS_H */
