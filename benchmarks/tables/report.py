"""The contenders side by side: mean, median, mean rank, wins; and a table of all tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.tables.catalogue import Record
from benchmarks.tables.results import Scores

DECIMALS = 4
"""Means that agree in so many decimals tie."""


@dataclass(frozen=True)
class Summary:
    """How a contender fared on the tables of a task, all of which every contender has."""

    contender: str
    tables: int
    mean: float
    median: float
    rank: float
    wins: float
    """Tables where it is the best; a tie is shared."""
    seconds: float
    """Mean of a fit."""


def means(scores: Mapping[str, Scores], records: Sequence[Record], seeds: Sequence[int]) -> tuple[list[str], Any]:
    """The tables that all contenders have on all splits, and their mean scores (tables, contenders)."""
    whole = [
        record.name
        for record in records
        if all(all(seed in of.get(record.name, {}) for seed in seeds) for of in scores.values())
    ]
    rows = [[statistics.fmean(of[name][seed]["score"] for seed in seeds) for of in scores.values()] for name in whole]
    return whole, np.array(rows).reshape(len(whole), len(scores))


def summaries(scores: Mapping[str, Scores], records: Sequence[Record], seeds: Sequence[int]) -> list[Summary]:
    """All contenders, the best mean rank first."""
    from scipy.stats import rankdata

    names, mean = means(scores, records, seeds)
    if not names:
        return []
    rounded = mean.round(DECIMALS)
    ranks = rankdata(-rounded, axis=1)
    best = rounded == rounded.max(axis=1, keepdims=True)
    wins = (best / best.sum(axis=1, keepdims=True)).sum(axis=0)
    found = [
        Summary(
            contender,
            len(names),
            float(mean[:, i].mean()),
            float(np.median(mean[:, i])),
            float(ranks[:, i].mean()),
            float(wins[i]),
            statistics.fmean(of[name][seed]["seconds"] for name in names for seed in seeds),
        )
        for i, (contender, of) in enumerate(scores.items())
    ]
    return sorted(found, key=lambda summary: summary.rank)


def duel(scores: Mapping[str, Scores], records: Sequence[Record], seeds: Sequence[int], a: str, b: str) -> str:
    """``18 : 5, 1 tie`` tables of ``a`` against ``b``."""
    _, mean = means({a: scores[a], b: scores[b]}, records, seeds)
    difference = mean.round(DECIMALS)[:, 0] - mean.round(DECIMALS)[:, 1]
    won, lost, ties = (int(np.sum(where)) for where in (difference > 0, difference < 0, difference == 0))
    return f"{won} : {lost}" + (f", {ties} tie{'s' * (ties != 1)}" if ties else "")


def overview(scores: Mapping[str, Scores], records: Sequence[Record], seeds: Sequence[int]) -> str:
    """Markdown: a line a contender."""
    found = summaries(scores, records, seeds)
    if not found:
        return "No table has been measured with all of them."
    lines = [
        f"{found[0].tables} tables, {len(seeds)} splits each:",
        "",
        "| contender | mean | median | mean rank | wins | seconds a fit |",
        "|-|-:|-:|-:|-:|-:|",
    ]
    for one in found:
        lines.append(
            f"| {one.contender} | {one.mean:.4f} | {one.median:.4f} | {one.rank:.2f} | {one.wins:.1f} "
            f"| {one.seconds:.1f} |"
        )
    return "\n".join(lines)


def by_table(scores: Mapping[str, Scores], records: Sequence[Record], seeds: Sequence[int]) -> str:
    """Markdown: a line a table, mean ± deviation over the splits, the best in bold."""
    names, mean = means(scores, records, seeds)
    lines = [f"| table | {' | '.join(scores)} |", f"|-|{'-:|' * len(scores)}"]
    for row, name in enumerate(names):
        best = mean[row].round(DECIMALS).max()
        cells = []
        for i, of in enumerate(scores.values()):
            values = [of[name][seed]["score"] for seed in seeds]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            text = f"{mean[row, i]:.4f} ± {spread:.3f}"
            cells.append(f"**{text}**" if mean[row, i].round(DECIMALS) == best else text)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def appendix(scores: Mapping[str, Scores], records: Sequence[Record], seeds: Sequence[int]) -> dict[str, Any]:
    """Plain data: table -> contender -> its scores, split by split."""
    names, _ = means(scores, records, seeds)
    return {
        name: {contender: [of[name][seed]["score"] for seed in seeds] for contender, of in scores.items()}
        for name in names
    }
