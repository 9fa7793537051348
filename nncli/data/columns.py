"""Which columns of a table are features and which the target, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nncli.errors import DataError, Problem
from nncli.registry import nearest

LISTED = 20  # names that a message lists; a table of 784 pixels would fill the screen


def choose_features(
    origin: str,
    known: Sequence[str],
    *,
    target: tuple[str, ...],
    features: tuple[str, ...] | None,
    drop: tuple[str, ...],
    weight: str | None = None,
    aside: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """The names of the feature columns: ``features`` or all of ``known``, without ``drop``, ``target`` and ``weight``.

    Args:
        origin: What a person calls the table.
        known: Its columns.
        target: The target's.
        features: Those asked for, None for all others.
        drop: Those left out.
        weight: That of the rows' weights.
        aside: Setting -> a column that has another use, and is no feature unless it is named as one.

    Raises:
        DataError: All that is wrong with the choice at once: unknown, doubled or contradictory names, no target, no
            feature left.
    """
    problems: list[Problem] = []

    def wrong(message: str, remedy: str = "") -> None:
        problems.append(Problem(message, origin, remedy))

    if not target:
        wrong("no target column given", f"name one with `data.target`: {listed(known)}")
    aside = aside or {}
    for setting, names in [
        *_settings(target, features, drop, weight),
        *((key, (name,)) for key, name in aside.items()),
    ]:
        for name in dict.fromkeys(names):
            if name not in known:
                wrong(f"`data.{setting}`: {missing('column', name, known)}")
            elif names.count(name) > 1:
                wrong(f"`data.{setting}` names {name!r} twice", "name it once")
    for name in target:
        if name in drop:
            wrong(f"{name!r} is the target and in `data.drop`", "take it out of one of them")
        if features is not None and name in features:
            wrong(f"{name!r} is the target and in `data.features`", "take it out of one of them")
    for name in features or ():
        if name in drop:
            wrong(f"{name!r} is in `data.features` and in `data.drop`", "take it out of one of them")
    for setting, names in (("target", target), ("features", features or ()), ("drop", drop)):
        if weight in names:
            wrong(f"{weight!r} is `data.weight` and in `data.{setting}`", "take it out of one of them")
    left_out = {*target, *drop, weight, *(aside.values() if features is None else ())}
    chosen = tuple(name for name in (known if features is None else features) if name not in left_out)
    if not chosen and not problems:
        wrong("no feature column is left", f"the columns are {listed(known)}; `data.features` and `data.drop` choose")
    if problems:
        raise DataError(problems)
    return chosen


def _settings(
    target: tuple[str, ...], features: tuple[str, ...] | None, drop: tuple[str, ...], weight: str | None
) -> list[tuple[str, tuple[str, ...]]]:
    """The names that each key of the config gives."""
    named = [("target", target), ("features", features or ()), ("drop", drop)]
    return named if weight is None else [*named, ("weight", (weight,))]


def missing(kind: str, name: str, known: Sequence[str]) -> str:
    """The words for a column or an array that is not there, with the nearest name or else the names there are."""
    guess = nearest(name, known)
    hint = f"did you mean {guess!r}?" if guess else f"there are {listed(known)}"
    return f"no {kind} {name!r}, {hint}"


def listed(names: Sequence[str]) -> str:
    """The names with commas between them, the first `LISTED` of them."""
    text = ", ".join(names[:LISTED])
    return f"{text} and {len(names) - LISTED} more" if len(names) > LISTED else text
