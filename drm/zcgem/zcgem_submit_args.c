// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: reading a submit
 *
 * Reads and checks what a client passes to %DRM_IOCTL_ZCGEM_SUBMIT, so that the rest of
 * the engine can rely on it: every operation lies inside its objects, no copy overlaps
 * itself, nothing is added up that could wrap. Each operation is read once.
 *
 * No locks are held here.
 */

#include <linux/dma-fence-chain.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/drm_syncobj.h>

#include "zcgem_extents.h"
#include "zcgem_ioctl.h"
#include "zcgem_job.h"
#include "zcgem_object.h"
#include "zcgem_submit.h"

#include <drm/zcgem_drm.h>

static bool zcgem_op_is_fill(const struct drm_zcgem_op *op)
{
	return op->type == DRM_ZCGEM_OP_FILL;
}

/* What can be said of an operation without its objects. */
static int zcgem_op_check(struct drm_device *drm, struct drm_zcgem_op *op)
{
	if (op->type > DRM_ZCGEM_OP_FILL || op->flags || op->pad || !op->size)
		goto bad;
	if (zcgem_op_is_fill(op) && (op->src_handle || op->src_offset || op->src_pitch))
		goto bad;

	if (op->height <= 1) {
		op->height = 1;
		op->dst_pitch = 0;
		op->src_pitch = 0;
	} else if (op->dst_pitch < op->size ||
		   (!zcgem_op_is_fill(op) && op->src_pitch < op->size)) {
		goto bad;
	}

	if (!zcgem_op_is_fill(op)) {
		if (op->pattern || op->pattern_size)
			goto bad;
		return 0;
	}
	if (op->pattern_size != sizeof(u32) && op->pattern_size != sizeof(u64))
		goto bad;
	if (op->pattern_size == sizeof(u32) && op->pattern > U32_MAX)
		goto bad;
	if ((op->dst_offset | op->size | op->dst_pitch) & (op->pattern_size - 1))
		goto bad;
	return 0;

bad:
	drm_dbg_ratelimited(drm, "bad operation: type %u size %llu height %llu\n", op->type,
			    op->size, op->height);
	return -EINVAL;
}

/* One past the last byte that is touched, or 0 if there is no such number. */
static u64 zcgem_op_end(u64 offset, const struct drm_zcgem_op *op, u64 pitch)
{
	u64 end;

	if (check_mul_overflow(op->height - 1, pitch, &end) ||
	    check_add_overflow(end, offset, &end) ||
	    check_add_overflow(end, op->size, &end))
		return 0;
	return end;
}

/* Both sides are in the same object and inside it. */
static bool zcgem_op_overlaps(const struct drm_zcgem_op *op, u64 dst_end, u64 src_end)
{
	u64 delta, rows, rest, pitch = op->dst_pitch;

	if (op->dst_offset >= src_end || op->src_offset >= dst_end)
		return false;
	if (op->height == 1 || op->src_pitch != pitch)
		return true;

	/* Rows that are @rows apart begin @rest apart, those before them less. */
	delta = op->dst_offset > op->src_offset ? op->dst_offset - op->src_offset :
		op->src_offset - op->dst_offset;
	rows = div64_u64_rem(delta, pitch, &rest);
	return (rest < op->size && rows < op->height) ||
	       (pitch - rest < op->size && rows + 1 < op->height);
}

static void zcgem_job_object_touch(struct zcgem_job_object *o, u64 offset, u64 end)
{
	o->first = o->end ? min(o->first, offset >> PAGE_SHIFT) : offset >> PAGE_SHIFT;
	o->end = max(o->end, (end - 1) / PAGE_SIZE + 1);
}

/*
 * The place of an object in the job, looked up and added if it is new. Backwards, because
 * operations that follow each other often name the same objects.
 */
static int zcgem_job_find_object(struct drm_file *file, struct zcgem_job *job, u32 handle)
{
	struct drm_gem_object *gem;
	unsigned int i;

	for (i = job->nr_objects; i--;)
		if (job->objects[i].handle == handle)
			return i;

	gem = drm_gem_object_lookup(file, handle);
	if (!gem)
		return zcgem_refuse(file->minor->dev, -ENOENT, "no handle %u", handle);
	job->objects[job->nr_objects] = (struct zcgem_job_object) {
		.job = job,
		.obj = to_zcgem_object(gem),
		.handle = handle,
	};
	return job->nr_objects++;
}

