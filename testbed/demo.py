# SPDX-License-Identifier: MIT
"""The demo: a picture from a memfd on the display of a KMS driver that knows nothing of zcgem; and
the same as a test, which compares the display's pixels with the memfd's."""

import re
import shutil
import sys
import time

import build
import kernel
import machine
from results import FAIL, PASS, Result

# What QEMU shows and who drives it: cirrus on 6.12, where bochs refuses imports, bochs since then.
DISPLAYS = {"6.12": ("cirrus", "cirrus"), "7.2": ("std", "bochs"),
            "7.3": ("std", "bochs")}
PICTURE = "/usr/share/desktop-base/spacefun-theme/grub/grub-16x9.png"
TIMEOUT = 90

JOB = r'''
modprobe {driver} || exit 1
for card in /sys/class/drm/card[0-9]; do
	[ "$(basename "$(readlink $card/device/driver)")" = zcgem ] || node=/dev/dri/${{card##*/}}
done
/work/build/guest/userspace/tools/zcgem show {picture} --card "$node" --dump /out/memfd.ppm --repaint
status=$?
echo
modprobe -r {driver}
sh /work/testbed/guest/unload >/tmp/unload 2>&1; cp /tmp/unload /out/
exit $status
'''


class Picture:
    """A binary PPM: what the memfd holds, or what the display shows."""

    def __init__(self, path):
        data = path.read_bytes()
        header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        self.width, self.height = int(header.group(1)), int(header.group(2))
        self.pixels = data[header.end():]

    def different(self, other, tolerance=0):
        """Pixels that differ, as a part of all."""
        if (self.width, self.height) != (other.width, other.height):
            return 1.0
        if self.pixels == other.pixels:
            return 0.0
        apart = {number // 3 for number, (a, b) in enumerate(zip(self.pixels, other.pixels))
                 if abs(a - b) > tolerance}
        return len(apart) / (self.width * self.height)

    def colours(self):
        return len({self.pixels[i:i + 3] for i in range(0, len(self.pixels), 3)})


class Show:
    """One guest with a display, in which zcgem show runs."""

    def __init__(self, k, modules):
        vga, driver = DISPLAYS[k.name]
        job = JOB.format(driver=driver, picture=PICTURE)
        self.vm = machine.Machine(k, machine.Options(vga=vga), job, modules, stdin=True,
                                  monitor=True)
        self.kernel, self.shots, self.failure = k, {}, None
        self.picture = build.BUILD / "demo" / f"{k.name}.png"

    def _shot(self, word, deadline):
        """Wait for the tool to say the word, then keep what the display and the memfd hold."""
        if not self.vm.read(deadline, until=f"{word}\n".encode()):
            self.failure = self.failure or f"zcgem show never said {word}"
            return
        display = self.vm.directory / f"{word}.ppm"
        self.vm.ask("screendump", filename=str(display))
        memfd = self.vm.directory / f"{word}-memfd.ppm"
        shutil.copy(self.vm.out / "memfd.ppm", memfd)
        self.shots[word] = (Picture(display), Picture(memfd))
        if word == "ready":
            self.picture.parent.mkdir(parents=True, exist_ok=True)
            self.vm.ask("screendump", filename=str(self.picture), format="png")
        self.vm.write(b"\n")

    def run(self):
        self.picture.unlink(missing_ok=True)
        self.vm.start()
        limit = TIMEOUT * machine.patience(self.kernel)
        deadline = time.monotonic() + limit
        for word in ("ready", "repainted"):
            if not self.failure:
                self._shot(word, deadline)
        self.outcome = self.vm.finish(limit + machine.BOOT_LIMIT)
        self.text = self.outcome.output.decode(errors="replace")

    def lines(self):
        """What the tool says about the picture."""
        return [line for line in self.text.splitlines() if re.match(r"[a-z ]+: ", line)]

    def checks(self):
        """Name, whether it holds, what was seen."""
        outcome = self.outcome
        yield ("zcgem show", not self.failure and outcome.status == 0 and not outcome.trouble,
               f"{self.failure or ''} status {outcome.status} {outcome.trouble or ''}\n{self.text}")
        yield "no copy", "copies: 0" in self.lines(), self.text
        yield "console", not outcome.reports, outcome.explain()
        unload = self.vm.out / "unload"
        said = unload.read_text().strip() if unload.exists() else "not reached"
        yield "unload", not said, said
        if set(self.shots) != {"ready", "repainted"}:
            return
        # RG16 has 5 or 6 bits a colour, which tool and QEMU fill up in their own ways.
        tolerance = 8 if re.search(r"^display: .* RG16\b", self.text, re.M) else 0
        (first, wrapped), (second, repainted) = self.shots["ready"], self.shots["repainted"]
        for name, display, memfd in (("pixels", first, wrapped),
                                     ("pixels after a write", second, repainted)):
            apart = display.different(memfd, tolerance)
            yield (name, apart == 0, f"{apart:.1%} of the display's pixels are not the memfd's")
        yield "picture", first.colours() > 100, f"only {first.colours()} colours on the display"
        changed = first.different(second)
        yield "write is seen", changed > 0.9, f"only {changed:.1%} of the pixels changed"


def run(k, modules):
    """The test group."""
    show = Show(k, modules)
    show.run()
    found = [Result(k.name, "demo", name, PASS if good else FAIL,
                    "" if good else seen.strip().partition("\n")[0], detail="" if good else seen)
             for name, good, seen in show.checks()]
    if all(result.status == PASS for result in found):
        show.vm.forget()
    return found


def command(kernels):
    build.userspace()
    status = 0
    for name in kernels:
        k = kernel.Kernel(name)
        show = Show(k, build.modules(k))
        show.run()
        print(f"Linux {k.version}")
        for line in show.lines():
            print("  " + line)
        bad = [(what, seen) for what, good, seen in show.checks() if not good]
        for what, seen in bad:
            print(f"bed: {what} failed: {seen}", file=sys.stderr)
        if show.picture.exists():
            print(f"  screenshot: {show.picture.relative_to(build.ROOT)}", flush=True)
        if bad:
            status = 1
            print(f"bed: kept {show.vm.directory}", file=sys.stderr)
        else:
            show.vm.forget()
    return status
