"""``MLPClassifier``: classes, or labels that apply each on its own."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from nncli.data.cells import Array
from nncli.data.preprocess import ClassEncoding
from nncli.engine import activations
from nncli.engine.metrics import decide, decide_labels
from nncli.errors import NncliError
from nncli.estimator.base import Estimator
from nncli.estimator.ensemble import Learned
from nncli.estimator.parameters import config_from
from nncli.estimator.rows import Target, labels_of, numbers_of, target_names


def _gives_probabilities(estimator: MLPClassifier) -> bool:
    """Whether the outputs lie between 0 and 1; of parameters that cannot be used, ``fit`` tells."""
    try:
        config = config_from(estimator.get_params(deep=False), "classes", {"target": "y"}, 0, "float64")
    except NncliError:
        return True
    low, high = activations.registry[config.model.layers[-1].activation.name]().range
    return low >= 0 and high <= 1


class MLPClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron for classes, trained as ``nncli train`` does: same config, seed and rows, same bits.

    The target is a class of each row: text, booleans or whole numbers, (n,); or labels of 0 and 1, (n, k), each of
    which applies or not. Parameters have the names of the config's keys, which ``docs/config.md`` explains: keys in
    ``model``, ``regularization``, ``training`` and ``data`` without the section, what is inside a key behind ``__``, as
    in ``set_params(optimizer__learning_rate=0.01, early_stopping__patience=5)``. Mappings and lists are as in YAML.

    Args:
        units: Widths of the hidden blocks, of a network whose ``layers`` are not said.
        activation: Of these blocks.
        dropout: Of these blocks.
        layers: The blocks, output included, as in ``model.layers``; in place of the three above.
        input: ``model.input``.
        loss: auto: cross_entropy, and binary_cross_entropy for labels.
        optimizer: Its name, or a mapping with its settings.
        learning_rate: Of the optimizer; None: its own.
        schedule: How the learning rate moves.
        l1: ``regularization.l1``.
        l2: ``regularization.l2``.
        epochs: Passes over the rows, or iterations.
        batch_size: Rows in a step.
        precision: float32, float64, or auto: that of X.
        early_stopping: None, a mapping, or True for one of defaults.
        accumulate: Batches whose mean gradient makes one update.
        clip_value: The largest entry that a gradient may have.
        clip_norm: The greatest length of the whole gradient.
        average: None, a mapping, or True for one of defaults.
        overfit_batches: For debugging.
        fast_dev_run: For debugging.
        threads: Of the machine's cores.
        shards: Pieces of a batch.
        kernels: Whether loops are compiled.
        split: ``data.split``; without it every row trains, but where a figure of the validation is watched, which then
            gets its default share.
        preprocess: ``data.preprocess``; columns are standardized unless it says otherwise.
        metrics: What is measured on validation rows.
        ensemble: None; how many networks, whose predictions are averaged; or a mapping, as in YAML.
        random_state: The config's ``seed``; None or a generator: drawn.
        warm_start: Whether ``fit`` goes on from the weights (and the scaling) that there are.
        verbose: Whether the progress is told, on stderr.

    Attributes:
        classes_: The classes (k,), sorted; 0 to k − 1 for labels.
        n_features_in_: How many columns X has.
        feature_names_in_: Their names, if they were text.
        n_outputs_: Outputs of the network.
        n_iter_: Epochs so far.
        loss_: Of the last of them, without penalties.
        best_loss_: The smallest.
        loss_curve_: Of each.
        history_: A dict for each, as a row of metrics.csv.
        weights_: The tensors by name.
        estimators_: The members of an ensemble. Its ``loss_curve_``, ``history_`` and what follows from them are means
            over the members that went an epoch.
        config_: The config that was trained.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier(units=(16,), epochs=50, learning_rate=0.01).fit(X, y)
        >>> model.score(X, y) > 0.95
        True
    """

    numeric = False
    classes_: Array

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go one epoch on rows X (n, d) and their targets y, with the optimizer as it stands.

        The first call fits the scaling of the columns, which then stays.

        Args:
            X: Finite numbers.
            y: The targets.
            classes: All that there will be; needed at the first call.
            sample_weight: (n,) what each row counts.

        Returns:
            The estimator.

        Raises:
            ValueError: As ``fit``; parameters that are for whole trainings.
        """
        if not hasattr(self, "_fitted") or classes is not None:
            _check_partial_fit_first_call(self, classes)
        return self._train(X, y, sample_weight, "one epoch", self.classes_)

    def predict(self, X: Any) -> Array:
        """The class (n,), or the labels (n, k) of 0 and 1, of each row of X (n, d)."""
        P = self._outputs(X)
        threshold = self._fitted.network.loss.threshold
        if isinstance(self._fitted.preprocessing.target, ClassEncoding):
            predicted: Array = self.classes_[decide(P, threshold)]
            return predicted
        return decide_labels(P, threshold).astype(np.int64)

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """The probability (n, k) of each class, in the order of ``classes_``, or of each label."""
        P = self._outputs(X)
        return np.hstack([1 - P, P]) if P.shape[1] == 1 else P

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm (n, k) of ``predict_proba``."""
        with np.errstate(divide="ignore"):  # a probability of 0 is one
            logarithm: Array = np.log(self.predict_proba(X))
        return logarithm

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _read(self, y: Array, raw: Any, features: tuple[str, ...], classes: Any, before: Learned | None) -> Target:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError("several columns of classes: y has one class a row, or labels of 0 and 1 (n, k)")
        if kind == "multilabel-indicator":
            y = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
            self.classes_ = np.arange(y.shape[1])
            return Target("labels", numbers_of(y), target_names(raw, y.shape[1], features))
        y = column_or_1d(y, warn=True)
        if classes is None and before is None:
            self.classes_ = np.unique(y)
            if len(self.classes_) < 2:
                raise ValueError("the target has 1 class, and a classifier needs two at least")
        known = None if classes is None else tuple(labels_of(self.classes_).tolist())
        return Target("classes", labels_of(y), target_names(raw, 1, features), known)

    def _knows(self, fitted: Learned) -> None:
        encoding = fitted.preprocessing.target
        own = encoding.classes if isinstance(encoding, ClassEncoding) else range(fitted.network.outputs)
        self.classes_ = np.array(own)
