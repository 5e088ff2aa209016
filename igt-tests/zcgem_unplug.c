// SPDX-License-Identifier: MIT
/*
 * A device that goes away while it is used, and a module that must not.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_holder.h"
#include "igt_zcgem_module.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_svm.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem unplug
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Driver
 * Functionality: zcgem
 * Feature: zcgem, hotunplug
 * Test category: functionality test
 * Description: Check that the device may go while it is used and the module may not.
 *
 * SUBTEST: unplug-dynamic
 * Description: Class 13: every memory and use, with an importer that follows moves.
 *
 * SUBTEST: unplug-static
 * Description: Class 13: every memory and use, with an importer that cannot follow.
 *
 * SUBTEST: unplug-slow
 * Description: The exporter goes, with an importer that lets go when it is told to.
 *
 * SUBTEST: unplug-importer
 * Description: Class 13: the importing device goes, every memory and use.
 *
 * SUBTEST: unplug-both
 * Description: Class 13: exporter and importer go, in both orders, all still open.
 *
 * SUBTEST: unplug-while-busy
 * Description: Class 13: the device goes while threads and processes use it.
 *
 * SUBTEST: unplug-mirrored
 * Description: Class 13: the device goes under jobs on mirrored memory, which then changes.
 *
 * SUBTEST: unplug-blocked
 * Description: The device goes while the arguments of a submit cannot be read (class 13).
 *
 * SUBTEST: unplug-beside-debugger
 * Description: A device is removed while a debugger waits for an object of another one.
 *
 * SUBTEST: rebind-often
 * Description: The device goes and comes back many times, with things left open.
 *
 * SUBTEST: unload-refused
 * Description: Class 13: a descriptor, a mapping, a dma-buf, an import each keep the module.
 *
 * SUBTEST: unload-with-fence
 * Description: Class 13: the module goes after objects whose fence is still pending.
 *
 * SUBTEST: reload
 * Description: The module can be removed and loaded again.
 */

IGT_TEST_DESCRIPTION("Check that the device may go while it is used and the module may not");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)

#define EXPORTER	"zcgem"
#define IMPORTER	"zcgem.1"

static void close_all(struct devices *devices)
{
	close(devices->fd);
	close(devices->other);
	drm_close_driver(devices->vgem);
}

static int64_t pins_now(void)
{
	unsigned long long value;
	int64_t pins = 0;
	char name[64];
	FILE *file;

	/* each CPU's share is added when somebody asks for it */
	file = fopen("/proc/sys/vm/stat_refresh", "w");
	if (file) {
		fputs("1\n", file);
		fclose(file);
	}
	file = fopen("/proc/vmstat", "r");
	igt_assert(file);
	while (fscanf(file, "%63s %llu", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			pins += value;
		else if (!strcmp(name, "nr_foll_pin_released"))
			pins -= value;
	}
	fclose(file);
	return pins;
}

/*
 * The counts of a device that is gone cannot be read. But the kernel counts all pins,
 * and a module whose last object is not gone cannot be removed.
 */
static void run_unplugged(void (*test)(struct devices *devices))
{
	int fds = zcgem_count_fds();
	struct devices devices;
	int64_t pins;
	int step;

	igt_require_f(load_devices(2), "cannot load zcgem with two devices\n");
	pins = pins_now();
	open_devices(&devices);
	test(&devices);
	close_all(&devices);

	igt_assert_eq(zcgem_unload_soon(), 0);
	for (step = 0; step < 3000 && pins_now() > pins; step++)
		usleep(10000);
	igt_assert_f(pins_now() <= pins, "%lld pages are still pinned\n",
		     (long long)(pins_now() - pins));
	igt_assert_eq(zcgem_count_fds(), fds);
	igt_assert(load_devices(2));
}

static void check_gone(int fd)
{
	uint64_t value, size = ZCGEM_PAGE;
	int memfd = zcgem_memfd(ZCGEM_PAGE, F_SEAL_SHRINK);
	uint32_t handle;

	igt_assert_eq(__zcgem_get_param(fd, DRM_ZCGEM_PARAM_WATCH, &value), -ENODEV);
	igt_assert_eq(__zcgem_create(fd, &size, 0, &handle), -ENODEV);
	igt_assert_eq(__zcgem_wrap_file(fd, memfd, ZCGEM_PAGE, 0, &handle), -ENODEV);
	close(memfd);
}

static void check_works(unsigned int number)
{
	int fd = open_device(number);
	uint32_t handle;
	void *map;

	igt_assert_f(fd >= 0, "device %u did not come back\n", number);
	handle = zcgem_create(fd, PAGES(4), 0);
	map = zcgem_mmap(fd, handle, PAGES(4), PROT_RW);
	zcgem_fill(map, PAGES(4), 1);
	zcgem_check(map, PAGES(4), 1);
	munmap(map, PAGES(4));
	close(fd);
}

/* A mapping ends in SIGBUS, or there cannot be one. */
static void check_no_view(int fd)
{
	void *map = mmap(NULL, ZCGEM_PAGE, PROT_RW, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		igt_assert_eq(errno, ENODEV);
		errno = 0;
		return;
	}
	igt_assert(zcgem_access_faults(map, false));
	munmap(map, ZCGEM_PAGE);
}

static void check_sync(int dmabuf)
{
	int err = dmabuf_sync(dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START);

	igt_assert_f(!err || err == -ENODEV, "sync: %d\n", err);
	if (!err)
		igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END), 0);
}

