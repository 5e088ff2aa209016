// SPDX-License-Identifier: MIT
/*
 * The fuzzer's model: pages, files, objects, and who has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "igt_zcgem.h"

/**
 * fuzz_fail:
 * @f: the sequence
 * @format: what is wrong
 *
 * Ends the process.
 */
void fuzz_fail(struct fuzz *f, const char *format, ...)
{
	va_list args;
	int len;

	len = snprintf(f->verdict->text, sizeof(f->verdict->text), "%s %u %u %u: ",
		       fuzz_op_name(f->op), f->op->a, f->op->b, f->op->c);
	va_start(args, format);
	vsnprintf(f->verdict->text + len, sizeof(f->verdict->text) - len, format, args);
	va_end(args);
	f->verdict->failed = true;
	_exit(1);
}

/**
 * __fuzz_expect:
 * @f: the sequence
 * @call: name of the call
 * @got: 0 or -errno
 * @allowed: what it may be, 0 or errno
 * @count: length of @allowed
 */
void __fuzz_expect(struct fuzz *f, const char *call, int got, const int *allowed, int count)
{
	char text[120] = "";
	int i;

	for (i = 0; i < count; i++)
		if (-got == allowed[i])
			return;
	for (i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
			 allowed[i] ? strerrorname_np(allowed[i]) : "0");
	fuzz_fail(f, "%s gives %s, not%s", call, got ? strerrorname_np(-got) : "0", text);
}

/**
 * fuzz_ioctl:
 * @fd: descriptor
 * @request: ioctl
 * @arg: its argument
 *
 * Begins again when a signal has come, but not when there is nothing that one could begin
 * again for: EAGAIN is no answer of this driver's.
 *
 * Returns: What the ioctl returns, or -errno.
 */
int fuzz_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

/**
 * fuzz_stamp:
 * @f: the sequence
 *
 * Returns: A number that nothing contains yet.
 */
uint64_t fuzz_stamp(struct fuzz *f)
{
	return __atomic_add_fetch(f->stamp, 1, __ATOMIC_RELAXED) * 0x9e3779b97f4a7c15ull;
}

/**
 * fuzz_page_new:
 * @f: the sequence
 *
 * Returns: A page of zeroes.
 */
int fuzz_page_new(struct fuzz *f)
{
	int tries;

	for (tries = 0; tries < FUZZ_PAGES; tries++) {
		int page = f->next_page;

		f->next_page = (f->next_page + 1) % FUZZ_PAGES;
		if (!f->page_refs[page]) {
			f->page_refs[page] = 1;
			memset(f->words[page], 0, sizeof(f->words[page]));
			return page;
		}
	}
	fuzz_fail(f, "the model has no page left");
}

/**
 * fuzz_page_get:
 * @f: the sequence
 * @page: a page
 */
void fuzz_page_get(struct fuzz *f, int page)
{
	f->page_refs[page]++;
}

/**
 * fuzz_page_put:
 * @f: the sequence
 * @page: a page or FUZZ_HOLE
 */
void fuzz_page_put(struct fuzz *f, int page)
{
	if (page != FUZZ_HOLE)
		f->page_refs[page]--;
}

/**
 * fuzz_file_page:
 * @f: the sequence
 * @file: a file
 * @page: which page of it
 *
 * Returns: The page, which is there afterwards if it was a hole.
 */
int fuzz_file_page(struct fuzz *f, struct fuzz_file *file, int page)
{
	if (file->pages[page] == FUZZ_HOLE)
		file->pages[page] = fuzz_page_new(f);
	return file->pages[page];
}

/**
 * fuzz_file_new:
 * @f: the sequence
 * @anonymous: anonymous memory and no memfd
 * @choice: chooses size and seals
 *
 * Returns: A file, all hole.
 */
struct fuzz_file *fuzz_file_new(struct fuzz *f, bool anonymous, uint32_t choice)
{
	struct fuzz_file *file = calloc(1, sizeof(*file));
	int i, seals = 0;

	file->refs = 1;
	file->fd = -1;
	file->npages = anonymous ? FUZZ_EXTENT : 4 + choice % (FUZZ_EXTENT - 8);
	for (i = 0; i < FUZZ_EXTENT; i++)
		file->pages[i] = FUZZ_HOLE;

