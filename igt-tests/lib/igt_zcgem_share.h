/* SPDX-License-Identifier: MIT */
/*
 * Objects that are shared: by a second zcgem device, which maps and lets go when it is
 * told to, or by the test bed's importer, which knows nothing of moves or takes its time
 * when it is told; with views, and with fences.
 */
#ifndef IGT_ZCGEM_SHARE_H
#define IGT_ZCGEM_SHARE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "igt.h"
#include "igt_vgem.h"
#include "igt_zcgem.h"

/**
 * enum share_source - What the shared object is made of.
 * @SOURCE_MEMFD: a memfd
 * @SOURCE_USERPTR: anonymous memory of this process
 * @SOURCE_POOL: the driver's own pages
 * @SOURCE_RANGES: several ranges of a memfd
 * @SOURCE_THP: a memfd on 2 MiB pages of tmpfs, where there are such
 * @SOURCE_HUGETLB: a memfd on hugetlbfs
 * @SOURCE_WC: the driver's own pages, write-combined
 * @SOURCE_MIXED: a memfd half of pages of 64 KiB, where there are such, half of small ones
 * @SOURCE_GIANT: a part of a page of 1 GiB; only where the machine has two of these free
 *
 * From @SOURCE_RANGES on a page table of the last level does not map them.
 */
enum share_source {
	SOURCE_MEMFD,
	SOURCE_USERPTR,
	SOURCE_POOL,
	SOURCE_RANGES,
	SOURCE_THP,
	SOURCE_HUGETLB,
	SOURCE_WC,
	SOURCE_MIXED,
	SOURCE_GIANT,
	SOURCES,
};

/**
 * enum share_importer - Who imports it.
 * @IMPORTER_DYNAMIC: another zcgem device
 * @IMPORTER_STATIC: a device that knows nothing of moves
 * @IMPORTER_SLOW: a device that is told of moves and lets go later
 */
enum share_importer {
	IMPORTER_DYNAMIC,
	IMPORTER_STATIC,
	IMPORTER_SLOW,
};

/**
 * enum share_use - What the importer does with it.
 * @USE_ATTACHED: nothing yet
 * @USE_MAPPED: it has a scatter list
 * @USE_FENCED: it has one, and there is a fence that has not signalled
 */
enum share_use {
	USE_ATTACHED,
	USE_MAPPED,
	USE_FENCED,
	USES,
};

/**
 * struct fence - A fence that somebody else will signal.
 * @vgem: the device whose fence it is
 * @bo: the buffer that it came from
 * @id: its name there, or 0
 * @signalled: whether it was signalled, by signal_later() too
 * @thread: who does that
 */
struct fence {
	int vgem;
	struct vgem_bo bo;
	uint32_t id;
	volatile bool signalled;
	pthread_t thread;
};

/**
 * struct devices - The two zcgem devices, and vgem.
 * @fd: the first device
 * @other: the second one
 * @vgem: vgem
 * @live: whether importers are told of moves instead of pinning
 * @attach_maps: whether a static importer is given a scatter list when it attaches
 */
struct devices {
	int fd;
	int other;
	int vgem;
	bool live;
	bool attach_maps;
};

enum { VIEW_GEM, VIEW_DMABUF, VIEW_IMPORTER, VIEWS };

/**
 * struct share - An object that is shared.
 * @devices: the devices
 * @source: what it is made of
 * @importer: who imports it
 * @use: what the importer does
 * @size: bytes
 * @memfd: the memfd, or -1
 * @own: this process's own view of the memory, or NULL
 * @hole_at: where a hole can be punched
 * @hole_size: and how large it is there
 * @file_size: bytes of the memfd, and of @own
 * @handle: the object on the first device
 * @dmabuf: its dma-buf
 * @theirs: the other zcgem device's handle, or 0
 * @device: the other importer, -1 once it is closed
 * @views: mappings of it
 * @mapped: whether the importer has a scatter list
 * @pinned: whether that keeps the pages where they are
 * @fence: the fence, if one is pending
 */
struct share {
	const struct devices *devices;
	enum share_source source;
	enum share_importer importer;
	enum share_use use;
	uint64_t size;
	int memfd;
	void *own;
	uint64_t hole_at;
	uint64_t hole_size;
	uint64_t file_size;
	uint32_t handle;
	int dmabuf;
	uint32_t theirs;
	int device;
	void *views[VIEWS];
	bool mapped;
	bool pinned;
	struct fence fence;
};

bool load_devices(unsigned int count);
int open_device(unsigned int number);
void open_devices(struct devices *devices);
void close_devices(struct devices *devices);
void run_shared(const struct devices *devices, void (*test)(const struct devices *devices));

void begin_fence(int vgem, int dmabuf, struct fence *fence);
void signal_later(struct fence *fence);
void end_fence(struct fence *fence);

int dmabuf_sync(int dmabuf, uint64_t flags);
void *map_dmabuf(int dmabuf, uint64_t size);
void punch(int memfd, uint64_t offset, uint64_t size);
uint64_t evictions(int fd, uint32_t handle);

enum share_use share_first_use(enum share_source source);
const char *share_name(const struct share *share);
void begin_share(const struct devices *devices, enum share_source source,
		 enum share_importer importer, enum share_use use, struct share *share);
void check_device(const struct share *share, uint64_t seed);
int importer_maps_again(struct share *share);
void importer_let_go(struct share *share);
void punch_share(const struct share *share);
void close_views(struct share *share);
void end_share(struct share *share);
void check_views(const struct share *share, uint64_t seed);
void run_share_matrix(const struct devices *devices, enum share_importer importer,
		      void (*test)(struct share *share, const struct zcgem_snapshot *before));

#endif /* IGT_ZCGEM_SHARE_H */
