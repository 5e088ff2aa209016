// SPDX-License-Identifier: MIT
/*
 * Random sequences of everything that the driver can be asked for, against a model of what must
 * come of it; several at once; and calls of pure noise.
 *
 * The environment changes what is run, for long runs and for finding out why one failed:
 * ZCGEM_FUZZ_SEED (of the first sequence), ZCGEM_FUZZ_OPS (in all), ZCGEM_FUZZ_REPLAY (a file
 * with what a failed run has printed).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "fuzz/garbage.h"
#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"

/**
 * TEST: zcgem fuzz
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Driver
 * Functionality: zcgem
 * Feature: zcgem, robustness
 * Test category: stress test
 * Description: Check random sequences of calls against a model.
 *
 * SUBTEST: sequences
 * Description: Contents, errno and counts after random sequences of calls are the model's.
 *
 * SUBTEST: processes
 * Description: The same from four processes at once, which share files, and signals.
 *
 * SUBTEST: finds-lies
 * Description: A wrong model is found out by few operations, which fail again as printed.
 *
 * SUBTEST: garbage
 * Description: Random bytes as every ioctl's argument, on both nodes.
 *
 * SUBTEST: garbage-32bit
 * Description: The same from a 32-bit program.
 *
 * SUBTEST: replay
 * Description: A sequence from a file.
 */

IGT_TEST_DESCRIPTION("Check random sequences of calls against a model");

#define SEED		20260101
#define LENGTH		1000
#define LIE_LENGTH	300
#define LIE_SEEDS	8
#define OPS		60000
#define PROCESSES	4
#define ROUNDS		10
#define GARBAGE		30000
#define MEMLOCK		120
#define SHARED_PAGES	20

/* What a sequence is run again with. */
struct setting {
	int devices[2];
	uint64_t seed;
	int lie;
};

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void open_clients(const struct setting *setting, struct fuzz_config *config)
{
	int i;

	memset(config, 0, sizeof(*config));
	for (i = 0; i < FUZZ_CLIENTS; i++) {
		config->device[i] = i == 1;
		config->clients[i] = drm_reopen_driver(setting->devices[i == 1]);
	}
	config->live = zcgem_get_param(config->clients[0], DRM_ZCGEM_PARAM_LIVE_INVALIDATION);
	config->lie = setting->lie;
}

static void close_clients(const struct fuzz_config *config)
{
	int i;

	for (i = 0; i < FUZZ_CLIENTS; i++)
		close(config->clients[i]);
}

/* Run a sequence and look for what it has left; the seed decides under which conditions. */
static void run_one(const struct setting *setting, const struct fuzz_op *ops, uint32_t count,
		    bool counts, struct fuzz_verdict *verdict)
{
	struct fuzz_child child = { .verdict = verdict };
	struct zcgem_snapshot before[2];
	struct fuzz_config config;
	int i;

	for (i = 0; counts && i < 2; i++)
		zcgem_take_snapshot(setting->devices[i], &before[i]);
	open_clients(setting, &config);
	config.memlock = setting->seed & 1 ? MEMLOCK : 0;
	config.signals = setting->seed & 2;
	fuzz_start(&child, &config, ops, count);
	fuzz_wait(&child);
	close_clients(&config);
	for (i = 0; counts && i < 2; i++) {
		if (verdict->failed || zcgem_counts_come_back(setting->devices[i], &before[i]))
			continue;
		snprintf(verdict->text, sizeof(verdict->text), "device %d's counts are others", i);
		verdict->failed = true;
		verdict->counts = true;
	}
}

struct attempts {
	const struct setting *setting;
	struct fuzz_verdict *verdict;
	unsigned int count;
	bool counts;
};

#define MOST_ATTEMPTS	200

static bool fails_too(const struct fuzz_op *ops, uint32_t count, void *data)
{
	struct attempts *attempts = data;

	if (attempts->count++ >= MOST_ATTEMPTS)
		return false;
	/* who runs the test wants to hear of it now and then */
	if (attempts->count % 50 == 0)
		igt_info("%u attempts\n", attempts->count);
	run_one(attempts->setting, ops, count, attempts->counts, attempts->verdict);
	return attempts->verdict->failed;
}

