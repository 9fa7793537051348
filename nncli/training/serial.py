"""The numbers of a training's state as strict JSON, and back: what is not of the form that was written is refused.

A checkpoint may come from anybody. Its digest says that it is whole, and not that it makes sense.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

NOT_FINITE = ("inf", "-inf", "nan")
BIG = re.compile(r"[0-9]{1,39}")
"""A number of 128 bits, which JSON could not hold, as text."""
MOST = 2**53
"""More than anything is counted up to, and few enough that floats tell them apart."""


def to_json(content: Any) -> Any:
    """``content`` without what JSON has no number for: inf and nan, as text."""
    if isinstance(content, Mapping):
        return {key: to_json(value) for key, value in content.items()}
    return str(content) if isinstance(content, float) and not math.isfinite(content) else content


def from_json(content: Any, like: Any, name: str = "its state") -> Any:
    """The way back, to the form of ``like``: its names, and for each the same kind of value; others are left out.

    Raises:
        ValueError: ``content`` is of another form.
    """
    if isinstance(like, Mapping):
        if not isinstance(content, Mapping):
            raise ValueError(f"{name} is {content!r:.40}")
        if missing := like.keys() - content.keys():
            raise ValueError(f"{name} does not say {', '.join(sorted(missing))}")
        return {key: from_json(content[key], value, key) for key, value in like.items()}
    if isinstance(like, float):
        whole = type(content) is int and abs(content) <= MOST
        right = type(content) is float or whole or content in NOT_FINITE
    elif isinstance(like, int):
        right = type(content) is int and 0 <= content <= MOST
    elif isinstance(like, str):
        right = isinstance(content, str) and bool(BIG.fullmatch(content))
    else:
        right = content is None
    if not right:
        raise ValueError(f"{name} is {content!r:.40}")
    return float(content) if isinstance(like, float) else content
