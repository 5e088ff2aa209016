# SPDX-License-Identifier: MIT
"""The next kernel: does the driver compile against what Debian experimental has? Only a warning of
what is to come, so a kernel that breaks the build fails nothing.

The headers' packages are unpacked beside the trees and shown to the tree of Debian testing, whose
compilers they expect. They are looked up anew each time.
"""

import re
import shutil
import subprocess

import build
import rootfs
from results import PASS, SKIP, Result

# apt's own state stays as it is: in a tree's /tmp nothing is kept.
DOWNLOAD = r"""
mkdir -p /tmp/lists/partial /tmp/parts
echo "deb $MIRROR experimental main" >/tmp/sources
apt() {
	command="$1"; shift
	apt-get -q "$command" -o Dir::Etc::SourceList=/tmp/sources -o Dir::Etc::SourceParts=/tmp/parts \
		-o Dir::State::Lists=/tmp/lists -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none \
		-o APT::Sandbox::User=root "$@"
}
apt update >&2
release=$(cat /tmp/lists/*Packages* | sed -n 's/^Package: linux-headers-\([0-9][^-]*\(-rc[0-9]*\)\?\)-amd64$/\1/p' |
	sort -V | tail -1)
[ "$release" ] || { echo "experimental has no linux-headers-*-amd64" >&2; exit 1; }
cd /next
if ! [ -e "$release" ]; then
	rm -rf ./*
	mkdir part
	cd part
	apt download "linux-headers-$release-amd64" "linux-headers-$release-common" \
		"linux-kbuild-$release" >&2
	for deb in *.deb; do dpkg -x "$deb" .; done
	rm *.deb
	mv /next/part "/next/$release"
fi
echo "$release"
"""


class NextKernel:
    """To build.py what a stock kernel is; there is none to boot."""

    name = "next"

    def __init__(self):
        self.tree = rootfs.build_tree("7.2").get()
        place = rootfs.cache_dir() / "next"
        place.mkdir(exist_ok=True)
        with rootfs.locked("next"):
            done = rootfs.in_tree(self.tree, ["env", f"MIRROR={rootfs.mirror()}", "sh", "-ec",
                                              DOWNLOAD], binds=[(place, "/next")],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise rootfs.TreeError("no kernel headers of experimental:\n" + done.stderr[-2000:])
        release = done.stdout.split()[-1]
        self.version = f"{release}-amd64"
        top = place / release
        self.binds = [(path, "/" + str(path.relative_to(top)))
                      for pattern in ("usr/src/*", "usr/lib/linux-kbuild-*", "usr/lib/modules/*")
                      for path in top.glob(pattern)]


def run(_kernel=None, _modules=None):
    """The test group: one line, which is a skip where the build breaks."""
    shutil.rmtree(build.BUILD / NextKernel.name, ignore_errors=True)
    try:
        kernel = NextKernel()
    except rootfs.TreeError as error:
        return [Result("next", "build", "", SKIP, str(error).strip().splitlines()[-1])]
    try:
        build.module(kernel)
    except build.BuildError as error:
        first = re.search(r".*\berror: .*|^ERROR: modpost: .*", str(error), re.M)
        return [Result("next", "build", "", SKIP, f"Linux {kernel.version} breaks the build: "
                       + (first[0] if first else str(error).splitlines()[0]), detail=str(error))]
    return [Result("next", "build", "", PASS, f"the driver compiles for Linux {kernel.version}")]
