"""``nncli lr-find``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nncli.cli.train import Config, Json, Overrides

if TYPE_CHECKING:
    from nncli.lr_find import RangeTest

PICTURE = "lr-find.png"
ROWS = 13
"""Lines of the table: enough to see the course, few enough for a screen."""


def lr_find(
    config: Config,
    overrides: Overrides = None,
    low: Annotated[float, typer.Option("--from", help="The first learning rate.")] = 1e-7,
    high: Annotated[float, typer.Option("--to", help="The last one.")] = 10.0,
    steps: Annotated[int, typer.Option(help="How many, each a batch.")] = 200,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PATH", help="The picture's PNG file, or a folder for it.")
    ] = Path(PICTURE),
    json: Json = False,
) -> None:
    """Find a learning rate for CONFIG: train some steps with a rising one, and see where the loss falls and bursts.

    Prints a table and a suggestion and draws a picture. Nothing of the training is kept.
    """
    from nncli.cli.plain import print_json
    from nncli.cli.progress import progress
    from nncli.config.loader import load_config
    from nncli.lr_find import find_learning_rate
    from nncli.plots.canvas import refuse_foreign, save
    from nncli.plots.learning_rates import draw_range_test

    loaded = load_config(config, overrides or [])
    picture = _place(output)
    refuse_foreign(picture)
    with progress("lr-find") as observe:
        found = find_learning_rate(loaded, low=low, high=high, steps=steps, observe=observe)
    save(draw_range_test(found), picture)
    if json:
        print_json({**found.to_json(), "picture": str(picture)})
    else:
        _print(found, picture)


def _place(output: Path) -> Path:
    """The file that ``output`` names, or the one in the folder that it names."""
    from nncli.errors import NncliError

    if output.is_dir() or not output.suffix:
        return output / PICTURE
    if output.suffix.lower() != ".png":
        raise NncliError("a picture is a PNG file", where=str(output), remedy=f"write {output.with_suffix('.png')}")
    return output


def _print(found: RangeTest, picture: Path) -> None:
    """The table, the suggestion, and where the picture is."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from nncli.cli.console import stdout

    console = stdout()
    points = found.points
    ends = {"done": "all done", "burst": "then the loss burst", "not finite": "then the loss was not finite any more"}
    done = f"{len(points)} of {found.steps} steps, {ends[found.ended]}"
    console.print(f"{escape(found.source)}, {found.optimizer}: {done}")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("learning rate", "loss", "smoothed"):
        table.add_column(column, justify="right")
    last = len(points) - 1
    for i in sorted({round(last * row / (ROWS - 1)) for row in range(ROWS)}) if points else ():
        table.add_row(f"{points[i].rate:.2e}", f"{points[i].loss:.4g}", f"{points[i].smoothed:.4g}")
    console.print(table)
    if found.suggestion is None or found.lowest is None:
        console.print(f"nothing to suggest: {found.why_none}")
    else:
        steepest = "" if found.steepest is None else f", falls fastest at {found.steepest:.2g}"
        console.print(f"the loss is lowest at {found.lowest:.2g}{steepest}")
        rule = f"a tenth of the rate where it is lowest; the config has {found.configured:g}"
        console.print(f"suggested: optimizer.learning_rate={found.suggestion:g} ({rule})")
    console.print(f"picture: {escape(str(picture))}")
