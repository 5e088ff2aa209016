// SPDX-License-Identifier: MIT
/*
 * Sequences of operations: made from a seed, run in a child, made shorter.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem.h"

/* A child that has not ended by then hangs, also on a slow machine that is busy. */
#define HANG_STEP_US	2000
#define HANG_STEPS	150000

#define SIGNAL_US	1500
#define FUZZ_USER	7211

static const struct {
	const char *name;
	void (*run)(struct fuzz *f);
	unsigned int weight;
} table[] = {
	{ "create", fuzz_create, 3 },
	{ "wrap-memfd", fuzz_wrap_memfd, 10 },
	{ "wrap-userptr", fuzz_wrap_userptr, 6 },
	{ "udmabuf", fuzz_udmabuf, 3 },
	{ "close-handle", fuzz_close_handle, 9 },
	{ "export", fuzz_export, 6 },
	{ "export-at-limit", fuzz_export_at_limit, 1 },
	{ "import", fuzz_import, 6 },
	{ "close-dmabuf", fuzz_close_dmabuf, 6 },
	{ "info", fuzz_info, 4 },
	{ "param", fuzz_param, 1 },
	{ "advise", fuzz_advise, 6 },
	{ "evict", fuzz_evict, 5 },
	{ "revalidate", fuzz_revalidate, 4 },
	{ "revoke", fuzz_revoke, 2 },
	{ "sync", fuzz_sync, 3 },
	{ "bad-handle", fuzz_bad_handle, 1 },
	{ "new-file", fuzz_new_file, 2 },
	{ "punch", fuzz_punch, 4 },
	{ "allocate", fuzz_allocate, 1 },
	{ "grow", fuzz_grow, 1 },
	{ "seal", fuzz_seal, 1 },
	{ "write-file", fuzz_write_file, 10 },
	{ "map", fuzz_map, 6 },
	{ "map-dmabuf", fuzz_map_dmabuf, 5 },
	{ "unmap", fuzz_unmap, 8 },
	{ "move", fuzz_move, 3 },
	{ "protect", fuzz_protect, 3 },
	{ "access", fuzz_access, 24 },
	{ "access-all", fuzz_access_all, 4 },
	{ "debugger", fuzz_debugger, 2 },
	{ "fork", fuzz_fork, 1 },
	{ "share", fuzz_share, 8 },
	{ "work", fuzz_work, 8 },
	{ "mirror", fuzz_mirror, 3 },
	{ "use-mirror", fuzz_use_mirror, 9 },
};

#define KINDS	((int)(sizeof(table) / sizeof(*table)))

/**
 * fuzz_generate:
 * @ops: filled
 * @count: how many
 * @seed: the same gives the same
 */
void fuzz_generate(struct fuzz_op *ops, uint32_t count, uint64_t seed)
{
	unsigned int sum = 0, choice;
	uint32_t i;
	int k;

	for (k = 0; k < KINDS; k++)
		sum += table[k].weight;
	for (i = 0; i < count; i++) {
		uint64_t random = fuzz_random(&seed);

		choice = random % sum;
		for (k = 0; choice >= table[k].weight; k++)
			choice -= table[k].weight;
		ops[i].code = k;
		ops[i].a = random >> 32;
		random = fuzz_random(&seed);
		ops[i].b = random;
		ops[i].c = random >> 32;
	}
}

/**
 * fuzz_op_name:
 * @op: an operation
 *
 * Returns: What it is called in texts.
 */
const char *fuzz_op_name(const struct fuzz_op *op)
{
	return table[op->code].name;
}

/**
 * fuzz_op_code:
 * @name: what an operation is called
 *
 * Returns: &fuzz_op.code, or -1.
 */
