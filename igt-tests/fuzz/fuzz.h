/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer of the driver that knows what must come of every call.
 *
 * An operation is a code and three random numbers, which choose among what there is when it
 * runs. So any part of a sequence is a sequence too: one that fails can be made shorter by
 * leaving things out, and be run again from a text.
 *
 * The model has pages with contents; files, objects and mappings show pages. Pages that were
 * punched out of a file are torn for the objects that may still have them, until the object
 * was told to look: such a page is touched and not compared.
 */
#ifndef ZCGEM_FUZZ_H
#define ZCGEM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "zcgem_drm.h"

#define FUZZ_WORDS	4	/* of a page that are looked at */
#define FUZZ_EXTENT	24	/* most pages of a file or an object */
#define FUZZ_PAGES	2048
#define FUZZ_FILES	6
#define FUZZ_ANON	2	/* of them are anonymous memory */
#define FUZZ_HANDLES	14
#define FUZZ_DMABUFS	8
#define FUZZ_VIEWS	16
#define FUZZ_MIRRORS	4
#define FUZZ_CLIENTS	3
#define FUZZ_HOLE	(-1)

/* Where the words that are looked at are in a page: not all at the same place of a line. */
#define FUZZ_WORD_OFFSET(n)	((n) * (4096 / FUZZ_WORDS) + (n) * 8)

/**
 * struct fuzz_op - One operation.
 * @code: what, modulo the number of operations
 * @a: chooses
 * @b: chooses
 * @c: chooses
 */
struct fuzz_op {
	uint32_t code, a, b, c;
};

/**
 * struct fuzz_verdict - What became of a sequence; shared with the child that runs it.
 * @failed: whether something was not as it must be
 * @counts: whether that was the counts in the end
 * @done: operations that were begun
 * @text: what was wrong
 */
struct fuzz_verdict {
	volatile bool failed;
	volatile bool counts;
	volatile uint32_t done;
	char text[400];
};

/**
 * struct fuzz_file - Memory that objects are made of.
 * @refs: the table's and those of memories
 * @fd: a memfd, or -1 for anonymous memory
 * @map: the program's own mapping, of FUZZ_EXTENT pages
 * @npages: pages that the file has
 * @no_shrink: sealed against shrinking
 * @no_grow: sealed against growing
 * @no_write: sealed against new writers
 * @pages: pages, or FUZZ_HOLE
 */
struct fuzz_file {
	int refs;
	int fd;
	char *map;
	int npages;
	bool no_shrink, no_grow, no_write;
	int pages[FUZZ_EXTENT];
};

/**
 * struct fuzz_part - Part of a file.
 * @file: the file
 * @first: its first page there
 * @npages: how many
 */
struct fuzz_part {
	struct fuzz_file *file;
	int first;
	int npages;
};

/**
 * struct fuzz_memory - An object of the driver, whoever has a name for it.
 * @refs: handles, dma-bufs, views
 * @kind: one of enum drm_zcgem_backing
 * @device: the device that has it
 * @client: who has made it
 * @readonly: nobody may write
 * @wc: mapped write-combined
 * @revoked: withdrawn
 * @export_writable: how it is exported, whoever does it
 * @mapped: an importer may have had it mapped
 * @attached: another device may be attached to it
 * @npages: pages
 * @pages: pages
 * @torn: whether it is unknown which page is there
 * @file: where a page is from
 * @file_page: and where in there
 */
struct fuzz_memory {
	int refs;
	int kind;
	int device;
	int client;
	bool readonly, wc, revoked, export_writable, mapped, attached;
	int npages;
	int pages[FUZZ_EXTENT];
	bool torn[FUZZ_EXTENT];
	struct fuzz_file *file[FUZZ_EXTENT];
	int file_page[FUZZ_EXTENT];
};

/**
 * struct fuzz_handle - A GEM handle.
 * @memory: what it names, NULL if the entry is free
 * @client: whose it is
 * @handle: the name
 */
struct fuzz_handle {
	struct fuzz_memory *memory;
	int client;
	uint32_t handle;
};

/**
 * struct fuzz_dmabuf - A descriptor of a dma-buf.
 * @memory: what it is of, NULL if the entry is free
 * @fd: the descriptor
 */
struct fuzz_dmabuf {
	struct fuzz_memory *memory;
	int fd;
};

/**
 * struct fuzz_view - A mapping of an object.
 * @memory: what it shows, NULL if the entry is free
 * @map: where
 * @first: page of the object that is there
 * @npages: how many
 * @writable: whether it can be written now
 * @may_write: whether it can become so
 */
