"""Rows of the training data forward and back through their network, in the data's own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.builder import Experiment, Place, build
from nncli.config.schema import Config
from nncli.data.preprocess import ClassEncoding, LabelEncoding, target_values
from nncli.engine.buffers import Array
from nncli.engine.metrics import decide, decide_labels
from nncli.engine.parameters import Weights
from nncli.engine.randomness import Purpose, stream
from nncli.errors import DataError, NncliError
from nncli.run import Run
from nncli.trained import load_network
from nncli.walk import Walk, plain, walk

MOST_ROWS = 100
"""More rows at a time than anybody reads; the gradients of the parameters are their sums, whatever their number."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """A walk, and what its rows are outside of the network.

    Attributes:
        source: The name of the config, or the run.
        weights: ``initial``; or ``best`` or ``last``, those of a run.
        task: ``classification``, ``multilabel`` or ``regression``.
        training_rows: How many there are.
        rows: Which of them are shown, counted from 1.
        places: Where these stand in the data.
        features: The names of the inputs.
        raw: The inputs as they stand in the data (n, d); None where the network sees the same.
        classes: The classes in the order of their codes; None for a regression.
        target_names: The columns of the target.
        targets: Class labels (n,); or labels of 0 and 1, or numbers (n, k), as they stand in the data.
        predictions: The same for what the network makes of the rows.
        told: What else its outputs say of the targets, by name: a deviation, quantiles, each (n, k).
        walk: What happens inside.
    """

    source: str
    weights: str
    task: str
    training_rows: int
    rows: range
    places: tuple[str, ...]
    features: tuple[str, ...]
    raw: Array | None
    classes: tuple[str, ...] | tuple[int, ...] | None
    target_names: tuple[str, ...]
    targets: Array
    predictions: Array
    told: dict[str, Array]
    walk: Walk

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain data of strict JSON."""
        inside = self.walk.to_json()
        raw = self.walk.inputs.values if self.raw is None else self.raw
        return {
            "source": self.source,
            "weights": self.weights,
            "task": self.task,
            "precision": str(self.walk.inputs.values.dtype),
            "rows": [*self.rows],
            "training_rows": self.training_rows,
            "places": [*self.places],
            "input": {"features": [*self.features], "raw": plain(raw), **inside["input"]},
            "target": {
                "names": [*self.target_names],
                "classes": None if self.classes is None else [*self.classes],
                "raw": plain(self.targets),
                "Y": {"shape": list(self.walk.targets.shape), "values": plain(self.walk.targets)},
            },
            "prediction": {
                "raw": plain(self.predictions),
                **{name: plain(values) for name, values in self.told.items()},
                "P": {"shape": list(self.walk.predictions.shape), "values": plain(self.walk.predictions)},
            },
            **{key: inside[key] for key in ("layers", "loss", "penalty")},
        }


def explain_network(what: Config | Run, *, row: int = 1, rows: int = 1, member: int | None = None) -> Explanation:
    """Take rows of the training data forward and back: at a config's initial weights, or at those of a run.

    Weights and rows are those that the training has, the arithmetic is at float64, as that of gradcheck.

    Args:
        what: A config or a run.
        row: The first row, counted from 1 in the order of the training rows.
        rows: How many, one after the other: one batch.
        member: Which network of the run of an ensemble, from 0; None: the first. A config is shown as the first is.

    Raises:
        NncliError: No such row, too many rows, or a config, data or a run that cannot be used.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise NncliError(f"{rows} rows cannot be shown together", remedy=f"take --rows from 1 to {MOST_ROWS}")
    if isinstance(what, Run):
        trained = load_network(what, member)
        experiment, source = build(trained.config, place=Place(trained.run.path)), str(trained.run.path)
        which, weights = trained.which, trained.weights
        if experiment.dataset.fingerprint != trained.run.read_json("environment.json").get("data"):
            raise DataError(
                "the data changed since the training, so that its rows are not those that it was trained on",
                where=str(what.path),
                remedy="train again",
            )
    elif member is not None:
        raise NncliError("is of a run", where=f"member {member}", remedy="leave it out, or name the run of an ensemble")
    else:
        experiment, source, which = build(what), what.name_or_stem, "initial"
        seed = experiment.config.seed
        weights = experiment.network.initial_weights(stream(seed, Purpose.WEIGHTS), experiment.precision)
    n = len(experiment.train.inputs)
    last = row + rows - 1
    if row < 1 or last > n:
        asked = f"row {row} is" if rows == 1 else f"rows {row} to {last} are"
        remedy = f"take --row from 1 to {n - rows + 1}" if rows <= n else f"take --rows from 1 to {n}"
        raise NncliError(f"has {n} training rows, {asked} not among them", where=source, remedy=remedy)
    return _explanation(experiment, source, which, weights, range(row, last + 1))


def _explanation(experiment: Experiment, source: str, which: str, weights: Weights, rows: range) -> Explanation:
    """Walk, and put into the data's own words what goes in and what comes out."""
    some = slice(rows.start - 1, rows.stop - 1)
    part, preprocessing = experiment.dataset.train, experiment.dataset.preprocessing
    targets = experiment.train.targets[some]
    w = None if experiment.train.weights is None else experiment.train.weights[some]
    found = walk(experiment.network, weights.astype(np.float64), experiment.train.inputs[some], targets, w)
    encoding, table, places = preprocessing.target, part.table, part.rows[some]
    threshold, told = experiment.network.loss.threshold, dict[str, Array]()
    if isinstance(encoding, ClassEncoding):
        labels = np.array(encoding.classes)
        own, predicted = labels[part.targets[some]], labels[decide(found.predictions, threshold)]
    else:
        own, P = target_values(table, encoding.names)[places], found.predictions
        if isinstance(encoding, LabelEncoding):
            predicted = decide_labels(P, threshold)
        else:
            told = encoding.readings(experiment.network.loss, P)
            predicted = told.pop("prediction")
    features = preprocessing.features
    return Explanation(
        source=source,
        weights=which,
        task=experiment.dataset.task,
        training_rows=len(part),
        rows=rows,
        places=tuple(table.place(int(place)) for place in places),
        features=features.outputs,
        raw=None if features.unchanged else features.shown(table.cells, places),
        classes=encoding.classes if isinstance(encoding, ClassEncoding) else None,
        target_names=table.target_names if isinstance(encoding, ClassEncoding) else encoding.names,
        targets=own,
        predictions=predicted,
        told=told,
        walk=found,
    )
