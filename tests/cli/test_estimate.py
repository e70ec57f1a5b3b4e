"""`tripos estimate`: the calls and prompts of the run that would follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from running import tripos


def estimated(*more: str, cwd: Path, **environment: str) -> dict[str, Any]:
    run = tripos("estimate", "-b", "frames", "--data", "test.jsonl", "-m", "m", "--json", *more, cwd=cwd, **environment)
    assert run.returncode == 0, run.stderr
    (found,) = json.loads(run.stdout)["runs"]
    return dict(found)


def test_every_way_of_asking_is_counted_with_its_own_prompt(tmp_path: Path) -> None:
    links = json.dumps([f"https://en.wikipedia.org/wiki/{'x' * 400}"])
    rows = [{"Unnamed: 0": i, "Prompt": "Who?", "Answer": "Jane", "reasoning_types": "Temporal", "wiki_links": links} for i in range(8)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    short, long = estimated(cwd=tmp_path), estimated("--prompt-variant", "page-links", cwd=tmp_path)
    both = estimated("--prompt-variant", "default", "--prompt-variant", "page-links", "--attempts", "3", cwd=tmp_path)
    assert long["prompt_tokens"] > short["prompt_tokens"] + 8 * 100
    assert (short["calls"], long["calls"], both["calls"]) == (8, 8, 48)
    assert abs(both["prompt_tokens"] - 3 * (short["prompt_tokens"] + long["prompt_tokens"])) <= 3
    wrong = tripos("estimate", "-b", "frames", "--data", "test.jsonl", "-m", "m", "--prompt-variant", "page-link", cwd=tmp_path)
    assert wrong.returncode == 2 and "did you mean 'page-links'" in wrong.stderr


def test_the_judge_costs_too_and_prices_are_those_of_one_prompt(tmp_path: Path) -> None:
    rows = [
        {"Unnamed: 0": i, "Prompt": "Who? " * 3000, "Answer": "Jane", "reasoning_types": "Temporal", "wiki_links": "[]"} for i in range(80)
    ]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prices = "[asked]\ninput = 1.0\noutput = 10.0\n[reads]\ninput = 2.0\noutput = 20.0\n"
    (tmp_path / "prices.toml").write_text(prices)
    found = estimated("-m", "asked", "--judge-model", "reads", "--max-tokens", "100", cwd=tmp_path, TRIPOS_PRICES="prices.toml")
    tokens = found["prompt_tokens"]
    assert tokens > 80 * 3000
    assert found["cost_usd_low"] == pytest.approx(tokens / 1e6, rel=1e-3)
    assert found["cost_usd_high"] == pytest.approx(tokens / 1e6 + 80 * 100 * 10 / 1e6, rel=1e-3)
    assert (found["judge_calls_low"], found["judge_calls_high"]) == (80, 160)
    assert found["judge_cost_usd_low"] == pytest.approx((tokens + 80 * 400) * 2 / 1e6, rel=1e-3)
    assert found["judge_cost_usd_high"] > found["judge_cost_usd_low"] * 2
    long_prompts = estimated("-m", "gemini-2.5-pro", cwd=tmp_path)
    assert tokens > 200_000 > tokens / 80, "all prompts together are longer than the price's bound, each is shorter"
    assert long_prompts["cost_usd_low"] == pytest.approx(tokens * 1.25 / 1e6, rel=1e-3)


def test_a_suite_says_what_it_costs_together(tmp_path: Path) -> None:
    suite = '[[models]]\nname = "asked"\nengine = "openai"\n[[models]]\nname = "nobody"\nengine = "vllm"\n'
    suite += "".join(f'[[benchmarks]]\nname = "{name}"\nmax_samples = 3\n' for name in ("email_triage", "doc_qa"))
    (tmp_path / "suite.toml").write_text(suite)
    (tmp_path / "prices.toml").write_text("[asked]\ninput = 1.0\noutput = 1000.0\n")
    run = tripos("estimate", "--config", "suite.toml", cwd=tmp_path, TRIPOS_PRICES="prices.toml")
    assert run.returncode == 0, run.stderr
    assert "together: 12 calls, $0.0" in run.stdout and " to $12." in run.stdout, "six answers of 2,048 tokens at $1,000 a million"
    assert "with the judge, and the cost of 2 runs at prices that are not known" in run.stdout