static void unplug_case(struct share *share)
{
	const struct devices *dev = share->devices;
	uint32_t handle;
	int i, third;

	zcgem_unbind(EXPORTER);
	for (i = 0; i < VIEWS; i++) {
		if (!share->views[i])
			continue;
		igt_assert(zcgem_access_faults(share->views[i], false));
		igt_assert(zcgem_access_faults(share->views[i] + share->size - 8, true));
	}
	check_gone(dev->fd);
	check_no_view(share->dmabuf);
	if (share->use == USE_FENCED)
		signal_later(&share->fence);
	check_sync(share->dmabuf);
	if (share->use == USE_FENCED)
		igt_assert_f(share->fence.signalled, "CPU access did not wait for a fence\n");
	if (share->own)
		zcgem_check(share->own, share->size, 1);

	/* who imported it keeps what it has, and gets no more */
	third = drm_reopen_driver(dev->other);
	igt_assert_eq(__zcgem_import(third, share->dmabuf, &handle), -ENODEV);
	close(third);
	if (share->importer == IMPORTER_DYNAMIC) {
		zcgem_evict(dev->other, share->theirs, share->size);
		igt_assert_eq(__zcgem_advise(dev->other, share->theirs,
					     DRM_ZCGEM_ADVICE_POPULATE, 0, share->size, NULL),
			      -ENODEV);
	} else {
		check_device(share, 1);
		if (share->importer == IMPORTER_SLOW && share->mapped)
			importer_let_go(share);
		igt_assert_eq(importer_maps_again(share), -ENODEV);
	}

	/* the new device has nothing to do with the old one, which is still open */
	zcgem_bind(EXPORTER);
	check_works(0);
	check_gone(dev->fd);
	for (i = 0; i < VIEWS; i++)
		if (share->views[i])
			igt_assert(zcgem_access_faults(share->views[i], false));
	/* its handles go with its descriptor */
	share->handle = 0;
}

static void importer_gone_case(struct share *share)
{
	const struct devices *dev = share->devices;
	struct drm_zcgem_gem_info info;

	zcgem_unbind(IMPORTER);
	check_gone(dev->other);
	/* the importer's mapping is the exporter's memory */
	check_views(share, 1);
	zcgem_info(dev->fd, share->handle, &info);
	igt_assert_eq_u64(info.attachments, 1);
	zcgem_bind(IMPORTER);
	check_works(1);
	check_views(share, 1);
	share->theirs = 0;
}

static void run_matrix(struct devices *dev, enum share_importer importer, const char *device,
		       void (*test)(struct share *share))
{
	enum share_source source;
	enum share_use use;

	for (source = 0; source < SOURCES; source++) {
		for (use = share_first_use(source); use < USES; use++) {
			bool first = device[strlen(EXPORTER)] == '\0';
			int *fd = first ? &dev->fd : &dev->other;
			struct share share;

			begin_share(dev, source, importer, use, &share);
			igt_info("%s\n", share_name(&share));
			test(&share);

			/* half of the time the descriptor goes before what hangs on it */
			if (use & 1)
				close(*fd);
			end_share(&share);
			if (!(use & 1))
				close(*fd);
			*fd = open_device(!first);
			igt_assert_fd(*fd);
		}
	}
}

static void test_unplug_dynamic(struct devices *dev)
{
	run_matrix(dev, IMPORTER_DYNAMIC, EXPORTER, unplug_case);
}

