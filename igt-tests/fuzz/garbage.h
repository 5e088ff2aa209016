/* SPDX-License-Identifier: MIT */
/*
 * Noise for ioctls: which call, and what its argument is filled with. For programs with a C
 * library and for those without.
 */
#ifndef ZCGEM_GARBAGE_H
#define ZCGEM_GARBAGE_H

#include <stdint.h>

/* Where a 32-bit program has its node, and what is longest in an argument. */
#define GARBAGE_FD	3
#define GARBAGE_SIZE	4096

void garbage_calls(int fd, uint64_t count, uint64_t seed) __attribute__((noreturn));

/**
 * struct garbage - A call.
 * @request: the ioctl
 * @words: its argument
 */
struct garbage {
	uint32_t request;
	uint64_t words[GARBAGE_SIZE / 8];
};

static inline uint64_t garbage_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Numbers that mean something: handles, descriptors, sizes, addresses, limits. */
static inline uint64_t garbage_word(uint64_t *state, uint64_t address)
{
	uint64_t random = garbage_random(state);

	switch (random % 10) {
	case 0:
		return 0;
	case 1:
		return -1ull >> (random >> 8) % 64;
	case 2:
		return (random >> 8) % 8;
	case 3:
		return ((random >> 8) % 64) << 12;
	case 4:
		return address + (random >> 8) % GARBAGE_SIZE;
	case 5:
		return address;
	case 6:
		return 1ull << (random >> 8) % 64;
	case 7:
		return (random >> 8) % 8 | ((random >> 16) % 8) << 32;
	case 8:
		return 8ull * ((random >> 8) % 8) | (1 + (random >> 16) % 4) << 32;
	default:
		return garbage_random(state);
	}
}

/*
 * Objects are cheap however large they are, until somebody touches them: keep them small. And the
 * DRM core allocates a table of as many syncobjs as it is told, on every driver's node, and warns
 * where that is too many: keep these few.
 */
static inline void garbage_tame(struct garbage *garbage)
{
	uint32_t nr = garbage->request & 0xff;
	uint32_t *dimensions = (uint32_t *)garbage->words;

	if (nr == 0x41 && garbage->words[0] <= 1ull << 39)
		garbage->words[0] &= 0xfffff;
	if (nr == 0xb2) {
		dimensions[0] &= 0x1ff;
		dimensions[1] &= 0x1ff;
		dimensions[2] &= 0x3f;
	}
	/* wait; reset and signal; wait, query and signal points */
	if (nr == 0xc3)
		garbage->words[2] &= 0xffff;
	if (nr == 0xc4 || nr == 0xc5)
		garbage->words[1] &= 0xffff;
	if (nr == 0xca)
		garbage->words[3] &= 0xffff;
	if (nr == 0xcb || nr == 0xcd)
		garbage->words[2] &= 0xffff;
}

static inline void garbage_make(struct garbage *garbage, uint64_t *state)
{
	/* sizes of arguments: none, those of zcgem's and the core's, and far too much */
	static const uint16_t sizes[] = { 0, 4, 8, 16, 24, 32, 40, 48, 64, 104, 296, 512, 4095 };
	uint64_t random = garbage_random(state), address = (uintptr_t)garbage->words;
	uint32_t nr = random % 3 ? 0x40 + (random >> 8) % 16 : (random >> 8) & 0xff;
	uint32_t type = (random >> 16) % 16 ? 'd' : 'u';
	uint32_t direction = (random >> 24) % 8 ? 3 : (random >> 28) & 3;
	uint32_t size = sizes[(random >> 32) % (sizeof(sizes) / sizeof(*sizes))];
	unsigned int i, length = (random >> 40) % 4 ? 64 : sizeof(garbage->words) / 8;

	garbage->request = direction << 30 | size << 16 | type << 8 | nr;
	for (i = 0; i < length; i++)
		garbage->words[i] = garbage_word(state, address);
	garbage_tame(garbage);
}

#endif /* ZCGEM_GARBAGE_H */
