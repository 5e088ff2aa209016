// SPDX-License-Identifier: MIT
/*
 * vhost and mappings of objects: a kernel thread that serves a virtual machine's device reads and
 * writes the machine's memory by its program's addresses. Here the memory is a mapping, and this
 * program is the machine: it drives the two queues of a vsock device.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_evictor.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_target.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem vhost
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check mappings that are memory of a device that vhost serves.
 *
 * SUBTEST: rings
 * Description: vhost works on rings and buffers in a mapping of every kind.
 *
 * SUBTEST: evict
 * Description: No byte is lost while the object is evicted again and again.
 *
 * SUBTEST: punch
 * Description: vhost sends the new page of a file in which a hole was punched.
 *
 * SUBTEST: revoke
 * Description: vhost reports an error, and writes nothing, once the object is revoked.
 *
 * SUBTEST: log
 * Description: The log of written pages, which vhost pins, gets nothing into a mapping.
 */

IGT_TEST_DESCRIPTION("Check mappings that are memory of a device that vhost serves");

/* The machine's address in vsock, and the port that it listens at. */
#define MACHINE		77
#define PORT		1234

/* Queues: what the machine receives, and what it sends. */
enum { RECEIVED, SENT, QUEUES };

#define ENTRIES		8
#define RING_AT(queue)	((queue) * 4 * ZCGEM_PAGE)
#define BUFFERS_AT	(16 * ZCGEM_PAGE)
#define BUFFER_SIZE	4096
/* One packet's head is in one page, and its bytes are about the border of two huge ones. */
#define HEAD_AT		(32 * ZCGEM_PAGE)
#define BYTES		3000
#define BYTES_AT	(LEAF_2M - 8 * (BYTES / 16))

struct machine {
	int vhost, kick[QUEUES], call[QUEUES], error[QUEUES];
	struct vring ring[QUEUES];
	uint16_t used[QUEUES];
	char *map;
	int sock;
	uint32_t port, received;
};

static void vhost_call(const struct machine *machine, unsigned long request, const void *arg)
{
	igt_assert_f(!ioctl(machine->vhost, request, arg), "vhost: %#lx: %m\n", request);
}

static void set_memory(const struct machine *machine, void *map, uint64_t size)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} table = {
		.head.nregions = 1,
		.region = { .memory_size = size, .userspace_addr = (uintptr_t)map },
	};

	vhost_call(machine, VHOST_SET_MEM_TABLE, &table);
}

static int set_event(const struct machine *machine, unsigned long request, unsigned int queue)
{
	struct vhost_vring_file file = { .index = queue, .fd = eventfd(0, EFD_CLOEXEC) };

	igt_assert_fd(file.fd);
	vhost_call(machine, request, &file);
	return file.fd;
}

static void set_queue(struct machine *machine, unsigned int queue, bool logged)
{
	struct vhost_vring_state number = { .index = queue, .num = ENTRIES };
	struct vhost_vring_state base = { .index = queue };
	struct vring *ring = &machine->ring[queue];
	struct vhost_vring_addr where = { .index = queue };

	memset(machine->map + RING_AT(queue), 0, 4 * ZCGEM_PAGE);
	vring_init(ring, ENTRIES, machine->map + RING_AT(queue), ZCGEM_PAGE);
	where.desc_user_addr = (uintptr_t)ring->desc;
	where.avail_user_addr = (uintptr_t)ring->avail;
	where.used_user_addr = (uintptr_t)ring->used;
	if (logged) {
		where.flags = 1 << VHOST_VRING_F_LOG;
		where.log_guest_addr = (char *)ring->used - machine->map;
	}
	vhost_call(machine, VHOST_SET_VRING_NUM, &number);
	vhost_call(machine, VHOST_SET_VRING_BASE, &base);
	vhost_call(machine, VHOST_SET_VRING_ADDR, &where);
	machine->kick[queue] = set_event(machine, VHOST_SET_VRING_KICK, queue);
	machine->call[queue] = set_event(machine, VHOST_SET_VRING_CALL, queue);
	machine->error[queue] = set_event(machine, VHOST_SET_VRING_ERR, queue);
	machine->used[queue] = 0;
}

static void add_available(struct machine *machine, unsigned int queue, uint16_t first)
{
	struct vring_avail *avail = machine->ring[queue].avail;

	avail->ring[avail->idx % ENTRIES] = first;
	__atomic_store_n(&avail->idx, avail->idx + 1, __ATOMIC_RELEASE);
}

