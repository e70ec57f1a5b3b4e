"""`tripos kernels`: compute kernels, correct and fast."""

from __future__ import annotations

import os
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from tripos.cli import options
from tripos.cli.kernel_cases import F, Place, check_cases, group_of, list_cases, which
from tripos.core.errors import ConfigError
from tripos.kernels.targets import ALL, TARGETS

if TYPE_CHECKING:
    from tripos.kernels.assess import Assessment
    from tripos.kernels.payload import Payload

_STOPPED = {"interrupted": "interrupted", "budget": "the budget was spent", "given_up": "the server was given up on"}
_BOARD, _BOARD_OF_ALL = "leaderboard.json", "leaderboard_all.json"
_path = Place(path_type=Path)
_o = click.option

_where = group_of(
    _o("--backend", type=click.Choice([*TARGETS, ALL]), default="cpu", show_default=True, help="What the kernels run on."),
    _o("--backends", multiple=True, type=click.Choice(list(TARGETS)), help="With --backend all: only this one; may be repeated."),
    _o("--arch", help="Hardware, as the prompt names it."),
    _o("--dsl", help="Language of the kernels: pytorch, cpp, cuda, triton_cuda, triton_ascend."),
    _o("--backend-name", help="Name of the toolchain."),
    _o("--devices", multiple=True, type=int, help="Number of a device to use; may be repeated.  [default: all]"),
)
_how = group_of(
    _o("--mode", type=click.Choice(["correctness", "performance", "full"]), default="full", show_default=True, help="What to find out."),
    _o("--rule", type=click.Choice(["calibrated", "dtype", "strict"]), default="calibrated", show_default=True, help="When outputs agree."),
    _o("--rtol", type=click.FloatRange(min=0), help="Relative tolerance instead of the rule's."),
    _o("--atol", type=click.FloatRange(min=0), help="Absolute tolerance instead of the rule's."),
    _o("--input-sets", type=click.IntRange(1, 100), default=3, show_default=True, help="Sets of inputs that a kernel must be right on."),
    _o("--seed", type=int, default=42, show_default=True, help="Of weights and checked inputs."),
    _o("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Cores that kernel and baseline may use."),
    _o("--budget", type=click.FloatRange(min=0.05), default=2.0, show_default=True, help="Seconds of measuring a kernel."),
    _o(
        "--precision",
        type=click.FloatRange(min=0.0001),
        default=0.01,
        show_default=True,
        help="Relative width at which a round ends early.",
    ),
    _o("--compile/--no-compile", "compiled", default=False, help="Also time the reference through torch.compile."),
    _o("--timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds of a kernel for each phase."),
)
_payload = group_of(
    _o("-o", "--output", type=_path, help="Write the payload (JSON) here; full mode writes leaderboard.json beside it."),
    _o("--json", "as_json", is_flag=True, help="Print the payload instead of tables."),
)


def _output(function: F) -> F:
    """The options that say where the payload goes; a place that cannot take it is told before anything runs."""

    @wraps(function)
    def checked(*args: Any, **flags: Any) -> Any:
        if flags["output"] is not None:
            _check_output(flags["output"], flags)
        return function(*args, **flags)

    return _payload(cast(F, checked))


def _check_output(output: Path, flags: dict[str, Any]) -> None:
    """Writes an empty file beside the payload's place and removes it.

    Raises:
        ConfigError: the payload or the leaderboard beside it could not be written, or one would be written over the other.
    """
    if flags["mode"] == "full" and output.name in (_BOARD, _BOARD_OF_ALL):
        raise ConfigError(f"-o {output}: full mode writes the leaderboard to a file of this name; give the payload another")
    files = [output, *([_board_beside(output, flags)] if flags["mode"] == "full" and output.name else [])]
    try:
        for file in files:
            if file.exists() and not file.is_file():
                raise ConfigError(f"-o would write {file}, which is {'a directory' if file.is_dir() else 'no plain file'}")
        output.parent.mkdir(parents=True, exist_ok=True)
        trial = output.with_name(f".{output.name}.{os.getpid()}.tmp")
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {error.strerror}") from error


