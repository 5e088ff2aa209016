// SPDX-License-Identifier: MIT
/*
 * What a VNC server shows: the least of RFB 3.8, without a password and without compression.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buffer.h"
#include "rfb.h"

#define VERSION		"RFB 003.008\n"
#define NO_PASSWORD	1

static void get(FILE *server, void *data, size_t size)
{
	if (fread(data, 1, size, server) != size)
		die("the VNC server is gone");
}

static unsigned int get16(FILE *server)
{
	uint16_t value;

	get(server, &value, sizeof(value));
	return ntohs(value);
}

static uint32_t get32(FILE *server)
{
	uint32_t value;

	get(server, &value, sizeof(value));
	return ntohl(value);
}

static void skip(FILE *server, uint32_t count)
{
	char byte;

	while (count--)
		get(server, &byte, 1);
}

static void put(int socket, const void *data, size_t size)
{
	if (write(socket, data, size) != (ssize_t)size)
		die("the VNC server does not listen: %m");
}

static void greet(FILE *server, int socket, unsigned int width, unsigned int height)
{
	const unsigned char chosen = NO_PASSWORD, shared = 1;
	unsigned char kinds;
	unsigned int w, h;

	skip(server, strlen(VERSION));
	put(socket, VERSION, strlen(VERSION));
	get(server, &kinds, 1);
	skip(server, kinds);
	put(socket, &chosen, 1);
	if (!kinds || get32(server))
		die("the VNC server wants a password");
	put(socket, &shared, 1);
	w = get16(server);
	h = get16(server);
	if (w != width || h != height)
		die("the VNC server's screen is %u by %u", w, h);
	skip(server, 16);		/* the format, which is ours to choose */
	skip(server, get32(server));	/* a name */
}

static void ask(int socket, unsigned int width, unsigned int height)
{
	static const unsigned char format[] = {
		0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0
	};
	static const unsigned char plain[] = { 2, 0, 0, 1, 0, 0, 0, 0 };
	const unsigned char all[] = {
		3, 0, 0, 0, 0, 0, width >> 8, width, height >> 8, height
	};

	put(socket, format, sizeof(format));
	put(socket, plain, sizeof(plain));
	put(socket, all, sizeof(all));
}

/* One rectangle; returns how many pixels it has. */
static size_t rectangle(FILE *server, uint32_t *pixels, unsigned int width, unsigned int height)
{
	unsigned int x = get16(server), y = get16(server);
	unsigned int w = get16(server), h = get16(server), row;

	if (get32(server) || x + w > width || y + h > height)
		die("the VNC server sends what was not asked for");
	for (row = y; row < y + h; row++)
		get(server, pixels + (size_t)row * width + x, w * sizeof(*pixels));
	return (size_t)w * h;
}

void rfb_screen(const char *path, uint32_t *pixels, unsigned int width, unsigned int height)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int number = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t seen = 0;
	FILE *server;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (number < 0 || connect(number, (struct sockaddr *)&address, sizeof(address)))
		die("%s: %m", path);
	server = fdopen(number, "r");
	greet(server, number, width, height);
	ask(number, width, height);
	while (seen < (size_t)width * height) {
		unsigned char kind;
		unsigned int count;

		get(server, &kind, 1);
		if (kind)
			die("the VNC server sends message %u", kind);
		skip(server, 1);
		for (count = get16(server); count; count--)
			seen += rectangle(server, pixels, width, height);
	}
	fclose(server);
}
