"""What was found out about a table, and a recipe, as the commented YAML of a config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from nncli.starter.findings import Findings
from nncli.starter.recipe import Recipe
from nncli.starter.targets import Task
from nncli.text import count

TEST = 0.15
WIDTH = 110
"""Columns of a comment."""
_OUTPUTS: dict[Task, str] = {
    "classification": "    - {activation: softmax}",
    "multilabel": "    - {activation: sigmoid}  # a unit for each label: any number of them may apply",
    "regression": "    - {}",
}


def write(findings: Findings, recipe: Recipe, members: int, path: str, test: float = TEST) -> str:
    """The text of the config."""
    n = max(1, round(findings.rows * (1 - test)))
    lines = [*_head(findings), *_data(findings, path, test), *_rest(findings, recipe, members, n)]
    return "\n".join(lines) + "\n"


def _head(found: Findings) -> Iterator[str]:
    yield from _comment(f"{found.asks[0].upper()}{found.asks[1:]}: {found.why_task}. Written by nncli init.")
    yield from _comment(
        f"{count(found.rows, 'row')}, {count(len(found.kinds), 'feature')}: "
        + ", ".join(f"{n} {kind}" for kind, n in _counted(found).items())
        + "."
    )
    for note in found.notes:
        yield from _comment(f"Note: {note}.")
    yield ""


def _counted(found: Findings) -> dict[str, int]:
    plural = {"number": "numeric", "category": "text", "date": "dates"}
    kinds = [*found.kinds.values()]
    counted = {plural[kind]: kinds.count(kind) for kind in ("number", "category", "date")}
    return {kind: n for kind, n in counted.items() if n}


def _data(found: Findings, path: str, test: float) -> Iterator[str]:
    yield "data:"
    yield f"  path: {_word(path)}"
    yield f"  target: {_flow(found.targets[0] if len(found.targets) == 1 else [*found.targets])}"
    if found.dropped:
        yield "  drop:"
        for column in found.dropped:
            yield f"    - {_word(column.name)}  # {_harmless(column.why)}"
    yield f"  split: {{validation: 0, test: {test:g}}}  # none is held out for stopping: they help the training more"
    yield "  preprocess:"
    yield "    numeric: robust  # median and quartiles; clip bends what lies far out"
    yield "    clip: 3"
    if "category" in found.kinds.values():
        yield "    categorical: one_hot  # a column for each value that stands in 3 rows or more"
        if found.embedded:
            names = ", ".join(f"{_word(name)}: embedding" for name in found.embedded)
            yield f"    columns: {{{names}}}  # many values: a few learned numbers for each"
    if found.gaps:
        total = sum(found.gaps.values())
        yield f"    missing: impute  # {count(total, 'gap')} in {count(len(found.gaps), 'column')}: filled, and marked"
    yield ""


def _rest(found: Findings, recipe: Recipe, members: int, n: int) -> Iterator[str]:
    yield "model:"
    if recipe.numbers or found.embedded:
        numbers = f"numbers: {_flow(recipe.numbers)}" if recipe.numbers else ""
        yield f"  input: {{{numbers}}}" if numbers else "  input: {embedding_units: auto}"
    yield "  layers:"
    for units in recipe.widths:
        yield f"    - {_flow({'units': units, 'activation': 'relu', **recipe.block})}"
    yield _OUTPUTS[found.task]
    yield ""
    yield f"loss: {_flow(recipe.loss)}"
    yield f"optimizer: {_flow(recipe.optimizer)}"
    yield "schedule: cosine"
    if recipe.l2_rows:
        yield f"regularization: {{l2: {recipe.l2_rows / n:.3g}}}  # {recipe.l2_rows:g} divided by the training rows"
    yield f"training: {{epochs: {recipe.epochs(n)}, batch_size: {recipe.batch_size(n)}}}"
    if members > 1:
        yield f"ensemble: {{members: {members}, rows: all}}  # trained on the same rows from other seeds, and averaged"


def _comment(text: str) -> Iterator[str]:
    import textwrap

    for line in textwrap.wrap(_harmless(text), WIDTH):
        yield f"# {line}"


def _harmless(text: str) -> str:
    """No line end and no control character of a table gets into a comment, which it would end."""
    return "".join(c if c.isprintable() else " " for c in text)


def _word(name: str) -> str:
    return _flow(name)


def _flow(value: Any) -> str:
    """One line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return text.removesuffix("...\n").strip()
