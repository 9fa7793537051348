"""Draws what gradcheck found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from nncli.cli.console import count, stdout
from nncli.gradcheck import oracle, taylor
from nncli.gradcheck.check import FLOOR, LIMITS, Comparison, GradientCheck, Method, Proof, TensorCheck, Verdict

NAMES: dict[Method, str] = {
    "complex_step": "complex step",
    "differences": "differences",
    "taylor": "Taylor",
    "oracle": "autograd",
    "twice": "second pass",
}
BY_ENTRIES: tuple[Method, ...] = ("complex_step", "differences", "oracle")
WORTH_LEAST = ("shape", "at kinks", "entries", "Taylor", "autograd", "differences")
"""In a terminal that is too narrow for all columns, these go, one after the other."""
MARKS: dict[Verdict, str] = {"right": "[green]ok[/green]", "wrong": "[red]WRONG[/red]", "not proven": "not proven"}


@contextmanager
def progress(text: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr, for what takes more than a second; the yielded function is told the share that is done."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn(text),
        BarColumn(bar_width=max(5, min(30, console.width // 4))),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=1.0)

    def observe(share: float) -> None:
        if share < 1 and bar.get_time() - started > 1:
            bar.start()
        bar.update(task, completed=share)

    started = bar.get_time()
    try:
        yield observe
    finally:
        bar.stop()


def print_proof(proof: Proof) -> None:
    """The worst error of each tensor by each method, where it was looked, and for a failure the worst entries."""
    console = stdout()
    methods = [method for method in BY_ENTRIES if proof.coverage(method) is not None]
    columns = _columns(list(_by_tensor(proof)), methods)
    for dropped in ("", *(heading for heading in WORTH_LEAST if heading in columns)):
        columns.pop(dropped, None)
        table = _table(columns)
        if _width(table) <= console.width:
            break
    console.print(table)
    for place, checks in groupby(proof.checks, key=lambda check: check.place):
        console.print(_place(place, list(checks)))
    _print_failures(console, proof)
    _print_notes(console, proof)
    verdicts: dict[Verdict, str] = {
        "right": "[green]every gradient is right[/green]",
        "wrong": "[red]a gradient is wrong[/red]",
        "not proven": "[red]a gradient could not be proven[/red]: all of its entries lie on kinks",
    }
    console.print(verdicts[proof.verdict])


def _by_tensor(proof: Proof) -> Iterable[list[TensorCheck]]:
    """The checks of each tensor, the input first."""
    found: dict[str, list[TensorCheck]] = {}
    for check in proof.checks:
        for tensor in check.tensors:
            found.setdefault(tensor.name, []).append(tensor)
    return found.values()


def _columns(tensors: list[list[TensorCheck]], methods: list[Method]) -> dict[str, list[str]]:
    """Heading -> a cell for each tensor; of all its checks, the worst figure."""
    verdicts: tuple[Verdict, ...] = ("wrong", "right", "not proven")

    def worst(found: list[TensorCheck], method: Method) -> str:
        errors = [c.error for tensor in found if (c := tensor.by(method)) is not None and c.error is not None]
        return f"{max(errors):.1e}" if errors else "–"

    def order(found: list[TensorCheck]) -> str:
        orders = [tensor.order for tensor in found if tensor.order is not None]
        return f"{min(orders):.2f}" if orders else "–"

    return {
        "tensor": [escape(found[0].name) for found in tensors],
        "verdict": [MARKS[next(v for v in verdicts if any(t.verdict == v for t in found))] for found in tensors],
        "shape": ["×".join(map(str, found[0].shape)) for found in tensors],
        "entries": [f"{found[0].entries:,}" for found in tensors],
        **{NAMES[method]: [worst(found, method) for found in tensors] for method in methods},
        NAMES["taylor"]: [order(found) for found in tensors],
        "at kinks": [f"{max(c.left_out for t in found for c in t.comparisons):,}" for found in tensors],
    }


def _width(table: Table) -> int:
    """What it takes to show all of it."""
    wide = Console(width=1000)
    return Measurement.get(wide, wide.options, table).maximum


def _table(columns: dict[str, list[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in columns:
        words = heading in ("tensor", "verdict", "shape")
        table.add_column(heading, justify="left" if words else "right", no_wrap=True)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _place(place: str, checks: list[GradientCheck]) -> str:
    rows = " and ".join(dict.fromkeys(count(check.rows, "row") for check in checks))
    names = {"both": "together", "loss": "loss", "penalty": "penalties"}
    terms = list(dict.fromkeys(check.term for check in checks))
    parts = f"; {', '.join(names[term] for term in sorted(terms, key=list(names).index, reverse=True))}"
    wrong = sum(check.verdict == "wrong" for check in checks)
    verdict = f"[red]{wrong} of {count(len(checks), 'check')} wrong[/red]" if wrong else "no fault found"
    return f"{escape(place or 'here')}, {rows}{parts if len(terms) > 1 else ''}: {verdict}"


def _print_failures(console: Console, proof: Proof) -> None:
    failed = next((check for check in proof.checks if check.verdict == "wrong"), None)
    if failed is None:
        return
    by = ", ".join(NAMES[method] for method in proof.found_by)
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


def _print_notes(console: Console, proof: Proof) -> None:
    for method in BY_ENTRIES:
        share = proof.coverage(method)
        if share is not None and share < 1:
            console.print(f"{NAMES[method]}: {share:.1%} of the entries were checked, a sample of each tensor")
    if proof.coverage("oracle") is None and not oracle.installed():
        console.print("autograd is not installed, and was not asked: pip install 'nncli\\[check]'")
    dead = [found[0].name for found in _by_tensor(proof) if all(t.zeros == t.entries for t in found)]
    if dead:
        console.print(f"exactly 0 in every entry, everywhere: {', '.join(map(escape, dead))}")
    console.print(
        f"errors relative to the tensor's largest entry (at least {FLOOR:g} of the gradient's), at float64; limits: "
        + ", ".join(f"{NAMES[method]} {LIMITS[method]:g}" for method in BY_ENTRIES)
        + f", Taylor order {taylor.LEAST_ORDER}"
    )
