"""Write pytorch_schedules.json: learning rates of PyTorch's schedulers. The tests need no PyTorch.

``by`` says when the scheduler is stepped: after every update, or after every epoch. Where nncli moves by steps and
PyTorch's documentation steps by epochs (cosine, polynomial), the scheduler is stepped after every update, with the
number of updates for its number of epochs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch.optim import lr_scheduler

BASE, STEPS, EPOCHS = 0.2, 4, 12
# they get better by much and by little, stand still, and get worse
FIGURES = {
    "falling": [1.0, 0.8, 0.8, 0.79999, 0.81, 0.7, 0.75, 0.72, 0.7, 0.71, 0.699999, 0.9],
    "rising": [0.5, 0.6, 0.60001, 0.55, 0.6, 0.61, 0.7, 0.6, 0.70001, 0.7, 0.6, 0.8],
}
N = STEPS * EPOCHS
# (class in torch.optim.lr_scheduler, its settings, stepped by, the same as nncli writes it)
RUNS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}, "epochs", {"name": "step", "every": 3, "factor": 0.5}),
    (
        "MultiStepLR",
        {"milestones": [2, 3, 8], "gamma": 0.3},
        "epochs",
        {"name": "step", "milestones": [2, 3, 8], "factor": 0.3},
    ),
    ("ExponentialLR", {"gamma": 0.9}, "epochs", {"name": "exponential", "gamma": 0.9}),
    ("PolynomialLR", {"total_iters": N}, "steps", {"name": "polynomial"}),
    ("PolynomialLR", {"total_iters": N, "power": 2.5}, "steps", {"name": "polynomial", "power": 2.5}),
    ("CosineAnnealingLR", {"T_max": N}, "steps", {"name": "cosine"}),
    ("CosineAnnealingLR", {"T_max": N, "eta_min": 0.02}, "steps", {"name": "cosine", "minimum": 0.1}),
    (
        "CosineAnnealingWarmRestarts",
        {"T_0": 3 * STEPS},
        "steps",
        {"name": "cosine_restarts", "period": 3, "factor": 1.0},
    ),
    (
        "CosineAnnealingWarmRestarts",
        {"T_0": 2 * STEPS, "T_mult": 2, "eta_min": 0.01},
        "steps",
        {"name": "cosine_restarts", "period": 2, "minimum": 0.05},
    ),
    ("OneCycleLR", {"max_lr": BASE, "total_steps": N}, "steps", {"name": "one_cycle"}),
    (
        "OneCycleLR",
        {"max_lr": BASE, "total_steps": N, "pct_start": 0.5, "div_factor": 4.0, "final_div_factor": 10.0},
        "steps",
        {"name": "one_cycle", "pct_start": 0.5, "div_factor": 4.0, "final_div_factor": 10.0},
    ),
    ("ReduceLROnPlateau", {"patience": 0}, "falling", {"name": "reduce_on_plateau", "patience": 0}),
    (
        "ReduceLROnPlateau",
        {"patience": 1, "factor": 0.5, "cooldown": 2, "threshold": 0.05},
        "falling",
        {"name": "reduce_on_plateau", "patience": 1, "factor": 0.5, "cooldown": 2, "threshold": 0.05},
    ),
    (
        "ReduceLROnPlateau",
        {"patience": 0, "factor": 0.3, "min_lr": 0.01, "threshold": 0.15, "threshold_mode": "abs"},
        "falling",
        {
            "name": "reduce_on_plateau",
            "patience": 0,
            "factor": 0.3,
            "minimum": 0.05,
            "threshold": 0.15,
            "threshold_mode": "absolute",
        },
    ),
    (
        "ReduceLROnPlateau",
        {"mode": "max", "patience": 1, "factor": 0.5, "cooldown": 1},
        "rising",
        {"name": "reduce_on_plateau", "mode": "max", "patience": 1, "factor": 0.5, "cooldown": 1},
    ),
]
WARM = 6
# a warm-up in front: LinearLR, and behind it the schedule with what is left
WARM_RUNS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("CosineAnnealingLR", {"T_max": N - WARM}, {"name": "cosine", "warmup_steps": WARM, "warmup_start": 0.25}),
    ("PolynomialLR", {"total_iters": N - WARM}, {"name": "polynomial", "warmup_epochs": 1.5, "warmup_start": 0.01}),
    ("ConstantLR", {"factor": 1.0}, {"name": "constant", "warmup_steps": WARM, "warmup_start": 0.5}),
]


def sgd() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)


def rates(name: str, settings: dict[str, Any], by: str) -> list[float]:
    """The learning rate of every update."""
    optimizer = sgd()
    scheduler = getattr(lr_scheduler, name)(optimizer, **settings)
    found = []
    for epoch in range(EPOCHS):
        for _ in range(STEPS):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if by == "steps":
                scheduler.step()
        if by == "epochs":
            scheduler.step()
        elif by in FIGURES:
            scheduler.step(FIGURES[by][epoch])
    return found


def warm_rates(name: str, settings: dict[str, Any], start: float) -> list[float]:
    optimizer = sgd()
    warmup = lr_scheduler.LinearLR(optimizer, start_factor=start, total_iters=WARM)
    scheduler = getattr(lr_scheduler, name)(optimizer, **settings)
    both = lr_scheduler.SequentialLR(optimizer, [warmup, scheduler], milestones=[WARM])
    found = []
    for _ in range(N):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        both.step()
    return found


if __name__ == "__main__":
    runs = [
        {"call": name, "settings": settings, "by": by, "nncli": ours, "rates": rates(name, settings, by)}
        for name, settings, by, ours in RUNS
    ] + [
        {
            "call": f"SequentialLR([LinearLR, {name}])",
            "settings": settings,
            "by": "steps",
            "nncli": ours,
            "rates": warm_rates(name, settings, ours["warmup_start"]),
        }
        for name, settings, ours in WARM_RUNS
    ]
    head = {"pytorch": torch.__version__, "base": BASE, "steps": STEPS, "epochs": EPOCHS, "figures": FIGURES}
    body = ",\n".join(f"  {json.dumps(run)}" for run in runs)
    text = f'{json.dumps(head)[:-1]}, "runs": [\n{body}\n]}}\n'
    Path(__file__).with_name("pytorch_schedules.json").write_text(text, encoding="utf-8")
