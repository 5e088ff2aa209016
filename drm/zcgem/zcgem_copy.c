// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: copies and fills
 *
 * Moves bytes between objects, a piece at a time: as much as lies in one physically
 * contiguous run on both sides, up to ZCGEM_PIECE. Memory of programs is reached through
 * the kernel's linear map; foreign memory through the exporter's kernel mapping.
 *
 * Memory may fail. The kernel marks the page then and may take it out of the linear map, so each
 * piece is looked at first; where the architecture can recover from a machine check of its own
 * loads, a page that fails in the middle ends the job and not the machine.
 *
 * Runs in the engine and is what a fence waits for: no locks, no allocations.
 */

#include <linux/cacheflush.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <drm/zcgem_drm.h>

#include "zcgem_extents.h"
#include "zcgem_job.h"
#include "zcgem_pages.h"

/* Some tens of microseconds: what one step of a job may take. */
#define ZCGEM_PIECE		SZ_256K

/*
 * Where a byte of an object is, and how many from there on are in one piece. NULL if that memory
 * has failed.
 */
static void *zcgem_locate(const struct zcgem_job_object *o, u64 offset, u64 *bytes)
{
	unsigned long npages, pfn;
	size_t skip = offset_in_page(offset);

	if (!o->pages)
		return o->map.vaddr + offset;

	npages = zcgem_extents_lookup(&o->pages->extents, offset >> PAGE_SHIFT, &pfn);
	*bytes = min(*bytes, ((u64)npages << PAGE_SHIFT) - skip);
	if (zcgem_frames_poisoned(pfn, PFN_UP(skip + *bytes)))
		return NULL;
	return page_address(pfn_to_page(pfn)) + skip;
}

/* The pages of files and programs are written here through another view than theirs. */
static void zcgem_written(const struct zcgem_job_object *o, void *start, u64 bytes)
{
	unsigned long addr;

	if (!o->pages)
		return;
	for (addr = (unsigned long)start & PAGE_MASK; addr < (unsigned long)start + bytes;
	     addr += PAGE_SIZE)
		flush_dcache_page(virt_to_page((void *)addr));
}

/* Returns how many bytes were done, 0 if memory has failed. */
static u64 zcgem_piece(struct zcgem_job *job, const struct drm_zcgem_op *op)
{
	u64 bytes = min(op->size - job->column, ZCGEM_PIECE);
	void *dst, *src;

	dst = zcgem_locate(&job->objects[op->dst_handle],
			   op->dst_offset + job->row * op->dst_pitch + job->column, &bytes);

	if (!dst)
		return 0;
	if (op->type == DRM_ZCGEM_OP_COPY) {
		src = zcgem_locate(&job->objects[op->src_handle],
				   op->src_offset + job->row * op->src_pitch + job->column,
				   &bytes);
		if (!src || copy_mc_to_kernel(dst, src, bytes))
			return 0;
	} else if (op->pattern_size == sizeof(u32)) {
		memset32(dst, op->pattern, bytes / sizeof(u32));
	} else {
		memset64(dst, op->pattern, bytes / sizeof(u64));
	}
	zcgem_written(&job->objects[op->dst_handle], dst, bytes);
	return bytes;
}

/**
 * zcgem_job_step() - Do a small part of a job.
 * @job: the job, not over
 *
 * Return: false when it is over.
 */
bool zcgem_job_step(struct zcgem_job *job)
{
	u64 done = 0;

	/* Rows may be short, but each costs something. */
	while (done < ZCGEM_PIECE) {
		const struct drm_zcgem_op *op = &job->ops[job->op];
		u64 bytes = zcgem_piece(job, op);

		if (!bytes) {
			zcgem_job_abort(job, -EHWPOISON);
			return false;
		}
		done += bytes + SZ_1K;
		job->column += bytes;
		if (job->column < op->size)
			continue;
		job->column = 0;
		if (++job->row < op->height)
			continue;
		job->row = 0;
		if (++job->op == job->nr_ops)
			return false;
	}
	return true;
}
