// SPDX-License-Identifier: MIT
/*
 * RDMA and mappings of objects: memory that a network card reads and writes is registered first,
 * which pins it for as long as the program wants. The card is rdma_rxe, a driver that needs none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_netlink.h>
#include <rdma/rdma_user_ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_evictor.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_target.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem rdma
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that RDMA registers no mapping of an object.
 *
 * SUBTEST: refused
 * Description: No mapping of an object can be registered at any leaf size.
 *
 * SUBTEST: on-demand
 * Description: A registration without pins never gets to a mapping of an object.
 *
 * SUBTEST: race-evict
 * Description: No mapping is registered while the object is evicted again and again.
 *
 * SUBTEST: revoked
 * Description: No mapping of an object that was revoked can be registered.
 *
 * SUBTEST: own-memory
 * Description: A memfd stays registered beside evictions of its object and a punched hole.
 *
 * SUBTEST: dmabuf
 * Description: A dma-buf of an object can be registered, where the driver takes any.
 */

IGT_TEST_DESCRIPTION("Check that RDMA registers no mapping of an object");

#define VERBS		"/dev/infiniband/uverbs0"
#define ACCESS		(IB_UVERBS_ACCESS_LOCAL_WRITE | IB_UVERBS_ACCESS_REMOTE_WRITE | \
			 IB_UVERBS_ACCESS_REMOTE_READ)
#define MEMFD_SIZE	(64 * ZCGEM_PAGE)

struct rdma {
	int verbs, events;
	uint32_t domain;
};

struct request {
	struct nlmsghdr head;
	char attributes[128];
};

static void add_text(struct request *request, uint16_t type, const char *text)
{
	struct nlattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + strlen(text) + 1;
	strcpy((char *)attribute + NLA_HDRLEN, text);
	request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) +
				  NLA_ALIGN(attribute->nla_len);
}

/* What "rdma link add zcgem_rxe type rxe netdev lo" does. Returns 0 or -errno. */
static int add_link(void)
{
	struct request request = { .head = {
		.nlmsg_len = NLMSG_HDRLEN,
		.nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_NEWLINK),
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
	} };
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_RDMA);

	if (sock < 0)
		return -errno;
	add_text(&request, RDMA_NLDEV_ATTR_DEV_NAME, "zcgem_rxe");
	add_text(&request, RDMA_NLDEV_ATTR_LINK_TYPE, "rxe");
	add_text(&request, RDMA_NLDEV_ATTR_NDEV_NAME, "lo");
	igt_assert_eq(send(sock, &request, request.head.nlmsg_len, 0), request.head.nlmsg_len);
	igt_assert_lt(0, recv(sock, &answer, sizeof(answer), 0));
	igt_assert_eq(answer.head.nlmsg_type, NLMSG_ERROR);
	close(sock);
	return answer.error.error;
}

static int call(const struct rdma *rdma, uint32_t command, void *arg, size_t size, void *answer,
		size_t answer_size)
{
	struct ib_uverbs_cmd_hdr head = {
		.command = command, .in_words = (sizeof(head) + size) / 4,
		.out_words = answer_size / 4,
	};
	char buffer[sizeof(head) + 128];

	/* each begins with the address for its answer */
	if (answer)
		*(uint64_t *)arg = (uintptr_t)answer;
	memcpy(buffer, &head, sizeof(head));
	memcpy(buffer + sizeof(head), arg, size);
	return write(rdma->verbs, buffer, sizeof(head) + size) < 0 ? -errno : 0;
}

static void open_rdma(struct rdma *rdma)
{
	struct ib_uverbs_get_context context = {};
	struct ib_uverbs_get_context_resp context_answer;
	struct ib_uverbs_alloc_pd domain = {};
	struct ib_uverbs_alloc_pd_resp domain_answer;

	igt_require_f(!system("modprobe -q ib_uverbs && modprobe -q rdma_rxe"), "no rdma_rxe\n");
	if (access(VERBS, F_OK)) {
		errno = 0;
		igt_assert_eq(add_link(), 0);
	}
	rdma->verbs = open(VERBS, O_RDWR | O_CLOEXEC);
	igt_assert_fd(rdma->verbs);
	igt_assert_eq(call(rdma, IB_USER_VERBS_CMD_GET_CONTEXT, &context, sizeof(context),
			   &context_answer, sizeof(context_answer)), 0);
	rdma->events = context_answer.async_fd;
	igt_assert_eq(call(rdma, IB_USER_VERBS_CMD_ALLOC_PD, &domain, sizeof(domain),
			   &domain_answer, sizeof(domain_answer)), 0);
	rdma->domain = domain_answer.pd_handle;
}