static void kick(const struct machine *machine, unsigned int queue)
{
	uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	igt_assert_eq(write(machine->kick[queue], &one, sizeof(one)), sizeof(one));
}

static void open_machine(struct machine *machine, void *map, uint64_t size, void *log)
{
	uint64_t features = 1ull << VIRTIO_F_VERSION_1, cid = MACHINE, base = (uintptr_t)log;
	unsigned int i;
	int one = 1;

	igt_debug("modprobe: %d\n", system("modprobe -q vhost_vsock"));
	*machine = (struct machine) { .map = map, .sock = -1 };
	machine->vhost = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	igt_require_f(machine->vhost >= 0, "no vhost_vsock: %m\n");
	vhost_call(machine, VHOST_SET_OWNER, NULL);
	set_memory(machine, map, size);
	if (log) {
		vhost_call(machine, VHOST_SET_LOG_BASE, &base);
		features |= 1ull << VHOST_F_LOG_ALL;
	}
	vhost_call(machine, VHOST_SET_FEATURES, &features);
	set_queue(machine, RECEIVED, log);
	set_queue(machine, SENT, log);
	for (i = 0; i < ENTRIES; i++) {
		machine->ring[RECEIVED].desc[i] = (struct vring_desc) {
			.addr = BUFFERS_AT + i * BUFFER_SIZE, .len = BUFFER_SIZE,
			.flags = VRING_DESC_F_WRITE,
		};
		add_available(machine, RECEIVED, i);
	}
	vhost_call(machine, VHOST_VSOCK_SET_GUEST_CID, &cid);
	vhost_call(machine, VHOST_VSOCK_SET_RUNNING, &one);
}

/* Waits until vhost says something of a queue; returns whether it is no error. */
static bool wait_queue(const struct machine *machine, unsigned int queue)
{
	struct pollfd events[] = {
		{ .fd = machine->call[queue], .events = POLLIN },
		{ .fd = machine->error[queue], .events = POLLIN },
	};
	uint64_t count;

	igt_assert_lt(0, poll(events, 2, -1));
	if (events[1].revents & POLLIN)
		return false;
	igt_assert_eq(read(machine->call[queue], &count, sizeof(count)), sizeof(count));
	return true;
}

/* The next used entry of a queue, or -1 after an error. */
static int next_used(struct machine *machine, unsigned int queue)
{
	struct vring_used *used = machine->ring[queue].used;

	while (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == machine->used[queue])
		if (!wait_queue(machine, queue))
			return -1;
	return used->ring[machine->used[queue]++ % ENTRIES].id;
}

/* Receives a packet of this kind, and gives its buffer back. */
static void receive(struct machine *machine, uint16_t op, void *data, uint32_t *size)
{
	struct virtio_vsock_hdr head;

	do {
		int id = next_used(machine, RECEIVED);
		char *buffer;

		igt_assert_lte(0, id);
		buffer = machine->map + BUFFERS_AT + id * BUFFER_SIZE;
		memcpy(&head, buffer, sizeof(head));
		igt_assert_lte(head.len, BUFFER_SIZE - sizeof(head));
		if (data)
			memcpy(data, buffer + sizeof(head), head.len);
		add_available(machine, RECEIVED, id);
		kick(machine, RECEIVED);
		machine->received += head.len;
	} while (head.op != op);
	machine->port = head.src_port;
	if (size)
		*size = head.len;
}

/* The head of a packet in one buffer, and its bytes in another one, which are there. */
static void prepare_packet(struct machine *machine, uint16_t op, uint32_t size)
{
	struct vring_desc *desc = machine->ring[SENT].desc;
	struct virtio_vsock_hdr head = {
		.src_cid = MACHINE, .dst_cid = VMADDR_CID_HOST, .src_port = PORT,
		.dst_port = machine->port, .len = size, .type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op, .buf_alloc = 1 << 20, .fwd_cnt = machine->received,
	};

	memcpy(machine->map + HEAD_AT, &head, sizeof(head));
	desc[0] = (struct vring_desc) { .addr = HEAD_AT, .len = sizeof(head) };
	if (size) {
		desc[0].flags = VRING_DESC_F_NEXT;
		desc[0].next = 1;
		desc[1] = (struct vring_desc) { .addr = BYTES_AT, .len = size };
	}
	add_available(machine, SENT, 0);
}

