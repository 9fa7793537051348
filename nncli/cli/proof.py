"""Draws what gradcheck found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from nncli.cli.console import Screen, stdout
from nncli.cli.plain import count
from nncli.gradcheck import oracle, taylor
from nncli.gradcheck.faults import registry
from nncli.gradcheck.health import FLAT
from nncli.gradcheck.pieces import UPDATE_LIMIT, PieceCheck
from nncli.gradcheck.self_test import FaultCheck, enough
from nncli.gradcheck.verdict import LIMITS, METHODS, Comparison, GradientCheck, Method, Proof, TensorCheck, Verdict

NAMES: dict[Method, str] = {
    "complex_step": "complex step",
    "differences": "differences",
    "taylor": "Taylor",
    "oracle": "autograd",
    "twice": "second pass",
}
BY_ENTRIES: tuple[Method, ...] = ("complex_step", "differences", "oracle")
WORDS = ("tensor", "verdict", "shape", "kind", "piece", "fault", "network", "named first")
WORTH_LEAST = (
    "shape",
    "left out",
    "network",
    "entries",
    "kind",
    "float32",
    "named first",
    "update",
    *(NAMES[method] for method in ("twice", "taylor", "oracle", "differences")),
)
"""In a terminal that is too narrow for all columns, these go, one after the other."""
MANY = 5
"""So many layers or tensors are named in a line."""
SATURATED = 0.5
"""The share of flat slopes of a smooth activation that is worth a word."""
MARKS: dict[Verdict, str] = {"right": "[green]ok[/green]", "wrong": "[red]WRONG[/red]", "not proven": "not proven"}


def print_proof(proof: Proof) -> None:
    """The worst error of each tensor by each method, where it was looked, and for a failure the worst entries."""
    console = stdout()
    tensors = list(_by_tensor(proof))
    names = [escape(found[0].name) for found in tensors]
    precision = _precision(proof)
    _draw(
        console,
        {
            "tensor": names,
            "verdict": [_mark(tensor.verdict for tensor in found) for found in tensors],
            "shape": ["×".join(map(str, found[0].shape)) for found in tensors],
            "entries": [f"{found[0].entries:,}" for found in tensors],
            **_figures(tensors, _methods(proof)),
            "left out": [f"{max(c.left_out for t in found for c in t.comparisons):,}" for found in tensors],
            **({"float32": [precision.get(name, "–") for name in names]} if precision else {}),
        },
    )
    if proof.fault is not None:
        console.print(f"planted into the backward pass: [bold]{proof.fault}[/bold], {registry[proof.fault].formula}")
    for place, checks in groupby(proof.checks, key=lambda check: check.place):
        console.print(_place(place, list(checks)))
    for remark in proof.remarks:
        console.print(escape(remark))
    _print_failures(console, proof)
    _print_health(console, proof)
    if proof.float32_wrong:
        odd = escape(", ".join(proof.float32_wrong))
        console.print(f"[red]wrong[/red] at float32, though not at float64: {odd}")
    for method in _methods(proof):
        share = proof.coverage(method)
        if share is not None and share < 1:
            console.print(f"{NAMES[method]}: {share:.2%} of the entries were checked, a sample of each tensor")
    _print_limits(console, asked="oracle" in _methods(proof))
    console.print(_verdict(proof))


def _verdict(proof: Proof) -> str:
    if proof.fault is not None and proof.verdict == "wrong":
        return f"the fault {proof.fault} was found, as it should be"
    if proof.fault is not None:
        return f"[red]the fault {proof.fault} was not found[/red]: on these rows it changes nothing that could be seen"
    if proof.verdict == "right":
        return "[green]every gradient is right[/green]"
    if proof.verdict == "wrong":
        return "[red]a gradient is wrong[/red]"
    why = "every entry of its gradient is 0, or was left out: it lies on a kink, or no method comes to a number"
    return f"[red]not proven[/red]: {escape(', '.join(proof.not_proven))}; {why}"


def print_pieces(checks: Sequence[PieceCheck]) -> None:
    """A line for each piece, with the worst errors of the tensors of the network that it stood in."""
    console = stdout()
    proofs = [check.proof for check in checks]
    tensors = [[t for c in proof.checks for t in c.tensors] if proof is not None else [] for proof in proofs]
    figures = _figures(tensors, list(BY_ENTRIES) if oracle.installed() else list(BY_ENTRIES[:2]))
    update = [f"{c.update_error:.1e}" if c.update_error is not None else "" for c in checks]
    columns = {
        "kind": [check.kind for check in checks],
        "piece": [escape(check.piece) for check in checks],
        "verdict": [MARKS[check.verdict] for check in checks],
        **figures,
        "update": update,
    }
    _draw(console, columns)
    for check in checks:
        if check.proof is not None and check.verdict != "right":
            console.print(f"[bold]{check.kind} {escape(check.piece)}[/bold]")
            _print_failures(console, check.proof)
    _print_limits(console, asked=oracle.installed())
    console.print(f"update: the optimizer's step against the formula of its paper; limit {UPDATE_LIMIT:g}")
    wrong = sum(check.verdict != "right" for check in checks)
    if wrong:
        console.print(f"[red]{count(wrong, 'piece')} of {len(checks)} are wrong or not proven[/red]")
    else:
        console.print(f"[green]all {len(checks)} pieces are right[/green]")


def print_self_test(checks: Sequence[FaultCheck]) -> None:
    """Which method found which planted fault."""
    console = stdout()
    methods = [method for method in METHODS if method != "oracle" or oracle.installed()]
    columns = {
        "fault": [escape(check.fault) for check in checks],
        "verdict": ["[green]found[/green]" if check.passed else "[red]MISSED[/red]" for check in checks],
        "network": [check.variant for check in checks],
        **{NAMES[method]: ["x" if method in check.found_by else "" for check in checks] for method in methods},
        "named first": [escape(check.guilty or "") for check in checks],
    }
    _draw(console, columns)
    _print_limits(console, asked=oracle.installed())
    unsound = sorted({check.variant for check in checks if not check.sound})
    if unsound:
        console.print(f"[red]called wrong with nothing planted: {', '.join(unsound)}[/red]")
    missed = sum(not check.passed for check in checks)
    if missed:
        console.print(
            f"[red]{count(missed, 'fault')} of {len(checks)} found by fewer than {count(enough(), 'method')}[/red]"
        )
    else:
        console.print(
            f"[green]all {len(checks)} planted faults were found, each by {count(enough(), 'method')} or more[/green]"
        )


def _draw(console: Console, columns: dict[str, list[str]]) -> None:
    """A table; in a terminal that is too narrow, without the columns that are worth least."""
    for dropped in ("", *(heading for heading in WORTH_LEAST if heading in columns)):
        columns.pop(dropped, None)
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for heading in columns:
            table.add_column(heading, justify="left" if heading in WORDS else "right", no_wrap=True)
        for row in zip(*columns.values(), strict=True):
            table.add_row(*row)
        if _width(table) <= console.width:
            break
    console.print(table)


def _methods(proof: Proof) -> list[Method]:
    return [method for method in BY_ENTRIES if proof.coverage(method) is not None]


def _mark(verdicts: Iterable[Verdict]) -> str:
    """Of several verdicts on a tensor: wrong if one is, right if it was proven somewhere."""
    found = set(verdicts)
    order: tuple[Verdict, ...] = ("wrong", "right", "not proven")
    return MARKS[next(verdict for verdict in order if verdict in found)]


def _by_tensor(proof: Proof) -> Iterable[list[TensorCheck]]:
    """The checks of each tensor, the input first."""
    found: dict[str, list[TensorCheck]] = {}
    for check in proof.checks:
        for tensor in check.tensors:
            found.setdefault(tensor.name, []).append(tensor)
    return found.values()


def _figures(tensors: list[list[TensorCheck]], methods: list[Method]) -> dict[str, list[str]]:
    """Heading -> for each list of checks, the worst figure."""

    def worst(found: list[TensorCheck], method: Method) -> str:
        errors = [c.error for tensor in found if (c := tensor.by(method)) is not None and c.error is not None]
        return f"{max(errors):.1e}" if errors else "–"

    def order(found: list[TensorCheck]) -> str:
        orders = [tensor.order for tensor in found if tensor.order is not None]
        return f"{min(orders):.2f}" if orders else "–"

    return {
        **{NAMES[method]: [worst(found, method) for found in tensors] for method in methods},
        NAMES["taylor"]: [order(found) for found in tensors],
    }


def _width(table: Table) -> int:
    """What it takes to show all of it."""
    wide = Screen(width=1000)
    return Measurement.get(wide, wide.options, table).maximum


def _place(place: str, checks: list[GradientCheck]) -> str:
    rows = " and ".join(dict.fromkeys(count(check.rows, "row") for check in checks))
    names = {"both": "together", "loss": "loss", "penalty": "penalties"}
    terms = list(dict.fromkeys(check.term for check in checks))
    parts = f"; {', '.join(names[term] for term in sorted(terms, key=list(names).index, reverse=True))}"
    wrong = sum(check.verdict == "wrong" for check in checks)
    unclear = list(dict.fromkeys(name for check in checks for name in check.not_proven))
    verdict = f"not proven: {escape(', '.join(unclear))}" if unclear else "no fault found"
    if wrong:
        verdict = f"[red]{wrong} of {count(len(checks), 'check')} wrong[/red]"
    return f"{escape(place or 'here')}, {rows}{parts if len(terms) > 1 else ''}: {verdict}"


def _print_failures(console: Console, proof: Proof) -> None:
    failed = next((check for check in proof.checks if check.verdict == "wrong"), None)
    if failed is None:
        return
    by = ", ".join(NAMES[method] for method in METHODS if method in failed.found_by)
    term = {"loss": "the loss", "penalty": "the penalties", "both": "loss and penalties"}[failed.term]
    console.print(f"[red]wrong[/red] at {escape(failed.place or 'this point')}, {count(failed.rows, 'row')}, by {term}")
    console.print(f"found by: {by}")
    if failed.wrong:
        guilty = next(tensor for tensor in failed.tensors if tensor.name == failed.wrong[0])
        others = f"; then {', '.join(map(escape, failed.wrong[1:]))}" if failed.wrong[1:] else ""
        console.print(f"backpropagation first goes wrong at [bold]{escape(guilty.name)}[/bold]{others}")
        for comparison in guilty.comparisons:
            if comparison.wrong:
                console.print(_entry(guilty, comparison))
        if "taylor" in guilty.found_by:
            console.print(
                f"{escape(guilty.name)}: the Taylor remainder shrinks with the order {guilty.order:.2f}, not 2"
            )
    if not failed.repeatable:
        console.print("a second backward pass gave other bits than the first")
    if failed.value_wrong:
        console.print(f"the forward pass differs from the formulas: relative error {failed.value_error:.1e}")


def _entry(tensor: TensorCheck, comparison: Comparison) -> str:
    place = escape(f"{tensor.name}{list(comparison.index or ())}")
    assert comparison.analytic is not None
    assert comparison.numeric is not None
    return (
        f"{place}: backpropagation {comparison.analytic:.17g}, {NAMES[comparison.method]} {comparison.numeric:.17g}, "
        f"relative error {comparison.error:.1e}"
    )


def _precision(proof: Proof) -> dict[str, str]:
    """Tensor -> the worst relative error of its float32 gradient; empty for a training at float64."""
    errors: dict[str, float] = {}
    for health in proof.health:
        for one in health.precision:
            errors[one.name] = float(np.max([errors.get(one.name, 0.0), one.error]))
    return {name: f"{error:.1e}" for name, error in errors.items()}


def _print_health(console: Console, proof: Proof) -> None:
    """What is out of the ordinary: dead and saturated units, gradients lost at float32. A line for each kind."""
    for health in proof.health:
        seen = {
            "units that pass no gradient on, on these rows": [
                f"{one.dead} of {one.units} of {one.stage}" for one in health.saturation if one.dead
            ],
            f"saturated, with slopes below {FLAT:.0e}": [
                f"{one.flat:.0%} of {one.stage}" for one in health.saturation if one.smooth and one.flat > SATURATED
            ],
            "entries of the gradient that underflow at float32": [
                f"{one.underflow:,} of {one.name}" for one in health.precision if one.underflow
            ],
            "[yellow]warning[/yellow]: the float32 gradient is off by more than rounding explains": [
                f"{one.error:.1e} ({one.explained:.1e}) of {one.name}" for one in health.precision if one.suspicious
            ],
        }
        for what, where in seen.items():
            if where:
                more = f" and {len(where) - MANY} more" if len(where) > MANY else ""
                console.print(f"{escape(health.place)}: {what}: {escape(', '.join(where[:MANY]))}{more}")
    dead = [found[0].name for found in _by_tensor(proof) if all(t.zeros == t.entries for t in found)]
    if dead:
        console.print(f"a gradient of exactly 0, everywhere: {', '.join(map(escape, dead))}")


def _print_limits(console: Console, *, asked: bool) -> None:
    if not asked:
        console.print("autograd is not installed, and was not asked: pip install 'nncli\\[check]'")
    methods = BY_ENTRIES if asked else BY_ENTRIES[:2]
    limits = ", ".join(f"{NAMES[method]} {LIMITS[method]:g}" for method in methods)
    order = f"Taylor order {taylor.LEAST_ORDER}"
    console.print(f"errors at float64, relative to the tensor's largest entry; limits: {limits}, {order}")