static void test_unplug_static(struct devices *dev)
{
	run_matrix(dev, IMPORTER_STATIC, EXPORTER, unplug_case);
}

static void test_unplug_slow(struct devices *dev)
{
	run_matrix(dev, IMPORTER_SLOW, EXPORTER, unplug_case);
}

static void test_unplug_importer(struct devices *dev)
{
	run_matrix(dev, IMPORTER_DYNAMIC, IMPORTER, importer_gone_case);
}

static void test_unplug_both(struct devices *dev)
{
	int order;

	for (order = 0; order < 2; order++) {
		struct share share;
		int i;

		begin_share(dev, SOURCE_MEMFD, IMPORTER_DYNAMIC, USE_FENCED, &share);
		zcgem_unbind(order ? IMPORTER : EXPORTER);
		zcgem_unbind(order ? EXPORTER : IMPORTER);
		for (i = 0; i < VIEWS; i++)
			igt_assert(zcgem_access_faults(share.views[i], true));
		check_gone(dev->fd);
		check_gone(dev->other);
		/* descriptors first: the last one of a device waits for its objects' fences */
		signal_later(&share.fence);
		share.handle = 0;
		share.theirs = 0;
		close(order ? dev->fd : dev->other);
		close(order ? dev->other : dev->fd);
		end_share(&share);
		zcgem_bind(EXPORTER);
		zcgem_bind(IMPORTER);
		dev->fd = open_device(0);
		dev->other = open_device(1);
	}
}

struct user {
	pthread_t thread;
	const struct devices *dev;
	int dmabuf;
	uint32_t handle, theirs;
	uint64_t size, rounds;
	int error;
	const volatile bool *stop;
};

/* A client that makes objects until it hears that the device is gone. */
static void *create_until_gone(void *data)
{
	struct user *user = data;
	int fd = user->dev->fd;

	for (;;) {
		uint64_t size = PAGES(8);
		uint32_t handle;
		int err = __zcgem_create(fd, &size, 0, &handle), dmabuf;

		if (!err)
			err = __zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL);
		if (!err)
			err = __zcgem_export(fd, handle, DRM_CLOEXEC, &dmabuf);
		if (!err) {
			close(dmabuf);
			err = __zcgem_close(fd, handle);
		}
		if (err) {
			user->error = err;
			return NULL;
		}
		user->rounds++;
	}
}

/* An importer that lets go and maps again until it cannot. */
static void *map_until_gone(void *data)
{
	struct user *user = data;

	for (;;) {
		int err = __zcgem_evict(user->dev->other, user->theirs, user->size);

		err = err ?: __zcgem_advise(user->dev->other, user->theirs,
					    DRM_ZCGEM_ADVICE_POPULATE, 0, user->size, NULL);
		if (err) {
			user->error = err;
			return NULL;
		}
		user->rounds++;
	}
}

static void *sync_on(void *data)
{
	struct user *user = data;

	while (!*user->stop) {
		int err = dmabuf_sync(user->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START);

		err = err ?: dmabuf_sync(user->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END);
		if (err && err != -ENODEV)
			user->error = err;
		user->rounds++;
	}
	return NULL;
}

static void test_unplug_while_busy(struct devices *dev)
{
	static void *(*const work[])(void *data) = {
		create_until_gone, map_until_gone, sync_on,
	};
	static const int error[] = { -ENODEV, -ENODEV, 0 };
	unsigned int round, i;

	for (round = 0; round < 10; round++) {
		volatile bool stop = false;
		struct user users[3];
		pid_t children[VIEWS];
		struct share share;
		int status;

		begin_share(dev, round % SOURCE_GIANT, IMPORTER_DYNAMIC, USE_ATTACHED, &share);
		for (i = 0; i < VIEWS; i++) {
			children[i] = fork();
			igt_assert(children[i] >= 0);
			if (!children[i])
				zcgem_touch_until_sigbus(share.views[i], share.size);
		}
		for (i = 0; i < 3; i++) {
			users[i] = (struct user) {
				.dev = dev, .dmabuf = share.dmabuf, .handle = share.handle,
				.theirs = share.theirs, .size = share.size, .stop = &stop,
			};
			igt_assert_eq(pthread_create(&users[i].thread, NULL, work[i],
						     &users[i]), 0);
		}
		usleep(10000 + 3000 * round);
		zcgem_unbind(EXPORTER);
		usleep(10000);
		stop = true;
		for (i = 0; i < 3; i++) {
			pthread_join(users[i].thread, NULL);
			igt_assert_eq(users[i].error, error[i]);
		}
		for (i = 0; i < VIEWS; i++) {
			igt_assert_eq(waitpid(children[i], &status, 0), children[i]);
			igt_assert_f(!status, "a child ended with status %#x\n", status);
		}
		zcgem_bind(EXPORTER);
		share.handle = 0;
		end_share(&share);
		close(dev->fd);
		dev->fd = open_device(0);
		igt_assert_fd(dev->fd);
	}
}