static void send_packet(struct machine *machine, uint16_t op, uint32_t size)
{
	prepare_packet(machine, op, size);
	kick(machine, SENT);
	igt_assert_eq(next_used(machine, SENT), 0);
}

/* The host's program connects to the machine's. */
static void connect_to(struct machine *machine)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = MACHINE, .svm_port = PORT,
	};
	struct timeval patience = { .tv_sec = 3600 };
	struct pollfd event = { .events = POLLOUT };

	machine->sock = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	igt_assert_fd(machine->sock);
	igt_assert_eq(setsockopt(machine->sock, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT,
				 &patience, sizeof(patience)), 0);
	igt_assert_eq(connect(machine->sock, (void *)&address, sizeof(address)), -1);
	igt_assert_eq(errno, EINPROGRESS);
	errno = 0;
	receive(machine, VIRTIO_VSOCK_OP_REQUEST, NULL, NULL);
	send_packet(machine, VIRTIO_VSOCK_OP_RESPONSE, 0);
	event.fd = machine->sock;
	igt_assert_eq(poll(&event, 1, -1), 1);
	igt_assert_eq(event.revents, POLLOUT);
	igt_assert_eq(fcntl(machine->sock, F_SETFL, 0), 0);
}

static void host_receives(const struct machine *machine, void *data)
{
	igt_assert_eq(recv(machine->sock, data, BYTES, MSG_WAITALL), BYTES);
}

/* Bytes to the machine and others back. */
static void exchange(struct machine *machine, unsigned char seed)
{
	static unsigned char here[BYTES], there[BUFFER_SIZE];
	uint32_t at, part;

	memset(here, seed, BYTES);
	here[seed] = seed + 1;
	igt_assert_eq(send(machine->sock, here, BYTES, 0), BYTES);
	for (at = 0; at < BYTES; at += part) {
		receive(machine, VIRTIO_VSOCK_OP_RW, there, &part);
		igt_assert(at + part <= BYTES && !memcmp(there, here + at, part));
	}

	memset(machine->map + BYTES_AT, seed + 2, BYTES);
	send_packet(machine, VIRTIO_VSOCK_OP_RW, BYTES);
	host_receives(machine, there);
	memset(here, seed + 2, BYTES);
	igt_assert(!memcmp(there, here, BYTES));
}

static void close_machine(struct machine *machine, bool works)
{
	unsigned int queue;

	if (works && machine->sock >= 0)
		send_packet(machine, VIRTIO_VSOCK_OP_RST, 0);
	close(machine->vhost);
	if (machine->sock >= 0)
		close(machine->sock);
	for (queue = 0; queue < QUEUES; queue++) {
		close(machine->kick[queue]);
		close(machine->call[queue]);
		close(machine->error[queue]);
	}
}

static void test_rings(int fd)
{
	static const enum memory_kind kinds[] = {
		SHMEM_4K, SHMEM_THP, HUGETLB_2M, ANON_THP, POOL, POOL_WC,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct machine machine;
		struct target target;

		open_target(fd, kinds[i], &target);
		open_machine(&machine, target.map, target.size, NULL);
		connect_to(&machine);
		exchange(&machine, 10 * i);
		exchange(&machine, 10 * i + 5);
		if (target.memory.own)
			igt_assert(!memcmp((char *)target.memory.own + BUFFERS_AT,
					   target.map + BUFFERS_AT, ENTRIES * BUFFER_SIZE));
		close_machine(&machine, true);
		close_target(fd, &target);
	}
}

static void test_evict(int fd)
{
	static const enum memory_kind kinds[] = { SHMEM_4K, HUGETLB_2M };
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct evictor evictor;
		struct machine machine;
		struct target target;

		open_target(fd, kinds[i], &target);
		open_machine(&machine, target.map, target.size, NULL);
		connect_to(&machine);
		evictor_start(&evictor, fd, target.memory.handle, target.size);
		/* the thread may start late */
		for (round = 0; round < 100 || evictor.evictions < 20; round++)
			exchange(&machine, round % 200);
		evictor_stop(&evictor);
		igt_info("%s: %u rounds, %u evictions\n", memory_name(kinds[i]), round,
			 evictor.evictions);
		close_machine(&machine, true);
		close_target(fd, &target);
	}
}

