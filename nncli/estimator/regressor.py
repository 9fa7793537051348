"""``MLPRegressor``: one number a row, or several."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from nncli.data.cells import Array
from nncli.data.scaling import Scaling
from nncli.estimator.base import Estimator
from nncli.estimator.ensemble import Learned
from nncli.estimator.rows import Target, numbers_of, target_names


class MLPRegressor(RegressorMixin, Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron for numbers, trained as ``nncli train`` does: same config, seed and rows, same bits.

    The target is a number for each row, (n,), or several, (n, k). It is standardized for the training, where the loss
    does not take it as it stands, and predictions are in its own units. The parameters are those of ``MLPClassifier``,
    but that ``loss="auto"`` is mse; so are the attributes, but for ``classes_``.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = MLPRegressor(units=(16,), epochs=30).fit(X, y)
        >>> model.score(X, y) > 0.4
        True
    """

    numeric = True

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go one epoch on rows X (n, d) and their targets y, with the optimizer as it stands.

        The first call fits the scaling of columns and target, which then stays.

        Args:
            X: Finite numbers.
            y: The targets.
            sample_weight: (n,) what each row counts.

        Returns:
            The estimator.

        Raises:
            ValueError: As ``fit``; parameters that are for whole trainings.
        """
        return self._train(X, y, sample_weight, "one epoch")

    def predict(self, X: Any) -> Array:
        """The prediction (n,) for each row of X (n, d), or (n, k) of several targets."""
        return self.predict_readings(X)["prediction"]

    def predict_readings(self, X: Any) -> dict[str, Array]:
        """All that the outputs say of each row of X (n, d), by name, each (n,) or (n, k).

        Beside the ``prediction``, a loss of quantiles has each of them (``quantile 0.9``), and gaussian_nll the
        ``deviation``.
        """
        P, scale = self._outputs(X), self._fitted.preprocessing.target
        assert isinstance(scale, Scaling)
        readings = scale.readings(self._fitted.network.loss, P.astype(np.float64))
        return {name: values[:, 0] if values.shape[1] == 1 else values for name, values in readings.items()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _read(self, y: Array, raw: Any, features: tuple[str, ...], classes: Any, before: Learned | None) -> Target:
        k = y.shape[1] if y.ndim == 2 else 1
        y = column_or_1d(y, warn=True) if k == 1 else y
        return Target("numbers", numbers_of(y), target_names(raw, k, features))

    def _knows(self, fitted: Learned) -> None:
        """Nothing of the target is an attribute."""