struct fuzz_view {
	struct fuzz_memory *memory;
	char *map;
	int first;
	int npages;
	bool writable, may_write;
};

/**
 * struct fuzz_mirror - An SVM object.
 * @file: what was mapped there when it was made, NULL if the entry is free
 * @client: whose it is
 * @handle: its name
 * @first: page of the file that it begins with
 * @npages: how many
 * @readonly: jobs may not write
 */
struct fuzz_mirror {
	struct fuzz_file *file;
	int client;
	uint32_t handle;
	int first;
	int npages;
	bool readonly;
};

/**
 * struct fuzz_shared - An object that several sequences use at once.
 * @npages: pages; 0 if there is none
 * @handles: its handle at each client, which nobody closes
 * @word: the word of each page that is this sequence's, and nobody else's
 */
struct fuzz_shared {
	int npages;
	uint32_t handles[FUZZ_CLIENTS];
	int word;
};

/**
 * struct fuzz_config - What a sequence runs on.
 * @clients: descriptors of render nodes
 * @device: which device each of them is of
 * @live: importers are told of moves
 * @memlock: limit in pages of what may be charged, 0 for none
 * @signals: have signals arrive all the time
 * @lie: an operation after which the model is wrong on purpose, or -1
 * @shared: the object of all
 */
struct fuzz_config {
	int clients[FUZZ_CLIENTS];
	int device[FUZZ_CLIENTS];
	bool live;
	int memlock;
	bool signals;
	int lie;
	struct fuzz_shared shared;
};

/**
 * struct fuzz - A sequence that is running.
 * @config: what it runs on
 * @verdict: what becomes of it
 * @op: the operation that runs
 * @words: contents of pages, shared with children
 * @page_refs: who shows a page
 * @next_page: where to look for a free one
 * @stamp: for contents that never were before
 * @files: memory to make objects of
 * @handles: handles
 * @dmabufs: descriptors of dma-bufs
 * @views: mappings
 * @mirrors: SVM objects
 * @shared_map: this sequence's mapping of the object of all, or NULL
 * @shared_words: what its words there are
 */
struct fuzz {
	const struct fuzz_config *config;
	struct fuzz_verdict *verdict;
	const struct fuzz_op *op;
	uint64_t (*words)[FUZZ_WORDS];
	int page_refs[FUZZ_PAGES];
	int next_page;
	uint64_t *stamp;
	struct fuzz_file *files[FUZZ_FILES];
	struct fuzz_handle handles[FUZZ_HANDLES];
	struct fuzz_dmabuf dmabufs[FUZZ_DMABUFS];
	struct fuzz_view views[FUZZ_VIEWS];
	struct fuzz_mirror mirrors[FUZZ_MIRRORS];
	char *shared_map;
	uint64_t shared_words[FUZZ_EXTENT];
};

/**
 * struct fuzz_child - A sequence that runs in a process of its own.
 * @verdict: what becomes of it
 * @pid: the process
 * @shared: contents of its model's pages
 * @ops: the operations
 */
struct fuzz_child {
	struct fuzz_verdict *verdict;
	pid_t pid;
	void *shared;
	const struct fuzz_op *ops;
};

/* fuzz_model.c */
void fuzz_fail(struct fuzz *f, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
void __fuzz_expect(struct fuzz *f, const char *call, int got, const int *allowed, int count);
#define fuzz_expect(f, call, got, ...)							\
	__fuzz_expect(f, call, got, (const int[]){ __VA_ARGS__ },				\
		      sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))
int fuzz_ioctl(int fd, unsigned long request, void *arg);

uint64_t fuzz_stamp(struct fuzz *f);
int fuzz_page_new(struct fuzz *f);
void fuzz_page_get(struct fuzz *f, int page);
void fuzz_page_put(struct fuzz *f, int page);
int fuzz_file_page(struct fuzz *f, struct fuzz_file *file, int page);
struct fuzz_file *fuzz_file_new(struct fuzz *f, bool anonymous, uint32_t choice);
void fuzz_file_put(struct fuzz *f, struct fuzz_file *file);
void fuzz_file_punch(struct fuzz *f, struct fuzz_file *file, int first, int npages);
struct fuzz_part fuzz_choose_part(const struct fuzz *f, int files, uint64_t choice);
struct drm_zcgem_userptr_range fuzz_part_range(const struct fuzz_part *part);

