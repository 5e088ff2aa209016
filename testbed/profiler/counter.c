// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU that counts instructions by where they are, between marks that the
 * benchmarks' clock leaves: a no-operation with a number in it. At each mark it writes
 * how many instructions each block of the guest's code ran since the last one, and
 * begins anew. For machines of one processor.
 *
 * Debian has no package with QEMU's header for plugins, so what is used of it is
 * declared here (version 1 of the interface).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;

typedef uint64_t plugin_id;
typedef void (*udata_callback)(unsigned int vcpu, void *data);

enum { PLUGIN_NO_REGISTERS = 0, PLUGIN_INLINE_ADD = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*callback)(plugin_id id,
							    struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *counter,
					      uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    udata_callback callback, int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define VISIBLE	__attribute__((visibility("default")))

VISIBLE int qemu_plugin_version = 1;

#define BUCKETS	(1u << 18)

/* nopl 0x6d65637a(%rax,%rax,1): bench_clock() in bench/bench.c. */
static const unsigned char mark[] = { 0x0f, 0x1f, 0x84, 0x00, 'z', 'c', 'e', 'm' };
/* The same with another number: bench_begin(), the next mark is the first one. */
static const unsigned char reset[] = { 0x0f, 0x1f, 0x84, 0x00, 'z', 'c', 'e', 'r' };

/* A block of code, as often as QEMU translates it. */
struct block {
	struct block *next;
	uint64_t address;
	uint64_t instructions;
	uint64_t count;
};

static struct block *blocks[BUCKETS];
static unsigned long marks;
static FILE *out;

static struct block *find_block(uint64_t address, uint64_t instructions)
{
	struct block **bucket = &blocks[(address * 0x9e3779b97f4a7c15ull) >> 46];
	struct block *block;

	for (block = *bucket; block; block = block->next)
		if (block->address == address && block->instructions == instructions)
			return block;
	block = calloc(1, sizeof(*block));
	if (!block)
		abort();
	block->address = address;
	block->instructions = instructions;
	block->next = *bucket;
	*bucket = block;
	return block;
}

/* "MARK" and a number, then an address and a count of instructions a line. */
static void at_mark(unsigned int vcpu, void *data)
{
	struct block *block;
	unsigned int i;

	(void)vcpu;
	(void)data;
	fprintf(out, "MARK %lu\n", marks++);
	for (i = 0; i < BUCKETS; i++) {
		for (block = blocks[i]; block; block = block->next) {
			if (block->count)
				fprintf(out, "%llx %llu\n", (unsigned long long)block->address,
					(unsigned long long)(block->count * block->instructions));
			block->count = 0;
		}
	}
	fflush(out);
}

static void at_reset(unsigned int vcpu, void *data)
{
	at_mark(vcpu, data);
	marks = 0;
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct block *block = find_block(qemu_plugin_tb_vaddr(tb), n);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, PLUGIN_INLINE_ADD, &block->count, 1);
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		const void *bytes = qemu_plugin_insn_data(insn);

		if (qemu_plugin_insn_size(insn) != sizeof(mark))
			continue;
		if (!memcmp(bytes, mark, sizeof(mark)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark,
							       PLUGIN_NO_REGISTERS, NULL);
		else if (!memcmp(bytes, reset, sizeof(reset)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_reset,
							       PLUGIN_NO_REGISTERS, NULL);
	}
}

/* The one argument is out=FILE. */
VISIBLE int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	out = fopen(argv[0] + 4, "w");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
