"""What there is to say of a training while it goes on, a line each."""

from __future__ import annotations

import time
from collections.abc import Callable

from nncli.builder import Experiment
from nncli.text import bytes_text, figure
from nncli.training.events import EpochEnded, Event, Progress

LINES = 20
"""About as many lines a training prints where nobody watches: then every epochs/20th is told, and the last."""
SILENCE = 10.0
"""Seconds after which there is a line in any case."""


def opening(experiment: Experiment) -> list[str]:
    """What is about to be trained."""
    network, dataset = experiment.network, experiment.dataset
    dense = [stage.outputs for stage in network.stages if stage.layer.kind == "dense"]
    widths = "-".join(map(str, [network.inputs, *dense]))
    validation = 0 if experiment.validation is None else len(experiment.validation.inputs)
    test = 0 if experiment.test is None else len(experiment.test.inputs)
    rows = f"{len(experiment.train.inputs)} rows to train on, {validation} to validate, {test} to test"
    said = [f"{dataset.task}: {widths}, {network.layout.size:,} parameters; {rows}"]
    if dataset.cache is not None:
        cache = dataset.cache
        there = f"{bytes_text(cache.bytes)} in {cache.folder}"
        said.append(f"prepared rows: {there}, which may be removed: nncli resume makes them anew")
        if cache.fitted_on < len(experiment.train.inputs):
            said.append(f"the preprocessing is fitted on {cache.fitted_on:,} of the training rows, drawn at random")
    for key, batches in experiment.config.training.debugging.items():
        also = "validated on the same rows" if key == "overfit_batches" else "for one epoch"
        how_many = "1 batch" if batches == 1 else f"{batches} batches"
        said.append(f"training.{key}: a debugging run, trained on {how_many}, {also}")
    return said


def epoch_line(event: EpochEnded) -> str:
    """The figures of an epoch."""
    figures = {"loss": event.train_loss, **event.validation}
    return "  ".join(f"{name.replace('validation', 'val')} {figure(name, x)}" for name, x in figures.items())


def is_told(epoch: int, epochs: int) -> bool:
    """Whether ``epoch`` of so many is told where lines stay."""
    return epoch % max(1, epochs // LINES) == 0 or epoch == epochs


class Log:
    """Which lines a training prints where they stay: a few epochs, the same ones every time; and what lasts longer.

    Args:
        epochs: That it may have.
        clock: Seconds, from anywhere.
    """

    def __init__(self, epochs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._epochs, self._clock = epochs, clock
        self._told = clock()

    def line(self, event: Event) -> str:
        """What there is to say of ``event``; empty when nothing."""
        now = self._clock()
        late = now - self._told > SILENCE
        text = ""
        if isinstance(event, EpochEnded) and (late or is_told(event.epoch, self._epochs)):
            text = f"epoch {event.epoch}/{self._epochs}  {epoch_line(event)}"
        elif isinstance(event, Progress) and late:
            text = f"epoch {event.epoch}/{self._epochs}, {within(event)}"
        if text:
            self._told = now
        return text


def within(event: Progress) -> str:
    """How far an epoch is; an iteration of a minimizer, which has one batch, is not over."""
    if event.of == 1:
        return "not over yet"
    return f"batch {event.done} of {event.of}, {event.done / event.of:.0%}".replace("%", " %")
