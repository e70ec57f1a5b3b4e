"""Every section and key of a suite: type, bounds, default and meaning, in one place.

The reader (`document`), the merge (`suite`), the command line's overrides and the generated reference all read these
structs; a key that is not here does not exist. TOML has no null: a default of None means *not set*, and for such a key
an empty string means the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tripos.runs.spec import DEFAULT_JUDGE, DEFAULT_STORE

Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1)]
Whole = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Backend = Literal["direct", "agent", "hermes", "openclaw", "terminalbench-native", "jarvis-direct", "jarvis-agent"]
BACKEND_ALIASES = {"jarvis-direct": "direct", "jarvis-agent": "agent"}


def about(text: str) -> Meta:
    """The sentence that the reference prints beside a key."""
    return Meta(description=text)


class MetaSection(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, about("Suite name, shown in output and kept in every summary.")] = ""
    description: Annotated[str, about("What the suite is for, in a person's words.")] = ""


class DefaultsSection(msgspec.Struct, frozen=True, kw_only=True):
    temperature: Annotated[Amount, about("Sampling temperature.")] = 0.0
    max_tokens: Annotated[Count, about("Maximum output tokens.")] = 2048


class JudgeSection(msgspec.Struct, frozen=True, kw_only=True):
    model: Annotated[Name, about("Model id of the judge.")] = DEFAULT_JUDGE
    engine: Annotated[str | None, about("Engine of the judge; not set means `cloud`, or the server at `base_url` where that is set.")] = (
        None
    )
    provider: Annotated[str | None, about('Provider override for the cloud engine, e.g. `"openai"`.')] = None
    temperature: Annotated[Amount, about("Sampling temperature of the judge.")] = 0.0
    max_tokens: Annotated[Count, about("Maximum output tokens of the judge.")] = 1024
    base_url: Annotated[str | None, about("OpenAI-compatible server of the judge.")] = None
    api_key_env: Annotated[str | None, about("Environment variable that holds the judge's key.")] = None
    options: Annotated[dict[str, Any], about("Settings of the judge's engine.")] = {}


class RunSection(msgspec.Struct, frozen=True, kw_only=True):
    max_workers: Annotated[Count | Literal["auto"], about('Requests in flight per endpoint; `"auto"` finds the number.')] = 4
    output_dir: Annotated[Name, about("Directory of the JSONL and summary files.")] = "results/"
    seed: Annotated[int, about("Seed of sample order and of generated samples.")] = 42
    telemetry: Annotated[bool, about("Measure energy, power, utilisation and throughput.")] = False
    gpu_metrics: Annotated[bool, about("Poll the GPU while the run lasts.")] = False
    warmup_samples: Annotated[Whole, about("Untimed samples before measurement.")] = 0
    energy_vendor: Annotated[str, about("Override of the energy meter's vendor.")] = ""
    max_turns: Annotated[Count | None, about("Maximum agent turns a sample.")] = None
    wandb_project: Annotated[str, about("Weights & Biases project; empty switches tracking off.")] = ""
    wandb_entity: Annotated[str, about("Weights & Biases entity.")] = ""
    wandb_tags: Annotated[str, about("Weights & Biases tags, comma separated.")] = ""
    wandb_group: Annotated[str, about("Weights & Biases group.")] = ""
    sheets_spreadsheet_id: Annotated[str, about("Google Sheets document; empty switches the export off.")] = ""
    sheets_worksheet: Annotated[str, about("Worksheet of that document.")] = "Results"
    sheets_credentials_path: Annotated[str, about("Path of the service account's credentials.")] = ""
    global_agent_timeout_sec: Annotated[Positive | None, about("Time limit of an agent on one task, in seconds.")] = None
    global_timeout_multiplier: Annotated[Positive | None, about("Factor on the time limits that tasks bring along.")] = None
    attempts: Annotated[Count, about("Candidates a sample (repeats, pass@N).")] = 1
    request_timeout_seconds: Annotated[Positive, about("Limit of one whole request, in seconds.")] = 600.0
    stall_seconds: Annotated[Positive, about("Limit without a single byte from the server, in seconds.")] = 120.0
    stream: Annotated[bool | None, about("Stream answers, so that time to first token is measured; if absent, as `telemetry` has it.")] = (
        None
    )
    give_up_after: Annotated[
        Whole, about("Give a server up once so many samples in a row failed alike (or so many requests to a judge); 0 means never.")
    ] = 20
    max_cost_usd: Annotated[Positive | None, about("Stop cleanly once this much is spent, in US dollars.")] = None
    max_tokens_total: Annotated[Count | None, about("Stop cleanly once this many tokens are used.")] = None


class ExternalSection(msgspec.Struct, frozen=True, kw_only=True):
    base_url: Annotated[str | None, about("OpenAI-compatible endpoint; `JARVIS_BACKEND_BASE_URL` overrides it.")] = None
    api_key: Annotated[str | None, about("Key of that endpoint; `JARVIS_BACKEND_API_KEY` overrides it. Never written out.")] = None


class StoreSection(msgspec.Struct, frozen=True, kw_only=True):
    url: Annotated[Name, about("Event store: path of a SQLite file, or `postgresql://…`.")] = DEFAULT_STORE


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[Name, about("Model id as its server knows it.")]
    engine: Annotated[str | None, about('Engine (`"ollama"`, `"vllm"`, `"cloud"`, …); not set means found by looking.')] = None
    provider: Annotated[str | None, about('Provider override; without `engine` it implies `"cloud"`.')] = None
    temperature: Annotated[Amount | None, about("Overrides `[defaults]` for this model.")] = None
    max_tokens: Annotated[Count | None, about("Overrides `[defaults]` for this model.")] = None
    param_count_b: Annotated[Amount, about("Parameters in billions, for MFU and MBU; 0 means unknown.")] = 0.0
    active_params_b: Annotated[
        Amount | None, about("Active parameters a token in billions (mixture of experts); not set means all of them.")
    ] = None
    gpu_peak_tflops: Annotated[Amount, about("Peak FP16 TFLOPS of one GPU (312.0 for an A100 SXM); 0 means unknown.")] = 0.0
    gpu_peak_bandwidth_gb_s: Annotated[
        Amount, about("Peak memory bandwidth of one GPU in GB/s (2039.0 for an A100 SXM); 0 means unknown.")
    ] = 0.0
    num_gpus: Annotated[Whole, about("GPUs that serve the model; 0 for a model in the cloud.")] = 1
    base_url: Annotated[str | None, about("OpenAI-compatible server of this model.")] = None
    api_key_env: Annotated[str | None, about("Environment variable that holds the model's key.")] = None
    options: Annotated[dict[str, Any], about("Settings of the engine, e.g. `{skill = 0.8}` for `simulated`.")] = {}


class BenchmarkEntry(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[Name, about("Registered benchmark key (`tripos list`).")]
    backend: Annotated[Backend, about("How a sample becomes an answer; `direct` and `agent` are short for the `jarvis-` names.")] = (
        "jarvis-direct"
    )
    max_samples: Annotated[Count | None, about("Limit of samples; not set means the whole data set.")] = None
    split: Annotated[str | None, about("Overrides the data set's split.")] = None
    subset: Annotated[str | None, about("Subset or variant (benchmark-specific).")] = None
    record_ids: Annotated[list[Name] | None, about("Only these record ids; not set or empty means all.")] = None
    agent: Annotated[str | None, about('Agent of the agent backend, e.g. `"orchestrator"`.')] = None
    tools: Annotated[list[Name], about("Tools of the agent backend.")] = []
    judge_model: Annotated[str | None, about("Overrides `[judge].model` for this benchmark.")] = None
    temperature: Annotated[Amount | None, about("Overrides the model's and `[defaults]`.")] = None
    max_tokens: Annotated[Count | None, about("Overrides the model's and `[defaults]`.")] = None
    global_agent_timeout_sec: Annotated[Positive | None, about("Overrides `[run]` for this benchmark.")] = None
    global_timeout_multiplier: Annotated[Positive | None, about("Overrides `[run]` for this benchmark.")] = None
    attempts: Annotated[Count | None, about("Overrides `[run]` for this benchmark.")] = None
    prompt_variants: Annotated[list[Name], about("Ways of asking, by id; empty means the benchmark's own.")] = []
    data: Annotated[str | None, about("Local file or directory to read instead of the hub.")] = None
    shots: Annotated[Whole, about("Few-shot examples, where the benchmark offers them.")] = 0
    partition: Annotated[Literal["all", "train", "test"], about("Part of a seeded 20/80 division of the samples.")] = "all"
    choice_judge: Annotated[
        Literal["never", "fallback", "always"] | None,
        about("When a judge reads the letter of a multiple-choice answer; not set leaves it to the benchmark."),
    ] = None
    settings: Annotated[dict[str, Any], about("The benchmark's own settings, e.g. `{threads = 2}` for `kernels`.")] = {}


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table of the file.

    Attributes:
        header: as it is written, `[run]` or `[[models]]`.
        prefix, renames: how a key is called once all tables are merged into one flat mapping of settings; a key of
            `[judge]` becomes `judge_…`, the `name` of a benchmark entry becomes `benchmark`.
    """

    header: str
    keys: type[msgspec.Struct]
    about: str
    prefix: str = ""
    renames: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def fields(self) -> dict[str, msgspec.structs.FieldInfo]:
        """Keys in the order of the reference."""
        return {f.name: f for f in msgspec.structs.fields(self.keys)}

    def setting(self, key: str) -> str:
        """The name of `key` among the merged settings."""
        return self.renames.get(key, self.prefix + key)


