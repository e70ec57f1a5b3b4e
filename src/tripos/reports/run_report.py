"""A run, or a suite of runs, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tripos.reports.tables import print_table, say, shown

if TYPE_CHECKING:
    from tripos.runs.runner import RunResult

_ROWS = {
    "latency_stats": "Latency (s)",
    "ttft_stats": "Time to first token (s)",
    "throughput_stats": "Throughput (tok/s)",
    "prompt_tokens_stats": "Prompt tokens",
    "completion_tokens_stats": "Completion tokens",
    "energy_stats": "Energy (J)",
    "power_stats": "Power (W)",
    "gpu_utilization_stats": "GPU utilisation (%)",
    "mfu_stats": "MFU (%)",
    "mbu_stats": "MBU (%)",
    "ipw_stats": "Intelligence per watt",
    "ipj_stats": "Intelligence per joule",
}
_COLUMNS = ("mean", "median", "min", "max", "std", "p90", "p95", "p99")


def print_run(summary: dict[str, Any], path: str, *, compact: bool = False) -> None:
    """Accuracy with interval, how candidates ended, latency and tokens, groups, notices, files."""
    say("")
    say(f"{summary['benchmark']} x {summary['model']}", style="bold")
    say(headline(summary))
    if summary.get("attempts"):
        say(_attempts(summary["attempts"]))
    outcomes = ", ".join(f"{n} {name}" for name, n in summary.get("outcomes", {}).items() if n)
    if outcomes:
        say(f"outcomes: {outcomes}")
    if summary.get("reused"):
        say(f"reused: {summary['reused']} (scored before the last command, not asked again)")
    if not compact:
        extra = {**summary.get("metrics", {}), **summary.get("aggregates", {})}
        if extra:
            print_table("Further metrics", ["Metric", "Value"], list(extra.items()), right=(1,))
    print_stats(summary)
    if not compact:
        print_groups("By subject", summary.get("per_subject") or {})
        for name, groups in (summary.get("per_dimension") or {}).items():
            print_groups(f"By {name}", groups)
    _failures(summary)
    for notice in summary.get("notices", ()):
        say(f"! {notice}", style="yellow")
    cost = summary.get("total_cost_usd")
    say(f"cost: {'not known' if cost is None else f'${cost:.4f}'} · results: {path}")


def headline(summary: dict[str, Any]) -> str:
    """Accuracy in one line; old files without our additions are read as well."""
    interval = summary.get("accuracy_interval") or {}
    low, high = interval.get("lower"), interval.get("upper")
    bounds = f" [{low:.4f}, {high:.4f}]" if low is not None and high is not None else ""
    planned = summary.get("planned", summary["total_samples"])
    counts = f"{summary['correct']} correct of {summary['scored_samples']} scored, {planned} planned"
    return f"accuracy {shown(summary['accuracy'])}{bounds}  ({counts})"


def _attempts(attempts: dict[str, Any]) -> str:
    """Any and all of k attempts right, for two and for as many as every item has."""
    ks = sorted({2, attempts["fewest"]})
    any_right, all_right = (", ".join(f"{shown(attempts[name][str(k)])} of {k}" for k in ks) for name in ("pass_at_k", "all_k"))
    return f"attempts: any right {any_right} (pass@k); all right {all_right} (pass^k)"


def print_stats(summary: dict[str, Any]) -> None:
    """Rows that were measured; a metric without a value has no row."""
    rows = [[title, *(summary[key].get(c) for c in _COLUMNS)] for key, title in _ROWS.items() if summary.get(key)]
    if rows:
        print_table("Latency, tokens, energy", ["", *_COLUMNS], rows, right=range(1, 9))


def print_groups(title: str, groups: dict[str, dict[str, Any]]) -> None:
    """Accuracy by group, if there is more than one."""
    if len(groups) < 2:
        return
    rows = [[name, g["accuracy"], int(g["correct"]), int(g["scored"]), int(g["total"])] for name, g in groups.items()]
    print_table(title, ["", "Accuracy", "Correct", "Scored", "Total"], rows, right=(1, 2, 3, 4))


def print_suite(results: Sequence[RunResult]) -> None:
    """One row a run, failed ones with their reason."""
    rows = []
    alike = Counter((r.spec.benchmark, r.spec.model.name) for r in results)
    for r in results:
        s, model = r.summary, r.spec.model.name
        if alike[r.spec.benchmark, model] > 1:
            model = f"{model} ({r.spec.output_path().name})"
        if s is None:
            rows.append([r.spec.benchmark, model, r.status, None, None, None, None, r.error or ""])
            continue
        interval = s["accuracy_interval"]
        span = f"[{shown(interval['lower'])}, {shown(interval['upper'])}]" if interval.get("lower") is not None else None
        scored = f"{s['scored_samples']}/{s['planned']}"
        why = "; ".join(f"{n} {kind}" for kind, n in s["error_kinds"].items())
        rows.append([r.spec.benchmark, model, r.status, s["accuracy"], span, scored, s["mean_latency_seconds"], why])
    columns = ["Benchmark", "Model", "Status", "Accuracy", "95 % interval", "Scored", "Latency s", "Trouble"]
    print_table("Suite", columns, rows, right=(3, 5, 6))
    from tripos.runs.summary import given_up_notices  # only where there was a run, so all of it is loaded already

    notices = {n for r in results if r.summary is not None for n in r.summary["notices"] if n.startswith("SIMULATED")}
    notices |= {f"{r.spec.output_path().name}: {n}" for r in results if r.summary is not None for n in given_up_notices(r.summary)}
    for notice in sorted(notices):
        say(f"! {notice}", style="yellow")


def _failures(summary: dict[str, Any]) -> None:
    failures = summary.get("failures") or []
    if failures:
        rows = [[f["record_id"], f["kind"], (f["error"] or "")[:200]] for f in failures[:10]]
        kinds = ", ".join(f"{n} {kind}" for kind, n in (summary.get("error_kinds") or {}).items())
        print_table(f"Unscored ({kinds}); the same command tries them again", ["Record", "Kind", "Error"], rows)
