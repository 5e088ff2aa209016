/* SPDX-License-Identifier: MIT */
/*
 * A QEMU without a processor, whose memory and ports this program reads and writes (bus.h, by the
 * qtest protocol), and its monitor.
 */
#ifndef CLIENTS_QTEST_H
#define CLIENTS_QTEST_H

/* Arguments are appended to what every such QEMU needs; the last one is NULL. */
void qtest_start(const char *display, const char *const *arguments);
void qtest_end(void);

void qtest_screendump(const char *file);

#endif
