"""What kind each column of a table is, and dates as numbers: the same for every contender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.tables.catalogue import Record


@dataclass(frozen=True)
class Columns:
    """The features of a table by kind, after `with_dates`."""

    numbers: list[str]
    text: list[str]


def with_dates(record: Record, frame: Any) -> Any:
    """``frame`` with each date in numbers: days since 1970, month, day, weekday, and the hour where one differs."""
    import pandas as pd

    for column in record.dates:
        when = pd.to_datetime(frame[column], errors="coerce", utc=True)
        parts = {
            "days": (when - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1),
            "month": when.dt.month,
            "day": when.dt.day,
            "weekday": when.dt.weekday,
        }
        if when.dt.hour.nunique() > 1:
            parts["hour"] = when.dt.hour
        frame = frame.drop(columns=column).assign(**{f"{column} {name}": part for name, part in parts.items()})
    return frame


def kinds(record: Record, frame: Any) -> Columns:
    """Numbers, or text (also truth values), but for the target."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    features = [column for column in frame.columns if column != record.target]
    numbers = [column for column in features if is_numeric_dtype(frame[column]) and not is_bool_dtype(frame[column])]
    return Columns(numbers, [column for column in features if column not in numbers])
