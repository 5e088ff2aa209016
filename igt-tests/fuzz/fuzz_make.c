// SPDX-License-Identifier: MIT
/*
 * The fuzzer's operations that make objects, each right or with one mistake.
 */
#include <errno.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

#include "fuzz.h"
#include "igt_zcgem.h"

/* Deferred work may be late with giving a charge back. */
#define REFUND_STEP_US	10000
#define REFUND_STEPS	300

#define MAX_RANGES	4

/* One mistake in a call of eight. */
enum mistake {
	RIGHT,
	UNALIGNED_OFFSET,
	UNALIGNED_SIZE,
	NO_SIZE,
	BEYOND_END,
	BAD_PAD,
	BAD_FLAG,
	BAD_STRIDE,
	NO_RANGE,
	TOO_MANY_RANGES,
	BAD_POINTER,
	LONG_TAIL,
	BAD_FD,
	NOT_A_MEMFD,
	TOO_LARGE,
	MISTAKES,
};

static enum mistake choose_mistake(uint32_t choice)
{
	return choice & 7 ? RIGHT : 1 + (choice >> 3) % (MISTAKES - 1);
}

static void add_page(struct fuzz *f, struct fuzz_memory *memory, int to,
		     struct fuzz_file *file, int page)
{
	memory->pages[to] = fuzz_file_page(f, file, page);
	fuzz_page_get(f, memory->pages[to]);
	memory->file[to] = file;
	memory->file_page[to] = page;
	file->refs++;
}

static void add_part(struct fuzz *f, struct fuzz_memory *memory, int to,
		     const struct fuzz_part *part)
{
	int i;

	for (i = 0; i < part->npages; i++)
		add_page(f, memory, to + i, part->file, part->first + i);
}

static void expect_size(struct fuzz *f, uint64_t size, int npages)
{
	if (size != npages * ZCGEM_PAGE)
		fuzz_fail(f, "size %llu for %d pages", (unsigned long long)size, npages);
}

/**
 * fuzz_charging_ioctl:
 * @f: the sequence
 * @fd: descriptor
 * @request: an ioctl that charges pages
 * @arg: its argument
 * @npages: how many at most
 * @must: set to whether that is more than the limit
 * @may: set to whether it may be
 *
 * Returns: As fuzz_ioctl(), once the refunds that are due have come.
 */
int fuzz_charging_ioctl(struct fuzz *f, int fd, unsigned long request, void *arg, int npages,
			bool *must, bool *may)
{
	int limit = f->config->memlock, least, most, ret, step;

	fuzz_charged(f, &least, &most);
	*must = limit && least + npages > limit;
	*may = limit && most + npages > limit;
	for (step = 0; ; step++) {
		ret = fuzz_ioctl(fd, request, arg);
		if (ret != -ENOMEM || *may || !limit || step == REFUND_STEPS)
			return ret;
		usleep(REFUND_STEP_US);
	}
}

/**
 * fuzz_create:
 * @f: the sequence
 */
void fuzz_create(struct fuzz *f)
{
	const struct fuzz_op *op = f->op;
	int client = op->a % FUZZ_CLIENTS, npages = 1 + op->b % FUZZ_EXTENT, ret, i;
	struct drm_zcgem_gem_create arg = {
		.size = npages * ZCGEM_PAGE - (op->b >> 8) % ZCGEM_PAGE,
		.flags = op->c & 1 ? DRM_ZCGEM_CREATE_WC : 0,
	};
	enum mistake mistake = choose_mistake(op->c >> 8);
	struct fuzz_memory *memory;

	if (mistake == NO_SIZE)
		arg.size = 0;
	else if (mistake == TOO_LARGE)
		arg.size = (1ull << 39) + 1 + op->b;
	else if (mistake == BAD_FLAG)
		arg.flags |= 2u << op->b % 31;
	else
		mistake = RIGHT;
	if (!mistake && !fuzz_free_handle(f))
		return;

	ret = fuzz_ioctl(f->config->clients[client], DRM_IOCTL_ZCGEM_GEM_CREATE, &arg);
	fuzz_expect(f, "GEM_CREATE", ret, mistake == TOO_LARGE ? EFBIG : mistake ? EINVAL : 0);
	if (ret)
		return;
	expect_size(f, arg.size, npages);

	memory = fuzz_memory_new(f, DRM_ZCGEM_BACKING_POOL, client, npages);
	memory->wc = op->c & 1;
	for (i = 0; i < npages; i++)
		memory->pages[i] = fuzz_page_new(f);
	fuzz_add_handle(f, memory, client, arg.handle);
}

/* Ranges of files: their number, with one mistake in the last of them. */
static int choose_ranges(struct fuzz *f, struct drm_zcgem_memfd_range *ranges,
			 struct fuzz_part *parts, enum mistake mistake, int *npages)
{
	uint64_t state = (uint64_t)f->op->b << 32 | f->op->c;
	int count = 1 + fuzz_random(&state) % MAX_RANGES, i;

