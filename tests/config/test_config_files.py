"""What the user means by `--config`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tripos.config.files import resolve, shipped, shipped_names
from tripos.core.errors import ConfigError


def test_the_shipped_suites_are_those_of_the_manual_and_the_quickstart() -> None:
    assert shipped_names() == ["full-suite", "minimal", "quickstart", "single-run", "use_case_v2_cloud", "use_case_v2_local"]


@pytest.mark.parametrize("name", ["quickstart", "quickstart.toml"])
def test_a_bare_name_is_a_shipped_suite(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve(name) == shipped("quickstart") == shipped("quickstart.toml")


def test_a_file_of_the_user_comes_first_but_a_directory_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minimal.toml").touch()
    (tmp_path / "quickstart").mkdir()
    assert resolve("minimal.toml") == Path("minimal.toml")
    assert resolve("minimal") == shipped("minimal")
    assert resolve("quickstart") == shipped("quickstart")


def test_the_home_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.toml").touch()
    assert resolve("~/mine.toml") == tmp_path / "mine.toml"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("quikstart", "no suite file 'quikstart'; did you mean 'quickstart'?"),
        ("full_suite.toml", "did you mean 'full-suite'?"),
        ("zzzzzz", "shipped suites are: full-suite, minimal"),
        (".", "'.' is a directory"),
        ("a\0b", "no suite file"),
        ("x" * 5000, "is not the name of a file"),
        ("~nobody-of-that-name/x.toml", "no suite file"),
        ("", "--config is empty"),
    ],
)
def test_what_is_nowhere_is_refused_with_the_nearest_name(config: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(config)
    assert said in str(caught.value)