static void test_unplug_mirrored(struct devices *dev)
{
	const uint64_t size = PAGES(512);
	unsigned int round, i;

	for (round = 0; round < 2; round++) {
		char *user = zcgem_anonymous(size);
		struct drm_zcgem_op op;
		struct svm svm;

		zcgem_mark_all(user, size, 1);
		svm_open(&svm, dev->fd, user, size, 0);
		svm_check_marks(&svm, 1);
		for (i = 0; i < 32; i++) {
			zcgem_submit_op(dev->fd, zcgem_op_copy(svm.buffer, 0, svm.handle, 0, size));
			zcgem_submit_op(dev->fd, zcgem_op_copy(svm.handle, 0, svm.buffer, 0, size));
		}
		zcgem_unbind(EXPORTER);
		/* what was cancelled has written the same or nothing */
		zcgem_check_marks(user, size, 1);
		igt_assert_eq(madvise(user, size, MADV_DONTNEED), 0);
		zcgem_mark_all(user, size, 2);
		op = zcgem_op_copy(svm.buffer, 0, svm.handle, 0, size);
		igt_assert_eq(__zcgem_submit_syncs(dev->fd, &op, NULL, NULL), -ENODEV);
		zcgem_check_marks(user, size, 2);

		/* the mirror goes with the file, before the memory or after it */
		if (round)
			munmap(user, size);
		close(dev->fd);
		munmap(svm.map, size);
		if (!round)
			munmap(user, size);
		zcgem_bind(EXPORTER);
		check_works(0);
		dev->fd = open_device(0);
	}
}

/* A page that is not there until somebody brings it. */
static void *open_blocked_page(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page = mmap(NULL, ZCGEM_PAGE, PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(page != MAP_FAILED);
	*uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	igt_require_f(*uffd >= 0, "no userfaultfd: %m\n");
	igt_assert_eq(ioctl(*uffd, UFFDIO_API, &api), 0);
	range.range = (struct uffdio_range) { (uintptr_t)page, ZCGEM_PAGE };
	igt_assert_eq(ioctl(*uffd, UFFDIO_REGISTER, &range), 0);
	return page;
}

static void bring_page(int uffd, void *page, void *data)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page, .src = (uintptr_t)data, .len = ZCGEM_PAGE,
	};

	igt_assert_eq(ioctl(uffd, UFFDIO_COPY, &copy), 0);
}

struct blocked_submit {
	int fd;
	const struct drm_zcgem_op *ops;
	int error;
};

static void *submit_blocked(void *data)
{
	struct blocked_submit *submit = data;

	submit->error = __zcgem_submit_ops(submit->fd, submit->ops, 1);
	return NULL;
}

static void *unbind_exporter(void *data)
{
	zcgem_unbind(EXPORTER);
	*(volatile bool *)data = true;
	return NULL;
}

static void test_unplug_blocked(struct devices *dev)
{
	struct blocked_submit submit = { .fd = dev->fd };
	char data[ZCGEM_PAGE] __attribute__((aligned(8))) = {};
	pthread_t submitter, unbinder;
	volatile bool gone = false;
	struct uffd_msg msg;
	bool waited;
	void *page;
	int uffd, step;

	*(struct drm_zcgem_op *)data =
		zcgem_op_fill32(zcgem_create(dev->fd, PAGES(1), 0), 0, 4, 1);
	page = open_blocked_page(&uffd);
	submit.ops = page;
	igt_assert_eq(pthread_create(&submitter, NULL, submit_blocked, &submit), 0);
	/* it is there now, and stays */
	igt_assert_eq_u64(read(uffd, &msg, sizeof(msg)), sizeof(msg));
	igt_assert_eq_u32(msg.event, UFFD_EVENT_PAGEFAULT);

	igt_assert_eq(pthread_create(&unbinder, NULL, unbind_exporter, (void *)&gone), 0);
	for (step = 0; step < 2000 && !gone; step++)
		usleep(10000);
	waited = !gone;
	bring_page(uffd, page, data);
	pthread_join(submitter, NULL);
	pthread_join(unbinder, NULL);
	igt_assert_f(!waited, "the device waits for a client's memory\n");
	igt_assert_eq(submit.error, -ENODEV);

	close(uffd);
	munmap(page, ZCGEM_PAGE);
	zcgem_bind(EXPORTER);
	check_works(0);
	close(dev->fd);
	dev->fd = open_device(0);
}

