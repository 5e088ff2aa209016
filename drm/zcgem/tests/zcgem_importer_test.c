// SPDX-License-Identifier: GPL-2.0
/*
 * Importers of every kind on an object of the first device: one that lets go when it is told
 * that memory moves, one that takes its time, and one that cannot be told.
 */

#include <kunit/device.h>
#include <kunit/test.h>

#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/scatterlist.h>

#include "zcgem_bus.h"
#include "zcgem_compat.h"
#include "zcgem_device.h"
#include "zcgem_object.h"
#include "zcgem_prime.h"

#define NPAGES		37

/* What an importer is, and what has become of it. */
struct importer {
	bool dynamic, prompt;
	unsigned int max_segment;
	struct device *dev;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	unsigned int told;
};

struct exporter {
	struct device *parent;
	struct zcgem_device *zdev;
	struct zcgem_object *obj;
	struct dma_buf *dmabuf;
	long attachments, dma_maps, objects;
};

static const struct importer kinds[] = {
	{ .dynamic = true, .prompt = true },
	{ .dynamic = true },
	{ .dynamic = false },
	{ .dynamic = true, .prompt = true, .max_segment = 2 * PAGE_SIZE },
	{ .dynamic = false, .max_segment = PAGE_SIZE },
};

static void importer_name(const struct importer *kind, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%s%s",
		 !kind->dynamic ? "static" : kind->prompt ? "revocable" : "dynamic",
		 kind->max_segment ? ", short segments" : "");
}

KUNIT_ARRAY_PARAM(importer, kinds, importer_name);

static void importer_unmap(struct importer *importer)
{
	dma_buf_unmap_attachment(importer->attach, importer->sgt, DMA_BIDIRECTIONAL);
	importer->sgt = NULL;
}

static void importer_moved(struct dma_buf_attachment *attach)
{
	struct importer *importer = attach->importer_priv;

	importer->told++;
	if (importer->prompt && importer->sgt)
		importer_unmap(importer);
}

static const struct dma_buf_attach_ops importer_ops = {
	.ZCGEM_INVALIDATE_MAPPINGS = importer_moved,
};

static int importer_map(struct importer *importer)
{
	struct sg_table *sgt;

	dma_resv_lock(importer->attach->dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(importer->attach, DMA_BIDIRECTIONAL);
	dma_resv_unlock(importer->attach->dmabuf->resv);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	importer->sgt = sgt;
	return 0;
}

static struct importer *importer_attach(struct kunit *test, const struct exporter *exporter)
{
	struct importer *importer = kunit_kzalloc(test, sizeof(*importer), GFP_KERNEL);
	struct device_dma_parameters *params;

	KUNIT_ASSERT_NOT_NULL(test, importer);
	*importer = *(const struct importer *)test->param_value;
	importer->dev = kunit_device_register(test, "zcgem-importer");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, importer->dev);
	params = kunit_kzalloc(test, sizeof(*params), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, params);
	importer->dev->dma_parms = params;
	importer->dev->dma_mask = &importer->dev->coherent_dma_mask;
	KUNIT_ASSERT_EQ(test, dma_set_mask_and_coherent(importer->dev, DMA_BIT_MASK(64)), 0);
	if (importer->max_segment)
		dma_set_max_seg_size(importer->dev, importer->max_segment);

	importer->attach = importer->dynamic ?
		dma_buf_dynamic_attach(exporter->dmabuf, importer->dev, &importer_ops, importer) :
		dma_buf_attach(exporter->dmabuf, importer->dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, importer->attach);
	return importer;
}

static int exporter_init(struct kunit *test)
{
	struct exporter *exporter = kunit_kzalloc(test, sizeof(*exporter), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, exporter);
	exporter->parent = bus_find_device_by_name(&zcgem_bus, NULL, "zcgem");
	KUNIT_ASSERT_NOT_NULL(test, exporter->parent);
	test->priv = exporter;
	exporter->zdev = dev_get_drvdata(exporter->parent);
	KUNIT_ASSERT_NOT_NULL(test, exporter->zdev);
	/* The object of the test before dies on a workqueue. */
	for (i = 0; i < 250 && atomic_long_read(&exporter->zdev->counters.pinned_folios); i++)
		msleep(20);
	exporter->attachments = atomic_long_read(&exporter->zdev->counters.attachments);
	exporter->dma_maps = atomic_long_read(&exporter->zdev->counters.dma_maps);
	exporter->objects = atomic_long_read(&exporter->zdev->counters.objects);

	exporter->obj = zcgem_pool_create(exporter->zdev, NPAGES * PAGE_SIZE, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, exporter->obj);
	exporter->dmabuf = zcgem_gem_export(&exporter->obj->bo.base, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, exporter->dmabuf);
	return 0;
}