int fuzz_op_code(const char *name)
{
	int k;

	for (k = 0; k < KINDS; k++)
		if (!strcmp(table[k].name, name))
			return k;
	return -1;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void begin_signals(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = {
		.it_interval.tv_usec = SIGNAL_US, .it_value.tv_usec = SIGNAL_US,
	};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* See that a wrong model is found out: what no memory can hold. */
static void lie(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, 0);

	if (handle)
		f->words[handle->memory->pages[0]][0] ^= 1;
}

static void __attribute__((noreturn)) run(const struct fuzz_config *config,
					  const struct fuzz_op *ops, uint32_t count,
					  struct fuzz_verdict *verdict, void *words,
					  uint64_t *stamp)
{
	static const struct fuzz_op first = { 0 };
	struct fuzz *f = calloc(1, sizeof(*f));
	struct fuzz_op last = { .code = fuzz_op_code("access-all") };
	uint32_t i;

	f->config = config;
	f->verdict = verdict;
	f->words = words;
	f->stamp = stamp;
	f->op = &first;

	/* its own, so that limits are not the test's */
	if (config->memlock) {
		zcgem_set_memlock(config->memlock * ZCGEM_PAGE);
		zcgem_become_user(FUZZ_USER, false);
	}
	for (i = 0; i < FUZZ_FILES; i++)
		f->files[i] = fuzz_file_new(f, i >= FUZZ_FILES - FUZZ_ANON, i | 0x100);
	fuzz_catch_faults();
	if (config->signals)
		begin_signals();

	for (i = 0; i < count; i++) {
		f->op = &ops[i];
		verdict->done = i + 1;
		table[ops[i].code].run(f);
		if ((int)ops[i].code == config->lie)
			lie(f);
	}
	/* everything that can be seen, once more */
	f->op = &last;
	for (last.a = 0; last.a < FUZZ_VIEWS; last.a++)
		if (f->views[last.a].memory)
			fuzz_access_all(f);
	_exit(0);
}

#define SHARED_SIZE	(FUZZ_PAGES * sizeof(uint64_t[FUZZ_WORDS]) + sizeof(uint64_t))

/**
 * fuzz_verdict_new:
 *
 * Returns: A verdict that children can write to, for as long as the test runs.
 */
struct fuzz_verdict *fuzz_verdict_new(void)
{
	void *verdict = mmap(NULL, sizeof(struct fuzz_verdict), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return verdict == MAP_FAILED ? NULL : verdict;
}

/**
 * fuzz_start:
 * @child: the verdict is set, the rest is filled
 * @config: what to run on
 * @ops: the operations
 * @count: how many
 */
void fuzz_start(struct fuzz_child *child, const struct fuzz_config *config,
		const struct fuzz_op *ops, uint32_t count)
{
	memset(child->verdict, 0, sizeof(*child->verdict));
	child->ops = ops;
	child->shared = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	child->pid = fork();
	if (!child->pid)
		run(config, ops, count, child->verdict, child->shared,
		    (uint64_t *)((char *)child->shared + SHARED_SIZE) - 1);
}

/**
 * fuzz_wait:
 * @child: what fuzz_start() filled
 */
void fuzz_wait(struct fuzz_child *child)
{
	struct fuzz_verdict *verdict = child->verdict;
	int status = 0, step;
	const char *where;

	for (step = 0; child->pid > 0 && step < HANG_STEPS; step++) {
		if (waitpid(child->pid, &status, WNOHANG))
			break;
		usleep(HANG_STEP_US);
	}
	where = verdict->done ? fuzz_op_name(&child->ops[verdict->done - 1]) : "its beginning";
	if (child->pid < 0 || step == HANG_STEPS) {
		if (child->pid > 0)
			kill(child->pid, SIGKILL);
		snprintf(verdict->text, sizeof(verdict->text), "the child hangs in %s", where);
		verdict->failed = true;
	} else if (status && !verdict->failed) {
		snprintf(verdict->text, sizeof(verdict->text), "the child's status is %#x in %s",
			 status, where);
		verdict->failed = true;
	}
	munmap(child->shared, SHARED_SIZE);
}

/**
 * fuzz_minimise:
 * @ops: a sequence that fails
 * @count: its length
 * @smaller: room for one as long; filled with the shortest that was found
 * @fails: runs a sequence; true if it fails as well
 * @data: passed on
 *
 * Leaves out parts, half of the sequence at first and single operations in the end, as long as
 * what is left still fails.
 *
 * Returns: The length of what is left.
 */
uint32_t fuzz_minimise(const struct fuzz_op *ops, uint32_t count, struct fuzz_op *smaller,
		       bool (*fails)(const struct fuzz_op *ops, uint32_t count, void *data),
		       void *data)
{
	struct fuzz_op *attempt = calloc(count, sizeof(*attempt));
	uint32_t part = count / 2, from, left;
	bool shorter;

	memcpy(smaller, ops, count * sizeof(*ops));
	while (part) {
		shorter = false;
		for (from = 0; from < count;) {
			uint32_t drop = part < count - from ? part : count - from;

			left = count - drop;
			memcpy(attempt, smaller, from * sizeof(*ops));
			memcpy(attempt + from, smaller + from + drop,
			       (left - from) * sizeof(*ops));
			if (left && fails(attempt, left, data)) {
				memcpy(smaller, attempt, left * sizeof(*ops));
				count = left;
				shorter = true;
			} else {
				from += drop;
			}
		}
		if (part > 1)
			part /= 2;
		else if (!shorter)
			break;
	}
	free(attempt);
	return count;
}
