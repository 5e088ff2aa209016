// SPDX-License-Identifier: MIT
/*
 * The fuzzer's operations on objects: sharing, looking, advice, and ending.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xf86drm.h>

#include "fuzz.h"
#include "igt_zcgem.h"

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
		fuzz_add_dmabuf(f, handle->memory, fd);
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
	bool own, must, may;

	if (!dmabuf || !fuzz_free_handle(f))
		return;
	arg.fd = dmabuf->fd;
	own = f->config->device[client] == dmabuf->memory->device;
	if (!own)
		dmabuf->memory->attached = true;
	ret = fuzz_charging_ioctl(f, f->config->clients[client], DRM_IOCTL_PRIME_FD_TO_HANDLE,
				  &arg, own ? 0 : dmabuf->memory->npages, &must, &may);
	/* a handle that there is already is found without attaching once more */
	if (dmabuf->memory->revoked && !own)
		fuzz_expect(f, "FD_TO_HANDLE", ret, 0, EACCES);
	else if (!own && may)
		fuzz_expect(f, "FD_TO_HANDLE", ret, 0, ENOMEM);
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
	fuzz_add_handle(f, dmabuf->memory, client, arg.handle);
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
		      (ZCGEM_HAS_WC && memory->wc ? DRM_ZCGEM_INFO_WC : 0) |
		      (memory->revoked ? DRM_ZCGEM_INFO_REVOKED : 0)))
		fuzz_fail(f, "flags are %#x", info.flags);
	for (i = 0; i < FUZZ_VIEWS; i++)
		mappings += f->views[i].memory == memory;
	if (info.mappings != mappings)
		fuzz_fail(f, "%llu mappings, not %u", (unsigned long long)info.mappings, mappings);
	/* a page is charged once */
	if (info.charged > info.size ||
	    (info.charged && memory->kind != DRM_ZCGEM_BACKING_USERPTR && !memory->attached) ||
	    (!info.charged && memory->kind == DRM_ZCGEM_BACKING_USERPTR))
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

/* Advice that is for the whole of an object. */
static int advise_all(struct fuzz *f, const struct fuzz_handle *handle, uint32_t advice)
{
	return advise(f, handle, advice, 0, handle->memory->npages, NULL);
}

/* What evicting and revalidating say where the object is there and can be moved. */
static void expect_moved(struct fuzz *f, struct fuzz_memory *memory, const char *call, int ret)
{
	fuzz_expect(f, call, ret, 0, !f->config->live && memory->mapped ? EBUSY : 0);
	if (!ret)
		fuzz_memory_settle(f, memory);
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
	ret = advise_all(f, handle, DRM_ZCGEM_ADVICE_EVICT);
	if (fuzz_is_foreign(f, handle)) {
		fuzz_expect(f, "evict of an import", ret, 0);
	} else if (memory->kind != DRM_ZCGEM_BACKING_MEMFD &&
		   memory->kind != DRM_ZCGEM_BACKING_POOL) {
		fuzz_expect(f, "evict", ret, EOPNOTSUPP);
	} else if (memory->revoked) {
		fuzz_expect(f, "evict", ret, EACCES);
	} else {
		expect_moved(f, memory, "evict", ret);
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
	ret = advise_all(f, handle, DRM_ZCGEM_ADVICE_REVALIDATE);
	if (memory->revoked) {
		fuzz_expect(f, "revalidate", ret, EACCES,
			    told_or_not(f, fuzz_is_foreign(f, handle)));
	} else if (fuzz_is_foreign(f, handle)) {
		memory->mapped = true;
		fuzz_expect(f, "revalidate of an import", ret, 0);
	} else {
		expect_moved(f, memory, "revalidate", ret);
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