	*npages = 0;
	for (i = 0; i < count; i++) {
		uint64_t random = fuzz_random(&state);
		struct fuzz_part part = fuzz_choose_part(f, FUZZ_FILES - FUZZ_ANON, random);

		if (*npages + part.npages > FUZZ_EXTENT)
			break;
		ranges[i] = (struct drm_zcgem_memfd_range){
			.fd = part.file->fd,
			.offset = part.first * ZCGEM_PAGE,
			.size = part.npages * ZCGEM_PAGE,
			/* sometimes wrong, which must not matter */
			.watch_address = random >> 24 & 3 ? 0 : (uintptr_t)part.file->map +
				((random >> 26 & 7) ? part.first : 0) * ZCGEM_PAGE,
		};
		parts[i] = part;
		*npages += part.npages;
	}
	count = i;

	i = count - 1;
	switch (mistake) {
	case UNALIGNED_OFFSET:
		ranges[i].offset += 1 + f->op->b % 4095;
		break;
	case UNALIGNED_SIZE:
		ranges[i].size -= 1 + f->op->b % 4095;
		break;
	case NO_SIZE:
		ranges[i].size = 0;
		break;
	case BEYOND_END:
		ranges[i].offset = f->op->b & 1 ? -ZCGEM_PAGE :
			(parts[i].file->npages - parts[i].npages + 1) * ZCGEM_PAGE;
		break;
	case BAD_PAD:
		ranges[i].pad = 1u << f->op->b % 32;
		break;
	case BAD_FD:
		ranges[i].fd = f->op->b & 1 ? -1 : 100000;
		break;
	case NOT_A_MEMFD:
		ranges[i].fd = f->config->clients[0];
		break;
	case TOO_LARGE:
		ranges[i].size = (1ull << 39) + ZCGEM_PAGE;
		break;
	default:
		break;
	}
	return count;
}

/* What a list of files is refused for, in order, whatever else is wrong: 0 or errno. */
static int refused_files(const struct fuzz_part *parts, int count, bool readonly)
{
	int i;

	for (i = 0; i < count; i++) {
		if (!parts[i].file->no_shrink)
			return EINVAL;
		if (!readonly && parts[i].file->no_write)
			return EPERM;
	}
	return 0;
}

static const int mistake_errno[MISTAKES] = {
	[UNALIGNED_OFFSET] = EINVAL, [UNALIGNED_SIZE] = EINVAL, [NO_SIZE] = EINVAL,
	[BEYOND_END] = EINVAL, [BAD_PAD] = EINVAL, [BAD_FLAG] = EINVAL, [BAD_STRIDE] = EINVAL,
	[NO_RANGE] = EINVAL, [TOO_MANY_RANGES] = E2BIG, [BAD_POINTER] = EFAULT,
	[LONG_TAIL] = E2BIG, [BAD_FD] = EBADF, [NOT_A_MEMFD] = EBADFD, [TOO_LARGE] = EFBIG,
};

/* Mistakes of the array and not of an element. The elements are copied to be long ones. */
static void spoil_array(struct drm_zcgem_array *array, enum mistake mistake, uint32_t choice,
			char *room, size_t stride)
{
	const char *elements = (const char *)(uintptr_t)array->pointer;
	uint32_t i;

	switch (mistake) {
	case BAD_STRIDE:
		array->stride = choice & 1 ? 4104 : choice % 8;
		break;
	case NO_RANGE:
		array->count = 0;
		break;
	case TOO_MANY_RANGES:
		array->count = (1u << 20) + 1 + choice % 1000;
		break;
	case BAD_POINTER:
		array->pointer = choice & 1 ? 8 : -4096ull;
		break;
	default:
		if (mistake != LONG_TAIL && choice & 0x300)
			break;
		/* a longer element whose tail is zero is as good as a short one */
		for (i = 0; i < array->count; i++)
			memcpy(room + i * stride, elements + i * array->stride, array->stride);
		if (mistake == LONG_TAIL)
			room[(array->count - 1) * stride + array->stride + choice % 8] = 1;
		array->pointer = (uintptr_t)room;
		array->stride = stride;
	}
}

/**
 * fuzz_wrap_memfd:
 * @f: the sequence
 */
void fuzz_wrap_memfd(struct fuzz *f)
{
	const struct fuzz_op *op = f->op;
	int client = op->a % FUZZ_CLIENTS, npages, count, ret, i, n, refused;
	enum mistake mistake = choose_mistake(op->a >> 8);
	struct drm_zcgem_memfd_range ranges[MAX_RANGES];
	char room[MAX_RANGES * (sizeof(*ranges) + 8)] = "";
	struct drm_zcgem_gem_wrap_memfd arg = {
		.flags = op->a & 0x80 ? DRM_ZCGEM_WRAP_READONLY : 0,
	};
	struct fuzz_part parts[MAX_RANGES];
	struct fuzz_memory *memory;

	if (!fuzz_free_handle(f))
		return;
	count = choose_ranges(f, ranges, parts, mistake, &npages);
	arg.ranges = (struct drm_zcgem_array){
		.stride = sizeof(*ranges), .count = count, .pointer = (uintptr_t)ranges,
	};
	if (mistake == BAD_FLAG)
		arg.flags |= 2u << op->b % 31;
	spoil_array(&arg.ranges, mistake, op->b, room, sizeof(*ranges) + 8);

	refused = refused_files(parts, count, op->a & 0x80);
	ret = fuzz_ioctl(f->config->clients[client], DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &arg);
	if (mistake)
		fuzz_expect(f, "GEM_WRAP_MEMFD", ret, mistake_errno[mistake],
			    refused ?: mistake_errno[mistake]);
	else
		fuzz_expect(f, "GEM_WRAP_MEMFD", ret, refused);
	if (ret)
		return;
	expect_size(f, arg.size, npages);

	memory = fuzz_memory_new(f, DRM_ZCGEM_BACKING_MEMFD, client, npages);
	memory->readonly = op->a & 0x80;
	for (i = 0, n = 0; i < count; n += parts[i++].npages)
		add_part(f, memory, n, &parts[i]);
	fuzz_add_handle(f, memory, client, arg.handle);
}

