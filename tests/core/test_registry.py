"""Names are found in files, entry points and a user's own file, lazily; what is broken says so in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tripos.core.errors import ConfigError
from tripos.core.registry import Registry

INIT = """
from tripos.core.registry import Registry
things = Registry("thing", package="{package}", group="{package}.things")
def thing(name):
    return things.decorate(name, lambda function: function)
"""
MODULE = """
from {package} import thing
@thing("{name}")
def made(): return "{name}"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A package with things in files: `red` in red.py, `dark-blue` in deep/dark_blue.py."""
    name = "shelf_" + "".join(c for c in request.node.name if c.isalnum())[:60]
    root = tmp_path / name
    (root / "deep").mkdir(parents=True)
    (root / "__init__.py").write_text(INIT.format(package=name))
    (root / "deep" / "__init__.py").write_text("")
    (root / "red.py").write_text(MODULE.format(package=name, name="red"))
    (root / "deep" / "dark_blue.py").write_text(MODULE.format(package=name, name="dark-blue"))
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def registry(package: str) -> Registry[object]:
    import importlib

    found: Registry[object] = importlib.import_module(package).things
    return found


def install(tmp_path: Path, package: str, points: dict[str, str], distribution: str = "plug") -> None:
    """Installs a distribution's metadata with entry points, as pip leaves it."""
    info = tmp_path / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[{package}.things]\n{lines}")


def test_a_name_is_found_by_its_file_and_the_other_files_are_not_imported(package: str) -> None:
    things = registry(package)
    assert things.get("dark-blue")() == "dark-blue"  # type: ignore[operator]
    assert f"{package}.deep.dark_blue" in sys.modules
    assert f"{package}.red" not in sys.modules


def test_all_names_are_known_when_asked_for(package: str) -> None:
    things = registry(package)
    assert things.names() == ["dark-blue", "red"] == [name for name, _ in things.items()]
    assert "red" in things and "green" not in things


def test_an_unknown_name_gets_the_nearest(package: str) -> None:
    with pytest.raises(ConfigError, match=r"^unknown thing 'dark_bleu'; did you mean 'dark-blue'\?$"):
        registry(package).get("dark_bleu")


def test_a_file_that_is_not_named_after_its_thing_is_found_too(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "other.py").write_text(MODULE.format(package=package, name="green"))
    assert registry(package).get("green")() == "green"  # type: ignore[operator]


def test_a_name_stands_for_one_thing(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "second.py").write_text(MODULE.format(package=package, name="red").replace("made", "another"))
    with pytest.raises(ConfigError, match=rf"thing 'red' is registered twice: {package}.red.made and {package}.second.another"):
        registry(package).names()


def test_a_plug_in_is_found_by_its_entry_point(package: str, tmp_path: Path) -> None:
    (tmp_path / f"plug_{package}.py").write_text("def green(): return 'green'\n")
    install(tmp_path, package, {"green": f"plug_{package}:green"})
    things = registry(package)
    assert things.get("red")() == "red"  # type: ignore[operator]
    assert f"plug_{package}" not in sys.modules, "a built-in name imports no plug-in"
    assert things.get("green")() == "green"  # type: ignore[operator]
    assert things.names() == ["dark-blue", "green", "red"]


def test_a_plug_in_may_be_a_module_that_registers_several(package: str, tmp_path: Path) -> None:
    text = MODULE.format(package=package, name="green") + MODULE.format(package=package, name="grey").replace("made", "more")
    (tmp_path / f"pack_{package}.py").write_text(text)
    install(tmp_path, package, {"my-pack": f"pack_{package}"})
    assert registry(package).names() == ["dark-blue", "green", "grey", "red"]


def test_a_plug_in_that_decorates_and_is_declared_is_one_thing(package: str, tmp_path: Path) -> None:
    (tmp_path / f"both_{package}.py").write_text(MODULE.format(package=package, name="green"))
    install(tmp_path, package, {"green": f"both_{package}:made"})
    assert registry(package).names() == ["dark-blue", "green", "red"]


@pytest.mark.parametrize(
    ("value", "text", "said"),
    [
        ("absent_{p}:x", None, "No module named"),
        ("broken_{p}:x", "raise RuntimeError('no licence')", "no licence"),
        ("broken_{p}:x", "y = 1", "no attribute 'x'"),
        ("broken_{p}:x", "def x(:", "invalid syntax"),
    ],
)
def test_a_broken_plug_in_says_so_in_one_sentence(package: str, tmp_path: Path, value: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / f"broken_{package}.py").write_text(text)
    install(tmp_path, package, {"green": value.format(p=package)})
    with pytest.raises(ConfigError, match=rf"^plug-in 'green' \({value.format(p=package)}\) could not be loaded: .*{said}") as caught:
        registry(package).names()
    assert "\n" not in str(caught.value)
    assert registry(package).get("red")() == "red"  # type: ignore[operator]


def test_a_plug_in_cannot_take_the_name_of_something_built_in(package: str, tmp_path: Path) -> None:
    (tmp_path / f"thief_{package}.py").write_text("def red(): return 'not red'\n")
    install(tmp_path, package, {"red": f"thief_{package}:red"})
    with pytest.raises(ConfigError, match=r"'red' is registered twice"):
        registry(package).names()


def own_file(tmp_path: Path, package: str, name: str, stem: str) -> Path:
    path = tmp_path / "own" / f"{stem}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"from dataclasses import dataclass\n{MODULE.format(package=package, name=name)}\n@dataclass\nclass Data:\n    x: 'int' = 1\n"
    )
    return path


def test_a_users_own_file_is_imported_by_path_as_often_as_asked(package: str, tmp_path: Path) -> None:
    path = own_file(tmp_path, package, "mine", "mine")
    things = registry(package)
    assert [things.import_file(path), things.import_file(path)] == ["mine", "mine"]
    assert things.get("mine")() == "mine"  # type: ignore[operator]


def test_a_users_own_file_may_have_the_name_of_a_library(package: str, tmp_path: Path) -> None:
    import random

    assert registry(package).import_file(own_file(tmp_path, package, "mine", "random")) == "mine"
    assert sys.modules["random"] is random


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such Python file"),
        ("x = 1", "registers no thing"),
        ("x = ", "could not be imported: SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_users_own_file_that_does_not_work_is_named(package: str, tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "own.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        registry(package).import_file(path)
    assert str(path) in str(caught.value)
    assert ("tripos_file_own" in sys.modules) == (text == "x = 1"), "what failed half-way is not left behind"
    sys.modules.pop("tripos_file_own", None)


def test_looking_up_one_benchmark_does_not_import_the_others() -> None:
    code = "import sys; from tripos.benchmarks.benchmark import benchmarks; benchmarks.get('gpqa'); print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tripos.benchmarks.academic.gpqa" in imported
    assert not {f"tripos.benchmarks.academic.{name}" for name in ("math500", "simpleqa", "supergpqa")} & set(imported)
