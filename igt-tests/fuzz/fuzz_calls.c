// SPDX-License-Identifier: MIT
/*
 * The fuzzer's operations on objects: making, sharing, advice, and ending.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/resource.h>
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

static void add_handle(struct fuzz *f, struct fuzz_memory *memory, int client, uint32_t handle)
{
	struct fuzz_handle *entry = fuzz_free_handle(f);

	*entry = (struct fuzz_handle){ .memory = memory, .client = client, .handle = handle };
	fuzz_memory_get(memory);
}

static void add_dmabuf(struct fuzz *f, struct fuzz_memory *memory, int fd)
{
	struct fuzz_dmabuf *entry = fuzz_free_dmabuf(f);

	*entry = (struct fuzz_dmabuf){ .memory = memory, .fd = fd };
	fuzz_memory_get(memory);
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

/* A call that charges pages: what it returns once the refunds that are due have come. */
static int charging_ioctl(struct fuzz *f, int fd, unsigned long request, void *arg,
			  int npages, bool *over)
{
	int ret, step;

	*over = f->config->memlock && fuzz_charged(f) + npages > f->config->memlock;
	for (step = 0; ; step++) {
		ret = fuzz_ioctl(fd, request, arg);
		if (ret != -ENOMEM || *over || !f->config->memlock || step == REFUND_STEPS)
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
	if (arg.size != npages * ZCGEM_PAGE)
		fuzz_fail(f, "size %llu for %d pages", (unsigned long long)arg.size, npages);

	memory = fuzz_memory_new(f, DRM_ZCGEM_BACKING_POOL, client, npages);
	memory->wc = op->c & 1;
	for (i = 0; i < npages; i++)
		memory->pages[i] = fuzz_page_new(f);
	add_handle(f, memory, client, arg.handle);
}

/* Ranges of files: their number, with one mistake in the last of them. */
static int choose_ranges(struct fuzz *f, struct drm_zcgem_memfd_range *ranges,
			 struct fuzz_file **files, enum mistake mistake, int *npages)
{
	uint64_t state = (uint64_t)f->op->b << 32 | f->op->c;
	int count = 1 + fuzz_random(&state) % MAX_RANGES, i;

	*npages = 0;
	for (i = 0; i < count; i++) {
		uint64_t random = fuzz_random(&state);
		struct fuzz_file *file = f->files[random % (FUZZ_FILES - FUZZ_ANON)];
		int first = (random >> 8) % file->npages;
		int n = 1 + (random >> 16) % (file->npages - first);

		if (*npages + n > FUZZ_EXTENT)
			break;
		ranges[i] = (struct drm_zcgem_memfd_range){
			.fd = file->fd,
			.offset = first * ZCGEM_PAGE,
			.size = n * ZCGEM_PAGE,
			/* sometimes wrong, which must not matter */
			.watch_address = random >> 24 & 3 ? 0 :
				(uintptr_t)file->map + ((random >> 26 & 7) ? first : 0) * ZCGEM_PAGE,
		};
		files[i] = file;
		*npages += n;
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
			(files[i]->npages - ranges[i].size / ZCGEM_PAGE + 1) * ZCGEM_PAGE;
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
static int refused_files(struct fuzz_file **files, int count, bool readonly)
{
	int i;

	for (i = 0; i < count; i++) {
		if (!files[i]->no_shrink)
			return EINVAL;
		if (!readonly && files[i]->no_write)
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
	int client = op->a % FUZZ_CLIENTS, npages, count, ret, i, j, n, refused;
	enum mistake mistake = choose_mistake(op->a >> 8);
	struct drm_zcgem_memfd_range ranges[MAX_RANGES];
	char room[MAX_RANGES * (sizeof(*ranges) + 8)] = "";
	struct drm_zcgem_gem_wrap_memfd arg = {
		.flags = op->a & 0x80 ? DRM_ZCGEM_WRAP_READONLY : 0,
	};
	struct fuzz_file *files[MAX_RANGES];
	struct fuzz_memory *memory;
	bool over;

	if (!fuzz_free_handle(f))
		return;
	count = choose_ranges(f, ranges, files, mistake, &npages);
	arg.ranges = (struct drm_zcgem_array){
		.stride = sizeof(*ranges), .count = count, .pointer = (uintptr_t)ranges,
	};
	if (mistake == BAD_FLAG)
		arg.flags |= 2u << op->b % 31;
	spoil_array(&arg.ranges, mistake, op->b, room, sizeof(*ranges) + 8);

	refused = refused_files(files, count, op->a & 0x80);
	ret = charging_ioctl(f, f->config->clients[client], DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &arg,
			     npages, &over);
	if (mistake)
		fuzz_expect(f, "GEM_WRAP_MEMFD", ret, mistake_errno[mistake],
			    refused ?: mistake_errno[mistake]);
	else
		fuzz_expect(f, "GEM_WRAP_MEMFD", ret, refused ?: over ? ENOMEM : 0);
	if (ret)
		return;
	if (arg.size != npages * ZCGEM_PAGE)
		fuzz_fail(f, "size %llu for %d pages", (unsigned long long)arg.size, npages);

	memory = fuzz_memory_new(f, DRM_ZCGEM_BACKING_MEMFD, client, npages);
	memory->readonly = op->a & 0x80;
	for (i = 0, n = 0; i < count; i++)
		for (j = 0; j < (int)(ranges[i].size / ZCGEM_PAGE); j++)
			add_page(f, memory, n++, files[i], ranges[i].offset / ZCGEM_PAGE + j);
	add_handle(f, memory, client, arg.handle);
}

/**
 * fuzz_wrap_userptr:
 * @f: the sequence
 */
void fuzz_wrap_userptr(struct fuzz *f)
{
	const struct fuzz_op *op = f->op;
	int client = op->a % FUZZ_CLIENTS, ret, i;
	struct fuzz_file *file = f->files[op->b % FUZZ_FILES];
	int first = (op->b >> 8) % file->npages;
	int npages = 1 + (op->b >> 16) % (file->npages - first);
	enum mistake mistake = choose_mistake(op->a >> 8);
	struct drm_zcgem_userptr_range range = {
		.address = (uintptr_t)file->map + first * ZCGEM_PAGE,
		.size = npages * ZCGEM_PAGE,
	};
	struct drm_zcgem_gem_wrap_userptr arg = {
		.ranges = {
			.stride = sizeof(range), .count = 1, .pointer = (uintptr_t)&range,
		},
		.flags = op->a & 0x80 ? DRM_ZCGEM_WRAP_READONLY : 0,
	};
	char room[sizeof(range) + 8] = "";
	struct fuzz_memory *memory;
	int expected;
	bool over;

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

	ret = charging_ioctl(f, f->config->clients[client], DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR,
			     &arg, npages, &over);
	if (mistake)
		fuzz_expect(f, "GEM_WRAP_USERPTR", ret, expected, over ? ENOMEM : expected);
	else
		fuzz_expect(f, "GEM_WRAP_USERPTR", ret, over ? ENOMEM : 0);
	if (ret)
		return;

	memory = fuzz_memory_new(f, DRM_ZCGEM_BACKING_USERPTR, client, npages);
	memory->readonly = op->a & 0x80;
	for (i = 0; i < npages; i++)
		add_page(f, memory, i, file, first + i);
	add_handle(f, memory, client, arg.handle);
}

/**
 * fuzz_udmabuf:
 * @f: the sequence
 */
void fuzz_udmabuf(struct fuzz *f)
{
	const struct fuzz_op *op = f->op;
	int client = op->a % FUZZ_CLIENTS, ret, i;
	struct fuzz_file *file = f->files[op->b % (FUZZ_FILES - FUZZ_ANON)];
	int first = (op->b >> 8) % file->npages;
	int npages = 1 + (op->b >> 16) % (file->npages - first);
	struct udmabuf_create arg = {
		.memfd = file->fd,
		.flags = UDMABUF_FLAGS_CLOEXEC | (op->c & 0xe),
		.offset = first * ZCGEM_PAGE,
		.size = npages * ZCGEM_PAGE,
	};
	bool refused = !file->no_shrink || file->no_write, over;
	struct fuzz_memory *memory;

	if (!fuzz_free_dmabuf(f))
		return;
	ret = charging_ioctl(f, f->config->clients[client], UDMABUF_CREATE, &arg, npages, &over);
	if (ret < 0) {
		fuzz_expect(f, "UDMABUF_CREATE", ret, refused ? EINVAL : over ? ENOMEM : 0);
		return;
	}
	if (refused || over)
		fuzz_fail(f, "UDMABUF_CREATE succeeds");

	memory = fuzz_memory_new(f, DRM_ZCGEM_BACKING_MEMFD, client, npages);
	memory->export_writable = true;
	for (i = 0; i < npages; i++)
		add_page(f, memory, i, file, first + i);
	add_dmabuf(f, memory, ret);
}

/**
 * fuzz_close_handle:
 * @f: the sequence
 */
void fuzz_close_handle(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	struct drm_gem_close arg = { 0 };

	if (!handle)
		return;
	arg.handle = handle->handle;
	fuzz_expect(f, "GEM_CLOSE", fuzz_ioctl(f->config->clients[handle->client],
					       DRM_IOCTL_GEM_CLOSE, &arg), 0);
	fuzz_memory_put(f, handle->memory);
	handle->memory = NULL;
}

static int export_handle(struct fuzz *f, const struct fuzz_handle *handle, int *fd)
{
	struct drm_prime_handle arg = {
		.handle = handle->handle,
		.flags = DRM_CLOEXEC | (handle->memory->export_writable ? DRM_RDWR : 0),
		.fd = -1,
	};
	int ret = fuzz_ioctl(f->config->clients[handle->client], DRM_IOCTL_PRIME_HANDLE_TO_FD,
			     &arg);

	*fd = arg.fd;
	return ret;
}

/**
 * fuzz_export:
 * @f: the sequence
 */
void fuzz_export(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	int ret, fd;

	if (!handle || !fuzz_free_dmabuf(f))
		return;
	ret = export_handle(f, handle, &fd);
	/* what was exported before it was revoked has a dma-buf already */
	if (handle->memory->revoked)
		fuzz_expect(f, "HANDLE_TO_FD", ret, 0, EACCES);
	else
		fuzz_expect(f, "HANDLE_TO_FD", ret, 0);
	if (!ret)
		add_dmabuf(f, handle->memory, fd);
}

/**
 * fuzz_export_at_limit:
 * @f: the sequence
 */
void fuzz_export_at_limit(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	struct rlimit limit, low;
	int ret, fd, next;

	if (!handle)
		return;
	next = dup(0);
	if (next < 0)
		fuzz_fail(f, "dup: %m");
	close(next);
	if (getrlimit(RLIMIT_NOFILE, &limit))
		fuzz_fail(f, "getrlimit: %m");
	low = limit;
	low.rlim_cur = next;
	if (setrlimit(RLIMIT_NOFILE, &low))
		fuzz_fail(f, "setrlimit: %m");
	ret = export_handle(f, handle, &fd);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		fuzz_fail(f, "setrlimit: %m");
	if (handle->memory->revoked)
		fuzz_expect(f, "HANDLE_TO_FD", ret, EMFILE, EACCES);
	else
		fuzz_expect(f, "HANDLE_TO_FD", ret, EMFILE);
}

/**
 * fuzz_import:
 * @f: the sequence
 */
void fuzz_import(struct fuzz *f)
{
	struct fuzz_dmabuf *dmabuf = fuzz_find_dmabuf(f, f->op->a);
	int client = f->op->b % FUZZ_CLIENTS, ret, i;
	struct drm_prime_handle arg = { .fd = -1 };
	bool own;

	if (!dmabuf || !fuzz_free_handle(f))
		return;
	arg.fd = dmabuf->fd;
	ret = fuzz_ioctl(f->config->clients[client], DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);
	own = f->config->device[client] == dmabuf->memory->device;
	/* a handle that there is already is found without attaching once more */
	if (dmabuf->memory->revoked && !own)
		fuzz_expect(f, "FD_TO_HANDLE", ret, 0, EACCES);
	else
		fuzz_expect(f, "FD_TO_HANDLE", ret, 0);
	if (ret)
		return;

	for (i = 0; i < FUZZ_HANDLES; i++) {
		struct fuzz_handle *handle = &f->handles[i];

		if (!handle->memory || handle->client != client || handle->handle != arg.handle)
			continue;
		if (handle->memory != dmabuf->memory)
			fuzz_fail(f, "the handle is another object's");
		return;
	}
	if (dmabuf->memory->revoked && !own)
		fuzz_fail(f, "a revoked object was imported");
	add_handle(f, dmabuf->memory, client, arg.handle);
}

/**
 * fuzz_close_dmabuf:
 * @f: the sequence
 */
void fuzz_close_dmabuf(struct fuzz *f)
{
	struct fuzz_dmabuf *dmabuf = fuzz_find_dmabuf(f, f->op->a);

	if (!dmabuf)
		return;
	close(dmabuf->fd);
	fuzz_memory_put(f, dmabuf->memory);
	dmabuf->memory = NULL;
}

/**
 * fuzz_info:
 * @f: the sequence
 */
void fuzz_info(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	struct drm_zcgem_gem_info info = { 0 };
	unsigned int flags, mappings = 0;
	struct fuzz_memory *memory;
	uint64_t charged;
	bool foreign;
	int i;

	if (!handle)
		return;
	memory = handle->memory;
	foreign = fuzz_is_foreign(f, handle);
	info.handle = handle->handle;
	fuzz_expect(f, "GEM_INFO", fuzz_ioctl(f->config->clients[handle->client],
					      DRM_IOCTL_ZCGEM_GEM_INFO, &info), 0);
	if (info.size != memory->npages * ZCGEM_PAGE)
		fuzz_fail(f, "size is %llu", (unsigned long long)info.size);
	if (info.backing != (foreign ? DRM_ZCGEM_BACKING_IMPORT : (unsigned int)memory->kind))
		fuzz_fail(f, "backing is %u", info.backing);

	flags = info.flags & (DRM_ZCGEM_INFO_READONLY | DRM_ZCGEM_INFO_WC |
			      DRM_ZCGEM_INFO_REVOKED);
	if (foreign) {
		bool readonly = memory->readonly || !memory->export_writable;

		if (flags != (readonly ? DRM_ZCGEM_INFO_READONLY : 0))
			fuzz_fail(f, "flags are %#x", info.flags);
		return;
	}
	if (flags != ((memory->readonly ? DRM_ZCGEM_INFO_READONLY : 0) |
		      (memory->wc ? DRM_ZCGEM_INFO_WC : 0) |
		      (memory->revoked ? DRM_ZCGEM_INFO_REVOKED : 0)))
		fuzz_fail(f, "flags are %#x", info.flags);
	for (i = 0; i < FUZZ_VIEWS; i++)
		mappings += f->views[i].memory == memory;
	if (info.mappings != mappings)
		fuzz_fail(f, "%llu mappings, not %u", (unsigned long long)info.mappings, mappings);
	charged = memory->kind == DRM_ZCGEM_BACKING_POOL ? 0 : memory->npages * ZCGEM_PAGE;
	if (info.charged != charged)
		fuzz_fail(f, "%llu bytes charged", (unsigned long long)info.charged);
	if (info.pins && (f->config->live || !memory->mapped))
		fuzz_fail(f, "%llu pins", (unsigned long long)info.pins);
	if (info.resident && info.resident != info.size)
		fuzz_fail(f, "%llu bytes are resident", (unsigned long long)info.resident);
}

/**
 * fuzz_param:
 * @f: the sequence
 */
void fuzz_param(struct fuzz *f)
{
	struct drm_zcgem_get_param arg = {
		.param = f->op->a % 64,
		.pad = f->op->b & 15 ? 0 : f->op->c,
	};
	int ret = fuzz_ioctl(f->config->clients[f->op->b % FUZZ_CLIENTS],
			     DRM_IOCTL_ZCGEM_GET_PARAM, &arg);

	if (arg.pad)
		fuzz_expect(f, "GET_PARAM", ret, EINVAL);
	else
		fuzz_expect(f, "GET_PARAM", ret, 0,
			    arg.param <= DRM_ZCGEM_PARAM_WATCH ? 0 : EINVAL);
}

/* What using a revoked object says besides EACCES: an importer that is not told may go on. */
static int told_or_not(const struct fuzz *f, bool foreign)
{
	return foreign && !f->config->live ? 0 : EACCES;
}

static int advise(struct fuzz *f, const struct fuzz_handle *handle, uint32_t advice,
		  int first, int npages, const void *address)
{
	struct drm_zcgem_gem_advise arg = {
		.handle = handle->handle,
		.advice = advice,
		.offset = first * ZCGEM_PAGE,
		.size = npages * ZCGEM_PAGE,
		.address = (uintptr_t)address,
	};

	return fuzz_ioctl(f->config->clients[handle->client], DRM_IOCTL_ZCGEM_GEM_ADVISE, &arg);
}

/**
 * fuzz_advise:
 * @f: the sequence
 *
 * Populates, with the page tables of a view or without.
 */
void fuzz_advise(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	struct fuzz_view *view = fuzz_find_view(f, f->op->b);
	int first, npages, ret;
	bool foreign, mine;

	if (!handle)
		return;
	foreign = fuzz_is_foreign(f, handle);
	if (f->op->c & 1 || !view) {
		first = f->op->b % handle->memory->npages;
		npages = 1 + (f->op->b >> 8) % (handle->memory->npages - first);
		ret = advise(f, handle, DRM_ZCGEM_ADVICE_POPULATE, first, npages, NULL);
		if (handle->memory->revoked)
			fuzz_expect(f, "populate", ret, EACCES, told_or_not(f, foreign));
		else
			fuzz_expect(f, "populate", ret, 0);
	} else {
		mine = view->memory == handle->memory && !foreign;
		first = view->first + (f->op->c >> 4) % view->npages;
		npages = view->npages - (first - view->first);
		ret = advise(f, handle, DRM_ZCGEM_ADVICE_POPULATE, first, npages,
			     view->map + (first - view->first) * ZCGEM_PAGE);
		if (handle->memory->revoked)
			fuzz_expect(f, "populate view", ret, EACCES, mine ? EACCES : EINVAL);
		else
			fuzz_expect(f, "populate view", ret, mine ? 0 : EINVAL);
	}
	if (foreign)
		handle->memory->mapped = true;
}

/**
 * fuzz_evict:
 * @f: the sequence
 */
void fuzz_evict(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	struct fuzz_memory *memory;
	int ret;

	if (!handle)
		return;
	memory = handle->memory;
	ret = advise(f, handle, DRM_ZCGEM_ADVICE_EVICT, 0, memory->npages, NULL);
	if (fuzz_is_foreign(f, handle)) {
		fuzz_expect(f, "evict of an import", ret, 0);
	} else if (memory->kind != DRM_ZCGEM_BACKING_MEMFD) {
		fuzz_expect(f, "evict", ret, EOPNOTSUPP);
	} else if (memory->revoked) {
		fuzz_expect(f, "evict", ret, EACCES);
	} else {
		fuzz_expect(f, "evict", ret, 0, !f->config->live && memory->mapped ? EBUSY : 0);
		if (!ret)
			fuzz_memory_settle(f, memory);
	}
}

/**
 * fuzz_revalidate:
 * @f: the sequence
 */
void fuzz_revalidate(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	struct fuzz_memory *memory;
	int ret;

	if (!handle)
		return;
	memory = handle->memory;
	ret = advise(f, handle, DRM_ZCGEM_ADVICE_REVALIDATE, 0, memory->npages, NULL);
	if (memory->revoked) {
		fuzz_expect(f, "revalidate", ret, EACCES,
			    told_or_not(f, fuzz_is_foreign(f, handle)));
	} else if (fuzz_is_foreign(f, handle)) {
		memory->mapped = true;
		fuzz_expect(f, "revalidate of an import", ret, 0);
	} else {
		fuzz_expect(f, "revalidate", ret, 0, !f->config->live && memory->mapped ? EBUSY : 0);
		if (!ret)
			fuzz_memory_settle(f, memory);
	}
}

/**
 * fuzz_revoke:
 * @f: the sequence
 */
void fuzz_revoke(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	struct drm_zcgem_gem_revoke arg = { 0 };
	struct fuzz_memory *memory;
	int ret;

	/* seldom, or there is soon nothing else */
	if (!handle || f->op->b & 3)
		return;
	memory = handle->memory;
	arg.handle = handle->handle;
	ret = fuzz_ioctl(f->config->clients[handle->client], DRM_IOCTL_ZCGEM_GEM_REVOKE, &arg);
	if (fuzz_is_foreign(f, handle)) {
		fuzz_expect(f, "GEM_REVOKE of an import", ret, EOPNOTSUPP);
	} else if (memory->client != handle->client) {
		fuzz_expect(f, "GEM_REVOKE of another's", ret, EPERM);
	} else {
		fuzz_expect(f, "GEM_REVOKE", ret, 0);
		memory->revoked = true;
		if (arg.holders && (f->config->live || !memory->mapped))
			fuzz_fail(f, "%llu holders", (unsigned long long)arg.holders);
	}
}

/**
 * fuzz_sync:
 * @f: the sequence
 *
 * Access of the CPU to a dma-buf, and its fences.
 */
void fuzz_sync(struct fuzz *f)
{
	struct fuzz_dmabuf *dmabuf = fuzz_find_dmabuf(f, f->op->a);
	struct dma_buf_sync sync = { .flags = f->op->b % 16 };
	struct dma_buf_export_sync_file out = { .flags = f->op->b % 4, .fd = -1 };
	bool good;
	int ret;

	if (!dmabuf)
		return;
	if (f->op->c & 1) {
		good = out.flags;
		ret = fuzz_ioctl(dmabuf->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &out);
		fuzz_expect(f, "EXPORT_SYNC_FILE", ret, good ? 0 : EINVAL);
		if (!ret)
			close(out.fd);
		return;
	}
	good = (sync.flags & DMA_BUF_SYNC_RW) && !(sync.flags & 8);
	ret = fuzz_ioctl(dmabuf->fd, DMA_BUF_IOCTL_SYNC, &sync);
	fuzz_expect(f, "DMA_BUF_IOCTL_SYNC", ret, good ? 0 : EINVAL);
}

/**
 * fuzz_bad_handle:
 * @f: the sequence
 */
void fuzz_bad_handle(struct fuzz *f)
{
	int fd = f->config->clients[f->op->b % FUZZ_CLIENTS];
	uint32_t handle = f->op->a | 1u << 20;
	struct drm_zcgem_gem_info info = { .handle = handle };
	struct drm_zcgem_gem_mmap_offset offset = { .handle = handle };
	struct drm_zcgem_gem_advise advise = { .handle = handle, .size = ZCGEM_PAGE };
	struct drm_zcgem_gem_revoke revoke = { .handle = handle };
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_CLOEXEC };
	struct drm_zcgem_gem_wait wait = { .handle = handle };
	struct drm_gem_close gone = { .handle = handle };

	fuzz_expect(f, "GEM_INFO", fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_INFO, &info), ENOENT);
	fuzz_expect(f, "MMAP_OFFSET", fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &offset),
		    ENOENT);
	fuzz_expect(f, "GEM_ADVISE", fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_ADVISE, &advise), ENOENT);
	fuzz_expect(f, "GEM_REVOKE", fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), ENOENT);
	fuzz_expect(f, "GEM_WAIT", fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WAIT, &wait), ENOENT);
	fuzz_expect(f, "HANDLE_TO_FD", fuzz_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime),
		    ENOENT);
	fuzz_expect(f, "GEM_CLOSE", fuzz_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &gone), EINVAL);
}
