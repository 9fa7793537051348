"""``nncli reproduce``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nncli.cli.resume import Run
from nncli.cli.train import Json

if TYPE_CHECKING:
    from nncli.reproduction import Reproduction

SHOWN = 5
"""Tensors that are named one by one."""


def reproduce(
    run: Run,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    json: Json = False,
) -> None:
    """Train RUN again from its own files and compare every figure and weight; exit code 1 if one has other bits."""
    from nncli.cli.plain import print_json, print_lines
    from nncli.cli.training import Training
    from nncli.recording import Interrupted
    from nncli.reproduction import reproduce as train_again
    from nncli.run import Run as RunFiles

    opened = RunFiles.open(run)
    with Training(silent=quiet) as screen:
        try:
            found = train_again(opened, began=screen.began, observe=screen.observe, turn=screen.turn)
        except Interrupted as interrupted:
            screen.say("interrupted")
            raise typer.Exit(interrupted.exit_code) from None
    if json:
        print_json(found.to_json())
    else:
        print_lines(*_lines(found))
    if not found.identical:
        raise typer.Exit(1)


def _lines(found: Reproduction) -> list[str]:
    from nncli.cli.plain import count

    if found.identical:
        differs = f" (although {'; '.join(found.differences)})" if found.differences else ""
        whose = "" if found.members is None else f"{count(found.members, 'member')}, "
        return [f"identical: {whose}{count(found.epochs, 'epoch')} and all weights, bit for bit{differs}"]
    lines = ["not identical"]
    if found.epoch is not None:
        whose = "" if found.member is None else f" of member {found.member}"
        lines.append(f"first in epoch {found.epoch}{whose}:")
        lines += [f"  {name}: was {before}, is {now}" for name, (before, now) in found.figures.items()]
    lines += [f"all together, {name}: was {a}, is {b}" for name, (a, b) in found.together.items()]
    for tensor in found.tensors[:SHOWN]:
        by = "" if tensor.largest is None else f", by {tensor.largest:.2g} at most"
        lines.append(f"{tensor.name}: {count(tensor.entries, 'number')} differ{by}")
    if len(found.tensors) > SHOWN:
        lines.append(f"and {count(len(found.tensors) - SHOWN, 'more tensor')}")
    lines += [f"reason, perhaps: {difference}" for difference in found.differences]
    return lines
