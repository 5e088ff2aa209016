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

#define PIECES		2

/* Two for each file are pinned, of the 8 MiB that users may usually have. */
#define DEFAULT_PIECE	(1ull << 20)

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

/* One piece's part of a file: an object, of the file's own memory or of a memfd for it. */
struct part {
	int memfd;
	char *map;
	struct zcgem_bo *bo;
};

/* One file. Its parts are all the same object if it is direct, the file's own memory. */
struct end {
	const char *name;
	int fd;
	bool direct;
	struct part parts[PIECES];
};

/* While the engine works on one, the other one is read or written. */
struct piece {
	struct zcgem_submit *submit;
	struct zcgem_syncobj *sync;
	/* What it does now; 0: nothing. */
	uint64_t size;
	uint64_t offset;
};

struct copy {
	const struct options *options;
	struct zcgem_device *dev;
	struct piece pieces[PIECES];
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

/*
 * Only a memfd can have this seal, and only a whole number of pages can be an object. What is only
 * read is left as it is: a seal is for ever.
 */
static bool can_be_object(int fd, uint64_t size, bool writable)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !size || size % sysconf(_SC_PAGESIZE))
		return false;
	if (writable && seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return false;
	return seals & F_SEAL_SHRINK || (writable && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
}

static int make_memfd(struct end *end, struct part *part, uint64_t size)
{
	void *map;

	part->memfd = memfd_create("zcgem copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (part->memfd < 0 || ftruncate(part->memfd, size) ||
	    fcntl(part->memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return complain(-errno, "make a memfd for", end->name);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, part->memfd, 0);
	if (map == MAP_FAILED)
		return complain(-errno, "map a memfd for", end->name);
	part->map = map;
	return 0;
}

/* @size is that of the file. */
static int open_end(struct copy *copy, struct end *end, uint64_t size, bool writable)
{
	unsigned int i;
	int ret = 0;

	end->direct = can_be_object(end->fd, size, writable);
	/* The second is for what comes after the first. */
	for (i = 0; i < (copy->size > copy->piece ? PIECES : 1) && !ret; i++) {
		struct part *part = &end->parts[i];

		if (end->direct && i) {
			part->bo = zcgem_bo_ref(end->parts[0].bo);
			continue;
		}
		if (!end->direct) {
			ret = make_memfd(end, part, copy->piece);
			if (ret)
				return ret;
		}
		ret = zcgem_bo_wrap_memfd(copy->dev, end->direct ? end->fd : part->memfd, 0,
					  end->direct ? size : copy->piece,
					  writable ? 0 : DRM_ZCGEM_WRAP_READONLY, &part->bo);
	}
	if (ret)
		complain(ret, "make an object of", end->name);
	return ret;
}

static void close_end(struct copy *copy, struct end *end)
{
	unsigned int i;

	for (i = 0; i < PIECES; i++) {
		zcgem_bo_unref(end->parts[i].bo);
		if (end->parts[i].map)
			munmap(end->parts[i].map, copy->piece);
		if (end->parts[i].memfd >= 0)
			close(end->parts[i].memfd);
	}
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

static int read_part(struct end *end, unsigned int number, uint64_t offset, uint64_t size)
{
	char *map = end->parts[number].map;
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = pread(end->fd, map + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return complain(n ? -errno : -EIO, "read", end->name);
		done += n;
	}
	return 0;
}

static int write_part(struct end *end, unsigned int number, uint64_t offset, uint64_t size)
{
	const char *map = end->parts[number].map;
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(end->fd, map + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return complain(n ? -errno : -EIO, "write", end->name);
		done += n;
	}
	return 0;
}

/* Waits for the submit, and whether it went well is what its fence says. */
static int wait_for(struct piece *piece)
{
	struct pollfd file = { .events = POLLIN };
	int ret;

	file.fd = zcgem_syncobj_export_sync_file(piece->sync, 0);
	if (file.fd < 0)
		return file.fd;
	do {
		ret = poll(&file, 1, -1);
	} while (ret < 0 && errno == EINTR);
	ret = zcgem_sync_file_status(file.fd);
	close(file.fd);
	return ret < 0 ? ret : 0;
}

/* Has the work on a piece ended, if there is some. */
static int finish(struct copy *copy, unsigned int number)
{
	struct piece *piece = &copy->pieces[number];
	uint64_t size = piece->size;
	int ret;

	if (!size)
		return 0;
	piece->size = 0;
	ret = wait_for(piece);
	if (ret)
		return complain(ret, "copy to", copy->target.name);
	return copy->target.direct ? 0 : write_part(&copy->target, number, piece->offset, size);
}

static int submit(struct copy *copy, unsigned int number, uint64_t offset, uint64_t size)
{
	struct piece *piece = &copy->pieces[number];
	struct zcgem_bo *target = copy->target.parts[number].bo;
	uint64_t to = copy->target.direct ? offset : 0, from = copy->source.direct ? offset : 0;
	int ret = 0;

	zcgem_submit_reset(piece->submit);
	if (copy->options->fill)
		ret = zcgem_submit_fill(piece->submit, target, to, size,
					copy->options->pattern, 4);
	else
		ret = zcgem_submit_copy(piece->submit, target, to,
					copy->source.parts[number].bo, from, size);
	if (!ret)
		ret = zcgem_submit_signal(piece->submit, piece->sync, 0);
	if (!ret)
		ret = zcgem_submit_run(piece->submit, 0, DRM_ZCGEM_PRIORITY_NORMAL);
	return ret;
}

static int start(struct copy *copy, unsigned int number, uint64_t offset, uint64_t size)
{
	struct piece *piece = &copy->pieces[number];
	int ret = 0;

	if (!copy->options->fill && !copy->source.direct)
		ret = read_part(&copy->source, number, offset, size);
	if (ret)
		return ret;
	ret = submit(copy, number, offset, size);
	if (ret)
		return complain(ret, "copy to", copy->target.name);
	piece->offset = offset;
	piece->size = size;
	return 0;
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
	double begun = now(), took;
	uint64_t offset = 0;
	unsigned int number = 0, i;
	int ret = 0;

	for (; offset < copy->size && !ret; number++) {
		uint64_t size = copy->size - offset;

		if (size > copy->piece)
			size = copy->piece;
		ret = finish(copy, number % PIECES);
		if (!ret)
			ret = start(copy, number % PIECES, offset, size);
		offset += size;
		if (options->progress && !ret)
			fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " bytes", offset, copy->size);
	}
	/* The older one first. */
	for (i = 0; i < PIECES && !ret; i++)
		ret = finish(copy, (number + i) % PIECES);
	if (options->progress)
		fputc('\n', stderr);
	if (ret)
		return ret;
	if (options->verify && !options->fill && !same_file(copy)) {
		error(0, 0, "%s differs from %s", options->target, options->source);
		return -EIO;
	}

	took = now() - begun;
	printf("%" PRIu64 " bytes %s in %.3f s (%.0f MiB/s)%s%s\n", copy->size,
	       options->fill ? "filled" : "copied", took,
	       took > 0 ? copy->size / took / (1 << 20) : 0,
	       copy->source.direct ? ", from a memfd" : "",
	       copy->target.direct ? ", to a memfd" : "");
	return 0;
}

static int open_engine(struct copy *copy)
{
	unsigned int i;
	uint64_t ops;
	int ret = open_device(&copy->dev);

	if (ret)
		return ret;
	if (zcgem_device_get_param(copy->dev, DRM_ZCGEM_PARAM_SUBMIT, &ops) || !ops) {
		error(0, 0, "this kernel's zcgem has no engine, or it is switched off");
		return -EOPNOTSUPP;
	}
	for (i = 0; i < PIECES && !ret; i++) {
		ret = zcgem_submit_new(copy->dev, &copy->pieces[i].submit);
		if (!ret)
			ret = zcgem_syncobj_new(copy->dev, 0, &copy->pieces[i].sync);
	}
	if (ret)
		error(0, -ret, "cannot begin");
	return ret;
}

static void close_all(struct copy *copy)
{
	unsigned int i;

	for (i = 0; i < PIECES; i++) {
		zcgem_submit_unref(copy->pieces[i].submit);
		zcgem_syncobj_unref(copy->pieces[i].sync);
	}
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
		{ "chunk", 'c', "BYTES", 0, "Submit this much at a time (1M)", 0 },
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
		       "size and, of a source, F_SEAL_SHRINK is set; other files pass through "
		       "memfds.",
	};
	struct options options = { .piece = DEFAULT_PIECE };
	struct copy copy = {
		.options = &options,
		.source = { .fd = -1, .parts = { { .memfd = -1 }, { .memfd = -1 } } },
		.target = { .fd = -1, .parts = { { .memfd = -1 }, { .memfd = -1 } } },
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
