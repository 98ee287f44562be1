"""Draws a trace of one step (a file of `--trace`) as an SVG: devices with their threads, what passes between them, memory.

    cargo run --release --example cifar10_multi_gpu_train -- --num-gpus=2 --device-type=cpu --export-graph=towers.meta
    tensorloom bench towers.meta --init init --queue-runners --target train --device-count CPU=2 --trace step.json
    python3 docs/trace.py step.json docs/trace.svg
"""
import collections
import json
import re
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 1240, 118, 18
LANE, GAP, CHART, HEAD = 20, 3, 44, 26

# What kinds of ops there are: a class, what the legend says, and the ops. The first that fits counts.
KINDS = [
    ("q", "queues", r"Queue.*"),
    ("v", "variables, optimizer", r"(Apply|Assign|Resource|Variable|ReadVariable).*"),
    ("g", "gradients", r".*(Backprop|Grad).*"),
    ("m", "convolutions, products", r"(Conv2D|MatMul|DepthwiseConv).*"),
    ("n", "normalization, activation, pooling", r"(LRN|Relu|MaxPool|AvgPool|BiasAdd|Softmax|SparseSoftmax|Sigmoid|Tanh).*"),
    ("o", "others", r".*"),
]

STYLE = """
.bg{fill:#fff}.ink{fill:#1f2328}.dim{fill:#59636e}.grid{stroke:#d1d9e0}.band{fill:#f6f8fa}
.q{fill:#d1495b}.v{fill:#8e5ea2}.g{fill:#e08a1e}.m{fill:#2f6fb0}.n{fill:#3d9a50}.o{fill:#8b949e}
.on{fill:#fff}.arrow{stroke:#0a7d7d}.tip{fill:#0a7d7d}.mem{fill:#0a7d7d;fill-opacity:.18;stroke:#0a7d7d}.wait{fill:none;stroke:#d1495b;stroke-dasharray:3 2}
@media(prefers-color-scheme:dark){
.bg{fill:#0d1117}.ink{fill:#e6edf3}.dim{fill:#9198a1}.grid{stroke:#30363d}.band{fill:#151b23}
.q{fill:#f0717f}.v{fill:#b48ac6}.g{fill:#f0a848}.m{fill:#5b9be0}.n{fill:#57b96a}.o{fill:#7d8590}
.on{fill:#0d1117}.arrow{stroke:#4fd1c5}.tip{fill:#4fd1c5}.mem{fill:#4fd1c5;stroke:#4fd1c5}.wait{stroke:#f0717f}}
text{font:11px ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif}.t{font-size:15px;font-weight:600}.h{font-size:12px;font-weight:600}.on{font-size:10px}
path,line{stroke-width:1}.arrow{fill:none;stroke-width:.8;stroke-opacity:.75}
""".strip()


def kind_of(op):
    return next(k for k, _, ops in KINDS if re.fullmatch(ops, op))


class Picture:
    """Parts of an SVG, from the top down."""

    def __init__(self, begin, end):
        self.begin, self.scale = begin, (WIDTH - LEFT - RIGHT) / (end - begin)
        self.parts, self.y = [], 0.0

    def x(self, ts):
        return round(LEFT + (ts - self.begin) * self.scale, 1)

    def add(self, text):
        self.parts.append(text)

    def text(self, x, y, words, css="dim", anchor="start"):
        at = "" if anchor == "start" else ' text-anchor="%s"' % anchor
        self.add('<text x="%g" y="%g" class="%s"%s>%s</text>' % (x, y, css, at, escape(words)))

    def box(self, x, y, width, height, css, title=None):
        shape = '<rect x="%g" y="%g" width="%g" height="%g" class="%s"' % (x, y, round(width, 1), height, css)
        self.add(shape + ("><title>%s</title></rect>" % escape(title) if title else "/>"))

    def slices(self, y, slices):
        """A row of slices; neighbours of one kind that are too narrow to be told apart are drawn as one."""
        run = None
        for e in sorted(slices, key=lambda e: e["ts"]):
            x, width = self.x(e["ts"]), max(e["dur"] * self.scale, 0.3)
            kind = kind_of(e["name"])
            if width >= 2:
                run = None
                title = "%s (%s), %.3f ms" % (e["args"]["node"], e["name"], e["dur"] / 1e3)
                self.box(x, y, width, LANE, kind, title)
                if width > 5.3 * len(e["name"]) + 7:
                    self.text(x + 4, y + 14, e["name"], "on")
            elif run and run[0] == kind and x - run[2] < 0.5:
                run[2] = max(run[2], x + width)
                self.parts[run[3]] = run[4] % round(run[2] - run[1], 1)
            else:
                shape = '<rect x="%g" y="%g" width="%%g" height="%g" class="%s"/>' % (x, y, LANE, kind)
                run = [kind, x, x + width, len(self.parts), shape]
                self.add(shape % round(width, 1))

    def chart(self, y, points, end, name):
        """A counter over time."""
        most = max(v for _, v in points) or 1
        height = lambda v: round(y + CHART - v / most * (CHART - 4), 1)
        path, last = [], None
        for ts, v in points:
            x = self.x(ts)
            # What happens within half a pixel is not seen.
            if last is None or x - last >= 0.5:
                path.append(("M%g %gV%g" if last is None else "H%g%.0sV%g") % (x, height(v), height(v)))
                last = x
            else:
                path[-1] = re.sub(r"V[\d.]+$", "V%g" % height(v), path[-1])
        bottom = y + CHART
        self.add('<path d="%sH%gV%gH%gz" class="mem"/>' % ("".join(path), self.x(end), bottom, self.x(points[0][0])))
        self.text(8, y + 15, name)
        self.text(8, y + 29, "peak %.1f MiB" % (most / 2**20))


