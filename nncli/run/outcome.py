"""What summary.json says of a training that has ended, as far as others rely on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, ValidationError

Count = Annotated[int, Ge(0), Le(2**53)]
Number = Annotated[float, Ge(-1e308), Le(1e308)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _Convergence(_Strict):
    converged: bool
    evaluations: Count
    reason: str


class _Outcome(_Strict):
    status: Literal["completed", "stopped_early"]
    epochs: Count
    best_epoch: Count
    training_seconds: Number
    weights: Literal["best", "last"]
    metrics: dict[str, Number | None]
    digests: dict[str, str]
    convergence: _Convergence | None = None


def says_how_it_ended(summary: Mapping[str, Any]) -> bool:
    """Whether ``summary`` is that of a training that came to its end, as nncli writes it."""
    try:
        _Outcome.model_validate(dict(summary))
    except ValidationError:
        return False
    return True
