"""A sweep in its directory: checked before its first training, carried out, gone on with after a stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nncli.builder import Experiment, build
from nncli.config.schema import Config, metric_of
from nncli.config.values import as_written, flattened
from nncli.data.dataset import fingerprint
from nncli.engine.optimizers import Minimizer
from nncli.errors import ConfigError, DivergedError, NncliError, Problem, RunError
from nncli.many.directory import made, refuse_taken
from nncli.many.plan import SWEEP as FORMAT
from nncli.many.pool import carry_out, pool, refuse_crowd, refuse_silence, refuse_workers
from nncli.many.rows import are_same
from nncli.many.work import Task, tables_of
from nncli.resumption import Told
from nncli.run import PLAN, Run, first_free
from nncli.run.files import sweep as remove_rubbish
from nncli.run.lock import locked
from nncli.sweep.proposing import fixed
from nncli.sweep.reading import sweep_of
from nncli.sweep.result import RESULT, best_of, keep_best, result_of, write_leaderboard
from nncli.sweep.search import Search
from nncli.sweep.space import Values
from nncli.sweep.sweep import Sweep
from nncli.sweep.trial import Trial
from nncli.trackers import require
from nncli.training.events import Event
from nncli.training.memory import refuse_too_large

PROPOSED = "trials.json"
"""The values of all trials so far, where they do not follow from the sweep alone."""
SAVED = 1.0
"""Seconds between two writings of what has come of it so far."""


@dataclass(frozen=True)
class Swept:
    """A sweep that is done.

    Attributes:
        path: Its directory.
        sweep: What was asked for.
        result: What it came to, as sweep.json has it.
    """

    path: Path
    sweep: Sweep
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Watched:
    """Who is told what: of each training that this process does as ``train`` tells it, and of each that has ended.

    Attributes:
        checked: Called once all is known to be possible, before the first training.
        began: Called before the first step of a training.
        warned: Called with what is out of the ordinary.
        observe: Called with every event of a training.
        turn: Called before each training that this process does: which, and of how many.
        ended: Called behind each that nothing more comes of: which, the best so far, how many are over, of how many.
    """

    checked: Callable[[Sweep], None] = lambda sweep: None
    began: Callable[[Experiment, Run], None] = lambda experiment, run: None
    warned: Callable[[str], None] = lambda text: None
    observe: Callable[[Event], None] = lambda event: None
    turn: Callable[[str, int], None] = lambda path, trials: None
    ended: Callable[[Trial, Trial | None, int, int], None] = lambda trial, best, over, trials: None


class Stopped(Exception):  # noqa: N818  # it is no error: what was done is kept
    """A signal ended the sweep; ``directory`` has what was done."""

    def __init__(self, directory: Path, signal: int) -> None:
        self.exit_code = 128 + signal
        super().__init__(f"interrupted; nncli resume {directory} goes on")


def run_sweep(
    sweep: Sweep,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    directory: str | Path | None = None,
    told: Watched | None = None,
) -> Swept:
    """Try what ``sweep`` says.

    Args:
        sweep: As ``load_sweep`` has it.
        jobs: How many processes of this machine train; 1 for this one.
        scheduler: The address of a Dask cluster, whose workers train in their place.
        directory: Where the runs go; if they have begun there, they go on. By default the first free of runs/NAME.
        told: Who is told what.

    Raises:
        NncliError: A value of the space cannot be trained with, or another sweep has begun in ``directory``.
        DivergedError: No trial came to a result.
        Stopped: SIGINT or SIGTERM came.
    """
    told = told or Watched()
    refuse_workers(jobs, scheduler)
    path = None if directory is None else Path(directory)
    if path is not None and is_sweep(path):
        before, data = _read_plan(path)
        _refuse_other(before, sweep, str(path))
        with locked(path):
            if before.trials != sweep.trials:
                before = replace(before, trials=sweep.trials)
                _write_plan(path, before, data)
            return _carry_out(path, before, data, jobs, scheduler, told)
    if path is not None and (path.exists() or path.is_symlink()):
        refuse_taken(path)
    data = check(sweep, jobs if scheduler is None else 1)
    refuse_silence(scheduler)
    path = first_free(sweep.name) if path is None else made(path)
    with locked(path):
        remove_rubbish(path)
        _write_plan(path, sweep, data)
        return _carry_out(path, sweep, data, jobs, scheduler, told)


def go_on(directory: str | Path, *, jobs: int = 1, scheduler: str | None = None, told: Watched | None = None) -> Swept:
    """Go on with the sweep that has begun in ``directory``: what is done is kept, what was stopped is resumed.

    Raises:
        RunError: There is none, or it cannot be read or written, or is in use.
        DivergedError, Stopped: As ``run_sweep``.
    """
    path = Path(directory)
    with locked(path):
        sweep, data = _read_plan(path)
        return _carry_out(path, sweep, data, jobs, scheduler, told or Watched())


def begun(directory: str | Path) -> Sweep:
    """The sweep that has begun there.

    Raises:
        RunError: There is none.
    """
    return _read_plan(Path(directory))[0]


def is_sweep(path: str | Path) -> bool:
    """Whether a sweep has begun there."""
    with suppress(RunError):
        return (Path(path) / PLAN).is_file() and Run(Path(path)).read_json(PLAN).get("format") == FORMAT
    return False


# -- before the first training ---------------------------------------------------------------------------------------


def check(sweep: Sweep, jobs: int = 1) -> str:
    """See that the whole space can be trained with, at its corners, and every trial that is known; nothing is written.

    Args:
        sweep: What is asked for.
        jobs: How many trainings share the memory of this machine.

    Returns:
        The fingerprint of the data, where the space varies them those of its first corner.

    Raises:
        ConfigError, DataError: With every problem, at its place in the sweep's file.
        NncliError: There is no memory for so many at a time.
    """
    problems: dict[tuple[str, str], Problem] = {}  # what is wrong with a key is so at all of its values

    @contextmanager
    def collected() -> Iterator[None]:
        try:
            yield
        except ConfigError as error:
            for problem in error.problems:
                problems.setdefault((problem.where.partition("  ")[2], problem.message), problem)

    corners = list(sweep.space.corners())
    configs = []
    for values in corners:
        with collected():
            configs.append(sweep.config(values))
    if not problems and sweep.method != "tpe":
        for values in fixed(sweep):
            with collected():
                sweep.config(values)
    if problems:
        raise ConfigError(list(problems.values()))
    largest = 1
    first: Experiment | None = None
    for config in configs:
        with collected():
            require(config)
            _refuse_what_is_no_trial(sweep, config)
            tables = tables_of(config)
            experiment = build(config, tables)
            largest = max(largest, refuse_too_large(experiment).total)
            first = first or experiment
            _refuse_what_cannot_decide(sweep, experiment, first)
    if problems:
        raise ConfigError(list(problems.values()))
    refuse_crowd(jobs, sweep.trials, largest)
    tables = tables_of(configs[0])
    return fingerprint(train=tables.train, validation=tables.validation, test=tables.test)


def _refuse_what_is_no_trial(sweep: Sweep, config: Config) -> None:
    problems: list[Problem] = []
    if config.ensemble is not None:
        message, remedy = "a trial is one network", "leave it out (ensemble: null); train the best as one afterwards"
        problems.append(config.problem("ensemble", message, remedy))
    data = config.data
    if not (data.validation_path or data.split.validation or config.folds or config.training.overfit_batches):
        message = f"{sweep.monitor} needs rows to validate on"
        problems.append(config.problem("data.split.validation", message, "for example 0.15"))
    if sweep.pruning is not None and config.training.checkpoint is None:
        message = "trainings that end early pause first, and go on from a checkpoint"
        problems.append(config.problem("training.checkpoint", message, "take {}, or leave out pruning"))
    if problems:
        raise ConfigError(problems)


def _refuse_what_cannot_decide(sweep: Sweep, experiment: Experiment, first: Experiment) -> None:
    """A figure of other rows, or another function, does not say which of two trials is the better one."""
    config, metric = experiment.config, metric_of(sweep.monitor)
    if metric is not None and metric not in {one.name for one in experiment.metrics}:
        where = f"{sweep.places.get(('monitor', -1), '')}  monitor".strip()
        measured = ", ".join(f"validation_{name}" for name in ("loss", *(one.name for one in experiment.metrics)))
        message = f"{sweep.monitor} is not measured: the config's metrics give {measured}"
        raise ConfigError(message, where=where, remedy=f"add to set: metrics: [{metric}]")
    if not are_same(experiment.dataset.validation, first.dataset.validation):
        key = _differing(config, first.config, ("data.", "seed"))
        message = "gives this trial other rows to validate on, or other targets, and figures of both cannot be compared"
        remedy = "add to set: data.split.seed: 0" if key == "seed" else "leave it out of the space"
        raise ConfigError([config.problem(key, message, remedy)])
    if metric is None and (key := _differing(config, first.config, ("loss", "data.preprocess.target"))):
        message = "makes the loss of this trial another function, and values of both cannot be compared"
        names = [one.name for one in experiment.metrics]
        remedy = f"monitor: validation_{names[0]}" if names else "leave it out of the space"
        raise ConfigError([config.problem(key, message, remedy)])
    if sweep.pruning is not None and isinstance(experiment.optimizer, Minimizer):
        message = f"{experiment.optimizer.name} goes its way in one piece, and trainings that end early pause first"
        raise ConfigError([config.problem("optimizer", message, "leave out pruning")])


def _differing(config: Config, other: Config, beginnings: tuple[str, ...]) -> str:
    """The first key with one of these beginnings that two configs have not alike."""
    old, new = (dict(flattened(one.resolved())) for one in (other, config))
    keys = (key for key in dict.fromkeys([*new, *old]) if key.startswith(beginnings))
    return next((key for key in keys if _shown(old, key) != _shown(new, key)), "")


# -- the directory ---------------------------------------------------------------------------------------------------


def _write_plan(path: Path, sweep: Sweep, data: str) -> None:
    Run(path).write_json(PLAN, {"format": FORMAT, "sweep": sweep.to_json(), "data": data})


def _read_plan(path: Path) -> tuple[Sweep, str]:
    where = str(path / PLAN)
    content = Run(path).read_json(PLAN)
    sweep, data = content.get("sweep"), content.get("data")
    if content.get("format") != FORMAT or not isinstance(sweep, dict) or not isinstance(data, str):
        raise RunError("is no sweep of nncli", where=where, remedy="begin anew")
    return sweep_of(sweep, where), data


def _refuse_other(begun: Sweep, asked: Sweep, directory: str) -> None:
    """Another sweep than has begun; more trials of the same are none."""
    old, new = (dict(flattened({**sweep.to_json(), "trials": 0, "name": ""})) for sweep in (begun, asked))
    remedy = f"leave it as it was, or choose another --run than {directory}"
    problems = [
        Problem(f"was {_shown(old, key)}, and is {_shown(new, key)}", key, remedy)
        for key in dict.fromkeys([*old, *new])
        if _shown(old, key) != _shown(new, key)
    ]
    if asked.trials < begun.trials:
        problems.append(Problem(f"was {begun.trials}, and is {asked.trials}", "trials", "take as many, or more"))
    if problems:
        raise NncliError(problems)


def _shown(flat: Mapping[str, Any], key: str) -> str:
    return as_written(flat[key]) if key in flat else "not there"


def _proposed(path: Path, sweep: Sweep) -> list[Values]:
    """The values of the trials so far, as far as they do not follow from the sweep."""
    if sweep.method != "tpe" or not (path / PROPOSED).exists():
        return []
    found = Run(path).read_json(PROPOSED).get("trials")
    if not isinstance(found, list) or not all(map(sweep.space.has, found)):
        raise RunError("holds no trials of this sweep", where=str(path / PROPOSED), remedy="begin anew")
    return found[: sweep.trials]


# -- the work --------------------------------------------------------------------------------------------------------


def _carry_out(path: Path, sweep: Sweep, data: str, jobs: int, scheduler: str | None, told: Watched) -> Swept:
    run, saved, silent = Run(path), 0.0, True
    remove_rubbish(path)

    def changed(trial: Trial) -> None:
        nonlocal saved
        if not trial.over:
            run.write_json(PROPOSED, {"trials": [one.values for one in search.trials]})
            return
        over = sum(one.over for one in search.trials)
        if not silent:
            told.ended(trial, best_of(sweep, search.trials), over, sweep.trials)
        if time.monotonic() - saved > SAVED:
            run.write_json(RESULT, result_of(sweep, search.trials, "running"))
            saved = time.monotonic()

    def of(task: Task) -> Told:
        told.turn(task.path, sweep.trials)
        return Told(told.began, told.warned, told.observe)

    proposed = _proposed(path, sweep)
    told.checked(sweep)
    if any(dimension.key.partition(".")[0] == "data" for dimension in sweep.space.dimensions):
        tables_of(sweep.config(next(sweep.space.corners())), data)  # what each trial reads is not known
        data = ""
    search = Search(sweep, path, data, proposed, changed)
    first = search.ask()  # what was done before is looked through, and not told of again
    silent = False
    waiting = [first] if first is not None else []

    def ask() -> Task | None:
        return waiting.pop() if waiting else search.ask()

    if first is None:
        told.warned(f"{path} is complete: nothing is left to do")
    else:
        with pool(jobs, scheduler, sweep.trials, 1, of, told.warned) as workers:
            signal = carry_out(workers, path, ask, search.tell, told.warned)
        if signal or search.hindrance:
            run.write_json(RESULT, result_of(sweep, search.trials, "interrupted"))
        if signal:
            raise Stopped(path, signal)
        if search.hindrance:
            raise NncliError(search.hindrance, remedy=f"then nncli resume {path} goes on")
    return _end(run, sweep, search, told)


def _end(run: Run, sweep: Sweep, search: Search, told: Watched) -> Swept:
    best = best_of(sweep, search.trials)
    result = result_of(sweep, search.trials, "completed" if best is not None else "failed")
    run.write_json(RESULT, result)
    write_leaderboard(run.path, sweep, search.trials)
    if best is None:
        wrong = (f"{trial.path} {trial.state}: {trial.problem}" for trial in search.trials if trial.problem)
        message = f"none of {len(search.trials)} trials came to a result: {next(wrong, 'all were pruned')}"
        raise DivergedError(message, where=str(run.path), remedy="narrow the space to what trains")
    keep_best(run.path, best)
    if sweep.base.report.plots is False:
        return Swept(run.path, sweep, result)
    from nncli.sweep.pictures import draw

    try:
        draw(run.path, sweep, search.trials)
    except NncliError as error:
        told.warned(f"there are not all pictures: {error}")
    return Swept(run.path, sweep, result)
