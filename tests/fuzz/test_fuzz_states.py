"""A checkpoint whose digest is right and whose numbers are not: it is refused, or the training comes to an end."""

from __future__ import annotations

import copy
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st

import nncli
from nncli.builder import Experiment, build
from nncli.run import State
from nncli.training.trainer import Trainer

CONFIG = """\
data: {source: {name: xor, n_samples: 24}}
model: {layers: [{units: 3, activation: tanh, dropout: 0.1, norm: batch}, {activation: softmax}]}
training: {epochs: 3, batch_size: 4, threads: 1, kernels: numpy}
"""
VARIANTS = {
    "adam": (),
    "plateau": ("schedule.name=reduce_on_plateau", "training.early_stopping={patience: 2}"),
    "accumulated": ("training.accumulate=2", "training.average={decay: 0.9}", "optimizer.name=sgd"),
}
ODD = st.sampled_from(
    [
        *(None, True, False, -1, 0, 1, 3, 10**9, -(10**9), 2**53, 2**63, 10**30, 1.5, -1.5, 1e308),
        *("x", "", "inf", "nan", "9" * 39),
    ]
) | st.sampled_from([float("nan"), float("inf"), [], {}, [1], {"a": 1}, "-inf", "1" * 5000])


@pytest.fixture(params=VARIANTS, scope="module")
def training(request: pytest.FixtureRequest) -> tuple[Experiment, list[State]]:
    """One of each kind, and its states after each step."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.yaml"
        path.write_text(CONFIG)
        experiment = build(nncli.load_config(path, VARIANTS[request.param]))
    trainer, states = Trainer(experiment), []
    with np.errstate(all="ignore"):
        for _ in trainer.run(every=1):
            state = trainer.state()
            numbers = json.loads(json.dumps(state.numbers))
            states.append(State({name: vector.copy() for name, vector in state.vectors.items()}, numbers))
    return experiment, states


@st.composite
def changed(draw: st.DrawFn, numbers: dict[str, Any]) -> dict[str, Any]:
    """``numbers`` of which a few are others."""
    numbers = copy.deepcopy(numbers)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 4]))):
        inside: Any = numbers
        while True:
            key = draw(st.sampled_from(sorted(inside)))
            if not isinstance(inside[key], dict) or not inside[key] or not draw(st.integers(0, 9)):
                break
            inside = inside[key]
        if draw(st.integers(0, 9)):
            inside[key] = copy.deepcopy(draw(ODD))
        elif len(inside) > 1:
            del inside[key]
    return numbers


def test_a_state_that_makes_no_sense_is_refused_or_the_training_ends(training: tuple[Experiment, list[State]]) -> None:
    experiment, states = training
    ends: Counter[str] = Counter()

    def one(data: st.DataObject) -> None:
        state = data.draw(st.sampled_from(states[:-1]))
        trainer = Trainer(experiment)
        with np.errstate(all="ignore"):
            try:
                trainer.restore(State(state.vectors, data.draw(changed(state.numbers))))
            except ValueError:  # which resume tells, and takes the one before
                ends["refused"] += 1
                return
            ends[[*trainer.run()][-1].status] += 1

    fuzzed(40)(given(data=st.data())(one))()
    print(f"states: {dict(ends)}")
    assert ends["refused"]
    assert ends["completed"]
