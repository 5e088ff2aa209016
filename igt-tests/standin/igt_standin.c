// SPDX-License-Identifier: MIT
/*
 * What the zcgem tests call of libigt.so.0 (see ../abi), for architectures that Debian has no
 * such library for. It knows what these tests need: subtests that end by a long jump, children,
 * exit handlers, DRM nodes by their driver's name. The words that it prints are IGT's.
 */
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_debugfs.h"
#include "igt_kmod.h"
#include "igt_vgem.h"
#include "ioctl_wrappers.h"

#define MAX_CHILDREN	256
#define MAX_HANDLERS	16

__thread int (*igt_ioctl)(int fd, unsigned long request, void *arg) = drmIoctl;
jmp_buf igt_subtest_jmpbuf;

static struct {
	/* SUCCESS while subtests are run, else what they all come to */
	int verdict;
	bool list;
	bool fixture;
	bool child;
	pid_t pid;
	char subtest[256];
	const char *wanted[64];
	int nr_wanted;
	unsigned int passed, skipped, failed;
	pid_t children[MAX_CHILDREN];
	int nr_children;
	igt_exit_handler_t handlers[MAX_HANDLERS];
	int nr_handlers;
	const char *driver;
	struct timespec start;
} igt;

static const char *word(int verdict)
{
	return verdict == IGT_EXIT_SUCCESS ? "SUCCESS" :
	       verdict == IGT_EXIT_SKIP ? "SKIP" : "FAIL";
}

static void call_handlers(int sig)
{
	if (getpid() != igt.pid)
		return;
	while (igt.nr_handlers)
		igt.handlers[--igt.nr_handlers](sig);
}

static void at_exit(void)
{
	call_handlers(0);
}

