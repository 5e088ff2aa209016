// SPDX-License-Identifier: MIT
/*
 * See no_device.h. The steps from a package to a node are gone through in their
 * order; the first that was not taken is the reason.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "no_device.h"

static bool exists(const char *root, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", root, name);
	return !access(path, F_OK);
}

/* Does a line of a file have this text? */
static bool file_has(const char *root, const char *name, const char *text)
{
	char path[PATH_MAX], *line = NULL;
	bool found = false;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", root, name);
	file = fopen(path, "r");
	while (file && !found && getline(&line, &room, file) >= 0)
		found = strstr(line, text);
	if (file)
		fclose(file);
	free(line);
	return found;
}

static bool locked_down(const char *root)
{
	static const char lockdown[] = "/sys/kernel/security/lockdown";

	return file_has(root, lockdown, "[integrity]") ||
	       file_has(root, lockdown, "[confidentiality]");
}

/* An empty file in /etc is how one says not to load what a package wants loaded. */
static bool masked(const char *root)
{
	static const char name[] = "/etc/modules-load.d/zcgem.conf";

	return exists(root, name) && !file_has(root, name, "zcgem");
}

static void say(const char *reason, const char *remedy)
{
	fprintf(stderr, "  why: %s\n  to do: %s\n", reason, remedy);
}

static void explain_not_loaded(const char *root, const char *release)
{
	char indexes[256], headers[256], remedy[512];

	snprintf(indexes, sizeof(indexes), "/lib/modules/%s/modules.dep", release);
	snprintf(headers, sizeof(headers), "/lib/modules/%s/build", release);

	if (file_has(root, indexes, "/zcgem.ko")) {
		if (locked_down(root))
			say("the module is installed and not loaded; this kernel is locked down (secure boot) and wants modules signed with a key that it knows",
			    "modprobe zcgem; if the key was rejected: mokutil --import /var/lib/dkms/mok.pub, reboot, enrol it");
		else
			say("the module is installed and not loaded",
			    masked(root) ?
			    "modprobe zcgem; for every boot: rm /etc/modules-load.d/zcgem.conf, which is empty and hides the installed one" :
			    "modprobe zcgem");
	} else if (!exists(root, headers)) {
		snprintf(remedy, sizeof(remedy),
			 "apt install linux-headers-%s zcgem-dkms (linux-headers-amd64 follows upgrades)",
			 release);
		say("the module is not built for the running kernel, whose headers are not installed",
		    remedy);
	} else if (exists(root, "/var/lib/dkms/zcgem")) {
		snprintf(remedy, sizeof(remedy),
			 "dkms autoinstall -k %s; what goes wrong is in /var/lib/dkms/zcgem/VERSION/build/make.log",
			 release);
		say("DKMS has the module and did not build it for the running kernel", remedy);
	} else {
		say("the module is not installed for the running kernel",
		    "apt install zcgem-dkms, or build drm/zcgem by hand");
	}
}

void explain_no_device(int error, const char *root)
{
	struct utsname kernel;

	if (uname(&kernel))
		return;
	if (error != -ENODEV && error != -EACCES && error != -EPERM)
		return;
	if (!exists(root, "/sys/module/zcgem"))
		/* A node that is closed is another driver's then. */
		explain_not_loaded(root, kernel.release);
	else if (error != -ENODEV)
		say("the render node is not open to this user",
		    "adduser USER render and log in again; who sits at the machine gets it from udev");
	else
		say("the module is loaded and its device has no node here",
		    "look for zcgem in dmesg and in /sys/class/drm; in a container, pass /dev/dri on");
}
