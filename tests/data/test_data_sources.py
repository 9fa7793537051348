"""Built-in data: every source loads, repeats, and refuses fields that do not go together."""

import dataclasses
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import sklearn.datasets

from nncli.data import sources
from nncli.data.sources import collected, registry
from nncli.errors import DataError, NncliError

SHAPES = {
    "iris": (150, 4),
    "digits": (1797, 64),
    "wine": (178, 13),
    "breast_cancer": (569, 30),
    "diabetes": (442, 10),
    "linnerud": (20, 3),
}


@pytest.mark.parametrize("source", list(registry), ids=lambda source: source.name)
def test_every_source_loads_with_its_defaults_and_repeats(source):
    table, again = source().load(), source().load()
    assert table.origin == source.name
    assert table.features.dtype == np.float64
    assert table.features.shape == SHAPES.get(source.name, table.features.shape)
    np.testing.assert_array_equal(table.features, again.features)
    np.testing.assert_array_equal(table.target, again.target)
    assert not table.categorical or len(np.unique(table.target)) >= 2
    assert table.place(0) == f"{source.name} row 1"


@pytest.mark.parametrize("source", [s for s in registry if "seed" in s.__dataclass_fields__], ids=lambda s: s.name)
def test_another_seed_gives_other_rows(source):
    assert not np.array_equal(source(seed=1).load().features, source(seed=2).load().features)


def test_every_field_has_a_default_and_a_description_of_its_bounds():
    for source in registry:
        assert dataclasses.is_dataclass(source)
        assert source.__dataclass_params__.frozen
        assert source.__doc__
        source()


LOADERS = {
    sources.Iris: sklearn.datasets.load_iris,
    sources.Digits: sklearn.datasets.load_digits,
    sources.Wine: sklearn.datasets.load_wine,
    sources.BreastCancer: sklearn.datasets.load_breast_cancer,
    sources.Diabetes: partial(sklearn.datasets.load_diabetes, scaled=False),
    sources.Linnerud: sklearn.datasets.load_linnerud,
}


def assert_same_as_scikit_learns(table, bunch):
    np.testing.assert_array_equal(table.features, bunch.data, strict=True)
    assert table.feature_names == tuple(bunch.feature_names)
    if table.target.dtype.kind == "U":  # labels by name
        assert table.target.tolist() == [str(bunch.target_names[k]) for k in bunch.target]
    else:
        np.testing.assert_array_equal(table.target, bunch.target, strict=True)
    if table.target.ndim == 2:
        assert table.target_names == tuple(bunch.target_names)


@pytest.mark.parametrize("source", LOADERS, ids=lambda source: source.name)
def test_what_is_read_from_scikit_learns_files_is_what_its_loader_gives(source, monkeypatch):
    monkeypatch.setattr(source, "_loaded", lambda self: pytest.fail("the files were not found"))
    assert_same_as_scikit_learns(source().load(), LOADERS[source]())


@pytest.mark.parametrize("source", LOADERS, ids=lambda source: source.name)
def test_where_its_files_lie_elsewhere_the_loader_is_asked(source, monkeypatch, tmp_path):
    monkeypatch.setattr(collected, "_folder", lambda: tmp_path)
    assert_same_as_scikit_learns(source().load(), LOADERS[source]())


def test_classes_are_those_that_scikit_learn_names():
    assert sorted(set(sources.Iris().load().target)) == ["setosa", "versicolor", "virginica"]
    assert sources.Digits().load().target.dtype == np.int64


def test_diabetes_is_in_its_own_units():
    assert sources.Diabetes().load().features[0, 0] == 59  # years


def test_generators_are_those_of_scikit_learn():
    X, y = sklearn.datasets.make_moons(n_samples=31, noise=0.2, random_state=5)
    table = sources.Moons(n_samples=31, noise=0.2, seed=5).load()
    np.testing.assert_array_equal(table.features, X)
    np.testing.assert_array_equal(table.target, y)
    X, Y = sklearn.datasets.make_regression(n_samples=9, n_features=6, n_informative=2, n_targets=3, random_state=1)
    table = sources.Regression(n_samples=9, n_features=6, n_informative=2, n_targets=3, noise=0, seed=1).load()
    np.testing.assert_array_equal(table.target, Y)
    assert table.target_names == ("y1", "y2", "y3")


