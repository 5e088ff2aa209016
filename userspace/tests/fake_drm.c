// SPDX-License-Identifier: MIT
/*
 * See fake_drm.h. Handles are given out lowest first, as the kernel does, so that
 * a handle which is closed too early comes back as another object's at once. A
 * dma-buf is a duplicate of the object's memfd: its inode tells objects apart.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sync_file.h>

#include <xf86drm.h>

#include "fake_drm.h"
#include "zcgem.h"

#define HANDLES		256
#define PAGE		4096ull
#define MAX_OBJECT	(16ull << 20)

/* What a handle stands for; fd is 0 if it is not open. */
struct fake_object {
	int fd;
	uint64_t size;
	uint32_t backing;
	uint32_t flags;
};

static struct fake_object objects[HANDLES + 1];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int unknown_handles;
static unsigned int watched;
static struct drm_zcgem_gem_advise last_advice;
static unsigned int submits;
static unsigned long fail_request;
static int fail_error;

int fake_open(void)
{
	int fd = memfd_create("fake drm", MFD_CLOEXEC);

	CHECK(fd >= 0 && !ftruncate(fd, HANDLES * MAX_OBJECT));
	return fd;
}

unsigned int fake_open_handles(void)
{
	unsigned int i, count = 0;

	for (i = 1; i <= HANDLES; i++)
		count += !!objects[i].fd;
	return count;
}

unsigned int fake_unknown_handles(void)
{
	return unknown_handles;
}

unsigned int fake_watched(void)
{
	return watched;
}

const struct drm_zcgem_gem_advise *fake_last_advice(void)
{
	return &last_advice;
}

/* A syncobj: whether it has a fence, which has always signalled, and the last point. */
static struct { int exists, fence; uint64_t point; } syncobjs[HANDLES + 1];

unsigned int fake_open_syncobjs(void)
{
	unsigned int i, count = 0;

	for (i = 1; i <= HANDLES; i++)
		count += syncobjs[i].exists;
	return count;
}

unsigned int fake_submits(void)
{
	return submits;
}

void fake_fail_next(unsigned long request, int error)
{
	fail_request = request;
	fail_error = error;
}

static int new_handle(int fd, uint64_t size, uint32_t backing, uint32_t flags, uint32_t *handle)
{
	uint32_t i;

	for (i = 1; i <= HANDLES; i++) {
		if (objects[i].fd)
			continue;
		objects[i] = (struct fake_object){ fd, size, backing, flags };
		*handle = i;
		return 0;
	}
	close(fd);
	return ENOSPC;
}

static struct fake_object *lookup(uint32_t handle)
{
	if (handle && handle <= HANDLES && objects[handle].fd)
		return &objects[handle];
	unknown_handles++;
	return NULL;
}

static int create(uint64_t size, uint32_t backing, uint32_t flags, __u64 *actual,
		  uint32_t *handle)
{
	int fd;

	if (!size || size > MAX_OBJECT)
		return size ? EFBIG : EINVAL;
	size = (size + PAGE - 1) & ~(PAGE - 1);
	fd = memfd_create("fake object", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, size))
		return errno;
	*actual = size;
	return new_handle(fd, size, backing, flags, handle);
}

/* What a kernel makes of an element: the tail that the caller lacks is zero. */
static int element(const struct drm_zcgem_array *array, uint32_t index, void *to, size_t size)
{
	const char *from = (const char *)(uintptr_t)array->pointer + (size_t)index * array->stride;
	size_t i;

	if (array->stride < 8 || array->stride % 8)
		return EINVAL;
	for (i = size; i < array->stride; i++)
		if (from[i])
			return E2BIG;
	memset(to, 0, size);
	memcpy(to, from, array->stride < size ? array->stride : size);
	return 0;
}

static int wrap_memfd(struct drm_zcgem_gem_wrap_memfd *argument)
{
	uint64_t size = 0;
	uint32_t i;
	int ret;

	watched = 0;
	for (i = 0; i < argument->ranges.count; i++) {
		struct drm_zcgem_memfd_range range;

		ret = element(&argument->ranges, i, &range, sizeof(range));
		if (ret)
			return ret;
		size += range.size;
		watched += !!range.watch_address;
	}
	return create(size, DRM_ZCGEM_BACKING_MEMFD,
		      argument->flags & DRM_ZCGEM_WRAP_READONLY ? DRM_ZCGEM_INFO_READONLY : 0,
		      &argument->size, &argument->handle);
}

