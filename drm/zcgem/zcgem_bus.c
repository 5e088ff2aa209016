// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: bus
 *
 * The devices of this driver stand for no hardware, and are on a bus of their own.
 * Programs that look for a GPU ask libdrm for the devices of the buses that it knows,
 * and take the first that has a render node: on the platform bus zcgem would be found by
 * each of them, and fail each of them, with what they try before they do without. Clients of
 * zcgem find it by the driver's name.
 *
 * Nothing here needs a lock: devices are added and removed by the module's init and exit.
 * A device must not be freed while its driver's DRM device, which has a reference, lives.
 */

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include <kunit/visibility.h>

#include "zcgem_bus.h"

struct zcgem_bus_device {
	struct device dev;
	struct device_dma_parameters dma_parms;
};

VISIBLE_IF_KUNIT const struct bus_type zcgem_bus = {
	.name = "zcgem",
};
EXPORT_SYMBOL_IF_KUNIT(zcgem_bus);

static struct device *zcgem_bus_devices[ZCGEM_MAX_DEVICES];
static atomic_t zcgem_bus_alive = ATOMIC_INIT(0);

static void zcgem_bus_release(struct device *dev)
{
	kfree(container_of(dev, struct zcgem_bus_device, dev));
	atomic_dec(&zcgem_bus_alive);
	wake_up_var(&zcgem_bus_alive);
}

static struct device *zcgem_bus_add(unsigned int number)
{
	struct zcgem_bus_device *new = kzalloc(sizeof(*new), GFP_KERNEL);
	int ret;

	if (!new)
		return ERR_PTR(-ENOMEM);

	atomic_inc(&zcgem_bus_alive);
	device_initialize(&new->dev);
	new->dev.bus = &zcgem_bus;
	new->dev.release = zcgem_bus_release;
	/* No device reads this memory itself, so none of it is out of reach. */
	new->dev.coherent_dma_mask = DMA_BIT_MASK(64);
	new->dev.dma_mask = &new->dev.coherent_dma_mask;
	new->dev.dma_parms = &new->dma_parms;

	/* The first has the plain name, zcgem; then zcgem.1, zcgem.2 ... */
	ret = number ? dev_set_name(&new->dev, "zcgem.%u", number) :
		       dev_set_name(&new->dev, "zcgem");
	if (!ret)
		ret = device_add(&new->dev);
	if (ret) {
		put_device(&new->dev);
		return ERR_PTR(ret);
	}
	return &new->dev;
}

static void zcgem_bus_remove_devices(void)
{
	unsigned int i;

	for (i = 0; i < ZCGEM_MAX_DEVICES && zcgem_bus_devices[i]; i++)
		device_unregister(zcgem_bus_devices[i]);
	wait_var_event(&zcgem_bus_alive, !atomic_read(&zcgem_bus_alive));
}

/**
 * zcgem_bus_init() - Register the bus, its driver, and devices.
 * @driver: the driver, whose bus is filled in
 * @count: how many devices, 1 to ZCGEM_MAX_DEVICES
 *
 * Return: 0, or what the driver core says, and then nothing is registered.
 */
int zcgem_bus_init(struct device_driver *driver, unsigned int count)
{
	unsigned int i;
	int ret;

	ret = bus_register(&zcgem_bus);
	if (ret)
		return ret;
	driver->bus = &zcgem_bus;
	ret = driver_register(driver);
	if (ret)
		goto out_bus;

	for (i = 0; i < count; i++) {
		struct device *dev = zcgem_bus_add(i);

		if (IS_ERR(dev)) {
			ret = PTR_ERR(dev);
			goto out_devices;
		}
		zcgem_bus_devices[i] = dev;
	}
	return 0;

out_devices:
	zcgem_bus_remove_devices();
	driver_unregister(driver);
out_bus:
	bus_unregister(&zcgem_bus);
	return ret;
}

/**
 * zcgem_bus_exit() - Undo zcgem_bus_init().
 * @driver: the driver
 *
 * Sleeps until the last reference to a device is dropped: DRM's are by now.
 */
void zcgem_bus_exit(struct device_driver *driver)
{
	zcgem_bus_remove_devices();
	driver_unregister(driver);
	bus_unregister(&zcgem_bus);
}
