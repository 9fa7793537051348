"""``nncli profile``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from nncli.cli.train import Config, Json, Overrides

if TYPE_CHECKING:
    from nncli.profile.report import Profile

COLUMNS = ("block", "layer", "forward", "back", "both", "share", "GFLOP/s")
WORTH_LEAST = ("GFLOP/s", "both")
"""What is left out first where a line is too short for all columns."""
NARROWEST = 12
"""Characters that "layer" needs at least."""
READABLE = 100
"""Columns of running text, however wide the screen is."""


def profile(
    config: Config,
    overrides: Overrides = None,
    seconds: Annotated[float, typer.Option(help="How long to measure, about.")] = 5.0,
    steps: Annotated[
        int | None, typer.Option(help="How many steps to measure, in place of --seconds.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Show where the time of a training step of CONFIG goes, layer by layer, and what would make it faster.

    Trains for some seconds to measure. Nothing is written, and nothing of the training is kept.
    """
    from nncli.cli.console import stdout
    from nncli.cli.plain import print_json
    from nncli.cli.progress import progress
    from nncli.config.loader import load_config
    from nncli.profile.advice import advise, kernels_text
    from nncli.profile.measure import profile_steps

    loaded = load_config(config, overrides or [])
    with progress("profile") as observe:
        found = profile_steps(loaded, seconds=seconds, steps=steps, observe=observe)
    if json:
        advice = [vars(advice) for advice in advise(found)]
        print_json({**found.to_json(), "kernels_text": kernels_text(found), "advice": advice})
        return
    console = stdout()
    for line in page(found, console.width):
        console.print(line, markup=False)


def page(found: Profile, width: int) -> Iterator[str]:
    """What is shown, in lines of at most ``width`` characters where that can be."""
    from textwrap import wrap

    from nncli.cli.plain import count
    from nncli.profile.advice import advise, kernels_text, verdict

    text_width = min(width, READABLE)

    def told(text: str, mark: str = "") -> list[str]:
        return wrap(text, text_width, initial_indent=mark, subsequent_indent="  ", break_on_hyphens=False)

    sizes = "-".join(map(str, found.widths))
    batch = f"batches of {count(found.batch_size, 'row', ',')}"
    if found.accumulate > 1:
        batch += f", {found.accumulate} to a step"
    yield from told(f"{found.source}: {sizes}, {count(found.parameters, 'parameter', ',')}, {found.precision}; {batch}")
    yield from told(f"microseconds a step, from {found.measured:,} steps of the training as it is")
    yield ""
    yield from _table(found, width)
    yield ""
    bare, share = f"{found.products * 1e6:,.1f}", found.products / found.step
    yield from told(
        f"the step takes {found.over_products:.2f} times its bare matrix products ({bare}, {share:.0%} of it)"
    )
    if found.sharded is not None:
        yield from told(
            f"this is a batch in one piece, on one thread; as it is trained ({found.sharded.change}), a step takes "
            f"{found.sharded.ratio:.2f} times as long"
        )
    yield from told(kernels_text(found))
    yield from told(f"BLAS threads: {found.threads}, on {count(found.cores, 'core')}")
    yield ""
    advice = advise(found)
    if not advice:
        yield from told(verdict(found))
        return
    yield "what would help, the most first:"
    for one in advice:
        yield from told(one.text, "- ")


def _table(found: Profile, width: int) -> Iterator[str]:
    rows = [*_rows(found)]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(COLUMNS)}
    widths = {name: max(len(name), *map(len, cells)) for name, cells in columns.items()}
    for dropped in ("", *WORTH_LEAST):
        widths.pop(dropped, None)
        room = width - sum(widths[name] + 2 for name in widths if name != "layer")
        if room >= min(NARROWEST, widths["layer"]):
            break
    widths["layer"] = min(widths["layer"], max(room, NARROWEST))
    rule = "─" * (sum(widths.values()) + 2 * (len(widths) - 1))
    yield _line(dict(zip(COLUMNS, COLUMNS, strict=True)), widths)
    yield rule
    for row in rows[:-1]:
        yield _line(dict(zip(COLUMNS, row, strict=True)), widths)
    yield rule
    yield _line(dict(zip(COLUMNS, rows[-1], strict=True)), widths)


def _rows(found: Profile) -> Iterator[tuple[str, ...]]:
    """A line of the table for each layer and part, in the order of their names; the last is the whole step."""
    from nncli.profile.report import DATA

    digits = 1 if found.step < 1e-3 else 0

    def time(seconds: float | None) -> str:
        return "" if seconds is None else f"{seconds * 1e6:,.{digits}f}"

    def line(
        block: str, what: str, seconds: float, *ways: float | None, gflops: float | None = None
    ) -> tuple[str, ...]:
        forward, back = ways or (None, None)
        speed = "" if gflops is None else f"{gflops:.1f}"
        return block, what, time(forward), time(back), time(seconds), f"{seconds / found.step:.1%}", speed

    before = ""
    for layer in found.layers:
        block = "" if layer.block == before else layer.block
        before = layer.block
        yield line(block, layer.layer, layer.total, layer.forward, layer.backward, gflops=layer.gflops)
    ways = found.loss_forward, found.loss_backward
    yield line("loss", found.loss, sum(ways), *ways)
    names = {
        "rows": "rows gathered",
        "noise": "noise drawn",
        "statistics": "running statistics",
        "optimizer": found.optimizer,
    }
    before = ""
    for part in found.parts:
        group = "data" if part.name in DATA else "update"
        yield line(group if group != before else "", names.get(part.name, part.name), part.time)
        before = group
    yield line("", "between the calls", found.between)
    yield line("a step", "", found.step)


def _line(cells: dict[str, str], widths: dict[str, int]) -> str:
    texts = []
    for name, width in widths.items():
        text = cells[name] if len(cells[name]) <= width else f"{cells[name][: width - 1]}…"
        texts.append(f"{text:{'<' if name in COLUMNS[:2] else '>'}{width}}")
    return "  ".join(texts).rstrip()
