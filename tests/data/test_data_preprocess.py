"""Scaling and encoding: agrees with scikit-learn, is exact where it can be, and survives JSON bit for bit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from nncli.data.features import Encoding
from nncli.data.preprocess import ClassEncoding, Preprocessing, class_labels, target_values
from nncli.data.scaling import Scaling
from nncli.data.table import CHUNK, Table
from nncli.errors import DataError


def names(d):
    return tuple(f"x{i}" for i in range(d))


def fit(method, X, rows=None):
    return Scaling.fit(method, names(X.shape[1]), X, np.arange(len(X)) if rows is None else rows)


def apply(scaling, X, dtype=np.float64):
    out = np.empty(X.shape, dtype)
    scaling.apply(X, np.arange(len(X)), out, lambda row: f"t.csv line {row + 2}")
    return out


def table(y, X=None, categorical=False, **changes):
    y = np.asarray(y)
    fields = {
        "origin": "t.csv",
        "features": np.arange(len(y), dtype=float)[:, None] if X is None else np.asarray(X, float),
        "target": y,
        "categorical": categorical or y.dtype.kind == "U",
        "first_line": 2,
    }
    fields |= changes
    fields.setdefault("feature_names", names(fields["features"].shape[1]))
    fields.setdefault("target_names", ("y",) if y.ndim == 1 else tuple(f"y{i}" for i in range(y.shape[1])))
    return Table(**fields)


def rows(t):
    return np.arange(len(t))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
@pytest.mark.parametrize(("method", "reference"), [("standardize", StandardScaler), ("minmax", MinMaxScaler)])
def test_scaling_agrees_with_scikit_learn_over_several_chunks(method, reference, dtype):
    X = (np.random.default_rng(0).uniform(0, 255, (CHUNK // 3 + 7, 7)) * np.arange(1, 8) / 7).astype(dtype)
    expected = reference().fit_transform(X.astype(np.float64))
    np.testing.assert_allclose(apply(fit(method, X), X), expected, rtol=1e-11, atol=1e-11)


def test_scaling_is_fitted_on_its_rows_alone():
    X = np.array([[1.0], [1e9], [3.0]])
    scaling = fit("standardize", X, np.array([0, 2]))
    assert scaling.shift.tolist() == [2]
    assert scaling.scale.tolist() == [1]


@pytest.mark.parametrize("method", ["standardize", "minmax"])
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2.5, 1e300, 1e-300]))
def test_a_row_of_weight_k_is_fitted_as_k_rows_are(method, seed, unit):
    """Whatever unit the weights are in; those of rows that are not fitted on do not count."""
    rng = np.random.default_rng(seed)
    X, k = 100 + rng.normal(size=(40, 3)), rng.integers(0, 4, 40)
    rows = np.flatnonzero(rng.random(40) < 0.7)
    k[rows[0]] = 2
    weighted = Scaling.fit(method, names(3), X, rows, weights=k * unit)
    copies = fit(method, X, rows.repeat(k[rows]))
    np.testing.assert_allclose(weighted.shift, copies.shift, rtol=1e-13)
    np.testing.assert_allclose(weighted.scale, copies.scale, rtol=1e-10)


def test_the_weighted_mean_and_deviation_are_scikit_learn_s_over_several_chunks():
    rng = np.random.default_rng(0)
    n = CHUNK // 2 + 10
    X, w = rng.normal(size=(n, 3)) * [1, 100, 1e-3], rng.random(n)
    mine, theirs = (
        Scaling.fit("standardize", names(3), X, np.arange(n), weights=w),
        StandardScaler().fit(X, sample_weight=w),
    )
    np.testing.assert_allclose(mine.shift, theirs.mean_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mine.scale, theirs.scale_, rtol=1e-12)


def test_none_leaves_every_bit():
    X = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_array_equal(apply(fit("none", X), X), X)


@pytest.mark.parametrize("method", ["standardize", "minmax"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9, -1e-30, 123456.789])
def test_a_constant_column_becomes_zero(method, constant):
    X = np.full((100_003, 1), constant)
    scaling = fit(method, X)
    assert scaling.scale.tolist() == [1]
    np.testing.assert_allclose(apply(scaling, X), 0, atol=abs(constant) * 1e-10)


def test_rounding_noise_counts_as_constant_and_small_signals_do_not():
    noise = np.random.default_rng(0).standard_normal(1000)
    columns = [1e9 * (1 + 1e-16 * noise), 1e9 + 1e-2 * noise, 1e-8 * noise, 1.0 + 1e-10 * noise]
    X = np.stack(columns, axis=1)
    scaling = fit("standardize", X)
    np.testing.assert_allclose(scaling.scale, StandardScaler().fit(X).scale_, rtol=1e-9)
    assert scaling.scale[0] == 1
    assert scaling.scale[1] == pytest.approx(X[:, 1].std(), rel=1e-9)


def test_two_passes_keep_the_digits_of_a_small_spread_on_a_large_offset():
    X = 1e8 + np.array([[4.0], [7.0], [13.0], [16.0]])  # the example of the textbooks: variance 22.5 (divided by n)
    assert fit("standardize", X).scale[0] == pytest.approx(np.sqrt(22.5), rel=1e-15)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.sampled_from(["standardize", "minmax", "none"]))
def test_invert_undoes_apply(values, method):
    X = np.array(values)[:, None]
    scaling = fit(method, X)
    np.testing.assert_allclose(scaling.invert(apply(scaling, X)), X, rtol=1e-9, atol=1e-9 * np.abs(X).max())


def test_one_row_is_sane():
    assert apply(fit("standardize", np.array([[3.0]])), np.array([[3.0]])).tolist() == [[0]]


@pytest.mark.parametrize("method", ["standardize", "minmax"])
def test_numbers_whose_spread_overflows_are_refused(method):
    with pytest.raises(DataError, match=r"column 'x1': its numbers are so large that their spread overflows float64"):
        fit(method, np.array([[1.0, -1.7e308], [2.0, 1.7e308]]))


def test_a_number_beyond_the_precision_is_named():
    X = np.array([[1.0, 2.0], [1e39, 3.0]])
    with pytest.raises(
        DataError, match=r"t\.csv line 3, column 'x0': scaled, it is 1e\+39, beyond ±3\.4e\+38; correct"
    ):
        apply(fit("none", X), X, np.float32)
    assert np.isfinite(apply(fit("none", X), X)).all()


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(DataError, match="unknown scaling 'magic'; known are standardize, robust, minmax, log, none"):
        fit("magic", np.ones((2, 1)))


@pytest.mark.parametrize(
    ("y", "classes", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([10, 9, -1], (-1, 9, 10), [2, 1, 0]),
        ([1.0, 0.0, 10.0], (0, 1, 10), [1, 0, 2]),
        (["10", "9", "x"], ("10", "9", "x"), [0, 1, 2]),
        (["ß", "é", "日本"], ("ß", "é", "日本"), [0, 1, 2]),
    ],
)
def test_classes_are_sorted_and_coded_by_position(y, classes, codes):
    t = table(y)
    encoding = ClassEncoding.fit(t, rows(t))
    assert encoding.classes == classes
    assert [type(label) for label in encoding.classes] == [type(classes[0])] * len(classes)
    assert encoding.encode(t, rows(t)).tolist() == codes
    assert encoding.encode(t, rows(t)).dtype == np.intp


def test_labels_that_read_as_numbers_in_another_file_are_found_as_text():
    train = table(["1", "2", "x", "10"])
    encoding = ClassEncoding.fit(train, rows(train))
    assert encoding.encode(table([2, 10, 1]), np.arange(3)).tolist() == [2, 1, 0]
    numbers = table([1, 2, 10])
    encoding = ClassEncoding.fit(numbers, rows(numbers))
    assert encoding.encode(table(["10", "2"]), np.arange(2)).tolist() == [2, 1]


def test_an_unknown_label_is_named_with_the_known_ones():
    t = table(["a", "b", "zebra"])
    encoding = ClassEncoding.fit(t, np.array([0, 1]))
    with pytest.raises(DataError) as error:
        encoding.encode(t, rows(t))
    assert str(error.value) == (
        "t.csv line 4, column 'y': the class 'zebra' is in no training row; known are a, b; "
        "correct the label, drop the row, or train with rows of that class"
    )


def test_a_single_class_is_refused():
    t = table(["a", "a", "b"])
    with pytest.raises(DataError, match=r"t\.csv, column 'y': all 2 training rows have the class 'a'; two classes at"):
        ClassEncoding.fit(t, np.array([0, 1]))


@pytest.mark.parametrize("value", [1.5, 1e300])
def test_a_number_that_is_not_whole_is_no_label(value):
    with pytest.raises(DataError) as error:
        class_labels(table([1.0, value, 2.0]))
    assert str(error.value) == (
        f"t.csv line 3, column 'y': {value} is no class label; "
        "classes are text or whole numbers; a quantity asks for regression (`loss: mse`)"
    )


def test_several_target_columns_are_no_classes():
    with pytest.raises(DataError, match=r"t\.csv: 2 target columns: y0, y1; classes stand in one column"):
        class_labels(table(np.zeros((3, 2))))


def test_text_is_no_quantity():
    with pytest.raises(DataError, match=r"the target is text \('a' in t\.csv line 2\); regression needs numbers"):
        target_values(table(["a", "b"]), ("y",))


def test_targets_and_features_are_found_by_name():
    t = table(np.array([[1.0, 2.0], [3.0, 4.0]]), X=[[5, 6], [7, 8]])
    assert target_values(t, ("y1", "y0")).tolist() == [[2, 1], [4, 3]]
    assert t.cells.select(("x1",)).tolist() == [[6], [8]]
    with pytest.raises(DataError, match="no target column 'z', there are y0, y1"):
        target_values(t, ("z",))
    with pytest.raises(DataError) as error:
        t.cells.select(("x0", "x7", "weight"))
    assert str(error.value) == (
        "t.csv: no column 'x7', there are x0, x1; a table needs every column of the training table\n"
        "t.csv: no column 'weight', there are x0, x1; a table needs every column of the training table"
    )


@pytest.mark.parametrize("target", ["auto", "standardize", "none"])
def test_a_constant_regression_target_is_sane(target):
    t = table([2.5, 2.5, 2.5])
    fitted = Preprocessing.fit(t, rows(t), "regression", encoding=Encoding(), target=target)
    assert fitted.target.scale.tolist() == [1]
    assert fitted.target.invert(np.zeros((1, 1))).item() == (0 if target == "none" else 2.5)


def preprocessing(task):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 50) if task == "classification" else rng.standard_normal((50, 2)) * 1e-7 / 3
    t = table(y, X=rng.standard_normal((50, 4)) * [1e-300, 1 / 3, 1e17, 5e-20])
    return Preprocessing.fit(t, rows(t), task, encoding=Encoding(), target="auto")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_json_brings_every_bit_back(task):
    fitted = preprocessing(task)
    text = json.dumps(fitted.to_json(), allow_nan=False)
    back = Preprocessing.from_json(json.loads(text))
    assert back.task == task
    assert back.features.names == fitted.features.names
    for key in ("shift", "scale"):
        bits = [getattr(one.features.groups[0].scaling, key).tobytes() for one in (back, fitted)]
        assert bits[0] == bits[1]
    assert json.dumps(back.to_json()) == text


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((), [], "preprocess.json: a mapping is expected, and here is []"),
        (("task",), "ranking", "preprocess.json: unknown task 'ranking'"),
        (("features",), None, "preprocess.json: features: a mapping is expected, and here is None"),
        (("features", "extra"), 1, "preprocess.json: features: missing are none, unknown are ['extra']"),
        (
            ("features", "groups", 0, "scaling", "method"),
            "magic",
            "preprocess.json: features.groups.0.scaling.method: unknown scaling 'magic'",
        ),
        (
            ("features", "groups", 0, "scaling", "method"),
            ["none"],
            "preprocess.json: features.groups.0.scaling.method: unknown scaling ['none']",
        ),
        (
            ("features", "groups", 0, "scaling", "names"),
            "abcd",
            "preprocess.json: features.groups.0.scaling.names: a list is expected, and here is 'abcd'",
        ),
        (
            ("features", "groups", 0, "scaling", "names"),
            [1, 2, 3, 4],
            "preprocess.json: features.groups.0.scaling.names: a list of names is expected",
        ),
        (
            ("features", "groups", 0, "scaling", "names"),
            ["a", "a", "b", "c"],
            "preprocess.json: features.groups.0.scaling: 4 names, 4 shifts and 4 scales",
        ),
        (
            ("features", "groups", 0, "scaling", "shift"),
            [1.0],
            "preprocess.json: features.groups.0.scaling: 4 names, 1 shifts and 4 scales",
        ),
        (
            ("features", "groups", 0, "scaling", "shift"),
            [0, 0, 0, True],
            "preprocess.json: features.groups.0.scaling.shift: True is no finite number",
        ),
        (
            ("features", "groups", 0, "scaling", "shift"),
            [0, 0, 0, 10**400],
            "preprocess.json: features.groups.0.scaling.shift: 1000",
        ),
        (
            ("features", "groups", 0, "scaling", "scale"),
            [1, 1, 1, float("nan")],
            "preprocess.json: features.groups.0.scaling.scale: nan is no finite number",
        ),
        (
            ("features", "groups", 0, "scaling", "scale"),
            [1, 1, 1, 0],
            "preprocess.json: features.groups.0.scaling.scale: a scale that is not above 0",
        ),
        (("target", "classes"), ["b", "a"], "preprocess.json: target: two or more classes are expected, sorted"),
        (("target", "classes"), [1, "a"], "preprocess.json: target: two or more classes are expected, sorted"),
        (("target", "classes"), [True, False], "preprocess.json: target: two or more classes are expected, sorted"),
        (("target", "classes"), [3], "preprocess.json: target: two or more classes are expected, sorted"),
        (("target", "classes"), [2**70, 2**71], "preprocess.json: target: a class label beyond 64-bit integers"),
    ],
)
def test_what_nncli_did_not_write_is_refused(path, value, message):
    data = json.loads(json.dumps(preprocessing("classification").to_json()))
    if not path:
        data = value
    else:
        inner = data
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
    with pytest.raises(DataError) as error:
        Preprocessing.from_json(data)
    assert str(error.value).startswith(message)


def test_a_missing_key_is_named():
    data = preprocessing("regression").to_json()
    del data["target"]["scale"]
    with pytest.raises(
        DataError, match=r"target: missing are \['scale'\], unknown are none; take the file as nncli wrote"
    ):
        Preprocessing.from_json(data)