def test_xor_without_noise_is_the_truth_table():
    table = sources.Xor(n_samples=4, noise=0).load()
    rows = {(a, b): label for (a, b), label in zip(table.features.tolist(), table.target.tolist(), strict=True)}
    assert rows == {(-1, -1): 0, (-1, 1): 1, (1, -1): 1, (1, 1): 0}


def test_spirals_lie_on_their_curve_and_are_balanced():
    spirals = sources.Spirals(n_samples=300, n_classes=3, turns=2, noise=0)
    table = spirals.load()
    assert np.bincount(table.target).tolist() == [100, 100, 100]
    z = table.features @ np.array([1, 1j])
    on_curve = np.abs(z) * np.exp(2j * np.pi * (2 * np.abs(z) + table.target / 3))
    np.testing.assert_allclose(z, on_curve, atol=1e-12)


@pytest.mark.parametrize(
    ("source", "messages"),
    [
        (
            sources.Classification(n_features=5, n_informative=4, n_redundant=2),
            ["n_informative 4 + n_redundant 2 = 6 exceeds n_features 5; raise n_features to 6, or lower the others"],
        ),
        (
            sources.Classification(n_informative=2, n_classes=3),
            ["3 x n_clusters_per_class 2 = 6 clusters, and n_informative 2 gives only 4 corners", "n_informative to 3"],
        ),
        (sources.Classification(n_samples=4, n_classes=3), ["4 samples for 6 clusters; raise n_samples to 6 at least"]),
        (sources.Multilabel(n_labels=6), ["n_labels 6 on average exceeds n_classes 5; raise n_classes to 6, or lower"]),
        (sources.Regression(n_features=2), ["n_informative 5 exceeds n_features 2; raise n_features to 5"]),
        (sources.Blobs(n_samples=4, centers=5), ["4 samples for 5 centers; raise n_samples to 5 at least"]),
        (sources.Spirals(n_samples=4, n_classes=5), ["4 samples for 5 classes; raise n_samples to 5 at least"]),
    ],
)
def test_fields_that_do_not_go_together_are_refused_with_a_remedy(source, messages):
    with pytest.raises(DataError) as error:
        source.load()
    assert str(error.value).startswith(f"data.source {source.name}: ")
    assert all(message in str(error.value) for message in messages)


def test_the_bounds_of_classification_are_exact():
    sources.Classification(n_features=2, n_informative=2, n_redundant=0, n_classes=2).load()


def test_an_unknown_source_comes_back_with_the_nearest():
    with pytest.raises(NncliError, match="unknown data source 'irsi', did you mean 'iris'"):
        registry["irsi"]


def test_reading_data_sets_and_drawing_our_own_loads_neither_scikit_learn_nor_polars():
    code = (
        "import sys, nncli.data.dataset, nncli.data.files, nncli.data.idx, nncli.data.sources;"
        "built_in = nncli.data.sources; [source().load() for source in (built_in.Xor, built_in.Spirals, built_in.Iris, "
        "built_in.Digits, built_in.Wine, built_in.BreastCancer, built_in.Diabetes, built_in.Linnerud)];"
        "print(sorted({'sklearn', 'polars', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "source",
    [
        registry["xor"](n_samples=10**15),
        registry["blobs"](n_features=10**15),
        registry["regression"](n_targets=10**15),
        registry["multilabel"](n_classes=10**15),
        registry["multilabel"](length=10**15),
    ],
    ids=lambda source: source.name,
)
def test_more_than_there_is_room_for_is_not_drawn(source):
    with pytest.raises(DataError, match=f"data.source {source.name}: it holds .* or more, and has to be in memory"):
        source.load()
