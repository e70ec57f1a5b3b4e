"""`tripos estimate`: the calls and prompts of the run that would follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from running import tripos


def estimated(*more: str, cwd: Path) -> dict[str, Any]:
    run = tripos("estimate", "-b", "frames", "--data", "test.jsonl", "-m", "m", "--json", *more, cwd=cwd)
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
