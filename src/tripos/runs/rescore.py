"""Scoring stored answers again, in another way: new transform or scorer settings, another scorer, another judge. No model is asked.

The new verdicts are a new overlay of the same candidates. The original run shows it as one of its scorings (by name or
hash), and it stands in the store as a run of its own, so that it can be reported and compared like any other. The same
command goes on where it stopped: verdicts that are there are not paid for again.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

import msgspec

from tripos.backends.backend import BackendSettings, find
from tripos.benchmarks.benchmark import Benchmark, Entry
from tripos.core.errors import ConfigError, EngineError, unknown
from tripos.core.identity import digest, settings_of
from tripos.core.records import Completion
from tripos.engines.endpoint import Endpoint
from tripos.engines.engine import Preflight
from tripos.engines.limiter import Limiter
from tripos.results.overlays import DEFAULT, NAME, RESCORED, TRANSFORM
from tripos.runs.endpoints import Endpoints
from tripos.runs.plan import Plan, compose, instruments_of, overlay_of
from tripos.runs.provenance import provenance
from tripos.runs.rescoring import Rescored, Rescoring
from tripos.runs.selection import Selection
from tripos.runs.spec import RunSpec, public
from tripos.runs.stopping import Control
from tripos.runs.stored import SCORER, spec_of
from tripos.scoring.scorer import scorers, transforms
from tripos.store.database import Database
from tripos.store.events import RunStarted
from tripos.store.reading import Reader, RunRow
from tripos.store.writer import Writer

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to be different.

    Attributes:
        name: what the new scoring is called; None leaves it to its hash.
        scorer, transform: names of other registered ones; None keeps the benchmark's.
        scorer_settings, transform_settings: fields of the two to set.
        choice_judge: "never", "fallback" or "always".
        judge: fields of `JudgeSpec` and `ModelSpec` to set: model, engine, base_url, api_key_env, temperature, max_tokens.
    """

    name: str | None = None
    scorer: str | None = None
    transform: str | None = None
    scorer_settings: Mapping[str, Any] = field(default_factory=dict)
    transform_settings: Mapping[str, Any] = field(default_factory=dict)
    choice_judge: str | None = None
    judge: Mapping[str, Any] = field(default_factory=dict)


class _NoModel:
    """Stands where a plan has its engine: the answers are there, nothing may be asked."""

    key = "recorded"

    def __init__(self, run: RunRow) -> None:
        self.simulated = bool(run.simulated)
        self.endpoint_id = f"run:{run.run_id}"

    async def preflight(self) -> Preflight:
        return Preflight(None)

    async def generate(self, *asked: Any, **how: Any) -> Completion:
        raise EngineError("a rescoring asks no model", kind="bad_request")

    async def close(self) -> None:
        """Nothing is open."""


async def rescore(store: str, run_id: str, change: Change, endpoints: Endpoints, control: Control) -> Rescored:
    """Scores the answers of a run again.

    Raises:
        TriposError: no such run, setting, scorer or judge; the settings are the run's own; the name is taken.
    """
    database = Database(store)
    reader = Reader(Database(store))
    writer = Writer(database)
    try:
        source = reader.run(run_id)
        plan, judge = await _plan(source, change, endpoints, reader)
        work = Rescoring(plan, source, change.name, reader, writer, control)
        writer.write(plan.run_id, [_started(plan, source, change, judge, reader)])
        await work.run()
        return await asyncio.to_thread(work.result)
    finally:
        await asyncio.to_thread(writer.close)
        database.close()
        reader.database.close()


def changed(component: Any, settings: Mapping[str, Any], what: str) -> Any:
    """A transform or scorer with some fields set; texts become the type that the field has.

    Raises:
        ConfigError: it has no such field, or the value does not fit.
    """
    if not settings:
        return component
    known = {f.name: getattr(component, f.name) for f in fields(component)} if is_dataclass(component) else {}
    fitted = {}
    for name, value in settings.items():
        if name not in known:
            owner = f"the {what} {settings_of(component)['name']}"
            raise ConfigError(unknown(f"setting of {owner}", name, known) if known else f"{owner} has no settings, so no {name!r}")
        fitted[name] = _fitted(name, value, known[name], what)
    try:
        return replace(component, **fitted)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the {what} {settings_of(component)['name']} does not take {dict(settings)}: {error}") from error


async def _plan(source: RunRow, change: Change, endpoints: Endpoints, reader: Reader) -> tuple[Plan, Any]:
    spec = changed_spec(spec_of(_recorded(source), source.run_id), change)
    entry, benchmark = _changed_benchmark(*compose(spec), change)
    instruments, judge = await instruments_of(spec, benchmark, endpoints)
    overlay = overlay_of(benchmark, judge)
    if overlay == source.overlay:
        raise ConfigError(
            f"run {source.run_id} was scored in just this way ({overlay}): change the scorer, a setting or the judge. To have what is "
            "unscored tried again, run its own command again"
        )
    _check_name(source, overlay, change.name, reader)
    run_key = digest({"rescored": source.run_id, "overlay": overlay})
    endpoint = Endpoint(_NoModel(source), Limiter(1))
    plan = Plan(
        spec=spec,
        entry=entry,
        benchmark=benchmark,
        selection=Selection(benchmark, 0, None),
        variants={},
        run_id=run_key[:12],
        run_key=run_key,
        nonce="",
        overlay=overlay,
        engine=source.engine,
        endpoint=endpoint,
        backend=find("direct").function(endpoint, spec.params, BackendSettings()),
        instruments=instruments,
        trial_base=b"",
    )
    return plan, judge


