// SPDX-License-Identifier: MIT
/*
 * See no_device.h. The steps from a package to a node are gone through in their
 * order; the first that was not taken is the reason.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
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

/* Is the unit that loads the module at every boot masked, by an empty file or /dev/null? */
static bool masked(const char *root)
{
	struct stat unit;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/etc/systemd/system/zcgem.service", root);
	return !stat(path, &unit) && !unit.st_size;
}

/* Is it installed, and not to be started? */
static bool disabled(const char *root)
{
	struct stat wanted;
	char path[PATH_MAX];

	snprintf(path, sizeof(path),
		 "%s/etc/systemd/system/multi-user.target.wants/zcgem.service", root);
	return lstat(path, &wanted) && (exists(root, "/usr/lib/systemd/system/zcgem.service") ||
					exists(root, "/lib/systemd/system/zcgem.service"));
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
			    "modprobe zcgem; for every boot: systemctl unmask zcgem.service" :
			    disabled(root) ?
			    "modprobe zcgem; for every boot: systemctl enable zcgem.service" :
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

/* In a sandbox neither may be there, and then nothing tells what the kernel has. */
static bool sees_modules(const char *root)
{
	return exists(root, "/sys/module") || exists(root, "/proc/modules");
}

static bool is_loaded(const char *root)
{
	return exists(root, "/sys/module/zcgem") || file_has(root, "/proc/modules", "zcgem ");
}

static bool in_group(gid_t group)
{
	gid_t groups[256];
	int count = getgroups(sizeof(groups) / sizeof(*groups), groups), i;

	for (i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return getegid() == group;
}

/* The first render node that this user may not open and that sysfs gives no other driver. */
static bool find_refused(const char *root, char path[PATH_MAX], struct stat *node)
{
	char link[PATH_MAX], target[PATH_MAX];
	const char *driver;
	ssize_t length;
	int number;

	for (number = 128; number < 192; number++) {
		snprintf(path, PATH_MAX, "%s/dev/dri/renderD%d", root, number);
		if (stat(path, node))
			continue;
		snprintf(link, sizeof(link), "%s/sys/dev/char/%u:%u/device/driver", root,
			 major(node->st_rdev), minor(node->st_rdev));
		length = readlink(link, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = 0;
		driver = strrchr(target, '/');
		if (!driver || !strcmp(driver + 1, "zcgem"))
			return true;
	}
	return false;
}

static void explain_refused(const char *root, int error)
{
	const struct group *group;
	struct statvfs mount;
	char path[PATH_MAX];
	struct stat node;

	if (!find_refused(root, path, &node)) {
		say("what is in /dev/dri may not be looked at", "give this user or sandbox /dev/dri");
	} else if (error == -EPERM) {
		fprintf(stderr, "  why: %s is there, and this container's device list or seccomp filter refuses it\n",
			path);
		fputs("  to do: pass the node on: docker run --device, DeviceAllow= of a systemd unit\n", stderr);
	} else if (!statvfs(path, &mount) && mount.f_flag & ST_NODEV) {
		fprintf(stderr, "  why: %s is on a file system without device nodes (nodev)\n", path);
		fputs("  to do: bind the node itself: bwrap --dev-bind, flatpak --device=dri\n", stderr);
	} else if ((node.st_mode & 0060) != 0060) {
		fprintf(stderr, "  why: %s has the mode %03o, which gives its group nothing\n", path,
			node.st_mode & 0777);
		fputs("  to do: chmod 660 it, or look at the udev rules\n", stderr);
	} else if (in_group(node.st_gid) || !geteuid()) {
		fprintf(stderr, "  why: %s has a mode that lets this user open it, and a security policy (AppArmor, SELinux, Landlock) does not\n",
			path);
		fputs("  to do: look for what confines this process\n", stderr);
	} else if ((group = getgrgid(node.st_gid))) {
		fprintf(stderr, "  why: %s is for the group %s, which this user is not in\n", path,
			group->gr_name);
		fprintf(stderr, "  to do: adduser USER %s and log in again; who sits at the machine gets it from udev\n",
			group->gr_name);
	} else {
		fprintf(stderr, "  why: %s is for the group %u, which this user is not in\n", path,
			node.st_gid);
		fputs("  to do: pass that group on to this container or user namespace\n", stderr);
	}
}

void explain_no_device(int error, const char *root)
{
	const char *path = secure_getenv("ZCGEM_DEVICE");
	char reason[PATH_MAX + 64];
	struct utsname kernel;

	if (path && *path) {
		snprintf(reason, sizeof(reason), "ZCGEM_DEVICE names %s%s", path,
			 error == -ENODEV ? ", which is no node of zcgem" : "");
		say(reason, "unset ZCGEM_DEVICE, or let it name a node: ls -l /dev/dri/by-driver");
		return;
	}
	switch (error) {
	case -ENXIO:
		say("the module is loaded, and there is no render node of it in /dev/dri here",
		    "in a container or sandbox, pass /dev/dri on; else look for zcgem in dmesg and in /sys/class/drm");
		break;
	case -EACCES:
	case -EPERM:
		/* A node that is closed is another driver's where this one is not in the kernel. */
		if (is_loaded(root) || !sees_modules(root)) {
			explain_refused(root, error);
			break;
		}
		/* fall through */
	case -ENODEV:
		if (!sees_modules(root))
			say("there is no render node of zcgem in /dev/dri, and no /sys or /proc that would tell whether the module is loaded",
			    "in a container or sandbox, pass /dev/dri on; see zcgem info outside of it");
		else if (!uname(&kernel))
			explain_not_loaded(root, kernel.release);
		break;
	}
}
