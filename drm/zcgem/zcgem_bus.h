/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_BUS_H_
#define _ZCGEM_BUS_H_

struct bus_type;
struct device_driver;

#define ZCGEM_MAX_DEVICES	16

int zcgem_bus_init(struct device_driver *driver, unsigned int count);
void zcgem_bus_exit(struct device_driver *driver);

#if IS_ENABLED(CONFIG_KUNIT)
extern const struct bus_type zcgem_bus;
#endif

#endif /* _ZCGEM_BUS_H_ */
