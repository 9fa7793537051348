"""What gradcheck.json says, as a table: the certificate of a run."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from nncli.errors import RunError
from nncli.pages.tables import Table
from nncli.run import Run

METHODS = ("complex_step", "differences", "oracle")


class _Comparison(BaseModel):
    method: str
    error: float | None


class _Tensor(BaseModel):
    name: str
    entries: int
    order: float | None
    comparisons: list[_Comparison]
    verdict: str


class _Check(BaseModel):
    place: str
    term: str
    tensors: list[_Tensor]


class _Certificate(BaseModel):
    verdict: str
    not_proven: list[str]
    remarks: list[str]
    checks: list[_Check]


def certificate(run: Run) -> tuple[list[str], list[Table]]:
    """What it says in sentences, and for each tensor the worst that any method found anywhere."""
    file = run.path / "gradcheck.json"
    if not file.exists():
        return [f"The gradients of this run were not checked; nncli report {run.path} --gradcheck does that."], []
    try:
        found = _Certificate.model_validate(run.read_json(file.name))
    except RunError as error:
        return [str(error)], []
    except ValidationError:
        return [f"{file} is not as nncli writes it; nncli report {run.path} --gradcheck writes it again."], []
    verdicts = {
        "right": "Every gradient of this network was found right",
        "wrong": "A gradient of this network is wrong",
        "not proven": f"Not every gradient was proven ({', '.join(found.not_proven)})",
    }
    places = list(dict.fromkeys(check.place for check in found.checks))
    text = f"{verdicts.get(found.verdict, found.verdict)}, at {', '.join(places)}."
    return [text, *(f"{remark}." for remark in found.remarks)], [_table(found)]


def _table(found: _Certificate) -> Table:
    rows = []
    for name in dict.fromkeys(tensor.name for check in found.checks for tensor in check.tensors):
        here = [tensor for check in found.checks for tensor in check.tensors if tensor.name == name]
        errors = {
            method: [one.error for tensor in here for one in tensor.comparisons if one.method == method]
            for method in METHODS
        }
        orders = [tensor.order for tensor in here if tensor.order is not None]
        verdicts = {tensor.verdict for tensor in here}
        verdict = "wrong" if "wrong" in verdicts else "right" if "right" in verdicts else "not proven"
        worst = [_error([e for e in errors[method] if e is not None]) for method in METHODS]
        rows.append([name, f"{here[0].entries:,}", *worst, f"{min(orders):.2f}" if orders else "–", verdict])
    heads = ("tensor", "entries", "complex step", "differences", "autograd", "Taylor order", "gradient")
    return Table("The largest error of each tensor relative to its largest entry, over all places", heads, rows)


def _error(errors: list[float]) -> str:
    return f"{max(errors):.1e}" if errors else "–"