def _recorded(run: RunRow) -> dict[str, Any]:
    return {**msgspec.json.decode(run.config, type=dict[str, Any]), "benchmark": run.benchmark}


def changed_spec(spec: RunSpec, change: Change) -> RunSpec:
    """The settings of a run with another judge, or another use of it."""
    named = dict(change.judge)
    model: dict[str, Any] = {name: named.pop(name) for name in ("engine", "base_url", "api_key_env") if name in named}
    if "model" in named:
        model["name"] = named.pop("model")
    if "base_url" in model or "engine" in model:  # where the judge was before, and its key, say nothing of where this one is
        model = {"engine": None, "provider": None, "base_url": None, "api_key_env": None, **model}
    judge = replace(spec.judge, model=replace(spec.judge.model, **model), **named)
    return replace(spec, judge=judge, choice_judge=change.choice_judge or spec.choice_judge)


def _changed_benchmark(entry: Entry, benchmark: Benchmark, change: Change) -> tuple[Entry, Benchmark]:
    scorer, transform = benchmark.scorer, benchmark.transform
    if change.scorer is not None:
        scorer = _another("scorer", scorers.get(change.scorer), change.scorer, change.scorer_settings)
    if change.transform is not None:
        transform = _another("transform", transforms.get(change.transform), change.transform, change.transform_settings)
    scorer = changed(scorer, change.scorer_settings, "scorer")
    return entry, replace(benchmark, scorer=scorer, transform=changed(transform, change.transform_settings, "transform"))


def _another(kind: str, make: Callable[..., T], name: str, settings: Mapping[str, Any]) -> T:
    """A registered scorer or transform with the settings that it cannot do without."""
    try:
        return make(**{setting: value for setting, value in settings.items() if _required(make, setting)})
    except TypeError as error:
        raise ConfigError(f"{kind} {name!r} needs settings (--{kind}-option KEY=VALUE): {error}") from error


def _required(make: Any, name: str) -> bool:
    parameter = inspect.signature(make).parameters.get(name)
    return parameter is not None and parameter.default is inspect.Parameter.empty


def _fitted(name: str, value: Any, now: Any, what: str) -> Any:
    if isinstance(now, tuple) and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if now is None or isinstance(value, type(now)) or (isinstance(now, float) and isinstance(value, int)):
        return value
    if isinstance(now, str) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"{what} setting {name} = {value!r}: expected {type(now).__name__}, as in {now!r}")


def _check_name(source: RunRow, overlay: str, name: str | None, reader: Reader) -> None:
    if name is None:
        return
    if name == DEFAULT or not name.strip():
        raise ConfigError(f"--name {name!r}: choose another name; {DEFAULT!r} is what the run itself was scored with")
    for other in reader.runs():
        config = msgspec.json.decode(other.config, type=dict[str, Any])
        same = (other.benchmark, other.model) == (source.benchmark, source.model)
        if same and config.get(NAME) == name and other.overlay != overlay:
            raise ConfigError(f"--name {name!r} is taken: it is the scoring {other.overlay} of {other.benchmark} x {other.model}")


def _started(plan: Plan, source: RunRow, change: Change, judge: Any, reader: Reader) -> RunStarted:
    planned = reader.database.execute("SELECT count(*) FROM trial WHERE run_id = ?", (source.run_id,))[0][0]
    kept = msgspec.json.decode(source.config, type=dict[str, Any])
    grading = {
        "judge": public(plan.spec.judge),
        "choice_judge": plan.spec.choice_judge,
        SCORER: digest(settings_of(plan.benchmark.scorer)),
    }
    name = change.name or _name_before(reader, plan.run_id)
    layer = {
        RESCORED: source.run_id,
        NAME: name,
        TRANSFORM: digest(settings_of(plan.benchmark.transform))[:12],
        "judged": judge is not None,
    }
    return RunStarted(
        run_key=plan.run_key,
        suite=source.suite,
        benchmark=source.benchmark,
        category=source.category,
        model=source.model,
        engine=source.engine,
        backend=source.backend,
        overlay=plan.overlay,
        simulated=bool(source.simulated),
        planned=planned,
        config={**kept, **grading, **layer},
        dataset=dict(plan.benchmark.samples.fingerprint()),
        provenance=provenance(plan.endpoint.engine),
    )


def _name_before(reader: Reader, run_id: str) -> str | None:
    known = [row for row in reader.runs() if row.run_id == run_id]
    name: str | None = msgspec.json.decode(known[0].config, type=dict[str, Any]).get(NAME) if known else None
    return name