static void close_rdma(struct rdma *rdma)
{
	close(rdma->events);
	close(rdma->verbs);
}

static int add_region(const struct rdma *rdma, const void *memory, uint64_t size, uint32_t access,
		      struct ib_uverbs_reg_mr_resp *region)
{
	struct ib_uverbs_reg_mr arg = {
		.start = (uintptr_t)memory, .length = size, .hca_va = (uintptr_t)memory,
		.pd_handle = rdma->domain, .access_flags = access,
	};

	return call(rdma, IB_USER_VERBS_CMD_REG_MR, &arg, sizeof(arg), region, sizeof(*region));
}

static void drop_region(const struct rdma *rdma, const struct ib_uverbs_reg_mr_resp *region)
{
	struct ib_uverbs_dereg_mr arg = { .mr_handle = region->mr_handle };

	igt_assert_eq(call(rdma, IB_USER_VERBS_CMD_DEREG_MR, &arg, sizeof(arg), NULL, 0), 0);
}

struct part {
	void *start;
	uint64_t size;
};

#define PARTS	3

static void parts_of(const struct target *target, struct part *parts)
{
	parts[0] = (struct part) { target->inside, ZCGEM_PAGE };
	parts[1] = (struct part) { target->across, 4 * ZCGEM_PAGE };
	parts[2] = (struct part) { target->map, target->size };
}

static void try_regions(struct target *target, void *data)
{
	struct ib_uverbs_reg_mr_resp region;
	struct part parts[PARTS];
	unsigned int i;

	parts_of(target, parts);
	for (i = 0; i < PARTS; i++) {
		igt_assert_eq(add_region(data, parts[i].start, parts[i].size, 0, &region), -EFAULT);
		igt_assert_eq(add_region(data, parts[i].start, parts[i].size, ACCESS, &region),
			      -EFAULT);
	}
}

static void test_refused(int fd)
{
	struct rdma rdma;

	open_rdma(&rdma);
	try_each_target(fd, try_regions, &rdma);
	close_rdma(&rdma);
}

/* A call with attributes; those have the numbers of their places. */
static int call_method(const struct rdma *rdma, uint16_t object, uint16_t method,
		       const struct ib_uverbs_attr *attributes, unsigned int count)
{
	struct {
		struct ib_uverbs_ioctl_hdr head;
		struct ib_uverbs_attr attributes[16];
	} arg = { .head = {
		.length = sizeof(arg.head) + count * sizeof(*attributes),
		.object_id = object, .method_id = method, .num_attrs = count,
		.driver_id = RDMA_DRIVER_RXE,
	} };

	igt_assert(count <= ARRAY_SIZE(arg.attributes));
	memcpy(arg.attributes, attributes, count * sizeof(*attributes));
	return ioctl(rdma->verbs, RDMA_VERBS_IOCTL, &arg) ? -errno : 0;
}

static struct ib_uverbs_attr attribute(uint16_t id, uint16_t size, uint64_t data)
{
	return (struct ib_uverbs_attr) {
		.attr_id = id, .len = size, .flags = UVERBS_ATTR_F_MANDATORY, .data = data,
	};
}

/* Has the driver fault in what is registered without pins. */
static int prefetch(const struct rdma *rdma, const struct part *part, uint32_t key)
{
	struct {
		uint64_t address;
		uint32_t size, key;
	} list = { (uintptr_t)part->start, part->size, key };
	const struct ib_uverbs_attr attributes[] = {
		attribute(UVERBS_ATTR_ADVISE_MR_PD_HANDLE, 0, rdma->domain),
		attribute(UVERBS_ATTR_ADVISE_MR_ADVICE, 8,
			  IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH),
		attribute(UVERBS_ATTR_ADVISE_MR_FLAGS, 4, IB_UVERBS_ADVISE_MR_FLAG_FLUSH),
		attribute(UVERBS_ATTR_ADVISE_MR_SGE_LIST, sizeof(list), (uintptr_t)&list),
	};

	return call_method(rdma, UVERBS_OBJECT_MR, UVERBS_METHOD_ADVISE_MR, attributes,
			   ARRAY_SIZE(attributes));
}

