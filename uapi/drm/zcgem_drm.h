/* SPDX-License-Identifier: MIT */
/*
 * zcgem: memory that a program already owns, as GEM objects, without a copy.
 */
#ifndef _UAPI_ZCGEM_DRM_H_
#define _UAPI_ZCGEM_DRM_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: zcgem uAPI
 *
 * This interface is append-only. The rules that every definition here keeps:
 *
 * - Every structure is a multiple of 8 bytes long and has the same layout for
 *   32-bit and 64-bit callers. Sizes, offsets and addresses are __u64 and
 *   count bytes unless the field says otherwise.
 * - There are no unions and no implicit padding. Fields named pad and all
 *   unknown flag bits must be zero, else the call fails with EINVAL.
 * - Arrays are passed as &struct drm_zcgem_array: stride, count, pointer. The
 *   stride is the caller's sizeof of an element. A kernel that knows a longer
 *   element reads the missing tail as zero; a kernel that knows a shorter one
 *   refuses the call with E2BIG unless the tail it does not know is zero.
 * - Structures grow only at their end, where zero means the old behaviour.
 * - Each new feature raises %DRM_ZCGEM_PARAM_UAPI_VERSION and can be asked for
 *   by a parameter of its own.
 * - A failed call leaves no handle, no descriptor, no pin and no charge behind;
 *   only where its result cannot be copied out, EFAULT at the very end, a new
 *   handle is left, as DRM does it for all drivers. What was wrong with a call is
 *   written to the kernel log when DRM debugging is on (drm.debug=0x2), at most ten
 *   times in five seconds for each reason.
 *
 * All ioctls work on the render node. Errors common to all of them: EFAULT for
 * a bad pointer, EINVAL for an unknown flag or a non-zero pad, ENOENT for a
 * handle that does not exist, ENODEV once the device is gone, EINTR or
 * ERESTARTSYS turned into a restart when a signal arrives while waiting.
 */

/** DRM_ZCGEM_UAPI_VERSION - Version of this header, see %DRM_ZCGEM_PARAM_UAPI_VERSION. */
#define DRM_ZCGEM_UAPI_VERSION		9

/**
 * struct drm_zcgem_array - An array in the caller's memory.
 */
struct drm_zcgem_array {
	/** @stride: Bytes from one element to the next, a multiple of 8 up to 4096. */
	__u32 stride;

	/** @count: Number of elements. */
	__u32 count;

	/** @pointer: Address of the first element. */
	__u64 pointer;
};

/**
 * enum drm_zcgem_param - What %DRM_IOCTL_ZCGEM_GET_PARAM can be asked for.
 *
 * A parameter that this kernel does not know gives EINVAL, which is how a
 * client finds that the feature behind it is absent.
 */
enum drm_zcgem_param {
	/** @DRM_ZCGEM_PARAM_UAPI_VERSION: Highest %DRM_ZCGEM_UAPI_VERSION supported. */
	DRM_ZCGEM_PARAM_UAPI_VERSION = 0,

	/** @DRM_ZCGEM_PARAM_MAX_RANGES: Most elements a range list may have. */
	DRM_ZCGEM_PARAM_MAX_RANGES = 1,

	/** @DRM_ZCGEM_PARAM_MAX_SIZE: Largest size of one object in bytes. */
	DRM_ZCGEM_PARAM_MAX_SIZE = 2,

	/**
	 * @DRM_ZCGEM_PARAM_BACKINGS: Bit mask of the backings that can be created
	 * here; bit n stands for value n of &enum drm_zcgem_backing.
	 */
	DRM_ZCGEM_PARAM_BACKINGS = 3,

	/**
	 * @DRM_ZCGEM_PARAM_LEAF_SIZES: Bit mask of the page table entries a CPU
	 * mapping can be made of: the sum of their sizes in bytes. That of a page
	 * is always there; those that a PMD and a PUD map, where the kernel and
	 * the processor support such entries. With pages of 4 KiB these are 4096,
	 * 2097152 and 1073741824, with pages of 16 KiB 16384 and 33554432.
	 */
	DRM_ZCGEM_PARAM_LEAF_SIZES = 4,

	/**
	 * @DRM_ZCGEM_PARAM_LIVE_INVALIDATION: 1 if dynamic importers are told
	 * when memory moves, 0 if this kernel was built without
	 * CONFIG_DMABUF_MOVE_NOTIFY and pins memory while it is mapped instead.
	 */
	DRM_ZCGEM_PARAM_LIVE_INVALIDATION = 5,

