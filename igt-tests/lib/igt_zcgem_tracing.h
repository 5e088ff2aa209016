/* SPDX-License-Identifier: MIT */
/*
 * The driver's trace events, in an instance of their own that ends with the test.
 */
#ifndef IGT_ZCGEM_TRACING_H
#define IGT_ZCGEM_TRACING_H

#include <stdio.h>
#include <sys/types.h>

void zcgem_begin_tracing(pid_t thread);
void zcgem_end_tracing(void);
FILE *zcgem_open_trace(void);
unsigned int zcgem_count_events(const char *name, const char *text);

#endif /* IGT_ZCGEM_TRACING_H */
