/* SPDX-License-Identifier: MIT */
/*
 * Stands for the kernel: takes the place of the libdrm calls that the library
 * makes, so that the handle table, the reference counts and their races can be
 * tested without the driver. One open file at a time.
 */
#ifndef FAKE_DRM_H
#define FAKE_DRM_H

#include <stdio.h>
#include <stdlib.h>

struct drm_zcgem_gem_advise;

/* A descriptor to make a device of; mmap() of it stands for mapping objects. */
int fake_open(void);

/* Handles that are open now, and ioctls so far that named one that is not. */
unsigned int fake_open_handles(void);
unsigned int fake_unknown_handles(void);

/* Ranges with a watch address in the last list of memfd ranges; the last good advice. */
unsigned int fake_watched(void);
const struct drm_zcgem_gem_advise *fake_last_advice(void);

/* Syncobjs that exist; submits so far, which are done at once. */
unsigned int fake_open_syncobjs(void);
unsigned int fake_submits(void);

/*
 * What sync_files say: the status of the fence, and of what a point of a timeline contains,
 * which only those who ask for the fences are told. 1 and 1 at first.
 */
void fake_sync_status(int fence, int contained);

/* Let the next ioctl of this number fail with this errno. */
void fake_fail_next(unsigned long request, int error);

#define CHECK(condition) do {							\
	if (!(condition)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);	\
		exit(1);							\
	}									\
} while (0)

#endif /* FAKE_DRM_H */