	/**
	 * @DRM_ZCGEM_PARAM_ADVICE: Bit mask of what %DRM_IOCTL_ZCGEM_GEM_ADVISE
	 * understands; bit n stands for value n of &enum drm_zcgem_advice.
	 * Since version 3.
	 */
	DRM_ZCGEM_PARAM_ADVICE = 6,

	/**
	 * @DRM_ZCGEM_PARAM_REVOKE: 1: %DRM_IOCTL_ZCGEM_GEM_REVOKE works. Since
	 * version 4.
	 */
	DRM_ZCGEM_PARAM_REVOKE = 7,

	/**
	 * @DRM_ZCGEM_PARAM_WATCH: 1: &drm_zcgem_memfd_range.watch_address works.
	 * Since version 5.
	 */
	DRM_ZCGEM_PARAM_WATCH = 8,

	/**
	 * @DRM_ZCGEM_PARAM_SUBMIT: Bit mask of the operations that
	 * %DRM_IOCTL_ZCGEM_SUBMIT understands; bit n stands for value n of
	 * &enum drm_zcgem_op_type. 0 where the engine is switched off. Since version 6.
	 */
	DRM_ZCGEM_PARAM_SUBMIT = 9,

	/**
	 * @DRM_ZCGEM_PARAM_MAX_OPS: Most operations one submit may have. Since
	 * version 6.
	 */
	DRM_ZCGEM_PARAM_MAX_OPS = 10,

	/**
	 * @DRM_ZCGEM_PARAM_MAX_SYNCS: Most in-syncs, and most out-syncs, one
	 * submit may have. Since version 6.
	 */
	DRM_ZCGEM_PARAM_MAX_SYNCS = 11,

	/**
	 * @DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT: Nanoseconds that a submit waits for
	 * fences that are not the driver's own, from the call on. Since version 6.
	 */
	DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT = 12,

	/**
	 * @DRM_ZCGEM_PARAM_WAIT: 1: %DRM_IOCTL_ZCGEM_GEM_WAIT works. Since version 6.
	 */
	DRM_ZCGEM_PARAM_WAIT = 13,

	/**
	 * @DRM_ZCGEM_PARAM_SVM: 1: %DRM_ZCGEM_WRAP_SVM works. 0 where the engine is
	 * switched off. Since version 7.
	 */
	DRM_ZCGEM_PARAM_SVM = 14,

	/**
	 * @DRM_ZCGEM_PARAM_JOB_TIMEOUT: Nanoseconds that a submit may run, without
	 * what it waits for. Since version 8; before it was not limited.
	 */
	DRM_ZCGEM_PARAM_JOB_TIMEOUT = 15,

	/**
	 * @DRM_ZCGEM_PARAM_USER_SHARE: Bytes that devices and the kernel may hold
	 * of the objects of the caller's user even if RLIMIT_MEMLOCK is smaller; 0
	 * if RLIMIT_MEMLOCK is all there is. Since version 9.
	 */
	DRM_ZCGEM_PARAM_USER_SHARE = 16,
};

/**
 * struct drm_zcgem_get_param - Argument of %DRM_IOCTL_ZCGEM_GET_PARAM.
 */
struct drm_zcgem_get_param {
	/** @param: In, one of &enum drm_zcgem_param. */
	__u32 param;

	/** @pad: Must be zero. */
	__u32 pad;

	/** @value: Out, the value. */
	__u64 value;
};

/**
 * DRM_ZCGEM_CREATE_WC - Map the object's pages write-combined on the CPU.
 *
 * A hint: where the kernel's own mapping of memory cannot follow, that is on anything but
 * x86, the object is cached. %DRM_ZCGEM_INFO_WC says what it is.
 */
#define DRM_ZCGEM_CREATE_WC		(1u << 0)

/**
 * struct drm_zcgem_gem_create - Argument of %DRM_IOCTL_ZCGEM_GEM_CREATE.
 *
 * Makes an object of driver-owned, zeroed pages. Errors: EINVAL for a @size of
 * zero, EFBIG for a @size above %DRM_ZCGEM_PARAM_MAX_SIZE, ENOMEM, ENFILE.
 *
 * The pages are allocated when they are first needed, for the whole object, and charged to
 * the memory cgroup of the process that needs them. What needs them fails with ENOMEM, or a
 * CPU access with SIGBUS, when there are not enough; the object has none then. They are
 * swapped out like those of a memfd while the object is not resident.
 */
