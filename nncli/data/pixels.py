"""Columns that are the pixels of an image, told from their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from nncli.data.cells import Array


@dataclass(frozen=True, eq=False)
class Pixels:
    """Where columns stand in an image.

    Attributes:
        height: Its rows.
        width: Its columns.
        place: (height·width,) for each column of the table its place in the image, counted along the rows.
    """

    height: int
    width: int
    place: Array

    def image(self, values: Array) -> Array:
        """The images (..., height, width) of ``values`` (..., height·width), a number for each column."""
        images = np.empty_like(values)
        images[..., self.place] = values
        return images.reshape(*values.shape[:-1], self.height, self.width)


def pixel_names(height: int, width: int) -> tuple[str, ...]:
    """What nncli calls the pixels of an image, row by row."""
    return tuple(f"pixel_{row}_{column}" for row in range(height) for column in range(width))


PLACES = re.compile(r"(?:(?:pixel|px)_?(?=\d+[_x])|(?=\d+x))(\d{1,4})[_x](\d{1,4})", re.IGNORECASE)
NUMBERS = re.compile(r"(?:pixel|px)_?(\d{1,7})", re.IGNORECASE)


def find_pixels(names: Sequence[str]) -> Pixels | None:
    """The image that columns of these ``names`` make up; None if they do not say that they do.

    It is told by names alone: ``pixel_R_C`` (IDX files and ``digits``), ``RxC``, or numbered pixels, ``pixel0`` ..., of
    a square. They are all the columns, each pixel once. Equally many numbers without such names are no image.
    """
    return _by_place(names) or _by_number(names)


def _by_place(names: Sequence[str]) -> Pixels | None:
    found = [PLACES.fullmatch(name) for name in names]
    places = np.array([match.groups() if match else (-1, -1) for match in found], np.int64).reshape(-1, 2)
    if not len(places) or (places < 0).any():
        return None
    places -= places.min(axis=0)
    height, width = (int(side) + 1 for side in places.max(axis=0))
    return _whole(height, width, places[:, 0] * width + places[:, 1])


def _by_number(names: Sequence[str]) -> Pixels | None:
    found = [NUMBERS.fullmatch(name) for name in names]
    side = isqrt(len(names))
    if not names or not all(found) or side * side != len(names):
        return None
    places = np.array([match[1] for match in found if match], np.int64)
    return _whole(side, side, places - places.min())


def _whole(height: int, width: int, place: Array) -> Pixels | None:
    """An image of these places, if it has a pixel in each and more than one in both directions."""
    if (
        min(height, width) < 2
        or len(place) != height * width
        or not np.array_equal(np.sort(place), np.arange(len(place)))
    ):
        return None
    return Pixels(height, width, place)
