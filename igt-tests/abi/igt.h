/* SPDX-License-Identifier: MIT */
/*
 * The umbrella header of IGT, as far as the zcgem tests use it; see igt_core.h.
 */
#ifndef ZCGEM_ABI_IGT_H
#define ZCGEM_ABI_IGT_H

#include "drmtest.h"
#include "igt_core.h"
#include "igt_debugfs.h"
#include "ioctl_wrappers.h"

#endif /* ZCGEM_ABI_IGT_H */