struct drm_zcgem_gem_create {
	/** @size: In, bytes, rounded up to the page size; out, the object's size. */
	__u64 size;

	/** @flags: In, %DRM_ZCGEM_CREATE_WC or 0. */
	__u32 flags;

	/** @handle: Out, GEM handle. */
	__u32 handle;
};

/**
 * struct drm_zcgem_memfd_range - One range of a memfd.
 */
struct drm_zcgem_memfd_range {
	/**
	 * @fd: A memfd on shmem or hugetlbfs that has F_SEAL_SHRINK. The object
	 * holds its own reference; the descriptor may be closed afterwards.
	 */
	__s32 fd;

	/** @pad: Must be zero. */
	__u32 pad;

	/** @offset: Start in the file, bytes, a multiple of the page size. */
	__u64 offset;

	/** @size: Length in bytes, a multiple of the page size, not zero. */
	__u64 size;

	/**
	 * @watch_address: Where the caller has mapped this range of the file,
	 * page aligned, or 0. As long as that mapping stays, pages that are
	 * punched out of the file (FALLOC_FL_PUNCH_HOLE, MADV_REMOVE) are
	 * withdrawn from CPU mappings and dynamic importers soon afterwards, and
	 * not only when somebody asks for pages again. What is mapped there is not
	 * checked: an address of something else is no watch of this range. EINVAL
	 * if it is unaligned or wraps around. Since version 5.
	 */
	__u64 watch_address;
};

/**
 * DRM_ZCGEM_WRAP_READONLY - Make an object that can only be read.
 *
 * Without this flag the memory must be writable by the caller: a descriptor
 * opened O_RDONLY gives EACCES and a write-sealed memfd gives EPERM. A
 * read-only object cannot be mapped for writing, is exported O_RDONLY and may
 * be mapped by devices in direction DMA_TO_DEVICE only.
 */
#define DRM_ZCGEM_WRAP_READONLY		(1u << 0)

/**
 * DRM_ZCGEM_WRAP_SVM - Mirror address ranges instead of pinning them.
 *
 * For %DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR only. Since version 7.
 */
#define DRM_ZCGEM_WRAP_SVM		(1u << 1)

/**
 * struct drm_zcgem_gem_wrap_memfd - Argument of %DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD.
 *
 * Makes an object whose pages are those of memfd ranges, one after the other in
 * list order. Ranges may overlap and may come from several files. Holes are
 * filled with zeroes, as by a write.
 *
 * Errors:
 *
 * - EINVAL: no range, a range that is unaligned, empty or wraps around, a bad
 *   stride, an unknown flag, padding that is not zero, a file that has no
 *   F_SEAL_SHRINK, a range that ends after the end of its file;
 * - E2BIG: more than %DRM_ZCGEM_PARAM_MAX_RANGES ranges, or an element with a
 *   tail that this kernel does not know and that is not zero;
 * - EFBIG: the sum of the sizes is above %DRM_ZCGEM_PARAM_MAX_SIZE;
 * - EBADF: @fd is not an open descriptor;
 * - EBADFD: the file is not a memfd;
 * - EACCES: the descriptor does not allow reading, or writing unless
 *   %DRM_ZCGEM_WRAP_READONLY is given, or writing to fill a hole in a hugetlb file;
 * - EPERM: F_SEAL_WRITE or F_SEAL_FUTURE_WRITE is set;
 * - EHWPOISON: the memory of a page has failed; the page can be punched out of the file;
 * - ENOMEM: no memory, or a page is pinned a million times already.
 *
 * Wrapping itself is not charged. The creator is charged while a device is attached to
 * the dma-buf, or a pin or a kernel mapping holds the object: attaching fails with ENOMEM
 * when that is more than the larger of the creator's RLIMIT_MEMLOCK and
 * %DRM_ZCGEM_PARAM_USER_SHARE, and the creator had no CAP_IPC_LOCK. Folios are charged
 * whole and once an object, of huge pages of hugetlbfs the wrapped part.
 */
struct drm_zcgem_gem_wrap_memfd {
	/** @ranges: In, array of &struct drm_zcgem_memfd_range. */
	struct drm_zcgem_array ranges;

	/** @flags: In, %DRM_ZCGEM_WRAP_READONLY or 0. */
	__u32 flags;

	/** @handle: Out, GEM handle. */
	__u32 handle;