def _board_beside(output: Path, flags: dict[str, Any]) -> Path:
    return output.with_name(_BOARD_OF_ALL if flags["backend"] == ALL else _BOARD)


@click.group("kernels")
def command() -> None:
    """Compute kernels: correct, fast, and not faked."""


command.add_command(list_cases)
command.add_command(check_cases)


@command.command("evaluate")
@click.argument("submissions", type=_path)
@which
@_where
@_how
@_output
@_o("--team-name", help="Name of the team, where SUBMISSIONS is one team's.")
def evaluate(submissions: Path, **flags: Any) -> int:
    """Judge kernels that exist: {tier}/{case}.py, or {team}/{tier}/{case}.py, in a directory or an archive."""
    from tripos.kernels.assess import assess_submissions
    from tripos.kernels.payload import UNREAD
    from tripos.kernels.submission import read_submissions
    from tripos.reports.tables import warn
    from tripos.runs.runner import run_in_loop

    teams, problems = read_submissions(submissions, flags["team_name"])
    for problem in problems:
        warn(f"{problem.place}: {problem.reason}")
    assessments = [_assessment(target, flags, pass_n=1) for target in _targets(flags)]
    by_backend: dict[str, list[Payload]] = {}
    for assessment in assessments:
        with _Counted(assessment, len(teams)) as counted:
            by_backend[assessment.target.key] = run_in_loop(partial(assess_submissions, assessment, teams, counted.done, counted.phase))
    payloads = [_joined({key: of_teams[number] for key, of_teams in by_backend.items()}, assessments) for number in range(len(teams))]
    for payload in payloads if problems else ():
        payload[UNREAD] = [{"place": problem.place, "reason": problem.reason} for problem in problems]
    return _deliver(payloads, flags)


@command.command("run")
@options.model
@_o("-m", "--model", required=True, help="Model identifier.")
@which
@_where
@_how
@_o("--pass-n", type=click.IntRange(min=1), default=3, show_default=True, help="Attempts a case.")
@_o("-w", "--max-workers", type=options.Workers(), help="Requests in flight.  [default: 4]")
@_o("--team-name", help="Name on the leaderboard.  [default: aikg_agent]")
@_o("--submission-dir", type=_path, help="Write the best correct attempts here, as a submission.")
@_o("--output-dir", type=_path, default=Path("results"), show_default=True, help="Where the results file goes.")
@_o("--store", help="A path or postgresql://...")
@_output
def run(**flags: Any) -> int:
    """Ask a model for kernels, judge them all, and write the payload. The same command goes on where it stopped."""
    from tripos.kernels.extraction import extract_best

    payloads: dict[str, Payload] = {}
    assessments = [_assessment(target, flags, pass_n=flags["pass_n"]) for target in _targets(flags)]
    interrupted = False
    for assessment in assessments:
        if assessment.lacking is not None:  # nothing is asked for a device that is not there
            payloads[assessment.target.key] = assessment.payload([], 0.0, config={"model": flags["model"]})
            continue
        records, sources, seconds, simulated, status = _asked(assessment, flags)
        interrupted |= status == "interrupted"
        home = None
        if flags["submission_dir"] is not None:
            named = {"backend": assessment.target.key, "pass_n": flags["pass_n"], "team": assessment.settings.team_name}
            home = extract_best(records, sources, assessment.found.cases, flags["submission_dir"], **named)
        about = {"model": flags["model"], "simulated": simulated}
        payloads[assessment.target.key] = assessment.payload(
            records, seconds, submission_dir=home, config=about, stopped=_STOPPED.get(status)
        )
    code = _deliver([_joined(payloads, assessments)], flags)
    return 130 if interrupted else code


