"""Many teams on one list: ranked by what they solved of everything, ties shared, chance named."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_kernels import payload, record
from tripos.core.errors import ConfigError
from tripos.kernels.leaderboard import leaderboard, write_leaderboard
from tripos.kernels.leaderboard_page import markdown, page, said_of_teams
from tripos.kernels.team_result import TeamResult, result_of

LABELS = [f"t{tier}/c{n}" for tier in (1, 2) for n in range(10)]


def team(name: str, speedups: dict[str, float] | float, labels: list[str] = LABELS, **more: Any) -> TeamResult:
    """A team with one speedup everywhere, or those given; other cases fail."""
    given = dict.fromkeys(labels, speedups) if isinstance(speedups, float) else speedups
    records = [record(label, speedup=s) if s else record(label, "wrong_value", error="off") for label, s in given.items()]
    return result_of(payload(records, labels, team=name, **more), f"{name}.json")


def ranks(board: dict[str, Any]) -> list[tuple[int, str]]:
    return [(entry["rank"], entry["team_name"]) for entry in board["ranking"]]


def test_an_entry_has_the_published_keys() -> None:
    board = leaderboard([team("red", {"t1/c0": 2.0, "t1/c1": 0.0}, ["t1/c0", "t1/c1"])])
    assert (board["total_teams"], board["total_cases"]) == (1, 2) and "generated_at" in board
    entry = board["ranking"][0]
    keys = ["rank", "team_name", "total_weighted_score", "passed", "total", "avg_speedup", "backend", "cases_by_tier"]
    assert list(entry)[: len(keys)] == keys
    assert [entry[k] for k in keys[:-1]] == [1, "red", 70.0, 1, 2, 2.0, "cpu"]
    first, second = entry["cases_by_tier"]["t1"]
    assert {k: first[k] for k in ("case", "status", "speedup", "weighted_score", "backend")} == {
        "case": "t1/c0", "status": "pass", "speedup": 2.0, "weighted_score": 70.0, "backend": "cpu",
    }  # fmt: skip
    assert "error" not in first and second["error"] == "off"
    assert entry["tiers"]["t1"] == {"passed": 1, "total": 2, "normalised_total": 35.0, "geometric_mean_speedup": pytest.approx(2.0)}


def test_ranked_by_normalised_total_with_shared_ranks() -> None:
    board = leaderboard([team("d", 0.5), team("b", 2.0), team("a", 2.0), team("c", 3.0)])
    assert ranks(board) == [(1, "c"), (2, "a"), (2, "b"), (4, "d")]
    assert [e["normalised_total"] for e in board["ranking"]] == [80.0, 70.0, 70.0, 30.0]


def test_leaving_out_hard_cases_gains_nothing() -> None:
    thorough, choosy = team("thorough", 1.2), team("choosy", 5.0, LABELS[:4])
    board = leaderboard([choosy, thorough])
    assert ranks(board) == [(1, "thorough"), (2, "choosy")]
    entry = board["ranking"][1]
    assert (entry["total"], entry["tried"], entry["passed"]) == (20, 4, 4)
    assert entry["notices"] == ["tried 4 of 20 cases; the others count as 0"]
    assert entry["cases_by_tier"]["t2"][0]["outcome"] == "not_tried"


def test_neighbours_that_chance_could_swap_are_flagged() -> None:
    close = {label: 1.2 + (0.3 if n % 2 else -0.2) for n, label in enumerate(LABELS)}
    board = leaderboard([team("first", 1.3), team("close", close), team("far", 0.4)])
    assert ranks(board) == [(1, "first"), (2, "close"), (3, "far")]
    first, second, third = board["ranking"]
    assert first["indistinguishable_from_above"] is None and first["against_above"] is None
    assert second["indistinguishable_from_above"] is True and second["against_above"]["adjusted_p_value"] > 0.05
    assert third["indistinguishable_from_above"] is False
    pair = third["against_above"]
    assert pair["team_name"] == "close" and pair["delta"] == pytest.approx(third["normalised_total"] - second["normalised_total"], abs=0.01)
    assert pair["upper"] < 0 and pair["n_pairs"] == 20 and pair["worse_cases"] == 20


def test_equal_teams_and_teams_with_few_cases_are_indistinguishable() -> None:
    equal = leaderboard([team("a", 2.0), team("b", 2.0)])
    assert equal["ranking"][1]["indistinguishable_from_above"] is True
    few = leaderboard([team("a", 5.0, LABELS[:3]), team("b", 0.1, LABELS[:3])])
    assert few["ranking"][1]["indistinguishable_from_above"] is True  # three cases cannot show it


def test_cases_that_we_failed_to_judge_leave_the_pair_and_widen_the_total() -> None:
    records = [record(label, speedup=2.0) for label in LABELS[:19]] + [record(LABELS[19], "infrastructure_failed")]
    lost = result_of(payload(records, LABELS, team="lost"), "lost.json")
    board = leaderboard([team("whole", 2.0), lost])
    entry = board["ranking"][1]
    assert entry["team_name"] == "lost" and entry["unmeasured_cases"] == 1
    assert entry["normalised_bounds"][0] == entry["normalised_total"] < 70 < entry["normalised_bounds"][1]
    assert (entry["against_above"]["n_pairs"], entry["against_above"]["n_missing"], entry["against_above"]["delta"]) == (19, 1, 0.0)


def test_what_is_less_comparable_is_said() -> None:
    cpu, gpu = team("a", 2.0), team("b", 2.0, backend="gpu")
    gpu.machines = {"H200"}
    gpu.settings = [{"rtol": 0.5}]
    simulated = team("c", 2.0, config={"simulated": True})
    for result, text in ((cpu, "aa"), (gpu, "aa"), (simulated, "bb")):
        result.rows["cpu" if result is not gpu else "gpu", "t1", "c0"]["case_hash"] = text
    said = leaderboard([cpu, gpu, simulated])["notices"]
    assert said == [
        "SIMULATED, made by the simulated engine: c",
        "the teams ran on different backends; choose one to compare like with like",
        "measured on different hardware: H200; Test CPU",
        "measured with different tolerances or measuring plans: rtol",
        "1 cases had another text for some teams, e.g. t1/c0",
    ]
    assert leaderboard([cpu])["notices"] == []
    strict = team("d", 2.0, config={"rule": "strict"})
    assert leaderboard([cpu, strict])["notices"] == ["measured with different tolerances or measuring plans: rule"]


def test_half_a_surrogate_pair_in_a_text_can_be_printed() -> None:
    document = payload([record("t1/c0", "crashed")], ["t1/c0"], team="red")
    document["performance_results"][0]["error"] = "\ud800"
    document["performance_config"]["\ud800"] = 1
    board = leaderboard([result_of(document, "\udcff.json"), team("blue", 2.0, ["t1/c0"])])
    assert json.loads(msgspec.json.encode(board))["ranking"][1]["cases_by_tier"]["t1"][0]["error"] == "?"


@pytest.mark.parametrize("speedups", [(1e308, 1e308), (1e308, 1e-300), (1e-320, 2.0), (1e9, 1e-9)])
def test_speedups_beyond_belief_make_no_trouble(speedups: tuple[float, ...]) -> None:
    document = payload([record(f"t1/c{n}", speedup=2.0) for n in range(2)], ["t1/c0", "t1/c1"], team="red")
    for row, speedup in zip(document["performance_results"], speedups, strict=True):
        row["speedup"] = speedup
    board = leaderboard([result_of(document, "red.json"), team("blue", 2.0, ["t1/c0", "t1/c1"])])
    assert json.loads(json.dumps(board, allow_nan=False)) == board
    assert "red" in page(board) and "red" in markdown(board)


def test_one_backend_may_be_chosen() -> None:
    cpu, gpu = team("a", 2.0), team("b", 3.0, backend="gpu")
    assert ranks(leaderboard([cpu, gpu], backend="cpu")) == [(1, "a")]
    with pytest.raises(ConfigError, match="unknown backend of these results 'npu'"):
        leaderboard([cpu, gpu], backend="npu")
    with pytest.raises(ConfigError, match="there is no result to rank"):
        leaderboard([])


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 9.0]), min_size=4, max_size=4), min_size=1, max_size=5))
def test_the_list_is_sorted_and_ranks_fit_the_totals(teams: list[list[float]]) -> None:
    labels = ["t1/a", "t2/b", "t3/c", "t5/d"]
    results = [team(f"team{n}", dict(zip(labels, speedups, strict=True)), labels) for n, speedups in enumerate(teams)]
    board = leaderboard(results)
    totals = [entry["normalised_total"] for entry in board["ranking"]]
    assert totals == sorted(totals, reverse=True) and len(totals) == len(teams)
    for entry in board["ranking"]:
        assert entry["rank"] == 1 + sum(other > entry["normalised_total"] for other in totals)
    assert ranks(leaderboard(list(reversed(results)))) == ranks(board)


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str | None] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def hostile_board() -> dict[str, Any]:
    evil = "</td><script>alert(1)</script>|\n\x1b[2J"
    records = [record("t1/c0", "crashed", error=evil), record("t1/c1", "noisy", speedup=2.0, suspicion=evil)]
    result = result_of(payload(records, ["t1/c0", "t1/c1"], team="red"), "red.json")
    result.machines = {evil, "other"}
    return leaderboard([result, team("blue", 3.0, ["t1/c0", "t1/c1", "t1/c2"])])


def test_the_page_is_whole_loads_nothing_and_escapes_everything() -> None:
    seen = Seen()
    seen.feed(page(hostile_board()))
    assert "script" not in seen.tags and not seen.loaded and "\x1b" not in "".join(seen.words)
    assert seen.tags.count("table") == 2
    words = " ".join(seen.words)
    for expected in ("blue", "red", "crashed", "2x noisy", "3x", "not tried", "red: to be audited: t1/c1", "tried 2 of 3 cases"):
        assert expected in words


def test_what_is_the_same_of_several_teams_is_said_once() -> None:
    some = LABELS[:4]
    said = said_of_teams(leaderboard([team("whole", 1.2), team("one", 1.1, some), team("two", 1.3, some)]))
    assert said == ["two, one: tried 4 of 20 cases; the others count as 0"]


def test_the_markdown_keeps_its_tables_whatever_the_texts_hold() -> None:
    text = markdown(hostile_board())
    assert "<script" not in text and "\x1b" not in text
    widths = [line.count("|") - line.count("\\|") for line in text.splitlines() if line.startswith("|")]
    assert len(set(widths[:4])) == 1 and len(set(widths[4:])) == 1 and len(widths) == 4 + 5


def test_it_is_written_in_three_forms(tmp_path: Path) -> None:
    board = hostile_board()
    for suffix in ("json", "md", "html"):
        write_leaderboard(board, tmp_path / "new" / f"board.{suffix}")
    read = json.loads((tmp_path / "new" / "board.json").read_text(), parse_constant=pytest.fail)
    assert read["total_teams"] == 2 and not [k for entry in read["ranking"] for k in entry if k.startswith("_")]
    assert (tmp_path / "new" / "board.md").read_text().startswith("# Kernel leaderboard")
    with pytest.raises(ConfigError, match=r"is written as \.json, \.md or \.html"):
        write_leaderboard(board, tmp_path / "board.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write_leaderboard(board, tmp_path / "file" / "board.md")