	if (!anonymous) {
		file->no_shrink = choice >> 8 & 15;
		file->no_grow = !(choice >> 12 & 3);
		file->fd = memfd_create("zcgem-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (file->fd < 0 || ftruncate(file->fd, file->npages * ZCGEM_PAGE))
			fuzz_fail(f, "memfd: %m");
		seals = (file->no_shrink ? F_SEAL_SHRINK : 0) | (file->no_grow ? F_SEAL_GROW : 0);
		if (seals && fcntl(file->fd, F_ADD_SEALS, seals))
			fuzz_fail(f, "F_ADD_SEALS: %m");
	}
	file->map = mmap(NULL, FUZZ_EXTENT * ZCGEM_PAGE, PROT_READ | PROT_WRITE,
			 anonymous ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file->fd, 0);
	if (file->map == MAP_FAILED)
		fuzz_fail(f, "mmap of a file: %m");
	return file;
}

/**
 * fuzz_file_put:
 * @f: the sequence
 * @file: a file
 */
void fuzz_file_put(struct fuzz *f, struct fuzz_file *file)
{
	int i;

	if (--file->refs)
		return;
	for (i = 0; i < FUZZ_EXTENT; i++)
		fuzz_page_put(f, file->pages[i]);
	free(file);
}

static void tear(struct fuzz_memory *memory, const struct fuzz_file *file, int page)
{
	int i;

	if (!memory || memory->kind != DRM_ZCGEM_BACKING_MEMFD)
		return;
	for (i = 0; i < memory->npages; i++)
		if (memory->file[i] == file && memory->file_page[i] == page)
			memory->torn[i] = true;
}

/**
 * fuzz_file_punch:
 * @f: the sequence
 * @file: a file whose pages are no longer there
 * @first: from here
 * @npages: how many
 */
void fuzz_file_punch(struct fuzz *f, struct fuzz_file *file, int first, int npages)
{
	int page, i;

	for (page = first; page < first + npages; page++) {
		if (file->pages[page] == FUZZ_HOLE)
			continue;
		fuzz_page_put(f, file->pages[page]);
		file->pages[page] = FUZZ_HOLE;
		for (i = 0; i < FUZZ_HANDLES; i++)
			tear(f->handles[i].memory, file, page);
		for (i = 0; i < FUZZ_DMABUFS; i++)
			tear(f->dmabufs[i].memory, file, page);
		for (i = 0; i < FUZZ_VIEWS; i++)
			tear(f->views[i].memory, file, page);
	}
}

/**
 * fuzz_choose_part:
 * @f: the sequence
 * @files: how many of its files to choose from
 * @choice: chooses
 *
 * Returns: A part of one of them.
 */
struct fuzz_part fuzz_choose_part(const struct fuzz *f, int files, uint64_t choice)
{
	struct fuzz_file *file = f->files[choice % files];
	int first = (choice >> 8) % file->npages;

	return (struct fuzz_part){
		.file = file, .first = first,
		.npages = 1 + (choice >> 16) % (file->npages - first),
	};
}

/**
 * fuzz_part_range:
 * @part: part of a file
 *
 * Returns: Where it is mapped.
 */
struct drm_zcgem_userptr_range fuzz_part_range(const struct fuzz_part *part)
{
	return (struct drm_zcgem_userptr_range){
		.address = (uintptr_t)part->file->map + part->first * ZCGEM_PAGE,
		.size = part->npages * ZCGEM_PAGE,
	};
}

/**
 * fuzz_memory_new:
 * @f: the sequence
 * @kind: one of enum drm_zcgem_backing
 * @client: who makes it
 * @npages: pages
 *
 * Returns: An object without pages and without references.
 */
struct fuzz_memory *fuzz_memory_new(struct fuzz *f, int kind, int client, int npages)
{
	struct fuzz_memory *memory = calloc(1, sizeof(*memory));
	int i;

