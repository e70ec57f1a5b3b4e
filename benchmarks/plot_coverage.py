"""Draws what `simulate_coverage.py` found: two pictures, one dot a setting, as SVG, without any library.

    python benchmarks/plot_coverage.py [--data benchmarks/coverage.json] [--out docs/images]

Rows are kinds of data, the horizontal place is the measured coverage, size is the number of items, colour says whether they
are clustered. The band is the nominal level ± three Monte-Carlo standard errors: dots inside it cannot be told from nominal. The
second picture shows false positives in the same way, each beside what the sign-flip test alone would have had.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
WIDTH, LEFT, RIGHT, TOP, ROW, GAP = 880, 310, 30, 92, 22, 38
LOWEST, HIGHEST = 0.86, 1.0
INK, FAINT, INDEPENDENT, CLUSTERED = "#1f2430", "#8a90a0", "#2563b8", "#d9711c"
RADII = {20: 3.0, 100: 4.5, 1000: 6.0}
TITLES = {
    "mean": "Interval of one mean",
    "paired": "Interval of a paired difference",
    "every look": "Anytime interval, looked at after each of 1,000 samples",
}
Row = dict[str, Any]


def across(coverage: float) -> float:
    """Horizontal place of a coverage, in pixels."""
    return LEFT + (coverage - LOWEST) / (HIGHEST - LOWEST) * (WIDTH - LEFT - RIGHT)


def label(kind: str) -> str:
    """The name of a kind of data, short enough to stand beside its row."""
    return kind.replace(", target None", "").replace("target ", "stop at ±").replace("without replacement", "finite set")


def text(x: float, y: float, words: str, *, size: int = 13, anchor: str = "start", colour: str = INK, weight: str = "normal") -> str:
    style = f'font-size="{size}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def dot(row: Row, x: float, y: float, value: float) -> str:
    """A setting; hollow where a tenth of the items is missing."""
    colour = CLUSTERED if row["clustered"] else INDEPENDENT
    fill = "#ffffff" if row["missing"] else colour
    said = f"{row['data']}, {row['n']} items{', clustered' if row['clustered'] else ''}{', 10 % missing' if row['missing'] else ''}"
    radius = RADII[row["n"]]
    title = f"<title>{escape(said)}: {value:.4f}{', ' + row['flag'] if row['flag'] else ''}</title>"
    style = f'fill="{fill}" fill-opacity="0.75" stroke="{colour}" stroke-width="1.5"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" {style}>{title}</circle>'


def panel(rows: list[Row], title: str, top: float) -> tuple[list[str], float]:
    """A group of rows with its heading; returns the drawing and where it ends."""
    kinds = list(dict.fromkeys(r["data"] for r in rows))
    parts = [text(12, top, title, size=14, weight="bold")]
    y = top
    for kind in kinds:
        y += ROW
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#e3e6ec"/>')
        parts.append(text(LEFT - 12, y + 4, label(kind), anchor="end"))
        same = [r for r in rows if r["data"] == kind]
        parts += [
            dot(r, max(across(r["coverage"]), LEFT), y + (4 if r["clustered"] else -4), r["coverage"])
            for r in sorted(same, key=lambda r: -r["n"])
        ]
    return parts, y + GAP


def legend() -> list[str]:
    y, parts = 52.0, []
    entries = ((INDEPENDENT, "independent items", 290), (CLUSTERED, "clustered items", 440))
    for colour, words, x in entries:
        parts += [f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/>', text(x + 10, y, words)]
    for x, (n, radius) in zip((580, 630, 688), RADII.items(), strict=True):
        parts += [f'<circle cx="{x}" cy="{y - 4}" r="{radius}" fill="{FAINT}"/>', text(x + 10, y, f"{n:,}")]
    parts.append(text(746, y, "items"))
    parts += [f'<circle cx="290" cy="{y + 16}" r="4.5" fill="#ffffff" stroke="{FAINT}" stroke-width="1.5"/>']
    return [*parts, text(300, y + 20, "hollow: 10 % of the items missing; band: cannot be told from 95 %")]


def axis(bottom: float, level: float, error: float) -> list[str]:
    height = bottom - TOP
    left, right = across(level - error), across(level + error)
    band = f'<rect x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{height:.1f}" fill="#e8f0e4"/>'
    line = f'<line x1="{across(level):.1f}" x2="{across(level):.1f}" y1="{TOP}" y2="{bottom:.1f}" stroke="#5a8a4a" stroke-width="1.5"/>'
    parts = [band, line]
    for hundredth in range(86, 101, 2):
        x = across(hundredth / 100)
        parts += [f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:.1f}" y2="{bottom + 5:.1f}" stroke="{FAINT}"/>']
        parts.append(text(x, bottom + 20, f"{hundredth / 100:.2f}", anchor="middle", size=12))
    parts += [text(across(0.925), bottom + 40, "measured coverage (nominal 0.95)", anchor="middle", size=12, colour=FAINT)]
    return parts


def picture(found: dict[str, Any]) -> str:
    """The whole drawing.

    Raises:
        ValueError: a coverage lies outside the axis.
    """
    rows: list[Row] = found["rows"]
    lowest = min(r["coverage"] for r in rows)
    if lowest < LOWEST:
        raise ValueError(f"a coverage of {lowest} lies left of the axis, which begins at {LOWEST}; move LOWEST")
    parts, y = [], float(TOP + 18)
    for what, title in TITLES.items():
        drawn, y = panel([r for r in rows if r["what"] == what], title, y)
        parts += drawn
    bottom, count = y - GAP + 16, rows[0]["experiments"]
    error = 3 * math.sqrt(found["level"] * (1 - found["level"]) / count)
    head = text(12, 26, f"Coverage of 95 % intervals, {count:,} simulated experiments a setting", size=17, weight="bold")
    height = bottom + 52
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="system-ui, sans-serif" role="img">'
    ground = f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([opening, ground, head, *legend(), *axis(bottom, found["level"], error), *parts, "</svg>"]) + "\n"


FP_HIGHEST, FP_ROW, FP_TOP = 0.3, 58, 96


def false_positives(found: dict[str, Any]) -> str:
    """The second drawing: a line from sign flips alone (grey) to the reported p-value (coloured), a setting each."""
    rows: list[Row] = [r for r in found["rows"] if r["false_positive_rate"] is not None and r["rejected_by_sign_flips"] is not None]
    kinds, level = list(dict.fromkeys(r["data"] for r in rows)), 1 - found["level"]
    error = 3 * math.sqrt(level * (1 - level) / rows[0]["experiments"])
    bottom = FP_TOP + FP_ROW * len(kinds) + 10

    def x(rate: float) -> float:
        return LEFT + min(rate, FP_HIGHEST) / FP_HIGHEST * (WIDTH - LEFT - RIGHT)

    left, width, height = x(level - error), x(level + error) - x(level - error), bottom - FP_TOP + 8
    band = f'<rect x="{left:.1f}" y="{FP_TOP - 8}" width="{width:.1f}" height="{height}" fill="#e8f0e4"/>'
    parts = [band, f'<line x1="{x(level):.1f}" x2="{x(level):.1f}" y1="{FP_TOP - 8}" y2="{bottom}" stroke="#5a8a4a" stroke-width="1.5"/>']
    for hundredth in range(0, 31, 5):
        parts.append(text(x(hundredth / 100), bottom + 18, f"{hundredth / 100:.2f}", anchor="middle", size=12))
    parts.append(
        text(x(FP_HIGHEST / 2), bottom + 38, "false positives at 0.05, without a true difference", anchor="middle", size=12, colour=FAINT)
    )
    for place, kind in enumerate(kinds):
        y = FP_TOP + FP_ROW * (place + 0.5)
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#e3e6ec"/>',
            text(LEFT - 12, y + 4, kind, anchor="end"),
        ]
        same = sorted((r for r in rows if r["data"] == kind), key=lambda r: (r["clustered"], -r["n"], r["missing"]))
        for number, row in enumerate(same):
            level_y = y + (number - (len(same) - 1) / 2) * 6.2
            alone, reported = x(row["rejected_by_sign_flips"]), x(row["false_positive_rate"])
            parts.append(f'<line x1="{alone:.1f}" x2="{reported:.1f}" y1="{level_y:.1f}" y2="{level_y:.1f}" stroke="#c4c8d2"/>')
            parts.append(f'<circle cx="{alone:.1f}" cy="{level_y:.1f}" r="2.5" fill="{FAINT}"/>')
            parts.append(dot(row, reported, level_y, row["false_positive_rate"]))
    title = "False positives of a comparison: sign flips alone (grey) and as reported"
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 50:.0f}" font-family="system-ui, sans-serif" role="img">'
    )
    ground = f'<rect width="{WIDTH}" height="{bottom + 50:.0f}" fill="#ffffff"/>'
    said = [line.replace("band: cannot be told from 95 %", "band: cannot be told from 5 %") for line in legend()]
    return "\n".join([opening, ground, text(12, 26, title, size=17, weight="bold"), *said, *parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / "coverage.json")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "images")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    found = json.loads(a.data.read_text())
    (a.out / "coverage.svg").write_text(picture(found))
    (a.out / "false-positives.svg").write_text(false_positives(found))


if __name__ == "__main__":
    main()
