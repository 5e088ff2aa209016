// SPDX-License-Identifier: MIT
/*
 * The fuzzer's operations on mappings of objects, and on the files below them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "igt_zcgem.h"

#define PROT_RW		(PROT_READ | PROT_WRITE)

static sigjmp_buf fault_jump;
static volatile sig_atomic_t touching;

static void on_fault(int sig)
{
	if (touching)
		siglongjmp(fault_jump, sig);
	/* a mistake of the fuzzer's own: die of it */
	signal(sig, SIG_DFL);
}

/**
 * fuzz_catch_faults:
 *
 * Has accesses that fail end where they began. The mask of signals is never changed, so that an
 * access costs no system call.
 */
void fuzz_catch_faults(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* Where word n of a page is. */
static volatile uint64_t *word_at(char *page, int n)
{
	return (volatile uint64_t *)(page + FUZZ_WORD_OFFSET(n));
}

/* One access: the signal that it ends with, or 0. */
static int touch(char *page, int n, bool write, uint64_t *value)
{
	int sig = sigsetjmp(fault_jump, 0);

	if (!sig) {
		touching = true;
		if (write)
			*word_at(page, n) = *value;
		else
			*value = *word_at(page, n);
	}
	touching = false;
	return sig;
}

/* Read or write a word of a page of a view, by the rules. */
static void access_page(struct fuzz *f, struct fuzz_view *view, int index, int n, bool write)
{
	struct fuzz_memory *memory = view->memory;
	int page = view->first + index, sig;
	char *address = view->map + index * ZCGEM_PAGE;
	uint64_t value = 0, *expected;

	if (write && !view->writable)
		write = false;
	if (memory->torn[page]) {
		/* it may be either page; but it must be one, or none if it was revoked */
		sig = touch(address, n, false, &value);
		if (sig && !memory->revoked)
			fuzz_fail(f, "page %d ends in signal %d", page, sig);
		return;
	}

	expected = &f->words[memory->pages[page]][n];
	if (write)
		value = fuzz_stamp(f);
	sig = touch(address, n, write, &value);
	if (sig != (memory->revoked ? SIGBUS : 0))
		fuzz_fail(f, "%s page %d ends in signal %d", write ? "writing" : "reading", page,
			  sig);
	if (sig)
		return;
	if (write)
		*expected = value;
	else if (value != *expected)
		fuzz_fail(f, "page %d word %d is %#llx, not %#llx", page, n,
			  (unsigned long long)value, (unsigned long long)*expected);
}

static void add_view(struct fuzz *f, struct fuzz_memory *memory, char *map, int first,
		     int npages, bool writable, bool may_write)
{
	struct fuzz_view *view = fuzz_free_view(f);

	*view = (struct fuzz_view){
		.memory = memory, .map = map, .first = first, .npages = npages,
		.writable = writable, .may_write = may_write,
	};
	fuzz_memory_get(memory);
}

static void drop_view(struct fuzz *f, struct fuzz_view *view)
{
	fuzz_memory_put(f, view->memory);
	view->memory = NULL;
}

/* Map part of what a descriptor shows from an offset on, and note what must come of it. */
static void map_part(struct fuzz *f, struct fuzz_memory *memory, int fd, uint64_t offset,
		     int first, bool readonly, bool private)
{
	bool write = f->op->c & 1;
	int npages = 1 + (f->op->b >> 16) % (memory->npages - first);
	char *map;

	map = mmap(NULL, npages * ZCGEM_PAGE, PROT_READ | (write ? PROT_WRITE : 0),
		   private ? MAP_PRIVATE : MAP_SHARED, fd, offset + first * ZCGEM_PAGE);
	if (private || memory->revoked || (readonly && write)) {
		if (map != MAP_FAILED)
			fuzz_fail(f, "mmap succeeds");
		fuzz_expect(f, "mmap", -errno, private ? EINVAL : EACCES,
			    memory->revoked || (readonly && write) ? EACCES : EINVAL);
		return;
	}
	if (map == MAP_FAILED)
		fuzz_fail(f, "mmap: %m");
	add_view(f, memory, map, first, npages, write, !readonly);
}

/**
 * fuzz_map:
 * @f: the sequence
 */
void fuzz_map(struct fuzz *f)
{
	struct fuzz_handle *handle = fuzz_find_handle(f, f->op->a);
	struct drm_zcgem_gem_mmap_offset arg = { 0 };
	struct fuzz_memory *memory;
	bool readonly;
	int fd;

	if (!handle || !fuzz_free_view(f))
		return;
	memory = handle->memory;
	fd = f->config->clients[handle->client];
	arg.handle = handle->handle;
	fuzz_expect(f, "MMAP_OFFSET", fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &arg), 0);
	readonly = memory->readonly ||
		   (fuzz_is_foreign(f, handle) && !memory->export_writable);
	/* the DRM core maps nothing but the beginning of an object */
	map_part(f, memory, fd, arg.offset, 0, readonly, !(f->op->c >> 1 & 15));
}