static void test_punch(int fd)
{
	static unsigned char data[BYTES], zeroes[BYTES];
	/* the pages with the bytes, and none that has a ring or a head */
	uint64_t hole = BYTES_AT / ZCGEM_PAGE * ZCGEM_PAGE, size = 2 * ZCGEM_PAGE;
	struct machine machine;
	struct target target;

	open_target(fd, SHMEM_4K, &target);
	open_machine(&machine, target.map, target.size, NULL);
	connect_to(&machine);
	exchange(&machine, 3);
	memset(target.map + BYTES_AT, 9, BYTES);
	punch(target.memory.memfd, hole, size);
	igt_assert_eq(__zcgem_revalidate(fd, target.memory.handle, target.size), 0);
	send_packet(&machine, VIRTIO_VSOCK_OP_RW, BYTES);
	host_receives(&machine, data);
	igt_assert(!memcmp(data, zeroes, BYTES));
	exchange(&machine, 4);
	close_machine(&machine, true);
	close_target(fd, &target);
}

/* What vhost has said before comes first. */
static void expect_error(const struct machine *machine, unsigned int queue)
{
	while (wait_queue(machine, queue))
		;
}

static void test_revoke(int fd)
{
	struct drm_zcgem_gem_revoke revoke = {};
	static unsigned char data[BYTES];
	struct machine machine;
	struct target target;
	char *before;

	open_target(fd, SHMEM_4K, &target);
	open_machine(&machine, target.map, target.size, NULL);
	connect_to(&machine);
	exchange(&machine, 3);
	prepare_packet(&machine, VIRTIO_VSOCK_OP_RW, BYTES);
	before = malloc(target.size);
	igt_assert(before);
	memcpy(before, target.memory.own, target.size);

	revoke.handle = target.memory.handle;
	igt_assert_eq(igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
	kick(&machine, SENT);
	expect_error(&machine, SENT);
	igt_assert_eq(recv(machine.sock, data, BYTES, MSG_DONTWAIT), -1);
	igt_assert_eq(errno, EAGAIN);
	errno = 0;
	igt_assert_eq(send(machine.sock, data, BYTES, 0), BYTES);
	expect_error(&machine, RECEIVED);
	igt_assert(!memcmp(before, target.memory.own, target.size));

	free(before);
	close_machine(&machine, false);
	close_target(fd, &target);
}

/* A bit for each 4 KiB of the memory. */
#define LOG_SIZE	4096

static void test_log(int fd)
{
	static const char zeroes[LOG_SIZE];
	struct target target, logged;
	struct machine machine;
	char *own = zcgem_anonymous(ZCGEM_PAGE);

	open_target(fd, SHMEM_4K, &target);
	open_target(fd, SHMEM_4K, &logged);

	open_machine(&machine, target.map, target.size, own);
	connect_to(&machine);
	exchange(&machine, 1);
	close_machine(&machine, true);
	igt_assert(memcmp(own, zeroes, LOG_SIZE));

	touch(logged.map, logged.size, ZCGEM_PAGE, true);
	memset(logged.map, 0, LOG_SIZE);
	open_machine(&machine, target.map, target.size, logged.map);
	connect_to(&machine);
	exchange(&machine, 2);
	close_machine(&machine, true);
	igt_assert(!memcmp(logged.map, zeroes, LOG_SIZE));

	munmap(own, ZCGEM_PAGE);
	close_target(fd, &logged);
	close_target(fd, &target);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("vhost works on rings and buffers in a mapping of every kind");
	igt_subtest("rings")
		zcgem_run_counted(fd, test_rings);

	igt_describe("No byte is lost while the object is evicted again and again");
	igt_subtest("evict")
		zcgem_run_counted(fd, test_evict);

	igt_describe("vhost sends the new page of a file in which a hole was punched");
	igt_subtest("punch")
		zcgem_run_counted(fd, test_punch);

	igt_describe("vhost reports an error, and writes nothing, once the object is revoked");
	igt_subtest("revoke")
		zcgem_run_counted(fd, test_revoke);

	igt_describe("The log of written pages, which vhost pins, gets nothing into a mapping");
	igt_subtest("log")
		zcgem_run_counted(fd, test_log);

	igt_fixture()
		drm_close_driver(fd);
}
