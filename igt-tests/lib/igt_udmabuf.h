/* SPDX-License-Identifier: MIT */
/*
 * udmabuf's ioctls, for /dev/udmabuf and for zcgem's nodes.
 */
#ifndef IGT_UDMABUF_H
#define IGT_UDMABUF_H

#include <linux/udmabuf.h>
#include <stdint.h>

struct udmabuf_create_list *udmabuf_new_list(uint32_t count);
void udmabuf_set_item(struct udmabuf_create_list *list, uint32_t i, int memfd, uint64_t page,
		      uint64_t pages);
int __udmabuf_ioctl(int fd, unsigned long request, void *arg);
int __udmabuf_create_list(int fd, struct udmabuf_create_list *list);
int __udmabuf_create(int fd, int memfd, uint64_t offset, uint64_t size, uint32_t flags);
int udmabuf_create_list(int fd, struct udmabuf_create_list *list);
int udmabuf_create_pages(int fd, int memfd, uint64_t page, uint64_t pages);

#endif /* IGT_UDMABUF_H */