/* Looks up the objects of an operation, and has it name their places instead. */
static int zcgem_op_bind(struct drm_file *file, struct zcgem_job *job, struct drm_zcgem_op *op)
{
	struct drm_device *drm = file->minor->dev;
	struct zcgem_job_object *to, *from;
	u64 dst_end, src_end;
	int dst, src;

	dst = zcgem_job_find_object(file, job, op->dst_handle);
	src = zcgem_op_is_fill(op) || dst < 0 ? dst :
		zcgem_job_find_object(file, job, op->src_handle);
	if (src < 0)
		return src;
	to = &job->objects[dst];
	from = &job->objects[src];

	dst_end = zcgem_op_end(op->dst_offset, op, op->dst_pitch);
	src_end = zcgem_op_is_fill(op) ? 1 : zcgem_op_end(op->src_offset, op, op->src_pitch);
	if (!dst_end || !src_end || dst_end > to->obj->bo.base.size ||
	    src_end > from->obj->bo.base.size)
		return zcgem_refuse(drm, -EINVAL, "operation outside its objects");
	if (!zcgem_op_is_fill(op) && to->obj == from->obj &&
	    zcgem_op_overlaps(op, dst_end, src_end))
		return zcgem_refuse(drm, -EINVAL, "copy overlaps itself");
	if (to->obj->readonly)
		return zcgem_refuse(drm, -EACCES, "object %u is read-only", op->dst_handle);

	to->write = true;
	zcgem_job_object_touch(to, op->dst_offset, dst_end);
	if (!zcgem_op_is_fill(op))
		zcgem_job_object_touch(from, op->src_offset, src_end);
	job->cost += (op->size + ZCGEM_ROW_COST) * op->height;
	op->dst_handle = dst;
	op->src_handle = src;
	return 0;
}

/**
 * zcgem_submit_check_ops() - Is the array of operations one that can be read?
 * @drm: the device, for messages
 * @args: the submit
 *
 * Return: 0, -EINVAL, -E2BIG.
 */
int zcgem_submit_check_ops(struct drm_device *drm, const struct drm_zcgem_submit *args)
{
	int ret = zcgem_array_check(drm, &args->ops);

	if (!ret && args->ops.count > ZCGEM_MAX_OPS)
		ret = zcgem_refuse(drm, -E2BIG, "%u operations are more than %u",
				   args->ops.count, ZCGEM_MAX_OPS);
	return ret;
}

/**
 * zcgem_submit_get_ops() - Read the operations and look up their objects.
 * @file: the client
 * @job: gets both; what is there on failure is freed with the job
 * @args: the submit, whose array zcgem_submit_check_ops() found good
 *
 * Return: 0, -EINVAL, -E2BIG, -EFAULT, -ENOENT, -EACCES.
 */
int zcgem_submit_get_ops(struct drm_file *file, struct zcgem_job *job,
			 const struct drm_zcgem_submit *args)
{
	struct drm_device *drm = file->minor->dev;
	u32 i;
	int ret = 0;

	for (i = 0; i < job->nr_ops && !ret; i++) {
		struct drm_zcgem_op *op = &job->ops[i];

		ret = zcgem_array_get(&args->ops, i, op, sizeof(*op));
		if (ret)
			return zcgem_refuse(drm, ret, "operation %u cannot be read", i);
		ret = zcgem_op_check(drm, op);
		if (!ret)
			ret = zcgem_op_bind(file, job, op);
	}
	return ret;
}

static int zcgem_check_syncs(struct drm_device *drm, const struct drm_zcgem_array *array)
{
	int ret = zcgem_array_check(drm, array);

	if (!ret && array->count > ZCGEM_MAX_SYNCS) {
		drm_dbg_ratelimited(drm, "%u syncs are more than %u\n", array->count,
				    ZCGEM_MAX_SYNCS);
		ret = -E2BIG;
	}
	return ret;
}

