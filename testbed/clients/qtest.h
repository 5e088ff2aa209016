/* SPDX-License-Identifier: MIT */
/*
 * A QEMU without a processor, whose memory and ports this program reads and writes (the
 * qtest protocol), and its monitor.
 */
#ifndef CLIENTS_QTEST_H
#define CLIENTS_QTEST_H

#include <stddef.h>
#include <stdint.h>

/* Arguments are appended to what every such QEMU needs; the last one is NULL. */
void qtest_start(const char *display, const char *const *arguments);
void qtest_end(void);

void qtest_out(unsigned int port, uint32_t value);
uint32_t qtest_in(unsigned int port);
void qtest_poke(uint64_t address, unsigned int bytes, uint64_t value);
uint64_t qtest_peek(uint64_t address, unsigned int bytes);
void qtest_write(uint64_t address, const void *data, size_t size);
void qtest_screendump(const char *file);

#endif