static void on_signal(int sig)
{
	call_handlers(sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

void igt_install_exit_handler(igt_exit_handler_t fn)
{
	static const int signals[] = { SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS };
	int i;

	for (i = 0; i < igt.nr_handlers; i++)
		if (igt.handlers[i] == fn)
			return;
	if (!igt.nr_handlers)
		for (i = 0; i < (int)ARRAY_SIZE(signals); i++)
			signal(signals[i], on_signal);
	igt_assert(igt.nr_handlers < MAX_HANDLERS);
	igt.handlers[igt.nr_handlers++] = fn;
}

int igt_subtest_init_parse_opts(int *argc, char **argv, const char *shorts,
				const struct option *longs, const char *help,
				igt_opt_handler_t handler, void *data)
{
	static const struct option own[] = {
		{ "run-subtest", required_argument, NULL, 'r' },
		{ "list-subtests", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	(void)shorts, (void)longs, (void)help, (void)handler, (void)data;
	setvbuf(stdout, NULL, _IOLBF, 0);
	igt.pid = getpid();
	atexit(at_exit);
	while ((opt = getopt_long(*argc, argv, "", own, NULL)) != -1) {
		if (opt == 'l')
			igt.list = true;
		else if (opt == 'r' && igt.nr_wanted < (int)ARRAY_SIZE(igt.wanted))
			igt.wanted[igt.nr_wanted++] = optarg;
		else
			exit(IGT_EXIT_INVALID);
	}
	return 0;
}

bool __igt_fixture(void)
{
	igt.fixture = !igt.list && igt.verdict == IGT_EXIT_SUCCESS;
	return igt.fixture;
}

void __igt_fixture_complete(void)
{
	igt.fixture = false;
}

static bool is_wanted(const char *name)
{
	int i;

	for (i = 0; i < igt.nr_wanted; i++)
		if (!fnmatch(igt.wanted[i], name, 0))
			return true;
	return !igt.nr_wanted;
}

static void end_subtest(int verdict)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("Subtest %s: %s (%.3fs)\n", igt.subtest, word(verdict),
	       now.tv_sec - igt.start.tv_sec + (now.tv_nsec - igt.start.tv_nsec) * 1e-9);
	igt.passed += verdict == IGT_EXIT_SUCCESS;
	igt.skipped += verdict == IGT_EXIT_SKIP;
	igt.failed += verdict != IGT_EXIT_SUCCESS && verdict != IGT_EXIT_SKIP;
	igt.subtest[0] = 0;
}

bool __igt_run_subtest(const char *name, const char *file, const int line)
{
	(void)file, (void)line;
	if (!is_wanted(name))
		return false;
	if (igt.list) {
		printf("%s\n", name);
		return false;
	}
	snprintf(igt.subtest, sizeof(igt.subtest), "%s", name);
	clock_gettime(CLOCK_MONOTONIC, &igt.start);
	if (igt.verdict != IGT_EXIT_SUCCESS) {
		end_subtest(igt.verdict);
		return false;
	}
	printf("Starting subtest: %s\n", name);
	return true;
}

/* As in IGT, a subtest that has passed ends by a long jump too. */
void igt_success(void)
{
	end_subtest(IGT_EXIT_SUCCESS);
	siglongjmp(igt_subtest_jmpbuf, 1);
}

/* Out of whatever runs: a child, a fixture, which takes all subtests along, or a subtest. */
static void __attribute__((noreturn)) leave(int verdict)
{
	int i;

	if (igt.child || getpid() != igt.pid)
		_exit(verdict);
	for (i = 0; i < igt.nr_children; i++)
		kill(igt.children[i], SIGKILL);
	while (igt.nr_children)
		waitpid(igt.children[--igt.nr_children], NULL, 0);
	if (igt.fixture) {
		igt.verdict = verdict;
		igt.fixture = false;
	} else if (igt.subtest[0]) {
		end_subtest(verdict);
	} else {
		exit(verdict);
	}
	siglongjmp(igt_subtest_jmpbuf, 1);
}

void __igt_subtest_group_save(int *save, int *desc)
{
	*save = igt.verdict;
	*desc = 0;
}

void __igt_subtest_group_restore(int save, int desc)
{
	(void)desc;
	igt.verdict = save;
}

const char *igt_subtest_name(void)
{
	return igt.subtest[0] ? igt.subtest : NULL;
}

bool igt_only_list_subtests(void)
{
	return igt.list;
}

void igt_exit(void)
{
	if (igt.list)
		exit(0);
	if (igt.failed)
		exit(IGT_EXIT_FAILURE);
	exit(igt.skipped && !igt.passed ? IGT_EXIT_SKIP : IGT_EXIT_SUCCESS);
}

static void say(const char *before, const char *fmt, va_list args)
{
	fputs(before, stdout);
	vprintf(fmt, args);
	fflush(stdout);
}

void igt_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("SKIP: ", fmt, args);
	va_end(args);
	leave(IGT_EXIT_SKIP);
}

void __igt_skip_check(const char *file, const int line, const char *func, const char *check,
		      const char *fmt, ...)
{
	va_list args;

	printf("Test requirement not met in function %s, file %s:%d:\nTest requirement: %s\n",
	       func, file, line, check);
	if (fmt) {
		va_start(args, fmt);
		say("", fmt, args);
		va_end(args);
	}
	leave(IGT_EXIT_SKIP);
}

void igt_fail(int exitcode)
{
	leave(exitcode);
}

void __igt_fail_assert(const char *domain, const char *file, const int line, const char *func,
		       const char *assertion, const char *fmt, ...)
{
	int err = errno;
	va_list args;

	(void)domain;
	printf("Test assertion failure function %s, file %s:%d:\nFailed assertion: %s\n", func,
	       file, line, assertion);
	if (err)
		printf("Last errno: %d, %s\n", err, strerror(err));
	if (fmt) {
		va_start(args, fmt);
		say("", fmt, args);
		va_end(args);
	}
	leave(IGT_EXIT_FAILURE);
}

void igt_describe_f(const char *fmt, ...)
{
	(void)fmt;
}

void igt_log(const char *domain, enum igt_log_level level, const char *fmt, ...)
{
	va_list args;

	(void)domain;
	if (level == IGT_LOG_DEBUG)
		return;
	va_start(args, fmt);
	say("", fmt, args);
	va_end(args);
}

bool __igt_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		igt.child = true;
		igt.nr_children = 0;
		return true;
	}
	igt_assert(igt.nr_children < MAX_CHILDREN);
	igt.children[igt.nr_children++] = pid;
	return false;
}

