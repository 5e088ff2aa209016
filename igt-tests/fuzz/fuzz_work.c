// SPDX-License-Identifier: MIT
/*
 * The fuzzer's operations on contents that the driver itself carries out: fills and copies.
 */
#include <errno.h>
#include <time.h>
#include <xf86drm.h>

#include "fuzz.h"
#include "igt_zcgem.h"

/* Much longer than a busy machine takes for a word. */
#define PATIENCE_S	60

/* Where a word of an object's page is, by page and number. */
static uint64_t word_offset(uint32_t choice, const struct fuzz_memory *memory, int *page, int *n)
{
	*page = (choice >> 8) % memory->npages;
	*n = choice % FUZZ_WORDS;
	return *page * ZCGEM_PAGE + FUZZ_WORD_OFFSET(*n);
}

/**
 * fuzz_wait_for_work:
 * @f: the sequence
 * @client: which client
 * @handle: its handle of an object that was submitted
 */
void fuzz_wait_for_work(struct fuzz *f, int client, uint32_t handle)
{
	struct drm_zcgem_gem_wait arg = { .handle = handle, .flags = DRM_ZCGEM_WAIT_WRITE };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	arg.timeout_ns = (now.tv_sec + PATIENCE_S) * 1000000000ll;
	fuzz_expect(f, "GEM_WAIT", fuzz_ioctl(f->config->clients[client],
					      DRM_IOCTL_ZCGEM_GEM_WAIT, &arg), 0);
}

/**
 * fuzz_work:
 * @f: the sequence
 *
 * Fills a word of an object, or copies one to it, and waits for it.
 */
void fuzz_work(struct fuzz *f)
{
	const struct fuzz_op *choice = f->op;
	struct fuzz_handle *to = fuzz_find_handle(f, choice->a);
	struct fuzz_handle *from = fuzz_find_handle(f, choice->a >> 8);
	bool copy = choice->c & 1;
	struct drm_zcgem_op op = {
		.type = copy ? DRM_ZCGEM_OP_COPY : DRM_ZCGEM_OP_FILL, .size = 8,
	};
	struct drm_zcgem_submit arg = {
		.ops = { .stride = sizeof(op), .count = 1, .pointer = (uintptr_t)&op },
	};
	int to_page, to_n, from_page = 0, from_n = 0, ret;

	/* an importer's mapping would pin the exporter's memory for a while */
	if (!to || fuzz_is_foreign(f, to) || fuzz_is_foreign(f, from))
		return;
	if (from->client != to->client)
		copy = false;
	op.type = copy ? DRM_ZCGEM_OP_COPY : DRM_ZCGEM_OP_FILL;
	op.dst_handle = to->handle;
	op.dst_offset = word_offset(choice->b, to->memory, &to_page, &to_n);
	if (to->memory->torn[to_page])
		return;
	if (copy) {
		op.src_handle = from->handle;
		op.src_offset = word_offset(choice->b >> 16, from->memory, &from_page, &from_n);
		if (from->memory->torn[from_page] ||
		    (from->memory->pages[from_page] == to->memory->pages[to_page] &&
		     from_n == to_n))
			return;
	} else {
		op.pattern_size = 8;
		op.pattern = fuzz_stamp(f);
	}

	ret = fuzz_ioctl(f->config->clients[to->client], DRM_IOCTL_ZCGEM_SUBMIT, &arg);
	if (to->memory->readonly || to->memory->revoked || (copy && from->memory->revoked)) {
		fuzz_expect(f, "SUBMIT", ret, EACCES);
		return;
	}
	fuzz_expect(f, "SUBMIT", ret, 0);
	fuzz_wait_for_work(f, to->client, to->handle);
	f->words[to->memory->pages[to_page]][to_n] = copy ?
		f->words[from->memory->pages[from_page]][from_n] : op.pattern;
}
