// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: tracepoints
 *
 * The bodies of the zcgem:* events. /proc/PID/smaps and pagemap leave VM_PFNMAP
 * mappings out, so these and the counters of an object are the only way to see
 * how it is mapped.
 */

#define CREATE_TRACE_POINTS
#include "zcgem_trace.h"