META = Section(
    header="[meta]",
    keys=MetaSection,
    about="About the suite; nothing here changes a score.",
    renames={"name": "suite"},
)
DEFAULTS = Section(
    header="[defaults]",
    keys=DefaultsSection,
    about="Generation parameters of every run, unless a model or a benchmark overrides them.",
)
JUDGE = Section(
    header="[judge]",
    keys=JudgeSection,
    about="The model that grades, for benchmarks that need one.",
    prefix="judge_",
)
RUN = Section(
    header="[run]",
    keys=RunSection,
    about="How the whole suite is carried out.",
)
EXTERNAL = Section(
    header="[backend.external]",
    keys=ExternalSection,
    about="Endpoint of the `hermes` and `openclaw` backends. Environment variables win over the file.",
    prefix="external_",
)
STORE = Section(
    header="[store]",
    keys=StoreSection,
    about="Where events are kept.",
    renames={"url": "store"},
)
MODELS = Section(
    header="[[models]]",
    keys=ModelEntry,
    about="One block a model; at least one.",
    renames={"name": "model"},
)
BENCHMARKS = Section(
    header="[[benchmarks]]",
    keys=BenchmarkEntry,
    about="One block a benchmark; at least one. The suite is every model with every benchmark.",
    renames={"name": "benchmark"},
)
SECTIONS = (META, DEFAULTS, JUDGE, RUN, EXTERNAL, STORE, MODELS, BENCHMARKS)
