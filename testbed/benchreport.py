# SPDX-License-Identifier: MIT
"""What ./bed bench measured, as tables (Markdown, reStructuredText) and as a plot (SVG)."""

import math

MIB = 1 << 20
HEADLINE = 64 * MIB
LARGE = ["hugetlb-2m", "thp"]

# What zcgem is to be at most, as parts of udmabuf: step, memory, kernel (None: any), ratio.
GOALS = [
    ("first touch, read", LARGE, "6.12", 1 / 400),
    ("first touch, read", LARGE, "7.2", 1 / 100),
    ("first touch, read", ["shmem"], "6.12", 1 / 20),
    ("first touch, read", ["shmem"], "7.2", 1 / 5),
    ("first touch, write", LARGE, "6.12", 1 / 400),
    ("first touch, write", LARGE, "7.2", 1 / 100),
    ("first touch, write", ["shmem"], "6.12", 1 / 20),
    ("first touch, write", ["shmem"], "7.2", 1 / 5),
    ("create", LARGE, None, 1 / 4),
    ("create", ["shmem"], None, 1),
    ("close", LARGE, None, 1 / 4),
    ("close", ["shmem"], None, 1),
    ("attach and map", ["hugetlb-2m"], None, 1 / 20),
    ("attach and map", ["shmem"], None, 1),
    ("attach and map, dynamic", ["hugetlb-2m"], None, 1 / 20),
    ("attach and map, dynamic", ["shmem"], None, 1),
    ("vmap", ["hugetlb-2m"], None, 1 / 4),
    ("create", ["16384 ranges"], None, 1),
    ("metadata", ["shmem"], None, 1),
    ("metadata", LARGE, None, 1 / 64),
    ("frame, wrapped anew", LARGE, None, 1 / 2),
    ("frame, wrapped once", LARGE, None, 1 / 2),
]


def goal(kernel, figure):
    for step, memory, only, ratio in GOALS:
        if (step == figure["step"] and figure["memory"] in memory and only in (None, kernel)
                and (figure["size"] == HEADLINE or figure["bench"] == "frames" or
                     figure["bench"] == "footprint" and figure["size"] == 1 << 30)):
            return ratio
    return None


def fraction(value):
    """A ratio as people say it."""
    if value >= 0.1:
        return f"{value:.2f}"
    return f"1/{1 / value:.0f}" if value else "0"


def amount(value):
    """Four digits are enough."""
    for limit, unit in ((10_000_000, "M"), (10_000, "k")):
        if value >= limit:
            scaled = value / (1_000_000 if unit == "M" else 1000)
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return str(value)


