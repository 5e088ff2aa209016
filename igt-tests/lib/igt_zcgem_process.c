// SPDX-License-Identifier: MIT
/*
 * Processes that take turns: messages between them, descriptors, other users.
 */
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem_process.h"

/**
 * zcgem_open_line:
 * @line: filled
 */
void zcgem_open_line(struct zcgem_line *line)
{
	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				 line->end), 0);
}

/**
 * zcgem_take_end:
 * @line: what zcgem_open_line() filled
 * @mine: which end is this process's
 *
 * Closes the other, so that the death of its owner is noticed.
 */
void zcgem_take_end(struct zcgem_line *line, int mine)
{
	close(line->end[!mine]);
	line->end[!mine] = -1;
}

/**
 * zcgem_close_line:
 * @line: what zcgem_open_line() filled
 *
 * The other side hears the end of it, whoever else has a copy.
 */
void zcgem_close_line(struct zcgem_line *line)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (line->end[i] < 0)
			continue;
		shutdown(line->end[i], SHUT_RDWR);
		close(line->end[i]);
	}
}

/**
 * zcgem_say:
 * @end: end of a line
 * @value: what to tell the other side
 */
void zcgem_say(int end, uint64_t value)
{
	igt_assert(send(end, &value, sizeof(value), MSG_NOSIGNAL) == sizeof(value));
}

/**
 * zcgem_hear:
 * @end: end of a line
 *
 * Waits for the other side; fails when it is gone.
 *
 * Returns: What it said.
 */
uint64_t zcgem_hear(int end)
{
	uint64_t value;

	igt_assert_f(recv(end, &value, sizeof(value), MSG_WAITALL) == sizeof(value),
		     "the other process is gone\n");
	return value;
}

/**
 * zcgem_send_fd:
 * @end: end of a line
 * @fd: descriptor that the other side gets one of its own for
 */
void zcgem_send_fd(int end, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	igt_assert(sendmsg(end, &message, MSG_NOSIGNAL) == 1);
}

/**
 * zcgem_receive_fd:
 * @end: end of a line
 *
 * Returns: The descriptor that zcgem_send_fd() has sent.
 */
int zcgem_receive_fd(int end)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *header;
	int fd;

	igt_assert(recvmsg(end, &message, MSG_CMSG_CLOEXEC) == 1);
	header = CMSG_FIRSTHDR(&message);
	igt_assert(header && header->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/**
 * zcgem_wait_for_end:
 * @pid: a child
 * @seconds: how long to wait
 * @status: filled as by waitpid()
 *
 * Does not sleep in waitpid(), so that a child that nothing can end fails the test
 * instead of stopping it.
 *
 * Returns: Whether it has ended.
 */
bool zcgem_wait_for_end(pid_t pid, unsigned int seconds, int *status)
{
	unsigned int step;

	for (step = 0; step < seconds * 100; step++) {
		pid_t ended = waitpid(pid, status, WNOHANG);

		igt_assert(ended == 0 || ended == pid);
		if (ended)
			return true;
		usleep(10000);
	}
	return false;
}

/**
 * zcgem_become_user:
 * @user: UID and GID to take on for good
 * @may_lock: keep CAP_IPC_LOCK, and nothing else
 *
 * Call in a child. Skips unless the caller is root.
 */
void zcgem_become_user(uid_t user, bool may_lock)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {};

	igt_require_f(!geteuid(), "only root can become another user\n");
	igt_assert_eq(prctl(PR_SET_KEEPCAPS, may_lock, 0, 0, 0), 0);
	igt_assert_eq(setgroups(0, NULL), 0);
	igt_assert_eq(setresgid(user, user, user), 0);
	igt_assert_eq(setresuid(user, user, user), 0);
	if (may_lock) {
		data[0].effective = 1u << CAP_IPC_LOCK;
		data[0].permitted = 1u << CAP_IPC_LOCK;
	}
	igt_assert_eq(syscall(SYS_capset, &header, data), 0);
	/* Or /proc/self belongs to root from now on. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/**
 * zcgem_set_memlock:
 * @bytes: limit of locked memory for this process from now on
 */
void zcgem_set_memlock(uint64_t bytes)
{
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };

	igt_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
}