	memory->kind = kind;
	memory->client = client;
	memory->device = f->config->device[client];
	memory->npages = npages;
	memory->export_writable = f->op->c >> 28;
	for (i = 0; i < npages; i++)
		memory->pages[i] = FUZZ_HOLE;
	return memory;
}

/**
 * fuzz_memory_get:
 * @memory: an object
 */
void fuzz_memory_get(struct fuzz_memory *memory)
{
	memory->refs++;
}

/**
 * fuzz_memory_put:
 * @f: the sequence
 * @memory: an object
 */
void fuzz_memory_put(struct fuzz *f, struct fuzz_memory *memory)
{
	int i;

	if (--memory->refs)
		return;
	for (i = 0; i < memory->npages; i++) {
		fuzz_page_put(f, memory->pages[i]);
		if (memory->file[i])
			fuzz_file_put(f, memory->file[i]);
	}
	free(memory);
}

/**
 * fuzz_memory_settle:
 * @f: the sequence
 * @memory: an object that has, or will get, the pages that its files have now
 */
void fuzz_memory_settle(struct fuzz *f, struct fuzz_memory *memory)
{
	int i;

	for (i = 0; i < memory->npages; i++) {
		int page;

		if (!memory->torn[i])
			continue;
		page = fuzz_file_page(f, memory->file[i], memory->file_page[i]);
		fuzz_page_get(f, page);
		fuzz_page_put(f, memory->pages[i]);
		memory->pages[i] = page;
		memory->torn[i] = false;
	}
}

static bool seen_before(const struct fuzz_memory **seen, int count,
			const struct fuzz_memory *memory)
{
	while (count--)
		if (seen[count] == memory)
			return true;
	return false;
}

static int distinct_pages(const struct fuzz_memory *memory)
{
	int i, j, sum = 0;

	for (i = 0; i < memory->npages; i++) {
		for (j = 0; j < i && memory->pages[j] != memory->pages[i]; j++)
			;
		sum += j == i;
	}
	return sum;
}

/**
 * fuzz_charged:
 * @f: the sequence
 * @least: set to how many pages are charged at least
 * @most: set to how many are at most: what was attached may still be
 */
void fuzz_charged(struct fuzz *f, int *least, int *most)
{
	const struct fuzz_memory *seen[FUZZ_HANDLES + FUZZ_DMABUFS + FUZZ_VIEWS];
	int i, count = 0;

	*least = 0;
	*most = 0;
	for (i = 0; i < FUZZ_HANDLES + FUZZ_DMABUFS + FUZZ_VIEWS; i++) {
		const struct fuzz_memory *memory =
			i < FUZZ_HANDLES ? f->handles[i].memory :
			i < FUZZ_HANDLES + FUZZ_DMABUFS ? f->dmabufs[i - FUZZ_HANDLES].memory :
			f->views[i - FUZZ_HANDLES - FUZZ_DMABUFS].memory;

		if (!memory || seen_before(seen, count, memory))
			continue;
		seen[count++] = memory;
		if (memory->kind == DRM_ZCGEM_BACKING_USERPTR)
			*least += distinct_pages(memory);
		else if (memory->attached)
			*most += memory->npages;
	}
	*most += *least;
}

/* An entry in use, one of them by choice, of a table whose entries begin with the memory. */
static void *find_entry(void *table, size_t size, int entries, bool used, uint32_t choice)
{
	int i;

	for (i = 0; i < entries; i++) {
		char *entry = (char *)table + (choice + i) % entries * size;

		if ((*(struct fuzz_memory **)entry != NULL) == used)
			return entry;
	}
	return NULL;
}

/**
 * fuzz_find_handle:
 * @f: the sequence
 * @choice: chooses
 *
 * Returns: A handle, or NULL if there is none.
 */
struct fuzz_handle *fuzz_find_handle(struct fuzz *f, uint32_t choice)
{
	return find_entry(f->handles, sizeof(*f->handles), FUZZ_HANDLES, true, choice);
}

/**
 * fuzz_free_handle:
 * @f: the sequence
 *
 * Returns: A free entry for a handle, or NULL.
 */
struct fuzz_handle *fuzz_free_handle(struct fuzz *f)
{
	return find_entry(f->handles, sizeof(*f->handles), FUZZ_HANDLES, false, 0);
}

/**
 * fuzz_add_handle:
 * @f: the sequence, with a free entry
 * @memory: what the handle names
 * @client: whose it is
 * @handle: the name
 */
void fuzz_add_handle(struct fuzz *f, struct fuzz_memory *memory, int client, uint32_t handle)
{
	struct fuzz_handle *entry = fuzz_free_handle(f);

	*entry = (struct fuzz_handle){ .memory = memory, .client = client, .handle = handle };
	fuzz_memory_get(memory);
}

/**
 * fuzz_find_dmabuf:
 * @f: the sequence
 * @choice: chooses
 *
 * Returns: A dma-buf, or NULL if there is none.
 */
struct fuzz_dmabuf *fuzz_find_dmabuf(struct fuzz *f, uint32_t choice)
{
	return find_entry(f->dmabufs, sizeof(*f->dmabufs), FUZZ_DMABUFS, true, choice);
}

/**
 * fuzz_free_dmabuf:
 * @f: the sequence
 *
 * Returns: A free entry for a dma-buf, or NULL.
 */
struct fuzz_dmabuf *fuzz_free_dmabuf(struct fuzz *f)
{
	return find_entry(f->dmabufs, sizeof(*f->dmabufs), FUZZ_DMABUFS, false, 0);
}

/**
 * fuzz_add_dmabuf:
 * @f: the sequence, with a free entry
 * @memory: what the dma-buf is of
 * @fd: the descriptor
 */
void fuzz_add_dmabuf(struct fuzz *f, struct fuzz_memory *memory, int fd)
{
	struct fuzz_dmabuf *entry = fuzz_free_dmabuf(f);

	*entry = (struct fuzz_dmabuf){ .memory = memory, .fd = fd };
	fuzz_memory_get(memory);
}

/**
 * fuzz_find_view:
 * @f: the sequence
 * @choice: chooses
 *
 * Returns: A mapping, or NULL if there is none.
 */
struct fuzz_view *fuzz_find_view(struct fuzz *f, uint32_t choice)
{
	return find_entry(f->views, sizeof(*f->views), FUZZ_VIEWS, true, choice);
}

/**
 * fuzz_free_view:
 * @f: the sequence
 *
 * Returns: A free entry for a mapping, or NULL.
 */
struct fuzz_view *fuzz_free_view(struct fuzz *f)
{
	return find_entry(f->views, sizeof(*f->views), FUZZ_VIEWS, false, 0);
}

/**
 * fuzz_is_foreign:
 * @f: the sequence
 * @handle: a handle
 *
 * Returns: Whether the handle is of another device than the memory.
 */
bool fuzz_is_foreign(const struct fuzz *f, const struct fuzz_handle *handle)
{
	return f->config->device[handle->client] != handle->memory->device;
}
