"""Submissions in any of their shapes, and that nothing in one is passed over in silence."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_kernels import case
from tripos.core.errors import ConfigError
from tripos.kernels.submission import Problem, Solution, Submission, match, read_submission, read_submissions

GELU = "class ModelNew: ...\n"


def write(root: Path, **files: str) -> Path:
    """`t1__gelu="…"` becomes t1/gelu.py; `meta` becomes meta.json."""
    for name, text in files.items():
        place = root / ("meta.json" if name == "meta" else f"{name.replace('__', '/')}.py")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return root


def packed(root: Path, to: Path) -> Path:
    with tarfile.open(to, "w:gz") as archive:
        archive.add(root, root.name)
    return to


def test_one_team_straight_in_a_directory(tmp_path: Path) -> None:
    root = write(tmp_path / "red", t1__gelu=GELU, t2__rope="x = 1\n", t1____init__="")
    (root / "README.md").write_text("hello")
    found = read_submission(root)
    assert (found.team, sorted(found.solutions), found.problems) == ("red", [("t1", "gelu"), ("t2", "rope")], [])
    assert found.solutions["t1", "gelu"].source == GELU and found.solutions["t1", "gelu"].place == "t1/gelu.py"


def test_a_directory_of_teams(tmp_path: Path) -> None:
    write(tmp_path / "red", t1__gelu=GELU)
    write(tmp_path / "blue-2", t1__gelu=GELU, level2__7_Conv=GELU, meta='{"team_name": "Azure"}')
    found, problems = read_submissions(tmp_path)
    assert {s.team: sorted(s.solutions) for s in found} == {"red": [("t1", "gelu")], "Azure": [("level2", "7_Conv"), ("t1", "gelu")]}
    assert not problems
    with pytest.raises(ConfigError, match="holds 2 teams"):
        read_submission(tmp_path)
    with pytest.raises(ConfigError, match="--team-name green can name only one"):
        read_submissions(tmp_path, "green")


def test_an_archive_with_or_without_a_top_directory(tmp_path: Path) -> None:
    root = write(tmp_path / "red", t1__gelu=GELU, meta='{"team_name": "crimson"}')
    assert read_submission(packed(root, tmp_path / "a.tar.gz")).team == "crimson"
    with tarfile.open(tmp_path / "b.v1.tar.gz", "w:gz") as archive:
        archive.add(root / "t1", "t1")
    assert read_submission(tmp_path / "b.v1.tar.gz").team == "b_v1"


def test_a_directory_of_archives_where_a_hostile_one_is_a_problem_and_the_others_go_on(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    packed(write(tmp_path / "red", t1__gelu=GELU), inbox / "1.tar.gz")
    packed(write(tmp_path / "again" / "red", t1__gelu=GELU), inbox / "2.tar.gz")
    with tarfile.open(inbox / "3.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../../evil.py"), io.BytesIO())
    (inbox / "4.zip").write_bytes(b"nonsense")
    found, problems = read_submissions(inbox)
    assert [s.team for s in found] == ["red"]
    assert [p.place for p in problems] == ["2.tar.gz", "3.tar", "4.zip"]
    assert problems[0].reason == "is another submission of team 'red'; only the first counts"
    assert "member '../../evil.py' has a name that no submission has" in problems[1].reason
    assert "4.zip is damaged or no archive" in problems[2].reason


def test_the_team_is_what_was_asked_for_or_declared_or_the_directory(tmp_path: Path) -> None:
    root = write(tmp_path / "my kernels.v2", t1__gelu=GELU)
    assert read_submission(root).team == "my_kernels_v2"
    write(root, meta='{"team_name": "declared"}')
    assert read_submission(root).team == "declared"
    assert read_submission(root, "asked").team == "asked"
    with pytest.raises(ConfigError, match="team name 'a b'"):
        read_submission(root, "a b")


@pytest.mark.parametrize("name", ["../evil", "a\n", "", 7.5, "x" * 200])
def test_a_bad_team_name_is_a_problem_of_that_team_only(tmp_path: Path, name: object) -> None:
    write(tmp_path / "red", t1__gelu=GELU)
    write(tmp_path / "bad", t1__gelu=GELU, meta=json.dumps({"team_name": name}))
    found, problems = read_submissions(tmp_path)
    assert [s.team for s in found] == ["red"]
    assert [p.place for p in problems] == ["bad"] and "team name" in problems[0].reason
    with pytest.raises(ConfigError, match="team name"):
        read_submission(tmp_path / "bad")


def test_two_directories_that_declare_one_team_are_told(tmp_path: Path) -> None:
    write(tmp_path / "one", t1__gelu=GELU, meta='{"team_name": "red"}')
    write(tmp_path / "two", t1__gelu=GELU, meta='{"team_name": "red"}')
    found, problems = read_submissions(tmp_path)
    assert len(found) == 1 and problems[0].reason == "is another submission of team 'red'; only the first counts"


@pytest.mark.parametrize("meta", ["{", "[]", "7", "[" * 70_000, '{"team_name": "' + "x" * 70_000 + '"}'])
def test_a_broken_meta_file_is_a_problem_and_the_solutions_stay(tmp_path: Path, meta: str) -> None:
    found = read_submission(write(tmp_path / "red", t1__gelu=GELU, meta=meta))
    assert found.team == "red" and list(found.solutions) == [("t1", "gelu")]
    assert [p.place for p in found.problems] == ["meta.json"]


def test_files_in_the_wrong_place_links_and_other_encodings_are_problems(tmp_path: Path) -> None:
    root = write(tmp_path / "red", t1__gelu=GELU, softmax=GELU, t1__sub__rope=GELU, a__b__c__t1__far=GELU)
    write(root, **{"t1__bad name": GELU})
    (root / "t1" / "latin.py").write_bytes(b"# \xe9")
    (root / "t1" / "link.py").symlink_to("/etc/passwd")
    found = read_submission(root)
    assert list(found.solutions) == [("t1", "gelu")]
    assert {(p.place, p.reason) for p in found.problems} == {
        ("softmax.py", "is not at {tier}/{case}.py"),
        ("t1/sub/rope.py", "is not at {tier}/{case}.py"),
        ("a/b/c/t1/far.py", "is not at {tier}/{case}.py"),
        ("t1/bad name.py", "has a name that no case has"),
        ("t1/latin.py", "is not UTF-8 at byte 2"),
        ("t1/link.py", "is a link; only plain files are read"),
    }


def test_a_team_that_forgot_its_tier_is_told_so(tmp_path: Path) -> None:
    write(tmp_path / "red", t1__gelu=GELU, rope=GELU)
    write(tmp_path / "blue", t1__gelu=GELU)
    found, _ = read_submissions(tmp_path)
    assert [(s.team, [p.place for p in s.problems]) for s in found] == [("blue", []), ("red", ["red/rope.py"])]


@pytest.mark.parametrize("kind", ["nowhere", "empty", "file", "loose"])
def test_no_submission_at_all_is_an_error_that_says_what_one_is(tmp_path: Path, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    write(tmp_path / "loose", gelu=GELU)
    said = {
        "nowhere": "there is no such directory or archive",
        "empty": "holds no submission; one is a directory with files {tier}/{case}.py",
        "file": "is neither a directory nor an archive",
        "loose": "holds no submission (gelu.py: is not at {tier}/{case}.py)",
    }
    with pytest.raises(ConfigError) as error:
        read_submissions(tmp_path / kind)
    assert said[kind] in str(error.value)


def test_solutions_are_laid_beside_the_cases() -> None:
    everything = [case("t1/gelu"), case("t1/softmax"), case("t2/rope"), case("t3/skipped")]
    given = ("t1/gelu", "t1/sofmax", "t2/gelu", "tt2/x", "t2/rope", "t3/skipped")
    solutions = {(t, n): Solution(t, n, GELU, f"{t}/{n}.py") for t, n in (label.split("/") for label in given)}
    submission = Submission("red", Path("red"), solutions, [Problem("t1/l.py", "is a link", "t1", "l"), Problem("x.py", "is not at …")])
    found = match(submission, everything[:2], everything)
    assert [c.label for c, _ in found.pairs] == ["t1/gelu"] and [c.label for c in found.absent] == ["t1/softmax"]
    assert {row["case"]: row["error"] for row in found.rows} == {
        "t1/sofmax": "tier t1 has no case 'sofmax'; did you mean 'softmax'?",
        "t2/gelu": "tier t2 has no case 'gelu', but t1 has",
        "tt2/x": "unknown tier 'tt2'; did you mean 't2'?",
        "t1/l": "t1/l.py is a link",
        "unknown/x.py": "x.py is not at …",
    }
    assert {row["status"] for row in found.rows} == {"error"} and {row["score"] for row in found.rows} == {0.0}


def test_a_directory_that_cannot_be_listed_is_a_problem_and_no_team_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "red", t1__gelu=GELU, t2__rope=GELU)
    write(tmp_path / "blue", t1__gelu=GELU)
    listed, closed = os.scandir, {tmp_path / "red" / "t2", tmp_path / "blue" / "t1"}

    def scandir(place: str) -> Iterator[os.DirEntry[str]]:
        if Path(place) in closed:
            raise PermissionError(13, "Permission denied", str(place))
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)
    (red,), problems = read_submissions(tmp_path)
    assert (red.team, list(red.solutions)) == ("red", [("t1", "gelu")])
    assert red.problems == [Problem("red/t2", "cannot be read: Permission denied")]
    assert problems == [Problem("blue/t1", "cannot be read: Permission denied")]
