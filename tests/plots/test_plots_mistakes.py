"""The picture of mistakes has an image for each of the worst, as it stands in the table."""

from __future__ import annotations

import numpy as np
from drawn import drawn

from nncli.data.pixels import find_pixels, pixel_names
from nncli.plots.mistakes import SHOWN, draw_mistakes

PIXELS = find_pixels(pixel_names(2, 3))


def test_each_image_stands_under_what_it_is_taken_for() -> None:
    assert PIXELS is not None
    images = np.arange(12.0).reshape(2, 6)
    picture = draw_mistakes(images, ["$8$", "a"], ["3", "b"], PIXELS, "test", 1000)
    assert picture is not None
    first, second = picture.figure.axes
    np.testing.assert_array_equal(first.images[0].get_array(), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(second.images[0].get_array(), [[6, 7, 8], [9, 10, 11]])
    assert first.get_title() == r"3, is \$8\$"
    assert picture.alt == "The 2 images with the greatest loss of test, 1,000 rows: $8$ taken for 3, a taken for b."
    drawn(picture)


def test_of_many_the_worst_are_shown_and_of_none_nothing() -> None:
    assert PIXELS is not None
    many = draw_mistakes(np.zeros((100, 6)), ["a"] * 100, ["b"] * 100, PIXELS, "test", 200)
    assert many is not None
    assert sum(bool(axes.images) for axes in many.figure.axes) == SHOWN
    assert many.alt.endswith("and 19 others.")
    assert draw_mistakes(np.zeros((0, 6)), [], [], PIXELS, "test", 200) is None
