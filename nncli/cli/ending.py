"""How a training ended, and where its files are: plain lines, as scripts read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nncli.cli.plain import count, print_lines
from nncli.run import Run
from nncli.text import figure


def print_summary(run: Run) -> None:
    """How a training ended, and where its files are."""
    summary = run.read_json("summary.json")
    figures = _together(summary) if "members" in summary else _alone(summary)
    print_lines(*how(summary), *figures, *doubts(summary), f"run: {run.path}")


def how(summary: dict[str, Any]) -> list[str]:
    """How it ended, and after how long."""
    seconds = f"{summary['training_seconds']:.1f} s" if summary["training_seconds"] >= 0.1 else "under 0.1 s"
    if "members" in summary:
        return [f"completed: {count(len(summary['members']), 'member')} in {seconds}"]
    done = summary["status"].replace("_", " ")
    best = f"; best epoch {summary['best_epoch']}" if summary["best_epoch"] != summary["epochs"] else ""
    lines = [f"{done} after {count(summary['epochs'], 'epoch')} in {seconds}{best}"]
    if "convergence" in summary:
        end = summary["convergence"]
        verb = "converged" if end["converged"] else "not converged"
        lines.append(f"{verb} in {count(end['evaluations'], 'evaluation')}: {end['reason']}")
    return lines


def doubts(summary: dict[str, Any]) -> list[str]:
    """What speaks against relying on it."""
    debugging = [key for key in ("overfit_batches", "fast_dev_run") if key in summary]
    return [f"a debugging run (training.{key}), no result to rely on" for key in debugging]


def of_members(summary: dict[str, Any], name: str) -> list[float]:
    """The figure of each member of an ensemble that has it."""
    return [x for member in summary["members"] if (x := member["metrics"].get(name)) is not None]


def _alone(summary: dict[str, Any]) -> Iterator[str]:
    """The figures of one network."""
    width = max([22, *map(len, summary["metrics"])])
    for name, x in summary["metrics"].items():
        yield f"{name.replace('_', ' ', 1):<{width}} {figure(name, x)}"


def _together(summary: dict[str, Any]) -> Iterator[str]:
    """The figures of an ensemble, and beside those of the test rows how its members fare alone."""
    width = max([22, *map(len, summary["metrics"])])
    for name, x in summary["metrics"].items():
        known = of_members(summary, name)
        beside = f"  (alone {figure(name, min(known))} to {figure(name, max(known))})" if known else ""
        said = name.replace("out_of_fold_", "out of fold ") if name.startswith("out_of") else name.replace("_", " ", 1)
        yield f"{said:<{width}} {figure(name, x)}{beside}"
