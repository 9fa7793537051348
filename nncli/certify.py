"""The certificate of a network that somebody wants to train, or has trained: its gradients at several places."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nncli.builder import Experiment, build
from nncli.config.schema import Config
from nncli.engine.network import Network
from nncli.engine.parameters import Weights
from nncli.engine.randomness import Purpose, stream
from nncli.errors import NncliError
from nncli.gradcheck import faults
from nncli.gradcheck.check import check_point, work
from nncli.gradcheck.copies import Point
from nncli.gradcheck.health import look
from nncli.gradcheck.verdict import Proof
from nncli.run import Run
from nncli.trained import load_network
from nncli.training.events import Ended
from nncli.training.trainer import Trainer

ROWS = 8
"""Rows of real data in a batch: every row is one more chance of a kink, and none of new evidence."""
STEPS = 5
"""How many updates lie between the initial weights and the second place."""
BESIDE = 1e-3
"""How far from the initial weights they are checked: the deviation of what is added to each. Biases start at exactly 0,
and behind a dead unit so do sums: at the kink of relu, where there is no gradient to prove."""


def check_gradients(
    what: Experiment | Config | Run,
    *,
    fault: str | None = None,
    observe: Callable[[float], None] = lambda share: None,
) -> Proof:
    """Prove the gradients of a network at float64, on rows of its own data, one at a time and several together.

    Args:
        what: An experiment or a config, checked beside its initial weights and after a few steps; a run, checked at
            its trained weights, too.
        fault: The name of a fault to plant into the backward pass first; see ``gradcheck.faults``.
        observe: Is told, again and again, which share of the work is done.

    Raises:
        NncliError: The config, the data or the run cannot be used, or there is no place for the fault.
    """
    trained = None
    if isinstance(what, Run):
        loaded = load_network(what)
        what, trained = loaded.config, loaded.weights.astype(np.float64)
    experiment = build(what) if isinstance(what, Config) else what
    seed = experiment.config.seed
    network = experiment.network if fault is None else _planted(fault, experiment.network)
    weights, remarks = _places(experiment, trained)
    modes = {"": False, ", as it predicts": True} if network.noisy or network.statistics else {"": False}
    places = [
        (place + suffix, list(_points(network, at, experiment, evaluating)))
        for place, at in weights.items()
        for suffix, evaluating in modes.items()
    ]
    total, done = sum(work(point) for _, points in places for point in points), 0

    def tick(entries: int) -> None:
        nonlocal done
        done += entries
        observe(min(1.0, done / total))

    proofs = [check_point(point, place=place, seed=seed, tick=tick) for place, points in places for point in points]
    single = experiment.config.training.precision == "float32"
    health = tuple(look(points[0], place, single=single) for place, points in places)
    checks = tuple(check for proof in proofs for check in proof.checks)
    return Proof(checks, health, remarks, fault)


def _planted(fault: str, network: Network) -> Network:
    planted = faults.registry[fault]().plant(network)
    if planted is None:
        fitting = [record.name for record in faults.registry if record().plant(network) is not None]
        message = f"{fault} needs {faults.registry[fault].sits_in}, which this network does not have"
        raise NncliError(message, where="--inject", remedy=f"fitting are {', '.join(fitting)}")
    return planted


def _places(experiment: Experiment, trained: Weights | None) -> tuple[dict[str, Weights], tuple[str, ...]]:
    """Where to check, by name, and what is left out and why."""
    seed = experiment.config.seed
    initial = experiment.network.initial_weights(stream(seed, Purpose.WEIGHTS), np.float64)
    initial.theta[...] += BESIDE * stream(seed, Purpose.GRADCHECK, 0).standard_normal(initial.theta.size)
    places = {"initial weights": initial}
    remarks = []
    trainer, ended = _first_steps(experiment)
    name = f"after {STEPS} steps"
    if ended.status == "diverged":
        remarks.append(f"{name}: not looked at, the training diverges in them")
    elif ended.step == 0:
        remarks.append(f"{name}: not looked at, the config asks for no training")
    else:
        places[name] = trainer.weights.astype(np.float64)
    if trained is not None:
        places["trained weights"] = trained
    return places, tuple(remarks)


def _first_steps(experiment: Experiment) -> tuple[Trainer, Ended]:
    """The training itself, ended after its first steps."""
    trainer = Trainer(experiment)
    with np.errstate(all="ignore"):  # as Trainer asks for
        ends = [event for event in trainer.run(lambda: trainer.steps >= STEPS) if isinstance(event, Ended)]
    return trainer, ends[-1]


def _points(network: Network, weights: Weights, experiment: Experiment, evaluating: bool) -> Iterator[Point]:
    """Batches of several rows, and of one if it may have no more; where it trains, with noise drawn once."""
    rows, seed = experiment.train, experiment.config.seed
    order = stream(seed, Purpose.GRADCHECK).permutation(len(rows.inputs))
    if rows.weights is not None:  # rows that count come first: those of weight 0 have no gradient to prove
        order = np.concatenate([order[rows.weights[order] > 0], order[rows.weights[order] == 0]])
    chosen = order[:ROWS]
    alone = evaluating or network.least_rows == 1
    for some in [chosen, chosen[:1]] if alone and len(chosen) > 1 else [chosen]:
        targets = rows.targets[some]
        point = Point(
            network,
            weights.theta,
            rows.inputs[some].astype(np.float64),
            targets.astype(np.float64) if targets.dtype.kind == "f" else targets,
            row_weights=None if rows.weights is None else rows.weights[some].astype(np.float64),
            statistics=weights.statistics,
            evaluating=evaluating,
            kernels=experiment.kernels,
        )
        yield point.drawn(stream(seed, Purpose.NOISE)) if network.noisy and not evaluating else point
