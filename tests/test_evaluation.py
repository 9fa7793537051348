"""What evaluate predicts does not depend on how many cores there are; what it counts has an end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import nncli
from nncli import evaluation
from nncli.builder import engine_rows, load_dataset
from nncli.cli.evaluation import print_evaluation
from nncli.engine import inference
from nncli.engine.inference import Inference
from nncli.evaluation import load_run

CONFIGS = Path(__file__).parent.parent / "configs"


def test_predictions_of_a_run_are_the_same_bits_on_any_number_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "WORTH_A_THREAD", 1)
    monkeypatch.setattr(inference, "MOST", 32)
    monkeypatch.setattr(inference, "LEAST", 32)
    config = nncli.load_config(CONFIGS / "digits.yaml", ["training.epochs=1"])
    trained = load_run(nncli.train(config, directory=tmp_path / "run"))
    rows = engine_rows(load_dataset(trained.config).train, trained.network, trained.weighing)
    seen: list[tuple[int, int]] = []
    run = Inference.run

    def watched(self: Inference, *arguments: Any) -> float | None:
        seen.extend((self.threads, pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas")
        return run(self, *arguments)

    monkeypatch.setattr(Inference, "run", watched)
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        with threadpool_limits(cores, user_api="blas"):
            found.append(trained.predict(rows))
    assert set(seen) == {(1, 1), (3, 1)}
    assert found[0][1] == found[1][1]
    np.testing.assert_array_equal(found[0][0], found[1][0])


def test_of_too_many_classes_there_is_no_confusion_matrix_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = nncli.train(nncli.load_config(CONFIGS / "iris.yaml", ["training.epochs=1"]), directory=tmp_path / "run")
    assert len(evaluation.evaluate(run).confusion or ()) == 3
    monkeypatch.setattr(evaluation, "MOST_CONFUSED", 2)
    found = evaluation.evaluate(run)
    assert found.confusion is None
    assert found.classes is not None
    print_evaluation(run, found)
    assert "no confusion matrix: 3 classes are too many for one" in capsys.readouterr().out
