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

#include <linux/bsearch.h>
#include <linux/dma-fence-chain.h>
#include <linux/overflow.h>
#include <linux/sort.h>

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

static int zcgem_op_bind(struct zcgem_job *job, const struct drm_zcgem_op *in, u32 dst, u32 src,
			 struct zcgem_op *out)
{
	struct drm_device *drm = &job->zdev->drm;
	struct zcgem_job_object *to = &job->objects[dst], *from = &job->objects[src];
	u64 dst_end, src_end;

	dst_end = zcgem_op_end(in->dst_offset, in, in->dst_pitch);
	src_end = zcgem_op_is_fill(in) ? 1 : zcgem_op_end(in->src_offset, in, in->src_pitch);
	if (!dst_end || !src_end || dst_end > to->obj->bo.base.size ||
	    src_end > from->obj->bo.base.size) {
		drm_dbg_ratelimited(drm, "operation outside its objects\n");
		return -EINVAL;
	}
	if (!zcgem_op_is_fill(in) && to->obj == from->obj &&
	    zcgem_op_overlaps(in, dst_end, src_end)) {
		drm_dbg_ratelimited(drm, "copy overlaps itself\n");
		return -EINVAL;
	}
	if (to->obj->readonly) {
		drm_dbg_ratelimited(drm, "object %u is read-only\n", in->dst_handle);
		return -EACCES;
	}

	to->write = true;
	zcgem_job_object_touch(to, in->dst_offset, dst_end);
	if (!zcgem_op_is_fill(in))
		zcgem_job_object_touch(from, in->src_offset, src_end);
	*out = (struct zcgem_op) {
		.type = in->type,
		.dst = dst,
		.src = src,
		.pattern_size = in->pattern_size,
		.dst_offset = in->dst_offset,
		.src_offset = in->src_offset,
		.size = in->size,
		.height = in->height,
		.dst_pitch = in->dst_pitch,
		.src_pitch = in->src_pitch,
		.pattern = in->pattern,
	};
	return 0;
}

static int zcgem_compare_handles(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Each handle once, in ascending order. */
static u32 zcgem_collect_handles(const struct drm_zcgem_op *ops, u32 count, u32 *handles)
{
	u32 i, n = 0, unique = 0;

	for (i = 0; i < count; i++) {
		handles[n++] = ops[i].dst_handle;
		if (!zcgem_op_is_fill(&ops[i]))
			handles[n++] = ops[i].src_handle;
	}
	sort(handles, n, sizeof(*handles), zcgem_compare_handles, NULL);
	for (i = 0; i < n; i++)
		if (!unique || handles[unique - 1] != handles[i])
			handles[unique++] = handles[i];
	return unique;
}

static u32 zcgem_find_handle(const u32 *handles, u32 count, u32 handle)
{
	u32 *found = bsearch(&handle, handles, count, sizeof(*handles), zcgem_compare_handles);

	return found - handles;
}

static int zcgem_lookup_objects(struct drm_file *file, struct zcgem_job *job,
				const u32 *handles, u32 count)
{
	u32 i;

	job->objects = zcgem_table_alloc(count, sizeof(*job->objects));
	if (!job->objects)
		return -ENOMEM;

	for (i = 0; i < count; i++) {
		struct drm_gem_object *gem = drm_gem_object_lookup(file, handles[i]);

		if (!gem)
			return zcgem_refuse(file->minor->dev, -ENOENT, "no handle %u",
					    handles[i]);
		job->objects[job->nr_objects++] = (struct zcgem_job_object) {
			.job = job,
			.obj = to_zcgem_object(gem),
		};
	}
	return 0;
}

static int zcgem_bind_ops(struct drm_file *file, struct zcgem_job *job,
			  const struct drm_zcgem_op *ops, u32 count)
{
	u32 *handles, nr_handles, i;
	int ret;

	handles = zcgem_table_alloc(2 * count, sizeof(*handles));
	if (!handles)
		return -ENOMEM;
	nr_handles = zcgem_collect_handles(ops, count, handles);

	ret = zcgem_lookup_objects(file, job, handles, nr_handles);
	for (i = 0; i < count && !ret; i++) {
		u32 dst = zcgem_find_handle(handles, nr_handles, ops[i].dst_handle);
		u32 src = zcgem_op_is_fill(&ops[i]) ? dst :
			zcgem_find_handle(handles, nr_handles, ops[i].src_handle);

		ret = zcgem_op_bind(job, &ops[i], dst, src, &job->ops[i]);
	}
	job->nr_ops = count;
	zcgem_table_free(handles);
	return ret;
}

/**
 * zcgem_submit_get_ops() - Read the operations and look up their objects.
 * @file: the client
 * @job: gets both; what is there on failure is freed with the job
 * @args: the submit
 *
 * Return: 0, -EINVAL, -E2BIG, -EFAULT, -ENOENT, -EACCES, -ENOMEM.
 */
int zcgem_submit_get_ops(struct drm_file *file, struct zcgem_job *job,
			 const struct drm_zcgem_submit *args)
{
	struct drm_device *drm = &job->zdev->drm;
	struct drm_zcgem_op *ops;
	u32 i;
	int ret;

	ret = zcgem_array_check(drm, &args->ops);
	if (!ret && args->ops.count > ZCGEM_MAX_OPS) {
		drm_dbg_ratelimited(drm, "%u operations are more than %u\n", args->ops.count,
				    ZCGEM_MAX_OPS);
		ret = -E2BIG;
	}
	if (ret)
		return ret;

	job->ops = zcgem_table_alloc(args->ops.count, sizeof(*job->ops));
	ops = zcgem_table_alloc(args->ops.count, sizeof(*ops));
	if (!job->ops || !ops)
		ret = -ENOMEM;
	for (i = 0; i < args->ops.count && !ret; i++) {
		ret = zcgem_array_get(&args->ops, i, &ops[i], sizeof(*ops));
		if (ret)
			drm_dbg_ratelimited(drm, "operation %u cannot be read\n", i);
		else
			ret = zcgem_op_check(drm, &ops[i]);
	}
	if (!ret)
		ret = zcgem_bind_ops(file, job, ops, args->ops.count);
	zcgem_table_free(ops);
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
	struct drm_device *drm = &job->zdev->drm;
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
 * zcgem_submit_put_out_syncs() - Let go of syncobjs.
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
			out->chain = dma_fence_chain_alloc();
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
