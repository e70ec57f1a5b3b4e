"""Results for other people's dashboards: Weights & Biases while a run lasts, Google Sheets one row a run.

Trackers hear only of what is durable and never hold a run up: what they need is checked before the first token is paid,
and one that fails later is switched off with a warning. What was not measured is left out, never sent as 0.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import msgspec

from tripos.core.errors import ConfigError
from tripos.runs.plan import Plan
from tripos.runs.runner import RunResult, Watcher
from tripos.runs.spec import RunSpec, Trackers
from tripos.runs.tally import Tally

Record = dict[str, Any]

_MEASURED_LATER = ("energy_joules", "power_watts", "gpu_utilization_pct", "ipw", "ipj")
_SAMPLE = (
    *("is_correct", "score", "latency_seconds", "ttft", "prompt_tokens", "completion_tokens", "cost_usd", "throughput_tok_per_sec"),
    *_MEASURED_LATER,
)
_TOTALS = (
    *("total_samples", "scored_samples", "correct", "accuracy", "errors", "planned", "unscored"),
    *("mean_latency_seconds", "total_cost_usd", "judge_cost_usd", "total_energy_joules"),
)
_SUFFIXES = ("mean", "median", "min", "max", "std", "p90", "p95", "p99")

COLUMNS: dict[str, str] = {
    "timestamp": "",
    **{name: name for name in ("run_id", "benchmark", "category", "model", "backend", "status", "simulated")},
    **{name: name for name in ("total_samples", "scored_samples", "correct", "accuracy")},
    "accuracy_lower": "accuracy_interval.lower",
    "accuracy_upper": "accuracy_interval.upper",
    **{name: name for name in ("errors", "total_cost_usd", "total_energy_joules")},
    "latency_mean": "latency_stats.mean",
    "latency_p90": "latency_stats.p90",
    "latency_p95": "latency_stats.p95",
    "ttft_mean": "ttft_stats.mean",
    "ttft_p90": "ttft_stats.p90",
    "prompt_tokens_mean": "prompt_tokens_stats.mean",
    "completion_tokens_mean": "completion_tokens_stats.mean",
    "throughput_mean": "throughput_stats.mean",
    "energy_mean": "energy_stats.mean",
    "power_mean": "power_stats.mean",
    "ipw": "telemetry.ipw",
    "ipj": "telemetry.ipj",
}
"""The columns of a worksheet, each with its place in a summary."""


class Tracker(Protocol):
    """One dashboard, for one run."""

    name: str

    def started(self, plan: Plan) -> str | None:
        """The run begins. Returns what a person wants to know, such as a link."""
        ...

    def sample(self, record: Record) -> None:
        """One line of the results file."""
        ...

    def ended(self, result: RunResult) -> None:
        """The run has its summary."""
        ...

    def close(self, *, failed: bool) -> None:
        """Always the last call, also when the run broke off."""
        ...


def require(runs: Iterable[RunSpec]) -> list[str]:
    """Checks what the trackers of some runs need. Returns a warning for each setting without effect.

    Raises:
        ConfigError: a package or a file of credentials is missing; says what to do.
    """
    said: list[str] = []
    for trackers in dict.fromkeys(run.trackers for run in runs):
        if trackers.wandb_project:
            _installed("wandb", "--wandb-project", "wandb")
        elif trackers.wandb_entity or trackers.wandb_tags or trackers.wandb_group:
            said.append("--wandb-entity, --wandb-tags and --wandb-group have no effect without --wandb-project")
        if trackers.sheets_spreadsheet_id:
            _installed("gspread", "--sheets-id", "sheets")
            _readable(trackers.sheets_credentials_path)
        elif trackers.sheets_credentials_path:
            said.append("--sheets-creds has no effect without --sheets-id")
    return list(dict.fromkeys(said))


def _installed(module: str, flag: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError(f"{flag} needs the package {module}: pip install 'tripos[{extra}]'")


def _readable(credentials: str) -> None:
    if not credentials:
        return  # application default credentials
    try:
        account = json.loads(Path(credentials).expanduser().read_text())
    except OSError as error:
        raise ConfigError(f"--sheets-creds {credentials}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"--sheets-creds {credentials}: not a service account file (JSON): {error}") from error
    if not isinstance(account, dict) or "client_email" not in account:
        raise ConfigError(f"--sheets-creds {credentials}: not a service account file: it has no client_email")


def trackers_of(trackers: Trackers) -> list[Tracker]:
    """Those that a run asks for."""
    found: list[Tracker] = []
    if trackers.wandb_project:
        found.append(WandbTracker(trackers))
    if trackers.sheets_spreadsheet_id:
        found.append(SheetsTracker(trackers))
    return found


class Tracking(Watcher):
    """Tells trackers what a watcher is told, and that watcher too. Use as a context: leaving it closes what is open."""

    def __init__(self, inner: Watcher, choose: Callable[[Trackers], Sequence[Tracker]] = trackers_of) -> None:
        self.inner, self.choose = inner, choose
        self._live: list[Tracker] = []

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close(failed=True)

    def planned(self, plan: Plan, tally: Tally) -> None:
        self.inner.planned(plan, tally)
        self._close(failed=True)  # of a run that never came to its end
        self._live = list(self.choose(plan.spec.trackers))
        for note in self._each(lambda tracker: tracker.started(plan)):
            if note is not None:
                self.warn(note)

    def sample(self, line: bytes) -> None:
        self.inner.sample(line)
        if self._live:
            record: Record = msgspec.json.decode(line)
            self._each(lambda tracker: tracker.sample(record))

    def ended(self, result: RunResult) -> None:
        self.inner.ended(result)
        self._each(lambda tracker: tracker.ended(result))
        self._close(failed=result.status not in ("complete", "partial", "until"))

    def warn(self, message: str) -> None:
        self.inner.warn(message)

    def _close(self, *, failed: bool) -> None:
        self._each(lambda tracker: tracker.close(failed=failed))
        self._live = []

    def _each(self, tell: Callable[[Tracker], Any]) -> list[Any]:
        """Tells all; a tracker that fails, in whatever way its library may fail, hears no more."""
        answers = []
        for tracker in list(self._live):
            try:
                answers.append(tell(tracker))
            except Exception as error:
                self._live.remove(tracker)
                self.warn(f"{tracker.name} is switched off for this run: {type(error).__name__}: {error}")
        return answers


class WandbTracker:
    """A W&B run a run: `sample/…` as samples come, all totals and statistics in its summary.

    Energy is known only when a run is over; those values follow then, one step a sample, in the order of the results file.
    """

    name = "Weights & Biases"

    def __init__(self, settings: Trackers) -> None:
        self.settings = settings
        self._run: Any = None

    def started(self, plan: Plan) -> str | None:
        """Begins a W&B run; offline where WANDB_MODE says so."""
        import wandb

        s, spec = self.settings, plan.spec
        tags = [tag.strip() for tag in s.wandb_tags.split(",") if tag.strip()]
        self._run = wandb.init(
            project=s.wandb_project,
            entity=s.wandb_entity or None,
            group=s.wandb_group or None,
            tags=tags or None,
            name=f"{spec.benchmark} x {spec.model.name}",
            config=_config(plan),
            reinit="create_new",
            settings=wandb.Settings(console="off", silent=True),  # our progress and our output are ours
        )
        where = self._run.url or f"offline, {Path(self._run.dir).parent} (send it with `wandb sync`)"
        return f"{self.name}: {where}"

    def sample(self, record: Record) -> None:
        """One step."""
        values = _present(record, _SAMPLE)
        if record.get("error"):
            values["sample/has_error"] = 1
        self._run.log(values)

    def ended(self, result: RunResult) -> None:
        """Energy of the samples, then the summary."""
        summary = result.summary or {}
        if result.path is not None and (summary.get("energy_stats") or summary.get("gpu_utilization_stats")):
            with result.path.open("rb") as file:
                for text in file:
                    values = _present(msgspec.json.decode(text), _MEASURED_LATER)
                    if values:
                        self._run.log(values)
        self._run.summary.update(flat(summary))

    def close(self, *, failed: bool) -> None:
        """Ends the W&B run, as failed where it is."""
        if self._run is not None:
            self._run.finish(exit_code=1 if failed else 0)
            self._run = None


class SheetsTracker:
    """One row a run at the end of a worksheet, which is made where it is missing. Rows that others wrote stay as they are.

    Args:
        connect: makes a gspread client from a path of credentials, "" for application default credentials.
    """

    name = "Google Sheets"

    def __init__(self, settings: Trackers, connect: Callable[[str], Any] | None = None) -> None:
        self.settings = settings
        self._connect = connect or _client

    def started(self, plan: Plan) -> str | None:
        """Nothing to do."""
        return None

    def sample(self, record: Record) -> None:
        """Only runs have rows."""

    def ended(self, result: RunResult) -> None:
        """Appends the row.

        Raises:
            ConfigError: the worksheet has other columns than ours.
        """
        from gspread.exceptions import WorksheetNotFound

        s = self.settings
        document = self._connect(s.sheets_credentials_path).open_by_key(s.sheets_spreadsheet_id)
        try:
            sheet = document.worksheet(s.sheets_worksheet)
        except WorksheetNotFound:
            sheet = document.add_worksheet(s.sheets_worksheet, rows=1000, cols=len(COLUMNS))
        head = sheet.row_values(1)
        if not head:
            sheet.append_row(list(COLUMNS))
        elif head != list(COLUMNS):
            raise ConfigError(f"worksheet {s.sheets_worksheet!r} has columns of its own; name another with --sheets-worksheet")
        sheet.append_row(row(result.summary or {}, datetime.now(UTC)))

    def close(self, *, failed: bool) -> None:
        """Nothing is open."""


def row(summary: dict[str, Any], at: datetime) -> list[str | float | int]:
    """The row of a summary; an empty cell for what was not measured."""
    values = [_at(summary, place) for place in list(COLUMNS.values())[1:]]
    return [at.strftime("%Y-%m-%d %H:%M:%S"), *("" if v is None else v for v in values)]


def flat(summary: dict[str, Any]) -> dict[str, float | int | str]:
    """Totals and statistics of a summary under plain names (`latency_p90`), without what was not measured."""
    found = {name: summary.get(name) for name in (*_TOTALS, "status", "simulated")}
    found |= {f"accuracy_{bound}": _at(summary, f"accuracy_interval.{bound}") for bound in ("lower", "upper")}
    for name, stats in summary.items():
        if name.endswith("_stats") and isinstance(stats, dict):
            found |= {f"{name.removesuffix('_stats')}_{suffix}": stats.get(suffix) for suffix in _SUFFIXES}
    for name, value in (summary.get("telemetry") or {}).items():
        if isinstance(value, (int, float, str)):
            found[f"telemetry/{name}"] = value
    return {name: value for name, value in found.items() if value is not None}


def _at(summary: dict[str, Any], place: str) -> Any:
    value: Any = summary
    for name in place.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _present(record: Record, names: Iterable[str]) -> Record:
    values = {f"sample/{name}": record.get(name) for name in names}
    return {name: int(v) if isinstance(v, bool) else v for name, v in values.items() if v is not None}


def _config(plan: Plan) -> dict[str, Any]:
    spec = plan.spec
    return {
        "run_id": plan.run_id,
        "benchmark": spec.benchmark,
        "model": spec.model.name,
        "engine": plan.engine,
        "backend": spec.backend,
        "agent": spec.agent,
        "tools": list(spec.tools),
        "planned": plan.planned,
        "max_samples": spec.max_samples,
        "max_workers": spec.max_workers,
        "temperature": spec.params.temperature,
        "max_tokens": spec.params.max_tokens,
        "seed": spec.seed,
        "simulated": plan.endpoint.engine.simulated,
    }


def _client(credentials: str) -> Any:
    import gspread

    if credentials:
        client = gspread.service_account(Path(credentials).expanduser(), http_client=gspread.BackOffHTTPClient)
    else:
        import google.auth
        from gspread.auth import DEFAULT_SCOPES

        found, _ = google.auth.default(scopes=DEFAULT_SCOPES)
        client = gspread.Client(auth=found, http_client=gspread.BackOffHTTPClient)
    client.set_timeout(30)
    return client
