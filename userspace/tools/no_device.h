/* SPDX-License-Identifier: MIT */
/*
 * Why there is no zcgem device for a caller, and what to do about it.
 */
#ifndef ZCGEM_NO_DEVICE_H
#define ZCGEM_NO_DEVICE_H

/*
 * Print a reason for an error of zcgem_device_open() and what to do, on the
 * standard error output. @root comes before the paths that are looked at; it
 * is empty but for tests.
 */
void explain_no_device(int error, const char *root);

#endif /* ZCGEM_NO_DEVICE_H */