def short(device):
    return device.rsplit("device:", 1)[-1]


def draw(events):
    processes = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    slices = [e for e in events if e["ph"] == "X"]
    begin, end = min(e["ts"] for e in slices), max(e["ts"] + e["dur"] for e in slices)
    step = slices[0]["args"]["step"]
    p = Picture(begin, end)
    devices = sorted((name, pid) for pid, name in processes.items() if any(e["pid"] == pid for e in slices))
    names = [short(name) for name, _ in devices]
    nodes = len({(e["args"]["node"], e["pid"]) for e in slices})
    what = "Step %d: %d nodes on %s in %.1f ms" % (step, nodes, " and ".join(names), (end - begin) / 1e3)
    p.text(8, 22, what, "t ink")
    x = 8
    for css, says, _ in KINDS:
        p.box(x, 33, 11, 11, css)
        p.text(x + 16, 43, says)
        x += 34 + 5.4 * len(says)
    p.add('<path d="M%g 39h22" class="arrow"/><path d="M%g 36l6 3l-6 3z" class="tip"/>' % (x, x + 20))
    p.text(x + 28, 43, "from _Send to _Recv")
    p.box(x + 146, 34, 20, 10, "wait")
    p.text(x + 171, 43, "waits beside its thread")
    p.y = 56
    spots = {}
    ends = {e["id"]: e for e in events if e["ph"] == "e"}
    waits = [(e, ends[e["id"]]) for e in events if e["ph"] == "b"]
    for name, pid in devices:
        counters = collections.defaultdict(list)
        for e in events:
            if e["ph"] == "C" and e["pid"] == pid:
                counters[e["name"]].append((max(e["ts"], begin), e["args"]["bytes"]))
        own = sorted((n, tid) for (q, tid), n in threads.items() if q == pid)
        rows = [(n, tid) for n, tid in own if not n.startswith("_")]
        passing = [(n, tid) for n, tid in own if n.startswith("_")]
        height = HEAD + (LANE + GAP) * (len(rows) + 1) + (CHART + 8) * len(counters) + 4
        p.box(0, p.y, WIDTH, height, "band")
        p.text(8, p.y + 17, short(name), "h ink")
        y = p.y + HEAD
        for n, tid in rows:
            p.text(8, y + 14, n)
            p.slices(y, [e for e in slices if (e["pid"], e["tid"]) == (pid, tid)])
            for b, e in waits:
                if (b["pid"], b["tid"]) == (pid, tid):
                    wide = (e["ts"] - b["ts"]) * p.scale
                    p.box(p.x(b["ts"]), y + 1, wide, LANE - 2, "wait", "%s %s" % (b["args"]["node"], b["name"]))
            y += LANE + GAP
        for _, tid in passing:
            spots[pid, tid] = y + LANE / 2
        p.text(8, y + 14, "_Send, _Recv")
        p.add('<path d="M%g %gH%g" class="grid"/>' % (LEFT, y + LANE / 2, WIDTH - RIGHT))
        y += LANE + GAP + 4
        for n, points in sorted(counters.items()):
            p.chart(y, points, end, n.replace("memory in use by ", "memory: "))
            y += CHART + 8
        p.y += height + 8
    host = [(max(e["ts"], begin), e["args"]["bytes"]) for e in events if e["ph"] == "C" and processes[e["pid"]] == "host"]
    if host:
        p.box(0, p.y, WIDTH, CHART + 14, "band")
        p.chart(p.y + 6, host, end, "host, in all")
        p.y += CHART + 22
    arrows = collections.defaultdict(list)
    for e in events:
        if e["ph"] in "sf" and (e["pid"], e["tid"]) in spots:
            arrows[e["id"]].append((p.x(e["ts"]), spots[e["pid"], e["tid"]]))
    for ends in arrows.values():
        (x1, y1), (x2, y2) = ends
        bend = (y2 - y1) * 0.5
        p.add('<path d="M%g %gC%g %g %g %g %g %g" class="arrow"/>' % (x1, y1, x1, y1 + bend, x2, y2 - bend, x2, y2))
        tip = -5 if y2 > y1 else 5
        p.add('<path d="M%g %gl-2.5 %gh5z" class="tip"/>' % (x2, y2, tip))
    axis(p, end)
    height = p.y + 22
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">' % (WIDTH, height, escape(what))
    back = '<style>%s</style><rect width="%d" height="%d" class="bg"/>' % (STYLE, WIDTH, height)
    return head + back + "\n".join(p.parts) + "</svg>\n"


def axis(p, end):
    """The time in milliseconds, below all."""
    span = (end - p.begin) / 1e3
    tick = next(t for k in range(-3, 6) for t in (10.0**k, 2 * 10.0**k, 5 * 10.0**k) if span / t <= 12)
    for i in range(int(span / tick) + 1):
        x = p.x(p.begin + i * tick * 1e3)
        p.add('<path d="M%g %gv5" class="grid"/>' % (x, p.y))
        p.text(x, p.y + 16, "%g ms" % round(i * tick, 3), anchor="middle")


def main():
    source, target = sys.argv[1:]
    with open(source) as f:
        picture = draw(json.load(f)["traceEvents"])
    with open(target, "w") as f:
        f.write(picture)
    print("%s: %.0f KB" % (target, len(picture) / 1e3))


if __name__ == "__main__":
    main()
