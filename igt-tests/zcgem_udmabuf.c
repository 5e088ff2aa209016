// SPDX-License-Identifier: MIT
/*
 * udmabuf's ioctls on zcgem's nodes: they answer as /dev/udmabuf does, where a client can
 * tell, and their dma-bufs are as its are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_udmabuf.h"
#include "igt_zcgem.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"

/**
 * TEST: zcgem udmabuf
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check udmabuf's ioctls.
 *
 * SUBTEST: numbers
 * Description: Ioctl numbers and structures are udmabuf's.
 *
 * SUBTEST: node-readonly
 * Description: A node opened for reading gives a writable dma-buf.
 *
 * SUBTEST: card-node
 * Description: The card node answers as the render node does.
 *
 * SUBTEST: memfd-readonly
 * Description: A memfd opened for reading gives a dma-buf that can only be read (class 5).
 *
 * SUBTEST: cloexec
 * Description: The dma-buf is closed on exec if and only if asked for.
 *
 * SUBTEST: ignored
 * Description: Unknown flags and padding are ignored.
 *
 * SUBTEST: dma-buf
 * Description: Size, CPU access and fences of the dma-buf.
 *
 * SUBTEST: exporter-name
 * Description: The dma-buf says that udmabuf exported it, an object's says zcgem.
 *
 * SUBTEST: outlives-node
 * Description: The dma-buf needs neither node nor memfd.
 *
 * SUBTEST: no-handle
 * Description: The node's client gets no handle and can import the dma-buf.
 *
 * SUBTEST: caller32
 * Description: A 32-bit program's calls (class 15).
 *
 * SUBTEST: same-answers
 * Description: /dev/udmabuf itself answers alike.
 */

IGT_TEST_DESCRIPTION("Check udmabuf's ioctls");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)
#define UDMABUF		"/dev/udmabuf"
#define CALLER32	"udmabuf_caller32"

static void test_numbers(int fd)
{
	(void)fd;
	igt_assert_eq_u64(UDMABUF_CREATE, 0x40187542);
	igt_assert_eq_u64(UDMABUF_CREATE_LIST, 0x40087543);
	igt_assert_eq_u64(UDMABUF_FLAGS_CLOEXEC, 1);
	igt_assert_eq_u64(sizeof(struct udmabuf_create), 24);
	igt_assert_eq_u64(offsetof(struct udmabuf_create, offset), 8);
	igt_assert_eq_u64(offsetof(struct udmabuf_create, size), 16);
	igt_assert_eq_u64(sizeof(struct udmabuf_create_item), 24);
	igt_assert_eq_u64(offsetof(struct udmabuf_create_item, offset), 8);
	igt_assert_eq_u64(offsetof(struct udmabuf_create_item, size), 16);
	igt_assert_eq_u64(sizeof(struct udmabuf_create_list), 8);
}

static void check_writable(int fd, int memfd)
{
	void *file = zcgem_map_memfd(memfd, 0, PAGES(2));
	int dmabuf = udmabuf_create_pages(fd, memfd, 0, 2);
	char *map = map_dmabuf(dmabuf, PAGES(2));

	igt_assert_eq(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDWR);
	zcgem_fill(map, PAGES(2), 3);
	zcgem_check(file, PAGES(2), 3);
	munmap(map, PAGES(2));
	munmap(file, PAGES(2));
	close(dmabuf);
}

static void test_node_readonly(int fd)
{
	int memfd = zcgem_memfd(PAGES(2), F_SEAL_SHRINK);
	int node = zcgem_reopen(fd, O_RDONLY);

	check_writable(node, memfd);
	close(node);
	close(memfd);
}

static void test_card_node(int fd)
{
	int memfd = zcgem_memfd(PAGES(2), F_SEAL_SHRINK);
	int card = zcgem_open_card();

	(void)fd;
	check_writable(card, memfd);
	close(card);
	close(memfd);
}

