"""Results as one HTML file: readable offline, no script, nothing loaded, every text escaped.

One picture a benchmark: each model's accuracy with its interval, and each paired difference with its own.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tripos.reports.tables import clean, shown
from tripos.reports.verdicts import sentence
from tripos.results.comparison import ComparisonRow

_WIDTH, _LABEL, _ROW = 760, 220, 26
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2430; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-size: 14px }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e3e7ec }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.notice { background: #fff6dd; border-left: 4px solid #d9a400; padding: .4rem .8rem; margin: .4rem 0 }
svg { display: block; margin: .6rem 0; max-width: 100%; min-width: 28rem; height: auto }
svg text { font: 13px system-ui, sans-serif } .scroll { overflow-x: auto }
th, td { white-space: nowrap }
@media (prefers-color-scheme: dark) {
  body { background: #14181e; color: #dde3ea } th, td { border-color: #2c333d } .notice { background: #3a3115 } svg text { fill: #dde3ea }
}
"""


def page(title: str, summaries: Sequence[dict[str, Any]], rows: Sequence[ComparisonRow]) -> str:
    """The whole document.

    Args:
        summaries: of the runs to show, as read from their summary files.
        rows: paired comparisons to show beside them; may be empty.
    """
    by_benchmark: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for summary in summaries:
        by_benchmark[str(summary["benchmark"])].append(summary)
    parts = [f"<h1>{_text(title)}</h1>", *_notices(summaries)]
    for benchmark, runs in by_benchmark.items():
        parts += [f"<h2>{_text(benchmark)}</h2>", _accuracies(runs), _table(runs)]
        compared = [r for r in rows if r.group == benchmark]
        if compared:
            parts += [_differences(compared), *(f"<p>{_text(sentence(r))} <small>({_text(_basis(r))})</small></p>" for r in compared)]
            parts += [f'<p class="notice">{_text(n)}</p>' for r in compared for n in r.notices]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}"><title>{_text(title)}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"<!doctype html><html lang=en><head>{head}{view}<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"


def _notices(summaries: Sequence[dict[str, Any]]) -> list[str]:
    said: dict[str, list[str]] = defaultdict(list)
    for summary in summaries:
        for notice in summary.get("notices", ()):
            said[notice].append(f"{summary['benchmark']} x {summary['model']}")
    return [
        f'<p class="notice"><b>{_text(n)}</b> ({_text(", ".join(where[:6]))}{", …" if len(where) > 6 else ""})</p>'
        for n, where in said.items()
    ]


def _table(runs: Sequence[dict[str, Any]]) -> str:
    columns = ["Model", "Accuracy", "95 % interval", "Scored", "Unscored", "Latency s", "Cost $"]
    body = []
    for run in runs:
        interval = run.get("accuracy_interval") or {}
        span = f"[{shown(interval.get('lower'))}, {shown(interval.get('upper'))}]" if interval.get("lower") is not None else None
        unscored = run.get("unscored", run.get("errors"))
        numbers = [run["accuracy"], span, run["scored_samples"], unscored, run.get("mean_latency_seconds"), run.get("total_cost_usd")]
        cells = "".join(f'<td class="n">{_text(shown(n))}</td>' for n in numbers)
        body.append(f"<tr><td>{_text(run['model'])}</td>{cells}</tr>")
    heads = f"<th>{columns[0]}</th>" + "".join(f'<th class="n">{name}</th>' for name in columns[1:])
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _accuracies(runs: Sequence[dict[str, Any]]) -> str:
    points = []
    for run in runs:
        interval = run.get("accuracy_interval") or {}
        points.append((str(run["model"]), run["accuracy"], interval.get("lower"), interval.get("upper")))
    return _forest("Accuracy with 95 % interval", points, 0.0, 1.0, None)


def _differences(rows: Sequence[ComparisonRow]) -> str:
    points = [(r.treatment_model_id, r.delta_mean, r.ci_lower, r.ci_upper) for r in rows]
    reach = max([abs(v) for p in points for v in p[1:] if v is not None] or [0.1]) * 1.1
    return _forest(
        f"Paired difference to {rows[0].baseline_model_id} with {100 * rows[0].ci_level:.3g} % interval", points, -reach, reach, 0.0
    )


def _basis(row: ComparisonRow) -> str:
    return f"{row.pair_count} pairs, {row.method}, adjusted by {row.adjustment_method} over {row.family_size}"


def _forest(title: str, points: Sequence[tuple[str, Any, Any, Any]], low: float, high: float, line: float | None) -> str:
    """A forest plot: one row a point, its interval as a bar, a dashed line at `line`."""

    def x(value: float) -> float:
        return round(_LABEL + (value - low) / (high - low) * (_WIDTH - _LABEL - 60), 1)

    height = _ROW * len(points) + 46
    marks = [f'<text x="0" y="16" font-weight="600">{_text(title)}</text>']
    for tick in (low, (low + high) / 2, high):
        marks.append(f'<line x1="{x(tick)}" x2="{x(tick)}" y1="24" y2="{height - 18}" stroke="#c9d1da"/>')
        marks.append(f'<text x="{x(tick)}" y="{height - 3}" text-anchor="middle">{tick:.2f}</text>')
    if line is not None:
        marks.append(f'<line x1="{x(line)}" x2="{x(line)}" y1="24" y2="{height - 18}" stroke="#8a94a0" stroke-dasharray="4 3"/>')
    for number, (name, value, lower, upper) in enumerate(points):
        y = 38 + number * _ROW
        marks.append(f'<text x="0" y="{y + 4}">{_text(name if len(name) < 30 else name[:28] + "…")}</text>')
        if value is None:
            marks.append(f'<text x="{_LABEL}" y="{y + 4}">not measured</text>')
            continue
        if lower is not None and upper is not None:
            marks.append(f'<line x1="{x(lower)}" x2="{x(upper)}" y1="{y}" y2="{y}" stroke="#2f6fb5" stroke-width="3"/>')
        marks.append(f'<circle cx="{x(value)}" cy="{y}" r="5" fill="#2f6fb5"/>')
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return f'<div class="scroll"><svg role="img" aria-label="{_text(title)}" {size}>{"".join(marks)}</svg></div>'


def _text(value: Any) -> str:
    return html.escape(clean(str(value)))
