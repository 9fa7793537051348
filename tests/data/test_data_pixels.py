"""Which columns are the pixels of an image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncli.data.pixels import find_pixels, pixel_names
from nncli.data.sources import registry


@given(st.integers(2, 12), st.integers(2, 12), st.randoms())
def test_an_image_is_put_together_from_columns_in_any_order(height: int, width: int, random: object) -> None:
    names = list(pixel_names(height, width))
    random.shuffle(names)  # type: ignore[attr-defined]
    pixels = find_pixels(names)
    assert pixels is not None
    assert (pixels.height, pixels.width) == (height, width)
    values = np.array([[int(row) * 100 + int(column) for _, row, column in (name.split("_") for name in names)]])
    rows, columns = np.mgrid[:height, :width]
    np.testing.assert_array_equal(pixels.image(values), [rows * 100 + columns])


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        (registry["digits"].columns, (8, 8)),
        ([f"{row}x{column}" for row in range(1, 4) for column in range(1, 6)], (3, 5)),
        ([f"pixel{i}" for i in range(784)], (28, 28)),
        ([f"Pixel_{i}" for i in range(1, 10)], (3, 3)),
        ([f"px_{row}x{column}" for row in range(2) for column in range(2)], (2, 2)),
    ],
)
def test_names_tell_the_sides(names: list[str], shape: tuple[int, int]) -> None:
    pixels = find_pixels(names)
    assert pixels is not None
    assert (pixels.height, pixels.width) == shape


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["pixel_0_0"],
        [f"x{i}" for i in range(64)],
        [f"X_{i}" for i in range(64)],
        [f"{row}_{column}" for row in range(8) for column in range(8)],
        [f"pixel{i}" for i in range(12)],
        [*(f"pixel{i}" for i in range(8)), "pixel_missing"],
        [f"pixel{i}" for i in [*range(8), 9]],
        [*pixel_names(3, 3)[:-1], "pixel_1_1"],
        [*pixel_names(3, 3), "age"],
        pixel_names(3, 3)[:-1],
        pixel_names(1, 9),
        ["pixel_0_0", "pixel_9999_9999", "pixel_0_1", "pixel_1_0"],
    ],
    ids=lambda names: ",".join(names)[:30],
)
def test_what_does_not_say_so_is_no_image(names: list[str]) -> None:
    assert find_pixels(names) is None


def test_the_pixels_of_idx_files_and_digits_have_these_names() -> None:
    assert pixel_names(8, 8) == registry["digits"].columns
    assert pixel_names(1, 2) == ("pixel_0_0", "pixel_0_1")