/**
 * fuzz_map_dmabuf:
 * @f: the sequence
 */
void fuzz_map_dmabuf(struct fuzz *f)
{
	struct fuzz_dmabuf *dmabuf = fuzz_find_dmabuf(f, f->op->a);

	if (!dmabuf || !fuzz_free_view(f))
		return;
	map_part(f, dmabuf->memory, dmabuf->fd, 0, (f->op->b >> 8) % dmabuf->memory->npages,
		 dmabuf->memory->readonly || !dmabuf->memory->export_writable, false);
}

/**
 * fuzz_unmap:
 * @f: the sequence
 *
 * All of a mapping, its beginning, its end, or a part in the middle.
 */
void fuzz_unmap(struct fuzz *f)
{
	struct fuzz_view *view = fuzz_find_view(f, f->op->a);
	int from, count, left;

	if (!view)
		return;
	from = f->op->b & 1 ? (f->op->b >> 8) % view->npages : 0;
	count = view->npages - from;
	if (f->op->b & 2)
		count = 1 + (f->op->b >> 16) % count;
	left = view->npages - from - count;
	if (from && left && !fuzz_free_view(f))
		return;
	if (munmap(view->map + from * ZCGEM_PAGE, count * ZCGEM_PAGE))
		fuzz_fail(f, "munmap: %m");

	if (from && left)
		add_view(f, view->memory, view->map + (from + count) * ZCGEM_PAGE,
			 view->first + from + count, left, view->writable, view->may_write);
	if (from) {
		view->npages = from;
	} else if (left) {
		view->map += count * ZCGEM_PAGE;
		view->first += count;
		view->npages = left;
	} else {
		drop_view(f, view);
	}
}

/**
 * fuzz_move:
 * @f: the sequence
 */
