"""Rows that lie on disk: whether they are to, in which folder, and how they come there."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import weakref
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from nncli.builder.data import (
    Tables,
    asks_for_classes,
    feature_encoding,
    load_dataset,
    placed_in_config,
    reading,
    refuse_other_target,
    split_stream,
    target_scaling,
)
from nncli.config.schema import Config
from nncli.data.blocks import blocks_of
from nncli.data.cells import Kind
from nncli.data.dataset import Dataset
from nncli.data.files import SEPARATORS, check_exists, is_folder, kind_of
from nncli.data.preprocess import Preprocessing
from nncli.data.stored import Cache, Plan, Wanted, prepare_tables, store_archive, store_columns
from nncli.data.stored.room import fits_into_memory
from nncli.data.table import Table
from nncli.engine.optimizers import Minimizer
from nncli.errors import ConfigError, DataError, RunError
from nncli.run import ROOT, Run
from nncli.run.files import cannot
from nncli.run.lock import NAME as LOCK
from nncli.run.lock import held, locked
from nncli.text import bytes_text

PATHS: tuple[Literal["path", "validation_path", "test_path"], ...] = ("path", "validation_path", "test_path")
FOLDER = "cache"
"""What the folder of prepared rows is called in a run."""
PREFIX = ".cache-"
"""How the name of a folder begins in which they are being prepared."""


@dataclass(frozen=True)
class Place:
    """Where prepared rows go.

    Attributes:
        run: The directory of a run, in whose ``cache`` they are, or are put; None: of none that is there already.
        beside: The folder in which they are then prepared, to be moved from there, or to go with the process.
        say: Told what is being done, which may take long.
    """

    run: Path | None = None
    beside: Path = ROOT
    say: Callable[[str], None] = lambda text: None


def read_dataset(
    config: Config, tables: Tables | None = None, fitted: Preprocessing | None = None, place: Place | None = None
) -> Dataset:
    """The rows of ``config``, or of ``tables``, ready for a network: in memory, or on disk where they are to lie there.

    The preprocessing is ``fitted`` already, or is fitted on the training rows.

    Raises:
        DataError, ConfigError: As ``load_dataset``; they are to lie on disk, and cannot.
        RunError: Nothing can be written there.
    """
    if tables is not None or not lies_on_disk(config):
        return load_dataset(config, tables, fitted)
    place, key, told = place or Place(), _key(config), ""
    made_of = None
    if place.run is not None:
        made_of = _trained_on(place.run)
        try:
            dataset = Cache.open(place.run / FOLDER, key).dataset()
            if made_of in (None, dataset.fingerprint):
                return dataset
            told = f"the prepared rows are made anew: {place.run / FOLDER}: they were made of other data"
        except DataError as error:
            told = f"the prepared rows are made anew: {error}"
    folder, around = _begin(place.beside if place.run is None else place.run)
    with ExitStack() as failed:
        failed.callback(_remove, folder, around)
        try:
            dataset = _prepared(config, Cache.begin(folder, key), fitted, place.say)
        except OSError as error:
            raise cannot("write", folder, error) from None
        failed.pop_all()
    assert dataset.cache is not None  # it was just made
    dataset.cache.told = told
    dataset.cache.keeper = weakref.finalize(dataset.cache, _remove, folder, around)
    if place.run is not None and made_of in (None, dataset.fingerprint):  # those of other data are none of the run's
        keep(dataset, place.run)
    return dataset


def _trained_on(run: Path) -> str | None:
    """The fingerprint of the data of a run; None before its training began, and where nothing tells."""
    try:
        found = Run(run).read_json("environment.json").get("data")
    except RunError:
        return None
    return found if isinstance(found, str) else None


def keep(dataset: Dataset, run: Path) -> None:
    """Have the prepared rows, if they lie on disk, lie in ``run`` from now on.

    Raises:
        RunError: They cannot.
    """
    cache = dataset.cache
    if cache is None or cache.keeper is None:
        return
    final = run / FOLDER
    try:
        if final.is_symlink() or final.is_file():
            final.unlink()
        shutil.rmtree(final, ignore_errors=True)
        cache.folder.rename(final)
    except OSError as error:
        raise cannot("write", final, error) from None
    found = cache.keeper.detach()
    assert found is not None  # it has not run: the cache is there
    _, _, (_, around), _ = found
    cache.folder, cache.keeper = final, None
    around.close()
    (final / LOCK).unlink(missing_ok=True)


def lies_on_disk(config: Config) -> bool:
    """Whether the prepared rows of ``config`` are to lie on disk.

    Raises:
        ConfigError: They are to, and what is asked for can only be done in memory.
    """
    path = config.data_path("path")
    if path is not None and not (is_folder(path) or kind_of(path)):
        return False  # whoever reads it says what kinds there are
    said, hindrance = config.data.stored, _hindrance(config)
    if said is True and hindrance is not None:
        key, message, remedy = hindrance
        raise ConfigError([config.problem(key, f"{message}, and data.stored has the rows on disk", remedy)])
    if said != "auto" or hindrance is not None:
        return said is True
    paths = [config.data_path(key) for key in PATHS]
    return not all(path is None or fits_into_memory(path) for path in paths)


def _hindrance(config: Config) -> tuple[str, str, str] | None:
    """The key, the message and the remedy of what keeps the rows in memory."""
    data, in_memory = config.data, "or set data.stored: false"
    path = config.data_path("path")
    if path is None:
        return "data.stored", "rows that no file has are in memory", "leave it out"
    if is_folder(path) or path.suffix.lower() == ".zst":
        what = "a folder of IDX files" if is_folder(path) else "a .zst file"
        return "data.path", f"{what} is read into memory", f"save the rows as .csv, .parquet, .npz or .npy, {in_memory}"
    for key, name in data.split.order.items():
        message = f"rows that are split by {name!r} have to be in memory together"
        remedy = f"give the parts as files: data.validation_path and data.test_path, {in_memory}"
        return f"data.split.{key}", message, remedy
    if data.split.fold is not None or config.ensemble is not None:
        key, what = ("ensemble", "the members of an ensemble") if config.ensemble else ("data.split.fold", "folds")
        return key, f"{what} share rows in memory", f"train one network, {in_memory}"
    if isinstance(config.optimizer.build(), Minimizer):
        return "optimizer", f"{config.optimizer.name} takes all rows at once", f"take adam, {in_memory}"
    return None


def _key(config: Config) -> str:
    """SHA-256 (hex) of all in ``config`` that prepared rows follow from, but for what lies in the files."""
    content = config.resolved()
    data = {key: value for key, value in content["data"].items() if key not in ("stored", "memory", *PATHS)}
    data["own"] = [key for key in PATHS if content["data"][key]]
    parts = [data, content["seed"], content["loss"], content["model"]["input"], content["model"]["layers"][-1]]
    text = json.dumps([*parts, content["training"]["precision"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _begin(beside: Path) -> tuple[Path, ExitStack]:
    """A new folder in ``beside``, which this process holds; what killed ones left behind there is removed."""
    around = ExitStack()
    try:
        if not beside.exists():
            beside.mkdir(parents=True)
            around.callback(_remove_empty, beside)
        for old in beside.glob(f"{PREFIX}*"):
            if (old / LOCK).is_file() and not held(old):
                shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=beside))
        folder.chmod(beside.stat().st_mode)
    except OSError as error:
        raise cannot("make", beside / PREFIX, error) from None
    around.enter_context(locked(folder))
    return folder, around


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # something is in it by now
        folder.rmdir()


def _remove(folder: Path, around: ExitStack) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    around.close()


def _prepared(config: Config, cache: Cache, fitted: Preprocessing | None, say: Callable[[str], None]) -> Dataset:
    data = config.data
    tables: dict[str, Table] = {}
    for role, key in zip(("train", "validation", "test"), PATHS, strict=True):
        path = config.data_path(key)
        if path is not None:
            check_exists(path)
            say(f"{path.name} ({bytes_text(path.stat().st_size)}) is being prepared on disk, in {cache.folder}")
            folder = cache.tables(role)
            folder.mkdir(parents=True)
            tables[role] = _stored(config, path, folder, tables["train"].cells.kinds if tables else None)
    refuse_other_target(config, tables["train"])
    plan = Plan(
        classification=asks_for_classes(config),
        encoding=feature_encoding(config),
        target=target_scaling(config),
        validation=data.split.validation,
        test=data.split.test,
        stratify=None if data.split.stratify == "auto" else data.split.stratify,
        shuffle=data.split.shuffle,
        dtype=np.dtype(config.training.precision),
        draws=lambda purpose: split_stream(config, 0, purpose),
        fitted=fitted,
    )
    with placed_in_config(config):
        return prepare_tables(cache, tables, plan)


def _stored(config: Config, path: Path, folder: Path, kinds: dict[str, Kind] | None) -> Table:
    """The table in ``path``, on disk in ``folder``."""
    data = config.data
    wanted = Wanted(
        target=(data.target,) if isinstance(data.target, str) else tuple(data.target or ()),
        features=None if data.features is None else tuple(data.features),
        drop=tuple(data.drop),
        weight=data.weight,
        reading=reading(config, kinds),
    )
    kind = kind_of(path)
    if kind == ".npz":
        return store_archive(path, folder, wanted)
    return store_columns(blocks_of(path), path.name, folder, wanted, inferred=kind in SEPARATORS)
