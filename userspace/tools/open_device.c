// SPDX-License-Identifier: MIT
/*
 * Opens the device for a command and says, where that fails, why and what to do.
 */
#include <error.h>

#include <zcgem.h>

#include "no_device.h"
#include "tool.h"

int open_device(struct zcgem_device **dev)
{
	int ret = zcgem_device_open(dev);

	if (ret) {
		error(0, -ret, "cannot open a zcgem device");
		explain_no_device(ret, "");
	}
	return ret;
}
