"""A table is checked when it is made; columns are chosen by name."""

import numpy as np
import pytest

from nncli.data.columns import choose_features, listed
from nncli.data.table import CHUNK, BadCells, Table, chunks
from nncli.errors import DataError


def table(X, y=None, **changes):
    X = np.asarray(X)
    fields = {
        "origin": "t.csv",
        "features": X,
        "feature_names": tuple("abcdefgh"[: X.shape[1]]),
        "target": np.arange(len(X)) if y is None else np.asarray(y),
        "target_names": ("y",),
        "categorical": False,
        "first_line": 2,
    }
    return Table(**(fields | changes))


def test_place_counts_lines_from_the_header_and_rows_from_one():
    X = np.zeros((60, 1))
    assert table(X).place(55) == "t.csv line 57"
    assert table(X, first_line=None, origin="digits.npz").place(56) == "digits.npz row 57"


def test_numbers_that_are_not_finite_are_named_by_line_and_column():
    X = np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, np.inf]])
    with pytest.raises(DataError) as error:
        table(X, [0.0, 1.0, -np.inf])
    assert [(p.where, p.message) for p in error.value.problems] == [
        ("t.csv line 4, column 'b'", "inf is not finite"),
        ("t.csv line 4, column 'y'", "-inf is not finite"),
    ]
    assert "`data.drop: [b]` leaves the column out" in error.value.problems[0].remedy


def test_of_many_bad_cells_the_first_five_are_named_and_the_others_counted():
    rows = CHUNK + 30  # over the edge of a chunk
    X = np.zeros((rows, 1), np.float32)
    X[-22:] = np.inf
    with pytest.raises(DataError) as error:
        table(X)
    problems = error.value.problems
    assert [p.where for p in problems[:5]] == [f"t.csv line {rows - 22 + i + 2}, column 'a'" for i in range(5)]
    assert problems[5].message == "and 17 more"
    assert len(problems) == 6


def test_no_rows_is_an_error_of_the_data():
    with pytest.raises(DataError, match=r"t\.csv: no rows"):
        table(np.zeros((0, 2)), np.zeros(0))


@pytest.mark.parametrize(
    "changes",
    [
        {"feature_names": ("a",)},
        {"features": np.zeros((3, 2), np.int64)},
        {"target": np.zeros(2)},
        {"target": np.zeros((3, 2))},
        {"target": np.array(["u", "v", "w"])},
        {"target": np.array([None, 1, 2])},
    ],
)
def test_shapes_and_kinds_that_do_not_fit_are_faults_of_the_program(changes):
    with pytest.raises(ValueError, match=r"features|target"):
        table(np.zeros((3, 2)), **changes)


def test_chunks_cover_all_rows_once_in_order():
    assert [i for part in chunks(1000, CHUNK // 7) for i in range(part.start, part.stop)] == list(range(1000))
    assert [part.stop - part.start for part in chunks(3, 10 * CHUNK)] == [1, 1, 1]


def test_bad_cells_come_by_row_whatever_order_they_were_found_in():
    bad = BadCells(lambda row: f"row {row}")
    bad.add(1, [(9, "a", "late", "")])
    bad.add(1, [(2, "b", "early", "")])
    with pytest.raises(DataError) as error:
        bad.refuse()
    assert [p.message for p in error.value.problems] == ["early", "late"]


def choose(target=("y",), features=None, drop=()):
    return choose_features("t.csv", ("age", "height", "y"), target=target, features=features, drop=drop)


def test_features_are_all_columns_but_target_and_dropped():
    assert choose() == ("age", "height")
    assert choose(drop=("age",)) == ("height",)
    assert choose(features=("height", "age")) == ("height", "age")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": ()}, "t.csv: no target column given; name one with `data.target`: age, height, y"),
        ({"target": ("hight",)}, "t.csv: `data.target`: no column 'hight', did you mean 'height'?"),
        ({"features": ("qqq",)}, "t.csv: `data.features`: no column 'qqq', there are age, height, y"),
        ({"drop": ("Age ",)}, "t.csv: `data.drop`: no column 'Age ', did you mean 'age'?"),
        ({"drop": ("age", "age")}, "t.csv: `data.drop` names 'age' twice; name it once"),
        ({"drop": ("y",)}, "t.csv: 'y' is the target and in `data.drop`; take it out of one of them"),
        ({"features": ("age", "y")}, "t.csv: 'y' is the target and in `data.features`; take it out of one of them"),
        (
            {"features": ("age", "height"), "drop": ("age",)},
            "t.csv: 'age' is in `data.features` and in `data.drop`; take it out of one of them",
        ),
        (
            {"drop": ("age", "height")},
            "t.csv: no feature column is left; the columns are age, height, y; `data.features` and `data.drop` choose",
        ),
    ],
)
def test_wrong_choices_of_columns_say_what_to_do(arguments, message):
    with pytest.raises(DataError) as error:
        choose(**arguments)
    assert str(error.value) == message


def test_all_wrong_choices_come_at_once():
    with pytest.raises(DataError) as error:
        choose(target=("z",), features=("q",), drop=("r",))
    assert len(error.value.problems) == 3


def test_a_long_list_of_columns_is_shortened():
    assert listed([f"p{i}" for i in range(784)]).endswith("p19 and 764 more")
