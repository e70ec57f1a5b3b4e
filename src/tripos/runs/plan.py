"""From a specification to a plan: everything is built, checked and named before the first token is paid."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tripos.backends.backend import Backend, BackendSettings, find
from tripos.benchmarks.benchmark import Benchmark, Entry, Options, Prompt, benchmarks
from tripos.core.errors import ConfigError, TriposError, unknown
from tripos.core.identity import canonical, digest, settings_of
from tripos.core.records import GenerationParams, Message, Sample
from tripos.engines.endpoint import Endpoint
from tripos.runs.breaker import Guarded, breaker_of
from tripos.runs.endpoints import Endpoints
from tripos.runs.selection import Selection, select
from tripos.runs.spec import RunSpec
from tripos.scoring.judge import Judge
from tripos.scoring.scorer import Instruments
from tripos.store.events import Prepared, TrialPlanned
from tripos.store.reading import Reader

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that can start.

    Attributes:
        run_key: identity of the configuration, less how many samples and attempts: more of them is the same run.
        nonce: "" or what `--fresh` drew; part of every trial's identity, so that fresh means asked again.
        overlay: identity of transform, scorer and judge, 12 hex.
    """

    spec: RunSpec
    entry: Entry
    benchmark: Benchmark
    selection: Selection
    variants: Mapping[str, Prompt]
    run_id: str
    run_key: str
    nonce: str
    overlay: str
    engine: str
    endpoint: Endpoint
    backend: Backend
    instruments: Instruments
    trial_base: bytes

    @property
    def planned(self) -> int:
        """Candidates wanted: samples x prompt variants x attempts."""
        return self.selection.total * len(self.variants) * self.spec.attempts

    def messages(self, sample: Sample, variant: str) -> tuple[Message, ...]:
        """The rendered prompt."""
        rendered = self.variants[variant](sample)
        messages = (Message(role="user", content=rendered),) if isinstance(rendered, str) else tuple(rendered)
        return (Message(role="system", content=self.benchmark.system), *messages) if self.benchmark.system else messages

    def trial(
        self, sample: Sample, variant: str, attempt: int, messages: Sequence[Message], prepared: Prepared | None = None
    ) -> TrialPlanned:
        """The trial of a sample, named by what it depends on. `prompt` is not stowed yet; `prepared` is when it was rendered."""
        prompt = _encode(messages)
        trial_hash = hashlib.sha256(self.trial_base + sample.record_id.encode() + b"\0" + prompt).hexdigest()
        return TrialPlanned(
            record_id=sample.record_id,
            prompt_variant_id=variant,
            attempt=attempt,
            candidate_id=hashlib.sha256(f"{trial_hash}/{attempt}".encode()).hexdigest()[:32],  # 128 bits
            trial_hash=trial_hash,
            subject=sample.subject,
            slice_id=sample.slice_id,
            cluster=sample.cluster,
            dimensions=sample.dimensions,
            reference=sample.reference,
            reference_hash=hashlib.sha256(_encode(sample.reference)).hexdigest()[:16],
            prompt=prompt.decode(),
            prepared=prepared,
        )


def compose(spec: RunSpec) -> tuple[Entry, Benchmark]:
    """The benchmark of a run, composed; no row is read.

    Raises:
        ConfigError: unknown benchmark or prompt variant.
    """
    entry = benchmarks.get(spec.benchmark)
    options = Options(
        split=spec.split,
        subset=spec.subset,
        data=spec.data,
        seed=spec.seed,
        shots=spec.shots,
        judge=spec.choice_judge,
        settings=spec.settings,
    )
    return entry, entry.build(options)


async def prepare(spec: RunSpec, endpoints: Endpoints, reader: Reader) -> Plan:
    """Builds a plan and checks everything it needs.

    Raises:
        TriposError: something is missing; says what to do.
    """
    entry, benchmark = compose(spec)
    _refuse(spec)
    way = find(spec.backend)
    variants = variants_of(spec, benchmark)
    instruments, judge_identity = await instruments_of(spec, benchmark, endpoints)
    selection = select(benchmark, spec)
    if spec.until is not None and len(variants) > 1:
        raise ConfigError("--until does not go with several prompt variants: they are not independent; run them one by one")
    endpoint = await endpoints.candidate(spec)
    backend = way.function(endpoint, spec.params, _backend_settings(spec, way.key, endpoints))
    engine = endpoint.engine.key
    overlay = overlay_of(benchmark, judge_identity)
    asked = {"model": spec.model.name, "engine": engine, "options": _named_options(spec, endpoint), "params": spec.params}
    identity = {**asked, "backend": backend.identity()}
    choice: dict[str, Any] = {
        "benchmark": spec.benchmark,
        "split": spec.split,
        "subset": spec.subset,
        "shots": spec.shots,
        "partition": spec.partition,
    }
    choice["data"] = str(spec.data.expanduser().resolve()) if spec.data is not None else None
    if spec.settings:
        choice["settings"] = spec.settings
    seed = spec.seed if benchmark.samples.endless else None
    run_key = digest({**identity, **choice, "variants": sorted(variants), "overlay": overlay, "seed": seed})
    run_id, nonce = _epoch(run_key, spec, reader)
    return Plan(
        spec=spec,
        entry=entry,
        benchmark=benchmark,
        selection=selection,
        variants=variants,
        run_id=run_id,
        run_key=run_key,
        nonce=nonce,
        overlay=overlay,
        engine=engine,
        endpoint=endpoint,
        backend=backend,
        instruments=instruments,
        trial_base=hashlib.sha256(canonical({**identity, "nonce": nonce})).digest(),
    )