	/** @size: Out, the object's size in bytes: the sum of the ranges. */
	__u64 size;
};

/**
 * struct drm_zcgem_userptr_range - One range of the caller's address space.
 */
struct drm_zcgem_userptr_range {
	/** @address: Start, a multiple of the page size. */
	__u64 address;

	/** @size: Length in bytes, a multiple of the page size, not zero. */
	__u64 size;
};

/**
 * struct drm_zcgem_gem_wrap_userptr - Argument of %DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR.
 *
 * Makes an object of the pages that are mapped at address ranges of the caller
 * now, one range after the other in list order. The memory must be anonymous, or
 * a mapping of shmem or hugetlbfs. Pages that are not there yet are faulted in.
 * Since version 2; bit %DRM_ZCGEM_BACKING_USERPTR of %DRM_ZCGEM_PARAM_BACKINGS.
 *
 * The pages are pinned (FOLL_LONGTERM) for the life of the object, and the object
 * keeps them whatever becomes of the addresses: after munmap(), mremap() or
 * MADV_DONTNEED the addresses show other memory or none, and the object still
 * shows the pages it was made of. As long as the mapping stays, both show the
 * same, also after fork(), where the child gets copies.
 *
 * With %DRM_ZCGEM_WRAP_SVM the object mirrors the ranges instead: it is what the caller has
 * mapped there at the time of each job, after munmap(), mremap(), MADV_DONTNEED, fork() or
 * a write to swap too. Nothing is pinned, and nothing is charged to RLIMIT_MEMLOCK. Such
 * an object is for jobs alone: it has no CPU mapping and cannot be exported (EPERM). Files
 * of file systems with write-back can be mirrored as well, with %DRM_ZCGEM_WRAP_READONLY or
 * where they are mapped privately. A job sees what was mapped when it
 * was submitted, and whoever changes the mapping waits until the job is done. Every job on
 * an object without %DRM_ZCGEM_WRAP_READONLY counts as a write to all its pages: it gets
 * copies of those that are shared copy-on-write.
 *
 * The object stays with the address space that it was made in, whoever uses it: a child, or
 * a process that was sent the DRM file. While a range of it is not mapped, or not with the
 * protection needed, and once the address space is gone by exit or execve(), jobs and
 * %DRM_ZCGEM_ADVICE_POPULATE fail with EFAULT; the object can still be closed.
 * Ranges that are registered with userfaultfd and have missing pages give EFAULT too.
 *
 * Errors, besides those of &struct drm_zcgem_gem_wrap_memfd that apply:
 *
 * - EFAULT: an address is not mapped, or not writable unless
 *   %DRM_ZCGEM_WRAP_READONLY is given, or maps what must not be pinned: a file of
 *   a file system, device memory, secret memory, a zcgem object;
 * - EHWPOISON: the memory of a page has failed (EFAULT with %DRM_ZCGEM_WRAP_SVM);
 * - EOPNOTSUPP: the mapping is of a DAX file (EFAULT with %DRM_ZCGEM_WRAP_SVM), or
 *   %DRM_ZCGEM_WRAP_SVM is given and the engine is switched off;
 * - ENOMEM: no memory, the caller may not lock so much (the larger of its RLIMIT_MEMLOCK
 *   and %DRM_ZCGEM_PARAM_USER_SHARE; folios are charged whole, and before they are known
 *   the size of the ranges), or a page could not be moved out of memory that must stay
 *   movable;
 * - EBUSY: a page that the kernel has to move first is in use all the time.
 */
struct drm_zcgem_gem_wrap_userptr {
	/** @ranges: In, array of &struct drm_zcgem_userptr_range. */
	struct drm_zcgem_array ranges;

	/** @flags: In, bits %DRM_ZCGEM_WRAP_READONLY and %DRM_ZCGEM_WRAP_SVM. */
	__u32 flags;

	/** @handle: Out, GEM handle. */
	__u32 handle;

	/** @size: Out, the object's size in bytes: the sum of the ranges. */
	__u64 size;
};

/**
 * struct drm_zcgem_gem_mmap_offset - Argument of %DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET.
 *
 * The offset is for mmap() with MAP_SHARED on the same node; MAP_PRIVATE gives
 * EINVAL. Errors: EPERM for an object that has no CPU mapping.
 */
struct drm_zcgem_gem_mmap_offset {
	/** @handle: In, GEM handle. */
	__u32 handle;

	/** @pad: Must be zero. */
	__u32 pad;

