# SPDX-License-Identifier: MIT
"""The driver inside a kernel's source: drm/in-tree.py puts it there, and Kbuild builds it by the
configuration of the stock kernel. 6.12 gets it as it is, later ones without the compat header."""

import shutil
import subprocess

import build
import hostchecks
import rootfs
from debug import kernel as debug_kernel
from results import FAIL, PASS, Result

# The source is Debian's, unpacked once for the debug kernels; here it is written to for a while.
SCRIPT = r'''
cd "$SOURCE"
mkdir /mnt/out
echo "step: place"
python3 /work/drm/in-tree.py $COMPAT .
cp -r drivers/gpu/drm/zcgem /result/
cp /stock/.config /mnt/out/.config
cp /stock/Module.symvers /mnt/out/Module.symvers
echo "step: configure"
# BTF wants another tool, the keys are Debian's, and none of it matters here.
scripts/config --file /mnt/out/.config -m DRM_ZCGEM -d DEBUG_INFO_BTF -d MODULE_SIG \
	-d GCC_PLUGINS -d RUST --set-str SYSTEM_TRUSTED_KEYS ""
make -s O=/mnt/out olddefconfig
grep -x CONFIG_DRM_ZCGEM=m /mnt/out/.config
make -s O=/mnt/out -j"$(nproc)" modules_prepare
# Comments were looked at elsewhere, by a Python that has all its modules.
echo "step: build"
# The rest of the kernel is not built, so modpost knows no symbols: they are looked up below.
make -s O=/mnt/out -j"$(nproc)" W=1 KERNELDOC=/dev/null KCFLAGS=-Werror KBUILD_MODPOST_WARN=1 \
	drivers/gpu/drm/zcgem/zcgem.ko >/result/build 2>&1 || { cat /result/build; exit 1; }
! grep -i "warning: " /result/build | grep -v -e "vmlinux.o is missing" -e modpost -e genksyms
echo "step: symbols"
nm -u /mnt/out/drivers/gpu/drm/zcgem/zcgem.ko >/result/needs
awk 'NR == FNR { has[$2] = 1; next } !has[$2] { print "not exported: " $2; bad = 1 } END { exit bad }' \
	/stock/Module.symvers /result/needs
cp /mnt/out/drivers/gpu/drm/zcgem/zcgem.ko /result/
'''


def _source(tree, name):
    """Where the tree has the kernel's source."""
    inside = f"/opt/linux-{name}"
    directory = tree / inside.lstrip("/")
    if not directory.exists():
        with rootfs.locked(f"debug-{name}"):
            debug_kernel.unpack_source(tree, name)
    return inside


def _style(directory):
    """What checkpatch says of the files that only exist here."""
    tree = rootfs.build_tree("7.2").get()
    scripts = hostchecks.kernel_scripts(tree)
    said = ""
    for path in sorted(directory.glob("*.[ch]")):
        inside = "/work/" + str(path.relative_to(build.ROOT))
        done = rootfs.in_tree(tree, [f"{scripts}/scripts/checkpatch.pl", "--no-tree", "--terse",
                                     "--show-types", "--no-summary", "--ignore",
                                     ",".join(hostchecks.IGNORED), "-f", inside],
                              binds=[(build.ROOT, "/work")], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        said += done.stdout
    return said.strip()


def run(kernel, _modules):
    """The test group."""
    keep = kernel.name == "6.12"
    tree = debug_kernel.build_tree(kernel.name).get()
    source = _source(tree, kernel.name)
    result = build.BUILD / "in-tree" / kernel.name
    shutil.rmtree(result, ignore_errors=True)
    result.mkdir(parents=True)
    stock = (kernel.tree / "lib/modules" / kernel.version / "build").resolve()
    done = rootfs.in_tree(tree, ["env", f"SOURCE={source}",
                                 f"COMPAT={'--keep-compat' if keep else ''}", "sh", "-ec", SCRIPT],
                          binds=[(build.ROOT, "/work"), (stock, "/stock"), (result, "/result")],
                          scratch=source,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    (result / "log").write_text(done.stdout)
    name = "as it is" if keep else "without the compat header"
    good = not done.returncode and (result / "zcgem.ko").exists()
    found = [Result(kernel.name, "in-tree", name, PASS if good else FAIL,
                    "" if good else done.stdout.strip().rpartition("\n")[2],
                    detail="" if good else done.stdout[-4000:])]
    if good and not keep:
        said = _style(result / "zcgem")
        found.append(Result(kernel.name, "in-tree", "checkpatch", FAIL if said else PASS,
                            said.partition("\n")[0], detail=said))
    return found