static int zcgem_get_sync(struct drm_device *drm, const struct drm_zcgem_array *array,
			  u32 index, struct drm_zcgem_sync *sync)
{
	int ret = zcgem_array_get(array, index, sync, sizeof(*sync));

	if (ret)
		return zcgem_refuse(drm, ret, "sync %u cannot be read", index);
	if (sync->flags)
		return zcgem_refuse(drm, -EINVAL, "flags of sync %u are %#x", index, sync->flags);
	return 0;
}

/**
 * zcgem_submit_get_in_syncs() - Find the fences that the client wants waited for.
 * @file: the client
 * @job: gets them
 * @args: the submit
 *
 * Return: 0, -EINVAL also for a syncobj that has no fence yet, -E2BIG also for too many
 * fences, -EFAULT, -ENOENT, -ENOMEM, -EINTR.
 */
int zcgem_submit_get_in_syncs(struct drm_file *file, struct zcgem_job *job,
			      const struct drm_zcgem_submit *args)
{
	struct drm_device *drm = file->minor->dev;
	struct drm_zcgem_sync sync;
	u32 i;
	int ret;

	if (!args->in_syncs.count)
		return 0;
	ret = zcgem_check_syncs(drm, &args->in_syncs);

	for (i = 0; i < args->in_syncs.count && !ret; i++) {
		struct dma_fence *fence;

		ret = zcgem_get_sync(drm, &args->in_syncs, i, &sync);
		if (ret)
			break;
		ret = drm_syncobj_find_fence(file, sync.handle, sync.point, 0, &fence);
		if (ret)
			return zcgem_refuse(drm, ret, "in-sync %u: no fence", i);
		ret = zcgem_deps_add(&job->deps, fence, true);
		dma_fence_put(fence);
		if (ret)
			drm_dbg_ratelimited(drm, "in-sync %u: no room for its fences\n", i);
	}
	return ret;
}

/**
 * zcgem_submit_put_out_syncs() - Drop syncobjs.
 * @syncs: what zcgem_submit_get_out_syncs() returned
 * @count: how many
 */
void zcgem_submit_put_out_syncs(struct zcgem_out_sync *syncs, u32 count)
{
	while (count--) {
		drm_syncobj_put(syncs[count].syncobj);
		dma_fence_chain_free(syncs[count].chain);
	}
	zcgem_table_free(syncs);
}

/**
 * zcgem_submit_get_out_syncs() - Find the syncobjs that get the fence.
 * @file: the client
 * @args: the submit
 *
 * Return: as many as there are in @args, NULL for none; or -EINVAL, -E2BIG, -EFAULT,
 * -ENOENT, -ENOMEM as an ERR_PTR().
 */
struct zcgem_out_sync *zcgem_submit_get_out_syncs(struct drm_file *file,
						  const struct drm_zcgem_submit *args)
{
	struct drm_device *drm = file->minor->dev;
	struct zcgem_out_sync *syncs;
	struct drm_zcgem_sync sync;
	u32 i;
	int ret;

	if (!args->out_syncs.count)
		return NULL;
	ret = zcgem_check_syncs(drm, &args->out_syncs);
	if (ret)
		return ERR_PTR(ret);
	syncs = zcgem_table_alloc(args->out_syncs.count, sizeof(*syncs));
	if (!syncs)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < args->out_syncs.count; i++) {
		struct zcgem_out_sync *out = &syncs[i];

		ret = zcgem_get_sync(drm, &args->out_syncs, i, &sync);
		if (ret)
			goto put;
		out->point = sync.point;
		out->chain = NULL;
		out->syncobj = drm_syncobj_find(file, sync.handle);
		if (!out->syncobj) {
			ret = zcgem_refuse(drm, -ENOENT, "out-sync %u: no syncobj %u", i,
					   sync.handle);
			goto put;
		}
		if (sync.point) {
			/* As dma_fence_chain_alloc() does, but charged. */
			out->chain = kmalloc(sizeof(*out->chain), GFP_KERNEL_ACCOUNT);
			if (!out->chain) {
				drm_syncobj_put(out->syncobj);
				ret = -ENOMEM;
				goto put;
			}
		}
	}
	return syncs;

put:
	zcgem_submit_put_out_syncs(syncs, i);
	return ERR_PTR(ret);
}
