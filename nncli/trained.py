"""Runs, read back: ready to predict, one network or an ensemble alike."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from nncli.builder import Rows, build_network
from nncli.config.loader import load_config
from nncli.config.schema import Config
from nncli.data.jsonable import LARGEST
from nncli.data.preprocess import ClassEncoding, Preprocessing
from nncli.data.scaling import Scaling
from nncli.engine.buffers import Array
from nncli.engine.inference import Inference
from nncli.engine.losses import Loss
from nncli.engine.losses.base import mean_of
from nncli.engine.network import Network
from nncli.engine.parameters import Weights
from nncli.errors import RunError
from nncli.run import Run, digest_of
from nncli.weighing import Weighing


@dataclass(frozen=True)
class Trained:
    """The run of one network."""

    run: Run
    config: Config
    network: Network
    preprocessing: Preprocessing
    weights: Weights
    which: str
    """``best`` or ``last``."""
    weighing: Weighing

    @property
    def members(self) -> tuple[Trained, ...]:
        """It alone."""
        return (self,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what it puts out."""
        return np.dtype(self.weights.theta.dtype)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of its weights."""
        return digest_of(self.network.tensors(self.weights))

    def together(self, outputs: Sequence[Array]) -> Array:
        """What the outputs of all ``members`` come to: those of the one that there is."""
        (P,) = outputs
        return P

    def predict(self, rows: Rows) -> tuple[Array, float]:
        """Predictions (n, k) and the mean loss: on every core, and the same bits on any number of them."""
        from threadpoolctl import threadpool_limits

        inference = Inference(
            self.network,
            self.weights,
            len(rows.inputs),
            weighted=rows.weights is not None,
            threads=os.cpu_count() or 1,
        )
        with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
            loss = inference.run(rows.inputs, rows.targets, rows.weights)
        assert loss is not None
        return inference.predictions, loss


@dataclass(frozen=True)
class Ensemble:
    """The run of several networks, which predict together.

    Attributes:
        run: With the members in it.
        config: Of all of them.
        preprocessing: Fitted on the training rows of all of them. It has the names of the features, and the target in
            the form in which they predict together; each member has a scaling of its own.
        members: The networks.
        weighing: What each row counts in the loss of what they predict together.
    """

    run: Run
    config: Config
    preprocessing: Preprocessing
    members: tuple[Trained, ...]
    weighing: Weighing

    @property
    def network(self) -> Network:
        """That of the first: all have the same outputs and the same loss."""
        return self.members[0].network

    @property
    def which(self) -> str:
        """``best`` or ``last``: which weights of each."""
        return self.members[0].which

    @property
    def dtype(self) -> np.dtype[Any]:
        """In which each member computes."""
        return self.members[0].dtype

    def together(self, outputs: Sequence[Array]) -> Array:
        """What the outputs of all ``members`` come to; see ``pooled``."""
        each = [member.preprocessing for member in self.members]
        return pooled(self.preprocessing, each, self.network.loss, outputs)

    def alone(self, number: int, outputs: Array) -> Array:
        """What member ``number`` says by itself with these outputs, in the form of what they predict together."""
        own = self.members[number].preprocessing
        return pooled(self.preprocessing, [own], self.network.loss, [outputs])

    def loss(self, predictions: Array, rows: Rows) -> float:
        """The mean loss of what they predict together (n, outputs) for ``rows``, whose inputs are not looked at."""
        with np.errstate(all="ignore"):
            L = row_losses(self, predictions, rows)
            if rows.weights is not None:
                w = rows.weights.astype(np.float64)
                L = np.where(w > 0, w * L, 0)
            return float(L.mean())


Predictor: TypeAlias = Trained | Ensemble
"""What predicts: ``members`` of which each runs for itself, and ``together`` what comes of their outputs."""


def row_losses(trained: Predictor, predictions: Array, rows: Rows) -> Array:
    """The loss of each of ``rows`` (n,) at ``predictions`` (n, outputs), at float64 and without its weight."""
    Y = rows.targets if rows.targets.dtype.kind == "i" else rows.targets.astype(np.float64)
    with np.errstate(all="ignore"):
        L: Array = trained.config.loss.build().reference(predictions.astype(np.float64), Y, np)
    return L


def pooled(together: Preprocessing, each: Sequence[Preprocessing], loss: Loss, outputs: Sequence[Array]) -> Array:
    """What several networks predict together (n, outputs), from what each puts out for the same rows.

    Of classes and labels, it is the mean of their probabilities, or of their scores where the loss makes no
    probabilities. Of numbers, it is the mean in the target's own units (see ``Loss.pooled`` for what else a loss
    tells), scaled as one network would put it out whose target is scaled as ``together`` says.

    Args:
        together: Their common preprocessing.
        each: Of each network its own.
        loss: Of all of them.
        outputs: Of each network (n, outputs).
    """
    target = together.target
    if not isinstance(target, Scaling):
        mean: Array = mean_of([P.astype(np.float64) for P in outputs]).astype(outputs[0].dtype)
        return mean
    own = [preprocessing.target for preprocessing in each]
    told = [
        scale.readings(loss, P.astype(np.float64))
        for P, scale in zip(outputs, own, strict=True)
        if isinstance(scale, Scaling)
    ]
    pooled: Array = target.outputs(loss, loss.pooled(told))
    return pooled


def load_run(run: Run) -> Predictor:
    """Read a run back: its config, preprocessing, and the weights that its summary names; or so each of its members.

    Raises:
        RunError: Something is missing or damaged, or the weights are of another network.
    """
    config = load_config(run.path / "config.yaml")
    return _one(run, config) if config.ensemble is None else _ensemble(run, config)


def load_network(run: Run, member: int | None = None) -> Trained:
    """Read one network back: that of the run, or a ``member`` of its ensemble, by default the first.

    Raises:
        RunError: As ``load_run``; there is no such member.
    """
    config = load_config(run.path / "config.yaml")
    if config.ensemble is None and member is not None:
        raise RunError("is one network, without members", where=str(run.path), remedy="leave --member out")
    if config.ensemble is None:
        return _one(run, config)
    number = member or 0
    if not 0 <= number < config.ensemble.members:
        message = f"has no member {number}: they are numbered from 0 to {config.ensemble.members - 1}"
        raise RunError(message, where=str(run.path))
    return _member(run, number)


def _one(run: Run, config: Config) -> Trained:
    preprocessing = Preprocessing.from_json(run.read_json("preprocess.json"), str(run.path / "preprocess.json"))
    network = build_network(config, preprocessing)
    summary = run.read_json("summary.json")
    if "weights" not in summary:
        remedy = f"nncli resume {run.path} goes on"
        raise RunError("has no weights yet: its training did not end", where=str(run.path), remedy=remedy)
    which = summary["weights"]
    if which not in ("best", "last"):
        remedy = f"nncli resume {run.path} writes it again"
        message = f"its weights are best or last, and not {which!r:.60}"
        raise RunError(message, where=str(run.path / "summary.json"), remedy=remedy)
    tensors = run.load_weights(which)
    digests = summary.get("digests")
    if not isinstance(digests, dict) or digests.get(which) != digest_of(tensors):
        remedy = f"nncli resume {run.path} writes them again"
        raise RunError("its weights are not those that it was trained to", where=str(run.path), remedy=remedy)
    precision = np.dtype(config.training.precision)
    weights = Weights(np.zeros(network.layout.size, precision), network.initial_statistics(precision))
    views = network.tensors(weights)
    if set(views) != set(tensors) or any(views[name].shape != tensors[name].shape for name in views):
        raise RunError("its weights are of another network than its config", where=str(run.path), remedy="train again")
    for name, view in views.items():
        if tensors[name].dtype != view.dtype:
            message = f"{name} is of {tensors[name].dtype}, and its config asks for {view.dtype}"
            raise RunError(message, where=str(run.path), remedy="train again")
        if not np.isfinite(tensors[name]).all():
            raise RunError(f"{name} holds what is not finite", where=str(run.path), remedy="train again")
        view[...] = tensors[name]
    weighing = Weighing(_class_weights(run, summary, config, preprocessing), config.data.weight)
    return Trained(run, config, network, preprocessing, weights, which, weighing)


def _member(run: Run, number: int) -> Trained:
    path = run.member(number).path
    if not (path / "config.yaml").exists():
        raise RunError("is missing", where=str(path), remedy=f"nncli resume {run.path} trains it again")
    member = Run.open(path)
    return _one(member, load_config(member.path / "config.yaml"))


def load_members(run: Run, config: Config) -> tuple[Trained, ...]:
    """The members of an ensemble, whether or not it has a result yet.

    Raises:
        RunError: One of them cannot be read, or is another network than the first.
    """
    assert config.ensemble is not None
    members = tuple(_member(run, number) for number in range(config.ensemble.members))
    for member in members:
        if _kind(member) != _kind(members[0]):
            where, remedy = str(member.run.path), "train again"
            raise RunError("its network is of another kind than that of the first member", where=where, remedy=remedy)
    return members


def _kind(member: Trained) -> tuple[Any, ...]:
    """What the members of an ensemble have in common."""
    preprocessing, network = member.preprocessing, member.network
    return (
        preprocessing.features.names,
        _target(preprocessing),
        network.outputs,
        network.loss,
        member.config.training.precision,
    )


def _ensemble(run: Run, config: Config) -> Ensemble:
    assert config.ensemble is not None
    preprocessing = Preprocessing.from_json(run.read_json("preprocess.json"), str(run.path / "preprocess.json"))
    summary = run.read_json("summary.json")
    # partial_fit of an estimator brings all members so far as it goes, and its run then has a result on the way
    if summary.get("status") not in ("completed", "interrupted") or "weights" not in summary:
        remedy = f"nncli resume {run.path} goes on"
        raise RunError("has no result yet: its training did not end", where=str(run.path), remedy=remedy)
    members = load_members(run, config)
    if _target(preprocessing) != _target(members[0].preprocessing):
        remedy = f"remove it: nncli resume {run.path} writes it again"
        raise RunError("is of another target than its members", where=str(run.path / "preprocess.json"), remedy=remedy)
    entries = summary.get("members")
    listed = entries if isinstance(entries, list) else []
    known = [entry.get("digest") if isinstance(entry, dict) else None for entry in listed]
    for number, member in enumerate(members):
        if number >= len(known) or known[number] != member.digest:
            remedy = f"nncli resume {run.path} works its result out again"
            raise RunError("is not as it was when the ensemble was done", where=str(member.run.path), remedy=remedy)
    weighing = Weighing(_class_weights(run, summary, config, preprocessing), config.data.weight)
    return Ensemble(run, config, preprocessing, members, weighing)


def _target(preprocessing: Preprocessing) -> Any:
    """What is predicted, without its scaling."""
    target = preprocessing.target
    return target.names if isinstance(target, Scaling) else target


def _class_weights(
    run: Run, summary: dict[str, Any], config: Config, preprocessing: Preprocessing
) -> dict[str, float] | None:
    """What the classes counted in the training: ``balanced`` was worked out on its rows."""
    if config.class_weight is None or not isinstance(preprocessing.target, ClassEncoding):
        return None
    found = summary.get("class_weight")
    names = [str(name) for name in preprocessing.target.classes]
    if not isinstance(found, dict) or [*found] != names or not all(_is_weight(w) for w in found.values()):
        raise RunError("summary.json does not say what each class counts", where=str(run.path), remedy="train again")
    return {name: float(found[name]) for name in names}


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= LARGEST  # NaN is not
