"""`tripos COMMAND`. A command's module is imported when the command is used, so that `--help` is instant."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from typing import Any, NoReturn

import click

from tripos.core.errors import TriposError, nearest

COMMANDS = {
    "run": "Examine a model on a benchmark, or a suite of both.",
    "run-all": "Examine one model on every benchmark that this machine can run.",
    "list": "Benchmarks, engines and backends.",
    "summarize": "Counts and accuracy of a results file.",
    "report": "Everything about one results file.",
    "compare": "Is B better than A? Paired, with interval and p-value.",
    "check": "Self-test of a benchmark's scoring.",
    "doctor": "What works on this machine, and the command that mends what does not.",
    "estimate": "Calls, tokens, cost and time before paying.",
    "reparse-judge": "Read stored judge replies again, without asking.",
    "rescore": "Score stored answers again, in another way, without asking the model.",
    "timeline": "What happened to one record, stage by stage.",
    "explain": "One record on one screen: prompt, answer, parse, score, why.",
    "kernels": "Compute kernels: correct, fast, and not faked.",
    "store": "The record: info, verify, rebuild, migrate, merge.",
    "import": "Bring in the logs of other tools.",
    "export": "Results as Parquet, CSV, JSON Lines, or in another tool's format.",
}


class Commands(click.Group):
    """A group that imports a command's module (`run-all` lives in `run_all.py`, `import` in `import_.py`) when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"tripos.cli.{name}_" if keyword.iskeyword(name) else f"tripos.cli.{name}")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            guess = nearest(args[0], COMMANDS)
            raise click.UsageError(f"no such command {args[0]!r}" + (f"; did you mean {guess!r}?" if guess else "."))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tripos", prog_name="tripos")
def root() -> None:
    """Tripos: examine language models, agents and the code they write."""


def main(args: list[str] | None = None) -> NoReturn:
    """Entry point. A `TriposError` is one sentence on stderr and its exit code, never a traceback."""
    try:
        code: Any = root.main(args=args, prog_name="tripos", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except TriposError as error:
        if os.environ.get("TRIPOS_TRACEBACK"):
            raise
        from tripos.reports.tables import clean

        click.echo(f"tripos: {clean(str(error))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:  # a full disk, a place that cannot be written: not a fault of the program
        if os.environ.get("TRIPOS_TRACEBACK"):
            raise
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"tripos: {where}{error.strerror or error}", err=True)
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # what could not be written would be tried again at exit
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)
