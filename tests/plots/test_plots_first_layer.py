"""The picture of the first layer's weights."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import drawn, png, texts

from nncli.data.pixels import find_pixels, pixel_names
from nncli.plots.first_layer import draw_first_layer


def layer(height: int, width: int, units: int):
    pixels = find_pixels(pixel_names(height, width))
    assert pixels is not None
    return np.random.default_rng(0).normal(size=(height * width, units)).astype(np.float32), pixels


def tiles(mosaic: np.ma.MaskedArray, height: int, width: int) -> list[np.ndarray]:
    """The images in a mosaic, found by the gaps around them."""
    there = ~np.ma.getmaskarray(mosaic)
    tops = [i for i in range(len(there)) if there[i].any() and not there[i - 1].any()]
    lefts = [j for j in range(there.shape[1]) if there[:, j].any() and not there[:, j - 1].any()]
    cut = [mosaic[top : top + height, left : left + width] for top in tops for left in lefts]
    return [np.asarray(tile) for tile in cut if not np.ma.getmaskarray(tile).any()]


@pytest.mark.parametrize(("height", "width", "units"), [(8, 8, 64), (28, 28, 100), (5, 9, 7), (9, 4, 1), (2, 2, 3)])
def test_each_unit_is_an_image_of_its_weights_the_largest_norm_first(height: int, width: int, units: int) -> None:
    weight, pixels = layer(height, width, units)
    picture = drawn(draw_first_layer(weight, pixels))
    axes, bar = picture.figure.axes
    shown = tiles(axes.images[0].get_array(), height, width)
    order = np.argsort(-np.linalg.norm(weight, axis=0))[:64]
    assert len(shown) == min(units, 64)
    for tile, unit in zip(shown, order, strict=True):
        np.testing.assert_allclose(tile, weight[:, unit].reshape(height, width), rtol=1e-6)
    low, high = axes.images[0].get_clim()
    assert low == -high < 0
    assert bar.get_ylabel() == "weight"
    norms = np.linalg.norm(weight, axis=0)
    assert f"norms from {norms.max():.4g} (unit {order[0]}) to {norms[order[-1]]:.4g}" in picture.alt
    assert f"{height} × {width} pixels each; the largest norm first, row by row" in texts(picture.figure)
    what = (
        f"the 64 of {units} units with the largest norms"
        if units > 64
        else "1 unit"
        if units == 1
        else f"{units} units"
    )
    assert axes.get_title(loc="left") == f"Weights of the first layer, {what}"


def test_columns_in_another_order_give_the_same_picture() -> None:
    weight, pixels = layer(4, 6, 5)
    order = np.random.default_rng(1).permutation(24)
    names = np.array(pixel_names(4, 6))[order]
    shuffled = find_pixels(names.tolist())
    assert shuffled is not None
    assert png(drawn(draw_first_layer(weight[order], shuffled))) == png(drawn(draw_first_layer(weight, pixels)))


def test_signs_differ_in_brightness_too() -> None:
    weight, pixels = layer(2, 2, 1)
    axes = drawn(draw_first_layer(weight, pixels)).figure.axes[0]
    negative, none, positive = (np.dot(axes.images[0].to_rgba(x)[:3], (0.299, 0.587, 0.114)) for x in (-9.0, 0.0, 9.0))
    assert negative < positive - 0.2 < none - 0.4


def test_weights_that_tell_little() -> None:
    weight, pixels = layer(3, 3, 4)
    for size in (0, 1e-12, 1e12):
        drawn(draw_first_layer(weight * np.float32(size), pixels))
    single = np.zeros_like(weight)
    single[4, 2] = 1
    assert "weights from 0 to 1" in drawn(draw_first_layer(single, pixels)).alt
    assert draw_first_layer(weight * np.nan, pixels) is None
    assert draw_first_layer(weight[:-1], pixels) is None
    assert draw_first_layer(weight[:, :0], pixels) is None