static unsigned int registered;

static void try_on_demand(struct target *target, void *data)
{
	struct ib_uverbs_reg_mr_resp region;
	struct part parts[PARTS];
	unsigned int i;

	parts_of(target, parts);
	for (i = 0; i < PARTS; i++) {
		int ret = add_region(data, parts[i].start, parts[i].size,
				     ACCESS | IB_UVERBS_ACCESS_ON_DEMAND, &region);

		/* nothing is looked at yet; what the card would do is refused then */
		if (ret) {
			igt_assert_eq(ret, -EFAULT);
			continue;
		}
		registered++;
		igt_assert_eq(prefetch(data, &parts[i], region.lkey), -EFAULT);
		drop_region(data, &region);
	}
}

static void test_on_demand(int fd)
{
	struct ib_uverbs_reg_mr_resp region;
	struct part own = { .size = 4 * ZCGEM_PAGE };
	struct rdma rdma;
	int ret;

	open_rdma(&rdma);
	own.start = zcgem_anonymous(own.size);
	ret = add_region(&rdma, own.start, own.size, ACCESS | IB_UVERBS_ACCESS_ON_DEMAND, &region);
	if (!ret) {
		ret = prefetch(&rdma, &own, region.lkey);
		drop_region(&rdma, &region);
	}
	munmap(own.start, own.size);
	if (ret)
		close_rdma(&rdma);
	igt_require_f(!ret, "rdma_rxe pins all that is registered, or faults nothing in: %s\n",
		      strerror(-ret));
	registered = 0;
	try_each_target(fd, try_on_demand, &rdma);
	igt_info("%u registrations, none of which can be used\n", registered);
	close_rdma(&rdma);
}

