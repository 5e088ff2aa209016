// SPDX-License-Identifier: MIT
/*
 * A guest that is nothing but virtio_gpu.c: it starts by multiboot without an operating system,
 * shows a picture, says "shown" on QEMU's debug console and sleeps.
 */
#include "bus.h"
#include "virtio_gpu.h"

#define DEBUG_CONSOLE	0xe9

/* The header of multiboot is looked for in the first 8 KiB of the file. */
__asm__(".text\n"
	"	.align 4\n"
	"	.long 0x1badb002, 0, -0x1badb002\n"
	".section .bss\n"
	"	.align 16\n"
	"	.skip 65536\n"
	"stack:\n"
	".text\n"
	"	.global _start\n"
	"_start:\n"
	"	mov $stack, %esp\n"
	"	call guest_main\n"
	"1:	cli\n"
	"	hlt\n"
	"	jmp 1b\n");

void guest_main(void);

/* The compiler calls these by itself. */
void *memcpy(void *to, const void *from, size_t size)
{
	char *byte = to;
	const char *source = from;

	while (size--)
		*byte++ = *source++;
	return to;
}

void *memset(void *to, int value, size_t size)
{
	char *byte = to;

	while (size--)
		*byte++ = value;
	return to;
}

static void say(const char *text)
{
	for (; *text; text++)
		__asm__ volatile("outb %b0, %w1" : : "a"(*text), "Nd"(DEBUG_CONSOLE));
}

void bus_die(const char *what, uint32_t value)
{
	char digits[] = ": 00000000\n";
	int i;

	for (i = 9; i > 1; i--, value >>= 4)
		digits[i] = "0123456789abcdef"[value & 15];
	say(what);
	say(digits);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void bus_out(unsigned int port, uint32_t value)
{
	__asm__ volatile("outl %0, %w1" : : "a"(value), "Nd"(port));
}

uint32_t bus_in(unsigned int port)
{
	uint32_t value;

	__asm__ volatile("inl %w1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void bus_poke(uint64_t address, unsigned int bytes, uint64_t value)
{
	void *at = (void *)(uintptr_t)address;

	__sync_synchronize();
	if (bytes == 1)
		*(volatile uint8_t *)at = value;
	else if (bytes == 2)
		*(volatile uint16_t *)at = value;
	else
		*(volatile uint32_t *)at = value;
}

uint64_t bus_peek(uint64_t address, unsigned int bytes)
{
	void *at = (void *)(uintptr_t)address;

	if (bytes == 1)
		return *(volatile uint8_t *)at;
	if (bytes == 2)
		return *(volatile uint16_t *)at;
	return *(volatile uint32_t *)at;
}

void bus_write(uint64_t address, const void *data, size_t size)
{
	memcpy((void *)(uintptr_t)address, data, size);
}

void bus_pause(void)
{
	unsigned int i;

	for (i = 0; i < 10000; i++)
		bus_in(0x80);
}

void guest_main(void)
{
	static const struct virtio_gpu gpu = { .width = 640, .height = 480 };

	virtio_gpu_show(&gpu);
	say("shown\n");
}
