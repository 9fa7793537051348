"""scikit-learn's own, with their defaults, behind the preparation that its documentation shows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from benchmarks.tables.catalogue import Record, Task
from benchmarks.tables.columns import Columns, kinds

Predict: TypeAlias = Callable[[Record, Any, Any, int], Any]
"""(record, training rows, rows to predict, seed) -> a class or a number for each of them."""


def mlp(record: Record, train: Any, test: Any, seed: int) -> Any:
    """`MLPClassifier` or `MLPRegressor`, the target of a regression standardized for it."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    columns = kinds(record, train)
    if record.task == "classification":
        model = MLPClassifier(random_state=seed)
    else:
        model = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
    return _fit_predict(_scaled(columns), model, record, train, test)


def mlp_raw(record: Record, train: Any, test: Any, seed: int) -> Any:
    """`MLPRegressor` on the target as it is."""
    from sklearn.neural_network import MLPRegressor

    return _fit_predict(_scaled(kinds(record, train)), MLPRegressor(random_state=seed), record, train, test)


def trees(record: Record, train: Any, test: Any, seed: int) -> Any:
    """`HistGradientBoostingClassifier` or `-Regressor`, text as its categories."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.preprocessing import OrdinalEncoder

    columns = kinds(record, train)
    # more than 255 levels are not taken: the rarest share one
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, max_categories=254
    )
    parts = ColumnTransformer(
        [("text", codes, columns.text), ("numbers", "passthrough", columns.numbers)], sparse_threshold=0
    )
    categorical = list(range(len(columns.text)))
    kind = HistGradientBoostingClassifier if record.task == "classification" else HistGradientBoostingRegressor
    model = kind(categorical_features=categorical or None, random_state=seed)
    return _fit_predict(parts, model, record, train, test)


def _scaled(columns: Columns) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return ColumnTransformer(
        [("numbers", numbers, columns.numbers), ("text", OneHotEncoder(handle_unknown="ignore"), columns.text)]
    )


def _fit_predict(parts: Any, model: Any, record: Record, train: Any, test: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(parts, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 200 iterations are a default, too
        pipeline.fit(train.drop(columns=record.target), train[record.target])
        return pipeline.predict(test.drop(columns=record.target))


BASELINES: dict[Task, dict[str, Predict]] = {
    "classification": {"sklearn MLP": mlp, "sklearn HGB": trees},
    "regression": {"sklearn MLP": mlp, "sklearn MLP, raw target": mlp_raw, "sklearn HGB": trees},
}