/* What read_sequence() reads. */
static void write_sequence(FILE *file, uint64_t seed, const struct fuzz_op *ops, uint32_t count)
{
	uint32_t i;

	fprintf(file, "seed %" PRIu64 "\n", seed);
	for (i = 0; i < count; i++)
		fprintf(file, "%s %u %u %u\n", fuzz_op_name(&ops[i]), ops[i].a, ops[i].b,
			ops[i].c);
}

/* Lines that are no operations are passed over, so that a whole log may be read. */
static uint32_t read_sequence(FILE *file, uint64_t *seed, struct fuzz_op **ops)
{
	char line[120], name[40];
	uint32_t count = 0;

	*ops = NULL;
	while (fgets(line, sizeof(line), file)) {
		struct fuzz_op op;

		if (sscanf(line, "seed %" SCNu64, seed) == 1 ||
		    sscanf(line, "%39s %u %u %u", name, &op.a, &op.b, &op.c) != 4)
			continue;
		igt_assert_f(fuzz_op_code(name) >= 0, "there is no operation %s\n", name);
		op.code = fuzz_op_code(name);
		*ops = reallocarray(*ops, count + 1, sizeof(**ops));
		(*ops)[count++] = op;
	}
	return count;
}

/* The shortest sequence that fails as well goes to @file, and to who runs the test. */
static uint32_t explain(const struct setting *setting, const struct fuzz_op *ops, uint32_t count,
			struct fuzz_verdict *verdict, FILE *file)
{
	struct attempts attempts = {
		.setting = setting, .verdict = fuzz_verdict_new(), .counts = verdict->counts,
	};
	struct fuzz_op *smaller = calloc(count, sizeof(*smaller));
	uint32_t left;

	igt_info("seed %" PRIu64 ", after %u operations: %s\n", setting->seed, verdict->done,
		 verdict->text);
	left = fuzz_minimise(ops, verdict->done ?: count, smaller, fails_too, &attempts);
	igt_info("%u operations suffice:\n", left);
	write_sequence(stdout, setting->seed, smaller, left);
	if (file)
		write_sequence(file, setting->seed, smaller, left);
	run_one(setting, smaller, left, attempts.counts, attempts.verdict);
	igt_info("then: %s\n", attempts.verdict->failed ? attempts.verdict->text : "nothing");
	free(smaller);
	munmap(attempts.verdict, sizeof(*attempts.verdict));
	return left;
}

static void test_sequences(const struct devices *devices)
{
	struct setting setting = {
		.devices = { devices->fd, devices->other }, .lie = -1,
	};
	uint64_t ops = number("ZCGEM_FUZZ_OPS", zcgem_rounds(OPS));
	uint64_t first = number("ZCGEM_FUZZ_SEED", SEED);
	struct fuzz_op *sequence = calloc(LENGTH, sizeof(*sequence));
	struct fuzz_verdict *verdict = fuzz_verdict_new();
	uint64_t done = 0;

	for (setting.seed = first; done < ops; setting.seed++) {
		fuzz_generate(sequence, LENGTH, setting.seed);
		run_one(&setting, sequence, LENGTH, true, verdict);
		if (verdict->failed)
			explain(&setting, sequence, LENGTH, verdict, NULL);
		igt_assert_f(!verdict->failed, "seed %" PRIu64 ": %s\n", setting.seed,
			     verdict->text);
		done += verdict->done;
		if (done / LENGTH % 4 == 0)
			igt_info("%" PRIu64 " operations\n", done);
	}
	igt_info("%" PRIu64 " operations from seed %" PRIu64 " on\n", done, first);
	free(sequence);
	munmap(verdict, sizeof(*verdict));
}

/* An object that all clients have a handle of. */
static int make_shared(struct fuzz_config *config)
{
	int memfd = zcgem_memfd(SHARED_PAGES * ZCGEM_PAGE, F_SEAL_SHRINK), dmabuf, i;

	config->shared.npages = SHARED_PAGES;
	config->shared.handles[0] = zcgem_wrap_memfd(config->clients[0], memfd, 0,
						     SHARED_PAGES * ZCGEM_PAGE, 0);
	dmabuf = zcgem_export(config->clients[0], config->shared.handles[0]);
	for (i = 1; i < FUZZ_CLIENTS; i++)
		igt_assert_eq(__zcgem_import(config->clients[i], dmabuf,
					     &config->shared.handles[i]), 0);
	close(dmabuf);
	return memfd;
}

