"""What the trainings of a plan come to: their figures together, and two configs compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from nncli.many.plan import Job, Plan
from nncli.many.statistics import CONFIDENCE, difference, spread


def result_of(plan: Plan, summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """As cv.json and seeds.json have it.

    Args:
        plan: Which trainings there are.
        summaries: What the run of each says, by the path of the training.
    """
    jobs = {name: [job for job in plan.jobs if job.of == name] for name in plan.configs}
    found = {}
    for name, own in jobs.items():
        each = [summaries[job.path] for job in own]
        figures = {
            key: spread([x for one in each if (x := one["metrics"].get(key)) is not None], _ratio(plan, key, each))
            for key in dict.fromkeys(key for one in each for key in one["metrics"])
        }
        found[name] = {
            "metrics": {key: figure.to_json() for key, figure in figures.items()},
            "runs": [
                {
                    "run": job.path,
                    **job.numbers,
                    "seed": job.config.seed,
                    **{
                        key: one[key]
                        for key in ("status", "epochs", "best_epoch", "training_seconds", "rows", "metrics")
                    },
                    "digest": one["digests"][one["weights"]],
                }
                for job, one in zip(own, each, strict=True)
            ],
        }
    return {
        "status": "completed",
        "kind": plan.kind,
        **plan.counts,
        "confidence": CONFIDENCE,
        "configs": found,
        **({"difference": _difference(plan, jobs, summaries)} if len(found) > 1 else {}),
    }


def _difference(
    plan: Plan, jobs: Mapping[str, Sequence[Job]], summaries: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Second minus first, of the figures that both have and that are the same function of a row."""
    first, second = ([summaries[job.path] for job in own] for own in jobs.values())
    names = [key for key in first[0]["metrics"] if key in second[0]["metrics"]]
    a, b = plan.configs.values()
    if (a.loss, a.data.preprocess.target) != (b.loss, b.data.preprocess.target):
        names = [key for key in names if key not in ("validation_loss", "test_loss")]
    metrics = {}
    for key in names:
        pairs = [
            (x, y)
            for one, two in zip(first, second, strict=True)
            if (x := one["metrics"].get(key)) is not None and (y := two["metrics"].get(key)) is not None
        ]
        found = difference([x for x, _ in pairs], [y for _, y in pairs], _ratio(plan, key, first))
        metrics[key] = found.to_json()
    return {"of": list(jobs)[::-1], "metrics": metrics}


def _ratio(plan: Plan, key: str, summaries: Sequence[Mapping[str, Any]]) -> float | None:
    """Rows to validate over rows to train; of figures on the same test rows every time there is no such.

    How far those are from what other rows would give, the trainings do not tell.
    """
    if plan.kind == "seeds":
        return 0.0
    if not key.startswith("validation_"):
        return None
    return fmean(one["rows"]["validation"] / one["rows"]["train"] for one in summaries)
