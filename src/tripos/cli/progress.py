"""The live display of a run, on stderr: samples, accuracy with interval, tokens/s, cost, retries, errors, time left.

Without a terminal there is one line when a run starts and one when it ends.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any

from tripos.reports.tables import clean, err, shown, warn
from tripos.runs.plan import Plan
from tripos.runs.runner import RunResult, Watcher
from tripos.runs.spec import SuiteSpec
from tripos.runs.tally import Tally

_TICK_SECONDS = 0.25


class Progress(Watcher):
    """Draws from the tally four times a second, on a thread, so that drawing never delays a request."""

    def __init__(self, suite: SuiteSpec) -> None:
        self.suite = suite
        self.number = 0
        self._live: Any = None
        self._plan: Plan | None = None
        self._tally: Tally | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.live import Live

            self._live = Live(console=err(), auto_refresh=False, transient=True)
            self._live.start()
            self._thread = threading.Thread(target=self._draw, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._live is not None:
            self._live.stop()

    def planned(self, plan: Plan, tally: Tally) -> None:
        self.number += 1
        self._plan, self._tally = plan, tally
        if self._live is None:
            print(f"{self._name()}: {plan.planned} planned -> {plan.spec.output_path()}", file=sys.stderr)

    def ended(self, result: RunResult) -> None:
        tally = result.tally
        self._tally = None
        if self._live is None and tally is not None and result.summary is not None:
            seconds = time.monotonic() - tally.started
            accuracy = shown(result.summary["accuracy"])
            print(f"{self._name()}: {result.status}, {tally.done}/{tally.planned}, accuracy {accuracy}, {seconds:.1f} s", file=sys.stderr)

    def warn(self, message: str) -> None:
        if self._live is not None:
            self._live.console.print(f"! {clean(message)}", markup=False, style="yellow")
        else:
            warn(message)

    def _name(self) -> str:
        assert self._plan is not None
        where = f"[{self.number}/{len(self.suite.runs)}] " if len(self.suite.runs) > 1 else ""
        return clean(f"{where}{self._plan.spec.benchmark} x {self._plan.spec.model.name}")

    def _draw(self) -> None:
        while not self._stop.wait(_TICK_SECONDS):
            plan, tally = self._plan, self._tally
            if plan is not None and tally is not None:
                self._live.update(self._picture(plan, tally), refresh=True)

    def _picture(self, plan: Plan, tally: Tally) -> Any:
        from rich.console import Group
        from rich.text import Text

        counters, seconds = plan.endpoint.counters, max(time.monotonic() - tally.started, 1e-9)
        accuracy = "–"
        if tally.accuracy is not None:
            from tripos.results.intervals import wilson

            interval = wilson(tally.correct, tally.of_model)
            accuracy = f"{tally.accuracy:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"
        eta = tally.eta_seconds()
        facts = [
            f"accuracy {accuracy}",
            f"{counters.completion_tokens / seconds:.0f} tok/s",
            f"${counters.cost_usd:.4f}" if counters.cost_usd else None,
            f"{counters.retries} retries" if counters.retries else None,
            f"{tally.unscored} unscored" if tally.unscored else None,
            f"{plan.endpoint.limiter.in_flight} in flight",
            f"{eta:.0f} s left" if eta is not None else None,
        ]
        width = max(20, min(err().width - 1, 100))
        full = width * tally.done // max(tally.planned, 1)
        bar = Text("━" * full, style="green") + Text("━" * (width - full), style="dim")
        return Group(Text(f"{self._name()}  {tally.done}/{tally.planned}"), bar, Text(" · ".join(f for f in facts if f)))
