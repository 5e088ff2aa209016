/* SPDX-License-Identifier: MIT */
/*
 * io_uring's fixed buffers: memory that somebody else pins for as long as he likes.
 */
#ifndef IGT_ZCGEM_URING_H
#define IGT_ZCGEM_URING_H

#include <stdint.h>

struct zcgem_uring {
	int fd;
	void *rings;
	uint64_t rings_size;
	void *entries;
	uint64_t entries_size;
	uint32_t *sq_tail, *sq_array, *cq_head, *cq_tail;
	uint32_t sq_mask, cq_mask;
	void *results;
};

void zcgem_uring_open(struct zcgem_uring *ring);
void zcgem_uring_close(struct zcgem_uring *ring);
int __zcgem_uring_rings_in(void *map);
int __zcgem_uring_register(struct zcgem_uring *ring, void *map, uint64_t size);
void zcgem_uring_unregister(struct zcgem_uring *ring);
int zcgem_uring_io(struct zcgem_uring *ring, int opcode, int file, void *map, uint32_t size);
int zcgem_uring_read(struct zcgem_uring *ring, int file, void *to, uint32_t size);

#endif /* IGT_ZCGEM_URING_H */