/* What a debugger does: it reads the memory of a program, here of this one. */
struct debugger {
	pthread_t thread;
	int mem;
	const char *at;
	volatile pid_t tid;
	ssize_t got;
};

static void *read_mem(void *data)
{
	struct debugger *debugger = data;
	char byte;

	debugger->tid = gettid();
	debugger->got = pread(debugger->mem, &byte, 1, (uintptr_t)debugger->at);
	return NULL;
}

static void *unbind_importer(void *done)
{
	zcgem_unbind(IMPORTER);
	*(volatile bool *)done = true;
	return NULL;
}

static void test_unplug_beside_debugger(struct devices *dev)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, PAGES(4), 0);
	char *map = zcgem_mmap(dev->fd, handle, PAGES(4), PROT_READ | PROT_WRITE);
	int dmabuf = zcgem_export(dev->fd, handle);
	struct debugger debugger = {
		.mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), .at = map + PAGES(2),
	};
	pthread_t remover;
	volatile bool gone = false;
	struct holder holder;
	bool in_time;
	int i;

	zcgem_hold_lock(dev->fd, handle, memfd, dmabuf, &holder);
	igt_assert_eq(pthread_create(&debugger.thread, NULL, read_mem, &debugger), 0);
	while (!debugger.tid)
		usleep(1000);
	zcgem_wait_until_asleep(debugger.tid);
	igt_assert_eq(pthread_create(&remover, NULL, unbind_importer, (void *)&gone), 0);
	/* nothing lets the debugger go on before this is over */
	for (i = 0; i < 300 && !gone; i++)
		usleep(100000);
	in_time = gone;
	zcgem_release_lock(&holder);
	pthread_join(debugger.thread, NULL);
	pthread_join(remover, NULL);
	igt_assert_eq(debugger.got, 1);
	close(debugger.mem);
	igt_assert_f(in_time, "another device could not be removed\n");
	zcgem_bind(IMPORTER);
	close(dev->other);
	dev->other = open_device(1);
	close(dmabuf);
	munmap(map, PAGES(4));
	gem_close(dev->fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_rebind_often(struct devices *dev)
{
	int old[20], dmabufs[20];
	void *maps[20];
	unsigned int i;

	for (i = 0; i < 20; i++) {
		uint32_t handle = zcgem_create(dev->fd, PAGES(4), 0);

		dmabufs[i] = zcgem_export(dev->fd, handle);
		maps[i] = zcgem_mmap(dev->fd, handle, PAGES(4), PROT_RW);
		zcgem_fill(maps[i], PAGES(4), i);
		zcgem_unbind(EXPORTER);
		igt_assert(open_device(0) < 0);
		zcgem_bind(EXPORTER);
		old[i] = dev->fd;
		dev->fd = open_device(0);
		igt_assert_fd(dev->fd);
	}
	for (i = 0; i < 20; i++) {
		unsigned int n = i * 7 % 20;

		check_gone(old[n]);
		igt_assert(zcgem_access_faults(maps[n], false));
		close(old[n]);
		munmap(maps[n], PAGES(4));
		close(dmabufs[n]);
	}
	check_works(0);
}

static void assert_in_use(const char *by)
{
	int err = zcgem_unload();

	igt_assert_f(err == -EAGAIN || err == -EBUSY, "the module went in spite of %s: %d\n",
		     by, err);
}

static void test_unload_refused(struct devices *dev)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), dmabuf;
	uint32_t handle, theirs;
	void *map;

	assert_in_use("two descriptors");
	close(dev->other);
	assert_in_use("a descriptor");
	handle = zcgem_wrap_memfd(dev->fd, memfd, 0, PAGES(4), 0);
	map = zcgem_mmap(dev->fd, handle, PAGES(4), PROT_RW);
	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->vgem, dmabuf, &theirs), 0);
	close(dev->fd);
	assert_in_use("mapping, dma-buf and importer");
	zcgem_fill(map, PAGES(4), 1);
	close(dmabuf);
	assert_in_use("mapping and importer");
	gem_close(dev->vgem, theirs);
	assert_in_use("a mapping");
	zcgem_check(map, PAGES(4), 1);
	munmap(map, PAGES(4));

	dev->fd = open_device(0);
	handle = zcgem_wrap_memfd(dev->fd, memfd, 0, PAGES(4), 0);
	dmabuf = zcgem_export(dev->fd, handle);
	close(dev->fd);
	assert_in_use("a dma-buf");
	igt_assert_eq(__zcgem_import(dev->vgem, dmabuf, &theirs), 0);
	close(dmabuf);
	assert_in_use("an importer");
	gem_close(dev->vgem, theirs);

	/* and not by anything else */
	igt_assert_eq(zcgem_unload_soon(), 0);
	igt_assert(open_device(0) < 0);
	igt_assert(load_devices(2));
	dev->fd = open_device(0);
	dev->other = open_device(1);
	close(memfd);
}

