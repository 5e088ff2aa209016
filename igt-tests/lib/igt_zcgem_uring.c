// SPDX-License-Identifier: MIT
/*
 * io_uring's fixed buffers: memory that somebody else pins for as long as he likes,
 * with pin_user_pages(FOLL_LONGTERM), the way RDMA and vfio do it.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem.h"
#include "igt_zcgem_uring.h"

/**
 * zcgem_uring_open:
 * @ring: filled
 *
 * Skips where the kernel has no io_uring or does not allow it.
 */
void zcgem_uring_open(struct zcgem_uring *ring)
{
	struct io_uring_params params = {};
	uint64_t sq_size, cq_size;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, 4, &params);
	igt_require_f(ring->fd >= 0, "no io_uring: %m\n");
	igt_require(params.features & IORING_FEAT_SINGLE_MMAP);

	sq_size = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
	cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	ring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	igt_assert(ring->rings != MAP_FAILED);
	ring->entries_size = params.sq_entries * sizeof(struct io_uring_sqe);
	ring->entries = mmap(NULL, ring->entries_size, PROT_READ | PROT_WRITE,
			     MAP_SHARED, ring->fd, IORING_OFF_SQES);
	igt_assert(ring->entries != MAP_FAILED);

	ring->sq_tail = (void *)((char *)ring->rings + params.sq_off.tail);
	ring->sq_array = (void *)((char *)ring->rings + params.sq_off.array);
	ring->sq_mask = params.sq_entries - 1;
	ring->cq_head = (void *)((char *)ring->rings + params.cq_off.head);
	ring->cq_tail = (void *)((char *)ring->rings + params.cq_off.tail);
	ring->cq_mask = params.cq_entries - 1;
	ring->results = (char *)ring->rings + params.cq_off.cqes;
}

/**
 * zcgem_uring_close:
 * @ring: what zcgem_uring_open() filled
 */
void zcgem_uring_close(struct zcgem_uring *ring)
{
	munmap(ring->entries, ring->entries_size);
	munmap(ring->rings, ring->rings_size);
	close(ring->fd);
}

/**
 * __zcgem_uring_register:
 * @ring: a ring without a buffer
 * @map: memory
 * @size: bytes
 *
 * Returns: 0 or -errno.
 */
int __zcgem_uring_register(struct zcgem_uring *ring, void *map, uint64_t size)
{
	struct iovec buffer = { .iov_base = map, .iov_len = size };

	return syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS,
		       &buffer, 1) ? -errno : 0;
}

/**
 * __zcgem_uring_rings_in:
 * @map: memory
 *
 * Has a ring in memory of the caller's own, which the kernel pins for as long as the ring is.
 *
 * Returns: 0 or -errno.
 */
int __zcgem_uring_rings_in(void *map)
{
	struct io_uring_params params = { .flags = IORING_SETUP_NO_MMAP };
	int ring;

	params.cq_off.user_addr = (uintptr_t)map;
	params.sq_off.user_addr = (uintptr_t)map + ZCGEM_PAGE;
	ring = syscall(SYS_io_uring_setup, 4, &params);
	if (ring < 0)
		return -errno;
	close(ring);
	return 0;
}

/**
 * zcgem_uring_unregister:
 * @ring: a ring with a buffer
 */
void zcgem_uring_unregister(struct zcgem_uring *ring)
{
	igt_assert_eq(syscall(SYS_io_uring_register, ring->fd,
			      IORING_UNREGISTER_BUFFERS, NULL, 0), 0);
}

/**
 * zcgem_uring_io:
 * @ring: a ring
 * @opcode: a read or write, of any memory or of the ring's buffer
 * @file: what to read from or write to, at its start
 * @map: the memory
 * @size: bytes
 *
 * Returns: Bytes read or written, or -errno.
 */
int zcgem_uring_io(struct zcgem_uring *ring, int opcode, int file, void *map, uint32_t size)
{
	uint32_t tail = *ring->sq_tail, slot = tail & ring->sq_mask;
	struct io_uring_sqe *entry = (struct io_uring_sqe *)ring->entries + slot;
	struct io_uring_cqe *result;
	int ret;

	memset(entry, 0, sizeof(*entry));
	entry->opcode = opcode;
	entry->fd = file;
	entry->addr = (uintptr_t)map;
	entry->len = size;
	ring->sq_array[slot] = slot;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);

	do {
		ret = syscall(SYS_io_uring_enter, ring->fd, 1, 1,
			      IORING_ENTER_GETEVENTS, NULL, 0);
	} while (ret < 0 && errno == EINTR);
	igt_assert_eq(ret, 1);
	igt_assert(__atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) != *ring->cq_head);

	result = (struct io_uring_cqe *)ring->results + (*ring->cq_head & ring->cq_mask);
	ret = result->res;
	__atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
	return ret;
}

/**
 * zcgem_uring_read:
 * @ring: a ring with a buffer
 * @file: what to read from, at its start
 * @to: where in the buffer to
 * @size: bytes
 *
 * Returns: Bytes read, or -errno.
 */
int zcgem_uring_read(struct zcgem_uring *ring, int file, void *to, uint32_t size)
{
	return zcgem_uring_io(ring, IORING_OP_READ_FIXED, file, to, size);
}
