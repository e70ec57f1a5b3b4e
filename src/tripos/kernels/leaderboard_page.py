"""The leaderboard for people: Markdown, and one HTML file without script that loads nothing. Every text in it is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

_STYLE = """
:root { --ink: #1c2430; --paper: #fff; --line: #e3e7ec; --soft: #5b6675; --bar: #2f6fb5; --track: #e9eef4; --good: #d8efdf; --even: #eef1f5;
  --slow: #fbecd0; --bad: #f8dcd9; --warn: #fff6dd; --edge: #d9a400 }
@media (prefers-color-scheme: dark) { :root { --ink: #dde3ea; --paper: #14181e; --line: #2c333d; --soft: #98a3b1; --bar: #6aa5e6;
  --track: #242c36; --good: #1d4630; --even: #262d37; --slow: #4f3d17; --bad: #552a28; --warn: #3a3115 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: var(--ink);
  background: var(--paper) }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem } p { max-width: 52rem } .scroll { overflow-x: auto }
table { border-collapse: collapse; font-size: 14px }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } small, .soft { color: var(--soft) }
.track { display: inline-block; width: 7rem; height: .6rem; background: var(--track); margin-right: .5rem }
.track i { display: block; height: 100%; background: var(--bar) }
td.good, td.even, td.slow, td.bad { text-align: right; padding: .3rem .6rem; font-variant-numeric: tabular-nums }
td.good { background: var(--good) } td.even { background: var(--even) } td.slow { background: var(--slow) }
td.bad { background: var(--bad) }
.notice { background: var(--warn); border-left: 4px solid var(--edge); padding: .4rem .8rem; margin: .4rem 0; max-width: 52rem }
"""
_TITLE = "Kernel leaderboard"
_EXPLAINED = (
    "Total: weighted points over all cases, 100 at most; 60 is as fast as the reference everywhere, and a case that was not solved or "
    "not tried counts as 0. Speedup: geometric mean over solved cases, with its 95 % interval. fast_1: share of all cases solved with a "
    "measured speedup above 1, be it sure or not. Noisy times never count as faster. A case is green or yellow only where the interval "
    "of its speedup leaves out 1."
)


def page(board: dict[str, Any]) -> str:
    """The HTML document."""
    parts = [f"<h1>{_TITLE}</h1>", *_notices(board), f'<p class="soft">{_text(_EXPLAINED)}</p>', _ranking(board)]
    parts += [f'<p class="notice">{_text(sentence)}</p>' for sentence in said_of_teams(board)]
    parts += ["<h2>Speedup by case</h2>", _cases(board)]
    made = f"{board['total_teams']} teams, {board['total_cases']} cases, {board['generated_at'][:16].replace('T', ' ')}"
    parts.append(f'<p class="soft">{_text(made)}</p>')
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}"><title>{_TITLE}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"<!doctype html><html lang=en><head>{head}{view}<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"


def markdown(board: dict[str, Any]) -> str:
    """The same as text."""
    lines = [f"# {_TITLE}", "", *(f"> **{_flat(n)}**\n" for n in board["notices"]), _EXPLAINED, ""]
    lines += _markdown_table(*ranks(board))
    said = said_of_teams(board)
    lines += ["", *(f"- {_flat(sentence)}" for sentence in said)] if said else []
    lines += ["", "## Speedup by case", ""]
    teams = [e["team_name"] for e in board["ranking"]]
    lines += _markdown_table(["Case", *teams], [[label, *(_cell(row)[1] for row in rows)] for label, rows in _by_case(board)])
    return "\n".join(lines) + "\n"


def ranks(board: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the ranking as text; the last column says whether a team can be told from the one above it."""
    tiers = _tiers(board)
    heads = ["Rank", "Team", "Total", "Passed", "Speedup", "95 % interval", "fast_1", *tiers, "Against the one above"]
    body = [
        [
            str(e["rank"]), _name(e), _number(e["normalised_total"], 2), f"{e['passed']}/{e['total']}", _mean(e), _span(e),
            _percent(e["fast_1"]), *(_tier_cell(e, tier) for tier in tiers), _against(e),
        ]
        for e in board["ranking"]
    ]  # fmt: skip
    return heads, body


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['team_name']}{' (simulated)' if entry['simulated'] else ''}"


def _ranking(board: dict[str, Any]) -> str:
    tiers = _tiers(board)
    heads = [("", "Rank"), ("", "Team"), ("", "Total"), ("n", "Passed"), ("n", "Speedup"), ("n", "95 % interval"), ("n", "fast_1")]
    heads += [*(("n", tier) for tier in tiers), ("", "Against the one above")]
    body = []
    for entry in board["ranking"]:
        total = entry["normalised_total"] or 0.0
        bar = f'<span class="track"><i style="width:{total:.1f}%"></i></span>{_text(_number(entry["normalised_total"], 2))}'
        label = " (simulated)" if entry["simulated"] else ""
        cells = [f"<td>{entry['rank']}</td>", f"<td><b>{_text(entry['team_name'])}</b>{label}</td>", f"<td>{bar}{_bounds(entry)}</td>"]
        numbers = [f"{entry['passed']}/{entry['total']}", _mean(entry), _span(entry), _percent(entry["fast_1"])]
        cells += [f'<td class="n">{_text(number)}</td>' for number in numbers]
        cells += [f'<td class="n">{_text(_tier_cell(entry, tier))}</td>' for tier in tiers]
        body.append(f"<tr>{''.join(cells)}<td>{_text(_against(entry))}</td></tr>")
    return _table(heads, body)


