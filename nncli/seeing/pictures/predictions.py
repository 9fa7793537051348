"""The pictures of what a network makes of rows, and of the network itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from nncli.data.cells import Array, Cells
from nncli.data.pixels import find_pixels
from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.data.scaling import Scaling
from nncli.engine.inference import Inference
from nncli.evaluation import scorer_of
from nncli.plots.calibration import confidence, draw_calibration
from nncli.plots.canvas import Picture
from nncli.plots.confusion import draw_confusion
from nncli.plots.first_layer import draw_first_layer
from nncli.plots.intervals import draw_intervals
from nncli.plots.mistakes import SHOWN, draw_mistakes
from nncli.plots.ranking import draw_precision_recall, draw_roc
from nncli.plots.regions import draw_regions, draw_surface
from nncli.plots.residuals import draw_predicted, draw_residuals
from nncli.scoring import Scored
from nncli.seeing.mistakes import worst_first
from nncli.seeing.view import Seen
from nncli.trained import Predictor

Make: TypeAlias = Callable[[], Picture | None]

MOST_CONFUSED = 1000
"""Classes of which a confusion matrix is made."""
NORMAL = {0.05: -1.6448536269514722, 0.5: 0.0, 0.95: 1.6448536269514722}
"""Quantiles of the standard normal distribution, by their levels."""


def of_predictions(seen: Seen) -> Iterator[Make]:
    """Those that the task has."""
    scored = scorer_of(seen.trained, seen.judged.rows).scored(seen.judged.predictions)
    match seen.trained.preprocessing.target:
        case ClassEncoding() as encoding:
            yield from _of_classes(seen, scored, [str(name) for name in encoding.classes])
        case LabelEncoding() as encoding:
            yield from _of_labels(seen, scored, list(encoding.names))
        case scaling:
            yield from _of_numbers(seen, scored, scaling)
    yield from _of_two_features(seen, scored)


def of_network(seen: Seen) -> Iterator[Make]:
    """The weights of the first layer, where it sees the pixels of an image as they stand in the table."""
    member = seen.trained.members[0]
    features = member.preprocessing.features
    pixels = find_pixels(features.names)
    weight = member.network.tensors(member.weights).get("layers.0.weight")
    if pixels is not None and features.outputs == features.names and weight is not None:
        yield lambda: draw_first_layer(weight, pixels)


def _of_classes(seen: Seen, scored: Scored, names: list[str]) -> Iterator[Make]:
    k, split, truth = len(names), seen.split, scored.truth
    if k <= MOST_CONFUSED:
        counts = np.zeros((k, k), np.int64)
        np.add.at(counts, (truth, scored.decided), 1)
        yield lambda: draw_confusion(counts, names, split)
    one = (truth == 1)[:, np.newaxis].astype(np.int8) if k == 2 else scored.onehot.astype(np.int8)
    scores, of = (scored.of_second[:, np.newaxis], names[1:]) if k == 2 else (scored.outputs, names)
    yield lambda: draw_roc(one, scores, of, split)
    yield lambda: draw_precision_recall(one, scores, of, split)
    yield from _of_images(seen, scored, names)
    if not scored.kind.probabilities:
        return
    P = scored.distribution
    if k == 2:
        yield lambda: draw_calibration(P[:, 1], truth == 1, f"of {names[1]}", split)
    else:
        yield lambda: draw_calibration(*confidence(P, truth), "of the likeliest class", split)


def _of_images(seen: Seen, scored: Scored, names: list[str]) -> Iterator[Make]:
    """The images that are taken for something else."""
    features, part = seen.trained.preprocessing.features.names, seen.judged.rows
    pixels = find_pixels(features)
    if pixels is not None:
        worst = worst_first(scored, seen.losses)[:SHOWN]
        images = part.table.cells.select(features)[part.rows[worst]]
        truth, said = ([names[code] for code in codes[worst]] for codes in (scored.truth, scored.decided))
        yield lambda: draw_mistakes(images, truth, said, pixels, seen.split, len(part))


def _of_labels(seen: Seen, scored: Scored, names: list[str]) -> Iterator[Make]:
    truth, P, split = scored.truth.astype(np.int8), scored.outputs, seen.split
    yield lambda: draw_roc(truth, P, names, split)
    yield lambda: draw_precision_recall(truth, P, names, split)
    if scored.kind.probabilities:
        yield lambda: draw_calibration(P.ravel(), truth.ravel() > 0, "of a label, all together", split)


def _of_numbers(seen: Seen, scored: Scored, scaling: Scaling) -> Iterator[Make]:
    truth, predicted = (values.reshape(len(values), -1) for values in (scored.truth, scored.outputs))
    names, split = list(scaling.names), seen.split
    yield lambda: draw_predicted(truth, predicted, names, split)
    yield lambda: draw_residuals(truth, predicted, names, split)
    loss = seen.trained.network.loss
    told = _quantiles(scaling, scaling.readings(loss, seen.judged.predictions.astype(np.float64)))
    if told:
        yield lambda: draw_intervals(truth, told, names, split)


def _quantiles(scaling: Scaling, told: Mapping[str, Array]) -> dict[float, Array]:
    """Level -> (n, k) of the target, where the loss tells quantiles, or a mean and a deviation in its own units."""
    if "deviation" in told and scaling.method != "log":
        return {level: told["prediction"] + z * told["deviation"] for level, z in NORMAL.items()}
    levels = {name: float(name.removeprefix("quantile ")) for name in told if name.startswith("quantile ")}
    return {level: told[name] for name, level in sorted(levels.items(), key=lambda pair: pair[1])}


def _of_two_features(seen: Seen, scored: Scored) -> Iterator[Make]:
    """What is predicted all over the plane, where the table has two columns of numbers and nothing else."""
    trained, part = seen.trained, seen.judged.rows
    names = trained.preprocessing.features.names
    kinds = part.table.cells.kinds
    if len(names) != 2 or any(kinds[name] != "number" for name in names):
        return
    X = part.table.cells.select(names)[part.rows].astype(np.float64)
    target, split = trained.preprocessing.target, seen.split
    if isinstance(target, ClassEncoding):
        classes = [str(name) for name in target.classes]

        def of_each(places: Array) -> Array:
            P = outputs_at(trained, places)
            both: Array = np.hstack([1 - P, P]) if P.shape[1] == 1 else P
            return both

        if scored.kind.probabilities or scored.outputs.shape[1] > 1:
            yield lambda: draw_regions(X, scored.truth, classes, names, of_each, split)
    elif isinstance(target, Scaling) and len(target.names) == 1:

        def predicted(places: Array) -> Array:
            P = outputs_at(trained, places).astype(np.float64)
            told: Array = target.readings(trained.network.loss, P)["prediction"][:, 0]
            return told

        truth = scored.truth.reshape(len(X))
        yield lambda: draw_surface(X, truth, target.names[0], names, predicted, split)


def outputs_at(trained: Predictor, X: Array) -> Array:
    """What the network puts out (m, outputs) for rows of its features (m, d), numbers in their own units."""
    rows, names, together = np.arange(len(X)), trained.preprocessing.features.names, []
    for member in trained.members:
        inputs = np.ones((len(X), member.network.inputs + 1), member.dtype)
        cells = Cells("the plane", X, names)
        member.preprocessing.features.apply(cells, rows, inputs[:, :-1], lambda row: f"place {row}")
        inference = Inference(member.network, member.weights, len(X))
        with np.errstate(all="ignore"):
            inference.run(inputs)
        together.append(inference.predictions)
    return trained.together(together)
