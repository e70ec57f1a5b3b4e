"""Results of EleutherAI's lm-evaluation-harness: `results_*.json` and, a task, `samples_<task>_*.jsonl` (written with --log_samples).

Every metric under every filter becomes a metric (`exact_match,strict-match`; plain `acc` where there is no filter). The primary one
is the first metric of the task under its first filter. Tasks that compare log-likelihoods have no text: the answer is the number of
the likeliest choice. The harness logs neither tokens nor times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Extraction, Message
from tripos.interop.formats import Format, Peek, formats
from tripos.interop.imported import ImportedLog, ImportedTrial, Reported, are_shares, graded, scale_notes, stated
from tripos.interop.loose_json import content_of, number, read_document, read_lines, whole

_STAMP = re.compile(r"_(\d{4}-\d{2}-\d{2}T[\d.:-]+)\.jsonl?$")
_AT_THE_ANSWER = ("loglikelihood", "multiple_choice", "loglikelihood_rolling")


class _Results(msgspec.Struct):
    results: dict[str, dict[str, Any]]
    configs: dict[str, dict[str, Any]] = {}
    config: dict[str, Any] = {}
    date: Any = None
    lm_eval_version: str | None = None
    model_name: str | None = None
    model_source: str | None = None
    n_samples: dict[str, Any] = msgspec.field(default_factory=dict, name="n-samples")
    task_hashes: dict[str, str] = {}
    higher_is_better: dict[str, Any] = {}
    total_evaluation_time_seconds: Any = None
    tripos: dict[str, Any] | None = None  # marks what we exported


def recognises(peek: Peek) -> bool:
    """A `results_*.json` of the harness (the samples beside it belong to it), or samples without any results."""
    if peek.suffix == ".json":
        return peek.path.name.startswith("results") and "results" in peek.keys and bool({"alias", "lm_eval_version", "n-shot"} & peek.keys)
    if peek.suffix == ".jsonl":
        return {"doc_id", "doc", "target", "resps"} <= peek.first_line.keys() and _results_beside(peek.path) is None
    return False


def read(path: Path) -> list[ImportedLog]:
    """The tasks of a results file that have samples, or the one task of a samples file.

    Raises:
        ConfigError: no task has samples.
    """
    if path.suffix.lower() == ".jsonl":
        beside = _results_beside(path)
        results = read_document(beside, _Results) if beside is not None else _Results(results={})
        return [_Task(path, _task_of(path), results, beside).log()]
    results = read_document(path, _Results)
    found = {task: samples for task in results.results if (samples := _samples_beside(path, task)) is not None}
    if not found:
        stated = "; ".join(f"{r.name} {r.value:.4g}" for task in results.results for r in reported(results, task, None))
        raise ConfigError(f"{path}: no samples_*.jsonl lies beside it, so there is nothing to compare ({stated}); it needs --log_samples")
    return [_Task(samples, task, results, path).log() for task, samples in found.items()]


def _stamp_of(path: Path) -> str:
    found = _STAMP.search(path.name)
    return found.group(1) if found else ""


def _task_of(samples: Path) -> str:
    return _STAMP.sub("", samples.name).removeprefix("samples_").removesuffix(".jsonl")


def _samples_beside(results: Path, task: str) -> Path | None:
    safe = re.sub(r"[\"<>:/|\\?*\[\]]+", "__", task)  # as the harness makes file names
    stamp = _stamp_of(results)
    for name in dict.fromkeys((task, safe)):
        exact = results.with_name(f"samples_{name}_{stamp}.jsonl") if stamp else results.with_name(f"samples_{name}.jsonl")
        if "/" not in name and exact.is_file():
            return exact
    return None


def _results_beside(samples: Path) -> Path | None:
    stamp = _stamp_of(samples)
    beside = samples.with_name(f"results_{stamp}.json" if stamp else "results.json")
    return beside if beside.is_file() else None


class _Task:
    """One task: what its metrics are is found in a first pass, which keeps the numbers alone."""

    def __init__(self, samples: Path, task: str, results: _Results, results_path: Path | None) -> None:
        self.samples, self.task, self.results, self.results_path = samples, task, results, results_path
        self.config = results.configs.get(task) or {}
        self.scores: dict[str, dict[str, float | None]] = {}
        self.first_filter: dict[str, str] = {}
        for line in read_lines(samples):
            doc = self._doc_id(line)
            self.scores.setdefault(doc, {}).update(_metrics(line))
            self.first_filter.setdefault(doc, str(line.get("filter") or "none"))
        if not self.scores:
            raise ConfigError(f"{samples} holds no samples")
        self.primary = self._primary()
        self.better = self._better()
        self.shares = are_shares(self.primary, (v.get(self.primary) for v in self.scores.values()), self.better)

    def log(self) -> ImportedLog:
        general = self.results.config
        planned = whole((self.results.n_samples.get(self.task) or {}).get("effective")) or 0
        dataset = {k: self.config[k] for k in ("dataset_path", "dataset_name", "test_split") if k in self.config}
        started, seconds = number(self.results.date), _seconds(self.results.total_evaluation_time_seconds)
        model = self.results.model_name or _pretrained(general.get("model_args")) or general.get("model") or self.samples.parent.name
        return ImportedLog(
            tool="lm-eval",
            tool_version=self.results.lm_eval_version,
            path=self.samples,
            content=content_of(self.samples, *([self.results_path] if self.results_path is not None else [])),
            benchmark=self.task,
            model=str(model),
            planned=max(planned, len(self.scores)),
            trials=self.trials,
            scorer=self.primary,
            better=self.better,
            params=dict(self.config.get("generation_kwargs") or {}),
            dataset=dataset | {"task_hash": self.results.task_hashes.get(self.task)},
            started_at=started,
            ended_at=started + seconds if started is not None and seconds is not None else None,
            seed=whole(general.get("random_seed")),
            reported=reported(self.results, self.task, len(self.scores)),
            notes=scale_notes(self.primary, self.shares, self.better),
            simulated=self.results.model_source == "dummy",
        )

    def trials(self) -> Iterator[ImportedTrial]:
        seen: set[str] = set()
        for line in read_lines(self.samples):
            doc = self._doc_id(line)
            if doc not in seen:
                seen.add(doc)
                yield self._trial(doc, line)

    def _trial(self, doc: str, line: dict[str, Any]) -> ImportedTrial:
        responses = [r for group in line.get("resps") or () for r in (group if isinstance(group, list) else [group])]
        likelihoods = [value for r in responses if (value := _likelihood(r)) is not None]
        at_the_answer = bool(likelihoods) and self.config.get("output_type", "multiple_choice") in _AT_THE_ANSWER
        texts = [r for r in responses if isinstance(r, str)]
        filtered = line.get("filtered_resps")
        answer = filtered[0] if isinstance(filtered, list) and filtered and not at_the_answer else None
        details: dict[str, Any] = {"filter": self.first_filter[doc]}
        if len(texts) > 1:
            details["resps"] = texts
        if at_the_answer:
            details["loglikelihoods"] = likelihoods
            answer = max(range(len(likelihoods)), key=likelihoods.__getitem__) if len(likelihoods) > 1 else None
        simulated = self.results.model_source == "dummy"
        how = "largest log-likelihood" if at_the_answer else f"filter {self.first_filter[doc]}"
        return ImportedTrial(
            record_id=doc,
            subject=_subject(line.get("doc")),
            prompt=_prompt(line.get("arguments")),
            reference=line.get("target"),
            completion=Completion(text=texts[0] if texts and not at_the_answer else "", simulated=simulated),
            extraction=Extraction(answer=answer, how=how if answer is not None else ""),
            verdict=graded(self.scores[doc], self.primary, shares=self.shares, details=details),
            error=None if self.scores[doc].get(self.primary) is not None else f"the log holds no {self.primary} for this sample",
        )

    def _doc_id(self, line: dict[str, Any]) -> str:
        if "doc_id" not in line:
            raise ConfigError(f"{self.samples}: a line without doc_id; this is no samples file of lm-eval")
        if self.results.tripos is not None:
            return str((line.get("doc") or {}).get("record_id", line["doc_id"]))
        return str(line["doc_id"])

    def _better(self) -> dict[str, str]:
        """By the names that metrics have here, filters included: of the results, else of the task's own list."""
        listed = {str(m.get("metric")): m.get("higher_is_better") for m in self.config.get("metric_list") or () if isinstance(m, dict)}
        higher = listed | (self.results.higher_is_better.get(self.task) or {})
        return stated({name: higher.get(name.partition(",")[0]) for scores in self.scores.values() for name in scores})

    def _primary(self) -> str:
        seen = list(dict.fromkeys(name for scores in self.scores.values() for name in scores))
        if not seen:
            raise ConfigError(f"{self.samples}: no metric of the samples is a number")
        stated = [str(m.get("metric")) for m in self.config.get("metric_list") or () if isinstance(m, dict)]
        filters = [str(f.get("name")) for f in self.config.get("filter_list") or () if isinstance(f, dict)] or ["none"]
        return next((n for m in stated for f in filters if (n := _named(m, f)) in seen), seen[0])