static void exporter_exit(struct kunit *test)
{
	struct exporter *exporter = test->priv;

	if (!exporter)
		return;
	if (!IS_ERR_OR_NULL(exporter->dmabuf))
		dma_buf_put(exporter->dmabuf);
	if (!IS_ERR_OR_NULL(exporter->obj))
		drm_gem_object_put(&exporter->obj->bo.base);
	put_device(exporter->parent);
}

/* The list covers the object, in entries that the device can take. */
static void check_list(struct kunit *test, const struct importer *importer)
{
	struct scatterlist *sg;
	u64 sum = 0;
	int i;

	for_each_sgtable_sg(importer->sgt, sg, i) {
		if (importer->max_segment)
			KUNIT_EXPECT_LE(test, sg->length, importer->max_segment);
		KUNIT_EXPECT_EQ(test, sg->offset, 0);
		sum += sg->length;
	}
	/* DMABUF_DEBUG of newer kernels shows importers DMA addresses and nothing else. */
	if (sum || !IS_ENABLED(CONFIG_DMABUF_DEBUG))
		KUNIT_EXPECT_EQ(test, sum, NPAGES * PAGE_SIZE);
	sum = 0;
	for_each_sgtable_dma_sg(importer->sgt, sg, i) {
		KUNIT_EXPECT_NE(test, sg_dma_address(sg), DMA_MAPPING_ERROR);
		sum += sg_dma_len(sg);
	}
	KUNIT_EXPECT_EQ(test, sum, NPAGES * PAGE_SIZE);
}

static bool follows_moves(const struct importer *importer)
{
	return importer->dynamic && ZCGEM_LIVE_INVALIDATION;
}

static void importer_maps(struct kunit *test)
{
	struct exporter *exporter = test->priv;
	struct importer *importer = importer_attach(test, exporter);
	struct zcgem_object *obj = exporter->obj;
	int round;

	KUNIT_EXPECT_EQ(test, atomic_read(&obj->attachments), 1);
	for (round = 0; round < 3; round++) {
		KUNIT_ASSERT_EQ(test, importer_map(importer), 0);
		check_list(test, importer);
		KUNIT_EXPECT_EQ(test, obj->pins, follows_moves(importer) ? 0 : 1);
		KUNIT_EXPECT_FALSE(test, list_empty(&obj->dma_maps));
		dma_resv_lock(obj->bo.base.resv, NULL);
		importer_unmap(importer);
		dma_resv_unlock(obj->bo.base.resv);
		/* For one that cannot be told dma-buf may keep it until it detaches. */
		if (importer->dynamic)
			KUNIT_EXPECT_TRUE(test, list_empty(&obj->dma_maps));
	}
	dma_buf_detach(exporter->dmabuf, importer->attach);
	KUNIT_EXPECT_TRUE(test, list_empty(&obj->dma_maps));
	KUNIT_EXPECT_EQ(test, obj->pins, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&obj->attachments), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&exporter->zdev->counters.attachments),
			exporter->attachments);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&exporter->zdev->counters.dma_maps),
			exporter->dma_maps);
}

static void revoke(struct kunit *test, struct zcgem_object *obj)
{
	dma_resv_lock(obj->bo.base.resv, NULL);
	KUNIT_EXPECT_EQ(test, zcgem_object_revoke(obj, true), 0);
	dma_resv_unlock(obj->bo.base.resv);
}

