"""What a candidate shows is its text without its reasoning, however the reasoning is marked."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.scoring.answers import visible


@pytest.mark.parametrize(
    "text",
    [
        "Paris",
        "  Paris\n",
        "<think>London? No.</think>Paris",
        "<think>London? <think>Rome?</think> No.</think>\n\nParis",
        "London? No.\n</think>\n\nParis",  # the chat template had opened it
        "<think>a</think>Pa<think>b</think>ris",
        "<Thinking>\nLondon?\n</Thinking>\nParis",
        "<reasoning>London?</reasoning> Paris",
        "<thought>London?</thought> Paris",
        "<seed:think>London?</seed:think> Paris",
        "[THINK]London?[/THINK]Paris",
        "◁think▷London?◁/think▷Paris",
        "<|begin_of_thought|>London?<|end_of_thought|>Paris",
        "Paris<think>or is it",
        "<think>The user wants `<think>` tags.</think>Paris",
    ],
)
def test_reasoning_is_not_shown(text: str) -> None:
    assert visible(text) == "Paris"


@pytest.mark.parametrize("text", ["<think>London", "[THINK]London", "London</think>", "<think></think>", "<think>a</think><think>b", ""])
def test_reasoning_alone_shows_nothing(text: str) -> None:
    assert visible(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Such models write `<think>` first and `</think>` last; what is between is hidden.",
        'The template ends with "<think>", so the answer has only "</think>".',
        "if a < b: print('[think]')",
        "a <thinker> and a [THINKER]",
    ],
)
def test_a_mark_that_is_spoken_about_hides_nothing(text: str) -> None:
    assert visible(text) == text


@given(st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "[/THINK]", "`", "a", " ", "\n", "<", "/"])).map("".join))
def test_any_text_can_be_shown_and_nothing_is_added(text: str) -> None:
    shown = visible(text)
    assert len(shown) <= len(text)
    assert visible(shown) == shown


@pytest.mark.parametrize("mark", ["<think>", "</think>", "[THINK]", "`<think>`", "<", "["])
def test_padding_with_marks_costs_no_time(mark: str) -> None:
    began = time.thread_time()
    visible(mark * 50_000)
    assert time.thread_time() - began < 2