struct fuzz_memory *fuzz_memory_new(struct fuzz *f, int kind, int client, int npages);
void fuzz_memory_get(struct fuzz_memory *memory);
void fuzz_memory_put(struct fuzz *f, struct fuzz_memory *memory);
void fuzz_memory_settle(struct fuzz *f, struct fuzz_memory *memory);
void fuzz_charged(struct fuzz *f, int *least, int *most);

struct fuzz_handle *fuzz_find_handle(struct fuzz *f, uint32_t choice);
struct fuzz_handle *fuzz_free_handle(struct fuzz *f);
void fuzz_add_handle(struct fuzz *f, struct fuzz_memory *memory, int client, uint32_t handle);
struct fuzz_dmabuf *fuzz_find_dmabuf(struct fuzz *f, uint32_t choice);
struct fuzz_dmabuf *fuzz_free_dmabuf(struct fuzz *f);
void fuzz_add_dmabuf(struct fuzz *f, struct fuzz_memory *memory, int fd);
struct fuzz_view *fuzz_find_view(struct fuzz *f, uint32_t choice);
struct fuzz_view *fuzz_free_view(struct fuzz *f);
bool fuzz_is_foreign(const struct fuzz *f, const struct fuzz_handle *handle);

/* fuzz_make.c, fuzz_calls.c, fuzz_views.c, fuzz_work.c, fuzz_mirror.c: operations */
int fuzz_charging_ioctl(struct fuzz *f, int fd, unsigned long request, void *arg, int npages,
			bool *must, bool *may);
void fuzz_create(struct fuzz *f);
void fuzz_wrap_memfd(struct fuzz *f);
void fuzz_wrap_userptr(struct fuzz *f);
void fuzz_udmabuf(struct fuzz *f);

void fuzz_close_handle(struct fuzz *f);
void fuzz_export(struct fuzz *f);
void fuzz_export_at_limit(struct fuzz *f);
void fuzz_import(struct fuzz *f);
void fuzz_close_dmabuf(struct fuzz *f);
void fuzz_info(struct fuzz *f);
void fuzz_param(struct fuzz *f);
void fuzz_advise(struct fuzz *f);
void fuzz_evict(struct fuzz *f);
void fuzz_revalidate(struct fuzz *f);
void fuzz_revoke(struct fuzz *f);
void fuzz_sync(struct fuzz *f);
void fuzz_bad_handle(struct fuzz *f);

void fuzz_new_file(struct fuzz *f);
void fuzz_punch(struct fuzz *f);
void fuzz_allocate(struct fuzz *f);
void fuzz_grow(struct fuzz *f);
void fuzz_seal(struct fuzz *f);
void fuzz_write_file(struct fuzz *f);
void fuzz_map(struct fuzz *f);
void fuzz_map_dmabuf(struct fuzz *f);
void fuzz_unmap(struct fuzz *f);
void fuzz_move(struct fuzz *f);
void fuzz_protect(struct fuzz *f);
void fuzz_access(struct fuzz *f);
void fuzz_access_all(struct fuzz *f);
void fuzz_debugger(struct fuzz *f);
void fuzz_fork(struct fuzz *f);
void fuzz_catch_faults(void);
void fuzz_share(struct fuzz *f);
void fuzz_work(struct fuzz *f);
void fuzz_wait_for_work(struct fuzz *f, int client, uint32_t handle);
void fuzz_mirror(struct fuzz *f);
void fuzz_use_mirror(struct fuzz *f);

/* fuzz_run.c */
void fuzz_generate(struct fuzz_op *ops, uint32_t count, uint64_t seed);
struct fuzz_verdict *fuzz_verdict_new(void);
void fuzz_start(struct fuzz_child *child, const struct fuzz_config *config,
		const struct fuzz_op *ops, uint32_t count);
void fuzz_wait(struct fuzz_child *child);
const char *fuzz_op_name(const struct fuzz_op *op);
int fuzz_op_code(const char *name);
uint32_t fuzz_minimise(const struct fuzz_op *ops, uint32_t count, struct fuzz_op *smaller,
		       bool (*fails)(const struct fuzz_op *ops, uint32_t count, void *data),
		       void *data);

/**
 * fuzz_random:
 * @state: changed
 *
 * Returns: The next number of a sequence that is the same everywhere (splitmix64).
 */
static inline uint64_t fuzz_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

#endif /* ZCGEM_FUZZ_H */
