"""The outlines are what the registry has, though nothing is imported for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tripos.benchmarks import outline
from tripos.benchmarks.benchmark import benchmarks
from tripos.benchmarks.outline import Outline, outlines


def test_they_are_those_of_the_registry() -> None:
    assert outlines() == [Outline(key, entry.category, entry.summary) for key, entry in benchmarks.items()]


def test_no_benchmark_is_imported_for_them() -> None:
    code = """
import sys
from tripos.benchmarks.outline import outlines
assert len(outlines()) >= 40
loaded = [name for name in sys.modules if name.startswith(("tripos.benchmarks.", "tripos.kernels"))]
assert sorted(loaded) == ["tripos.benchmarks.benchmark", "tripos.benchmarks.outline"], loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


@pytest.mark.parametrize(
    "decorator",
    [
        '@benchmark("x", category=f"a{1}", summary="s")\ndef x(options): ...',
        '@benchmark(NAME, category="a", summary="s")\ndef x(options): ...',
        '@benchmark("x", **FIELDS)\ndef x(options): ...',
        '@benchmark("x", category="a", summary="s")\n@cache\ndef x(options): ...',
    ],
)
def test_a_decorator_that_cannot_be_read_is_never_guessed(decorator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError):
        list(outline._read(f'"""A module."""\n\n{decorator}\n'))
    monkeypatch.setattr(outline, "_read", _refuse)
    assert outlines() == [Outline(key, entry.category, entry.summary) for key, entry in benchmarks.items()]


def _refuse(text: str) -> list[Outline]:
    raise ValueError("cannot be read")


def test_constants_and_long_texts_are_read() -> None:
    text = """import x
KEY = "my-key"

@benchmark(
    KEY,
    category="a",
    summary=(
        "one "
        "two (three)"
    ),
    size=str(3),
)
def f(options): ...
"""
    assert list(outline._read(text)) == [Outline("my-key", "a", "one two (three)")]