@command.command("leaderboard")
@click.argument("files", nargs=-1, required=True, type=_path)
@_o("-o", "--output", multiple=True, type=_path, help="Write it as .json, .md or .html; may be repeated.")
@_o("--backend", type=click.Choice(list(TARGETS)), help="Only cases run on this one.")
@_o("--json", "as_json", is_flag=True, help="Print JSON.")
def leaderboard(files: tuple[Path, ...], output: tuple[Path, ...], backend: str | None, as_json: bool) -> int:
    """Rank teams from the payloads that `evaluate` and `run` wrote."""
    from tripos.kernels.leaderboard import leaderboard as ranked
    from tripos.kernels.leaderboard import write_leaderboard
    from tripos.kernels.team_result import read_results
    from tripos.reports.kernel_tables import print_board
    from tripos.reports.tables import print_json, say

    board = ranked(read_results(list(files)), backend=backend)
    for path in output:
        write_leaderboard(board, path)
        if not as_json:
            say(f"{path}: {board['total_teams']} teams", style="dim")
    if as_json:
        print_json(board)
    elif not output:
        print_board(board)
    return 0


def _targets(flags: dict[str, Any]) -> list[Any]:
    from tripos.kernels.prompt import dsl_of
    from tripos.kernels.targets import resolve_targets

    if flags["dsl"]:
        dsl_of(flags["dsl"])
    named = {name: flags[name] for name in ("arch", "dsl", "backend_name")}
    return resolve_targets(flags["backend"], flags["backends"] or None, **named)


def _assessment(target: Any, flags: dict[str, Any], pass_n: int) -> Assessment:
    from tripos.kernels.assess import plan
    from tripos.kernels.case import own_cases
    from tripos.kernels.evaluate import Conditions
    from tripos.kernels.isolation.box import Timing, cores
    from tripos.kernels.settings import DEFAULT_TEAM, Settings
    from tripos.reports.tables import warn

    workers = flags.get("max_workers", cores())  # of `run`; an evaluation keeps as many at work as there are cores
    settings = Settings(
        mode=flags["mode"],
        pass_n=pass_n,
        tiers=flags["tiers"] or None,
        cases=flags["cases"] or None,
        filter=flags["substring"],
        team_name=flags["team_name"] or DEFAULT_TEAM,
        rtol=flags["rtol"],
        atol=flags["atol"],
        timeout=flags["timeout"],
        max_concurrent=workers if isinstance(workers, int) else 4,
    )
    timing = Timing(flags["budget"], flags["precision"], flags["compiled"]) if settings.measures else None
    conditions = Conditions(
        rule=flags["rule"],
        rtol=flags["rtol"],
        atol=flags["atol"],
        input_sets=flags["input_sets"],
        seed=flags["seed"],
        threads=flags["threads"],
        timing=timing,
        timeout_seconds=flags["timeout"],
    )
    alone = flags["backend"] != ALL
    assessment = plan(flags["cases_dir"] or own_cases(), target, settings, conditions, flags["devices"] or None, alone=alone)
    for notice in assessment.devices.notices:
        warn(notice)
    return assessment


