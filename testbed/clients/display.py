# SPDX-License-Identifier: MIT
"""zcgem's buffers on a display, drawn by clients: what QEMU shows is compared with what they drew."""

import time

import demo
import machine
import results
from results import FAIL, PASS, Result

TIMEOUT = 240
JOB = """cd /work
export slower={slower}
sh testbed/clients/guest/display.sh {driver}
status=$?
sh testbed/guest/unload >/tmp/unload 2>&1; cp /tmp/unload /out/
exit $status
"""


def triangle(x, y, width, height):
    """gl.c's picture, or None on the edge, which may fall to either side."""
    place, edge = x * height + (height - 1 - y) * width, width * height
    if abs(place - edge) <= width + height:
        return None
    return b"\x40\xc0\xe0" if place < edge else b"\x20\x40\x80"


def window(x, y, width, height):
    """pattern.h's picture."""
    if x == y:
        return b"\xff\xff\xff"
    return (b"\xc0\x20\x30", b"\x30\xb0\x40", b"\x20\x40\xd0",
            b"\xe0\xd0\x40")[(x >= width // 2) + 2 * (y >= height // 2)]


PICTURES = {"triangle": triangle, "window": window}


def wrong(path, picture):
    """How many pixels of a screenshot are not the picture's."""
    shot = demo.Picture(path)
    count = 0
    for y in range(shot.height):
        row = shot.pixels[y * shot.width * 3:(y + 1) * shot.width * 3]
        for x in range(shot.width):
            want = picture(x, y, shot.width, shot.height)
            count += want is not None and row[3 * x:3 * x + 3] != want
    return count


def run(kernel, modules):
    """The test group."""
    vga, driver = demo.DISPLAYS[kernel.name]
    slower = machine.patience(kernel)
    vm = machine.Machine(kernel, machine.Options(mem="2G", cpu="Nehalem", tree="clients", vga=vga),
                         JOB.format(driver=driver, slower=slower), modules, stdin=True,
                         monitor=True)
    vm.start()
    limit = TIMEOUT * slower
    deadline, found = time.monotonic() + limit, []
    for name, picture in PICTURES.items():
        shot = vm.directory / f"{name}.ppm"
        if not vm.read(deadline, until=f"shot {name}\n".encode()):
            found.append(Result(kernel.name, "client-display", f"screenshot of the {name}", FAIL,
                                "the guest never came to it"))
            break
        vm.ask("screendump", filename=str(shot))
        vm.write(b"\n")
        bad = wrong(shot, picture)
        found.append(Result(kernel.name, "client-display", f"screenshot of the {name}",
                            FAIL if bad else PASS, f"{bad} pixels are wrong" if bad else ""))
    outcome = vm.finish(limit + machine.BOOT_LIMIT)
    text = outcome.output.decode(errors="replace")
    found += results.from_tap(kernel.name, "client-display", text, outcome.status or 0)
    if outcome.trouble or outcome.reports:
        found.append(Result(kernel.name, "client-display", "guest", FAIL,
                            outcome.trouble or "the kernel reported",
                            detail=outcome.explain()))
    unload = vm.out / "unload"
    said = unload.read_text().strip() if unload.exists() else "not reached"
    found.append(Result(kernel.name, "client-display", "unload", FAIL if said else PASS, said))
    if any(result.status == FAIL for result in found):
        print(f"bed: kept {vm.directory}", flush=True)
    else:
        vm.forget()
    return found
