# SPDX-License-Identifier: MIT
"""./bed bench --profile: where the instructions of each measured step are.

The deterministic mode with a plugin in QEMU (counter.c) that counts the instructions of every
block of code between two readings of the benchmarks' clock. The guest's /proc/kallsyms says
whose they are. Nothing in the guest knows of it, so the counts are those of the figures.
"""

import base64
import bisect
import gzip
import json
import pathlib
import subprocess
import sys

import bench
import build
import machine

HERE = pathlib.Path(__file__).resolve().parent
SYMBOLS = "---symbols---"
SHARE = 0.005       # what takes less is summed up
KERNEL_HALF = 1 << 63


def plugin():
    target = build.BUILD / "counter.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", str(target),
                    str(HERE / "counter.c")], check=True)
    return target


class Symbols:
    """Text symbols of kernel and modules, by address."""

    def __init__(self, text):
        found = []
        for line in text.splitlines():
            address, kind, name, *module = line.split()
            if kind in "tTwW":
                found.append((int(address, 16), name + ("" if not module else " " + module[0])))
        found.sort()
        self.starts = [address for address, _ in found]
        self.names = [name for _, name in found]

    def name(self, address):
        if address < KERNEL_HALF:
            return "the program itself"
        index = bisect.bisect_right(self.starts, address) - 1
        return self.names[index] if index >= 0 else hex(address)


def intervals(path):
    """What was counted up to each mark: {address: instructions}."""
    number, counts = None, {}
    with open(path) as lines:
        for line in lines:
            left, right = line.split()
            if left == "MARK":
                if number is not None:
                    yield number, counts
                number, counts = int(right), {}
            else:
                counts[int(left, 16)] = counts.get(int(left, 16), 0) + int(right)
    if number is not None:
        yield number, counts


def by_symbol(counts, symbols):
    found = {}
    for address, count in counts.items():
        name = symbols.name(address)
        found[name] = found.get(name, 0) + count
    return sorted(found.items(), key=lambda item: -item[1])


def render(title, total, rows, samples):
    lines = [f"{title}: {total} instructions (median of {samples})"]
    rest = total
    for name, count in rows:
        if count < SHARE * total:
            break
        rest -= count
        lines.append(f"{count:10d}  {100 * count / total:5.1f} %  {name}")
    lines.append(f"{rest:10d}  {100 * rest / total:5.1f} %  everything else")
    return "\n".join(lines) + "\n"


def collect(output, counted):
    """Each step's median round, in the order of the run."""
    text = output.decode(errors="replace")
    parts = text.split(SYMBOLS)
    symbols = Symbols(gzip.decompress(base64.b64decode(parts[1])).decode())
    told, steps, waiting = {}, {}, []
    for line in parts[2].splitlines():
        if not line.startswith("{"):
            continue
        entry = json.loads(line)
        if "mark" in entry:
            waiting.append(entry)
        else:
            # A report: all that was told before it is of this memory and size.
            for one in waiting:
                told[one["mark"]] = (entry["memory"], entry["size"], one["step"], one["driver"])
            waiting = []
    for number, counts in intervals(counted):
        # The program's marks begin with 0; what came before is not its own.
        if number == 0:
            steps = {}
        if number in told:
            steps.setdefault(told[number], []).append(counts)
    for key, rounds in steps.items():
        rounds.sort(key=lambda counts: sum(counts.values()))
        middle = rounds[len(rounds) // 2]
        yield key, sum(middle.values()), by_symbol(middle, symbols), len(rounds)


def command(kernels, wanted, arguments, max_size, timeout):
    so = plugin()
    status = 0
    for name in kernels:
        k, modules = bench.prepare(name)
        for program in bench.programs(wanted):
            short = program.name.removeprefix(bench.PREFIX)
            directory = build.BUILD / "bench"
            directory.mkdir(parents=True, exist_ok=True)
            counted = directory / f"{name}-{short}.counts"
            options = bench.options("instructions")
            options.qemu = f"-plugin file={so},out={counted}"
            job = (f"sleep 5\necho {SYMBOLS}\n"
                   "/bin/busybox grep -i ' [tw] ' /proc/kallsyms | /bin/busybox gzip |"
                   f" /bin/busybox base64\necho {SYMBOLS}\nsleep 5\n"
                   f"/work/{program.relative_to(build.ROOT)} --profile 1 {' '.join(arguments)} "
                   f"--max-size {max_size}\n")
            vm = machine.Machine(k, options, job, modules)
            vm.start()
            outcome = vm.finish(timeout)
            machine.report(outcome)
            if not outcome.good:
                print(outcome.output.decode(errors="replace")[-2000:], file=sys.stderr)
                status = 1
                continue
            target = directory / f"{name}-{short}.profile"
            with open(target, "w") as out:
                for (memory, size, step, driver), total, rows, samples in \
                        collect(outcome.output, counted):
                    out.write(render(f"{step}, {memory}, {size} bytes, {driver}", total, rows,
                                     samples) + "\n")
            counted.unlink()
            vm.forget()
            print(f"{name}, {short}: {target.relative_to(build.ROOT)}", flush=True)
    return status
