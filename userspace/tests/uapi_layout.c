// SPDX-License-Identifier: MIT
/*
 * The layout that programs were compiled with: may grow at the end, never move. Compiled for
 * 64-bit and for 32-bit programs.
 */
#include <stddef.h>

#include <drm/zcgem_drm.h>

#define SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size) && sizeof(struct type) % 8 == 0, #type)
#define FIELD(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)

SIZE(drm_zcgem_array, 16);
FIELD(drm_zcgem_array, stride, 0);
FIELD(drm_zcgem_array, count, 4);
FIELD(drm_zcgem_array, pointer, 8);

SIZE(drm_zcgem_get_param, 16);
FIELD(drm_zcgem_get_param, param, 0);
FIELD(drm_zcgem_get_param, pad, 4);
FIELD(drm_zcgem_get_param, value, 8);

SIZE(drm_zcgem_gem_create, 16);
FIELD(drm_zcgem_gem_create, size, 0);
FIELD(drm_zcgem_gem_create, flags, 8);
FIELD(drm_zcgem_gem_create, handle, 12);

SIZE(drm_zcgem_memfd_range, 32);
FIELD(drm_zcgem_memfd_range, fd, 0);
FIELD(drm_zcgem_memfd_range, pad, 4);
FIELD(drm_zcgem_memfd_range, offset, 8);
FIELD(drm_zcgem_memfd_range, size, 16);
FIELD(drm_zcgem_memfd_range, watch_address, 24);

SIZE(drm_zcgem_gem_wrap_memfd, 32);
FIELD(drm_zcgem_gem_wrap_memfd, ranges, 0);
FIELD(drm_zcgem_gem_wrap_memfd, flags, 16);
FIELD(drm_zcgem_gem_wrap_memfd, handle, 20);
FIELD(drm_zcgem_gem_wrap_memfd, size, 24);

SIZE(drm_zcgem_userptr_range, 16);
FIELD(drm_zcgem_userptr_range, address, 0);
FIELD(drm_zcgem_userptr_range, size, 8);

SIZE(drm_zcgem_gem_wrap_userptr, 32);
FIELD(drm_zcgem_gem_wrap_userptr, ranges, 0);
FIELD(drm_zcgem_gem_wrap_userptr, flags, 16);
FIELD(drm_zcgem_gem_wrap_userptr, handle, 20);
FIELD(drm_zcgem_gem_wrap_userptr, size, 24);

SIZE(drm_zcgem_gem_mmap_offset, 16);
FIELD(drm_zcgem_gem_mmap_offset, handle, 0);
FIELD(drm_zcgem_gem_mmap_offset, pad, 4);
FIELD(drm_zcgem_gem_mmap_offset, offset, 8);

SIZE(drm_zcgem_gem_info, 296);
FIELD(drm_zcgem_gem_info, handle, 0);
FIELD(drm_zcgem_gem_info, pad, 4);
FIELD(drm_zcgem_gem_info, size, 8);
FIELD(drm_zcgem_gem_info, backing, 16);
FIELD(drm_zcgem_gem_info, flags, 20);
FIELD(drm_zcgem_gem_info, resident, 24);
FIELD(drm_zcgem_gem_info, charged, 32);
FIELD(drm_zcgem_gem_info, pins, 40);
FIELD(drm_zcgem_gem_info, mappings, 48);
FIELD(drm_zcgem_gem_info, attachments, 56);
FIELD(drm_zcgem_gem_info, faults_pte, 64);
FIELD(drm_zcgem_gem_info, faults_pmd, 72);
FIELD(drm_zcgem_gem_info, faults_pud, 80);
FIELD(drm_zcgem_gem_info, evictions, 88);
FIELD(drm_zcgem_gem_info, extents, 96);
FIELD(drm_zcgem_gem_info, extents_by_order, 104);

