#!/usr/bin/env python3
"""Draws what `collectives --json FILE` wrote: time against bytes, both axes logarithmic, one line per contender.

Usage: plot.py FILE.json FILE.svg [--operation NAME] [--ranks N]"""

import argparse
import html
import json
import math
from pathlib import Path

COLORS = ["#1b6ca8", "#6fb1de", "#d1495b", "#8a6fae", "#edae49", "#5c946e", "#444444", "#b07d62"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 540, 80, 150, 50, 60


def bytes_text(count):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:g} {unit}"
        count /= 1024


def time_text(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.999 * scale:
            return f"{seconds / scale:g} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def svg(results, title, subtitle):
    sizes = sorted({result["bytes"] for result in results})
    first, last = math.log2(sizes[0]), math.log2(sizes[-1])
    low = math.floor(math.log10(min(result["median"] for result in results)))
    high = math.ceil(math.log10(max(result["median"] for result in results)))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(count):
        return LEFT + (math.log2(count) - first) / max(last - first, 1) * (right - LEFT)

    def y(seconds):
        return bottom - (math.log10(seconds) - low) / max(high - low, 1) * (bottom - TOP)

    def text(across, down, content, **attributes):
        names = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
        return f'<text x="{across:.1f}" y="{down:.1f}"{names}>{html.escape(content)}</text>'

    def line(x1, y1, x2, y2):
        return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 22, title, font_size=16),
        text(LEFT, 39, subtitle, fill="#666666"),
    ]
    for size in sizes:
        lines += [line(x(size), TOP, x(size), bottom)]
        lines += [text(x(size), bottom + 16, bytes_text(size), text_anchor="middle", font_size=10)]
    for power in range(low, high + 1):
        lines += [line(LEFT, y(10.0**power), right, y(10.0**power))]
        lines += [text(LEFT - 8, y(10.0**power) + 4, time_text(10.0**power), text_anchor="end")]
    lines += [text((LEFT + right) / 2, HEIGHT - 14, "bytes per rank", text_anchor="middle")]
    labels = []
    for index, contender in enumerate(dict.fromkeys(result["contender"] for result in results)):
        own = sorted((result for result in results if result["contender"] == contender), key=lambda one: one["bytes"])
        color = COLORS[index % len(COLORS)]
        points = " ".join(f'{x(one["bytes"]):.1f},{y(one["median"]):.1f}' for one in own)
        lines += [f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>']
        lines += [f'<circle cx="{x(one["bytes"]):.1f}" cy="{y(one["median"]):.1f}" r="2.5" fill="{color}"/>' for one in own]
        labels += [[y(own[-1]["median"]) + 4, contender, color]]
    labels.sort()
    for above, below in zip(labels, labels[1:]):
        below[0] = max(below[0], above[0] + 14)
    lines += [text(right + 10, down, contender, fill=color) for down, contender, color in labels]
    return "\n".join([*lines, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("json", type=Path)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--operation", default="all_reduce")
    parser.add_argument("--ranks", type=int, help="default: the first that was measured")
    options = parser.parse_args()
    report = json.loads(options.json.read_text())
    ranks = options.ranks or report["results"][0]["ranks"]
    results = [one for one in report["results"] if (one["operation"], one["ranks"]) == (options.operation, ranks)]
    if not results:
        parser.error(f"{options.json} has no {options.operation} of {ranks} ranks")
    title = f"{options.operation} of float32, {ranks} ranks on one host: median time"
    options.svg.write_text(svg(results, title, f'{report["processors"]} processors, {report["processor"]}'))


if __name__ == "__main__":
    main()