def _cases(board: dict[str, Any]) -> str:
    heads = [("", "Case"), *(("n", entry["team_name"]) for entry in board["ranking"])]
    body = []
    for label, rows in _by_case(board):
        cells = []
        for row in rows:
            kind, shown = _cell(row)
            why = f' title="{_text(row["error"])}"' if row.get("error") else ""
            cells.append(f'<td class="{kind}"{why}>{_text(shown)}</td>')
        body.append(f"<tr><td>{_text(label)}</td>{''.join(cells)}</tr>")
    return _table(heads, body)


def _table(heads: Sequence[tuple[str, str]], body: Sequence[str]) -> str:
    row = "".join(f'<th class="{kind}">{_text(name)}</th>' for kind, name in heads)
    return f'<div class="scroll"><table><thead><tr>{row}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _by_case(board: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(case, its row of each team in order of rank); the backend is named where there are several."""
    several = len({row["backend"] for rows in board["ranking"][0]["cases_by_tier"].values() for row in rows}) > 1
    for tier in _tiers(board):
        for rows in zip(*(entry["cases_by_tier"][tier] for entry in board["ranking"]), strict=True):
            yield rows[0]["case"] + (f" ({rows[0]['backend']})" if several else ""), list(rows)


def _tiers(board: dict[str, Any]) -> list[str]:
    return list(board["ranking"][0]["tiers"])


def _cell(row: dict[str, Any]) -> tuple[str, str]:
    if row["status"] != "pass":
        return "bad", str(row["outcome"]).replace("_", " ")
    if row["speedup"] is None:
        return "even", "not timed"
    shown = f"{row['speedup']:.3g}x" + (" noisy" if row["noisy"] else "")
    return {"faster": "good", "slower": "slow"}.get(row["verdict"], "even"), shown


def _against(entry: dict[str, Any]) -> str:
    pair = entry["against_above"]
    if entry["indistinguishable_from_above"] is None:
        return ""
    verdict = "indistinguishable" if entry["indistinguishable_from_above"] else "behind"
    if pair is None:
        return f"{verdict} (no case in common)"
    return f"{verdict} ({pair['delta']:+.1f} points, p = {pair['adjusted_p_value']:.2g}, {pair['n_pairs']} cases)"


def _tier_cell(entry: dict[str, Any], tier: str) -> str:
    found = entry["tiers"][tier]
    return f"{_number(found['normalised_total'], 1)} ({found['passed']}/{found['total']})"


def _bounds(entry: dict[str, Any]) -> str:
    if not entry["unmeasured_cases"]:
        return ""
    low, high = entry["normalised_bounds"]
    return f"<br><small>{low:.1f} to {high:.1f}: {entry['unmeasured_cases']} not measured</small>"


def said_of_teams(board: dict[str, Any]) -> list[str]:
    """What is to be known of single teams; what is the same of several is said once."""
    said: dict[str, list[str]] = {}
    for entry in board["ranking"]:
        for notice in entry["notices"]:
            said.setdefault(notice, []).append(entry["team_name"])
    suspicious = [(entry["team_name"], entry["suspicious_cases"]) for entry in board["ranking"] if entry["suspicious_cases"]]
    shared = [f"{', '.join(teams)}: {notice}" for notice, teams in said.items()]
    return shared + [f"{team}: to be audited: {', '.join(cases)}" for team, cases in suspicious]


def _notices(board: dict[str, Any]) -> list[str]:
    return [f'<p class="notice"><b>{_text(notice)}</b></p>' for notice in board["notices"]]


def _mean(entry: dict[str, Any]) -> str:
    found = entry["geometric_mean_speedup"]
    return "–" if found is None else f"{found['mean']:.3g}x"


def _span(entry: dict[str, Any]) -> str:
    found = entry["geometric_mean_speedup"]
    return "–" if found is None or found["lower"] is None else f"[{found['lower']:.3g}, {found['upper']:.3g}]"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _markdown_table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(_flat(cell) for cell in line) + " |" for line in (heads, ["---"] * len(heads), *body)]


def _flat(text: str) -> str:
    """One line of Markdown in which nothing is markup of a table or of HTML."""
    return html.escape(_clean(text), quote=False).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("\t", " ")


def _text(value: Any) -> str:
    return html.escape(_clean(str(value)))


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
