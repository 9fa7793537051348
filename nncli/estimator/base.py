"""What both estimators have: their parameters, and the way from ``fit`` to a training."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from nncli.builder import Tables, build, feature_encoding
from nncli.config.schema import Config
from nncli.data.cells import Array
from nncli.data.preprocess import ClassEncoding, Preprocessing
from nncli.data.table import Table
from nncli.engine.optimizers import Minimizer
from nncli.errors import ConfigError
from nncli.estimator.ensemble import FittedEnsemble, Learned, refuse_another_number, train_ensemble
from nncli.estimator.fitted import Fitted, Going, train
from nncli.estimator.parameters import PLACES, config_from, from_config, inside, put, renamed
from nncli.estimator.problems import as_value_errors
from nncli.estimator.rows import Target, feature_names, table_of, weight_name
from nncli.estimator.runs import write_run
from nncli.estimator.screen import Screen
from nncli.registry import unknown
from nncli.run import Run

DTYPES = (np.float64, np.float32)
"""Those that rows keep; all others become the first."""
LARGEST_SEED = 2**31 - 1


class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron that ``nncli train`` would train, as a scikit-learn estimator.

    It is abstract: see ``MLPClassifier`` and ``MLPRegressor``.
    """

    def __init__(
        self,
        units: Any = (100,),
        activation: Any = "relu",
        dropout: Any = 0.0,
        *,
        layers: Any = None,
        input: Any = None,
        loss: Any = "auto",
        optimizer: Any = "adam",
        learning_rate: Any = None,
        schedule: Any = "constant",
        l1: Any = 0.0,
        l2: Any = 0.0,
        epochs: Any = 100,
        batch_size: Any = "auto",
        precision: Any = "auto",
        early_stopping: Any = None,
        accumulate: Any = 1,
        clip_value: Any = None,
        clip_norm: Any = None,
        average: Any = None,
        overfit_batches: Any = None,
        fast_dev_run: Any = False,
        threads: Any = "auto",
        shards: Any = "auto",
        kernels: Any = "auto",
        split: Any = None,
        preprocess: Any = None,
        metrics: Any = "auto",
        ensemble: Any = None,
        random_state: Any = 0,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None:
        self.units = units
        self.activation = activation
        self.dropout = dropout
        self.layers = layers
        self.input = input
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.l1 = l1
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.precision = precision
        self.early_stopping = early_stopping
        self.accumulate = accumulate
        self.clip_value = clip_value
        self.clip_norm = clip_norm
        self.average = average
        self.overfit_batches = overfit_batches
        self.fast_dev_run = fast_dev_run
        self.threads = threads
        self.shards = shards
        self.kernels = kernels
        self.split = split
        self.preprocess = preprocess
        self.metrics = metrics
        self.ensemble = ensemble
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    # -- what the two estimators differ in -------------------------------------------------------------------------

    numeric: ClassVar[bool]
    """Whether the target has to be numbers."""
    history_: list[dict[str, float | int | None]]

    @abstractmethod
    def _read(self, y: Array, raw: Any, features: tuple[str, ...], classes: Any, before: Learned | None) -> Target:
        """What the target is; what is learned of it beside the training is set as attributes."""

    @abstractmethod
    def _knows(self, fitted: Learned) -> None:
        """Set the attributes that ``_read`` does, as they follow from a training."""

    # -- parameters ------------------------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; with ``deep``, also what is inside those that are mappings or lists, by its name."""
        found: dict[str, Any] = super().get_params(deep=False)
        if deep:
            found |= {name: value for parameter in PLACES for name, value in inside(parameter, found[parameter])}
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters: ``epochs=5``, or what is inside one: ``optimizer__learning_rate=0.01``.

        What is inside changes in a copy; a name alone, ``"adam"``, becomes ``{"name": "adam", "learning_rate": 0.01}``.

        Raises:
            ValueError: There is no such parameter.
        """
        known = self._get_param_names()
        for name in params:
            if name.partition("__")[0] not in known:
                message = unknown("parameter", name.partition("__")[0], known)
                raise ValueError(f"Invalid parameter {name!r} for estimator {type(self).__name__}: {message}")
        for name, value in sorted(params.items(), key=lambda item: item[0].count("__")):
            parameter, *path = name.split("__")
            try:
                setattr(self, parameter, put(getattr(self, parameter), path, value))
            except ValueError as error:
                message = f"Invalid parameter {name!r} for estimator {type(self).__name__}"
                raise ValueError(f"{message}: of {parameter}, {error}") from None
        return self

    def _named(self, text: str) -> str:
        return renamed(text, self.get_params(deep=False))

    # -- training --------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X (n, d) and their targets y, (n,) or (n, k).

        Args:
            X: Finite numbers; the columns of a frame are known by their names.
            y: The targets.
            sample_weight: (n,) what each row counts, in the loss and in the scaling of the columns.

        Returns:
            The estimator.

        Raises:
            ValueError: The parameters or the rows cannot be used, or the training left the finite numbers.
        """
        return self._train(X, y, sample_weight, "from the weights" if self.warm_start else "anew")

    def _train(self, X: Any, y: Any, sample_weight: Any, going: Going, classes: Any = None) -> Self:
        before: Learned | None = None if going == "anew" else getattr(self, "_fitted", None)
        raw, wanted = y, {"multi_output": True, "y_numeric": self.numeric}
        X, y = validate_data(self, X, y, dtype=DTYPES, reset=before is None, **wanted)
        w = None
        if sample_weight is not None:
            w = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        with as_value_errors(self._named):
            features = feature_names(getattr(self, "feature_names_in_", None), X.shape[1])
            target = self._read(y, raw, features, classes, before)
            config = self._config(X, target, weight_name((*features, *target.names)) if w is not None else None, before)
            table = table_of(X, target, w, features=features)
            if going == "one epoch":
                config = self._for_one_epoch(config, before)
            known = before.preprocessing if before else _of_all_classes(config, table, target)
            screen = Screen(verbose=bool(self.verbose))
            if before is not None:
                refuse_another_number(config, before)
            fitted: Learned
            if config.ensemble is not None:
                assert not isinstance(before, Fitted)
                fitted = train_ensemble(config, table, known, going, before, screen)
            else:
                assert not isinstance(before, FittedEnsemble)
                experiment = build(config, Tables(table), known)
                screen.began(experiment)
                fitted = train(experiment, going, before, warned=screen.warned, observe=screen.observe)
        self._take(fitted, going, before)
        return self

    def _config(self, X: Array, target: Target, weight: str | None, before: Learned | None) -> Config:
        names = target.names[0] if len(target.names) == 1 else list(target.names)
        seed, precision = _seed(self.random_state), "float32" if X.dtype == np.float32 else "float64"
        if before is not None:  # what is not said goes on as it was
            precision = before.config.training.precision
            seed = seed if isinstance(self.random_state, Integral) else before.config.seed
        data = {"target": names, "weight": weight}
        return config_from(self.get_params(deep=False), target.kind, data, seed, precision)

    def _for_one_epoch(self, config: Config, before: Learned | None) -> Config:
        """The same, of so many epochs that there is a next one.

        Raises:
            ConfigError: It asks for what an epoch alone has not.
        """
        why = "is for a training of several epochs, and partial_fit goes one"
        wrong = [name for name in ("early_stopping", "fast_dev_run") if getattr(config.training, name)]
        problems = [config.problem(f"training.{name}", why, "leave it out, or take fit") for name in wrong]
        if isinstance(config.optimizer.build(), Minimizer):
            message = f"{config.optimizer.name} takes all rows at once, and partial_fit has some of them"
            problems.append(config.problem("optimizer", message, "take adam, or fit"))
        if problems:
            raise ConfigError(problems)
        next_one = (before.epochs if before and before.resumable else 0) + 1
        training = config.training.model_copy(update={"epochs": max(config.training.epochs, next_one)})
        return config.model_copy(update={"training": training})

    def _take(self, fitted: Learned, going: Going, before: Learned | None) -> None:
        new: list[dict[str, float | int | None]] = list(fitted.rows)
        if before is not None:
            new = [*self.history_, *(new[len(before.rows) :] if going == "one epoch" and before.resumable else new)]
        self._fitted = fitted
        self.history_ = new
        self.loss_curve_ = [float(row["train_loss"] or 0) for row in new]
        self.n_iter_ = len(new)
        self.loss_ = self.loss_curve_[-1] if new else None
        self.best_loss_ = min(self.loss_curve_, default=None)
        self.n_outputs_ = fitted.network.outputs

    # -- what was learned ------------------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_fitted")

    @property
    def weights_(self) -> dict[str, Array]:
        """Every tensor by its name in a run: ``layers.0.weight`` (d, units), ``layers.0.bias`` (units,), ...

        Of an ensemble, with the member in front: ``members.0.layers.0.weight``.
        """
        return self._learned("weights_").tensors

    @property
    def estimators_(self) -> list[Self]:
        """The members of an ensemble, each a fitted estimator of its own."""
        fitted = self._learned("estimators_")
        if not isinstance(fitted, FittedEnsemble):
            raise AttributeError(f"{type(self).__name__} is one network, without estimators_: ensemble=5 trains five")
        members = [type(self).of(member) for member in fitted.members]
        for member in members:
            for name in ("classes_", "feature_names_in_"):  # as they were handed over
                if hasattr(self, name):
                    setattr(member, name, getattr(self, name))
        return members

    @property
    def config_(self) -> dict[str, Any]:
        """The config that was trained, every default written out, as a run's config.yaml has it."""
        return copy.deepcopy(self._learned("config_").content)

    def _learned(self, name: str) -> Learned:
        if not hasattr(self, "_fitted"):
            raise AttributeError(f"{type(self).__name__} has no {name} before it is fitted")
        return self._fitted

    def _outputs(self, X: Any) -> Array:
        """What the network says of rows X (n, d), or all those of an ensemble together."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=DTYPES, reset=False)
        with as_value_errors(self._named):
            return self._fitted.outputs(X)

    # -- runs ------------------------------------------------------------------------------------------------------

    def to_run(self, directory: str | Path, data: str | Path | None = None) -> Run:
        """Write a run that every command reads, and ``Run.estimator``.

        Its rows are not in it. Unless ``data`` names a file that has them, the commands that need them say so:
        ``nncli evaluate`` then takes other rows (``--data FILE``), and ``nncli resume RUN data.path=FILE`` tells it a
        file.

        Args:
            directory: Where; it must not exist.
            data: A table with the columns of X and y, as they were handed over the last time.

        Raises:
            DataError: ``data`` cannot be read, or has other rows.
            RunError: The directory exists, or cannot be written.
        """
        check_is_fitted(self)
        return write_run(self._fitted, directory, data)

    @classmethod
    def of(cls, fitted: Learned) -> Self:
        """The estimator that has learned it."""
        estimator = cls(**from_config(fitted.config))
        names = fitted.preprocessing.features.names
        estimator.n_features_in_ = len(names)
        if names != feature_names(None, len(names)):
            estimator.feature_names_in_ = np.array(names, dtype=object)
        estimator._take(fitted, "anew", None)
        estimator._knows(fitted)
        return estimator


def _seed(random_state: Any) -> int:
    """The config's seed: the number itself, or one that is drawn."""
    if isinstance(random_state, Integral) and not isinstance(random_state, bool):
        return int(random_state)
    return int(check_random_state(random_state).randint(LARGEST_SEED))


def _of_all_classes(config: Config, table: Table, target: Target) -> Preprocessing | None:
    """Where the first rows need not have all classes: the scaling fitted on them, and all classes that were named."""
    if target.classes is None:
        return None
    numbers = replace(table, target=np.zeros(len(table)), categorical=False)
    rows, encoding = np.arange(len(table)), feature_encoding(config)
    scaled = Preprocessing.fit(numbers, rows, "regression", encoding=encoding, target="none")
    return Preprocessing(scaled.features, ClassEncoding(target.classes))
