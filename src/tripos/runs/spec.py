"""What is to be run: the resolved form of flags and suites. The runner sees nothing else of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from tripos.core.records import GenerationParams
from tripos.core.secret import Secret, without_password

DEFAULT_JUDGE = "gpt-5-mini-2025-08-07"
DEFAULT_STORE = "results/tripos.db"


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model and where it is served. Hardware fields feed MFU/MBU; zero or None means unknown.

    Attributes:
        engine: engine key; None means `auto` (discover), "cloud" means by model name.
        provider: overrides what "cloud" would choose ("openai", "anthropic", "google", …).
        api_key_env: name of the environment variable that holds the key; `api_key` is the key itself, never written out.
        options: engine-specific settings.
    """

    name: str
    engine: str | None = None
    provider: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    api_key: Secret | None = None
    param_count_b: float = 0.0
    active_params_b: float | None = None
    gpu_peak_tflops: float = 0.0
    gpu_peak_bandwidth_gb_s: float = 0.0
    num_gpus: int = 1
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JudgeSpec:
    """The model that grades, and its own generation parameters."""

    model: ModelSpec = ModelSpec(name=DEFAULT_JUDGE, engine="cloud")
    temperature: float = 0.0
    max_tokens: int = 1024


@dataclass(frozen=True, kw_only=True)
class Trackers:
    """Weights & Biases and Google Sheets; empty strings switch them off."""

    wandb_project: str = ""
    wandb_entity: str = ""
    wandb_tags: str = ""
    wandb_group: str = ""
    sheets_spreadsheet_id: str = ""
    sheets_worksheet: str = "Results"
    sheets_credentials_path: str = ""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One benchmark x one model, as configured.

    Attributes:
        max_workers: requests in flight per endpoint, or "auto" to find it.
        attempts: candidates a trial.
        output: JSONL path; None means `{output_dir}/{benchmark}_{model-slug}.jsonl`.
        max_turns, max_sample_tokens, query_timeout_seconds: limits of one sample of the agent backend; None means its default.
        until: half width of an anytime-valid interval of the accuracy at which the run may stop; None means all samples.
        give_up_after: samples in a row that fail alike before the run ends (and requests to its judge before that is left alone); 0: never.
        max_cost_usd, max_tokens_total: budgets of the whole command; None means unlimited.
        stream: None means as `telemetry` has it, which wants the time to the first token.
        choice_judge: "never" | "fallback" | "always": when the judge reads the letter of a multiple-choice answer.
        settings: the benchmark's own settings (see `tripos list --json`).
        external_base_url, external_api_key: endpoint of the hermes and openclaw backends (`[backend.external]`).
    """

    benchmark: str
    model: ModelSpec
    backend: str = "direct"
    params: GenerationParams = GenerationParams()
    judge: JudgeSpec = JudgeSpec()
    max_samples: int | None = None
    split: str | None = None
    subset: str | None = None
    partition: Literal["all", "train", "test"] = "all"
    record_ids: tuple[str, ...] = ()
    data: Path | None = None
    shots: int = 0
    choice_judge: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    agent: str | None = None
    tools: tuple[str, ...] = ()
    max_turns: int | None = None
    max_sample_tokens: int | None = None
    attempts: int = 1
    prompt_variants: tuple[str, ...] = ()
    seed: int = 42
    max_workers: int | Literal["auto"] = 4
    request_timeout_seconds: float = 600.0
    stall_seconds: float = 120.0
    stream: bool | None = None
    warmup_samples: int = 0
    output_dir: Path = Path("results")
    output: Path | None = None
    store: str = DEFAULT_STORE
    fresh: bool = False
    until: float | None = None
    give_up_after: int = 20
    max_cost_usd: float | None = None
    max_tokens_total: int | None = None
    telemetry: bool = False
    gpu_metrics: bool = False
    energy_vendor: str = ""
    trackers: Trackers = Trackers()
    episode_mode: bool = False
    agentic: bool = False
    concurrency: int = 1
    query_timeout_seconds: float | None = None
    global_agent_timeout_sec: float | None = None
    global_timeout_multiplier: float | None = None
    external_base_url: str | None = None
    external_api_key: Secret | None = None
    suite: str = ""

    @property
    def streams(self) -> bool:
        """Whether answers are streamed."""
        return self.telemetry if self.stream is None else self.stream

    def output_path(self) -> Path:
        """Where the JSONL goes."""
        return self.output or self.output_dir / f"{self.benchmark}_{slug(self.model.name)}.jsonl"


@dataclass(frozen=True, kw_only=True)
class SuiteSpec:
    """A matrix of runs, models outside, benchmarks inside."""

    name: str
    description: str
    runs: tuple[RunSpec, ...]


def slug(name: str) -> str:
    """A model name as part of a file name, as the seed has it: `/` and `:` become `-`; anything else unsafe too. File systems
    allow 255 bytes a name, so a long one is cut."""
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).lstrip(".") or "model"
    return safe.encode()[:120].decode(errors="ignore")


def public(value: Any) -> Any:
    """A spec as plain data for files and pages: secrets are left out, paths and tuples become strings and lists."""
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: public(getattr(value, f.name)) for f in fields(value) if not isinstance(getattr(value, f.name), Secret)}
    if hasattr(value, "__struct_fields__"):
        return {name: public(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {k: public(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [public(v) for v in value]
    if isinstance(value, str) and "://" in value:
        return without_password(value)
    return str(value) if isinstance(value, Path) else value
