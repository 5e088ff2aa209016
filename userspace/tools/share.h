/* SPDX-License-Identifier: MIT */
/*
 * A memfd, the zcgem object of it, the dma-buf of that, and the proof that the
 * three are the same memory. Functions that return int give 0 or a negative
 * errno and have said on stderr what went wrong.
 */
#ifndef ZCGEM_SHARE_H
#define ZCGEM_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include <zcgem.h>

struct share {
	int memfd;
	uint64_t size;		/* bytes, a multiple of the memfd's page size */
	bool hugetlb;
	uint8_t *pixels;	/* the memfd's own mapping */

	struct zcgem_device *dev;
	struct zcgem_bo *bo;
	int dmabuf;
};

/* Make a memfd of at least @size bytes and map it. */
int share_alloc(struct share *share, uint64_t size, bool hugetlb);
/* Wrap and export it. */
int share_wrap(struct share *share);
/* How many pages there are, and how many of them are not the memfd's but copies. */
int share_count(struct share *share, uint64_t *pages, uint64_t *copies);
/* Bracket writes to @pixels that others are to see in the dma-buf. */
int share_begin_write(struct share *share);
int share_end_write(struct share *share);
void share_free(struct share *share);

#endif /* ZCGEM_SHARE_H */
