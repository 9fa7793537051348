"""From a fitted estimator to a run directory, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nncli.builder import load_dataset
from nncli.config.loader import config_of
from nncli.config.schema import Config
from nncli.data.preprocess import ClassEncoding
from nncli.engine.network import Network
from nncli.engine.parameters import Weights
from nncli.errors import DataError, RunError
from nncli.estimator.ensemble import FittedEnsemble, Learned
from nncli.estimator.fitted import Fitted
from nncli.run import MEMBERS, Run, State
from nncli.trained import Trained, load_run
from nncli.training.sanity import FirstLoss

if TYPE_CHECKING:
    from nncli.estimator.base import Estimator


def write_run(fitted: Learned, directory: str | Path, data: str | Path | None) -> Run:
    """Write the run ``directory`` of a training that was kept in memory; ``data`` is a file that has its rows.

    Raises:
        DataError: ``data`` cannot be read, or has other rows.
        RunError: ``directory`` exists, or cannot be written.
    """
    file = None if data is None else Path(data)
    if file is not None:
        _refuse_other_rows(fitted, file)
    if isinstance(fitted, Fitted):
        run = Run.create("estimator", Path(directory))
        with run.locked():
            _write_network(run, fitted, file)
        return run
    run = Run.create("estimator", Path(directory), folder=MEMBERS)
    with run.locked():
        _write_head(run, fitted, file)
        for number, one in enumerate(fitted.members):
            member = run.member(number)
            member.make()
            with member.locked():
                _write_network(member, one, file)
        run.write_json("summary.json", fitted.summary)
    return run


def _write_head(run: Run, fitted: Learned, file: Path | None) -> None:
    run.write_config(fitted.content if file is None else _with_file(fitted, file))
    run.write_json("environment.json", fitted.environment)
    run.write_json("preprocess.json", fitted.preprocessing.to_json())


def _write_network(run: Run, fitted: Fitted, file: Path | None) -> None:
    network, checkpoint = fitted.network, fitted.config.training.checkpoint
    _write_head(run, fitted, file)
    for row in fitted.rows:
        run.metrics.append(row)
    if fitted.state is not None and checkpoint is not None:
        numbers = {**fitted.state.numbers, "metrics": run.metrics.position()}
        run.checkpoints(checkpoint.keep).save(State(fitted.state.vectors, numbers))
    both = {"best": fitted.best, "last": fitted.last}
    digests = {which: run.save_weights(which, network.tensors(weights)) for which, weights in both.items()}
    run.write_json("summary.json", {**fitted.summary, "digests": digests})


def _with_file(fitted: Learned, file: Path) -> dict[str, Any]:
    """The config that says which file has the rows."""
    return {**fitted.content, "data": {**fitted.content["data"], "path": str(file.resolve())}}


def _refuse_other_rows(fitted: Learned, file: Path) -> None:
    if load_dataset(config_of(_with_file(fitted, file))).fingerprint != fitted.environment["data"]:
        message = "its rows are not those of the training"
        remedy = "it has to have the columns of X and y, and nothing else, in their order and with all their digits"
        raise DataError(message, where=str(file), remedy=remedy)


def from_run(run: Run) -> Estimator:
    """A fitted ``MLPClassifier`` or ``MLPRegressor``, as the task has it, that predicts as ``run`` does.

    Its parameters ask for the same network and training. Its classes are what the run knows of them: text or whole
    numbers.

    Raises:
        RunError: The run cannot be read.
    """
    from nncli.estimator.classifier import MLPClassifier
    from nncli.estimator.regressor import MLPRegressor

    fitted = read_run(run)
    kind: Any = MLPRegressor if fitted.preprocessing.task == "regression" else MLPClassifier
    estimator: Estimator = kind.of(fitted)
    return estimator


def read_run(run: Run) -> Learned:
    """What is left of the training of ``run``.

    Raises:
        RunError: It cannot be read.
    """
    trained = load_run(run)
    if isinstance(trained, Trained):
        return _read_network(trained)
    return FittedEnsemble(
        content=trained.config.resolved(),
        preprocessing=trained.preprocessing,
        members=tuple(_read_network(member) for member in trained.members),
        summary=run.read_json("summary.json"),
        environment=run.read_json("environment.json"),
    )


def _read_network(trained: Trained) -> Fitted:
    run = trained.run
    summary, made_in = run.read_json("summary.json"), run.read_json("environment.json")
    other = "last" if trained.which == "best" else "best"
    weights = {trained.which: trained.weights, other: _weights(run, other, trained.config, trained.network)}
    if isinstance(trained.preprocessing.target, ClassEncoding) and not summary.get("task") == "classification":
        raise RunError("summary.json is of another task than preprocess.json", where=str(run.path))
    return Fitted(
        content=trained.config.resolved(),
        preprocessing=trained.preprocessing,
        best=weights["best"],
        last=weights["last"],
        summary={key: value for key, value in summary.items() if key != "digests"},
        rows=tuple({name: _number(cell) for name, cell in row.items()} for row in run.metrics.rows()),
        first=FirstLoss(*(_or_nan(summary.get(f"initial_loss{end}")) for end in ("", "_expected"))),
        environment=made_in,
        state=_state(run, summary),
    )


def _weights(run: Run, which: str, config: Config, network: Network) -> Weights:
    precision = np.dtype(config.training.precision)
    weights = Weights(np.zeros(network.layout.size, precision), network.initial_statistics(precision))
    tensors = run.load_weights(which)
    for name, view in network.tensors(weights).items():
        if name not in tensors or tensors[name].shape != view.shape or tensors[name].dtype != view.dtype:
            message = f"the {which} weights are of another network than its config"
            raise RunError(message, where=str(run.path), remedy="train again")
        view[...] = tensors[name]
    return weights


def _state(run: Run, summary: dict[str, Any]) -> State | None:
    """The newest checkpoint, if it is that of the end of the training."""
    for _, found in run.checkpoints().load():
        if isinstance(found, State) and found.numbers.get("epoch") == summary.get("epochs"):
            return State(found.vectors, {key: value for key, value in found.numbers.items() if key != "metrics"})
        break
    return None


def _number(cell: str) -> float | int | None:
    if not cell:
        return None
    return int(cell) if cell.isdigit() else float(cell)


def _or_nan(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
