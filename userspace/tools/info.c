// SPDX-License-Identifier: MIT
/*
 * zcgem info: the device, its parameters, and what cannot be kept here.
 */
#include <argp.h>
#include <errno.h>
#include <error.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <xf86drm.h>
#include <zcgem.h>

#include "degraded.h"
#include "json.h"
#include "page_size.h"
#include "tool.h"

struct info {
	drmVersionPtr driver;
	char nodes[2][64];		/* render and card; empty where it is not to be seen */
	struct utsname kernel;
	struct rlimit memlock;
	struct parameters parameters;
	struct degradation degradations[MAX_DEGRADATIONS];
	unsigned int degradation_count;
};

static const char * const backing_names[] = { "pool", "memfd", "userptr", "svm", "import" };
static const char * const operation_names[] = { "copy", "fill" };
static const char * const advice_names[] = { "populate", "evict", "revalidate" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * The names of a device's nodes. libdrm knows them all from sysfs; where that is hidden, the
 * node that is open has the name that it was opened by, or one in /dev/dri.
 */
static void name_nodes(int fd, char nodes[2][64])
{
	static const int types[] = { DRM_NODE_RENDER, DRM_NODE_PRIMARY };
	struct stat open_node, node;
	drmDevicePtr device;
	int i;

	if (!drmGetDevice2(fd, 0, &device)) {
		for (i = 0; i < 2; i++)
			if (device->available_nodes & (1 << types[i]))
				snprintf(nodes[i], sizeof(nodes[i]), "%s", device->nodes[types[i]]);
		drmFreeDevice(&device);
		return;
	}
	if (getenv("ZCGEM_DEVICE"))
		snprintf(nodes[0], sizeof(nodes[0]), "%s", getenv("ZCGEM_DEVICE"));
	if (fstat(fd, &open_node))
		return;
	for (i = 128; i < 192; i++) {
		char path[64];

		snprintf(path, sizeof(path), DRM_RENDER_DEV_NAME, DRM_DIR_NAME, i);
		if (!stat(path, &node) && node.st_rdev == open_node.st_rdev)
			snprintf(nodes[0], sizeof(nodes[0]), "%s", path);
	}
}

static void ask(struct zcgem_device *dev, struct parameters *parameters)
{
	uint64_t * const values[] = {
		[DRM_ZCGEM_PARAM_UAPI_VERSION] = &parameters->uapi_version,
		[DRM_ZCGEM_PARAM_MAX_RANGES] = &parameters->max_ranges,
		[DRM_ZCGEM_PARAM_MAX_SIZE] = &parameters->max_size,
		[DRM_ZCGEM_PARAM_BACKINGS] = &parameters->backings,
		[DRM_ZCGEM_PARAM_LEAF_SIZES] = &parameters->leaf_sizes,
		[DRM_ZCGEM_PARAM_LIVE_INVALIDATION] = &parameters->live_invalidation,
		[DRM_ZCGEM_PARAM_ADVICE] = &parameters->advice,
		[DRM_ZCGEM_PARAM_REVOKE] = &parameters->revoke,
		[DRM_ZCGEM_PARAM_WATCH] = &parameters->watch,
		[DRM_ZCGEM_PARAM_SUBMIT] = &parameters->submit,
		[DRM_ZCGEM_PARAM_MAX_OPS] = &parameters->max_ops,
		[DRM_ZCGEM_PARAM_MAX_SYNCS] = &parameters->max_syncs,
		[DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT] = &parameters->in_fence_timeout,
		[DRM_ZCGEM_PARAM_WAIT] = &parameters->wait,
		[DRM_ZCGEM_PARAM_SVM] = &parameters->svm,
		[DRM_ZCGEM_PARAM_JOB_TIMEOUT] = &parameters->job_timeout,
		[DRM_ZCGEM_PARAM_USER_SHARE] = &parameters->user_share,
	};
	unsigned int i;

	for (i = 0; i < COUNT(values); i++)
		if (!zcgem_device_get_param(dev, i, values[i]))
			parameters->known |= 1ull << i;
}

static int gather(struct zcgem_device *dev, struct info *info)
{
	int fd = zcgem_device_fd(dev);

	info->driver = drmGetVersion(fd);
	if (!info->driver) {
		error(0, errno, "cannot read about the device");
		return -1;
	}
	name_nodes(fd, info->nodes);
	uname(&info->kernel);
	getrlimit(RLIMIT_MEMLOCK, &info->memlock);
	ask(dev, &info->parameters);
	info->degradation_count = find_degradations(&info->parameters, info->degradations);
	return 0;
}

static const char *count_text(const struct info *info, uint32_t param, uint64_t value)
{
	static char text[24];

	if (!(info->parameters.known & (1ull << param)))
		return "not known to this kernel";
	snprintf(text, sizeof(text), "%" PRIu64, value);
	return text;
}

static void print_names(uint64_t mask, const char * const *names, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (mask & (1ull << i))
			printf(" %s", names[i]);
	if (mask >> count)
		printf(" (and newer ones)");
}

static void print_text(const struct info *info)
{
	const struct parameters *parameters = &info->parameters;
	unsigned int i;

	printf("device: %s %d.%d, %s\n", info->driver->name, info->driver->version_major,
	       info->driver->version_minor, info->driver->desc);
	printf("nodes: %s %s\n", info->nodes[0], info->nodes[1]);
	printf("kernel: %s\n", info->kernel.release);
	printf("uAPI version: %s (this program: %u)\n",
	       count_text(info, DRM_ZCGEM_PARAM_UAPI_VERSION, parameters->uapi_version),
	       DRM_ZCGEM_UAPI_VERSION);
	printf("ranges an object: %s\n",
	       count_text(info, DRM_ZCGEM_PARAM_MAX_RANGES, parameters->max_ranges));
	printf("bytes an object: %s\n",
	       count_text(info, DRM_ZCGEM_PARAM_MAX_SIZE, parameters->max_size));

	printf("backings:");
	print_names(parameters->backings, backing_names, COUNT(backing_names));
	printf("\nadvice:");
	print_names(parameters->advice, advice_names, COUNT(advice_names));
	printf("\npage table entries:");
	for (i = 0; i < 64; i++)
		if (parameters->leaf_sizes & (1ull << i))
			printf(" %s", size_text(1ull << i).text);
	printf("\nlive invalidation: %s\n",
	       count_text(info, DRM_ZCGEM_PARAM_LIVE_INVALIDATION, parameters->live_invalidation));
	printf("revocation: %s\n",
	       count_text(info, DRM_ZCGEM_PARAM_REVOKE, parameters->revoke));
	printf("watch addresses: %s\n",
	       count_text(info, DRM_ZCGEM_PARAM_WATCH, parameters->watch));
	printf("mirrored address ranges (SVM): %s\n",
	       count_text(info, DRM_ZCGEM_PARAM_SVM, parameters->svm));
	printf("operations:");
	print_names(parameters->submit, operation_names, COUNT(operation_names));
	printf("\noperations a submit: %s\n",
	       count_text(info, DRM_ZCGEM_PARAM_MAX_OPS, parameters->max_ops));
	printf("syncs a submit: %s\n",
	       count_text(info, DRM_ZCGEM_PARAM_MAX_SYNCS, parameters->max_syncs));
	printf("longest wait for fences of others: %s ns\n",
	       count_text(info, DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT,
			  parameters->in_fence_timeout));
	printf("longest run of a submit: %s ns\n",
	       count_text(info, DRM_ZCGEM_PARAM_JOB_TIMEOUT, parameters->job_timeout));
	printf("waits: %s\n", count_text(info, DRM_ZCGEM_PARAM_WAIT, parameters->wait));
	if (info->memlock.rlim_cur == RLIM_INFINITY)
		printf("caller's RLIMIT_MEMLOCK: unlimited\n");
	else
		printf("caller's RLIMIT_MEMLOCK: %s bytes\n", size_text(info->memlock.rlim_cur).text);
	if (parameters->known & (1ull << DRM_ZCGEM_PARAM_USER_SHARE))
		printf("the user's share of memory: %s bytes\n",
		       size_text(parameters->user_share).text);

	printf("degraded here:%s\n", info->degradation_count ? "" : " nothing");
	for (i = 0; i < info->degradation_count; i++)
		printf("  %s: %s\n    to do: %s\n", info->degradations[i].contract,
		       info->degradations[i].reason, info->degradations[i].remedy);
}

static void json_number(const struct info *info, const char *name, uint32_t param, uint64_t value,
			const char *end)
{
	if (info->parameters.known & (1ull << param))
		printf("    \"%s\": %" PRIu64 "%s\n", name, value, end);
	else
		printf("    \"%s\": null%s\n", name, end);
}

static void json_names(const char *name, uint64_t mask, const char * const *names,
		       unsigned int count)
{
	const char *comma = "";
	unsigned int i;

	printf("    \"%s\": [", name);
	for (i = 0; i < count; i++) {
		if (!(mask & (1ull << i)))
			continue;
		printf("%s\"%s\"", comma, names[i]);
		comma = ", ";
	}
	printf("],\n");
}

static void print_json(const struct info *info)
{
	const struct parameters *parameters = &info->parameters;
	const char *comma = "";
	unsigned int i;

	printf("{\n  \"driver\": { ");
	json_string("name", info->driver->name, ", ");
	json_string("description", info->driver->desc, ", ");
	printf("\"version\": \"%d.%d\" },\n  \"nodes\": { ", info->driver->version_major,
	       info->driver->version_minor);
	json_string("render", info->nodes[0], ", ");
	json_string("card", info->nodes[1], " },\n  ");
	json_string("kernel", info->kernel.release, ",\n");

	printf("  \"parameters\": {\n");
	json_number(info, "uapi_version", DRM_ZCGEM_PARAM_UAPI_VERSION, parameters->uapi_version, ",");
	json_number(info, "max_ranges", DRM_ZCGEM_PARAM_MAX_RANGES, parameters->max_ranges, ",");
	json_number(info, "max_size", DRM_ZCGEM_PARAM_MAX_SIZE, parameters->max_size, ",");
	json_number(info, "live_invalidation", DRM_ZCGEM_PARAM_LIVE_INVALIDATION,
		    parameters->live_invalidation, ",");
	json_number(info, "revoke", DRM_ZCGEM_PARAM_REVOKE, parameters->revoke, ",");
	json_number(info, "watch", DRM_ZCGEM_PARAM_WATCH, parameters->watch, ",");
	json_number(info, "svm", DRM_ZCGEM_PARAM_SVM, parameters->svm, ",");
	json_number(info, "max_ops", DRM_ZCGEM_PARAM_MAX_OPS, parameters->max_ops, ",");
	json_number(info, "max_syncs", DRM_ZCGEM_PARAM_MAX_SYNCS, parameters->max_syncs, ",");
	json_number(info, "in_fence_timeout", DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT,
		    parameters->in_fence_timeout, ",");
	json_number(info, "job_timeout", DRM_ZCGEM_PARAM_JOB_TIMEOUT, parameters->job_timeout,
		    ",");
	json_number(info, "wait", DRM_ZCGEM_PARAM_WAIT, parameters->wait, ",");
	json_number(info, "user_share", DRM_ZCGEM_PARAM_USER_SHARE, parameters->user_share, ",");
	json_names("operations", parameters->submit, operation_names, COUNT(operation_names));
	json_names("backings", parameters->backings, backing_names, COUNT(backing_names));
	json_names("advice", parameters->advice, advice_names, COUNT(advice_names));
	printf("    \"leaf_sizes\": [");
	for (i = 0; i < 64; i++) {
		if (!(parameters->leaf_sizes & (1ull << i)))
			continue;
		printf("%s%llu", comma, 1ull << i);
		comma = ", ";
	}
	printf("]\n  },\n");

	if (info->memlock.rlim_cur == RLIM_INFINITY)
		printf("  \"rlimit_memlock\": null,\n");
	else
		printf("  \"rlimit_memlock\": %llu,\n", (unsigned long long)info->memlock.rlim_cur);

	printf("  \"degraded\": [");
	for (i = 0; i < info->degradation_count; i++) {
		printf("%s\n    { ", i ? "," : "");
		json_string("contract", info->degradations[i].contract, ", ");
		json_string("reason", info->degradations[i].reason, ", ");
		json_string("remedy", info->degradations[i].remedy, " }");
	}
	printf("%s]\n}\n", info->degradation_count ? "\n  " : "");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	if (key == ARGP_KEY_ARG)
		argp_error(state, "unexpected argument '%s'", arg);
	if (key != 'j')
		return ARGP_ERR_UNKNOWN;
	*json = true;
	return 0;
}

int cmd_info(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "json", 'j', NULL, 0, "Print JSON", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Print what the zcgem device of this machine can do, and which of its "
		       "contracts are degraded here and why.",
	};
	struct info info = { 0 };
	struct zcgem_device *dev;
	bool json = false;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &json);
	if (open_device(&dev))
		return EXIT_FAILURE;
	ret = gather(dev, &info);
	if (!ret && json)
		print_json(&info);
	else if (!ret)
		print_text(&info);
	drmFreeVersion(info.driver);
	zcgem_device_unref(dev);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
