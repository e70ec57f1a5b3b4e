"""What hosted models cost, in US dollars per million tokens.

A price is found by the exact model id, or by the id without its date (`gpt-5-mini-2025-08-07` is `gpt-5-mini`). Nothing
is guessed from part of a name: an unknown model has no price, and its cost is None, never 0. Prices change; each row
says when and where it was read, and a TOML file named by the variable `TRIPOS_PRICES` overrides or adds rows:

    ["my-model"]
    input = 1.0
    output = 4.0
    cached_input = 0.1   # optional

Not in the table: tariffs that depend on the hour (DeepSeek), promotional prices, batch and priority tiers.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError, unknown
from tripos.core.records import Usage

_OPENAI = "https://platform.openai.com/docs/pricing"
_ANTHROPIC = "https://platform.claude.com/docs/en/about-claude/pricing"
_GOOGLE = "https://ai.google.dev/gemini-api/docs/pricing"
_MISTRAL = "https://mistral.ai/pricing"
_DATE = re.compile(r"(?:-\d{4}-\d{2}-\d{2}|[-@]20\d{6})$")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens.

    Attributes:
        cached_input: for input read from the provider's cache; None: cached input costs what input costs.
        cache_write: for input written to the cache for five minutes; None: not known.
        up_to_prompt_tokens: the row holds for prompts up to this size; for longer ones see `beyond`.
        beyond: the price of a whole request with a longer prompt; None: not known.
        as_of: month in which the row was true as far as we know.
        source: page of the provider.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    up_to_prompt_tokens: int | None = None
    beyond: Price | None = None
    as_of: str = ""
    source: str = ""


def _table(as_of: str, source: str, rows: dict[str, tuple[float, ...]]) -> dict[str, Price]:
    """Rows of (input, output[, cached input]); Anthropic writes its cache at 1.25 times the input price."""
    table = {}
    for model, (given, made, *cached) in rows.items():
        write = 1.25 * given if source == _ANTHROPIC else None
        table[model] = Price(given, made, cached[0] if cached else None, write, as_of=as_of, source=source)
    return table


def _tiered(as_of: str, source: str, rows: dict[str, tuple[int, tuple[float, ...], tuple[float, ...] | None]]) -> dict[str, Price]:
    """Rows of (largest prompt, price up to it, price beyond it)."""
    table = {}
    for model, (limit, short, long) in rows.items():
        low = _table(as_of, source, {model: short})[model]
        high = _table(as_of, source, {model: long})[model] if long else None
        table[model] = Price(low.input, low.output, low.cached_input, low.cache_write, limit, high, as_of, source)
    return table


# The first GPT-4o snapshot kept its higher price, so its dated id has a row of its own.
_PRICES: dict[str, Price] = {
    **_table(
        "2025-08",
        _OPENAI,
        {
            "gpt-3.5-turbo": (0.5, 1.5),
            "gpt-4": (30.0, 60.0),
            "gpt-4-turbo": (10.0, 30.0),
            "gpt-4o": (2.5, 10.0, 1.25),
            "gpt-4o-2024-05-13": (5.0, 15.0),
            "gpt-4o-mini": (0.15, 0.6, 0.075),
            "gpt-4.1": (2.0, 8.0, 0.5),
            "gpt-4.1-mini": (0.4, 1.6, 0.1),
            "gpt-4.1-nano": (0.1, 0.4, 0.025),
            "o1": (15.0, 60.0, 7.5),
            "o1-mini": (1.1, 4.4, 0.55),
            "o3": (2.0, 8.0, 0.5),
            "o3-mini": (1.1, 4.4, 0.55),
            "o3-pro": (20.0, 80.0),
            "o4-mini": (1.1, 4.4, 0.275),
            "gpt-5": (1.25, 10.0, 0.125),
            "gpt-5-chat-latest": (1.25, 10.0, 0.125),
            "gpt-5-mini": (0.25, 2.0, 0.025),
            "gpt-5-nano": (0.05, 0.4, 0.005),
            "gpt-5-pro": (15.0, 120.0),
        },
    ),
    **_table("2025-12", _OPENAI, {"gpt-5.1": (1.25, 10.0, 0.125), "gpt-5.2": (1.75, 14.0, 0.175)}),
    **_table("2026-06", _OPENAI, {"gpt-5.4-mini": (0.75, 4.5, 0.075), "gpt-5.4-nano": (0.2, 1.25, 0.02)}),
    **_tiered("2026-06", _OPENAI, {"gpt-5.4": (272_000, (2.5, 15.0, 0.25), None), "gpt-5.5": (272_000, (5.0, 30.0, 0.5), None)}),
    **_table(
        "2026-02",
        _ANTHROPIC,
        {
            "claude-3-haiku": (0.25, 1.25, 0.03),
            "claude-3-opus": (15.0, 75.0, 1.5),
            "claude-3-5-sonnet": (3.0, 15.0, 0.3),
            "claude-3-5-haiku": (0.8, 4.0, 0.08),
            "claude-3-7-sonnet": (3.0, 15.0, 0.3),
            "claude-opus-4": (15.0, 75.0, 1.5),
            "claude-opus-4-0": (15.0, 75.0, 1.5),
            "claude-opus-4-1": (15.0, 75.0, 1.5),
            "claude-opus-4-5": (5.0, 25.0, 0.5),
            "claude-opus-4-6": (5.0, 25.0, 0.5),
            "claude-sonnet-4-6": (3.0, 15.0, 0.3),
            "claude-haiku-4-5": (1.0, 5.0, 0.1),
        },
    ),
    **_tiered(
        "2026-02",
        _ANTHROPIC,
        {
            "claude-sonnet-4": (200_000, (3.0, 15.0, 0.3), (6.0, 22.5, 0.6)),
            "claude-sonnet-4-0": (200_000, (3.0, 15.0, 0.3), (6.0, 22.5, 0.6)),
            "claude-sonnet-4-5": (200_000, (3.0, 15.0, 0.3), (6.0, 22.5, 0.6)),
        },
    ),
    **_table(
        "2026-10",
        _ANTHROPIC,
        {
            "claude-opus-4-7": (5.0, 25.0, 0.5),
            "claude-opus-4-8": (5.0, 25.0, 0.5),
            "claude-opus-5": (5.0, 25.0, 0.5),
            "claude-opus-5-5": (4.0, 20.0, 0.2),
            "claude-sonnet-5": (2.0, 10.0, 0.2),
            "claude-sonnet-5-5": (2.0, 10.0, 0.1),
        },
    ),
    **_tiered("2026-10", _ANTHROPIC, {"claude-haiku-5-5": (100_000, (0.1, 0.5, 0.01), (0.5, 2.5, 0.05))}),
    **_table(
        "2025-12",
        _GOOGLE,
        {
            "gemini-2.0-flash": (0.1, 0.4, 0.025),
            "gemini-2.0-flash-001": (0.1, 0.4, 0.025),
            "gemini-2.0-flash-lite": (0.075, 0.3),
            "gemini-2.0-flash-lite-001": (0.075, 0.3),
            "gemini-2.5-flash": (0.3, 2.5, 0.03),
            "gemini-2.5-flash-lite": (0.1, 0.4, 0.01),
            "gemini-3-flash-preview": (0.5, 3.0, 0.05),
        },
    ),
    **_tiered(
        "2025-12",
        _GOOGLE,
        {
            "gemini-1.5-flash": (128_000, (0.075, 0.3, 0.01875), (0.15, 0.6, 0.0375)),
            "gemini-1.5-flash-8b": (128_000, (0.0375, 0.15, 0.01), (0.075, 0.3, 0.02)),
            "gemini-1.5-pro": (128_000, (1.25, 5.0, 0.3125), (2.5, 10.0, 0.625)),
            "gemini-2.5-pro": (200_000, (1.25, 10.0, 0.125), (2.5, 15.0, 0.25)),
            "gemini-3-pro-preview": (200_000, (2.0, 12.0, 0.2), (4.0, 18.0, 0.4)),
        },
    ),
    **_tiered("2026-06", _GOOGLE, {"gemini-3.1-pro-preview": (200_000, (2.0, 12.0, 0.2), (4.0, 18.0, 0.4))}),
    **_table("2026-06", _GOOGLE, dict.fromkeys(("gemini-3.1-flash-lite", "gemini-3.1-flash-lite-preview"), (0.25, 1.5, 0.025))),
    **_table(
        "2025-06",
        _MISTRAL,
        {
            "mistral-large-2411": (2.0, 6.0),
            "pixtral-large-2411": (2.0, 6.0),
            "mistral-medium-2505": (0.4, 2.0),
            "mistral-small-2503": (0.1, 0.3),
            "codestral-2501": (0.3, 0.9),
            "ministral-8b-2410": (0.1, 0.1),
            "ministral-3b-2410": (0.04, 0.04),
        },
    ),
}


def price_of(model: str) -> Price | None:
    """The price of a model id, None when it is not known.

    Raises:
        ConfigError: the file named by `TRIPOS_PRICES` cannot be used.
    """
    own = _own_prices(os.environ.get("TRIPOS_PRICES") or None)
    undated = _DATE.sub("", model)
    for table, name in ((own, model), (own, undated), (_PRICES, model), (_PRICES, undated)):
        if name in table:
            return table[name]
    return None


def cost_usd(model: str, usage: Usage | None, *, cache_write_tokens: int = 0) -> float | None:
    """What a request cost, None when price or token counts are not known.

    `usage.prompt_tokens` includes cached tokens (`cached_tokens`, None where the server does not report them: charged in
    full) and tokens written to a cache (`cache_write_tokens`); `completion_tokens` includes reasoning.
    """
    price = price_of(model)
    if price is None or usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    if price.up_to_prompt_tokens is not None and usage.prompt_tokens > price.up_to_prompt_tokens:
        if price.beyond is None:
            return None
        price = price.beyond
    if cache_write_tokens and price.cache_write is None:
        return None
    cached = usage.cached_tokens or 0
    plain = max(0, usage.prompt_tokens - cached - cache_write_tokens)
    cached_price = price.input if price.cached_input is None else price.cached_input
    written = cache_write_tokens * (price.cache_write or 0.0)
    return (plain * price.input + cached * cached_price + written + usage.completion_tokens * price.output) / _MILLION


@lru_cache(maxsize=8)
def _own_prices(path: str | None) -> dict[str, Price]:
    if path is None:
        return {}
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"TRIPOS_PRICES={path}: the file cannot be read as TOML: {error}") from error
    return {model: _own_price(path, model, row) for model, row in tables.items()}


def _own_price(path: str, model: str, row: Any) -> Price:
    where = f"TRIPOS_PRICES={path}: [{model!r}]"
    if not isinstance(row, dict):
        raise ConfigError(f"{where} must be a table with `input` and `output`, not {row!r}")
    known = [field.name for field in fields(Price) if field.name not in ("beyond", "up_to_prompt_tokens")]
    for key, value in row.items():
        if key not in known:
            raise ConfigError(f"{where}: {unknown('key', key, known)}")
        wanted = str if key in ("as_of", "source") else (int, float)
        if isinstance(value, bool) or not isinstance(value, wanted) or (not isinstance(value, str) and not 0 <= value < float("inf")):
            raise ConfigError(f"{where}: {key} = {value!r} must be {'text' if wanted is str else 'a price of 0 or more'}")
    if "input" not in row or "output" not in row:
        raise ConfigError(f"{where} needs both `input` and `output` (USD per million tokens)")
    return Price(**{"source": path, **row})
