"""The trainings of a plan, in one directory, whoever does them; and what their figures come to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nncli.builder import Experiment, Tables, build
from nncli.config.schema import Config
from nncli.data.cells import Array
from nncli.data.dataset import Dataset, fingerprint
from nncli.data.preprocess import ClassEncoding
from nncli.ensembles import end_recorded
from nncli.errors import ConfigError, DivergedError, NncliError, Problem, RunError
from nncli.many.directory import made, refuse_taken
from nncli.many.plan import MOST, Job, Plan
from nncli.many.pool import carry_out, pool, refuse_crowd, refuse_silence, refuse_workers
from nncli.many.result import result_of
from nncli.many.rows import are_same
from nncli.many.work import Done, Task, is_done, tables_of
from nncli.recording import Interrupted
from nncli.resumption import Told
from nncli.run import PLAN, Run, first_free
from nncli.run.files import sweep
from nncli.run.lock import locked
from nncli.text import count
from nncli.trackers import require
from nncli.training.memory import refuse_too_large


@dataclass(frozen=True)
class Series:
    """The trainings of a plan, all of them done.

    Attributes:
        path: The directory.
        plan: Which they are.
        result: What they come to, as cv.json or seeds.json has it.
    """

    path: Path
    plan: Plan
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Watched(Told):
    """Who is told what: of each training as ``train`` tells it, and of several.

    Attributes:
        turn: Called before each training that is not done yet: which, its number from 0, and of how many.
        done: Called behind each: which, and its summary.
    """

    turn: Callable[[Job, int, int], None] = lambda job, number, jobs: None
    done: Callable[[Job, Mapping[str, Any]], None] = lambda job, summary: None


def cross_validate(
    config: Config,
    other: Config | None = None,
    *,
    folds: int = 5,
    repeats: int = 1,
    directory: str | Path | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    told: Watched | None = None,
) -> Series:
    """Train ``config``, and ``other`` on the same folds, once for each fold of each repeat.

    Args:
        config: As ``load_config`` has it. Its test rows stay out of all folds, and are the same in all repeats.
        other: What it is compared with.
        folds: In how many the other rows are cut.
        repeats: How many times they are cut, each time anew.
        directory: Where the runs go; if they have begun there, they go on. By default the first free of runs/NAME-cv.
        jobs: How many processes of this machine train; 1 for this one.
        scheduler: The address of a Dask cluster, whose workers train in their place.
        told: Who is told what.

    Raises:
        NncliError: The configs cannot be cross-validated, or are not those that have begun in ``directory``.
        DivergedError, Interrupted: As ``train``.
    """
    _refuse_number("folds", folds, 2)
    _refuse_number("repeats", repeats, 1)
    configs = [config] if other is None else [config, other]
    _refuse_what_has_folds(configs)
    if other is not None:
        _refuse_other_split(config, other)
    names = [one.name_or_stem for one in configs]
    names[1:] = [f"{name}-2" if name == names[0] else name for name in names[1:]]
    plan = Plan("cv", dict(zip(names, configs, strict=True)), {"folds": folds, "repeats": repeats}, {}, {})
    return _begin(plan, f"{names[0]}-cv", directory, _Workers(jobs, scheduler), told or Watched())


def train_seeds(
    config: Config,
    seeds: int,
    *,
    directory: str | Path | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    told: Watched | None = None,
) -> Series:
    """Train ``config`` by its seed and the ``seeds`` - 1 that follow, on the same rows: weights and order alone differ.

    Args:
        config: As ``load_config`` has it.
        seeds: How many.
        directory: As ``cross_validate`` takes it; by default the first free of runs/NAME-seeds.
        jobs: As ``cross_validate`` takes them, and ``scheduler``.
        scheduler: Of a Dask cluster.
        told: Who is told what.

    Raises:
        NncliError, DivergedError, Interrupted: As ``cross_validate``.
    """
    _refuse_number("seeds", seeds, 2)
    if config.seed + seeds > 2**63:
        raise ConfigError([config.problem("seed", f"{seeds} seeds from it reach beyond 2^63", "take a smaller one")])
    if config.ensemble is not None:
        message = "trains several networks by several seeds already"
        raise ConfigError([config.problem("ensemble", message, "leave it out (ensemble=null), or --seeds")])
    plan = Plan("seeds", {config.name_or_stem: config}, {"seeds": seeds}, {}, {})
    return _begin(plan, f"{config.name_or_stem}-seeds", directory, _Workers(jobs, scheduler), told or Watched())


def go_on(directory: str | Path, told: Watched | None = None, *, jobs: int = 1, scheduler: str | None = None) -> Series:
    """Go on with what has begun in ``directory``: finished trainings are kept, one that was stopped is resumed.

    Raises:
        RunError: There is no plan in it, or it cannot be read or written, or is in use.
        DataError: The data are not those that it began with.
        DivergedError, Interrupted: As ``train``.
    """
    path = Path(directory)
    with locked(path):
        return _train(path, _read_plan(path), _Workers(jobs, scheduler), told or Watched())


def is_series(path: str | Path) -> bool:
    """Whether several trainings have begun there."""
    return (Path(path) / PLAN).is_file()


# -- what cannot be done ---------------------------------------------------------------------------------------------


def _refuse_number(name: str, number: int, least: int) -> None:
    if not least <= number <= MOST:
        raise NncliError(f"must be between {least} and {MOST}", where=f"--{name} {number}")


def _refuse_what_has_folds(configs: Sequence[Config]) -> None:
    problems = []
    for config in configs:
        if config.ensemble is not None:
            message = "trains several networks at a time, and a cross-validation judges one"
            problems.append(config.problem("ensemble", message, "leave it out: ensemble=null"))
        if config.data.split.fold is not None:
            message = "names one fold, and each takes its turn"
            problems.append(config.problem("data.split.fold", message, "leave it out: data.split.fold=null"))
        if config.data.validation_path is not None:
            message = "folds take turns to validate, and this file has the rows for that"
            problems.append(config.problem("data.validation_path", message, "leave it out: data.validation_path=null"))
        if config.training.overfit_batches:
            message = "validates on rows that it trains on, and not on a fold"
            problems.append(config.problem("training.overfit_batches", message, "leave it out"))
    if problems:
        raise ConfigError(problems)


def _refuse_other_split(config: Config, other: Config) -> None:
    a, b = _split(config), _split(other)
    if differing := [key for key in a if a[key] != b[key]]:
        remedy = "two configs are compared on the same folds: give both the same"
        raise ConfigError(
            [other.problem(f"data.split.{key}", f"is {b[key]}, and {a[key]} in the first", remedy) for key in differing]
        )


def _split(config: Config) -> dict[str, Any]:
    split = config.data.split.model_dump(exclude={"fold"})
    return {**split, "seed": config.seed if split["seed"] is None else split["seed"]}


# -- beginning -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Workers:
    jobs: int
    scheduler: str | None


def _begin(plan: Plan, name: str, directory: str | Path | None, workers: _Workers, told: Watched) -> Series:
    refuse_workers(workers.jobs, workers.scheduler)
    for config in plan.configs.values():
        require(config)
    path = None if directory is None else Path(directory)
    if path is not None and is_series(path):
        begun = _read_plan(path)
        begun.refuse_other(plan, str(path))
        with locked(path):
            return _train(path, begun, workers, told)
    if path is not None and (path.exists() or path.is_symlink()):
        refuse_taken(path)
    tables = _read(plan)
    plan = _checked(plan, tables, told.warned, workers.jobs if workers.scheduler is None else 1)
    refuse_silence(workers.scheduler)
    path = first_free(name) if path is None else made(path)
    with locked(path):
        sweep(path)
        Run(path).write_json(PLAN, plan.to_json())
        return _train(path, plan, workers, told)


def _read_plan(path: Path) -> Plan:
    return Plan.from_json(Run(path).read_json(PLAN), str(path / PLAN))


def _read(plan: Plan) -> dict[str, Tables]:
    """The rows of each config; where two name the same, they are read once."""
    return {name: tables_of(config) for name, config in plan.configs.items()}


def _data(tables: Tables) -> str:
    return fingerprint(train=tables.train, validation=tables.validation, test=tables.test)


def _checked(plan: Plan, tables: Mapping[str, Tables], warned: Callable[[str], None], jobs: int) -> Plan:
    """The plan with what was left to the machine, once each training is known to be possible.

    What is wrong shows before any of the work.

    Raises:
        DataError, ConfigError: A training cannot be done.
        NncliError: Two repeats have the same folds, or two configs have not; there is no memory for so many at a time.
    """
    machine: dict[str, dict[str, int]] = {}
    folds_of: dict[int, set[bytes]] = {}
    first: Dataset | None = None
    largest = 1
    with _by_options(plan):
        for job in plan.jobs:
            experiment = build(job.config, tables[job.of])
            largest = max(largest, refuse_too_large(experiment).total)
            if not machine and plan.kind == "cv":
                _warn_of_small_classes(experiment.dataset, plan.counts["folds"], warned)
            machine.setdefault(job.of, {"threads": experiment.threads, "shards": experiment.shards})
            if plan.kind == "cv":
                if job.of == next(iter(plan.configs)):
                    first = experiment.dataset
                    folds_of.setdefault(job.numbers["repeat"], set()).add(_rows(experiment).tobytes())
                elif first is not None:
                    _refuse_other_rows(first, experiment)
    refuse_crowd(jobs, len(plan.jobs), largest)
    _refuse_the_same_folds(plan, folds_of)
    return plan.fitted(machine, {name: _data(rows) for name, rows in tables.items()})


def _rows(experiment: Experiment) -> Array:
    validation = experiment.dataset.validation
    return np.empty(0, np.intp) if validation is None else validation.rows


@contextmanager
def _by_options(plan: Plan) -> Iterator[None]:
    """What is wrong with the folds is said of the option that asked for them."""
    try:
        yield
    except ConfigError as error:
        if plan.kind != "cv":
            raise
        option = f"--folds {plan.counts['folds']}"
        raise ConfigError(
            [
                Problem(one.message, option, one.remedy) if one.where.endswith("data.split.fold") else one
                for one in error.problems
            ]
        ) from None


def _warn_of_small_classes(dataset: Dataset, folds: int, warned: Callable[[str], None]) -> None:
    target = dataset.preprocessing.target
    if not isinstance(target, ClassEncoding) or dataset.validation is None:
        return
    codes = np.concatenate([dataset.train.targets, dataset.validation.targets])
    for code, n in enumerate(np.bincount(codes, minlength=len(target.classes)).tolist()):
        if 0 < n < folds:
            warned(
                f"the class {target.classes[code]!r} has {count(n, 'row')} for {folds} folds: some validate without it"
            )


def _refuse_the_same_folds(plan: Plan, folds_of: Mapping[int, set[bytes]]) -> None:
    seen: list[set[bytes]] = []
    for repeat, folds in folds_of.items():
        if folds in seen:
            config = next(iter(plan.configs.values()))
            why = "in the order of time" if config.data.split.time else "without anything drawn at random"
            message = f"repeat {repeat} has the same folds as repeat {seen.index(folds)}: the rows are cut {why}"
            raise NncliError(message, where=f"--repeats {plan.counts['repeats']}", remedy="take --repeats 1")
        seen.append(folds)


def _refuse_other_rows(first: Dataset, experiment: Experiment) -> None:
    """Two configs are compared on the same rows, with the same targets."""
    for part in ("validation", "test"):
        if not are_same(getattr(first, part), getattr(experiment.dataset, part)):
            message = f"its {part} rows, or their targets, are not those of the first config"
            remedy = "two configs are compared on the same rows of the same table"
            raise ConfigError([experiment.config.problem("data", message, remedy)])


# -- training --------------------------------------------------------------------------------------------------------


def _train(path: Path, plan: Plan, by: _Workers, told: Watched) -> Series:
    """Bring all trainings to their end; the caller holds the lock of ``path``."""
    sweep(path)
    series, jobs = Run(path), {job.path: job for job in plan.jobs}
    runs = {name: _run(path, job) for name, job in jobs.items()}
    numbers = {name: number for number, name in enumerate(jobs)}
    file = f"{plan.kind}.json"
    left = deque(name for name, run in runs.items() if not is_done(run))
    failed: list[Done] = []

    def of(task: Task) -> Told:
        told.turn(jobs[task.path], numbers[task.path], len(jobs))
        return Told(told.began, told.warned, told.observe)

    def ask() -> Task | None:
        if failed or not left:
            return None
        job = jobs[left.popleft()]
        return Task(str(path.resolve()), job.path, job.config.resolved(), plan.data[job.of])

    def tell(task: Task, done: Done) -> None:
        if done.status == "ended":
            told.done(jobs[task.path], runs[task.path].read_json("summary.json"))
        elif done.status != "interrupted":
            failed.append(done)

    if not left:
        told.warned(f"{path} is complete: nothing is left to do")
    with end_recorded(series, file):
        if left:
            series.write_json(file, {"status": "running"})
            with pool(by.jobs, by.scheduler, len(left), 1, of, told.warned) as workers:
                signal = carry_out(workers, path, ask, tell, told.warned)
            if failed:
                kind = DivergedError if failed[0].status == "diverged" else NncliError
                raise kind(failed[0].problem)
            if signal:
                raise Interrupted(series, signal)
        result = result_of(plan, {name: run.read_json("summary.json") for name, run in runs.items()})
        series.write_json(file, result)
    return Series(path, plan, result)


def _run(path: Path, job: Job) -> Run:
    """The run of ``job``, whether or not it is there.

    Raises:
        RunError: It leads out of the directory.
    """
    place = path
    for part in Path(job.path).parts:
        place /= part
        if place.is_symlink():
            raise RunError("is a link", where=str(place), remedy="the directory keeps all of its runs in itself")
    return Run(place)
