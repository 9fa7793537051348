"""What trackers have of a run, in the form of its tables."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from nncli.run import Run

COMMAND = [sys.executable, "-m", "nncli.cli.main"]
CONFIG = """\
data: {source: {name: moons, n_samples: 120, noise: 0.2}}
model:
  layers:
    - {units: 8, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 6, batch_size: 32, checkpoint: {every: 2 epochs}}
"""


class Stop(Exception):  # noqa: N818
    """What ends a training from without."""


def stop_in_epoch(number: int) -> Any:
    def observe(event: Any) -> None:
        if event.epoch == number:
            raise Stop

    return observe


def table(run: Path) -> dict[str, list[tuple[int, float]]]:
    """The columns of metrics.csv: name -> [(epoch, value)], empty cells left out."""
    columns = {name: column.tolist() for name, column in Run(run).metrics.numbers().items()}
    epochs = [int(epoch) for epoch in columns.pop("epoch")]
    return {
        name: [(epoch, value) for epoch, value in zip(epochs, column, strict=True) if not math.isnan(value)]
        for name, column in columns.items()
    }


def events(run: Path) -> Any:
    """TensorBoard's own reading of a run's folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run / "tensorboard"), size_guidance=dict.fromkeys(("scalars", "histograms"), 0))
    return found.Reload()


def name_of(tag: str) -> str:
    """The column of metrics.csv that a curve is of."""
    split, _, figure = tag.partition("/")
    return figure if figure in ("step", "seconds", "learning_rate", "penalty") else f"{split}_{figure}"


def event_curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    found = events(run)
    tags = [tag for tag in found.Tags()["scalars"] if not tag.startswith("result/")]
    return {name_of(tag): [(event.step, event.value) for event in found.Scalars(tag)] for tag in tags}


def at_float32(columns: dict[str, list[tuple[int, float]]]) -> dict[str, list[tuple[int, float]]]:
    return {name: [(epoch, float(np.float32(value))) for epoch, value in rows] for name, rows in columns.items()}


def client(uri: str | None = None) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri or str(Path("tracked").resolve()))


def runs_of(client: Any, experiment: str = "c") -> list[Any]:
    """The runs of an experiment, the oldest first."""
    found = client.get_experiment_by_name(experiment)
    return sorted(client.search_runs([found.experiment_id]), key=lambda run: run.info.start_time)


def id_of(run: Path) -> str:
    return str(json.loads((run / "mlflow.json").read_text())["run_id"])


def curves(client: Any, run: Path) -> dict[str, list[tuple[int, float]]]:
    """What MLflow has of the columns of metrics.csv."""
    found = client.get_run(id_of(run))
    columns = {name for name in Run(run).metrics.numbers() if name != "epoch"} & set(found.data.metrics)
    history = {name: client.get_metric_history(found.info.run_id, name) for name in columns}
    return {name: sorted((metric.step, metric.value) for metric in metrics) for name, metrics in history.items()}


def without_seconds(columns: dict[str, list[tuple[int, float]]]) -> dict[str, list[tuple[int, float]]]:
    """An epoch that was told, lost, and trained again took another time."""
    return {name: rows for name, rows in columns.items() if name != "seconds"}
