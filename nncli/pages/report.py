"""The report of a run: all that there is to know of it, on one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nncli.data.pixels import find_pixels
from nncli.engine.summary import blocks_of
from nncli.errors import RunError
from nncli.evaluation import ClassReport, Evaluation, evaluation_of
from nncli.pages.certificate import certificate
from nncli.pages.drawn import Drawn, drawn_as
from nncli.pages.page import render
from nncli.pages.tables import Table
from nncli.plots.canvas import Picture
from nncli.run import Run
from nncli.seeing.mistakes import worst
from nncli.seeing.pictures import pictures_of, save_in
from nncli.seeing.view import Seen, View, look_at
from nncli.text import count, figure

MISTAKES = 20
COLUMNS = 12
"""Features of a mistaken row that are shown: of more nobody reads."""
CLASSES = 50
"""Classes that have a row of their own."""


@dataclass(frozen=True)
class Section:
    """A part of the page: its sentences, then its tables, its pictures, and a text as it stands in a file."""

    name: str
    title: str
    texts: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Drawn] = ()
    listing: str = ""


def report(run: Run) -> str:
    """The page of ``run``; its pictures are drawn anew, and also stand in its folder of them.

    Raises:
        NncliError: Its config cannot be read, or a picture cannot be written.
    """
    view = look_at(run)
    evaluation = None if view.seen is None else _evaluation(view.seen)
    drawn: dict[str, list[Drawn]] = {"training": [], "predictions": [], "network": []}
    for group, picture in pictures_of(view):
        drawn[group].append(_drawn(run, picture))
    sections = [
        Section("training", "Training", tables=[*_outcome(view.summary)], pictures=drawn["training"]),
        _predictions(view, evaluation, drawn["predictions"]),
        *_mistakes(view.seen),
        *_network(view.seen, drawn["network"]),
        Section("gradients", "Gradients", *certificate(run)),
        Section("config", "Config", ["Every default is written out."], listing=_text(run.path / "config.yaml")),
        Section("environment", "Environment", tables=[*_environment(run)]),
    ]
    return render(
        "report.html",
        name=view.name,
        headline=_headline(view),
        key_figures=[*_key_figures(view, evaluation)],
        sections=sections,
    )


def _evaluation(seen: Seen) -> Evaluation:
    return evaluation_of(seen.trained, seen.judged, seen.split)


def _drawn(run: Run, picture: Picture) -> Drawn:
    return drawn_as(picture, save_in(run, picture).read_bytes())


# -- the head ------------------------------------------------------------------------------------------------------


def _headline(view: View) -> str:
    summary, data = view.summary, view.config.data
    source = data.source.name if data.source is not None else Path(data.path or "rows in memory").name
    status = str(summary.get("status", "unknown")).replace("_", " ")
    said = [str(summary["task"])] if "task" in summary else []
    if view.config.ensemble is not None:
        said.append(f"{view.config.ensemble.members} networks")
    return ", ".join([*said, f"on {source}", status])


def _key_figures(view: View, evaluation: Evaluation | None) -> Iterator[dict[str, str]]:
    if evaluation is not None:
        for name, value in [*evaluation.metrics.items()][:3]:
            yield {"name": f"{evaluation.data} {name.replace('_', ' ')}", "value": figure(name, value)}
    for name, words in (("parameters", "parameters"), ("epochs", "epochs"), ("training_seconds", "seconds")):
        value = view.summary.get(name)
        if isinstance(value, int | float):
            yield {"name": words, "value": f"{value:,}" if isinstance(value, int) else f"{value:.3g}"}


# -- sections ------------------------------------------------------------------------------------------------------


def _outcome(summary: Mapping[str, Any]) -> Iterator[Table]:
    metrics = summary.get("metrics")
    known = metrics if isinstance(metrics, dict) else {}
    splits = [split for split in ("validation", "out_of_fold", "test") if any(name.startswith(split) for name in known)]
    names = list(
        dict.fromkeys(name.removeprefix(f"{split}_") for split in splits for name in known if name.startswith(split))
    )
    if splits:
        rows = [
            [name.replace("_", " "), *(_figure(name, known.get(f"{split}_{name}")) for split in splits)]
            for name in names
        ]
        yield Table("At the weights that are the result", ["metric", *(s.replace("_", " ") for s in splits)], rows)
    said = [
        [words, _said(summary[key]).replace("_", " ") if key == "status" else _said(summary[key])]
        for key, words in (
            ("status", "status"),
            ("problem", "problem"),
            ("rows", "rows"),
            ("epochs", "epochs"),
            ("steps", "updates"),
            ("best_epoch", "best epoch"),
            ("weights", "weights that are the result"),
            ("training_seconds", "seconds of training"),
            ("initial_loss", "loss before the first update"),
            ("initial_loss_expected", "loss of a network that knows nothing"),
        )
        if summary.get(key) is not None
    ]
    if said:
        yield Table("How it went", ("what", "value"), said, figures=False)
    members = summary.get("members")
    if isinstance(members, list) and members and all(isinstance(one, dict) for one in members):
        names = list(dict.fromkeys(name for one in members for name in one.get("metrics", {})))
        rows = [
            [
                str(number),
                _said(one.get("epochs")),
                *(_figure(name, one.get("metrics", {}).get(name)) for name in names),
            ]
            for number, one in enumerate(members)
        ]
        yield Table("Each network alone", ["member", "epochs", *(name.replace("_", " ") for name in names)], rows)


def _predictions(view: View, evaluation: Evaluation | None, pictures: Sequence[Drawn]) -> Section:
    if evaluation is None:
        return Section("predictions", "Predictions", [f"What it predicts cannot be shown: {view.unseen}"])
    texts = [f"{count(evaluation.rows, 'row')} of {evaluation.data}, by the {evaluation.weights} weights."]
    if evaluation.data == "train":
        texts.append("These are the rows that it was trained on: the figures say nothing of others.")
    if evaluation.out_of_fold:
        texts.append("Each row is predicted by the one network that did not train on it.")
    return Section("predictions", "Predictions", texts, [*_shares(evaluation)], pictures)


def _shares(evaluation: Evaluation) -> Iterator[Table]:
    for noun, reports in (("class", evaluation.classes), ("label", evaluation.labels)):
        if reports is None:
            continue
        shown: list[ClassReport] = [*reports[:CLASSES], *(evaluation.averages or ())]
        more = f", the first {CLASSES} of {len(reports)}" if len(reports) > CLASSES else ""
        rows = [
            [
                one.name if i < min(CLASSES, len(reports)) else f"{one.name} average",
                *("–" if x is None else f"{x:.3f}" for x in (one.precision, one.recall, one.f1)),
                f"{one.rows:,}",
            ]
            for i, one in enumerate(shown)
        ]
        yield Table(f"Each {noun}{more}", (noun, "precision", "recall", "F1", "rows"), rows)
    if evaluation.targets is not None:
        rows = [
            [one.name, *(figure(name, x) for name, x in (("rmse", one.rmse), ("mae", one.mae), ("r2", one.r2)))]
            for one in evaluation.targets
        ]
        yield Table("Each target, in its own units", ("target", "RMSE", "MAE", "R²"), rows)


def _mistakes(seen: Seen | None) -> Iterator[Section]:
    if seen is None:
        return
    names = seen.trained.preprocessing.features.names
    if find_pixels(names) is not None:  # the picture says more than columns of shades
        names = ()
    found, task = worst(seen, MISTAKES), seen.trained.preprocessing.task
    if not found:
        yield Section("mistakes", "Worst mistakes", [f"None: every row of {seen.split} is right."])
        return
    sure = found[0].probability is not None
    heads = ["row", "true", "predicted", *(["probability of the true"] if sure else []), "loss", *names[:COLUMNS]]
    rows = [
        [
            one.place,
            one.truth,
            one.said,
            *([figure("", one.probability)] if sure else []),
            figure("", one.loss),
            *one.cells[: len(names[:COLUMNS])],
        ]
        for one in found
    ]
    which = "all rows" if task == "regression" else "the rows that are wrong"
    more = f"; {COLUMNS} of {len(names)} features" if len(names) > COLUMNS else ""
    caption = f"Of {which} of {seen.split}, the {len(found)} with the greatest loss{more}"
    yield Section("mistakes", "Worst mistakes", tables=[Table(caption, heads, rows, figures=False)])


def _network(seen: Seen | None, pictures: Sequence[Drawn]) -> Iterator[Section]:
    if seen is None:
        return
    member = seen.trained.members[0]
    blocks = blocks_of(member.network, 2, member.dtype)  # batch norm takes no fewer rows
    rows = [
        [
            block.name,
            ", ".join(block.made_of),
            "–" if len(block.shape) < 2 else f"{block.shape[1]:,}",
            f"{block.parameters:,}",
        ]
        for block in blocks
    ]
    each = "" if len(seen.trained.members) == 1 else "; each of the networks is like that"
    table = Table(
        f"From the input to the loss{each}", ("block", "layers", "outputs", "parameters"), rows, figures=False
    )
    yield Section("network", "Network", tables=[table], pictures=pictures)


def _environment(run: Run) -> Iterator[Table]:
    try:
        content = run.read_json("environment.json")
    except RunError as error:
        yield Table("What its bits depend on", ("what", "value"), [["environment.json", str(error)]], figures=False)
        return
    rows = [[key.replace("_", " "), _said(value)] for key, value in content.items()]
    yield Table("What its bits depend on, besides its config", ("what", "value"), rows, figures=False)


# -- text ----------------------------------------------------------------------------------------------------------


def _figure(name: str, value: object) -> str:
    return figure(name, value) if isinstance(value, int | float) else "–"


def _said(value: object) -> str:
    """A value of a JSON file in words."""
    match value:
        case dict():
            return ", ".join(f"{key} {_said(one)}" for key, one in value.items())
        case list():
            return (
                " ".join(map(_said, value))
                if all(isinstance(one, str) for one in value)
                else "; ".join(map(_said, value))
            )
        case float():
            return f"{value:.6g}"
        case bool() | str() | None:
            return str(value)
        case int():
            return f"{value:,}"
    return str(value)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="backslashreplace").rstrip()
