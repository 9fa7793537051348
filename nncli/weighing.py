"""What each row counts in the loss: by its class (``loss.class_weight``), by a column (``data.weight``), by both.

Both multiply. The weights of each set of rows are brought to a mean of 1 of their own, so that every loss that is
reported, of the training, the validation or of any other rows, is the weighted mean over those rows; ``engine.weights``
has the formula. The preprocessing is weighted by the column, too: a row that weighs k stands for k rows, and one that
weighs 0 for none. Metrics such as the accuracy count every row the same, as in Keras and scikit-learn unless they are
handed weights of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nncli.config.schema import Config
from nncli.data.dataset import Dataset, Part
from nncli.data.preprocess import ClassEncoding
from nncli.engine.buffers import Array
from nncli.engine.weights import balanced
from nncli.errors import ConfigError, DataError
from nncli.registry import unknown


@dataclass(frozen=True)
class Weighing:
    """How rows are weighed.

    Attributes:
        by_class: What a row of each class counts, by the class's name in the order of the codes; None: all the same.
        column: The column of the data that weighs rows, if one does.
    """

    by_class: dict[str, float] | None
    column: str | None

    @classmethod
    def fit(cls, config: Config, dataset: Dataset) -> Weighing:
        """As ``config`` wants it; ``balanced`` is worked out on the training rows of ``dataset``.

        Raises:
            ConfigError: Class weights for what has no classes, or for a class that there is not.
        """
        said, encoding = config.class_weight, dataset.preprocessing.target
        if said is None:
            return cls(None, config.data.weight)
        if not isinstance(encoding, ClassEncoding):
            message = "needs a target whose rows are of one class each"
            raise ConfigError([config.problem("loss.class_weight", message, "leave it out")])
        names = [str(name) for name in encoding.classes]
        if said == "balanced":
            weights = balanced(dataset.train.targets, len(names)).tolist()
            return cls(dict(zip(names, weights, strict=True)), config.data.weight)
        strange = [name for name in said if name not in names]
        if strange:
            raise ConfigError(
                [config.problem(("loss", "class_weight", name), unknown("class", name, names)) for name in strange]
            )
        return cls({name: float(said.get(name, 1)) for name in names}, config.data.weight)

    def weights(self, part: Part) -> Array | None:
        """What the rows of ``part`` count (n,), 1 in their mean, at its precision; None where all count the same.

        Raises:
            DataError: They all count nothing.
        """
        if self.by_class is None and part.table.weights is None:
            return None
        heaviest = max((float(some.weights.max()) for some in part.blocks() if some.weights is not None), default=1.0)
        largest = max(float(self._raw(some, heaviest).max()) for some in part.blocks())
        if not largest:
            raise DataError(
                f"all {len(part)} of its rows that are taken together have the weight 0",
                where=part.table.origin,
                remedy=f"some have to count: look at {' and '.join(self.sources(part))}",
            )
        # as ``to_mean_one``, of rows that need not be in memory all at once
        mean = sum(float((self._raw(some, heaviest) / largest).sum()) for some in part.blocks()) / len(part)

        def made() -> Iterator[Array]:
            for some in part.blocks():
                yield (self._raw(some, heaviest) / largest / mean).astype(part.inputs.dtype)

        if part.shelf is not None:
            return part.shelf.array("weights", (len(part),), part.inputs.dtype, made)
        (weights,) = made()
        return weights

    def _raw(self, part: Part, heaviest: float) -> Array:
        """What the rows of ``part`` count (n,), whatever their mean; the column has weights up to ``heaviest``."""
        w = part.weights
        if self.by_class is None:
            assert w is not None
            return w
        of_class = np.array([*self.by_class.values()])[part.targets]
        return of_class if w is None else of_class * (w / (heaviest or 1))  # whatever their size, that is finite

    def sources(self, part: Part) -> list[str]:
        """The keys of the config that weigh the rows of ``part``."""
        by_column = [] if part.weights is None else ["data.weight"]
        return by_column + (["loss.class_weight"] if self.by_class is not None else [])
