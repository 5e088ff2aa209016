# SPDX-License-Identifier: MIT
"""The kernel's selftest of udmabuf, compiled unchanged from the kernel's own source package."""

import shutil
import subprocess

import build
import rootfs

TOP = "tools/testing/selftests"
FILES = [f"*/{TOP}/drivers/dma-buf/udmabuf.c", f"*/{TOP}/kselftest.h"]
TREE = "opt/selftest"


def _sources(kernel):
    directory = kernel.tree / TREE
    if directory.exists():
        return
    part = directory.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    package = next((kernel.tree / "usr/src").glob("linux-source-*.tar.xz"))
    subprocess.run(["tar", "-C", str(part), "-xJf", str(package), "--strip-components=1",
                    "--wildcards", *FILES], check=True)
    part.rename(directory)


def build_for(kernel, directory):
    """udmabuf-6.12 and so on, static: the guests have another C library."""
    target = directory / f"udmabuf-{kernel.name}"
    with rootfs.locked("kernel-" + kernel.name):
        _sources(kernel)
        if target.exists():
            return
        # The headers' packages bring a compiler of some version along.
        done = rootfs.in_tree(kernel.tree, [
            "sh", "-ec", f"cd /{TREE}/{TOP}/drivers/dma-buf; "
            "set -- /usr/bin/x86_64-linux-gnu-gcc-*[0-9]; "
            "$1 -O2 -static -I../.. -o /opt/udmabuf-selftest udmabuf.c"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise build.BuildError("the kernel's udmabuf selftest does not build:\n"
                                   + done.stdout[-4000:])
        shutil.copy(kernel.tree / "opt/udmabuf-selftest", target)
