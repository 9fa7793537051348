"""The rows that a network is most wrong about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.engine.buffers import Array
from nncli.evaluation import scorer_of
from nncli.scoring import Scored
from nncli.scoring.scorer import finite_or_none
from nncli.seeing.view import Seen
from nncli.text import figure


@dataclass(frozen=True)
class Mistake:
    """A row, what it is, and what the network says.

    Attributes:
        place: Where it stands: ``penguins.csv line 57``.
        truth: Its class, its labels, or its numbers.
        said: The same as the network has it.
        probability: That of the true class; None where the outputs are no probabilities of one class.
        loss: None where it is not finite.
        cells: Its features as they stand in the table, in the order of their columns.
    """

    place: str
    truth: str
    said: str
    probability: float | None
    loss: float | None
    cells: tuple[str, ...]


def worst(seen: Seen, most: int) -> list[Mistake]:
    """Up to ``most`` rows, those with the greatest loss first; of classes and labels only those that are wrong."""
    trained, part = seen.trained, seen.judged.rows
    scored, encoding = scorer_of(trained, part).scored(seen.judged.predictions), trained.preprocessing.target
    losses = seen.losses
    order = worst_first(scored, losses)[:most]
    truth, said = (list(_told(scored, values[order], encoding)) for values in (scored.truth, scored.decided))
    cells = part.table.cells
    columns = [cells.read(name, part.rows[order]) for name in trained.preprocessing.features.names]
    return [
        Mistake(
            place=part.place(int(row)),
            truth=truth[i],
            said=said[i],
            probability=_probability(scored, int(row)),
            loss=finite_or_none(float(losses[row])),
            cells=tuple(_cell(column[i]) for column in columns),
        )
        for i, row in enumerate(order)
    ]


def worst_first(scored: Scored, losses: Array) -> Array:
    """Which rows are wrong, or of numbers all of them: their indices, those with the greatest of ``losses`` first."""
    wrong = np.ones(len(losses), bool)
    if scored.kind.task != "regression":
        wrong = (scored.decided != scored.truth).reshape(len(losses), -1).any(axis=1)
    order = np.flatnonzero(wrong)
    ordered: Array = order[np.argsort(-np.nan_to_num(losses[order], nan=np.inf), kind="stable")]
    return ordered


def _told(scored: Scored, values: Array, encoding: object) -> Iterable[str]:
    """Classes, labels or numbers in words."""
    match encoding:
        case ClassEncoding():
            return (str(encoding.classes[code]) for code in values)
        case LabelEncoding():
            rows = ([name for name, has in zip(encoding.names, row, strict=True) if has] for row in values)
            return (", ".join(names) or "none" for names in rows)
        case _:
            return (", ".join(figure("", float(x)) for x in row) for row in values.reshape(len(values), -1))


def _probability(scored: Scored, row: int) -> float | None:
    if scored.kind.task != "classification" or not scored.kind.probabilities:
        return None
    P, code = scored.outputs[row], int(scored.truth[row])
    return float(P[code] if len(P) > 1 else (P[0] if code else 1 - P[0]))


def _cell(value: float | str | None) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:.6g}"