static void importer_is_revoked(struct kunit *test)
{
	struct exporter *exporter = test->priv;
	struct zcgem_counters *counters = &exporter->zdev->counters;
	long pinned = atomic_long_read(&counters->pinned_folios);
	struct importer *importer = importer_attach(test, exporter);
	struct zcgem_object *obj = exporter->obj;
	bool told = follows_moves(importer), gone = told && importer->prompt;

	KUNIT_ASSERT_EQ(test, importer_map(importer), 0);
	revoke(test, obj);
	KUNIT_EXPECT_NULL(test, obj->pages);
	KUNIT_EXPECT_EQ(test, importer->told > 0, told);
	KUNIT_EXPECT_EQ(test, !importer->sgt, gone);
	KUNIT_EXPECT_EQ(test, list_empty(&obj->dma_maps), gone);
	if (!gone) {
		/* An importer that still reads holds the pages. */
		KUNIT_EXPECT_LT(test, pinned, atomic_long_read(&counters->pinned_folios));
		check_list(test, importer);
		dma_resv_lock(obj->bo.base.resv, NULL);
		importer_unmap(importer);
		dma_resv_unlock(obj->bo.base.resv);
	}
	if (importer->dynamic)
		KUNIT_EXPECT_EQ(test, importer_map(importer), -EACCES);
	dma_buf_detach(exporter->dmabuf, importer->attach);
	KUNIT_EXPECT_EQ(test, atomic_read(&obj->attachments), 0);
	KUNIT_EXPECT_EQ(test, obj->pins, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&obj->dma_maps));
	KUNIT_EXPECT_EQ(test, pinned, atomic_long_read(&counters->pinned_folios));
	revoke(test, obj);
}

static void importer_pins(struct kunit *test)
{
	struct exporter *exporter = test->priv;
	struct importer *importer = importer_attach(test, exporter);
	struct zcgem_object *obj = exporter->obj;

	/* What has no notification may not ask: dma-buf has pinned, or will. */
	if (importer->dynamic) {
		dma_resv_lock(obj->bo.base.resv, NULL);
		KUNIT_EXPECT_EQ(test, dma_buf_pin(importer->attach), 0);
		KUNIT_EXPECT_EQ(test, obj->pins, 1);
		KUNIT_EXPECT_EQ(test, zcgem_object_evict(obj, true), -EBUSY);
		dma_buf_unpin(importer->attach);
		dma_resv_unlock(obj->bo.base.resv);
		KUNIT_EXPECT_EQ(test, obj->pins, 0);
	}
	dma_buf_detach(exporter->dmabuf, importer->attach);
}

/* The object has a kernel mapping already when it is revoked: the importer shares that. */
static void importer_vmaps_a_revoked_one(struct kunit *test)
{
	struct exporter *exporter = test->priv;
	struct drm_gem_object *gem = &exporter->obj->bo.base;
	struct iosys_map first, second;

	dma_resv_lock(gem->resv, NULL);
	KUNIT_ASSERT_EQ(test, gem->funcs->vmap(gem, &first), 0);
	KUNIT_EXPECT_EQ(test, zcgem_object_revoke(exporter->obj, true), 0);
	KUNIT_ASSERT_EQ(test, dma_buf_vmap(exporter->dmabuf, &second), 0);
	KUNIT_EXPECT_PTR_EQ(test, first.vaddr, second.vaddr);
	dma_buf_vunmap(exporter->dmabuf, &second);
	gem->funcs->vunmap(gem, &first);
	KUNIT_EXPECT_EQ(test, exporter->obj->vmap_count, 0);
	KUNIT_EXPECT_EQ(test, exporter->obj->pins, 0);
	dma_resv_unlock(gem->resv);
}

static void importer_outlives_the_handle(struct kunit *test)
{
	struct exporter *exporter = test->priv;
	struct importer *importer = importer_attach(test, exporter);

	KUNIT_ASSERT_EQ(test, importer_map(importer), 0);
	drm_gem_object_put(&exporter->obj->bo.base);
	exporter->obj = NULL;
	check_list(test, importer);
	dma_resv_lock(exporter->dmabuf->resv, NULL);
	importer_unmap(importer);
	dma_resv_unlock(exporter->dmabuf->resv);
	dma_buf_detach(exporter->dmabuf, importer->attach);
}

static struct kunit_case importer_cases[] = {
	KUNIT_CASE_PARAM(importer_maps, importer_gen_params),
	KUNIT_CASE_PARAM(importer_is_revoked, importer_gen_params),
	KUNIT_CASE_PARAM(importer_pins, importer_gen_params),
	KUNIT_CASE(importer_vmaps_a_revoked_one),
	KUNIT_CASE_PARAM(importer_outlives_the_handle, importer_gen_params),
	{}
};

static struct kunit_suite importer_suite = {
	.name = "zcgem_importer",
	.init = exporter_init,
	.exit = exporter_exit,
	.test_cases = importer_cases,
};

kunit_test_suite(importer_suite);

ZCGEM_IMPORT_NS_DMA_BUF;
ZCGEM_IMPORT_NS_KUNIT;
