"""What a case says of itself without being run, and a case as its own solution."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.kernels.case import discover, own_cases
from tripos.kernels.contract import as_solution, extract_solution, read_contract


def test_the_literals_of_a_case_are_read() -> None:
    source = '"""Sorts.\n\nMore."""\nSIZES = {"cpu": {"n": 3}, "odd": {"n": 2}}\n'
    source += 'TOLERANCE = {"rtol": 1e-3, "off_by_one": 0.01}\nNONFINITE = True\n'
    contract = read_contract(source)
    assert contract.sizes == ("cpu", "odd")
    assert contract.tolerance == {"rtol": 1e-3, "off_by_one": 0.01}
    assert contract.nonfinite
    assert contract.summary == "Sorts."


@pytest.mark.parametrize("literal", ["{'rtl': 1}", "{'rtol': 'x'}", "make()", "[1]"])
def test_a_tolerance_that_is_no_tolerance_is_an_error_of_the_case(literal: str) -> None:
    with pytest.raises(ConfigError, match=r"t1/x: TOLERANCE must be a literal dict of atol, off_by_one, rtol"):
        read_contract(f"TOLERANCE = {literal}", "t1/x")


@given(st.text())
def test_any_text_is_read_without_running_it(text: str) -> None:
    contract = read_contract("import nothing_like_this\n" + text.replace("TOLERANCE", ""))
    assert contract.tolerance == {}


def test_the_class_is_renamed_and_nothing_else() -> None:
    source = '"""Model of Model."""\n# Model\nclass Model(Base):\n    def f(self): return super(Model, self).f("Model")\nMy_Model = 1\n'
    renamed = (
        '"""Model of Model."""\n# Model\nclass ModelNew(Base):\n    def f(self): return super(ModelNew, self).f("Model")\nMy_Model = 1\n'
    )
    assert as_solution(source) == renamed


@pytest.mark.parametrize("source", ["def (:\n", "x = (\n", "x = '''\n", "if 1:\n  a\n b\n", "x = 'Model\n", "a\0b", ""])
def test_a_source_without_tokens_stays_as_it_is(source: str) -> None:
    assert as_solution(source) == source


@given(st.text())
def test_any_text_becomes_a_solution(text: str) -> None:
    as_solution("class Model:\n    pass\n" + text)


def test_every_case_of_ours_is_a_module_with_modelnew_then() -> None:
    for case in discover(own_cases()).cases:
        tree = ast.parse(as_solution(case.file_path.read_text()))
        names = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        assert "ModelNew" in names and "Model" not in names, case.label


def test_the_last_block_that_defines_modelnew_is_the_answer() -> None:
    first, second = "class ModelNew: pass  # one\n", "class ModelNew: pass  # two\n"
    text = f"First:\n```python\n{first}```\nBetter:\n```python\n{second}```\nUse it:\n```python\nModelNew()\n```\n"
    assert extract_solution(text) == second


@pytest.mark.parametrize("text", ["", "I cannot.", "no ``` fence closed"])
def test_no_code_is_none(text: str) -> None:
    assert extract_solution(text) is None


@given(st.text())
def test_extraction_never_fails(text: str) -> None:
    extract_solution(text)
