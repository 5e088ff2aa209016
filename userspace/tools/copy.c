// SPDX-License-Identifier: MIT
/*
 * zcgem copy: copies a file, or fills one, by the engine. Memfds are used as they are;
 * other files pass through a memfd, a piece at a time.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <zcgem.h>

#include "tool.h"

/* Two of them are pinned for files, of the 8 MiB that users may usually have. */
#define DEFAULT_PIECE	(2ull << 20)

struct options {
	const char *source;
	const char *target;
	bool fill;
	uint32_t pattern;
	uint64_t size;
	uint64_t piece;
	bool progress;
	bool verify;
};

/* One file. The object is the file's own memory if it is direct, else a piece of it. */
struct end {
	const char *name;
	int fd;
	bool direct;
	int memfd;
	char *map;
	struct zcgem_bo *bo;
};

struct copy {
	const struct options *options;
	struct zcgem_device *dev;
	struct zcgem_submit *submit;
	struct zcgem_syncobj *sync;
	struct end source;
	struct end target;
	uint64_t size;
	uint64_t piece;
};

/* No more of a piece than the file has, but a page at least. */
static void set_size(struct copy *copy, uint64_t size)
{
	uint64_t page = sysconf(_SC_PAGESIZE), pages = size / page + !!(size % page);

	copy->size = size;
	copy->piece = copy->options->piece;
	if (pages < copy->piece / page)
		copy->piece = (pages ? pages : 1) * page;
}

static int complain(int ret, const char *what, const char *name)
{
	error(0, -ret, "cannot %s %s", what, name);
	return ret;
}

/* Seals are added through a descriptor that can be written, which a source's can not. */
static bool seal(int fd)
{
	char path[32];
	int writable, ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	writable = open(path, O_RDWR | O_CLOEXEC);
	if (writable < 0)
		return false;
	ret = fcntl(writable, F_ADD_SEALS, F_SEAL_SHRINK);
	close(writable);
	return !ret;
}

/* Only a memfd can get this seal, and only a whole number of pages can be an object. */
static bool can_be_object(int fd, uint64_t size, bool writable)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !size || size % sysconf(_SC_PAGESIZE))
		return false;
	if (writable && seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return false;
	return seals & F_SEAL_SHRINK || seal(fd);
}