def reported(results: _Results, task: str, held: int | None) -> tuple[Reported, ...]:
    """The task's figures in a results file; standard errors are no figures of ours to check."""
    aggregations = {m.get("metric"): m.get("aggregation", "mean") for m in (results.configs.get(task) or {}).get("metric_list") or ()}
    stated = whole((results.n_samples.get(task) or {}).get("effective"))
    found = []
    for key, value in results.results.get(task, {}).items():
        metric, comma, filter_name = key.partition(",")
        figure = number(value)
        if not comma or figure is None or metric.endswith("_stderr"):
            continue
        why = []
        if aggregations.get(metric, "mean") != "mean":
            why.append(f"lm-eval aggregates {metric} by {aggregations[metric]}, we take the mean")
        if held is not None and stated is not None and stated != held:
            why.append(f"the figure is of {stated} samples, the file holds {held}")
        found.append(Reported(name=key, value=figure, ours=_named(metric, filter_name), why="; ".join(why)))
    return tuple(found)


def _named(metric: str, filter_name: str) -> str:
    return metric if filter_name == "none" else f"{metric},{filter_name}"


def _metrics(line: dict[str, Any]) -> dict[str, float | None]:
    """The numbers of a line. Metrics that are pairs (what perplexities are made of) have no value a sample."""
    names = line.get("metrics")
    if not isinstance(names, list):  # older versions do not list them
        known = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "doc_hash", "prompt_hash", "target_hash"}
        names = [k for k in line if k not in known]
    filter_name = str(line.get("filter") or "none")
    found = {_named(str(n), filter_name): float(v) if isinstance(v := line.get(n), bool) else number(v) for n in names}
    return {n: v for n, v in found.items() if v is not None or line.get(n.partition(",")[0], 0) is None}


