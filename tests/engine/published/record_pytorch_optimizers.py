"""Write pytorch_optimizers.json: iterates of PyTorch's optimizers on a small function. The tests need no PyTorch.

The function is f(θ) = ½ θᵀAθ + ¼ Σ θ⁴, whose gradient Aθ + θ³ is written out, so that only the optimizers count.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

A = [[3.0, 1.0, 0.0, -0.5], [1.0, 2.0, 0.3, 0.0], [0.0, 0.3, 1.0, 0.2], [-0.5, 0.0, 0.2, 0.7]]
START = [1.0, -0.5, 2.0, 0.1]
STEPS = 12
# (class in torch.optim, its settings, the same as nncli writes it)
RUNS = [
    ("SGD", {"lr": 0.05}, {"name": "sgd", "learning_rate": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.7}, {"name": "sgd", "learning_rate": 0.05, "momentum": 0.7}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}, {"name": "momentum"}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}, {"name": "nesterov"}),
    ("Adagrad", {}, {"name": "adagrad"}),
    ("Adagrad", {"initial_accumulator_value": 0.1}, {"name": "adagrad", "initial_accumulator": 0.1}),
    ("Adadelta", {}, {"name": "adadelta"}),
    ("Adadelta", {"lr": 0.5, "rho": 0.95}, {"name": "adadelta", "learning_rate": 0.5, "rho": 0.95}),
    ("RMSprop", {}, {"name": "rmsprop"}),
    ("RMSprop", {"momentum": 0.9}, {"name": "rmsprop", "momentum": 0.9}),
    ("RMSprop", {"centered": True, "alpha": 0.9}, {"name": "rmsprop", "centered": True, "rho": 0.9}),
    ("Adam", {}, {"name": "adam"}),
    ("Adam", {"lr": 0.1, "betas": [0.8, 0.9]}, {"name": "adam", "learning_rate": 0.1, "beta1": 0.8, "beta2": 0.9}),
    ("Adam", {"amsgrad": True}, {"name": "amsgrad"}),
    (
        "Adam",
        {"lr": 0.3, "betas": [0.9, 0.5], "amsgrad": True},
        {"name": "amsgrad", "learning_rate": 0.3, "beta2": 0.5},
    ),
    ("AdamW", {}, {"name": "adamw"}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5}, {"name": "adamw", "learning_rate": 0.1, "weight_decay": 0.5}),
    ("NAdam", {}, {"name": "nadam"}),
    ("NAdam", {"lr": 0.1, "momentum_decay": 1.0}, {"name": "nadam", "learning_rate": 0.1, "momentum_decay": 1.0}),
]


def iterates(optimizer: str, settings: dict) -> list[list[float]]:
    theta = torch.tensor(START, requires_grad=True)
    matrix = torch.tensor(A)
    moving = getattr(torch.optim, optimizer)([theta], **settings)
    found = []
    for _ in range(STEPS):
        theta.grad = (matrix @ theta + theta**3).detach()
        moving.step()
        found.append(theta.tolist())
    return found


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    runs = [
        {"call": f"torch.optim.{name}", "settings": settings, "nncli": ours, "iterates": iterates(name, settings)}
        for name, settings, ours in RUNS
    ]
    content = {"pytorch": torch.__version__, "function": "½ θᵀAθ + ¼ Σ θ⁴", "A": A, "start": START, "runs": runs}
    lines = ",\n  ".join(json.dumps(run, ensure_ascii=False) for run in content.pop("runs"))
    head = json.dumps(content, ensure_ascii=False)
    text = f'{head[:-1]}, "runs": [\n  {lines}\n]}}\n'
    Path(__file__).with_name("pytorch_optimizers.json").write_text(text, encoding="utf-8")
