"""Trains multilayer perceptrons from a YAML file.

>>> import nncli
>>> config = nncli.load_config("configs/iris.yaml", ["training.epochs=5"])  # doctest: +SKIP
>>> run = nncli.train(config)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nncli.api import train
    from nncli.certify import check_gradients
    from nncli.config.loader import load_config
    from nncli.errors import NncliError
    from nncli.estimator import MLPClassifier, MLPRegressor
    from nncli.evaluation import evaluate
    from nncli.explain import explain_network
    from nncli.lr_find import find_learning_rate
    from nncli.many import cross_validate, train_seeds
    from nncli.prediction import predict
    from nncli.profile.measure import profile_steps
    from nncli.reproduction import reproduce
    from nncli.resumption import resume
    from nncli.run import Run
    from nncli.seeing.comparison import compare
    from nncli.seeing.listing import list_runs
    from nncli.summary import summarize, validate
    from nncli.sweep import load_sweep, run_sweep

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "NncliError",
    "Run",
    "check_gradients",
    "compare",
    "cross_validate",
    "evaluate",
    "explain_network",
    "find_learning_rate",
    "list_runs",
    "load_config",
    "load_sweep",
    "predict",
    "profile_steps",
    "reproduce",
    "resume",
    "run_sweep",
    "summarize",
    "train",
    "train_seeds",
    "validate",
]

_HOME = {
    "MLPClassifier": "nncli.estimator",
    "MLPRegressor": "nncli.estimator",
    "NncliError": "nncli.errors",
    "Run": "nncli.run",
    "check_gradients": "nncli.certify",
    "compare": "nncli.seeing.comparison",
    "cross_validate": "nncli.many",
    "evaluate": "nncli.evaluation",
    "explain_network": "nncli.explain",
    "find_learning_rate": "nncli.lr_find",
    "list_runs": "nncli.seeing.listing",
    "load_config": "nncli.config.loader",
    "load_sweep": "nncli.sweep",
    "predict": "nncli.prediction",
    "profile_steps": "nncli.profile.measure",
    "reproduce": "nncli.reproduction",
    "resume": "nncli.resumption",
    "run_sweep": "nncli.sweep",
    "summarize": "nncli.summary",
    "train": "nncli.api",
    "train_seeds": "nncli.many",
    "validate": "nncli.summary",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that ``import nncli`` stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module 'nncli' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