/**
 * fuzz_wrap_userptr:
 * @f: the sequence
 */
void fuzz_wrap_userptr(struct fuzz *f)
{
	const struct fuzz_op *op = f->op;
	int client = op->a % FUZZ_CLIENTS, ret;
	struct fuzz_part part = fuzz_choose_part(f, FUZZ_FILES, op->b);
	enum mistake mistake = choose_mistake(op->a >> 8);
	struct drm_zcgem_userptr_range range = fuzz_part_range(&part);
	struct drm_zcgem_gem_wrap_userptr arg = {
		.ranges = {
			.stride = sizeof(range), .count = 1, .pointer = (uintptr_t)&range,
		},
		.flags = op->a & 0x80 ? DRM_ZCGEM_WRAP_READONLY : 0,
	};
	char room[sizeof(range) + 8] = "";
	struct fuzz_memory *memory;
	bool must, may;
	int expected;

	if (mistake == BAD_PAD || mistake == BAD_FD || mistake == NOT_A_MEMFD)
		mistake = RIGHT;
	if (!mistake && !fuzz_free_handle(f))
		return;
	expected = mistake_errno[mistake];
	if (mistake == UNALIGNED_OFFSET)
		range.address += 1 + op->c % 4095;
	else if (mistake == UNALIGNED_SIZE)
		range.size -= 1 + op->c % 4095;
	else if (mistake == NO_SIZE)
		range.size = 0;
	else if (mistake == TOO_LARGE)
		range.size = (1ull << 39) + ZCGEM_PAGE;
	else if (mistake == BAD_FLAG)
		arg.flags |= 4u << op->c % 30;
	else if (mistake == BEYOND_END) {
		/* nothing is mapped at the bottom of the address space */
		range.address = op->c & 1 ? 0 : -ZCGEM_PAGE;
		range.size = op->c & 1 ? ZCGEM_PAGE : 2 * ZCGEM_PAGE;
		expected = op->c & 1 ? EFAULT : EINVAL;
	}
	spoil_array(&arg.ranges, mistake, op->c, room, sizeof(range) + 8);

	ret = fuzz_charging_ioctl(f, f->config->clients[client],
				  DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &arg, part.npages, &must,
				  &may);
	if (mistake)
		fuzz_expect(f, "GEM_WRAP_USERPTR", ret, expected, may ? ENOMEM : expected);
	else
		fuzz_expect(f, "GEM_WRAP_USERPTR", ret, must ? ENOMEM : 0, may ? ENOMEM : 0);
	if (ret)
		return;

	memory = fuzz_memory_new(f, DRM_ZCGEM_BACKING_USERPTR, client, part.npages);
	memory->readonly = op->a & 0x80;
	add_part(f, memory, 0, &part);
	fuzz_add_handle(f, memory, client, arg.handle);
}

/**
 * fuzz_udmabuf:
 * @f: the sequence
 */
void fuzz_udmabuf(struct fuzz *f)
{
	const struct fuzz_op *op = f->op;
	struct fuzz_part part = fuzz_choose_part(f, FUZZ_FILES - FUZZ_ANON, op->b);
	int client = op->a % FUZZ_CLIENTS, ret;
	struct udmabuf_create arg = {
		.memfd = part.file->fd,
		.flags = UDMABUF_FLAGS_CLOEXEC | (op->c & 0xe),
		.offset = part.first * ZCGEM_PAGE,
		.size = part.npages * ZCGEM_PAGE,
	};
	bool refused = refused_files(&part, 1, false);
	struct fuzz_memory *memory;

	if (!fuzz_free_dmabuf(f))
		return;
	ret = fuzz_ioctl(f->config->clients[client], UDMABUF_CREATE, &arg);
	if (ret < 0) {
		fuzz_expect(f, "UDMABUF_CREATE", ret, refused ? EINVAL : 0);
		return;
	}
	if (refused)
		fuzz_fail(f, "UDMABUF_CREATE succeeds");

	memory = fuzz_memory_new(f, DRM_ZCGEM_BACKING_MEMFD, client, part.npages);
	memory->export_writable = true;
	add_part(f, memory, 0, &part);
	fuzz_add_dmabuf(f, memory, ret);
}