void igt_waitchildren(void)
{
	int verdict = 0;

	while (igt.nr_children) {
		int status = 0;

		waitpid(igt.children[--igt.nr_children], &status, 0);
		if (status && !verdict)
			verdict = WIFEXITED(status) ? WEXITSTATUS(status) : IGT_EXIT_FAILURE;
	}
	if (verdict)
		leave(verdict);
}

void __set_forced_driver(const char *name)
{
	igt.driver = name;
}

static bool is_of(int fd, const char *name)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool same = version && !strcmp(version->name, name);

	drmFreeVersion(version);
	return same;
}

static int open_node(int chipset, const char *kind, int first)
{
	const char *name = chipset == DRIVER_VGEM ? "vgem" : igt.driver;
	char path[64];
	int i, fd;

	if (chipset == DRIVER_VGEM)
		igt_kmod_load("vgem", "");
	for (i = first; name && i < first + 64; i++) {
		snprintf(path, sizeof(path), "/dev/dri/%s%d", kind, i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_of(fd, name))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

int __drm_open_driver(int chipset)
{
	return open_node(chipset, "card", 0);
}

int __drm_open_driver_render(int chipset)
{
	return open_node(chipset, "renderD", 128);
}

int drm_reopen_driver(int fd)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	igt_assert_fd(again);
	return again;
}

int drm_close_driver(int fd)
{
	return close(fd);
}

void gem_close(int fd, uint32_t handle)
{
	struct drm_gem_close arg = { .handle = handle };

	igt_assert(handle);
	do_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &arg);
}

uint32_t prime_fd_to_handle(int fd, int dma_buf_fd)
{
	struct drm_prime_handle arg = { .fd = dma_buf_fd };

	do_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);
	return arg.handle;
}

int igt_debugfs_dir(int device)
{
	char path[64];
	struct stat st;

	if (fstat(device, &st))
		return -1;
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%u", minor(st.st_rdev));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int igt_debugfs_simple_read(int dir, const char *name, char *buf, int size)
{
	int fd = openat(dir, name, O_RDONLY), done = 0, len = -errno;

	if (fd < 0)
		return len;
	while (done < size - 1 && (len = read(fd, buf + done, size - 1 - done)) > 0)
		done += len;
	buf[done] = 0;
	close(fd);
	return done;
}

int igt_kmod_load(const char *name, const char *options)
{
	char command[256];

	snprintf(command, sizeof(command), "modprobe -q %s %s", name, options ?: "");
	return system(command);
}

/* As in vgem_drm.h, which not every libdrm ships. */
struct vgem_attach {
	uint32_t handle;
	uint32_t flags;
	uint32_t fence;
	uint32_t pad;
};

struct vgem_signal {
	uint32_t fence;
	uint32_t flags;
};

#define VGEM_ATTACH	DRM_IOWR(DRM_COMMAND_BASE + 1, struct vgem_attach)
#define VGEM_SIGNAL	DRM_IOW(DRM_COMMAND_BASE + 2, struct vgem_signal)

void vgem_create(int fd, struct vgem_bo *bo)
{
	struct drm_mode_create_dumb arg = {
		.width = bo->width, .height = bo->height, .bpp = bo->bpp,
	};

	do_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &arg);
	bo->handle = arg.handle;
	bo->pitch = arg.pitch;
	bo->size = arg.size;
}

void *vgem_mmap(int fd, struct vgem_bo *bo, unsigned int prot)
{
	struct drm_mode_map_dumb arg = { .handle = bo->handle };
	void *map;

	do_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &arg);
	map = mmap(NULL, bo->size, prot, MAP_SHARED, fd, arg.offset);
	igt_assert(map != MAP_FAILED);
	return map;
}

bool vgem_has_fences(int fd)
{
	struct vgem_signal arg = {};

	igt_ioctl(fd, VGEM_SIGNAL, &arg);
	return errno == ENOENT;
}

uint32_t vgem_fence_attach(int fd, struct vgem_bo *bo, unsigned int flags)
{
	struct vgem_attach arg = { .handle = bo->handle, .flags = flags };

	do_ioctl(fd, VGEM_ATTACH, &arg);
	return arg.fence;
}

void vgem_fence_signal(int fd, uint32_t fence)
{
	struct vgem_signal arg = { .fence = fence };

	do_ioctl(fd, VGEM_SIGNAL, &arg);
}