static void run_together(const struct setting *setting, uint32_t count)
{
	struct fuzz_config configs[PROCESSES];
	struct fuzz_child children[PROCESSES];
	struct fuzz_op *ops[PROCESSES];
	int i, memfd;

	open_clients(setting, &configs[0]);
	memfd = make_shared(&configs[0]);
	for (i = 0; i < PROCESSES; i++) {
		ops[i] = calloc(count, sizeof(*ops[i]));
		fuzz_generate(ops[i], count, setting->seed * PROCESSES + i);
		configs[i] = configs[0];
		configs[i].shared.word = i;
		configs[i].signals = i & 1;
		children[i].verdict = fuzz_verdict_new();
		fuzz_start(&children[i], &configs[i], ops[i], count);
	}
	for (i = 0; i < PROCESSES; i++)
		fuzz_wait(&children[i]);
	close_clients(&configs[0]);
	close(memfd);
	for (i = 0; i < PROCESSES; i++) {
		igt_assert_f(!children[i].verdict->failed, "seed %" PRIu64 " process %d: %s\n",
			     setting->seed, i, children[i].verdict->text);
		munmap(children[i].verdict, sizeof(*children[i].verdict));
		free(ops[i]);
	}
}

static void test_processes(const struct devices *devices)
{
	struct setting setting = {
		.devices = { devices->fd, devices->other }, .lie = -1,
		.seed = number("ZCGEM_FUZZ_SEED", SEED),
	};
	uint64_t left = number("ZCGEM_FUZZ_OPS", PROCESSES * LENGTH * zcgem_rounds(ROUNDS)), done = 0;
	struct zcgem_snapshot before[2];
	int i;

	for (; done < left; done += PROCESSES * LENGTH, setting.seed++) {
		for (i = 0; i < 2; i++)
			zcgem_take_snapshot(setting.devices[i], &before[i]);
		run_together(&setting, LENGTH);
		for (i = 0; i < 2; i++)
			zcgem_check_leaks(setting.devices[i], &before[i]);
		igt_info("%" PRIu64 " operations\n", done + PROCESSES * LENGTH);
	}
	igt_info("%" PRIu64 " operations of %d processes\n", done, PROCESSES);
}

/* What was printed of a failure fails again, by itself, and in the same way. */
static void check_replay(const struct setting *setting, FILE *file, uint32_t count)
{
	struct fuzz_verdict *verdict = fuzz_verdict_new();
	struct setting again = *setting;
	struct fuzz_op *ops;

	rewind(file);
	again.seed = 0;
	igt_assert_eq(read_sequence(file, &again.seed, &ops), count);
	igt_assert_eq_u64(again.seed, setting->seed);
	run_one(&again, ops, count, true, verdict);
	igt_assert_f(verdict->failed, "what was printed does not fail\n");
	free(ops);
	munmap(verdict, sizeof(*verdict));
}

static void test_lies(const struct devices *devices)
{
	static const char * const lies[] = { "write-file", "evict", "map" };
	struct setting setting = { .devices = { devices->fd, devices->other } };
	struct fuzz_op *sequence = calloc(LIE_LENGTH, sizeof(*sequence));
	struct fuzz_verdict *verdict = fuzz_verdict_new();
	uint32_t left, i, seed;
	FILE *file;

	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		setting.lie = fuzz_op_code(lies[i]);
		/* not every sequence looks at what was lied about */
		for (seed = 0; seed < LIE_SEEDS; seed++) {
			setting.seed = SEED + 4 * (LIE_SEEDS * i + seed);
			fuzz_generate(sequence, LIE_LENGTH, setting.seed);
			run_one(&setting, sequence, LIE_LENGTH, true, verdict);
			if (verdict->failed)
				break;
		}
		igt_assert_f(verdict->failed, "nobody notices a lie after %s\n", lies[i]);
		file = tmpfile();
		igt_assert(file);
		left = explain(&setting, sequence, LIE_LENGTH, verdict, file);
		igt_assert_lte(left, 12);
		check_replay(&setting, file, left);
		fclose(file);
	}
	free(sequence);
	munmap(verdict, sizeof(*verdict));
}

