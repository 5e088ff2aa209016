/* SPDX-License-Identifier: MIT */
/*
 * The test bed's module "importer": a device that imports dma-bufs and does what it is
 * told. __importer_foo() returns 0 or -errno, importer_foo() fails the test instead.
 */
#ifndef IGT_IMPORTER_H
#define IGT_IMPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "importer.h"

void require_importer(void);
int importer_open(void);
int __importer_attach(int device, int dmabuf, uint32_t flags, uint32_t dma_bits,
		      uint32_t max_segment);
int importer_new(int dmabuf, uint32_t flags);
int __importer_call(int device, unsigned long request, unsigned long arg);
void importer_call(int device, unsigned long request, unsigned long arg);
void importer_state(int device, struct importer_state *state);
int __importer_copy(int device, uint64_t offset, void *data, uint64_t size, uint32_t flags);
void importer_check(int device, uint64_t size, uint64_t seed, uint32_t flags);
void importer_fill(int device, uint64_t size, uint64_t seed, uint32_t flags);

#endif /* IGT_IMPORTER_H */
