// SPDX-License-Identifier: MIT
/*
 * The fuzzer's operations on SVM objects, which are what is mapped at their addresses whenever a
 * job runs: the pages that a file has now, and not those that it had.
 */
#include <errno.h>
#include <fcntl.h>
#include <xf86drm.h>

#include "fuzz.h"
#include "igt_zcgem.h"

static struct fuzz_mirror *find_mirror(struct fuzz *f, bool used, uint32_t choice)
{
	int i;

	for (i = 0; i < FUZZ_MIRRORS; i++) {
		struct fuzz_mirror *mirror = &f->mirrors[(choice + i) % FUZZ_MIRRORS];

		if (!mirror->file == !used)
			return mirror;
	}
	return NULL;
}

/* Whether the file is still mapped; else anything may be there by now, or nothing. */
static bool is_mapped(const struct fuzz *f, const struct fuzz_file *file)
{
	int i;

	for (i = 0; i < FUZZ_FILES; i++)
		if (f->files[i] == file)
			return true;
	return false;
}

/**
 * fuzz_mirror:
 * @f: the sequence
 *
 * Makes an SVM object of part of a file's mapping, or of what is none.
 */
void fuzz_mirror(struct fuzz *f)
{
	const struct fuzz_op *op = f->op;
	int client = op->a % FUZZ_CLIENTS, ret, expected = 0;
	struct fuzz_mirror *mirror = find_mirror(f, false, 0);
	struct fuzz_part part = fuzz_choose_part(f, FUZZ_FILES, op->b);
	struct drm_zcgem_userptr_range range = fuzz_part_range(&part);
	struct drm_zcgem_gem_wrap_userptr arg = {
		.ranges = {
			.stride = sizeof(range), .count = 1, .pointer = (uintptr_t)&range,
		},
		.flags = DRM_ZCGEM_WRAP_SVM | (op->a & 0x80 ? DRM_ZCGEM_WRAP_READONLY : 0),
	};

	if (!mirror)
		return;
	switch (op->c % 16) {
	case 0:
		range.address += 1 + op->a % 4095;
		expected = EINVAL;
		break;
	case 1:
		/* nothing is mapped at the bottom of the address space */
		range.address = 0;
		expected = EFAULT;
		break;
	case 2:
		arg.flags |= 4u << op->a % 30;
		expected = EINVAL;
		break;
	}

	/* nothing is charged, so that no limit is in the way */
	ret = fuzz_ioctl(f->config->clients[client], DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &arg);
	fuzz_expect(f, "GEM_WRAP_USERPTR", ret, expected);
	if (ret)
		return;
	*mirror = (struct fuzz_mirror){
		.file = part.file, .client = client, .handle = arg.handle, .first = part.first,
		.npages = part.npages, .readonly = op->a & 0x80,
	};
	part.file->refs++;
}

static void close_mirror(struct fuzz *f, struct fuzz_mirror *mirror)
{
	struct drm_gem_close arg = { .handle = mirror->handle };

	fuzz_expect(f, "GEM_CLOSE", fuzz_ioctl(f->config->clients[mirror->client],
					       DRM_IOCTL_GEM_CLOSE, &arg), 0);
	fuzz_file_put(f, mirror->file);
	mirror->file = NULL;
}

/* What such an object is not for, and what it costs. */
static void check_mirror(struct fuzz *f, const struct fuzz_mirror *mirror)
{
	int fd = f->config->clients[mirror->client];
	struct drm_zcgem_gem_mmap_offset offset = { .handle = mirror->handle };
	struct drm_prime_handle prime = { .handle = mirror->handle, .flags = DRM_CLOEXEC };
	struct drm_zcgem_gem_info info = { .handle = mirror->handle };

	fuzz_expect(f, "MMAP_OFFSET", fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &offset),
		    EPERM);
	fuzz_expect(f, "HANDLE_TO_FD", fuzz_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime),
		    EPERM);
	fuzz_expect(f, "GEM_INFO", fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_INFO, &info), 0);
	if (info.backing != DRM_ZCGEM_BACKING_SVM || info.size != mirror->npages * ZCGEM_PAGE ||
	    info.charged || info.pins || info.mappings)
		fuzz_fail(f, "backing %u of %llu bytes, %llu charged, %llu pins", info.backing,
			  (unsigned long long)info.size, (unsigned long long)info.charged,
			  (unsigned long long)info.pins);
}