	/** @offset: Out, what to pass to mmap(). */
	__u64 offset;
};

/**
 * enum drm_zcgem_backing - Where an object's pages come from.
 */
enum drm_zcgem_backing {
	/** @DRM_ZCGEM_BACKING_POOL: The driver's own pages. */
	DRM_ZCGEM_BACKING_POOL = 0,

	/** @DRM_ZCGEM_BACKING_MEMFD: Ranges of memfds. */
	DRM_ZCGEM_BACKING_MEMFD = 1,

	/** @DRM_ZCGEM_BACKING_USERPTR: Pinned address ranges of a process. */
	DRM_ZCGEM_BACKING_USERPTR = 2,

	/** @DRM_ZCGEM_BACKING_SVM: A mirror of an address range. */
	DRM_ZCGEM_BACKING_SVM = 3,

	/** @DRM_ZCGEM_BACKING_IMPORT: A dma-buf of another driver. */
	DRM_ZCGEM_BACKING_IMPORT = 4,
};

/** DRM_ZCGEM_INFO_READONLY - The object can only be read. */
#define DRM_ZCGEM_INFO_READONLY		(1u << 0)
/** DRM_ZCGEM_INFO_WC - CPU mappings are write-combined. */
#define DRM_ZCGEM_INFO_WC		(1u << 1)
/** DRM_ZCGEM_INFO_RESIDENT - The object holds its pages now. */
#define DRM_ZCGEM_INFO_RESIDENT		(1u << 2)
/** DRM_ZCGEM_INFO_EXPORTED - A dma-buf of the object exists. */
#define DRM_ZCGEM_INFO_EXPORTED		(1u << 3)
/** DRM_ZCGEM_INFO_REVOKED - The object was withdrawn; since version 4. */
#define DRM_ZCGEM_INFO_REVOKED		(1u << 4)

/** DRM_ZCGEM_EXTENT_ORDERS - Entries of &drm_zcgem_gem_info.extents_by_order. */
#define DRM_ZCGEM_EXTENT_ORDERS		24

/**
 * struct drm_zcgem_gem_info - Argument of %DRM_IOCTL_ZCGEM_GEM_INFO.
 *
 * A snapshot: other threads may change the object before the call returns.
 */
struct drm_zcgem_gem_info {
	/** @handle: In, GEM handle. */
	__u32 handle;

	/** @pad: Must be zero. */
	__u32 pad;

	/** @size: Out, bytes. */
	__u64 size;

	/** @backing: Out, one of &enum drm_zcgem_backing. */
	__u32 backing;

	/** @flags: Out, bits named DRM_ZCGEM_INFO_*. */
	__u32 flags;

	/** @resident: Out, bytes whose pages the object holds now. */
	__u64 resident;

	/**
	 * @charged: Out, bytes charged to the creator now; to its limit unless it had
	 * CAP_IPC_LOCK. More than @size if the object has parts of folios.
	 */
	__u64 charged;

	/** @pins: Out, how many users forbid eviction now: mappings, pins. */
	__u64 pins;

	/** @mappings: Out, CPU mappings (VMAs) that exist now. */
	__u64 mappings;

	/** @attachments: Out, devices attached to the exported dma-buf. */
	__u64 attachments;

	/** @faults_pte: Out, faults so far that were served by entries of one page. */
	__u64 faults_pte;

	/** @faults_pmd: Out, faults so far that were served by an entry of a PMD. */
	__u64 faults_pmd;

	/** @faults_pud: Out, faults so far that were served by an entry of a PUD. */
	__u64 faults_pud;

	/** @evictions: Out, how often the pages were taken back. */
	__u64 evictions;

	/** @extents: Out, physically contiguous runs, 0 if not resident. */
	__u64 extents;

	/**
	 * @extents_by_order: Out, entry n counts the extents of at least 2^n and
	 * less than 2^(n+1) pages; the last entry counts all larger ones.
	 */
	__u64 extents_by_order[DRM_ZCGEM_EXTENT_ORDERS];
};

/**
 * enum drm_zcgem_advice - What %DRM_IOCTL_ZCGEM_GEM_ADVISE can be told.
 */
enum drm_zcgem_advice {
	/**
	 * @DRM_ZCGEM_ADVICE_POPULATE: The object will be used: make it resident
	 * and, if an address is given, fill the page tables of the caller's
	 * mapping, so that touching it costs no faults.
	 */
	DRM_ZCGEM_ADVICE_POPULATE = 0,