def _prompt(arguments: Any) -> tuple[Message, ...]:
    """The context of the first request: text, or the messages of a chat template as JSON."""
    first = (
        arguments.get("gen_args_0") if isinstance(arguments, dict) else arguments[0] if isinstance(arguments, list) and arguments else None
    )
    context = first.get("arg_0") if isinstance(first, dict) else first[0] if isinstance(first, list) and first else None
    if isinstance(context, list) and context and isinstance(context[0], str):  # [chat as JSON]
        context = context[0]
    if not isinstance(context, str):
        return ()
    if context.lstrip().startswith('[{"role"'):
        try:
            chat = msgspec.json.decode(context, type=list[dict[str, Any]])
            return tuple(Message(role=str(m["role"]), content=m.get("content") or "") for m in chat)
        except (msgspec.DecodeError, KeyError):
            pass
    return (Message(role="user", content=context),)


def _likelihood(response: Any) -> float | None:
    """The log-likelihood of a response [value, is_greedy], which newer versions write as texts."""
    if not isinstance(response, list) or len(response) != 2:
        return None
    try:
        return float(response[0])
    except (TypeError, ValueError):
        return None


def _subject(doc: Any) -> str | None:
    fields = doc if isinstance(doc, dict) else {}
    return next((v for k in ("subject", "category", "topic", "domain", "type") if isinstance(v := fields.get(k), str)), None)


def _pretrained(arguments: Any) -> str | None:
    if isinstance(arguments, dict):
        return arguments.get("pretrained") or arguments.get("model")
    found = re.search(r"(?:pretrained|model)=([^,]+)", arguments) if isinstance(arguments, str) else None
    return found.group(1) if found else None


def _seconds(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


formats.register("lm-eval", Format("lm-evaluation-harness: results_*.json with samples_*.jsonl", recognises, read))