static int wrap_userptr(struct drm_zcgem_gem_wrap_userptr *argument)
{
	uint64_t size = 0;
	uint32_t i;
	int ret;

	for (i = 0; i < argument->ranges.count; i++) {
		struct drm_zcgem_userptr_range range;

		ret = element(&argument->ranges, i, &range, sizeof(range));
		if (ret)
			return ret;
		if (!range.address)
			return EFAULT;
		size += range.size;
	}
	if (argument->flags & ~(DRM_ZCGEM_WRAP_READONLY | DRM_ZCGEM_WRAP_SVM))
		return EINVAL;
	return create(size, argument->flags & DRM_ZCGEM_WRAP_SVM ? DRM_ZCGEM_BACKING_SVM :
		      DRM_ZCGEM_BACKING_USERPTR,
		      argument->flags & DRM_ZCGEM_WRAP_READONLY ? DRM_ZCGEM_INFO_READONLY : 0,
		      &argument->size, &argument->handle);
}

static int gem_advise(const struct drm_zcgem_gem_advise *argument)
{
	struct fake_object *object = lookup(argument->handle);

	if (!object)
		return ENOENT;
	if (!argument->size || argument->offset + argument->size > object->size ||
	    (argument->address && argument->advice != DRM_ZCGEM_ADVICE_POPULATE))
		return EINVAL;
	last_advice = *argument;
	return 0;
}

static int gem_revoke(struct drm_zcgem_gem_revoke *argument)
{
	struct fake_object *object = lookup(argument->handle);

	if (!object)
		return ENOENT;
	object->flags |= DRM_ZCGEM_INFO_REVOKED;
	argument->holders = 3;
	return 0;
}

static int handle_to_fd(struct drm_prime_handle *argument)
{
	struct fake_object *object = lookup(argument->handle);
	char path[32];

	if (!object)
		return ENOENT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", object->fd);
	argument->fd = open(path, O_CLOEXEC | (argument->flags & DRM_RDWR ? O_RDWR : O_RDONLY));
	return argument->fd < 0 ? errno : 0;
}