	/**
	 * @DRM_ZCGEM_ADVICE_EVICT: The object will not be used for a while: zap
	 * its CPU mappings, tell importers, wait for its fences and unpin its
	 * pages. It becomes resident again when it is used. EBUSY while it is
	 * pinned, by an importer that does not follow moves or by a kernel
	 * mapping, and while it is write-combined and an importer keeps its mapping;
	 * EOPNOTSUPP for userptr, memory that cannot be fetched again. An imported
	 * object's mapping for the device is given back.
	 */
	DRM_ZCGEM_ADVICE_EVICT = 1,

	/**
	 * @DRM_ZCGEM_ADVICE_REVALIDATE: The memfd may have been punched: if any
	 * page in the range has left the file, replace the object's pages by
	 * those that are in the file now. EBUSY if that is so while the object
	 * is pinned.
	 */
	DRM_ZCGEM_ADVICE_REVALIDATE = 2,
};

/**
 * struct drm_zcgem_gem_advise - Argument of %DRM_IOCTL_ZCGEM_GEM_ADVISE.
 *
 * Errors: EINVAL for an unknown advice, a range that is unaligned, empty or not
 * inside the object, an @address that goes with another advice than populate or
 * is not a mapping of this object (one of an imported object is the exporter's);
 * EBUSY, EOPNOTSUPP as said above; EACCES for a revoked object; EHWPOISON if the memory of
 * a page has failed; ENOMEM; EINTR. Since version 3.
 */
struct drm_zcgem_gem_advise {
	/** @handle: In, GEM handle. */
	__u32 handle;

	/** @advice: In, one of &enum drm_zcgem_advice. */
	__u32 advice;

	/** @offset: In, first byte of the object meant, page aligned. */
	__u64 offset;

	/** @size: In, number of bytes, page aligned; evict takes the whole object. */
	__u64 size;

	/**
	 * @address: In, where the caller has mapped the byte at @offset, or 0.
	 */
	__u64 address;
};

/**
 * struct drm_zcgem_gem_revoke - Argument of %DRM_IOCTL_ZCGEM_GEM_REVOKE.
 *
 * Withdraws an object for good: mappings get SIGBUS, importers are notified, the object's
 * fences are waited for and, for at most a second, importers that must unmap when they are
 * notified: since Linux 7.2 all that follow moves. Later attempts to map, attach or first
 * export it fail with EACCES; a kernel mapping, as displays' drivers make it, has zeroes.
 * Submits that use it end with EACCES; one that has not begun releases the memory at
 * once, and its fence, which comes in its turn, is not waited for. May be called again, for
 * a newer count. Errors: EPERM if another client has made the object, EOPNOTSUPP for an
 * imported one, EINTR with the object revoked but fences perhaps still pending. Since
 * version 4.
 */
struct drm_zcgem_gem_revoke {
	/** @handle: In, GEM handle. */
	__u32 handle;

	/** @pad: Must be zero. */
	__u32 pad;

	/**
	 * @holders: Out, importers' mappings that still hold the pages: of importers
	 * that cannot be notified, or that have not unmapped although they were. The
	 * pages are free when it is 0.
	 */
	__u64 holders;
};

/** DRM_ZCGEM_WAIT_WRITE - Wait until the object may be written, not only read. */
#define DRM_ZCGEM_WAIT_WRITE		(1u << 0)

/**
 * struct drm_zcgem_gem_wait - Argument of %DRM_IOCTL_ZCGEM_GEM_WAIT.
 *
 * Waits for the fences on an object that whoever wants to read it must wait for,
 * those of writers; with %DRM_ZCGEM_WAIT_WRITE also for those of readers. Whether
 * the work behind a fence has succeeded is not told: ask a sync_file or read the data.
 * The time is absolute, so a call that a signal has interrupted can be made again as
 * it was. Errors: ETIME when the time has come first; EINTR. Since version 6.
 */
struct drm_zcgem_gem_wait {
	/** @handle: In, GEM handle. */
	__u32 handle;

	/** @flags: In, %DRM_ZCGEM_WAIT_WRITE or 0. */
	__u32 flags;

	/**
	 * @timeout_ns: In, CLOCK_MONOTONIC nanoseconds at which to give up. A time
	 * that has passed, such as 0, asks without waiting.
	 */
	__s64 timeout_ns;
};

/**
 * enum drm_zcgem_op_type - What one operation does.
 */