static void test_unload_with_fence(struct devices *dev)
{
	struct share share;
	int source;

	for (source = 0; source < SOURCE_GIANT; source++) {
		struct fence fence;

		begin_share(dev, source, IMPORTER_DYNAMIC, USE_FENCED, &share);
		/* all of zcgem is closed, and nothing but the fence is left */
		fence = share.fence;
		share.fence.id = 0;
		end_share(&share);
		close(dev->fd);
		close(dev->other);
		signal_later(&fence);
		igt_assert_eq(zcgem_unload_soon(), 0);
		end_fence(&fence);
		igt_assert(load_devices(2));
		dev->fd = open_device(0);
		dev->other = open_device(1);
		check_works(0);
	}
}

static void test_reload(struct devices *dev)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		struct share share;

		begin_share(dev, i % SOURCE_GIANT, IMPORTER_DYNAMIC, USE_MAPPED, &share);
		end_share(&share);
		close(dev->fd);
		close(dev->other);
		igt_assert_eq(zcgem_unload_soon(), 0);
		igt_assert(load_devices(2));
		dev->fd = open_device(0);
		dev->other = open_device(1);
	}
}

int igt_main()
{
	igt_describe("Class 13: every memory and use, with an importer that follows moves");
	igt_subtest("unplug-dynamic")
		run_unplugged(test_unplug_dynamic);

	igt_describe("Class 13: every memory and use, with an importer that cannot follow");
	igt_subtest("unplug-static")
		run_unplugged(test_unplug_static);

	igt_describe("The exporter goes, with an importer that lets go when it is told to");
	igt_subtest("unplug-slow")
		run_unplugged(test_unplug_slow);

	igt_describe("Class 13: the importing device goes, every memory and use");
	igt_subtest("unplug-importer")
		run_unplugged(test_unplug_importer);

	igt_describe("Class 13: exporter and importer go, in both orders, all still open");
	igt_subtest("unplug-both")
		run_unplugged(test_unplug_both);

	igt_describe("Class 13: the device goes while threads and processes use it");
	igt_subtest("unplug-while-busy")
		run_unplugged(test_unplug_while_busy);

	igt_describe("Class 13: the device goes under jobs on mirrored memory, which then changes");
	igt_subtest("unplug-mirrored")
		run_unplugged(test_unplug_mirrored);

	igt_describe("The device goes while the arguments of a submit cannot be read (class 13)");
	igt_subtest("unplug-blocked")
		run_unplugged(test_unplug_blocked);

	igt_describe("A device is removed while a debugger waits for an object of another one");
	igt_subtest("unplug-beside-debugger")
		run_unplugged(test_unplug_beside_debugger);

	igt_describe("The device goes and comes back many times, with things left open");
	igt_subtest("rebind-often")
		run_unplugged(test_rebind_often);

	igt_describe("Class 13: a descriptor, a mapping, a dma-buf, an import each keep the module");
	igt_subtest("unload-refused")
		run_unplugged(test_unload_refused);

	igt_describe("Class 13: the module goes after objects whose fence is still pending");
	igt_subtest("unload-with-fence")
		run_unplugged(test_unload_with_fence);

	igt_describe("The module can be removed and loaded again");
	igt_subtest("reload")
		run_unplugged(test_reload);

	igt_fixture()
		load_devices(1);
}