static int fd_to_handle(struct drm_prime_handle *argument)
{
	struct stat wanted, other;
	uint32_t i;
	int fd;

	if (fstat(argument->fd, &wanted))
		return EBADF;
	for (i = 1; i <= HANDLES; i++) {
		if (!objects[i].fd || fstat(objects[i].fd, &other) || other.st_ino != wanted.st_ino)
			continue;
		argument->handle = i;
		return 0;
	}
	fd = fcntl(argument->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return errno;
	return new_handle(fd, wanted.st_size, DRM_ZCGEM_BACKING_IMPORT, 0, &argument->handle);
}

static int info(struct drm_zcgem_gem_info *argument)
{
	struct fake_object *object = lookup(argument->handle);

	if (!object)
		return ENOENT;
	argument->size = object->size;
	argument->backing = object->backing;
	argument->flags = object->flags;
	return 0;
}

static int do_row(const struct drm_zcgem_op *op, struct fake_object *dst,
		  struct fake_object *src, uint64_t row)
{
	static char bytes[65536];
	uint64_t at;

	if (op->size > sizeof(bytes))
		return EINVAL;
	if (src && pread(src->fd, bytes, op->size, op->src_offset + row * op->src_pitch) !=
	    (ssize_t)op->size)
		return EIO;
	for (at = 0; !src && at < op->size; at += op->pattern_size)
		memcpy(bytes + at, &op->pattern, op->pattern_size);
	return pwrite(dst->fd, bytes, op->size, op->dst_offset + row * op->dst_pitch) ==
		(ssize_t)op->size ? 0 : EIO;
}

static int do_op(const struct drm_zcgem_op *op)
{
	struct fake_object *dst = lookup(op->dst_handle), *src = NULL;
	uint64_t row;
	int ret = 0;

	if (op->type == DRM_ZCGEM_OP_COPY)
		src = lookup(op->src_handle);
	if (!dst || (op->type == DRM_ZCGEM_OP_COPY && !src))
		return ENOENT;
	for (row = 0; row < op->height && !ret; row++)
		ret = do_row(op, dst, src, row);
	return ret;
}

static int sync_at(const struct drm_zcgem_array *array, uint32_t index,
		   struct drm_zcgem_sync *sync)
{
	int ret = element(array, index, sync, sizeof(*sync));

	if (!ret && (!sync->handle || sync->handle > HANDLES || !syncobjs[sync->handle].exists))
		ret = ENOENT;
	return ret;
}

static int submit(const struct drm_zcgem_submit *argument)
{
	struct drm_zcgem_sync sync;
	struct drm_zcgem_op op;
	uint32_t i;
	int ret;

	if (!argument->ops.count || argument->priority > DRM_ZCGEM_PRIORITY_HIGH)
		return EINVAL;
	for (i = 0; i < argument->in_syncs.count; i++) {
		ret = sync_at(&argument->in_syncs, i, &sync);
		if (!ret && (!syncobjs[sync.handle].fence ||
			     syncobjs[sync.handle].point < sync.point))
			ret = EINVAL;
		if (ret)
			return ret;
	}
	for (i = 0; i < argument->ops.count; i++) {
		ret = element(&argument->ops, i, &op, sizeof(op));
		if (!ret)
			ret = do_op(&op);
		if (ret)
			return ret;
	}
	for (i = 0; i < argument->out_syncs.count; i++) {
		ret = sync_at(&argument->out_syncs, i, &sync);
		if (ret)
			return ret;
		syncobjs[sync.handle].fence = 1;
		syncobjs[sync.handle].point = sync.point;
	}
	submits++;
	return 0;
}

int drmSyncobjCreate(int fd, uint32_t flags, uint32_t *handle)
{
	uint32_t i;

	(void)fd;
	for (i = 1; i <= HANDLES && syncobjs[i].exists; i++)
		;
	errno = i > HANDLES ? ENOSPC : 0;
	if (i > HANDLES)
		return -1;
	syncobjs[i].exists = 1;
	syncobjs[i].fence = flags == DRM_SYNCOBJ_CREATE_SIGNALED;
	syncobjs[i].point = 0;
	*handle = i;
	return 0;
}

int drmSyncobjDestroy(int fd, uint32_t handle)
{
	(void)fd;
	CHECK(syncobjs[handle].exists);
	syncobjs[handle].exists = 0;
	return 0;
}

int drmSyncobjTimelineWait(int fd, uint32_t *handles, uint64_t *points, unsigned int count,
			   int64_t timeout, unsigned int flags, uint32_t *first)
{
	unsigned int i;

	(void)fd, (void)timeout, (void)first;
	CHECK(flags == DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT);
	for (i = 0; i < count; i++)
		if (!syncobjs[handles[i]].fence || syncobjs[handles[i]].point < points[i])
			return -ETIME;
	return 0;
}

int drmSyncobjSignal(int fd, const uint32_t *handles, uint32_t count)
{
	(void)fd;
	while (count--)
		syncobjs[handles[count]].fence = 1;
	return 0;
}

int drmSyncobjTimelineSignal(int fd, const uint32_t *handles, uint64_t *points, uint32_t count)
{
	drmSyncobjSignal(fd, handles, count);
	while (count--)
		syncobjs[handles[count]].point = points[count];
	return 0;
}

/* Nor is a descriptor of a syncobj anything special: its number leads back to the handle. */
static uint32_t exported[64];

int drmSyncobjHandleToFD(int fd, uint32_t handle, int *sync)
{
	*sync = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	CHECK(*sync < 64);
	exported[*sync] = handle;
	return *sync < 0 ? -1 : 0;
}

int drmSyncobjFDToHandle(int fd, int sync, uint32_t *handle)
{
	uint32_t of;

	if (fcntl(sync, F_GETFD) < 0)
		return -1;
	of = exported[sync];
	if (drmSyncobjCreate(fd, 0, handle))
		return -1;
	syncobjs[*handle] = syncobjs[of];
	return 0;
}

int drmSyncobjQuery(int fd, uint32_t *handles, uint64_t *points, uint32_t count)
{
	(void)fd;
	while (count--)
		points[count] = syncobjs[handles[count]].point;
	return 0;
}

int drmSyncobjEventfd(int fd, uint32_t handle, uint64_t point, int event, uint32_t flags)
{
	(void)fd, (void)flags;
	if (!syncobjs[handle].fence || syncobjs[handle].point < point)
		return fcntl(event, F_GETFD) < 0 ? -1 : 0;
	return eventfd_write(event, 1);
}

int drmSyncobjTransfer(int fd, uint32_t to, uint64_t to_point, uint32_t from,
		       uint64_t from_point, uint32_t flags)
{
	(void)fd, (void)flags;
	if (!syncobjs[from].fence || syncobjs[from].point < from_point) {
		errno = EINVAL;
		return -1;
	}
	syncobjs[to].fence = 1;
	syncobjs[to].point = to_point;
	return 0;
}

static int sync_status = 1, contained_status = 1;

void fake_sync_status(int fence, int contained)
{
	sync_status = fence;
	contained_status = contained;
}

/* A sync_file is any descriptor. */
int drmSyncobjExportSyncFile(int fd, uint32_t handle, int *file)
{
	if (!syncobjs[handle].fence) {
		errno = EINVAL;
		return -1;
	}
	*file = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *file < 0 ? -1 : 0;
}

int drmSyncobjImportSyncFile(int fd, uint32_t handle, int file)
{
	(void)fd;
	if (fcntl(file, F_GETFD) < 0)
		return -1;
	syncobjs[handle].fence = 1;
	return 0;
}

/* In the place of libc's: sync_files are asked without libdrm. */
int ioctl(int fd, unsigned long request, ...)
{
	struct sync_file_info *info;
	struct sync_fence_info *fences;
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (request != SYNC_IOC_FILE_INFO || fcntl(fd, F_GETFD) < 0)
		return syscall(SYS_ioctl, fd, request, argument);

	info = argument;
	if (info->num_fences) {
		fences = (void *)(uintptr_t)info->sync_fence_info;
		fences->status = contained_status;
		info->status = contained_status;
	} else {
		info->status = sync_status;
	}
	info->num_fences = 1;
	return 0;
}

static int gem_close(uint32_t handle)
{
	struct fake_object *object = lookup(handle);

	if (!object)
		return EINVAL;
	close(object->fd);
	object->fd = 0;
	return 0;
}

/*
 * A file that stands for a node has its driver's name in it. That of fake_open() has zeroes, and
 * is zcgem's; an empty one knows no ioctl of DRM's; "refused" is one under a seccomp filter.
 */
static int version(int fd, struct drm_version *argument)
{
	char name[16] = "";

	if (fd <= 2 || pread(fd, name, sizeof(name) - 1, 0) <= 0)
		return ENOTTY;
	if (!strcmp(name, "refused"))
		return EPERM;
	if (!*name)
		strcpy(name, "zcgem");
	argument->name_len = strlen(strncpy(argument->name, name, argument->name_len));
	return 0;
}

static int dispatch(int fd, unsigned long request, void *argument)
{
	struct drm_zcgem_gem_create *new = argument;
	struct drm_zcgem_get_param *param = argument;
	struct drm_zcgem_gem_mmap_offset *offset = argument;

	switch (request) {
	case DRM_IOCTL_VERSION:
		return version(fd, argument);
	case DRM_IOCTL_ZCGEM_GET_PARAM:
		param->value = DRM_ZCGEM_UAPI_VERSION;
		return param->param == DRM_ZCGEM_PARAM_UAPI_VERSION ? 0 : EINVAL;
	case DRM_IOCTL_ZCGEM_GEM_CREATE:
		return create(new->size, DRM_ZCGEM_BACKING_POOL, 0, &new->size, &new->handle);
	case DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD:
		return wrap_memfd(argument);
	case DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR:
		return wrap_userptr(argument);
	case DRM_IOCTL_ZCGEM_GEM_ADVISE:
		return gem_advise(argument);
	case DRM_IOCTL_ZCGEM_GEM_REVOKE:
		return gem_revoke(argument);
	case DRM_IOCTL_ZCGEM_SUBMIT:
		return submit(argument);
	case DRM_IOCTL_ZCGEM_GEM_WAIT:
		return lookup(((struct drm_zcgem_gem_wait *)argument)->handle) ? 0 : ENOENT;
	case DRM_IOCTL_ZCGEM_GEM_INFO:
		return info(argument);
	case DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET:
		offset->offset = (offset->handle - 1) * MAX_OBJECT;
		return lookup(offset->handle) ? 0 : ENOENT;
	case DRM_IOCTL_PRIME_HANDLE_TO_FD:
		return handle_to_fd(argument);
	case DRM_IOCTL_PRIME_FD_TO_HANDLE:
		return fd_to_handle(argument);
	case DRM_IOCTL_GEM_CLOSE:
		return gem_close(((struct drm_gem_close *)argument)->handle);
	}
	return ENOTTY;
}

int drmIoctl(int fd, unsigned long request, void *argument)
{
	int ret;

	pthread_mutex_lock(&lock);
	if (fail_request == request) {
		fail_request = 0;
		ret = fail_error;
	} else {
		ret = dispatch(fd, request, argument);
	}
	pthread_mutex_unlock(&lock);

	/* Where a race would be, give it room. */
	sched_yield();
	errno = ret;
	return ret ? -1 : 0;
}