enum drm_zcgem_op_type {
	/** @DRM_ZCGEM_OP_COPY: Copies bytes from an object to an object. */
	DRM_ZCGEM_OP_COPY = 0,

	/** @DRM_ZCGEM_OP_FILL: Repeats a pattern. */
	DRM_ZCGEM_OP_FILL = 1,
};

/**
 * struct drm_zcgem_op - One operation of a submit.
 *
 * @height rows of @size bytes each, the first at the offset and each next one a
 * pitch further. All of it must lie inside the objects. Nothing needs to be aligned
 * but what fills touch, to the size of the pattern.
 *
 * A copy inside one object must not overlap itself. Where two rectangles of
 * different pitch are concerned, the ranges from the first to the last byte must not
 * overlap. Memory that is reached through two objects is not known to be the same:
 * if such a copy overlaps, the bytes that are common are undefined.
 */
struct drm_zcgem_op {
	/** @type: One of &enum drm_zcgem_op_type. */
	__u32 type;

	/** @flags: Must be zero. */
	__u32 flags;

	/** @dst_handle: GEM handle of the object that is written. */
	__u32 dst_handle;

	/** @src_handle: GEM handle of the object that is read; 0 for fills. */
	__u32 src_handle;

	/** @dst_offset: First byte written; for fills a multiple of @pattern_size. */
	__u64 dst_offset;

	/** @src_offset: First byte read; 0 for fills. */
	__u64 src_offset;

	/** @size: Bytes of a row, not zero; for fills a multiple of @pattern_size. */
	__u64 size;

	/** @height: Number of rows; 0 and 1 are both one row. */
	__u64 height;

	/**
	 * @dst_pitch: Bytes from a row to the next in the object written, at least
	 * @size, for fills a multiple of @pattern_size; not used for one row.
	 */
	__u64 dst_pitch;

	/** @src_pitch: The same in the object read; 0 for fills. */
	__u64 src_pitch;

	/**
	 * @pattern: What fills repeat, the first byte lowest; 0 for copies. With a
	 * @pattern_size of 4 the upper 32 bits must be zero.
	 */
	__u64 pattern;

	/** @pattern_size: 4 or 8, bytes of @pattern that are used; 0 for copies. */
	__u32 pattern_size;

	/** @pad: Must be zero. */
	__u32 pad;
};

/**
 * struct drm_zcgem_sync - A syncobj that a submit waits for or signals.
 */
struct drm_zcgem_sync {
	/** @handle: Handle of the syncobj. */
	__u32 handle;

	/** @flags: Must be zero. */
	__u32 flags;

	/** @point: Point on its timeline, 0 for a binary syncobj. */
	__u64 point;
};

/**
 * DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC - Neither wait for what others do with the
 * objects nor have them wait: only the syncs order. Eviction, revocation and the
 * kernel's own moves of memory are still ordered.
 */
#define DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC	(1u << 0)

/**
 * enum drm_zcgem_priority - Whose turn it is when several clients have work.
 *
 * Submits of one client and one priority run one after the other in the order of
 * the calls; others may overtake them.
 */
enum drm_zcgem_priority {
	/** @DRM_ZCGEM_PRIORITY_NORMAL: Like everybody. */
	DRM_ZCGEM_PRIORITY_NORMAL = 0,

	/** @DRM_ZCGEM_PRIORITY_LOW: When there is nothing better to do. */
	DRM_ZCGEM_PRIORITY_LOW = 1,

	/** @DRM_ZCGEM_PRIORITY_HIGH: First; needs CAP_SYS_NICE. */
	DRM_ZCGEM_PRIORITY_HIGH = 2,
};

