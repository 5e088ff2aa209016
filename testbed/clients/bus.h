/* SPDX-License-Identifier: MIT */
/*
 * A machine's ports and memory, as a driver of one of its devices sees them: from inside, by its
 * processor (picture_guest.c), or from outside, by QEMU's qtest protocol (qtest.c).
 */
#ifndef CLIENTS_BUS_H
#define CLIENTS_BUS_H

#include <stddef.h>
#include <stdint.h>

void bus_out(unsigned int port, uint32_t value);
uint32_t bus_in(unsigned int port);
void bus_poke(uint64_t address, unsigned int bytes, uint64_t value);
uint64_t bus_peek(uint64_t address, unsigned int bytes);
void bus_write(uint64_t address, const void *data, size_t size);
/* For about ten milliseconds. */
void bus_pause(void);
/* Does not return; what is the matter, and a number that tells more. */
void bus_die(const char *what, uint32_t value) __attribute__((noreturn));

#endif
