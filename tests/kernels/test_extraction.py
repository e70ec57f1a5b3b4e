"""The best attempts written out: the fastest measured, only into a directory that is new, nothing deleted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from made_kernels import case, record
from tripos.core.errors import ConfigError
from tripos.kernels.case import Case
from tripos.kernels.extraction import extract_best
from tripos.kernels.submission import read_submission

CASES = [case("t1/gelu"), case("t2/rope"), case("t2/moe")]
RECORDS = [
    record("t1/gelu", "ok", 1, speedup=1.1), record("t1/gelu", "ok", 2, speedup=1.9), record("t2/rope", "wrong_value", 1),
    record("t2/moe", "noisy", 2, speedup=3.0),
]  # fmt: skip
SOURCES = {(r["tier"], r["case_name"], r["attempt"]): f"# {r['case_name']} {r['attempt']}\r\nclass ModelNew: ...\n" for r in RECORDS}


def extract(where: Path, team: str = "red") -> Path:
    return extract_best(RECORDS, SOURCES, CASES, where, backend="gpu", pass_n=2, team=team)


def test_the_fastest_measured_attempt_is_written_and_can_be_read_back(tmp_path: Path) -> None:
    home = extract(tmp_path / "out")
    assert home == tmp_path / "out" / "red"
    assert sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()) == ["meta.json", "t1/gelu.py", "t2/moe.py"]
    assert (home / "t1" / "gelu.py").read_bytes() == SOURCES["t1", "gelu", 2].encode()
    meta = json.loads((home / "meta.json").read_text())
    assert (meta["team_name"], meta["backend"], meta["cases_extracted"]) == ("red", "gpu", 2)
    assert meta["cases"][0] == {"case": "t1/gelu", "attempt": 2, "of": 2, "speedup": 1.9}
    read = read_submission(home)
    assert (read.team, sorted(read.solutions), read.problems) == ("red", [("t1", "gelu"), ("t2", "moe")], [])


def test_a_directory_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "thesis.txt").write_text("years of work")
    (tmp_path / "red-2").symlink_to(tmp_path / "nowhere")
    assert extract(tmp_path) == tmp_path / "red-3"
    assert extract(tmp_path) == tmp_path / "red-4"
    assert [p.name for p in (tmp_path / "red").iterdir()] == ["thesis.txt"]
    assert json.loads((tmp_path / "red-4" / "meta.json").read_text())["team_name"] == "red"


@pytest.mark.parametrize("team", ["../red", "a/b", "", "red\n", ".."])
def test_a_team_name_never_leaves_the_directory(tmp_path: Path, team: str) -> None:
    with pytest.raises(ConfigError, match="team name"):
        extract(tmp_path / "out", team)
    assert not list(tmp_path.iterdir())


def test_a_case_name_never_leaves_the_directory(tmp_path: Path) -> None:
    odd = Case("t1", "../../x", Path("x"))
    with pytest.raises(ConfigError, match="has a name that cannot become a file"):
        extract_best(
            [{**record("t1/x"), "case_name": "../../x"}], {("t1", "../../x", 1): "x"}, [odd], tmp_path, backend="cpu", pass_n=1, team="r"
        )
    assert not list(tmp_path.iterdir())


def test_a_best_attempt_without_its_code_is_an_error_not_the_next_best(tmp_path: Path) -> None:
    lacking = {key: text for key, text in SOURCES.items() if key != ("t1", "gelu", 2)}
    with pytest.raises(ConfigError, match="t1/gelu: attempt 2 is the best correct one, but its code is not there"):
        extract_best(RECORDS, lacking, CASES, tmp_path, backend="gpu", pass_n=2, team="red")
    assert not list(tmp_path.iterdir())


def test_no_correct_attempt_leaves_a_directory_that_says_so(tmp_path: Path) -> None:
    home = extract_best([record("t1/gelu", "crashed")], {}, CASES, tmp_path, backend="cpu", pass_n=1, team="red")
    assert [p.name for p in home.iterdir()] == ["meta.json"] and json.loads((home / "meta.json").read_text())["cases_extracted"] == 0


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write submissions"):
        extract(tmp_path / "file")
