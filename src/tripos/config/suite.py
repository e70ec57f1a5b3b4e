"""From a suite file to run specifications: every model with every benchmark, each setting from its strongest source.

Strength, highest first: flags given beside the file, benchmark, model, the tables of the file, built-in defaults.
Environment variables win over `[backend.external]`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from tripos.config.checking import fit, show_key
from tripos.config.document import Document, read_document
from tripos.config.files import at_home, resolve, shipped
from tripos.config.naming import distinct
from tripos.config.schema import BACKEND_ALIASES, BENCHMARKS, EXTERNAL, META, MODELS, SECTIONS, Name, Section
from tripos.core.errors import ConfigError, nearest, unknown
from tripos.core.records import GenerationParams
from tripos.core.registry import Registry
from tripos.core.secret import Secret
from tripos.runs.spec import JudgeSpec, ModelSpec, RunSpec, SuiteSpec, Trackers

__all__ = ["load_suite", "not_in_this_version", "remarks", "resolve", "shipped", "unknown_benchmarks"]

ENVIRONMENT = {"external_base_url": "JARVIS_BACKEND_BASE_URL", "external_api_key": "JARVIS_BACKEND_API_KEY"}
_SECRETS = frozenset({"api_key", "judge_api_key", "external_api_key"})
_PATHS = frozenset({"output", "output_dir", "data"})

Settings = dict[str, Any]


def load_suite(path: str | Path, overrides: Mapping[str, Any] = {}, model_filter: str | None = None) -> SuiteSpec:
    """Reads a suite and expands it, models outside, benchmarks inside.

    Args:
        overrides: what the user typed beside the file; names are fields of `RunSpec`, `ModelSpec`, `GenerationParams`
            or keys of the file (a key of `[judge]` is `judge_…`, `[store].url` is `store`). None counts as not given.
            `model` and `benchmark` pick entries of the file by their exact name.
        model_filter: keeps the models whose name contains this text; case matters.

    Raises:
        ConfigError: the file, an override or the filter is wrong.
    """
    return expand(read_document(Path(path)), overrides, model_filter, str(path))


def expand(document: Document, overrides: Mapping[str, Any], model_filter: str | None, where: str) -> SuiteSpec:
    """Every model of a document with every benchmark; `where` names the document in messages."""
    flags = _checked(overrides)
    model, benchmark = flags.pop("model", None), flags.pop("benchmark", None)
    runs = distinct([_run(document, m, b, flags) for m in document.models for b in document.benchmarks])
    runs = _narrowed(runs, model, benchmark, model_filter, where)
    if "output" in flags:
        runs = _into_one_file(runs, at_home(flags["output"]))
    meta = document.tables[META.header]
    return SuiteSpec(name=meta.name, description=meta.description, runs=tuple(runs))


def unknown_benchmarks(suite: SuiteSpec) -> list[str]:
    """Benchmark keys of the suite that nobody registered, in the order of the suite; see `not_in_this_version`."""
    from tripos.benchmarks.benchmark import benchmarks

    return [name for name in dict.fromkeys(run.benchmark for run in suite.runs) if not _registered(name, benchmarks)]


def not_in_this_version(name: str) -> str:
    """One sentence for a benchmark key that nobody registered."""
    from tripos.benchmarks.benchmark import benchmarks

    guess = nearest(name, benchmarks.names())
    return (
        f"benchmark {name!r} is not in this version" + (f"; did you mean {guess!r}?" if guess else "") + " (`tripos list` shows them all)"
    )


def remarks(suite: SuiteSpec) -> list[str]:
    """One sentence for each setting that is legal but has no effect, or can hardly be meant, where it stands."""
    said: list[str] = []
    for run in suite.runs:
        if run.backend == "direct" and (run.agent or run.tools):
            said.append(f'{run.benchmark}: `agent` and `tools` have no effect with the direct backend; set backend = "agent"')
        if run.model.provider and run.model.engine != "cloud":
            said.append(f"{run.model.name}: `provider` has no effect with engine {run.model.engine!r}; it chooses among cloud providers")
        if run.model.base_url and run.model.engine in ("simulated", "replay"):
            said.append(f"{run.model.name}: `base_url` has no effect with engine {run.model.engine!r}, which asks nobody")
        if run.attempts > 1 and run.params.temperature == 0:
            said.append(f"{run.benchmark}: {run.attempts} attempts at temperature 0 ask for the same answer again; set a temperature")
        active, total = run.model.active_params_b, run.model.param_count_b
        if active is not None and total and active > total:
            said.append(f"{run.model.name}: `active_params_b` ({active:g}) is more than `param_count_b` ({total:g})")
    return list(dict.fromkeys(said))


def _registered(name: str, registry: Registry[Any]) -> bool:
    try:
        registry.get(name)  # imports one file where the name is right, all of them only where it is not
    except ConfigError:
        return name in registry
    return True


def _run(document: Document, model: Any, benchmark: Any, flags: Settings) -> RunSpec:
    settings: Settings = {}
    for section in SECTIONS:
        if section not in (MODELS, BENCHMARKS):
            settings |= _given(section, document.tables[section.header])
        if section is EXTERNAL:
            settings |= {name: os.environ[variable] for name, variable in ENVIRONMENT.items() if os.environ.get(variable)}
    entry = _given(MODELS, model)
    if "base_url" in flags and "engine" not in flags:  # a server named by hand beats the engine of the file
        entry = {name: value for name, value in entry.items() if name not in ("engine", "provider")}
    settings |= entry | _given(BENCHMARKS, benchmark)
    return _build(settings | flags)


def _given(section: Section, table: msgspec.Struct) -> Settings:
    """The keys of a table that have a value, by the names of the settings."""
    pairs = ((section.setting(key), getattr(table, key), f.default) for key, f in section.fields.items())
    return {name: value for name, value, default in pairs if value is not None and (value != "" or default is not None)}


def _build(settings: Settings) -> RunSpec:
    values = {name: _native(name, value) for name, value in settings.items()}
    values["backend"] = BACKEND_ALIASES.get(values["backend"], values["backend"])
    judge = {name.removeprefix("judge_"): value for name, value in values.items() if name.startswith("judge_")}
    judge_engine = judge.pop("engine", None) or (None if "base_url" in judge else "cloud")
    judge_model = ModelSpec(name=judge.pop("model"), engine=judge_engine, **_of(ModelSpec, judge))
    nested = {
        "model": _model(values),
        "params": GenerationParams(**{n: v for n, v in values.items() if n in _PARAMS}),
        "judge": JudgeSpec(model=judge_model, temperature=judge["temperature"], max_tokens=judge["max_tokens"]),
        "trackers": Trackers(**_of(Trackers, values)),
    }
    return RunSpec(**(_of(RunSpec, values) | nested))


def _model(values: Settings) -> ModelSpec:
    engine = values.get("engine") or ("cloud" if values.get("provider") else None)
    return ModelSpec(**(_of(ModelSpec, values) | {"name": values["model"], "engine": engine}))


def _native(name: str, value: Any) -> Any:
    """A checked value as the specifications hold it; every run gets its own copy."""
    if name in _SECRETS and isinstance(value, str):
        return Secret(value)
    if name in _PATHS:
        return at_home(value)
    if name == "store" and "://" not in value:
        return str(at_home(value))
    return tuple(value) if isinstance(value, list) else copy.deepcopy(value)


def _of(spec: type, values: Settings) -> Settings:
    return {f.name: values[f.name] for f in fields(spec) if f.name in values}


def _checked(overrides: Mapping[str, Any]) -> Settings:
    flags: Settings = {}
    accepted = _accepted()
    for name, value in overrides.items():
        if name not in accepted:
            raise ConfigError(unknown("override", name, accepted))
        if value is None:
            continue
        if isinstance(value, Secret) and name in _SECRETS:
            flags[name] = value
            continue
        try:
            flags[name] = fit(str(value) if isinstance(value, Path) else value, accepted[name], secret=name in _SECRETS)
        except ValueError as error:
            raise ConfigError(f"{show_key(name)}, given as a flag, {error}") from error
    for name in ("base_url", "api_key"):
        if name in flags:
            flags.setdefault(f"external_{name}", flags[name])
    return flags


def _narrowed(runs: Iterable[RunSpec], model: str | None, benchmark: str | None, model_filter: str | None, file: str) -> list[RunSpec]:
    """Names of files are given before this, so that a part of a suite writes where the whole suite would."""
    kept = list(runs)
    models, keys = {run.model.name for run in kept}, {run.benchmark for run in kept}
    if model is not None and model not in models:
        raise ConfigError(f"{file}: {unknown('model', model, models)} (a model that is not in the suite runs without the file)")
    if benchmark is not None and benchmark not in keys:
        raise ConfigError(f"{file}: {unknown('benchmark', benchmark, keys)} (a benchmark that is not in the suite runs without the file)")
    kept = [run for run in kept if model in (None, run.model.name) and benchmark in (None, run.benchmark)]
    names = list(dict.fromkeys(run.model.name for run in kept))
    kept = [run for run in kept if (model_filter or "") in run.model.name]
    if not kept:
        raise ConfigError(f"{file}: no model name contains {model_filter!r}; the models are: {', '.join(names)}")
    return kept


def _into_one_file(runs: list[RunSpec], output: Path) -> list[RunSpec]:
    if len(runs) > 1:
        raise ConfigError(
            f"--output {output} names one file, but the suite has {len(runs)} runs; set `output_dir` instead, or pick one run"
        )
    return [replace(runs[0], output=output)]


@cache
def _accepted() -> dict[str, Any]:
    """Names of overrides and their types; the bounds of the file's keys hold for flags as well."""
    names: dict[str, Any] = {}
    for spec in (GenerationParams, ModelSpec, RunSpec):
        names |= get_type_hints(spec)
    for section in SECTIONS:
        if section is not META:
            names |= {section.setting(key): f.type for key, f in section.fields.items()}
    names |= dict.fromkeys((*_SECRETS, "output"), Name)
    return {name: kind for name, kind in names.items() if name not in ("name", "params", "judge", "trackers")}


_PARAMS = frozenset(GenerationParams.__struct_fields__) - {"seed"}  # `seed` is that of the run