void fuzz_move(struct fuzz *f)
{
	struct fuzz_view *view = fuzz_find_view(f, f->op->a);
	size_t size;
	char *place, *map;

	if (!view)
		return;
	size = view->npages * ZCGEM_PAGE;
	if (!(f->op->b & 7)) {
		/* no mapping of an object may grow */
		map = mremap(view->map, size, size + ZCGEM_PAGE, MREMAP_MAYMOVE);
		if (map != MAP_FAILED)
			fuzz_fail(f, "mremap lets a mapping grow");
		fuzz_expect(f, "mremap", -errno, EFAULT);
		return;
	}
	place = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (place == MAP_FAILED)
		fuzz_fail(f, "mmap: %m");
	map = mremap(view->map, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	if (map != place)
		fuzz_fail(f, "mremap: %m");
	view->map = map;
}

/**
 * fuzz_protect:
 * @f: the sequence
 */
void fuzz_protect(struct fuzz *f)
{
	struct fuzz_view *view = fuzz_find_view(f, f->op->a);
	bool write = f->op->b & 1;
	int ret;

	if (!view)
		return;
	ret = mprotect(view->map, view->npages * ZCGEM_PAGE, write ? PROT_RW : PROT_READ) ?
		-errno : 0;
	fuzz_expect(f, "mprotect", ret, write && !view->may_write ? EACCES : 0);
	if (!ret)
		view->writable = write;
	/* what no page reference may be had of cannot be given away */
	ret = madvise(view->map, ZCGEM_PAGE, MADV_DONTNEED) ? -errno : 0;
	fuzz_expect(f, "MADV_DONTNEED", ret, EINVAL);
}

/**
 * fuzz_access:
 * @f: the sequence
 */
void fuzz_access(struct fuzz *f)
{
	struct fuzz_view *view = fuzz_find_view(f, f->op->a);

	if (view)
		access_page(f, view, (f->op->b >> 8) % view->npages,
			    f->op->b % FUZZ_WORDS, f->op->c & 1);
}

/**
 * fuzz_access_all:
 * @f: the sequence
 */
void fuzz_access_all(struct fuzz *f)
{
	struct fuzz_view *view = fuzz_find_view(f, f->op->a);
	int i, n;

	if (!view)
		return;
	for (i = 0; i < view->npages; i++)
		for (n = 0; n < FUZZ_WORDS; n++)
			access_page(f, view, i, n, false);
}

/**
 * fuzz_debugger:
 * @f: the sequence
 *
 * What a debugger does, by /proc/self/mem.
 */
void fuzz_debugger(struct fuzz *f)
{
	struct fuzz_view *view = fuzz_find_view(f, f->op->a);
	int fd, index, n = f->op->b % FUZZ_WORDS, page, ret;
	bool write = f->op->c & 1;
	uint64_t value, *expected;
	off_t where;

	if (!view)
		return;
	index = (f->op->b >> 8) % view->npages;
	page = view->first + index;
	if (view->memory->torn[page])
		return;
	expected = &f->words[view->memory->pages[page]][n];
	where = (uintptr_t)word_at(view->map + index * ZCGEM_PAGE, n);
	fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fuzz_fail(f, "/proc/self/mem: %m");
	value = fuzz_stamp(f);
	do {
		ret = write ? pwrite(fd, &value, sizeof(value), where) :
			      pread(fd, &value, sizeof(value), where);
	} while (ret < 0 && (errno == EINTR || (errno == EIO && f->config->signals &&
					       !view->memory->revoked &&
					       (view->writable || !write))));
	close(fd);
	if (view->memory->revoked || (write && !view->writable)) {
		fuzz_expect(f, "/proc/self/mem", ret < 0 ? -errno : 0, EIO);
		return;
	}
	if (ret != sizeof(value))
		fuzz_fail(f, "/proc/self/mem gives %d, %m", ret);
	if (write)
		*expected = value;
	else if (value != *expected)
		fuzz_fail(f, "page %d word %d is %#llx, not %#llx", page, n,
			  (unsigned long long)value, (unsigned long long)*expected);
}

/**
 * fuzz_fork:
 * @f: the sequence
 *
 * A child uses the mappings that it has inherited.
 */
void fuzz_fork(struct fuzz *f)
{
	uint64_t state = (uint64_t)f->op->a << 32 | f->op->b;
	int count = 1 + f->op->c % 12, status;
	struct fuzz_view *view;
	pid_t child;

	if (!fuzz_find_view(f, 0))
		return;
	child = fork();
	if (child < 0)
		fuzz_fail(f, "fork: %m");
	if (!child) {
		while (count--) {
			view = fuzz_find_view(f, fuzz_random(&state));
			access_page(f, view, fuzz_random(&state) % view->npages,
				    fuzz_random(&state) % FUZZ_WORDS, fuzz_random(&state) & 1);
			if (!(fuzz_random(&state) & 7)) {
				munmap(view->map, view->npages * ZCGEM_PAGE);
				break;
			}
		}
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fuzz_fail(f, "waitpid: %m");
	if (f->verdict->failed)
		_exit(1);
	if (status)
		fuzz_fail(f, "the child's status is %#x", status);
}

/**
 * fuzz_new_file:
 * @f: the sequence
 *
 * Another memfd or another piece of memory instead of one, which objects may still use.
 */
void fuzz_new_file(struct fuzz *f)
{
	int index = f->op->a % FUZZ_FILES;
	struct fuzz_file *old = f->files[index];

	f->files[index] = fuzz_file_new(f, index >= FUZZ_FILES - FUZZ_ANON, f->op->b);
	if (!old)
		return;
	if (munmap(old->map, FUZZ_EXTENT * ZCGEM_PAGE))
		fuzz_fail(f, "munmap: %m");
	if (old->fd >= 0)
		close(old->fd);
	fuzz_file_put(f, old);
}

static int change_file(struct fuzz_file *file, int mode, int first, int npages)
{
	int ret;

	do {
		ret = fallocate(file->fd, mode, first * ZCGEM_PAGE, npages * ZCGEM_PAGE);
	} while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

/**
 * fuzz_punch:
 * @f: the sequence
 *
 * Takes pages out of a file, by its descriptor or its mapping, or drops anonymous memory.
 */
void fuzz_punch(struct fuzz *f)
{
	struct fuzz_file *file = f->files[f->op->a % FUZZ_FILES];
	int first = (f->op->b >> 8) % file->npages;
	int npages = 1 + (f->op->b >> 16) % (file->npages - first), ret;

	if (file->fd < 0) {
		ret = madvise(file->map + first * ZCGEM_PAGE, npages * ZCGEM_PAGE,
			      MADV_DONTNEED) ? -errno : 0;
		fuzz_expect(f, "MADV_DONTNEED", ret, 0);
	} else if (f->op->c & 1) {
		do {
			ret = madvise(file->map + first * ZCGEM_PAGE, npages * ZCGEM_PAGE,
				      MADV_REMOVE) ? -errno : 0;
		} while (ret == -EINTR);
		fuzz_expect(f, "MADV_REMOVE", ret, file->no_write ? EPERM : 0);
	} else {
		ret = change_file(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first, npages);
		fuzz_expect(f, "punch", ret, file->no_write ? EPERM : 0);
	}
	if (!ret)
		fuzz_file_punch(f, file, first, npages);
}

/**
 * fuzz_allocate:
 * @f: the sequence
 *
 * Pages that are in the file and have never been written.
 */
void fuzz_allocate(struct fuzz *f)
{
	struct fuzz_file *file = f->files[f->op->a % (FUZZ_FILES - FUZZ_ANON)];
	int first = (f->op->b >> 8) % file->npages;
	int npages = 1 + (f->op->b >> 16) % (file->npages - first);

	fuzz_expect(f, "fallocate", change_file(file, 0, first, npages), 0);
}

/**
 * fuzz_grow:
 * @f: the sequence
 */
void fuzz_grow(struct fuzz *f)
{
	struct fuzz_file *file = f->files[f->op->a % (FUZZ_FILES - FUZZ_ANON)];
	int npages = file->npages + 1 + f->op->b % 4, ret;

	if (npages > FUZZ_EXTENT)
		return;
	ret = ftruncate(file->fd, npages * ZCGEM_PAGE) ? -errno : 0;
	fuzz_expect(f, "ftruncate", ret, file->no_grow ? EPERM : 0);
	if (!ret)
		file->npages = npages;
}

/**
 * fuzz_seal:
 * @f: the sequence
 */
void fuzz_seal(struct fuzz *f)
{
	struct fuzz_file *file = f->files[f->op->a % (FUZZ_FILES - FUZZ_ANON)];
	int ret;

	/* our own mapping can write, and so must forbid it at any time */
	ret = fcntl(file->fd, F_ADD_SEALS, F_SEAL_WRITE) ? -errno : 0;
	fuzz_expect(f, "F_SEAL_WRITE", ret, EBUSY);
	if (f->op->b & 7)
		return;
	ret = fcntl(file->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) ? -errno : 0;
	fuzz_expect(f, "F_SEAL_FUTURE_WRITE", ret, 0);
	file->no_write = true;
}

/**
 * fuzz_write_file:
 * @f: the sequence
 *
 * Reads or writes below the objects, by the program's own mapping of the file.
 */
void fuzz_write_file(struct fuzz *f)
{
	struct fuzz_file *file = f->files[f->op->a % FUZZ_FILES];
	int page = (f->op->b >> 8) % file->npages, n = f->op->b % FUZZ_WORDS, sig;
	uint64_t value = 0, expected = 0;
	bool write = f->op->c & 1;

	if (write)
		value = fuzz_stamp(f);
	sig = touch(file->map + page * ZCGEM_PAGE, n, write, &value);
	if (sig)
		fuzz_fail(f, "page %d of the file ends in signal %d", page, sig);
	if (write) {
		f->words[fuzz_file_page(f, file, page)][n] = value;
		return;
	}
	if (file->pages[page] != FUZZ_HOLE)
		expected = f->words[file->pages[page]][n];
	if (value != expected)
		fuzz_fail(f, "page %d word %d of the file is %#llx, not %#llx", page, n,
			  (unsigned long long)value, (unsigned long long)expected);
}

/* Read or write this sequence's word of a page of the object of all. */
static void access_shared(struct fuzz *f)
{
	int page = (f->op->b >> 8) % f->config->shared.npages, sig;
	bool write = f->op->b & 1;
	uint64_t value = 0;

	if (write)
		value = fuzz_stamp(f) ^ (uint64_t)f->config->shared.word << 60;
	sig = touch(f->shared_map + page * ZCGEM_PAGE, f->config->shared.word, write, &value);
	if (sig)
		fuzz_fail(f, "the shared object's page %d ends in signal %d", page, sig);
	if (write)
		f->shared_words[page] = value;
	else if (value != f->shared_words[page])
		fuzz_fail(f, "the shared object's page %d is %#llx, not %#llx", page,
			  (unsigned long long)value, (unsigned long long)f->shared_words[page]);
}

/**
 * fuzz_share:
 * @f: the sequence
 *
 * Uses the object that other processes use at the same time.
 */
void fuzz_share(struct fuzz *f)
{
	const struct fuzz_shared *shared = &f->config->shared;
	int client = f->op->a % FUZZ_CLIENTS, fd = f->config->clients[client], ret;
	uint64_t size = shared->npages * ZCGEM_PAGE;
	struct drm_zcgem_gem_advise advise = {
		.handle = shared->handles[client], .size = size, .advice = f->op->c % 3,
	};
	struct drm_zcgem_gem_mmap_offset offset = { .handle = shared->handles[client] };

	if (!shared->npages)
		return;
	if (f->shared_map && f->op->b & 7) {
		access_shared(f);
		return;
	}

	ret = fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_ADVISE, &advise);
	/* where importers are not told of moves, one of them pins */
	fuzz_expect(f, "advice on the shared object", ret, 0, f->config->live ? 0 : EBUSY);

	if (f->shared_map && munmap(f->shared_map, size))
		fuzz_fail(f, "munmap: %m");
	ret = fuzz_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &offset);
	fuzz_expect(f, "MMAP_OFFSET", ret, 0);
	f->shared_map = mmap(NULL, size, PROT_RW, MAP_SHARED, fd, offset.offset);
	if (f->shared_map == MAP_FAILED)
		fuzz_fail(f, "mmap: %m");
}