static void race_with_evictions(int fd, struct rdma *rdma, enum memory_kind kind)
{
	struct ib_uverbs_reg_mr_resp region;
	struct evictor evictor;
	struct target target;
	unsigned int tries;

	open_target(fd, kind, &target);
	stamp(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	evictor_start(&evictor, fd, target.memory.handle, target.size);
	/* the thread may start late */
	for (tries = 0; tries < 200 || evictor.evictions < 20; tries++) {
		touch(target.inside, ZCGEM_PAGE, ZCGEM_PAGE, false);
		igt_assert_eq(add_region(rdma, target.inside, ZCGEM_PAGE, ACCESS, &region),
			      -EFAULT);
	}
	evictor_stop(&evictor);
	check_stamps(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	close_target(fd, &target);
}

static void test_race_evict(int fd)
{
	struct rdma rdma;

	open_rdma(&rdma);
	race_with_evictions(fd, &rdma, SHMEM_4K);
	race_with_evictions(fd, &rdma, HUGETLB_2M);
	close_rdma(&rdma);
}

static void test_revoked(int fd)
{
	struct drm_zcgem_gem_revoke revoke = {};
	struct target target;
	struct rdma rdma;

	open_rdma(&rdma);
	open_target(fd, SHMEM_4K, &target);
	stamp(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	revoke.handle = target.memory.handle;
	igt_assert_eq(igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
	try_regions(&target, &rdma);
	check_stamps(target.memory.own, 0, target.size, TARGET_STEP, TARGET_SEED);
	close_target(fd, &target);
	close_rdma(&rdma);
}

static void test_own_memory(int fd)
{
	struct ib_uverbs_reg_mr_resp region;
	struct rdma rdma;
	uint32_t handle;
	char *own, *map;
	int memfd;

	open_rdma(&rdma);
	memfd = zcgem_memfd(MEMFD_SIZE, F_SEAL_SHRINK);
	own = zcgem_map_memfd(memfd, 0, MEMFD_SIZE);
	handle = zcgem_wrap_memfd(fd, memfd, 0, MEMFD_SIZE, 0);
	map = zcgem_mmap(fd, handle, MEMFD_SIZE, PROT_READ | PROT_WRITE);
	zcgem_fill(map, MEMFD_SIZE, 1);

	igt_assert_eq(add_region(&rdma, own, MEMFD_SIZE, ACCESS, &region), 0);
	zcgem_evict(fd, handle, MEMFD_SIZE);
	zcgem_check(own, MEMFD_SIZE, 1);
	zcgem_fill(own, MEMFD_SIZE, 2);
	zcgem_check(map, MEMFD_SIZE, 2);
	punch(memfd, 0, MEMFD_SIZE);
	igt_assert_eq(__zcgem_revalidate(fd, handle, MEMFD_SIZE), 0);
	zcgem_check_zero(map, MEMFD_SIZE);
	zcgem_fill(map, MEMFD_SIZE, 3);
	zcgem_check(own, MEMFD_SIZE, 3);
	drop_region(&rdma, &region);
	zcgem_check(map, MEMFD_SIZE, 3);

	munmap(map, MEMFD_SIZE);
	munmap(own, MEMFD_SIZE);
	gem_close(fd, handle);
	close(memfd);
	close_rdma(&rdma);
}

static void test_dmabuf(int fd)
{
	uint32_t handle = zcgem_create(fd, MEMFD_SIZE, 0), lkey, rkey;
	int dmabuf = zcgem_export(fd, handle), ret;
	struct rdma rdma;

	open_rdma(&rdma);
	{
		const struct ib_uverbs_attr attributes[] = {
			attribute(UVERBS_ATTR_REG_DMABUF_MR_HANDLE, 0, 0),
			attribute(UVERBS_ATTR_REG_DMABUF_MR_PD_HANDLE, 0, rdma.domain),
			attribute(UVERBS_ATTR_REG_DMABUF_MR_OFFSET, 8, 0),
			attribute(UVERBS_ATTR_REG_DMABUF_MR_LENGTH, 8, MEMFD_SIZE),
			attribute(UVERBS_ATTR_REG_DMABUF_MR_IOVA, 8, 0),
			attribute(UVERBS_ATTR_REG_DMABUF_MR_FD, 4, dmabuf),
			attribute(UVERBS_ATTR_REG_DMABUF_MR_ACCESS_FLAGS, 4, ACCESS),
			attribute(UVERBS_ATTR_REG_DMABUF_MR_RESP_LKEY, 4, (uintptr_t)&lkey),
			attribute(UVERBS_ATTR_REG_DMABUF_MR_RESP_RKEY, 4, (uintptr_t)&rkey),
		};

		ret = call_method(&rdma, UVERBS_OBJECT_MR, UVERBS_METHOD_REG_DMABUF_MR, attributes,
				  ARRAY_SIZE(attributes));
	}
	/* the region goes with its context */
	close_rdma(&rdma);
	close(dmabuf);
	gem_close(fd, handle);
	igt_require_f(ret != -EOPNOTSUPP, "rdma_rxe takes no dma-bufs\n");
	igt_assert_eq(ret, 0);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("No mapping of an object can be registered at any leaf size");
	igt_subtest("refused")
		zcgem_run_counted(fd, test_refused);

	igt_describe("A registration without pins never gets to a mapping of an object");
	igt_subtest("on-demand")
		zcgem_run_counted(fd, test_on_demand);

	igt_describe("No mapping is registered while the object is evicted again and again");
	igt_subtest("race-evict")
		zcgem_run_counted(fd, test_race_evict);

	igt_describe("No mapping of an object that was revoked can be registered");
	igt_subtest("revoked")
		zcgem_run_counted(fd, test_revoked);

	igt_describe("A memfd stays registered beside evictions of its object and a punched hole");
	igt_subtest("own-memory")
		zcgem_run_counted(fd, test_own_memory);

	igt_describe("A dma-buf of an object can be registered, where the driver takes any");
	igt_subtest("dmabuf")
		zcgem_run_counted(fd, test_dmabuf);

	igt_fixture() {
		drm_close_driver(fd);
		igt_debug("modprobe: %d\n", system("modprobe -q -r rdma_rxe"));
	}
}
