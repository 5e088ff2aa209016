/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM zcgem

#if !defined(_ZCGEM_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _ZCGEM_TRACE_H_

#include <linux/tracepoint.h>

#include "zcgem_fence.h"
#include "zcgem_job.h"
#include "zcgem_object.h"

DECLARE_EVENT_CLASS(zcgem_object,
		    TP_PROTO(struct zcgem_object *obj),
		    TP_ARGS(obj),
		    TP_STRUCT__entry(__field(const void *, obj)
				     __field(u64, size)
				     __string(backing, obj->ops->name)
				     __field(unsigned int, pins)),
		    TP_fast_assign(__entry->obj = obj;
				   __entry->size = obj->bo.base.size;
				   __assign_str(backing);
				   __entry->pins = obj->pins;),
		    TP_printk("obj=%p backing=%s size=%llu pins=%u", __entry->obj,
			      __get_str(backing), __entry->size, __entry->pins)
);

DEFINE_EVENT(zcgem_object, zcgem_create,
	     TP_PROTO(struct zcgem_object *obj), TP_ARGS(obj));
DEFINE_EVENT(zcgem_object, zcgem_pin,
	     TP_PROTO(struct zcgem_object *obj), TP_ARGS(obj));
DEFINE_EVENT(zcgem_object, zcgem_unpin,
	     TP_PROTO(struct zcgem_object *obj), TP_ARGS(obj));
DEFINE_EVENT(zcgem_object, zcgem_evict,
	     TP_PROTO(struct zcgem_object *obj), TP_ARGS(obj));
DEFINE_EVENT(zcgem_object, zcgem_revoke,
	     TP_PROTO(struct zcgem_object *obj), TP_ARGS(obj));
DEFINE_EVENT(zcgem_object, zcgem_invalidate,
	     TP_PROTO(struct zcgem_object *obj), TP_ARGS(obj));

TRACE_EVENT(zcgem_fault,
	    TP_PROTO(struct zcgem_object *obj, unsigned long address, unsigned int order),
	    TP_ARGS(obj, address, order),
	    TP_STRUCT__entry(__field(const void *, obj)
			     __field(unsigned long, address)
			     __field(unsigned int, order)),
	    TP_fast_assign(__entry->obj = obj;
			   __entry->address = address;
			   __entry->order = order;),
	    TP_printk("obj=%p address=%#lx leaf=%lu", __entry->obj, __entry->address,
		      PAGE_SIZE << __entry->order)
);

TRACE_EVENT(zcgem_fault_retry,
	    TP_PROTO(struct zcgem_object *obj, unsigned long address),
	    TP_ARGS(obj, address),
	    TP_STRUCT__entry(__field(const void *, obj)
			     __field(unsigned long, address)),
	    TP_fast_assign(__entry->obj = obj;
			   __entry->address = address;),
	    TP_printk("obj=%p address=%#lx", __entry->obj, __entry->address)
);

TRACE_EVENT(zcgem_punch,
	    TP_PROTO(struct zcgem_object *obj, pgoff_t first, pgoff_t npages),
	    TP_ARGS(obj, first, npages),
	    TP_STRUCT__entry(__field(const void *, obj)
			     __field(u64, offset)
			     __field(u64, size)),
	    TP_fast_assign(__entry->obj = obj;
			   __entry->offset = (u64)first << PAGE_SHIFT;
			   __entry->size = (u64)npages << PAGE_SHIFT;),
	    TP_printk("obj=%p offset=%llu size=%llu", __entry->obj, __entry->offset,
		      __entry->size)
);

TRACE_EVENT(zcgem_submit,
	    TP_PROTO(struct zcgem_job *job),
	    TP_ARGS(job),
	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)
			     __field(unsigned int, ops)
			     __field(unsigned int, objects)
			     __field(unsigned int, deps)
			     __field(u32, priority)),
	    /* A job that is done in the call has none. */
	    TP_fast_assign(__entry->context = job->fence ? job->fence->base.context : 0;
			   __entry->seqno = job->fence ? job->fence->base.seqno : 0;
			   __entry->ops = job->nr_ops;
			   __entry->objects = job->nr_objects;
			   __entry->deps = job->deps.count;
			   __entry->priority = job->queue->priority;),
	    TP_printk("fence=%llu:%llu ops=%u objects=%u deps=%u priority=%u",
		      __entry->context, __entry->seqno, __entry->ops, __entry->objects,
		      __entry->deps, __entry->priority)
);

TRACE_EVENT(zcgem_job_run,
	    TP_PROTO(struct zcgem_job *job),
	    TP_ARGS(job),
	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)),
	    TP_fast_assign(__entry->context = job->fence->base.context;
			   __entry->seqno = job->fence->base.seqno;),
	    TP_printk("fence=%llu:%llu", __entry->context, __entry->seqno)
);

TRACE_EVENT(zcgem_job_done,
	    TP_PROTO(struct zcgem_job *job, int error),
	    TP_ARGS(job, error),
	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)
			     __field(u64, ran)
			     __field(int, error)),
	    TP_fast_assign(__entry->context = job->fence->base.context;
			   __entry->seqno = job->fence->base.seqno;
			   __entry->ran = job->ran;
			   __entry->error = error;),
	    TP_printk("fence=%llu:%llu ran=%lluns error=%d", __entry->context,
		      __entry->seqno, __entry->ran, __entry->error)
);

#endif /* _ZCGEM_TRACE_H_ */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE zcgem_trace
#include <trace/define_trace.h>