SIZE(drm_zcgem_gem_advise, 32);
FIELD(drm_zcgem_gem_advise, handle, 0);
FIELD(drm_zcgem_gem_advise, advice, 4);
FIELD(drm_zcgem_gem_advise, offset, 8);
FIELD(drm_zcgem_gem_advise, size, 16);
FIELD(drm_zcgem_gem_advise, address, 24);

SIZE(drm_zcgem_gem_revoke, 16);
FIELD(drm_zcgem_gem_revoke, handle, 0);
FIELD(drm_zcgem_gem_revoke, pad, 4);
FIELD(drm_zcgem_gem_revoke, holders, 8);

SIZE(drm_zcgem_gem_wait, 16);
FIELD(drm_zcgem_gem_wait, handle, 0);
FIELD(drm_zcgem_gem_wait, flags, 4);
FIELD(drm_zcgem_gem_wait, timeout_ns, 8);

SIZE(drm_zcgem_op, 80);
FIELD(drm_zcgem_op, type, 0);
FIELD(drm_zcgem_op, flags, 4);
FIELD(drm_zcgem_op, dst_handle, 8);
FIELD(drm_zcgem_op, src_handle, 12);
FIELD(drm_zcgem_op, dst_offset, 16);
FIELD(drm_zcgem_op, src_offset, 24);
FIELD(drm_zcgem_op, size, 32);
FIELD(drm_zcgem_op, height, 40);
FIELD(drm_zcgem_op, dst_pitch, 48);
FIELD(drm_zcgem_op, src_pitch, 56);
FIELD(drm_zcgem_op, pattern, 64);
FIELD(drm_zcgem_op, pattern_size, 72);
FIELD(drm_zcgem_op, pad, 76);

SIZE(drm_zcgem_sync, 16);
FIELD(drm_zcgem_sync, handle, 0);
FIELD(drm_zcgem_sync, flags, 4);
FIELD(drm_zcgem_sync, point, 8);

SIZE(drm_zcgem_submit, 56);
FIELD(drm_zcgem_submit, ops, 0);
FIELD(drm_zcgem_submit, in_syncs, 16);
FIELD(drm_zcgem_submit, out_syncs, 32);
FIELD(drm_zcgem_submit, flags, 48);
FIELD(drm_zcgem_submit, priority, 52);
_Static_assert(DRM_ZCGEM_WRAP_READONLY == 1 && DRM_ZCGEM_WRAP_SVM == 2, "WRAP flags");
_Static_assert(DRM_ZCGEM_PARAM_JOB_TIMEOUT == 15, "job timeout");
_Static_assert(DRM_ZCGEM_PARAM_USER_SHARE == 16, "user share");
_Static_assert(DRM_ZCGEM_PARAM_SVM == 14 && DRM_ZCGEM_BACKING_SVM == 3, "SVM");

_Static_assert(DRM_IOCTL_ZCGEM_GET_PARAM == 0xc0106440, "GET_PARAM");
_Static_assert(DRM_IOCTL_ZCGEM_GEM_CREATE == 0xc0106441, "GEM_CREATE");
_Static_assert(DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD == 0xc0206442, "GEM_WRAP_MEMFD");
_Static_assert(DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET == 0xc0106444, "GEM_MMAP_OFFSET");
_Static_assert(DRM_IOCTL_ZCGEM_GEM_INFO == 0xc1286445, "GEM_INFO");
_Static_assert(DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR == 0xc0206443, "GEM_WRAP_USERPTR");
_Static_assert(DRM_IOCTL_ZCGEM_GEM_ADVISE == 0x40206447, "GEM_ADVISE");
_Static_assert(DRM_IOCTL_ZCGEM_GEM_REVOKE == 0xc0106448, "GEM_REVOKE");
_Static_assert(DRM_IOCTL_ZCGEM_GEM_WAIT == 0x40106446, "GEM_WAIT");
_Static_assert(DRM_IOCTL_ZCGEM_SUBMIT == 0x40386449, "SUBMIT");
