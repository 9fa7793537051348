"""Encoding of feature columns: agrees with scikit-learn, is fitted on its rows alone, and survives JSON bit for bit."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, RobustScaler, StandardScaler

from nncli.data.cells import Cells
from nncli.data.features import Category, Encoding, Features
from nncli.data.files import read_table
from nncli.errors import DataError

RNG = np.random.default_rng(0)


def place(row):
    return f"t.csv line {row + 2}"


def numbers(X):
    return Cells("t.csv", np.asarray(X, float), tuple(f"x{i}" for i in range(np.shape(X)[1])))


def fit(cells, rows=None, **encoding):
    return Features.fit(cells, np.arange(len(cells.values)) if rows is None else rows, Encoding(**encoding), place)


def apply(features, cells, dtype=np.float64):
    out = np.empty((len(cells.values), features.width), dtype)
    features.apply(cells, np.arange(len(out)), out, place)
    return out


def table(tmp_path, text, **keywords):
    (tmp_path / "t.csv").write_text(text)
    return read_table(tmp_path / "t.csv", target=("y",), features=None, drop=(), **keywords)


def test_robust_scaling_agrees_with_scikit_learn():
    X = RNG.standard_normal((501, 3)) ** 3
    np.testing.assert_allclose(apply(fit(numbers(X), numeric="robust"), numbers(X)), RobustScaler().fit_transform(X))


def test_robust_scaling_falls_back_to_the_range_where_the_quartiles_are_equal():
    X = np.array([[0.0, 7.0]] * 9 + [[4.0, 7.0]])
    assert apply(fit(numbers(X), numeric="robust"), numbers(X))[-1].tolist() == [2, 0]  # range 2, and a constant is 0


def test_logarithms_are_standardized_and_keep_the_sign():
    X = np.concatenate([-np.exp(RNG.standard_normal((100, 2)) * 3), np.exp(RNG.standard_normal((100, 2)) * 3)])
    expected = StandardScaler().fit_transform(np.sign(X) * np.log1p(np.abs(X)))
    np.testing.assert_allclose(apply(fit(numbers(X), numeric="log"), numbers(X)), expected)


def test_quantiles_agree_with_scikit_learn_at_the_training_rows():
    X = np.concatenate([RNG.exponential(size=(150, 1)), np.full((51, 1), 0.5)])  # many of one value
    theirs = QuantileTransformer(n_quantiles=200, output_distribution="normal", subsample=None).fit_transform(X)
    mine = apply(fit(numbers(X), numeric="quantile"), numbers(X))
    inner = np.abs(theirs) < 2  # they cut the ends off at ±5.2, which is what no row stands for
    assert inner.sum() > 180
    np.testing.assert_allclose(mine[inner], theirs[inner], atol=0.03)
    assert np.abs(mine).max() < 3.2  # the score of 1/402


@given(arrays(float, st.tuples(st.integers(2, 30), st.just(1)), elements=st.floats(-1e6, 1e6)))
def test_quantiles_never_turn_the_order_around(X):
    scores = apply(fit(numbers(X), numeric="quantile"), numbers(X))[:, 0]
    assert (np.diff(scores[np.argsort(X[:, 0])]) >= -1e-12).all()  # but for the last bit of an interpolation
    assert np.isfinite(scores).all()


def test_the_curve_of_quantiles_as_a_sum_is_the_curve_by_bisection():
    X = RNG.exponential(size=(60, 2))
    scaling = fit(numbers(X), numeric="quantile").groups[0].scaling
    probe = RNG.exponential(size=(500, 2)) * 2 - 0.5

    foreign = scaling.formula(Foreign(probe))
    np.testing.assert_allclose(foreign, scaling.formula(probe), atol=1e-12)


class Foreign:
    """What is no plain array takes the other way; just so much of one as that needs."""

    def __init__(self, X):
        self.X = X

    def __getitem__(self, key):
        return self.X[key]


def test_a_clip_bends_numbers_and_no_number_goes_beyond_it():
    X = np.array([[-1e9], [-1.0], [0.0], [1.0], [2.0]])
    plain, bent = (apply(fit(numbers(X), clip=clip), numbers(X)) for clip in (None, 3.0))
    np.testing.assert_allclose(bent, plain / np.sqrt(1 + (plain / 3) ** 2))
    assert np.abs(apply(fit(numbers(X), numeric="none", clip=3.0), numbers(X))).max() <= 3


@pytest.mark.parametrize(
    ("method", "strategy"), [("standardize", "mean"), ("robust", "median"), ("quantile", "median")]
)
def test_gaps_are_filled_with_the_middle_and_marked(method, strategy):
    X = RNG.exponential(size=(101, 2))
    X[RNG.random(101) < 0.3, 0] = np.nan
    gaps = np.isnan(X[:, 0])
    features = fit(numbers(X), numeric=method)
    assert features.outputs == ("x0", "x0 missing", "x1")
    Z = apply(features, numbers(X))
    np.testing.assert_array_equal(Z[:, 1], gaps)
    filled = SimpleImputer(strategy=strategy).fit(X).statistics_[0]
    of_filled = apply(features, numbers([[filled, 1.0]]))[0, 0]
    np.testing.assert_allclose(Z[gaps, 0], of_filled, atol=1e-2 if method == "quantile" else 1e-12)
    if method == "standardize":
        np.testing.assert_allclose(Z[:, 0], np.nan_to_num(StandardScaler().fit_transform(X)[:, 0]), atol=1e-12)


@pytest.mark.parametrize("method", ["minmax", "none"])
def test_without_a_middle_at_zero_gaps_are_filled_with_the_mean(method):
    X = np.array([[1.0], [np.nan], [5.0]])
    assert apply(fit(numbers(X), numeric=method), numbers(X))[1].tolist() == [0.5 if method == "minmax" else 3, 1]


def test_a_gap_where_the_training_rows_have_none_is_filled_and_not_marked():
    features = fit(numbers([[1.0], [3.0], [np.nan]]), np.array([0, 1]))
    assert apply(features, numbers([[np.nan], [3.0]])).tolist() == [[0], [1]]


def test_a_column_of_gaps_alone_is_sane():
    for method in ("standardize", "robust", "minmax", "quantile", "log", "none"):
        assert apply(fit(numbers([[np.nan]] * 3), numeric=method), numbers([[np.nan], [2.0]]))[0].tolist() == [0, 1]


def test_gaps_are_refused_by_line_if_asked_for():
    cells = numbers([[1.0], [np.nan], [3.0]])
    with pytest.raises(DataError, match=r"t\.csv line 3, column 'x0': empty cell; fill the cell or delete the row"):
        fit(cells, gaps="refuse")
    features = fit(numbers([[1.0], [3.0]]), gaps="refuse")
    with pytest.raises(DataError, match="line 3, column 'x0': empty cell"):
        apply(Features.from_json(features.to_json(), "p.json"), cells)


COLORS = "c,y\n" + "red,1\n" * 4 + "blue,2\n" * 3 + "pink,3\nlime,4\n,5\n"


def test_text_becomes_a_column_for_each_frequent_value_one_for_the_rare_and_one_for_gaps(tmp_path):
    cells = table(tmp_path, COLORS).cells
    features = fit(cells)
    assert features.outputs == ("c = blue", "c = red", "c missing", "c rare")
    theirs = OneHotEncoder(min_frequency=3, handle_unknown="infrequent_if_exist", sparse_output=False)
    expected = theirs.fit_transform(
        np.array(cells.read("c", np.arange(9)))[:, None]
    )  # without the gap, which they know not
    np.testing.assert_array_equal(apply(features, cells)[:9][:, [0, 1, 3]], expected)
    assert apply(features, cells)[9].tolist() == [0, 0, 1, 0]


def test_a_value_that_nobody_has_seen_is_a_rare_one_or_none(tmp_path):
    with_rare = fit(table(tmp_path, COLORS).cells)
    without = fit(table(tmp_path, "c,y\n" + "red,1\nblue,2\n" * 3).cells)
    other = table(tmp_path, "c,y\ngold,1\n,2\nred,3\n").cells  # the table's own levels are others
    assert apply(with_rare, other).tolist() == [[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]]
    assert apply(without, other).tolist() == [[0, 0], [0, 0], [0, 1]]


def test_a_category_for_an_embedding_is_its_code(tmp_path):
    cells = table(tmp_path, COLORS).cells
    features = fit(cells, categorical="embedding")
    assert apply(features, cells)[:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 3, 3, 2]
    (slot,) = features.slots
    assert (slot.kind, slot.levels) == ("code", 4)


def test_a_column_with_too_many_values_is_refused_with_the_remedies(tmp_path):
    cells = table(tmp_path, "c,y\n" + "".join(f"v{i},1\n" * 3 for i in range(1001))).cells
    with pytest.raises(
        DataError, match=r"'c': 1,001 different values in 3 rows or more would be as many columns; .*embedding"
    ):
        fit(cells)
    assert fit(cells, columns={"c": "embedding"}).slots[0].levels == 1003


DATES = "when,y\n2024-01-01,1\n2024-07-01,2\n2024-12-31,3\n"


def test_dates_are_a_time_and_points_on_circles(tmp_path):
    cells = table(tmp_path, DATES).cells
    features = fit(cells)
    assert features.outputs[0] == "when"
    assert features.outputs[1::2] == ("when: sine of the year", "when: sine of the week")
    Z = apply(features, cells)
    np.testing.assert_allclose(Z[:, 1] ** 2 + Z[:, 2] ** 2, 1)
    winter, summer, december = Z[:, 1:3]
    assert np.linalg.norm(winter - december) < 0.05  # a day or two of 365
    assert np.linalg.norm(winter - summer) > 1.99
    weekday = [np.arctan2(*row) / (2 * np.pi) * 7 % 7 for row in Z[:, 3:5]]  # 0 is Thursday, that of 1970-01-01
    assert np.round(weekday).tolist() == [4, 4, 5]  # Monday, Monday, Tuesday


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970/01/02", 86400),
        ("1970-01-01 01:00", 3600),
        ("1970-01-01T00:00:01", 1),
        ("1970-01-01 00:00:01.5", 1.5),
        ("1970-01-01T00:01:00Z", 60),
    ],
)
def test_dates_are_read_as_they_are_commonly_written(tmp_path, text, seconds):
    found = table(tmp_path, f"when,y\n{text},1\n2000-01-01,2\n,3\n")
    assert found.dates == {"when"}
    assert found.features[0, 0] == seconds
    assert np.isnan(found.features[2, 0])


def test_the_time_of_day_has_a_circle_where_there_is_one(tmp_path):
    features = fit(table(tmp_path, "when,y\n2024-01-01 06:00,1\n2024-07-01,2\n").cells)
    assert features.outputs[-1] == "when: cosine of the day"
    assert apply(features, table(tmp_path, "when,y\n2030-05-05 06:00,1\n").cells)[0, -2] == pytest.approx(1)


MIXED = "id,c,a,when,b,y\n" + "".join(
    f"{i},{'uvw'[i % 3]},{i * i % 17},{'' if i == 4 else f'2024-0{i % 9 + 1}-11'},{'' if i % 5 == 0 else i},{i}\n"
    for i in range(30)
)


def mixed(tmp_path, **encoding):
    cells = table(tmp_path, MIXED).cells
    return cells, fit(cells, **encoding)


@pytest.mark.parametrize(
    "encoding", [{}, {"numeric": "quantile", "clip": 2.5}, {"categorical": "embedding", "bins": 4}]
)
def test_json_brings_every_bit_back(tmp_path, encoding):
    cells, features = mixed(tmp_path, columns={"a": "log"}, **encoding)
    text = json.dumps(features.to_json(), allow_nan=False)
    back = Features.from_json(json.loads(text), "p.json")
    assert json.dumps(back.to_json()) == text
    assert back.agrees(features)
    assert back.slots == features.slots
    np.testing.assert_array_equal(apply(back, cells), apply(features, cells))


def test_it_is_fitted_on_its_rows_alone(tmp_path):
    cells, _ = mixed(tmp_path)
    some = np.arange(12)
    first = Cells("t.csv", cells.values[some], cells.names, cells.levels, cells.dates)
    assert fit(cells, some).to_json() == fit(first).to_json()


def test_what_holds_something_else_than_in_the_training_is_refused(tmp_path):
    _, features = mixed(tmp_path)
    other = table(tmp_path, MIXED.replace(",u,", ",1,").replace(",v,", ",2,").replace(",w,", ",3,")).cells
    with pytest.raises(DataError, match="column 'c': it holds a number, and that of the training table a category"):
        apply(features, other)


def test_edges_cut_a_column_into_pieces_of_as_many_rows():
    X = RNG.exponential(size=(1000, 1))
    features = fit(numbers(X), bins=10)
    Z = apply(features, numbers(X))[:, 0]
    counts, _ = np.histogram(Z, features.slots[0].edges)
    assert len(counts) == 10
    assert counts.min() >= 98
    assert counts.max() <= 102


@pytest.mark.parametrize("method", ["standardize", "quantile"])
def test_edges_are_the_quantiles_of_what_goes_in_and_take_the_memory_of_a_column(method):
    X = RNG.exponential(size=(50_000, 40))
    X[:5, 3] = np.nan
    encoding = {"numeric": method, "clip": 2.0}
    fit(numbers(X), **encoding)  # what is imported then takes memory, too
    tracemalloc.start()
    fit(numbers(X), **encoding)
    _, without = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    features = fit(numbers(X), **encoding, bins=10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < without + 4 * X[:, 0].nbytes
    Z = dict(zip(features.outputs, apply(features, numbers(X)).T, strict=True))
    for slot in (slot for slot in features.slots if slot.kind == "number"):
        assert slot.edges == tuple(np.quantile(Z[slot.name], np.linspace(0, 1, 11)))


def test_drawn_rows_can_be_encoded(tmp_path):
    for encoding in ({}, {"numeric": "quantile"}):
        _, features = mixed(tmp_path, **encoding)
        drawn = features.drawn(50, np.random.default_rng(0))
        Z = apply(features, drawn)
        assert np.isfinite(Z).all()
        assert Z.std(axis=0).max() > 0.5


def test_cells_are_shown_as_they_stood_in_the_table(tmp_path):
    cells, features = mixed(tmp_path)
    shown = dict(zip(features.outputs, features.shown(cells, np.array([4]))[0], strict=True))
    assert (shown["c = v"], shown["a"], shown["when"], shown["b"]) == ("v", 16.0, None, 4.0)


def test_levels_are_found_by_name_and_not_by_position():
    assert Category("c", ("a", "b"), True, True, False).lookup(("b", "z", "a")).tolist() == [1, 3, 0, 2]