static int populate(struct fuzz *f, const struct fuzz_mirror *mirror)
{
	struct drm_zcgem_gem_advise arg = {
		.handle = mirror->handle, .advice = DRM_ZCGEM_ADVICE_POPULATE,
		.size = mirror->npages * ZCGEM_PAGE,
	};

	return fuzz_ioctl(f->config->clients[mirror->client], DRM_IOCTL_ZCGEM_GEM_ADVISE, &arg);
}

/* A job fills a word of the mirrored memory. */
static void fill_mirror(struct fuzz *f, const struct fuzz_mirror *mirror, int page, int n)
{
	struct drm_zcgem_op op = {
		.type = DRM_ZCGEM_OP_FILL, .size = 8, .dst_handle = mirror->handle,
		.dst_offset = page * ZCGEM_PAGE + FUZZ_WORD_OFFSET(n),
		.pattern = fuzz_stamp(f), .pattern_size = 8,
	};
	struct drm_zcgem_submit arg = {
		.ops = { .stride = sizeof(op), .count = 1, .pointer = (uintptr_t)&op },
	};
	int ret = fuzz_ioctl(f->config->clients[mirror->client], DRM_IOCTL_ZCGEM_SUBMIT, &arg);

	fuzz_expect(f, "SUBMIT", ret, mirror->readonly ? EACCES : 0);
	if (ret)
		return;
	fuzz_wait_for_work(f, mirror->client, mirror->handle);
	f->words[fuzz_file_page(f, mirror->file, mirror->first + page)][n] = op.pattern;
}

/* A job copies a word of the mirrored memory to where it can be seen. */
static void read_mirror(struct fuzz *f, const struct fuzz_mirror *mirror, int page, int n)
{
	struct fuzz_handle *to = fuzz_find_handle(f, f->op->a >> 8);
	int to_page, from = mirror->file->pages[mirror->first + page];
	struct drm_zcgem_op op = {
		.type = DRM_ZCGEM_OP_COPY, .size = 8, .src_handle = mirror->handle,
		.src_offset = page * ZCGEM_PAGE + FUZZ_WORD_OFFSET(n),
	};
	struct drm_zcgem_submit arg = {
		.ops = { .stride = sizeof(op), .count = 1, .pointer = (uintptr_t)&op },
	};
	int ret;

	if (!to || fuzz_is_foreign(f, to) || to->client != mirror->client)
		return;
	to_page = (f->op->b >> 16) % to->memory->npages;
	if (to->memory->torn[to_page])
		return;
	op.dst_handle = to->handle;
	op.dst_offset = to_page * ZCGEM_PAGE + FUZZ_WORD_OFFSET(n);
	ret = fuzz_ioctl(f->config->clients[to->client], DRM_IOCTL_ZCGEM_SUBMIT, &arg);
	if (to->memory->readonly || to->memory->revoked) {
		fuzz_expect(f, "SUBMIT", ret, EACCES);
		return;
	}
	fuzz_expect(f, "SUBMIT", ret, 0);
	fuzz_wait_for_work(f, to->client, to->handle);
	/* a hole is zeroes, whether it was filled for the job or not */
	f->words[to->memory->pages[to_page]][n] = from == FUZZ_HOLE ? 0 : f->words[from][n];
}

/**
 * fuzz_use_mirror:
 * @f: the sequence
 */
void fuzz_use_mirror(struct fuzz *f)
{
	const struct fuzz_op *op = f->op;
	struct fuzz_mirror *mirror = find_mirror(f, true, op->a);
	int page, n = op->b % FUZZ_WORDS;

	if (!mirror)
		return;
	if (!is_mapped(f, mirror->file)) {
		fuzz_expect(f, "populate", populate(f, mirror), 0, EFAULT);
		close_mirror(f, mirror);
		return;
	}
	page = (op->b >> 8) % mirror->npages;
	switch (op->c % 16) {
	case 0:
		close_mirror(f, mirror);
		break;
	case 1:
		check_mirror(f, mirror);
		break;
	case 2:
		fuzz_expect(f, "populate", populate(f, mirror), 0);
		break;
	case 3 ... 8:
		fill_mirror(f, mirror, page, n);
		break;
	default:
		read_mirror(f, mirror, page, n);
	}
}