def size_name(size):
    for unit, name in ((1 << 30, "GiB"), (MIB, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} B"


class Table:
    """All drivers' figures of one step, memory and size are one row."""

    def __init__(self, kernel, figures):
        self.kernel, self.cells = kernel, {}
        for figure in figures:
            key = (figure["bench"], figure["step"], figure["memory"], figure["size"])
            row = self.cells.setdefault(key, {})
            row[figure["driver"], figure["mode"]] = figure

    def figure(self, key, driver, mode="instructions"):
        return self.cells.get(key, {}).get((driver, mode))

    def keys(self, wanted):
        return [key for key in self.cells if wanted(key)]

    def goal_rows(self):
        """Rows that have a goal: what it is about, both counts, their ratio, the goal, the times."""
        rows = []
        for key in self.cells:
            bench, step, memory, size = key
            ours, theirs = self.figure(key, "zcgem"), self.figure(key, "udmabuf")
            wanted = ours and goal(self.kernel, ours)
            if not wanted or not theirs or not theirs["median"]:
                continue
            ratio = ours["median"] / theirs["median"]
            name = f"{step}, {memory}" + ("" if size == HEADLINE else f", {size_name(size)}")
            if ours["unit"] == "bytes":
                name += ", bytes"
            alone = self.figure(key, "kernel")
            rows.append([name, amount(ours["median"]), amount(theirs["median"]),
                         amount(alone["median"]) if alone else "", fraction(ratio),
                         fraction(wanted), "yes" if ratio <= wanted else "**no**",
                         *(self._times(key) if ours["unit"] == "ns" else ("", ""))])
        return rows

    def missed(self):
        """Keys of the rows that miss their goal."""
        found = []
        for key in self.cells:
            ours, theirs = self.figure(key, "zcgem"), self.figure(key, "udmabuf")
            wanted = ours and goal(self.kernel, ours)
            if wanted and theirs and theirs["median"] and \
                    ours["median"] > wanted * theirs["median"]:
                found.append(key)
        return found

    def _times(self, key):
        found = []
        for driver in ("zcgem", "udmabuf"):
            figure = self.figure(key, driver, "time")
            found.append(f"{amount(figure['median'])} ({amount(figure['min'])} to "
                         f"{amount(figure['max'])})" if figure else "")
        return found

    def all_rows(self):
        """Every row, whatever its unit, of all drivers."""
        rows = []
        for key in self.cells:
            bench, step, memory, size = key
            for mode in ("instructions", "time"):
                figures = [self.figure(key, driver, mode)
                           for driver in ("zcgem", "udmabuf", "vgem", "heap", "kernel", "memcpy")]
                if not any(figures):
                    continue
                unit = next(figure["unit"] for figure in figures if figure)
                if unit != "ns" and mode == "time":
                    continue
                ours, theirs = figures[:2]
                ratio = (fraction(ours["median"] / theirs["median"])
                         if ours and theirs and theirs["median"] else "")
                rows.append([bench, step, memory, size_name(size),
                             "instructions" if unit == "ns" and mode == "instructions" else unit,
                             *(amount(figure["median"]) if figure else "" for figure in figures),
                             ratio])
        return rows


GOAL_HEAD = ["64 MiB unless said", "zcgem", "udmabuf", "pinning alone", "ratio", "goal", "met",
             "zcgem, ns", "udmabuf, ns"]
ALL_HEAD = ["program", "step", "memory", "size", "unit", "zcgem", "udmabuf", "vgem", "heap",
            "pinning alone", "memcpy", "ratio to udmabuf"]


def without_empty(head, rows):
    """Columns that have nothing, as those of a mode that was not run, are left out."""
    kept = [column for column in range(len(head)) if any(row[column] for row in rows)]
    return [[cells[column] for column in kept] for cells in (head, *rows)]


def markdown(head, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def restructured(head, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for cells in [head, *rows]:
        for number, cell in enumerate(cells):
            lines.append(("   * - " if not number else "     - ") + cell)
    return "\n".join(line.rstrip() for line in lines) + "\n"


class Plot:
    """A plot with two logarithmic axes."""

    WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 420, 70, 30, 190, 50
    COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b"]

    def __init__(self, title, x_title, y_title, series):
        self.title, self.x_title, self.y_title, self.series = title, x_title, y_title, series
        points = [point for _, line in series for point in line]
        self.x = [math.log10(f(p[0] for p in points)) for f in (min, max)]
        self.y = [math.floor(math.log10(min(p[1] for p in points))),
                  math.ceil(math.log10(max(p[1] for p in points)))]

    def _place(self, x, y):
        width = self.WIDTH - self.LEFT - self.RIGHT
        height = self.HEIGHT - self.TOP - self.BOTTOM
        along = (math.log10(x) - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (math.log10(y) - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return self.LEFT + along * width, self.TOP + (1 - up) * height

    def svg(self):
        text = '<text x="{:.0f}" y="{:.0f}" text-anchor="{}">{}</text>'
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.WIDTH}" '
               f'height="{self.HEIGHT}" font-family="sans-serif" font-size="12">',
               '<rect width="100%" height="100%" fill="white"/>',
               text.format(self.LEFT, 18, "start", self.title)]
        low, high = self._place(10 ** self.x[0], 10 ** self.y[0]), self._place(10 ** self.x[1],
                                                                             10 ** self.y[1])
        for power in range(self.y[0], self.y[1] + 1):
            _, y = self._place(10 ** self.x[0], 10 ** power)
            out.append(f'<path d="M{low[0]:.0f} {y:.0f}H{high[0]:.0f}" stroke="#ddd"/>')
            out.append(text.format(low[0] - 6, y + 4, "end", f"{10 ** power:,}"))
        for size in sorted({point[0] for _, line in self.series for point in line}):
            x, _ = self._place(size, 10 ** self.y[0])
            out.append(f'<path d="M{x:.0f} {low[1]:.0f}V{high[1]:.0f}" stroke="#eee"/>')
            out.append(text.format(x, low[1] + 16, "middle", size_name(size).replace(" ", "")))
        out.append(text.format((low[0] + high[0]) / 2, self.HEIGHT - 12, "middle", self.x_title))
        out.append(text.format(low[0], self.TOP - 2 + 12, "start", ""))
        for number, (name, line) in enumerate(self.series):
            colour = self.COLOURS[number // 2 % len(self.COLOURS)]
            dash = "" if number % 2 == 0 else ' stroke-dasharray="5 4"'
            path = "L".join("{:.1f} {:.1f}".format(*self._place(*point)) for point in line)
            out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
            y = self.TOP + 14 + 18 * number
            out.append(f'<path d="M{high[0] + 10:.0f} {y - 4}h24" stroke="{colour}" '
                       f'stroke-width="2"{dash}/>')
            out.append(text.format(high[0] + 40, y, "start", name))
        return "\n".join(out + ["</svg>"]) + "\n"


def profiles(table, texts):
    """Of what ./bed bench --profile wrote, what is about rows that miss their goal."""
    wanted = [f"{step}, {memory}, {size} bytes, {driver}:" for _, step, memory, size in
              table.missed() for driver in ("zcgem", "udmabuf")]
    parts = [part for text in texts for part in text.split("\n\n")]
    found = [part.strip() for want in wanted for part in parts if part.startswith(want)]
    lines = [line for part in found for line in [*part.splitlines(), ""]]
    return "::\n\n" + "".join(f"    {line}".rstrip() + "\n" for line in lines) if found else ""


def growth(kernel, table):
    """What create, close, and attach and map take, by size: zcgem drawn through, udmabuf dashed."""
    series = []
    for memory in ("shmem", "hugetlb-2m"):
        for step in ("create", "attach and map", "close"):
            for driver in ("zcgem", "udmabuf"):
                keys = table.keys(lambda key: key[0] in ("create", "share") and
                                  key[1] == step and key[2] == memory)
                line = sorted((key[3], table.figure(key, driver)["median"]) for key in keys
                              if table.figure(key, driver))
                if line:
                    series.append((f"{step}, {memory}" if driver == "zcgem" else "… udmabuf", line))
    if not series:
        return None
    return Plot(f"Instructions by size, kernel {kernel}", "size", "instructions", series).svg()


def write(kernel, figures, directory):
    """KERNEL.md, KERNEL.svg and KERNEL.inc, the part of the manual."""
    table = Table(kernel, figures)
    goals = table.goal_rows()
    (directory / f"{kernel}.md").write_text(
        f"# Kernel {kernel}\n\n## Goals, in instructions, and beside them time\n\n"
        + markdown(GOAL_HEAD, goals) + "\n## Everything\n\n" + markdown(ALL_HEAD, table.all_rows()))
    shown = without_empty(GOAL_HEAD, goals)
    (directory / f"{kernel}.inc").write_text(restructured(shown[0], shown[1:]))
    texts = [path.read_text() for path in sorted(directory.glob(f"{kernel}-*.profile"))]
    (directory / f"{kernel}-profile.inc").write_text(profiles(table, texts))
    plot = growth(kernel, table)
    if plot:
        (directory / f"{kernel}.svg").write_text(plot)
