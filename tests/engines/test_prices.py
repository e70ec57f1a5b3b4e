"""Prices are known exactly or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.core.records import Usage
from tripos.engines.prices import _PRICES, cost_usd, price_of

MILLION = 1_000_000
dates = st.dates().map(lambda d: d.replace(year=2020 + d.year % 10))


@pytest.fixture(autouse=True)
def no_own_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPOS_PRICES", raising=False)


@pytest.mark.parametrize(
    ("model", "given", "made"),
    [
        ("gpt-4o", 2.5, 10.0),
        ("gpt-4o-2024-08-06", 2.5, 10.0),
        ("gpt-4o-2024-05-13", 5.0, 15.0),
        ("gpt-4o-mini-2024-07-18", 0.15, 0.6),
        ("gpt-5-mini-2025-08-07", 0.25, 2.0),
        ("o3-2025-04-16", 2.0, 8.0),
        ("claude-3-5-haiku-20241022", 0.8, 4.0),
        ("claude-haiku-4-5@20251001", 1.0, 5.0),
        ("claude-opus-4-6", 5.0, 25.0),
        ("claude-opus-4-20250514", 15.0, 75.0),
        ("gemini-2.5-flash", 0.3, 2.5),
    ],
)
def test_a_price_is_found_by_id_or_by_id_with_a_date(model: str, given: float, made: float) -> None:
    price = price_of(model)
    assert price is not None
    assert (price.input, price.output) == (given, made)
    assert price.as_of and price.source.startswith("https://")


@pytest.mark.parametrize(
    "model",
    ["gpt-4", "gpt-4o", "o1", "claude-opus-4", "gemini-2.5-pro", "mistral-large-2411"],
)
def test_a_longer_name_is_another_model(model: str) -> None:
    """`L40S` is no `L4`: whatever is appended or put in front, except a date, makes the price unknown."""
    for other in (f"{model}-turbo-x", f"{model}x", f"my-{model}", f"{model}-ultra", f"{model}:free", f"{model}-2025", f"{model}-0613"):
        assert price_of(other) is None, other


@pytest.mark.parametrize("model", ["qwen3:8b", "llama3:70b", "gpt-oss-120b", "Qwen/Qwen3-8B", "mistral-large-latest", "", "-2025-01-01"])
def test_local_and_unknown_models_have_no_price(model: str) -> None:
    assert price_of(model) is None
    assert cost_usd(model, Usage(prompt_tokens=1, completion_tokens=1)) is None


@given(st.sampled_from(sorted(_PRICES)), dates)
def test_any_date_behind_a_known_name_means_that_name(model: str, date) -> None:  # type: ignore[no-untyped-def]
    for suffix in (f"-{date:%Y-%m-%d}", f"-{date:%Y%m%d}", f"@{date:%Y%m%d}"):
        assert price_of(model + suffix) == _PRICES.get(model + suffix, _PRICES[model])


@given(st.text(max_size=20), st.sampled_from(sorted(_PRICES)), st.text(max_size=20))
def test_a_name_that_only_contains_a_known_one_is_unknown(before: str, model: str, after: str) -> None:
    name = before + model + after
    undated_or_exact = any(name.removeprefix(known)[:1] in ("", "-", "@") for known in _PRICES if name.startswith(known))
    if not undated_or_exact:
        assert price_of(name) is None


def test_cached_input_is_charged_at_its_own_price() -> None:
    usage = Usage(prompt_tokens=MILLION // 10, completion_tokens=MILLION // 10, cached_tokens=MILLION // 20)
    assert cost_usd("gpt-4o", usage) == pytest.approx(0.05 * 2.5 + 0.05 * 1.25 + 0.1 * 10)


def test_cached_input_without_a_price_of_its_own_costs_what_input_costs() -> None:
    assert cost_usd("gpt-4-turbo", Usage(prompt_tokens=100_000, completion_tokens=0, cached_tokens=100_000)) == pytest.approx(1.0)


def test_writing_to_the_cache_costs_more_where_that_is_known_and_is_unknown_elsewhere() -> None:
    usage = Usage(prompt_tokens=100_000, completion_tokens=0, cached_tokens=0)
    assert cost_usd("claude-sonnet-4-6", usage, cache_write_tokens=100_000) == pytest.approx(0.375)
    assert cost_usd("gpt-4o", usage, cache_write_tokens=100_000) is None


def test_long_prompts_have_the_price_of_long_prompts() -> None:
    short, long = Usage(prompt_tokens=200_000, completion_tokens=1000), Usage(prompt_tokens=200_001, completion_tokens=1000)
    assert cost_usd("gemini-2.5-pro", short) == pytest.approx(0.2 * 1.25 + 0.001 * 10)
    assert cost_usd("gemini-2.5-pro", long) == pytest.approx(0.200001 * 2.5 + 0.001 * 15)
    assert cost_usd("gpt-5.4", Usage(prompt_tokens=300_000, completion_tokens=1)) is None


@pytest.mark.parametrize("usage", [None, Usage(), Usage(prompt_tokens=5), Usage(completion_tokens=5)])
def test_what_was_not_counted_has_no_cost(usage: Usage | None) -> None:
    assert cost_usd("gpt-4o", usage) is None


@given(
    st.sampled_from(sorted(_PRICES)),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
)
def test_cost_is_never_negative_and_caching_never_costs_more(model: str, given: int, made: int, cached: int) -> None:
    plain = cost_usd(model, Usage(prompt_tokens=given, completion_tokens=made))
    with_cache = cost_usd(model, Usage(prompt_tokens=given, completion_tokens=made, cached_tokens=min(cached, given)))
    assert plain is not None and with_cache is not None
    assert 0 <= with_cache <= plain + 1e-12


def test_every_row_is_sane() -> None:
    for model, price in _PRICES.items():
        assert 0 < price.input <= price.output <= 600, model
        assert price.cached_input is None or 0 < price.cached_input < price.input, model
        assert price.beyond is None or price.beyond.input > price.input, model


def test_own_prices_override_and_add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('["gpt-4o"]\ninput = 1\noutput = 2\n["my-model"]\ninput = 3.0\noutput = 4.0\ncached_input = 1.0\n')
    monkeypatch.setenv("TRIPOS_PRICES", str(path))
    million = Usage(prompt_tokens=MILLION, completion_tokens=MILLION)
    assert cost_usd("gpt-4o", million) == 3.0
    assert cost_usd("gpt-4o-2024-08-06", million) == 3.0
    assert cost_usd("my-model", Usage(prompt_tokens=MILLION, completion_tokens=0, cached_tokens=MILLION)) == 1.0
    assert cost_usd("gpt-4o-mini", million) == 0.75


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[x", "cannot be read as TOML"),
        ("x = 3", "must be a table"),
        ("[x]\ninput = 1", "needs both"),
        ("[x]\ninput = 1\noutput = 2\ncached = 3", "did you mean 'cached_input'"),
        ("[x]\ninput = -1\noutput = 2", "input = -1"),
        ("[x]\ninput = true\noutput = 2", "input = True"),
        ("[x]\ninput = nan\noutput = 2", "input = nan"),
        ("[x]\ninput = '1'\noutput = 2", "input = '1'"),
    ],
)
def test_a_broken_price_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    monkeypatch.setenv("TRIPOS_PRICES", str(path))
    with pytest.raises(ConfigError) as caught:
        price_of("gpt-4o")
    assert words in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_price_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPOS_PRICES", "/nowhere/prices.toml")
    with pytest.raises(ConfigError, match=r"/nowhere/prices\.toml"):
        price_of("gpt-4o")