def _asked(assessment: Assessment, flags: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[tuple[str, str, int], str], float, bool, str]:
    """Runs the kernels benchmark by the one runner, and reads back what it wrote: records, code, seconds, simulated, status of the run."""
    import time

    from tripos.cli.running import exit_code, run_suite
    from tripos.config.single import single
    from tripos.kernels.assess import records_of_lines
    from tripos.results.result_file import read_results
    from tripos.runs.spec import slug

    target, settings = assessment.target, assessment.settings
    names = ("engine", "base_url", "api_key", "model_options", "temperature", "max_tokens", "stream", "request_timeout_seconds")
    given = {name: flags[name] for name in (*names, "stall_seconds", "max_workers", "store", "seed")}
    asked, timing = assessment.conditions, assessment.conditions.timing
    own: dict[str, Any] = {"mode": settings.mode, "rule": asked.rule, "input_sets": asked.input_sets, "threads": asked.threads}
    own |= {name: value for name, value in (("rtol", asked.rtol), ("atol", asked.atol)) if value is not None}
    own |= {"arch": target.arch, "dsl": target.dsl, "timeout_seconds": asked.timeout_seconds}
    own |= {"devices": ",".join(map(str, assessment.devices.ids))} if flags["devices"] else {}
    if timing is not None:
        own |= {"budget_seconds": timing.budget_seconds, "precision": timing.precision, "compile": timing.compile}
    output = flags["output_dir"] / f"kernels_{slug(flags['model'])}_{target.key}.jsonl"
    chosen = {"benchmark": "kernels", "model": flags["model"], "subset": target.key, "attempts": settings.pass_n, "output": output}
    chosen |= {"record_ids": tuple(case.label for case in assessment.found.cases), "settings": own}
    if flags["cases_dir"] is not None:
        chosen["data"] = flags["cases_dir"]
    suite = single(options.from_environment(options.given({**given, **chosen})))
    began = time.monotonic()
    results = run_suite(suite)
    if results[0].status == "failed" or results[0].path is None:
        raise ConfigError(str(results[0].error))
    read = read_results(results[0].path)
    records, sources = records_of_lines(read.records)
    simulated = any(line.get("simulated") for line in read.records)
    return records, sources, time.monotonic() - began, simulated, "interrupted" if exit_code(results) == 130 else results[0].status


def _joined(payloads: dict[str, Payload], assessments: list[Assessment]) -> Payload:
    """One backend's own document, or the one of `all`."""
    from tripos.kernels.assess import UNUSABLE
    from tripos.kernels.payload import combined_payload

    if len(assessments) == 1:
        return payloads[assessments[0].target.key]
    joined = combined_payload(payloads, {**next(iter(payloads.values()))["config"], "devices": None})
    unusable = {row["case"]: row for payload in payloads.values() for row in payload.get(UNUSABLE, ())}
    return {**joined, UNUSABLE: list(unusable.values())} if unusable else joined


def _deliver(payloads: list[Payload], flags: dict[str, Any]) -> int:
    """Files, then tables or JSON, then the exit code."""
    from tripos.kernels.assess import UNUSABLE
    from tripos.kernels.leaderboard import leaderboard as ranked
    from tripos.kernels.leaderboard import write_leaderboard
    from tripos.kernels.payload import exit_code, strict, write_json
    from tripos.kernels.team_result import result_of
    from tripos.reports.kernel_tables import print_payload
    from tripos.reports.tables import print_json, say

    output: Path | None = flags["output"]
    written = []
    if output is not None:
        for payload in payloads:
            team = payload["config"]["team_name"]
            path = output if len(payloads) == 1 else output.with_name(f"{output.stem}_{team}{output.suffix or '.json'}")
            write_json(path, payload)
            written.append(path)
        if flags["mode"] == "full" and payloads[0]["summary"]["total_cases"]:  # all were asked the same cases
            written.append(_board_beside(output, flags))
            write_leaderboard(ranked([result_of(payload, payload["config"]["team_name"]) for payload in payloads]), written[-1])
    if flags["as_json"]:
        print_json(strict(payloads[0] if len(payloads) == 1 else {"teams": payloads}))
    else:
        for payload in payloads:
            print_payload(payload)
    for path in () if flags["as_json"] else written:
        say(f"written: {path}", style="dim")
    return max(exit_code(payload) or int(UNUSABLE in payload) for payload in payloads)


class _Counted:
    """Progress of an evaluation on stderr."""

    def __init__(self, assessment: Assessment, teams: int) -> None:
        from rich.progress import Progress

        from tripos.reports.tables import err

        self._bar = Progress(console=err(), transient=True)
        self._task = self._bar.add_task(f"kernels on {assessment.target.key}", total=len(assessment.found.cases) * teams)

    def __enter__(self) -> _Counted:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def phase(self, case: str, phase: str) -> None:
        """An evaluation has come so far."""
        self._bar.update(self._task, description=f"{case}: {phase}")

    def done(self, record: dict[str, Any]) -> None:
        """One more."""
        self._bar.update(self._task, advance=1, description=f"{record['tier']}/{record['case_name']}: {record['outcome']}")
