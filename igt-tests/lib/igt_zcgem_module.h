/* SPDX-License-Identifier: MIT */
/*
 * Devices that go and come back, and the module's own removal.
 */
#ifndef IGT_ZCGEM_MODULE_H
#define IGT_ZCGEM_MODULE_H

#include <stdbool.h>

void zcgem_unbind(const char *device);
void zcgem_bind(const char *device);
int zcgem_unload(void);
int zcgem_unload_soon(void);
bool zcgem_load(const char *parameters);

#endif /* IGT_ZCGEM_MODULE_H */
