/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_WC_H_
#define _ZCGEM_WC_H_

#include <linux/kconfig.h>

struct zcgem_pages;

/** ZCGEM_CAN_WC - The linear map can follow write-combined mappings. */
#define ZCGEM_CAN_WC	IS_ENABLED(CONFIG_X86)

#ifdef CONFIG_X86
int zcgem_wc_begin(struct zcgem_pages *pages);
void zcgem_wc_end(struct zcgem_pages *pages);
#else
static inline int zcgem_wc_begin(struct zcgem_pages *pages)
{
	return 0;
}

static inline void zcgem_wc_end(struct zcgem_pages *pages)
{
}
#endif

#endif /* _ZCGEM_WC_H_ */
