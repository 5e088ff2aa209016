# SPDX-License-Identifier: MIT
"""The sw_sync module, which IGT's fence tests need and stock kernels are built without: made at
test time from the kernel's own source package."""

import os
import shutil
import subprocess

import build
import rootfs

FILES = ["sw_sync.c", "sync_debug.c", "sync_debug.h", "sync_trace.h"]
NAME = "igt_sw_sync"

MAKEFILE = f"""obj-m := {NAME}.o
{NAME}-y := sw_sync.o sync_debug.o licence.o
ccflags-y += -I$(src) -include linux/module.h
"""
LICENCE = """#include <linux/module.h>
MODULE_DESCRIPTION("software sync timelines for tests");
MODULE_LICENSE("GPL");
"""


def module(kernel):
    """Path of the module, which is kept beside the kernel that it was built for."""
    directory = kernel.tree / "opt/sw_sync"
    done = directory / f"{NAME}.ko"
    if done.exists():
        return done
    with rootfs.locked("kernel-" + kernel.name):
        if done.exists():
            return done
        part = kernel.tree / "opt/sw_sync.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        package = next((kernel.tree / "usr/src").glob("linux-source-*.tar.xz"))
        # The members come early in the archive, but tar can not know that there is no second one.
        subprocess.run(["tar", "-C", str(part), "-xJf", str(package), "--strip-components=3",
                        "--wildcards", *(f"*/drivers/dma-buf/{name}" for name in FILES)],
                       check=True)
        _out_of_tree(part)
        built = rootfs.in_tree(kernel.tree, [
            "make", "-C", f"/lib/modules/{kernel.version}/build", "M=/opt/sw_sync.part",
            f"-j{os.cpu_count()}", "modules"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        if built.returncode:
            raise build.BuildError("sw_sync does not build:\n" + built.stdout[-4000:])
        part.rename(directory)
    return done


def _out_of_tree(directory):
    (directory / "Makefile").write_text(MAKEFILE)
    (directory / "licence.c").write_text(LICENCE)
    trace = directory / "sync_trace.h"
    trace.write_text(trace.read_text().replace("TRACE_INCLUDE_PATH ../../drivers/dma-buf",
                                               "TRACE_INCLUDE_PATH ."))
    # Not exported to modules; only debugfs prints the name.
    debug = directory / "sync_debug.c"
    debug.write_text(debug.read_text().replace("sync_file_get_name(sync_file, buf, sizeof(buf))",
                                               '"sync_file"'))