static void test_garbage(const struct devices *devices)
{
	uint64_t count = number("ZCGEM_FUZZ_OPS", zcgem_rounds(GARBAGE));
	struct zcgem_snapshot before[2];
	int i, card, status;
	pid_t pid;

	for (i = 0; i < 2; i++)
		zcgem_take_snapshot(i ? devices->other : devices->fd, &before[i]);
	for (i = 0; i < 2; i++) {
		card = i ? zcgem_open_card() : drm_reopen_driver(devices->fd);
		pid = fork();
		if (!pid)
			garbage_calls(card, count / 2, number("ZCGEM_FUZZ_SEED", SEED) + i);
		close(card);
		igt_assert(pid > 0);
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		igt_assert_f(!status, "the child's status is %#x\n", status);
	}
	for (i = 0; i < 2; i++)
		zcgem_check_leaks(i ? devices->other : devices->fd, &before[i]);
}

/* Its name is this program's with another end. */
static void test_garbage32(const struct devices *devices)
{
	char path[512], count[24], seed[24];
	struct zcgem_snapshot before;
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 16);
	int status, card, i;
	char *end;
	pid_t pid;

	igt_assert(len > 0);
	path[len] = '\0';
	end = strrchr(path, '/') + 1;
	strcpy(end, "garbage_caller32");
	igt_require_f(!access(path, X_OK), "no 32-bit program was built\n");

	snprintf(count, sizeof(count), "%" PRIu64, number("ZCGEM_FUZZ_OPS", zcgem_rounds(GARBAGE)) / 2);
	snprintf(seed, sizeof(seed), "%" PRIu64, number("ZCGEM_FUZZ_SEED", SEED) + 2);
	zcgem_take_snapshot(devices->fd, &before);
	for (i = 0; i < 2; i++) {
		card = i ? zcgem_open_card() : drm_reopen_driver(devices->fd);
		pid = fork();
		if (!pid) {
			dup2(card, GARBAGE_FD);
			execl(path, path, count, seed, NULL);
			_exit(errno == ENOEXEC ? IGT_EXIT_SKIP : 1);
		}
		close(card);
		igt_assert(pid > 0);
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		igt_require_f(!WIFEXITED(status) || WEXITSTATUS(status) != IGT_EXIT_SKIP,
			      "this kernel runs no 32-bit programs\n");
		igt_assert_f(!status, "the child's status is %#x\n", status);
	}
	zcgem_check_leaks(devices->fd, &before);
}

static void test_replay(const struct devices *devices)
{
	struct setting setting = {
		.devices = { devices->fd, devices->other }, .lie = -1, .seed = SEED,
	};
	struct fuzz_verdict *verdict = fuzz_verdict_new();
	const char *path = getenv("ZCGEM_FUZZ_REPLAY");
	struct fuzz_op *ops;
	uint32_t count;
	FILE *file;

	igt_require_f(path, "ZCGEM_FUZZ_REPLAY names no file\n");
	file = fopen(path, "r");
	igt_assert_f(file, "%s: %m\n", path);
	count = read_sequence(file, &setting.seed, &ops);
	fclose(file);
	igt_assert_f(count, "%s: no operations\n", path);
	run_one(&setting, ops, count, true, verdict);
	igt_assert_f(!verdict->failed, "%s\n", verdict->text);
	free(ops);
}

int igt_main()
{
	struct devices devices;

	igt_fixture() {
		open_devices(&devices);
		/* RLIMIT_MEMLOCK is the limit */
		zcgem_change_setting(ZCGEM_USER_PERCENT, "0");
	}

	igt_describe("Contents, errno and counts after random sequences of calls are the model's");
	igt_subtest("sequences")
		test_sequences(&devices);

	igt_describe("The same from four processes at once, which share files, and signals");
	igt_subtest("processes")
		test_processes(&devices);

	igt_describe("A wrong model is found out by few operations, which fail again as printed");
	igt_subtest("finds-lies")
		test_lies(&devices);

	igt_describe("Random bytes as every ioctl's argument, on both nodes");
	igt_subtest("garbage")
		test_garbage(&devices);

	igt_describe("The same from a 32-bit program");
	igt_subtest("garbage-32bit")
		test_garbage32(&devices);

	igt_describe("A sequence from a file");
	igt_subtest("replay")
		test_replay(&devices);

	igt_fixture() {
		zcgem_restore_settings();
		close_devices(&devices);
	}
}