/**
 * struct drm_zcgem_submit - Argument of %DRM_IOCTL_ZCGEM_SUBMIT.
 *
 * Queues operations, which run one after the other once all fences have signalled
 * that they must wait for: those of @in_syncs, and unless
 * %DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC is given those on the objects, of writers for
 * objects that are read and of everybody for those that are written. Then the fence of
 * the submit signals, which is put on the objects and into @out_syncs by the call.
 * A call that fails has done nothing of that. A client that has very much queued waits
 * for room in this call. What is small and has nothing to wait for may be done when the call
 * returns: no object gets a fence then, and @out_syncs get one that has signalled.
 *
 * The memory used is the one the objects have at the call, also if a hole is punched
 * into the file or the object closed afterwards.
 *
 * A submit that was accepted may fail later. Its fence signals with an error then,
 * and what was written is undefined:
 *
 * - an in-sync failed: its error, unless a later point of its timeline was there already
 *   when the submit was made;
 * - ETIMEDOUT: a fence of others did not signal within
 *   %DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT, or the submit ran for longer than
 *   %DRM_ZCGEM_PARAM_JOB_TIMEOUT, or memory that an object with
 *   %DRM_ZCGEM_WRAP_SVM mirrors was to change, and the submit, or one behind it in its
 *   queue, was not over a second later, or when the user's jobs had held up the rest of the
 *   system for long enough;
 * - EAGAIN: such memory was to change, by reclaim or another process, before the submit had
 *   begun. It has done nothing: submit again;
 * - ECANCELED: the client has closed the device, or such memory is gone with its process;
 * - EACCES: an object was revoked;
 * - EHWPOISON: the memory of a page that the submit touches has failed;
 * - ENODEV: the device has gone.
 *
 * Errors of the call:
 *
 * - EINVAL: no operation, an unknown operation, flag or priority, padding that is not
 *   zero, a bad stride, a range outside its object, an overlap, an alignment or a
 *   pitch that is not as said above, an in-sync that has no fence yet;
 * - E2BIG: more than %DRM_ZCGEM_PARAM_MAX_OPS operations or
 *   %DRM_ZCGEM_PARAM_MAX_SYNCS syncs, more than 65536 different fences to wait for, which
 *   timelines can lead to, or an element with a tail that this kernel does not know and
 *   that is not zero;
 * - ENOENT: a handle of an object or a syncobj does not exist;
 * - EACCES: an object that is written is read-only, or an object was revoked;
 * - EPERM: %DRM_ZCGEM_PRIORITY_HIGH without CAP_SYS_NICE;
 * - EOPNOTSUPP: an imported object cannot be mapped by the kernel, or not as memory; the
 *   engine is switched off;
 * - ENOMEM, EINTR, and what making an object resident gives.
 *
 * Since version 6.
 */
struct drm_zcgem_submit {
	/** @ops: In, array of &struct drm_zcgem_op. */
	struct drm_zcgem_array ops;

	/** @in_syncs: In, array of &struct drm_zcgem_sync to wait for; may be empty. */
	struct drm_zcgem_array in_syncs;

	/** @out_syncs: In, array of &struct drm_zcgem_sync to signal; may be empty. */
	struct drm_zcgem_array out_syncs;

	/** @flags: In, %DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC or 0. */
	__u32 flags;

	/** @priority: In, one of &enum drm_zcgem_priority. */
	__u32 priority;
};

#define DRM_ZCGEM_GET_PARAM		0x00
#define DRM_ZCGEM_GEM_CREATE		0x01
#define DRM_ZCGEM_GEM_WRAP_MEMFD	0x02
#define DRM_ZCGEM_GEM_WRAP_USERPTR	0x03
#define DRM_ZCGEM_GEM_MMAP_OFFSET	0x04
#define DRM_ZCGEM_GEM_INFO		0x05
#define DRM_ZCGEM_GEM_WAIT		0x06
#define DRM_ZCGEM_GEM_ADVISE		0x07
#define DRM_ZCGEM_GEM_REVOKE		0x08
#define DRM_ZCGEM_SUBMIT		0x09

#define DRM_IOCTL_ZCGEM_GET_PARAM \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GET_PARAM, struct drm_zcgem_get_param)
#define DRM_IOCTL_ZCGEM_GEM_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_CREATE, struct drm_zcgem_gem_create)
#define DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_WRAP_MEMFD, struct drm_zcgem_gem_wrap_memfd)
#define DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_WRAP_USERPTR, struct drm_zcgem_gem_wrap_userptr)
#define DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_MMAP_OFFSET, struct drm_zcgem_gem_mmap_offset)
#define DRM_IOCTL_ZCGEM_GEM_INFO \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_INFO, struct drm_zcgem_gem_info)
#define DRM_IOCTL_ZCGEM_GEM_ADVISE \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_ADVISE, struct drm_zcgem_gem_advise)
#define DRM_IOCTL_ZCGEM_GEM_REVOKE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_REVOKE, struct drm_zcgem_gem_revoke)
#define DRM_IOCTL_ZCGEM_GEM_WAIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_WAIT, struct drm_zcgem_gem_wait)
#define DRM_IOCTL_ZCGEM_SUBMIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ZCGEM_SUBMIT, struct drm_zcgem_submit)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_ZCGEM_DRM_H_ */