static void check_readonly(int dmabuf, const void *file)
{
	void *map = mmap(NULL, PAGES(2), PROT_READ, MAP_SHARED, dmabuf, 0);

	igt_assert(map != MAP_FAILED);
	igt_assert(!memcmp(map, file, PAGES(2)));
	igt_assert_eq(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDONLY);
	igt_assert_eq(mprotect(map, PAGES(2), PROT_RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert(mmap(NULL, PAGES(2), PROT_RW, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	errno = 0;
	munmap(map, PAGES(2));
	close(dmabuf);
}

static void test_memfd_readonly(int fd)
{
	int memfd = zcgem_memfd(PAGES(2), F_SEAL_SHRINK), reader = zcgem_reopen(memfd, O_RDONLY);
	void *file = zcgem_map_memfd(memfd, 0, PAGES(2));
	struct udmabuf_create_list *list = udmabuf_new_list(2);
	int i;

	zcgem_fill(file, PAGES(2), 4);
	check_readonly(udmabuf_create_pages(fd, reader, 0, 2), file);

	/* one such item, wherever it stands, makes it so for the whole */
	for (i = 0; i < 2; i++) {
		udmabuf_set_item(list, i, reader, i, 1);
		udmabuf_set_item(list, !i, memfd, !i, 1);
		check_readonly(udmabuf_create_list(fd, list), file);
	}

	munmap(file, PAGES(2));
	close(reader);
	close(memfd);
	free(list);
}

static void test_cloexec(int fd)
{
	int memfd = zcgem_memfd(PAGES(1), F_SEAL_SHRINK), i;
	struct udmabuf_create_list *list = udmabuf_new_list(1);

	udmabuf_set_item(list, 0, memfd, 0, 1);
	for (i = 0; i < 2; i++) {
		int want = i ? FD_CLOEXEC : 0;
		int dmabuf = __udmabuf_create(fd, memfd, 0, PAGES(1), i ? UDMABUF_FLAGS_CLOEXEC : 0);

		igt_assert_fd(dmabuf);
		igt_assert_eq(fcntl(dmabuf, F_GETFD), want);
		close(dmabuf);

		list->flags = i ? UDMABUF_FLAGS_CLOEXEC : 0;
		dmabuf = udmabuf_create_list(fd, list);
		igt_assert_eq(fcntl(dmabuf, F_GETFD), want);
		close(dmabuf);
	}
	close(memfd);
	free(list);
}

static void test_ignored(int fd)
{
	int memfd = zcgem_memfd(PAGES(1), F_SEAL_SHRINK);
	struct udmabuf_create_list *list = udmabuf_new_list(1);
	int dmabuf;

	dmabuf = __udmabuf_create(fd, memfd, 0, PAGES(1), ~0u);
	igt_assert_fd(dmabuf);
	igt_assert_eq(fcntl(dmabuf, F_GETFD), FD_CLOEXEC);
	close(dmabuf);
	dmabuf = __udmabuf_create(fd, memfd, 0, PAGES(1), ~UDMABUF_FLAGS_CLOEXEC);
	igt_assert_fd(dmabuf);
	igt_assert_eq(fcntl(dmabuf, F_GETFD), 0);
	close(dmabuf);

	udmabuf_set_item(list, 0, memfd, 0, 1);
	list->flags = ~0u;
	list->list[0].__pad = ~0u;
	close(udmabuf_create_list(fd, list));
	close(memfd);
	free(list);
}

static void test_dma_buf(int fd)
{
	int memfd = zcgem_memfd(PAGES(3), F_SEAL_SHRINK);
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int dmabuf = udmabuf_create_pages(fd, memfd, 0, 3);

	igt_assert_eq_u64(lseek(dmabuf, 0, SEEK_END), PAGES(3));
	igt_assert_eq_u64(lseek(dmabuf, 0, SEEK_SET), 0);
	igt_assert_eq(__udmabuf_ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	igt_assert_eq(__udmabuf_ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
	close(dmabuf_export_sync_file(dmabuf, DMA_BUF_SYNC_RW));
	igt_assert(mmap(NULL, PAGES(3), PROT_RW, MAP_PRIVATE, dmabuf, 0) == MAP_FAILED);
	igt_assert(mmap(NULL, PAGES(4), PROT_RW, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	errno = 0;

	close(dmabuf);
	close(memfd);
}

/* Programs tell by this name which dma-bufs are plain memory that they may map. */
static void check_exporter_name(int dmabuf, const char *name)
{
	char path[64], line[128], said[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	file = fopen(path, "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "exp_name: %63s", said);
	fclose(file);
	igt_assert_f(!strcmp(said, name), "the exporter's name is \"%s\", not \"%s\"\n", said, name);
}

static void test_exporter_name(int fd)
{
	struct udmabuf_create_list *list = udmabuf_new_list(2);
	int memfd = zcgem_memfd(PAGES(2), F_SEAL_SHRINK), dmabuf, native;
	uint32_t handle;

	dmabuf = udmabuf_create_pages(fd, memfd, 0, 2);
	check_exporter_name(dmabuf, "udmabuf");

	/* The object has one dma-buf, also where it is imported and exported again. */
	igt_assert_eq(__zcgem_import(fd, dmabuf, &handle), 0);
	native = zcgem_export(fd, handle);
	check_exporter_name(native, "udmabuf");
	close(native);
	gem_close(fd, handle);
	close(dmabuf);

	udmabuf_set_item(list, 0, memfd, 0, 1);
	udmabuf_set_item(list, 1, memfd, 1, 1);
	dmabuf = udmabuf_create_list(fd, list);
	check_exporter_name(dmabuf, "udmabuf");
	close(dmabuf);
	free(list);

	handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(2), 0);
	native = zcgem_export(fd, handle);
	check_exporter_name(native, "zcgem");
	close(native);
	gem_close(fd, handle);
	close(memfd);
}

static void test_outlives_node(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), node = drm_reopen_driver(fd);
	void *file = zcgem_map_memfd(memfd, 0, PAGES(4));
	int dmabuf = udmabuf_create_pages(node, memfd, 0, 4);
	char *map;

	close(memfd);
	close(node);
	map = map_dmabuf(dmabuf, PAGES(4));
	close(dmabuf);
	zcgem_fill(map, PAGES(4), 5);
	zcgem_check(file, PAGES(4), 5);
	munmap(map, PAGES(4));
	munmap(file, PAGES(4));
}

static void test_no_handle(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	int dmabuf = udmabuf_create_pages(fd, memfd, 0, 4);
	struct drm_zcgem_gem_info info;
	uint32_t handle;

	/* a client that has no object yet would get handle 1 */
	igt_assert_eq(__zcgem_info(fd, 1, &info), -ENOENT);
	igt_assert_eq(__zcgem_import(fd, dmabuf, &handle), 0);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_MEMFD);
	igt_assert_eq_u64(info.size, PAGES(4));
	igt_assert_eq_u64(info.attachments, 0);
	gem_close(fd, handle);
	close(dmabuf);
	close(memfd);
}

/* The helper stands beside the test. */
static void run_caller32(int fd, int memfd)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof(CALLER32) - 1);
	char *slash;

	if (len < 0)
		_exit(100);
	path[len] = 0;
	slash = strrchr(path, '/');
	memcpy(slash + 1, CALLER32, sizeof(CALLER32));

	/* out of the way of the numbers that the helper wants */
	fd = fcntl(fd, F_DUPFD, 10);
	memfd = fcntl(memfd, F_DUPFD, 10);
	if (dup2(fd, 3) < 0 || dup2(memfd, 4) < 0)
		_exit(101);
	close(fd);
	close(memfd);
	execl(path, CALLER32, NULL);
	_exit(errno == ENOENT ? 102 : errno == ENOEXEC ? 103 : 104);
}

static void test_caller32(int fd)
{
	int memfd = zcgem_memfd(PAGES(2), F_SEAL_SHRINK), status;
	char *file = zcgem_map_memfd(memfd, 0, PAGES(2));
	pid_t child;

	child = fork();
	igt_assert(child >= 0);
	if (!child)
		run_caller32(fd, memfd);
	igt_assert_eq(waitpid(child, &status, 0), child);
	igt_assert_f(WIFEXITED(status), "the 32-bit program died: %#x\n", status);
	igt_require_f(WEXITSTATUS(status) != 102, "not built: the compiler makes no 32-bit code\n");
	igt_require_f(WEXITSTATUS(status) != 103, "the kernel runs no 32-bit programs\n");
	igt_assert_eq(WEXITSTATUS(status), 0);
	igt_assert(!memcmp(file, "ac", 3));
	igt_assert(!memcmp(file + PAGES(1), "b", 2));
	munmap(file, PAGES(2));
	close(memfd);
}

/* What is asked of both drivers; answers are errnos, 0 for a dma-buf. */
struct question {
	const char *text;
	int memfd;
	uint64_t offset, size;
	uint32_t flags;
};

static int answer_one(int fd, const struct question *q)
{
	int ret = __udmabuf_create(fd, q->memfd, q->offset, q->size, q->flags);

	if (ret >= 0)
		close(ret);
	return ret < 0 ? ret : 0;
}

static int answer_list(int fd, const struct question *q, int good)
{
	struct udmabuf_create_list *list = udmabuf_new_list(2);
	int ret;

	list->flags = q->flags;
	udmabuf_set_item(list, 0, good, 0, 1);
	list->list[1].memfd = q->memfd;
	list->list[1].offset = q->offset;
	list->list[1].size = q->size;
	ret = __udmabuf_create_list(fd, list);
	free(list);
	if (ret >= 0)
		close(ret);
	return ret < 0 ? ret : 0;
}

static void test_same_answers(int fd)
{
	int udmabuf = open(UDMABUF, O_RDWR | O_CLOEXEC);
	int good = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	int unsealed = zcgem_memfd(PAGES(4), 0);
	int sealed = zcgem_memfd(PAGES(4), F_SEAL_SHRINK | F_SEAL_WRITE);
	int grown = zcgem_memfd(PAGES(4), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	int event = eventfd(0, EFD_CLOEXEC), dir = open("/", O_RDONLY | O_CLOEXEC);
	int tmp = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int path = open("/dev/null", O_PATH | O_CLOEXEC);
	const struct question questions[] = {
		{ "whole", good, 0, PAGES(4), 0 },
		{ "part", good, PAGES(1), PAGES(2), 1 },
		{ "unknown flags", good, 0, PAGES(4), ~0u },
		{ "other seals", grown, 0, PAGES(4), 0 },
		{ "unaligned offset", good, 512, PAGES(1), 0 },
		{ "unaligned size", good, 0, PAGES(1) + 1, 0 },
		{ "no size", good, 0, 0, 0 },
		{ "past the end", good, PAGES(3), PAGES(2), 0 },
		{ "all past the end", good, PAGES(9), PAGES(1), 0 },
		{ "wraps around", good, -PAGES(1), PAGES(2), 0 },
		{ "unaligned, far out", good, UINT64_MAX, PAGES(1), 0 },
		{ "no seal", unsealed, 0, PAGES(1), 0 },
		{ "write seal", sealed, 0, PAGES(1), 0 },
		{ "no descriptor", -1, 0, PAGES(1), 0 },
		{ "closed descriptor", 1000, 0, PAGES(1), 0 },
		{ "eventfd", event, 0, PAGES(1), 0 },
		{ "directory", dir, 0, PAGES(1), 0 },
		{ "tmpfs file", tmp, 0, PAGES(1), 0 },
		{ "O_PATH", path, 0, PAGES(1), 0 },
		{ "the node itself", fd, 0, PAGES(1), 0 },
		{ "the node, unaligned", fd, 1, 1, 0 },
	};
	struct udmabuf_create_list *list = udmabuf_new_list(1);
	void *hole = mmap(NULL, PAGES(2), PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int differ = 0;
	unsigned int i;

	igt_require_f(udmabuf >= 0, UDMABUF ": %m\n");
	igt_assert_fd(tmp);
	igt_assert_eq(ftruncate(tmp, PAGES(1)), 0);
	for (i = 0; i < ARRAY_SIZE(questions); i++) {
		const struct question *q = &questions[i];
		int theirs = answer_one(udmabuf, q), ours = answer_one(fd, q);
		int their_list = answer_list(udmabuf, q, good);
		int our_list = answer_list(fd, q, good);

		igt_debug("%s: %d %d, list %d %d\n", q->text, theirs, ours, their_list, our_list);
		if (theirs != ours || their_list != our_list) {
			differ++;
			igt_warn("%s: udmabuf says %d, zcgem %d; in a list %d, %d\n",
				 q->text, theirs, ours, their_list, our_list);
		}
	}

	/* arguments that cannot be read, lists that are empty or far too long */
	igt_assert(hole != MAP_FAILED);
	munmap((char *)hole + PAGES(1), PAGES(1));
	memcpy((char *)hole + PAGES(1) - sizeof(*list), list, sizeof(*list));
	for (i = 0; i < 5; i++) {
		void *arg = i == 0 ? NULL : i == 1 ? (char *)hole + PAGES(1) - 4 :
			    i == 2 ? (char *)hole + PAGES(1) - sizeof(*list) : (void *)list;
		int theirs, ours;

		list->count = i == 3 ? 0 : UINT32_MAX;
		theirs = __udmabuf_ioctl(udmabuf, UDMABUF_CREATE_LIST, arg);
		ours = __udmabuf_ioctl(fd, UDMABUF_CREATE_LIST, arg);
		if (theirs != ours) {
			differ++;
			igt_warn("argument %u: udmabuf says %d, zcgem %d\n", i, theirs, ours);
		}
	}
	igt_assert_eq(differ, 0);

	munmap(hole, PAGES(1));
	free(list);
	for (i = 0; i < ARRAY_SIZE(questions); i++) {
		int own = questions[i].memfd;

		if (own != fd && own != 1000 && own >= 0 && fcntl(own, F_GETFD) >= 0)
			close(own);
	}
	errno = 0;
	close(udmabuf);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Ioctl numbers and structures are udmabuf's");
	igt_subtest("numbers")
		zcgem_run_counted(fd, test_numbers);

	igt_describe("A node opened for reading gives a writable dma-buf");
	igt_subtest("node-readonly")
		zcgem_run_counted(fd, test_node_readonly);

	igt_describe("The card node answers as the render node does");
	igt_subtest("card-node")
		zcgem_run_counted(fd, test_card_node);

	igt_describe("A memfd opened for reading gives a dma-buf that can only be read (class 5)");
	igt_subtest("memfd-readonly")
		zcgem_run_counted(fd, test_memfd_readonly);

	igt_describe("The dma-buf is closed on exec if and only if asked for");
	igt_subtest("cloexec")
		zcgem_run_counted(fd, test_cloexec);

	igt_describe("Unknown flags and padding are ignored");
	igt_subtest("ignored")
		zcgem_run_counted(fd, test_ignored);

	igt_describe("Size, CPU access and fences of the dma-buf");
	igt_subtest("dma-buf")
		zcgem_run_counted(fd, test_dma_buf);

	igt_describe("The dma-buf says that udmabuf exported it, an object's says zcgem");
	igt_subtest("exporter-name")
		zcgem_run_counted(fd, test_exporter_name);

	igt_describe("The dma-buf needs neither node nor memfd");
	igt_subtest("outlives-node")
		zcgem_run_counted(fd, test_outlives_node);

	igt_describe("The node's client gets no handle and can import the dma-buf");
	igt_subtest("no-handle")
		zcgem_run_counted(fd, test_no_handle);

	igt_describe("A 32-bit program's calls (class 15)");
	igt_subtest("caller32")
		zcgem_run_counted(fd, test_caller32);

	igt_describe("/dev/udmabuf itself answers alike");
	igt_subtest("same-answers")
		zcgem_run_counted(fd, test_same_answers);


	igt_fixture()
		drm_close_driver(fd);
}
