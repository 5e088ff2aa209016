/* SPDX-License-Identifier: MIT */
/*
 * What the zcgem tests use of libigt.so.0 to load modules; see igt_core.h.
 */
#ifndef ZCGEM_ABI_IGT_KMOD_H
#define ZCGEM_ABI_IGT_KMOD_H

int igt_kmod_load(const char *name, const char *options);

#endif /* ZCGEM_ABI_IGT_KMOD_H */
