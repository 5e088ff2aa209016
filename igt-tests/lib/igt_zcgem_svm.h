/* SPDX-License-Identifier: MIT */
/*
 * Objects that mirror address ranges, and a look at them through jobs, the only way.
 */
#ifndef IGT_ZCGEM_SVM_H
#define IGT_ZCGEM_SVM_H

#include <stdint.h>

#include "igt_zcgem.h"

/**
 * struct svm - A mirror, and a buffer that jobs copy to and from.
 * @fd: zcgem descriptor
 * @size: bytes of either
 * @handle: the mirror
 * @buffer: handle of an object of the driver's own pages
 * @map: where that is mapped
 */
struct svm {
	int fd;
	uint64_t size;
	uint32_t handle;
	uint32_t buffer;
	void *map;
};

int __zcgem_wrap_svm(int fd, const void *address, uint64_t size, uint32_t flags,
		     uint32_t *handle);
void svm_open(struct svm *svm, int fd, void *address, uint64_t size, uint32_t flags);
void svm_close(struct svm *svm);
int __svm_submit(int fd, struct drm_zcgem_op op);
int __svm_read(struct svm *svm);
void svm_read(struct svm *svm);
int __svm_write(struct svm *svm);
void svm_write(struct svm *svm);
void svm_check_marks(struct svm *svm, uint64_t value);
void svm_write_marks(struct svm *svm, uint64_t value);
void svm_check_same(struct svm *svm, void *memory);
void svm_expect_gone(struct svm *svm);

#endif /* IGT_ZCGEM_SVM_H */
