// SPDX-License-Identifier: MIT
/*
 * See degraded.h. Each check knows one reason.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <zcgem.h>

#include "degraded.h"
#include "page_size.h"

#define THP	"/sys/kernel/mm/transparent_hugepage/"
#define SIZE_1G	((uint64_t)1 << 30)

struct findings {
	struct degradation *list;
	unsigned int count;
};

__attribute__((format(printf, 4, 5)))
static void add(struct findings *findings, const char *contract, const char *remedy,
		const char *format, ...)
{
	struct degradation *next = &findings->list[findings->count];
	va_list arguments;

	if (findings->count == MAX_DEGRADATIONS)
		return;
	findings->count++;
	next->contract = contract;
	next->remedy = remedy;
	va_start(arguments, format);
	vsnprintf(next->reason, sizeof(next->reason), format, arguments);
	va_end(arguments);
}

static bool has(const struct parameters *parameters, uint32_t param)
{
	return parameters->known & (1ull << param);
}

static void check_invalidation(const struct parameters *parameters, struct findings *findings)
{
	if (!has(parameters, DRM_ZCGEM_PARAM_LIVE_INVALIDATION) || parameters->live_invalidation)
		return;
	add(findings, "invalidation",
	    "use a kernel where invalidation cannot be configured out (Debian testing's), or build this one with CONFIG_DMABUF_MOVE_NOTIFY=y",
	    "this kernel was built without CONFIG_DMABUF_MOVE_NOTIFY: dynamic importers are not told when memory moves, so it is pinned while they map it");
}

/* The choice in brackets of a sysfs file such as "always [madvise] never". */
static bool sysfs_choice(const char *path, char *choice, size_t size)
{
	FILE *file = fopen(path, "r");
	char line[128] = "", *start, *end;

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	start = strchr(line, '[');
	end = start ? strchr(start, ']') : NULL;
	if (!end)
		return false;
	*end = 0;
	snprintf(choice, size, "%s", start + 1);
	return true;
}

static void check_leaf_sizes(const struct parameters *parameters, struct findings *findings)
{
	uint64_t large = pmd_size();
	struct utsname kernel;
	char choice[16];

	if (!has(parameters, DRM_ZCGEM_PARAM_LEAF_SIZES))
		return;
	if (!(parameters->leaf_sizes & large))
		add(findings, "large folios",
		    "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE=y, which real-time kernels lack",
		    "CPU mappings have no %s entries: the kernel or the processor lacks them",
		    size_text(large).text);
#ifdef __x86_64__
	if (!(parameters->leaf_sizes & SIZE_1G))
		add(findings, "large folios",
		    "none but another processor (pdpe1gb in /proc/cpuinfo); 2M entries cost little more",
		    "CPU mappings have no 1G entries: the kernel or the processor lacks them");
#endif

	/* Before version 7 the setting is obeyed for every mapping, also for those of a driver. */
	if (parameters->leaf_sizes & large && !uname(&kernel) && atoi(kernel.release) < 7 &&
	    sysfs_choice(THP "enabled", choice, sizeof(choice)) && !strcmp(choice, "never"))
		add(findings, "large folios",
		    "echo madvise >" THP "enabled",
		    "CPU mappings get entries of one page only: " THP "enabled is \"never\", which this kernel applies to drivers too");
}

static void check_shmem(struct findings *findings)
{
	char choice[16];

	if (sysfs_choice(THP "shmem_enabled", choice, sizeof(choice)) &&
	    (!strcmp(choice, "never") || !strcmp(choice, "deny")))
		add(findings, "large folios",
		    "echo advise >" THP "shmem_enabled, and madvise(MADV_HUGEPAGE) in the program; or make the memfd with MFD_HUGETLB",
		    "memfds get no huge pages unless made with MFD_HUGETLB: " THP "shmem_enabled is \"%s\"",
		    choice);
}

static bool has_ipc_lock(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long long effective = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	if (file)
		fclose(file);
	return effective & (1ull << 14);
}

static void check_memlock(const struct parameters *parameters, struct findings *findings)
{
	struct rlimit limit;

	/* A share of memory is what a machine with several users has for one. */
	if (has(parameters, DRM_ZCGEM_PARAM_USER_SHARE) && parameters->user_share)
		return;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY || has_ipc_lock())
		return;
	if (has(parameters, DRM_ZCGEM_PARAM_MAX_SIZE) && limit.rlim_cur >= parameters->max_size)
		return;
	add(findings, "accounting",
	    "load the module with user_percent=25, or raise the limit where the program is started: LimitMEMLOCK= of a systemd unit, memlock in /etc/security/limits.conf",
	    "devices can hold %s bytes of the caller's memory: that is its RLIMIT_MEMLOCK (ulimit -l), it has no share of memory (user_percent), and it lacks CAP_IPC_LOCK",
	    size_text(limit.rlim_cur).text);
}

unsigned int find_degradations(const struct parameters *parameters, struct degradation *list)
{
	struct findings findings = { .list = list };

	check_invalidation(parameters, &findings);
	check_leaf_sizes(parameters, &findings);
	check_shmem(&findings);
	check_memlock(parameters, &findings);
	return findings.count;
}