def _refuse(spec: RunSpec) -> None:
    """What may be written, but is not in this version."""
    if spec.agentic or spec.episode_mode:
        flag = "--agentic" if spec.agentic else "--episode-mode"
        raise ConfigError(
            f"{flag} is not in this version of Tripos; a tool-calling agent is --backend agent --agent orchestrator --tools ..."
        )
    if spec.concurrency != 1:
        raise ConfigError(f"--concurrency {spec.concurrency} belongs to --agentic, which is not in this version; use --max-workers")


def _backend_settings(spec: RunSpec, backend: str, endpoints: Endpoints) -> BackendSettings:
    seconds = [s for s in (spec.query_timeout_seconds, spec.global_agent_timeout_sec) if s]
    if backend == "direct":
        limits = {
            "--query-timeout": spec.query_timeout_seconds,
            "--max-sample-tokens": spec.max_sample_tokens,
            "--max-turns": spec.max_turns,
        }
        for flag, value in limits.items():
            if value:
                endpoints.warnings.append(f"{spec.benchmark}: {flag} has no effect with the direct backend")
    return BackendSettings(
        agent=spec.agent,
        tools=spec.tools,
        max_turns=spec.max_turns,
        max_tokens=spec.max_sample_tokens,
        seconds=min(seconds, default=None),
    )


def _epoch(run_key: str, spec: RunSpec, reader: Reader) -> tuple[str, str]:
    """(run id, nonce): the newest run of this configuration goes on, unless a fresh one is asked for.

    The nonce is the part of the run id after the dash, so nothing else needs to be remembered.
    """
    if spec.fresh:
        import secrets

        nonce = secrets.token_hex(3)
        return f"{run_key[:12]}-{nonce}", nonce
    newest = reader.newest_run(run_key)
    if newest is None:
        return run_key[:12], ""
    return newest, newest.partition("-")[2]


def _named_options(spec: RunSpec, endpoint: Endpoint) -> dict[str, Any]:
    options = {name: value for name, value in spec.model.options.items() if isinstance(value, (str, int, float, bool))}
    recording = getattr(endpoint.engine, "recording", None)  # by what it holds, not by where it lies
    return options if recording is None else {**options, "recording": recording.identity}


def variants_of(spec: RunSpec, benchmark: Benchmark) -> dict[str, Prompt]:
    """The ways of asking that a run chose, by id.

    Raises:
        ConfigError: the benchmark has no such way.
    """
    known = {"default": benchmark.prompt, **benchmark.variants}
    chosen = spec.prompt_variants or ("default",)
    for name in chosen:
        if name not in known:
            raise ConfigError(f"{spec.benchmark}: {unknown('prompt variant', name, known)}")
    return {name: known[name] for name in chosen}


def overlay_of(benchmark: Benchmark, judge_identity: Any) -> str:
    """Identity of a way of scoring: transform, scorer and judge, 12 hex."""
    return digest([settings_of(benchmark.transform), settings_of(benchmark.scorer), judge_identity])[:12]


async def instruments_of(spec: RunSpec, benchmark: Benchmark, endpoints: Endpoints) -> tuple[Instruments, Any]:
    """What the scorer may use, and the identity of the judge (None without one).

    Raises:
        TriposError: something that the scorer needs cannot be had.
    """
    needs = benchmark.scorer.needs
    judge, sandbox = None, None
    if "judge" in needs or "judge?" in needs:
        judge = await _judge(spec, endpoints, optional="judge" not in needs)
    if "sandbox" in needs:
        from tripos.sandbox.choose import choose

        sandbox = choose()
    if "math-verify" in needs:
        from tripos.scoring.math import check_available

        check_available()
    instruments = Instruments(judge=judge, sandbox=sandbox, opened=endpoints.opened)
    prepare = getattr(benchmark.scorer, "prepare", None)
    if prepare is not None:
        await prepare(instruments)
    return instruments, judge.identity() if judge is not None else None


async def _judge(spec: RunSpec, endpoints: Endpoints, *, optional: bool) -> Judge | None:
    try:
        endpoint = await endpoints.judge(spec)
    except TriposError as error:
        if not optional:
            raise ConfigError(f"{spec.benchmark} is scored by a judge ({spec.judge.model.name}), which cannot be had: {error}") from error
        endpoints.warnings.append(f"{spec.benchmark}: no judge for unclear answers, they count as wrong_format ({error})")
        return None
    params = GenerationParams(temperature=spec.judge.temperature, max_tokens=spec.judge.max_tokens)
    ask = Guarded(endpoint.generate, breaker_of(endpoint, spec.give_up_after))
    return Judge(ask=ask, model=spec.judge.model.name, params=params)
