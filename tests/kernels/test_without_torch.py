"""Everything but the judging of kernels works where torch is not installed, and that says what to install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tiny_case import RIGHT, case_directory, submission

from made_kernels import payload, record
from tripos.kernels.payload import write_json

SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with everything that this one has, but for torch."""
    home = tmp_path_factory.mktemp("without_torch")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, capture_output=True)
    ours = Path(sysconfig.get_paths()["purelib"])
    theirs = next((home / "lib").glob("python*/site-packages"))
    without = ("torch", "functorch", "triton", "nvidia", "_distutils", "distutils", "__")
    for entry in ours.iterdir():
        if not entry.name.startswith(without) and entry.suffix != ".pth":
            (theirs / entry.name).symlink_to(entry)
    (theirs / "tripos_source.pth").write_text(f"{SOURCE}\n")
    return home / "bin" / "python"


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "", "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run([str(python), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_there_is_no_torch_in_it(python: Path, tmp_path: Path) -> None:
    assert "No module named 'torch'" in run(python, "-c", "import torch", cwd=tmp_path).stderr
    assert run(python, "-c", "import tripos, msgspec", cwd=tmp_path).returncode == 0


def test_every_module_outside_the_box_is_imported_without_torch(python: Path, tmp_path: Path) -> None:
    code = (
        "import importlib, pkgutil, tripos.kernels as k\n"
        "found = [m.name for m in pkgutil.walk_packages(k.__path__, 'tripos.kernels.') if '.inside.' not in m.name]\n"
        "found = [name for name in found if '.cases.' not in name]\n"
        "[importlib.import_module(name) for name in found]; print(len(found))"
    )
    done = run(python, "-c", code, cwd=tmp_path)
    assert done.returncode == 0 and int(done.stdout) >= 20, done.stderr


def test_cases_are_listed_and_teams_are_ranked(python: Path, tmp_path: Path) -> None:
    listed = run(python, "-m", "tripos", "kernels", "list", "--json", cwd=tmp_path)
    assert len(json.loads(listed.stdout)["cases"]) >= 30, listed.stderr
    for team, speedup in (("red", 2.0), ("blue", 1.0)):
        write_json(tmp_path / f"{team}.json", payload([record("t1/a", speedup=speedup)], ["t1/a"], team=team))
    ranked = run(python, "-m", "tripos", "kernels", "leaderboard", "red.json", "blue.json", "-o", "board.html", "--json", cwd=tmp_path)
    assert [entry["team_name"] for entry in json.loads(ranked.stdout)["ranking"]] == ["red", "blue"], ranked.stderr
    assert (tmp_path / "board.html").exists()


def test_judging_says_what_to_install_and_fails_every_case_by_that(python: Path, tmp_path: Path) -> None:
    case_directory(tmp_path / "cases", "t1/one", "t1/two")
    submission(tmp_path / "mine", t1__one=RIGHT)
    done = run(python, "-m", "tripos", "kernels", "evaluate", "mine", "--cases-dir", "cases", "--json", cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    found = json.loads(done.stdout)
    assert found["summary"]["environment_error"] == "kernels need torch: pip install 'tripos[kernels]'"
    assert (found["summary"]["total_cases"], found["environment"]["system"]["torch_version"]) == (2, "unavailable")
    ask = ("run", "-b", "kernels", "--data", "cases", "-m", "m", "-e", "simulated", "-o", "out.jsonl")
    done = run(python, "-m", "tripos", *ask, cwd=tmp_path)
    assert done.returncode == 2 and "pip install 'tripos[kernels]'" in " ".join(done.stderr.split()), done.stderr
    assert not (tmp_path / "out.jsonl").exists(), "nothing was asked"
