"""From tables to arrays: parts, their order, tables of their own, fingerprints."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from nncli.data.dataset import fingerprint, make_dataset, prepare
from nncli.data.files import read_table
from nncli.data.preprocess import Preprocessing
from nncli.data.sources import Diabetes, Iris, Moons, Regression
from nncli.errors import DataError

PENGUINS = Path(__file__).parents[2] / "configs" / "data" / "penguins.csv"


def make(table, seed=0, **settings):
    return make_dataset(table, rng=np.random.default_rng(seed), **settings)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_iris_is_ready_for_the_engine(dtype):
    iris = Iris().load()
    data = make(iris, validation_share=0.2, test_share=0.1, dtype=dtype)
    assert data.task == "classification"
    assert data.preprocessing.target.classes == ("setosa", "versicolor", "virginica")
    for part, size in ((data.train, 105), (data.validation, 30), (data.test, 15)):
        assert len(part) == size
        assert part.inputs.shape == (size, 5)
        assert part.inputs.dtype == dtype
        assert part.inputs.flags.c_contiguous
        assert (part.inputs[:, -1] == 1).all()
        assert part.X.base is part.inputs
        assert part.targets.dtype == np.intp
        labels = [data.preprocessing.target.classes[code] for code in part.targets]
        assert labels == iris.target[part.rows].tolist()
        assert part.place(0) == iris.place(part.rows[0])
    X = iris.features[data.train.rows]
    expected = (iris.features[data.test.rows] - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(data.test.X, expected, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-6)


def test_a_regression_is_scaled_and_comes_back_in_its_own_units():
    diabetes = Diabetes().load()
    data = make(diabetes, dtype=np.float64)
    assert data.task == "regression"
    assert data.train.targets.shape == (len(data.train), 1)
    assert data.train.targets.mean() == pytest.approx(0, abs=1e-13)
    assert data.train.targets.std() == pytest.approx(1)
    back = data.preprocessing.target.invert(data.test.targets)[:, 0]
    np.testing.assert_allclose(back, diabetes.target[data.test.rows], rtol=1e-13)
    assert make(diabetes, target="none", dtype=np.float64).train.targets[0, 0] in diabetes.target


def test_several_targets_keep_their_columns():
    data = make(Regression(n_targets=3).load(), dtype=np.float64)
    assert data.train.targets.shape == (280, 3)
    np.testing.assert_allclose(data.train.targets.std(axis=0), 1)


def test_the_same_seed_gives_the_same_bits_and_shares_of_zero_give_no_part():
    moons = Moons().load()
    first, same, other = make(moons, 1), make(moons, 1), make(moons, 2)
    assert first.train.inputs.tobytes() == same.train.inputs.tobytes()
    assert first.train.rows.tolist() != other.train.rows.tolist()
    data = make(moons, validation_share=0, test_share=0)
    assert (data.validation, data.test) == (None, None)
    assert data.train.rows.tolist() == list(range(400))


def test_integers_are_classes_or_quantities_as_asked_for():
    moons = Moons().load()
    assert make(moons, classification=False).task == "regression"
    plain = dataclasses.replace(moons, categorical=False)
    assert make(plain).task == "regression"
    assert make(plain, classification=True).preprocessing.target.classes == (0, 1)


def test_a_table_of_its_own_replaces_the_share_and_is_matched_by_name():
    moons = Moons(n_samples=20).load()
    own = dataclasses.replace(moons, features=moons.features[:, ::-1], feature_names=("x2", "x1"), origin="own.csv")
    data = make(moons, validation=own, test=own, validation_share=0.9, test_share=0.9, dtype=np.float64)
    assert len(data.train) == 20
    np.testing.assert_array_equal(data.validation.inputs, data.train.inputs)
    assert data.test.table is own


def test_preprocessing_is_not_fitted_on_tables_of_their_own():
    moons = Moons(n_samples=20).load()
    far = dataclasses.replace(moons, features=moons.features + 100)
    data = make(moons, test=far, validation_share=0, dtype=np.float64)
    assert data.train.X.mean() == pytest.approx(0, abs=1e-12)
    assert data.test.X.mean() > 50


def test_a_missing_column_in_a_table_of_its_own_is_named():
    moons = Moons(n_samples=20).load()
    own = dataclasses.replace(moons, feature_names=("x1", "x_2"), origin="test.csv")
    with pytest.raises(DataError, match=r"test\.csv: no column 'x2', did you mean 'x_2'\?; a table needs every column"):
        make(moons, test=own)


def test_a_label_that_only_another_part_has_is_named():
    iris = Iris().load()  # sorted by species: unshuffled, the last one is never trained on
    with pytest.raises(DataError) as error:
        make(iris, shuffle=False, validation_share=0, test_share=0.4)
    assert str(error.value).startswith(
        "iris row 101, column 'class': the class 'virginica' is in no training row; known are setosa, versicolor; "
    )
    assert str(error.value).endswith("and 45 more")


def test_stratifying_where_it_makes_no_sense_is_refused():
    with pytest.raises(DataError, match=r"data\.split\.stratify: a regression has no classes to stratify by; leave it"):
        make(Diabetes().load(), stratify=True)
    with pytest.raises(DataError, match=r"data\.split\.stratify: rows that are not shuffled cannot be stratified; set"):
        make(Iris().load(), stratify=True, shuffle=False)
    assert len(make(Iris().load(), stratify=False).test) == 23


def test_a_quantity_as_classes_and_text_as_a_quantity_are_refused():
    with pytest.raises(DataError, match=r"regression row 1, column 'y': .* is no class label"):
        make(Regression().load(), classification=True)
    with pytest.raises(DataError, match=r"iris, column 'class': the target is text \('setosa' in iris row 1\)"):
        make(Iris().load(), classification=False)


def test_prepare_repeats_what_training_did_also_after_json():
    iris = Iris().load()
    data = make(iris)
    fitted = Preprocessing.from_json(json.loads(json.dumps(data.preprocessing.to_json())))
    wide = dataclasses.replace(
        iris,
        features=np.column_stack([np.full(150, 9.0), iris.features]),
        feature_names=("extra", *iris.feature_names),
    )
    part = prepare(wide, fitted, np.float32)
    assert part.inputs[data.test.rows].tobytes() == data.test.inputs.tobytes()
    np.testing.assert_array_equal(part.targets[data.test.rows], data.test.targets)


def test_the_fingerprint_sees_every_byte_name_type_and_role_and_nothing_else():
    moons = Moons(n_samples=8).load()
    changed = moons.features.copy()
    changed[7, 1] = np.nextafter(changed[7, 1], 9)
    others = [
        fingerprint(train=dataclasses.replace(moons, features=changed)),
        fingerprint(train=dataclasses.replace(moons, feature_names=("x1", "z"))),
        fingerprint(train=dataclasses.replace(moons, target=1 - moons.target)),
        fingerprint(train=dataclasses.replace(moons, target=moons.target.astype(float))),
        fingerprint(train=dataclasses.replace(moons, target_names=("label",))),
        fingerprint(train=moons, test=moons),
        fingerprint(train=moons, validation=moons),
    ]
    own = fingerprint(train=moons, validation=None)
    assert len({own, *others}) == 8
    assert own == fingerprint(train=dataclasses.replace(moons, origin="elsewhere"))
    assert own == fingerprint(train=dataclasses.replace(moons, features=np.asfortranarray(moons.features)))
    assert make(moons).fingerprint == own


def test_the_penguins_of_the_examples_are_whole():
    table = read_table(PENGUINS, target=("species",), features=None, drop=())
    labels, counts = np.unique(table.target, return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == {"Adelie": 151, "Chinstrap": 68, "Gentoo": 123}
    assert table.feature_names == ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    assert table.features[0].tolist() == [39.1, 18.7, 181, 3750]
