/* SPDX-License-Identifier: MIT */
/*
 * What the zcgem tests use of libigt.so.0 to read debugfs; see igt_core.h.
 */
#ifndef ZCGEM_ABI_IGT_DEBUGFS_H
#define ZCGEM_ABI_IGT_DEBUGFS_H

int igt_debugfs_dir(int device);
int igt_debugfs_simple_read(int dir, const char *name, char *buf, int size);

#endif /* ZCGEM_ABI_IGT_DEBUGFS_H */
