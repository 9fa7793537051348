"""The ``nncli`` command. Each command lives in a file of its own, which loads only what that command needs."""

from __future__ import annotations

import os
import signal
import sys
from functools import cache
from io import TextIOWrapper
from types import FrameType
from typing import Annotated

import typer
from typer.core import TyperGroup

from nncli.cli import (
    compare,
    cv,
    evaluate,
    explain,
    export,
    gradcheck,
    init,
    lr_find,
    predict,
    profile,
    report,
    reproduce,
    resume,
    runs,
    sweep,
    train,
    validate,
)
from nncli.cli.plain import print_lines
from nncli.errors import NncliError
from nncli.machine import choose_products
from nncli.ranks import Ranks, launched
from nncli.ranks.launch import NotFirstError

app = typer.Typer(
    name="nncli",
    help="Trains multilayer perceptrons from a YAML file: every gradient proven, every run repeatable.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("train")(train.train)
app.command("cv")(cv.cv)
app.command("sweep")(sweep.sweep)
app.command("resume")(resume.resume)
app.command("reproduce")(reproduce.reproduce)
app.command("validate")(validate.validate)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("gradcheck")(gradcheck.gradcheck)
app.command("explain")(explain.explain)
app.command("lr-find")(lr_find.lr_find)
app.command("profile")(profile.profile)
app.command("runs")(runs.runs)
app.command("compare")(compare.compare)


SHARED = ("train", "resume")
"""The commands that several processes can share."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nncli {version('nncli')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Trains multilayer perceptrons from a YAML file: every gradient proven, every run repeatable."""
    if context.invoked_subcommand not in SHARED:
        train.alone(context, f"nncli {context.invoked_subcommand}")


@cache
def command() -> TyperGroup:
    """The commands as `main` calls them: made of all signatures in 30 ms, and once in a process."""
    return typer.main.get_group(app)


class _Interrupted(BaseException):
    """Ctrl-C, where no training runs. A KeyboardInterrupt would be swallowed on its way up, with nothing said."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Interrupted


def main() -> None:
    """Run the command line: a fault that the user can mend becomes a line on stderr and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # where it cannot take a ×, a ? says as much
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # what is ignored (nohup) stays so
    if interruptible:
        # One of several that ended by itself here would leave the others in MPI's start, where they wait for it for
        # ever. Where a signal ends it, mpiexec ends them.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    choose_products()
    try:
        ranks = launched()
    except NncliError as error:
        print_lines(*map(str, error.problems), errors=True)
        sys.exit(error.exit_code)
    except NotFirstError:
        sys.exit(NncliError.exit_code)
    if ranks.rank:
        from nncli.cli.helping import help_rank_0

        sys.exit(help_rank_0(ranks))
    if interruptible:
        signal.signal(signal.SIGINT, _interrupt)
    code = 1  # a fault of the program: its traceback is all that there is to say
    try:
        _lead(ranks)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        raise
    finally:
        ranks.end(code)


def _lead(ranks: Ranks) -> None:
    """What is done by one process, be it alone or the first of several."""
    try:
        command()(prog_name="nncli", obj=ranks)
    except NncliError as error:
        print_lines(*map(str, error.problems), errors=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # whoever read our output has gone (nncli ... | head): nothing is left to say, and nothing to say it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        print_lines(f"{error.filename or 'output'}: {error.strerror or error}", errors=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)
    except MemoryError as error:
        # NumPy says how much was asked for
        reason = str(error) or "no more to be had"
        print_lines(f"out of memory: {reason}; a smaller network, batch or table helps", errors=True)
        sys.exit(2)
    except _Interrupted:
        print_lines("interrupted", errors=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