static int make_piece(struct end *end, uint64_t size)
{
	void *map;

	end->memfd = memfd_create("zcgem copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (end->memfd < 0 || ftruncate(end->memfd, size) ||
	    fcntl(end->memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return complain(-errno, "make a memfd for", end->name);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, end->memfd, 0);
	if (map == MAP_FAILED)
		return complain(-errno, "map a memfd for", end->name);
	end->map = map;
	return 0;
}

/* @size is that of the file. */
static int open_end(struct copy *copy, struct end *end, uint64_t size, bool writable)
{
	int ret;

	end->direct = can_be_object(end->fd, size, writable);
	if (!end->direct) {
		ret = make_piece(end, copy->piece);
		if (ret)
			return ret;
		size = copy->piece;
	}
	ret = zcgem_bo_wrap_memfd(copy->dev, end->direct ? end->fd : end->memfd, 0, size,
				  writable ? 0 : DRM_ZCGEM_WRAP_READONLY, &end->bo);
	if (ret)
		complain(ret, "make an object of", end->name);
	return ret;
}

static void close_end(struct copy *copy, struct end *end)
{
	zcgem_bo_unref(end->bo);
	if (end->map)
		munmap(end->map, copy->piece);
	if (end->memfd >= 0)
		close(end->memfd);
	if (end->fd >= 0)
		close(end->fd);
}

static int open_source(struct copy *copy)
{
	struct stat stat;

	copy->source.name = copy->options->source;
	copy->source.fd = open(copy->options->source, O_RDONLY | O_CLOEXEC);
	if (copy->source.fd < 0 || fstat(copy->source.fd, &stat))
		return complain(-errno, "open", copy->options->source);
	if (!S_ISREG(stat.st_mode)) {
		error(0, 0, "%s is not a regular file or a memfd", copy->options->source);
		return -EINVAL;
	}
	set_size(copy, stat.st_size);
	return open_end(copy, &copy->source, copy->size, false);
}

/* A memfd keeps what it has after the end of the copy, as it can not be made shorter. */
static int open_target(struct copy *copy)
{
	struct end *end = &copy->target;
	struct stat stat;

	end->name = copy->options->target;
	end->fd = open(end->name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (end->fd < 0 || fstat(end->fd, &stat))
		return complain(-errno, "open", end->name);
	if (!S_ISREG(stat.st_mode)) {
		error(0, 0, "%s is not a regular file or a memfd", end->name);
		return -EINVAL;
	}
	if (copy->source.fd >= 0) {
		struct stat source;

		if (!fstat(copy->source.fd, &source) && source.st_dev == stat.st_dev &&
		    source.st_ino == stat.st_ino) {
			error(0, 0, "%s and %s are the same file", copy->source.name, end->name);
			return -EINVAL;
		}
	}
	if ((uint64_t)stat.st_size != copy->size && ftruncate(end->fd, copy->size) &&
	    (uint64_t)stat.st_size < copy->size)
		return complain(-errno, "make room in", end->name);
	if (fstat(end->fd, &stat))
		return complain(-errno, "look at", end->name);
	return open_end(copy, end, stat.st_size, true);
}

static int read_piece(struct end *end, uint64_t offset, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = pread(end->fd, end->map + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return complain(n ? -errno : -EIO, "read", end->name);
		done += n;
	}
	return 0;
}

static int write_piece(struct end *end, uint64_t offset, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(end->fd, end->map + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return complain(n ? -errno : -EIO, "write", end->name);
		done += n;
	}
	return 0;
}

/* Waits for the submit, and whether it went well is what its fence says. */
static int finish(struct copy *copy)
{
	struct pollfd file = { .events = POLLIN };
	int ret;

	file.fd = zcgem_syncobj_export_sync_file(copy->sync, 0);
	if (file.fd < 0)
		return file.fd;
	do {
		ret = poll(&file, 1, -1);
	} while (ret < 0 && errno == EINTR);
	ret = zcgem_sync_file_status(file.fd);
	close(file.fd);
	return ret < 0 ? ret : 0;
}

static int add_work(struct copy *copy, uint64_t offset, uint64_t size)
{
	struct zcgem_submit *submit = copy->submit;
	uint64_t to = copy->target.direct ? offset : 0, from = copy->source.direct ? offset : 0;
	int ret = 0;

	zcgem_submit_reset(submit);
	if (!copy->options->fill)
		ret = zcgem_submit_copy(submit, copy->target.bo, to, copy->source.bo, from, size);
	else
		ret = zcgem_submit_fill(submit, copy->target.bo, to, size,
					copy->options->pattern, 4);
	return ret ? ret : zcgem_submit_signal(submit, copy->sync, 0);
}

static int do_piece(struct copy *copy, uint64_t offset, uint64_t size)
{
	int ret = 0;

	if (!copy->options->fill && !copy->source.direct)
		ret = read_piece(&copy->source, offset, size);
	if (ret)
		return ret;
	ret = add_work(copy, offset, size);
	if (!ret)
		ret = zcgem_submit_run(copy->submit, 0, DRM_ZCGEM_PRIORITY_NORMAL);
	if (!ret)
		ret = finish(copy);
	if (ret)
		return complain(ret, "copy to", copy->target.name);
	return copy->target.direct ? 0 : write_piece(&copy->target, offset, size);
}

static bool same_file(struct copy *copy)
{
	static char one[65536], other[65536];
	uint64_t offset = 0;

	while (offset < copy->size) {
		size_t size = copy->size - offset < sizeof(one) ? copy->size - offset : sizeof(one);

		if (pread(copy->source.fd, one, size, offset) != (ssize_t)size ||
		    pread(copy->target.fd, other, size, offset) != (ssize_t)size ||
		    memcmp(one, other, size))
			return false;
		offset += size;
	}
	return true;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static int run(struct copy *copy)
{
	const struct options *options = copy->options;
	double start = now(), took;
	uint64_t offset = 0;
	int ret = 0;

	while (offset < copy->size && !ret) {
		uint64_t size = copy->size - offset;

		if (size > copy->piece)
			size = copy->piece;
		ret = do_piece(copy, offset, size);
		offset += size;
		if (options->progress && !ret)
			fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " bytes", offset, copy->size);
	}
	if (options->progress)
		fputc('\n', stderr);
	if (ret)
		return ret;
	if (options->verify && !options->fill && !same_file(copy)) {
		error(0, 0, "%s differs from %s", options->target, options->source);
		return -EIO;
	}

	took = now() - start;
	printf("%" PRIu64 " bytes %s in %.3f s (%.0f MiB/s)%s%s\n", copy->size,
	       options->fill ? "filled" : "copied", took,
	       took > 0 ? copy->size / took / (1 << 20) : 0,
	       copy->source.direct ? ", from a memfd" : "",
	       copy->target.direct ? ", to a memfd" : "");
	return 0;
}

static int open_engine(struct copy *copy)
{
	uint64_t ops;
	int ret = open_device(&copy->dev);

	if (ret)
		return ret;
	if (zcgem_device_get_param(copy->dev, DRM_ZCGEM_PARAM_SUBMIT, &ops)) {
		error(0, 0, "this kernel's zcgem has no engine");
		return -EOPNOTSUPP;
	}
	ret = zcgem_submit_new(copy->dev, &copy->submit);
	if (!ret)
		ret = zcgem_syncobj_new(copy->dev, 0, &copy->sync);
	if (ret)
		error(0, -ret, "cannot begin");
	return ret;
}

static void close_all(struct copy *copy)
{
	zcgem_submit_unref(copy->submit);
	zcgem_syncobj_unref(copy->sync);
	close_end(copy, &copy->source);
	close_end(copy, &copy->target);
	zcgem_device_unref(copy->dev);
}

/* A number of bytes, with K, M or G. */
static uint64_t parse_size(const char *text, struct argp_state *state)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);
	unsigned int shift = 0;

	if (*end == 'K' || *end == 'M' || *end == 'G')
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30, end++;
	if (end == text || *end || !value || value > UINT64_MAX >> 1 >> shift)
		argp_error(state, "'%s' is no size", text);
	return value << shift;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	uint64_t page = sysconf(_SC_PAGESIZE);
	unsigned long long word;
	char *end;

	switch (key) {
	case 'f':
		options->fill = true;
		word = strtoull(arg, &end, 0);
		if (end == arg || *end || word > UINT32_MAX)
			argp_error(state, "'%s' is no number of 32 bits", arg);
		options->pattern = word;
		return 0;
	case 's':
		options->size = parse_size(arg, state);
		return 0;
	case 'c':
		options->piece = (parse_size(arg, state) + page - 1) & ~(page - 1);
		return 0;
	case 'v':
		options->verify = true;
		return 0;
	case 'p':
		options->progress = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "unexpected argument '%s'", arg);
		if (state->arg_num)
			options->target = arg;
		else
			options->source = arg;
		return 0;
	case ARGP_KEY_END:
		if (options->fill) {
			if (!options->source || options->target || !options->size)
				argp_error(state, "--fill needs --size and one file");
			if (options->size % 4)
				argp_error(state, "--fill needs a size of whole words of 4 bytes");
			options->target = options->source;
			options->source = NULL;
		} else if (!options->target || options->size) {
			argp_error(state, "two files are needed, and --size goes with --fill");
		}
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_copy(int argc, char **argv)
{
	static const struct argp_option list[] = {
		{ "fill", 'f', "WORD", 0, "Fill the target with this number of 32 bits", 0 },
		{ "size", 's', "BYTES", 0, "How much to fill; K, M, G may follow", 0 },
		{ "chunk", 'c', "BYTES", 0, "Submit this much at a time (2M)", 0 },
		{ "progress", 'p', NULL, 0, "Say how far it is", 0 },
		{ "verify", 'v', NULL, 0, "Compare the files afterwards", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = list,
		.parser = parse,
		.args_doc = "SOURCE TARGET\n--fill=WORD --size=BYTES TARGET",
		.doc = "Copy a file, or fill one, by zcgem's engine. A memfd, named as "
		       "/proc/PID/fd/N, is used as it is if its size is a multiple of the page "
		       "size; other files pass through a memfd.",
	};
	struct options options = { .piece = DEFAULT_PIECE };
	struct copy copy = {
		.options = &options,
		.source = { .fd = -1, .memfd = -1 },
		.target = { .fd = -1, .memfd = -1 },
	};
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	ret = open_engine(&copy);
	if (!ret && options.fill)
		set_size(&copy, options.size);
	else if (!ret)
		ret = open_source(&copy);
	if (!ret)
		ret = open_target(&copy);
	if (!ret)
		ret = run(&copy);
	close_all(&copy);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
