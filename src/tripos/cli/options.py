"""Options that several commands share: the seed's two tables and ours, in one place.

Each becomes a setting of the run specification; an option that was not given is None, so that a suite file keeps its say.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
BACKENDS = ("direct", "agent", "hermes", "openclaw", "terminalbench-native", "jarvis-direct", "jarvis-agent")


class Workers(click.ParamType[int | str]):
    """A positive whole number, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "auto":
            return "auto"
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor 'auto'", param, ctx)
        if number < 1:
            self.fail(f"{value!r}: at least one worker is needed", param, ctx)
        return number


class Finite(click.FloatRange):
    """A number of a range. NaN and infinity, which a range without an end lets through, are refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


def _group(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_o = click.option
_path = click.Path(path_type=Path)

what = _group(
    _o("-b", "--benchmark", help="Any registered benchmark key (see `tripos list`)."),
    _o("-m", "--model", help="Model identifier, e.g. qwen3:8b, gpt-5-mini."),
    _o("-n", "--max-samples", type=click.IntRange(min=1), help="Limit the number of samples.  [default: all]"),
    _o("--split", help="Override the dataset split."),
    _o("--subset", help="Part of the dataset (benchmark-specific)."),
    _o("--partition", type=click.Choice(["all", "train", "test"]), help="Our own 20/80 cut by stable hash.  [default: all]"),
    _o("--record-id", "record_ids", multiple=True, help="Only this record; may be repeated."),
    _o("--data", type=_path, help="Read rows from a local file or directory instead of the hub."),
    _o("--shots", type=click.IntRange(min=0), help="Few-shot examples, where the benchmark offers them.  [default: 0]"),
    _o("--attempts", type=click.IntRange(min=1), help="Candidates per trial.  [default: 1]"),
    _o("--prompt-variant", "prompt_variants", multiple=True, help="Way of asking; may be repeated."),
    _o("--choice-judge", type=click.Choice(["never", "fallback", "always"]), help="When the judge reads the letter of a choice."),
    _o("--setting", "settings", multiple=True, metavar="KEY=VALUE", help="Setting of the benchmark; may be repeated."),
    _o("--seed", type=int, help="Seed of the sample selection.  [default: 42]"),
)
model = _group(
    _o("-e", "--engine", help="Engine key (ollama, vllm, cloud, ...).  [default: auto]"),
    _o("--base-url", help="OpenAI-compatible endpoint URL.  [env: JARVIS_BACKEND_BASE_URL]"),
    _o("--api-key", help="API key for the endpoint; better given as  [env: JARVIS_BACKEND_API_KEY]"),
    _o("--model-option", "model_options", multiple=True, metavar="KEY=VALUE", help="Setting of the engine; may be repeated."),
    _o("--temperature", type=click.FloatRange(min=0), help="Generation temperature.  [default: 0.0]"),
    _o("--max-tokens", type=click.IntRange(min=1), help="Maximum output tokens.  [default: 2048]"),
    _o("--stream/--no-stream", default=None, help="Stream, so that time to first token is measured.  [default: off]"),
    _o("--request-timeout", "request_timeout_seconds", type=click.FloatRange(min=0.1), help="Seconds per request.  [default: 600]"),
    _o("--stall-timeout", "stall_seconds", type=click.FloatRange(min=0.1), help="Seconds without a byte of a stream.  [default: 120]"),
)
how = _group(
    _o("--backend", type=click.Choice(BACKENDS), help="How a sample becomes an answer.  [default: direct]"),
    _o("--agent", help="Agent of the agent backend (see `tripos list`).  [default: orchestrator]"),
    _o("--tools", help="Comma-separated tools of the agent backend, e.g. calculator,file_read.  [default: none]"),
    _o("--max-turns", type=click.IntRange(min=1), help="Turns per sample of the agent backend.  [default: 10]"),
    _o("--max-sample-tokens", type=click.IntRange(min=1), help="Tokens per sample of the agent backend, all turns together."),
    _o("-w", "--max-workers", type=Workers(), help="Requests in flight per endpoint.  [default: 4]"),
    _o("--judge-model", help="Model that grades.  [default: gpt-5-mini-2025-08-07]"),
    _o("--judge-engine", help="Engine of the judge.  [default: cloud]"),
    _o("--judge-base-url", help="OpenAI-compatible endpoint of the judge."),
    _o("--judge-api-key-env", help="Environment variable that holds the judge's key."),
    _o("--warmup-samples", type=click.IntRange(min=0), help="Requests before the measured ones.  [default: 0]"),
    _o(
        "--give-up-after", type=click.IntRange(min=0), help="End a run once so many samples in a row failed alike; 0: never.  [default: 20]"
    ),
    _o("--max-cost", "max_cost_usd", type=click.FloatRange(min=0, min_open=True), help="Stop cleanly after so many US dollars."),
    _o("--max-tokens-total", type=click.IntRange(min=1), help="Stop cleanly after so many tokens."),
    _o("--telemetry/--no-telemetry", default=None, help="Measure energy and time to first token.  [default: off]"),
    _o("--gpu-metrics/--no-gpu-metrics", default=None, help="Poll GPU metrics.  [default: off]"),
    _o("--agentic", is_flag=True, default=None, help="Multi-turn runner: not in this version."),
    _o("--episode-mode", is_flag=True, default=None, help="Ordered samples with memory: not in this version."),
    _o("--concurrency", type=click.IntRange(min=1), help="Of --agentic; otherwise use --max-workers."),
    _o("--query-timeout", "query_timeout_seconds", type=click.FloatRange(min=0), help="Seconds per sample of the agent backend; 0: none."),
    _o("--until", metavar="±WIDTH", help="Stop when the anytime-valid 95 % interval of the accuracy is this narrow, e.g. ±0.02."),
    _o("--fresh", is_flag=True, default=None, help="Start over: ask everything again, keep the old run."),
    _o("--replay", type=_path, help="Answers from a results file or a store (engine replay)."),
)
where = _group(
    _o("-o", "--output", type=_path, help="Results file.  [default: {output-dir}/{benchmark}_{model}.jsonl]"),
    _o("--output-dir", type=_path, help="Directory of results.  [default: results/]"),
    _o("--store", help="Event store: a path or postgresql://...  [default: results/tripos.db]"),
    _o("--wandb-project", help="Weights & Biases project."),
    _o("--wandb-entity", help="Weights & Biases entity."),
    _o("--wandb-tags", help="Weights & Biases tags, comma-separated."),
    _o("--wandb-group", help="Weights & Biases group."),
    _o("--sheets-id", "sheets_spreadsheet_id", help="Google Sheets spreadsheet."),
    _o("--sheets-worksheet", help="Google Sheets worksheet.  [default: Results]"),
    _o("--sheets-creds", "sheets_credentials_path", help="Google Sheets service account file."),
)
show = _group(
    _o("--dry-run", is_flag=True, help="Print the resolved plan and stop; nothing is asked."),
    _o("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
    _o("--compact", is_flag=True, help="One dense table."),
    _o("--trace-detail", is_flag=True, help="List every sample with its stages and times."),
    _o("-v", "--verbose", is_flag=True, help="Debug logging."),
)


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given, in the words of the run specification.

    Raises:
        click.BadParameter: a KEY=VALUE without `=`.
    """
    settings = {name: value for name, value in flags.items() if value is not None and value != ()}
    if "until" in settings:
        from tripos.runs.until import half_width

        settings["until"] = half_width(settings["until"])
    if "tools" in settings:
        settings["tools"] = [t.strip() for t in settings["tools"].split(",") if t.strip()]
    for name in ("record_ids", "prompt_variants"):
        if name in settings:
            settings[name] = list(settings[name])
    if "model_options" in settings:
        settings["options"] = dict(_pair(text, "--model-option") for text in settings.pop("model_options"))
    if isinstance(settings.get("settings"), tuple):
        settings["settings"] = dict(_pair(text, "--setting") for text in settings["settings"])
    return {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}


def from_environment(settings: dict[str, Any]) -> dict[str, Any]:
    """Adds the endpoint that the environment names, for a run without a suite file (a suite has its own rule)."""
    if settings.get("engine") in (None, "auto"):
        for name, variable in (("base_url", "JARVIS_BACKEND_BASE_URL"), ("api_key", "JARVIS_BACKEND_API_KEY")):
            if name not in settings and os.environ.get(variable):
                settings[name] = os.environ[variable]
    return settings


def _pair(text: str, option: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint=option)
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, {"true": True, "false": False}.get(value, value)
