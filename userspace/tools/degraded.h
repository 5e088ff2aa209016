/* SPDX-License-Identifier: MIT */
/*
 * What zcgem promises and this machine, kernel or caller does not let it keep.
 */
#ifndef ZCGEM_DEGRADED_H
#define ZCGEM_DEGRADED_H

#include <stdbool.h>
#include <stdint.h>

/* The device's answers; a bit of @known is set for each parameter it has. */
struct parameters {
	uint64_t known;
	uint64_t uapi_version;
	uint64_t max_ranges;
	uint64_t max_size;
	uint64_t backings;
	uint64_t leaf_sizes;
	uint64_t live_invalidation;
	uint64_t advice;
	uint64_t revoke;
	uint64_t watch;
	uint64_t submit;
	uint64_t max_ops;
	uint64_t max_syncs;
	uint64_t in_fence_timeout;
	uint64_t job_timeout;
	uint64_t wait;
	uint64_t svm;
	uint64_t user_share;
};

struct degradation {
	const char *contract;	/* its name in Documentation/ */
	char reason[240];
	const char *remedy;	/* what who runs the machine can do */
};

#define MAX_DEGRADATIONS	8

/* Fill @list, of MAX_DEGRADATIONS entries; returns how many there are. */
unsigned int find_degradations(const struct parameters *parameters, struct degradation *list);

#endif /* ZCGEM_DEGRADED_H */
