"""A training that goes on where it was stopped, to the bits that it would have had."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nncli.builder import Experiment, Place, Tables, build, member_config, refuse_idle_ranks
from nncli.config.document import KeyPath, display
from nncli.config.loader import load_config
from nncli.config.schema import Config
from nncli.data.dataset import Dataset
from nncli.data.preprocess import Preprocessing
from nncli.engine.optimizers import Optimizer
from nncli.ensembles import Plan, begin_ensemble, plan_ensemble, start_member, train_members
from nncli.errors import ConfigError, DataError, RunError
from nncli.finishing import finish
from nncli.ranks import ALONE, Ranks
from nncli.recording import Halt, begin, heard, record, resolved
from nncli.run import Run, differences, digest_of, environment
from nncli.run.outcome import says_how_it_ended
from nncli.trackers import require, tracked
from nncli.trained import load_run
from nncli.training.events import Event
from nncli.training.interrupt import stop_on_signal
from nncli.training.memory import refuse_too_large
from nncli.training.sanity import FirstLoss, first_loss
from nncli.training.trainer import Trainer

HARMLESS: tuple[KeyPath, ...] = (
    ("training", "epochs"),
    ("training", "checkpoint"),
    ("training", "kernels"),
    ("training", "early_stopping", "patience"),
    ("data", "path"),
    ("data", "validation_path"),
    ("data", "test_path"),
    ("report",),
)
"""What may change: how long it trains, what has no bits of its own, where the same data lie (their digest says), and
what is looked at."""
NOTHING = {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}
"""A table without a row."""
BEGINNING = {"metrics": NOTHING, "distributions": NOTHING}


def resume(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    began: Callable[[Experiment, Run], None] = lambda experiment, run: None,
    warned: Callable[[str], None] = lambda text: None,
    observe: Callable[[Event], None] = lambda event: None,
    preparing: Callable[[str], None] = lambda text: None,
    turn: Callable[[int, int], None] = lambda number, members: None,
    ranks: Ranks = ALONE,
) -> Run:
    """Go on with the training of the run at ``path``, and return it.

    From its newest checkpoint that is whole, or from the beginning if there is none: either way to the weights, the
    metrics and the best epoch of a training that was never stopped, bit for bit, on the same machine and versions.
    A run that is complete stays as it is; if its weights were damaged, they are written again. So each member of an
    ensemble.

    Args:
        path: The run, or ``latest``.
        overrides: Changes to its config, such as ``training.epochs=300``; see ``HARMLESS``.
        began: Called before the first step, of an ensemble before that of each member that is trained.
        warned: Called with what is out of the ordinary.
        observe: Called with every event.
        preparing: Called with what is being done to rows that are to lie on disk, which may take long.
        turn: Called before the training of each member of an ensemble: which (from 0) of how many.
        ranks: The processes that share the training, of which this is the first; however many had shared it before.

    Raises:
        RunError: The run cannot be read or written, is in use, or diverged.
        ConfigError: A change would make another training of it.
        DataError: The data are not those of the training any more.
        DivergedError, Interrupted: As ``train``.
    """
    run = Run.open(path)
    told = Told(began, warned, observe, preparing)
    ranks.warn_by(warned)
    with run.locked():
        run.sweep()
        file = run.path / "config.yaml"
        before, config = load_config(file), load_config(file, overrides)
        changes = _changes(before, config)
        whole = not changes and (is_whole(run) if config.ensemble is None else _is_whole_ensemble(run, config))
        if not whole:
            refuse_idle_ranks(config, config.training.shards, ranks, resumes=True)  # before the rows are read
            require(config)
        if whole:
            warned(f"{run.path} is complete: nothing is left to do; training.epochs=N trains for longer")
        elif config.ensemble is None:
            _go_on(run, before, config, None, told, ranks)
        else:
            _go_on_together(run, config, changes, told, turn, ranks)
    if not whole:
        finish(run, config, warned)
    return run


@dataclass(frozen=True)
class Told:
    """Who is told what; see ``resume``; and who says when to stop, see ``record``."""

    began: Callable[[Experiment, Run], None] = lambda experiment, run: None
    warned: Callable[[str], None] = lambda text: None
    observe: Callable[[Event], None] = lambda event: None
    preparing: Callable[[str], None] = lambda text: None
    halt: Halt | None = None


def bring_to_end(run: Run, config: Config, tables: Tables, told: Told, ranks: Ranks = ALONE) -> bool:
    """Train the network of ``config`` in ``run``, which is one of several: all of it, or what is left of it.

    Returns:
        Whether there was anything left.

    Raises:
        RunError, ConfigError, DataError, DivergedError, Interrupted: As ``resume``.
    """
    if not (run.path / "config.yaml").exists():
        own = {"began": told.began, "warned": told.warned, "observe": told.observe, "halt": told.halt}
        start_member(run, config, tables, **own, ranks=ranks)
        return True
    run = Run.open(run.path)
    with run.locked():
        run.sweep()
        before = load_config(run.path / "config.yaml")
        left = bool(_changes(before, config)) or not is_whole(run)
        if left:
            _go_on(run, before, config, tables, told, ranks)
    return left


def _go_on(run: Run, before: Config, config: Config, tables: Tables | None, told: Told, ranks: Ranks) -> None:
    """Go on with the training of one network, whose lock the caller holds, on ``tables`` or on what is read."""
    from threadpoolctl import threadpool_limits

    changes, warned = _changes(before, config), told.warned
    _refuse_diverged(run)
    experiment = build(config, tables, place=Place(run.path, say=told.preparing))
    refuse_idle_ranks(config, experiment.shards, ranks, resumes=True)
    if ranks.size > 1 and tables is None:
        experiment.release_cells()
    refuse_too_large(experiment, ranks=ranks)
    if experiment.dataset.cache is not None and experiment.dataset.cache.told:
        warned(experiment.dataset.cache.told)
    quiet = np.errstate(all="ignore")  # as Trainer asks for
    with threadpool_limits(experiment.blas_threads, user_api="blas"), quiet, stop_on_signal() as here:
        signal = heard(here, ranks)
        made_in = _made_in(run)
        if made_in is None:  # it was killed before its first step
            begin(run, experiment)
            made_in = run.read_json("environment.json")
        _refuse_other_data(run, made_in, experiment.dataset)
        differs = differences(made_in, environment(sys.argv, experiment.kernels))
        if differs:
            warned(f"other bits than without the stop are possible: {'; '.join(differs)}")
        trainer, start = _restored(run, experiment, warned, ranks)
        if text := _stretched(before, experiment, trainer):
            warned(text)
        resumption = {
            "command": sys.argv,
            "from": {"epoch": trainer.epoch, "step": trainer.steps},
            "changes": {display(key): values for key, values in changes.items()},
            "differences": differs,
        }
        _note(run, made_in, resumption)
        run.write_json("preprocess.json", experiment.dataset.preprocessing.to_json())
        if changes:
            run.write_config(resolved(experiment))
        run.write_json("summary.json", {"status": "running"})
        told.began(experiment, run)
        with tracked(run, resolved(experiment), warned) as tracking:
            record(run, trainer, start, signal, told.observe, tracking, told.halt)


def _go_on_together(
    run: Run,
    config: Config,
    changes: Mapping[KeyPath, list[Any]],
    told: Told,
    turn: Callable[[int, int], None],
    ranks: Ranks,
) -> None:
    """Go on with an ensemble, whose lock the caller holds: with each member where it was stopped, if it was begun.

    What changes is written down first: a member that is not told of it in this process learns it in the next.
    """
    _refuse_diverged(run)
    plan = plan_ensemble(config, ranks=ranks)
    refuse_idle_ranks(config, plan.shards, ranks, resumes=True)
    if not (run.path / "environment.json").exists():  # it was killed before the first member
        begin_ensemble(run, plan)
    made_in = run.read_json("environment.json")
    _refuse_other_data(run, made_in, plan.dataset)
    if ("training", "epochs") in changes:
        _refuse_fewer_epochs_of_members(run, config, plan)
    changed = {display(key): values for key, values in changes.items()}
    _note(run, made_in, {"command": sys.argv, "changes": changed})
    run.write_json("preprocess.json", plan.dataset.preprocessing.to_json())
    if changes:
        run.write_config(plan.config.resolved())
    run.write_json("summary.json", {"status": "running"})

    def train(member: Run, config: Config, number: int) -> None:
        bring_to_end(member, config, plan.tables, told, ranks)

    with tracked(run, plan.config.resolved(), told.warned):
        train_members(run, plan, train, turn)


def _refuse_diverged(run: Run) -> None:
    if _status(run) == "diverged":
        remedy = "its way is the same every time: train anew with another config"
        raise RunError("its training diverged, and would again", where=str(run.path), remedy=remedy)


def _refuse_other_data(run: Run, made_in: Mapping[str, Any], dataset: Dataset) -> None:
    if made_in.get("data") != dataset.fingerprint:
        raise DataError("the data changed since the training began", where=str(run.path), remedy="train anew")


def _note(run: Run, made_in: dict[str, Any], resumption: dict[str, Any]) -> None:
    """Keep in environment.json that it was resumed."""
    earlier = made_in.get("resumed")
    all_of_them = [*(earlier if isinstance(earlier, list) else []), resumption]
    run.write_json("environment.json", made_in | {"resumed": all_of_them})


def _status(run: Run) -> str:
    """What summary.json says; nothing if it was not yet written, or is damaged: it follows from the rest."""
    try:
        return str(run.read_json("summary.json").get("status"))
    except RunError:
        return ""


def is_whole(run: Run) -> bool:
    """Whether it says how it ended, its preprocessing is there, and its weights are those that it was trained to."""
    if _status(run) not in ("completed", "stopped_early"):
        return False
    summary = run.read_json("summary.json")
    try:
        Preprocessing.from_json(run.read_json("preprocess.json"))
        found = {which: digest_of(run.load_weights(which)) for which in ("best", "last")}
    except (RunError, DataError):
        return False
    return says_how_it_ended(summary) and summary["digests"] == found


def _is_whole_ensemble(run: Run, config: Config) -> bool:
    """Whether it has its result, and each member is whole and as it was then."""
    assert config.ensemble is not None
    try:
        load_run(run)
    except (RunError, DataError, ConfigError):
        return False
    return all(is_whole(run.member(number)) for number in range(config.ensemble.members))


def _made_in(run: Run) -> dict[str, Any] | None:
    """What environment.json says; None where nothing was trained yet, so that there need not be one."""
    if not (run.path / "environment.json").exists() and not run.checkpoints():
        return None
    return run.read_json("environment.json")


def _restored(
    run: Run, experiment: Experiment, warned: Callable[[str], None], ranks: Ranks
) -> tuple[Trainer, FirstLoss]:
    """A trainer that goes on from the newest checkpoint that is whole, or begins; metrics.csv is cut to fit it.

    Raises:
        ConfigError: More epochs are trained already than are asked for.
    """
    trainer, config = Trainer(experiment, ranks=ranks), experiment.config
    start = first_loss(experiment, trainer.weights)
    if not trainer.resumable:
        warned(f"{experiment.config.optimizer.name} keeps no checkpoints: it goes its way again, from the beginning")
        _cut(run, BEGINNING, warned)
        return trainer, start
    for path, found in run.checkpoints().load():
        try:
            if isinstance(found, RunError):
                raise found
            trainer.restore(found)
            _refuse_fewer_epochs(trainer, config)
            _cut(run, found.numbers, warned)
        except (RunError, ValueError) as error:
            what = str(error) if isinstance(error, RunError) else f"{path}: does not fit: {error}"
            warned(f"{what}; what lies before it is tried")
            trainer = Trainer(experiment, ranks=ranks)
        else:
            return trainer, start
    warned("there is no checkpoint to go on from: the training goes its way again, from the beginning")
    _cut(run, BEGINNING, warned)
    return trainer, start


def _cut(run: Run, numbers: Mapping[str, Any], warned: Callable[[str], None]) -> None:
    """Let its tables go on from where a checkpoint with these ``numbers`` saw them.

    What is only looked at is given up where it is not as it was.

    Raises:
        RunError: The metrics of the epochs before are not there any more.
    """
    position = numbers.get("metrics")
    run.metrics.cut(position if isinstance(position, dict) else {})
    position = numbers.get("distributions")
    try:
        run.distributions.cut(position if isinstance(position, dict) else NOTHING)
    except RunError as error:
        warned(f"{error}; it begins anew")
        run.distributions.cut(NOTHING)


def _refuse_fewer_epochs(trainer: Trainer, config: Config) -> None:
    if trainer.begun > config.training.epochs:
        done = trainer.epoch
        message = f"{done} epochs are trained already{', and the next has begun' * (trainer.begun > done)}"
        raise ConfigError([config.problem("training.epochs", message, "take more, or none")])


def _refuse_fewer_epochs_of_members(run: Run, config: Config, plan: Plan) -> None:
    """What a member would be refused for later is refused before the ensemble is told of it, and could not go on."""
    for number in range(plan.members):
        member = run.member(number)
        if not (member.path / "config.yaml").exists():
            continue
        trainer = Trainer(build(member_config(plan.config, number), plan.tables))
        newest = next((found for _, found in member.checkpoints().load() if not isinstance(found, RunError)), None)
        if newest is None or not trainer.resumable:
            continue
        with suppress(ValueError):  # one that does not fit is not what it would go on from
            trainer.restore(newest)
            _refuse_fewer_epochs(trainer, config)


def _changes(before: Config, after: Config) -> dict[KeyPath, list[Any]]:
    """What differs, key -> [before, after].

    Raises:
        ConfigError: For every change that would make another training of it.
    """
    a, b = dict(_flat(before.resolved())), dict(_flat(after.resolved()))
    if after.data.stored == "auto":  # as it was
        b["data", "stored"] = a["data", "stored"]
    changes = {key: [a.get(key), b.get(key)] for key in a | b if a.get(key) != b.get(key)}
    problems = [
        after.problem(key, f"was {old!r}, and a run cannot go on with {new!r}", "train anew for that")
        for key, (old, new) in changes.items()
        if not any(key[: len(harmless)] == harmless for harmless in HARMLESS)
    ]
    if problems:
        raise ConfigError(problems)
    return changes


def _flat(content: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _flat(value, (*path, key))
    elif isinstance(content, list) and content:
        for i, value in enumerate(content):
            yield from _flat(value, (*path, i))
    else:
        yield path, content


def _stretched(before: Config, experiment: Experiment, trainer: Trainer) -> str:
    """What to say of a schedule that would have had other rates, had the training been so long from its start."""
    optimizer, schedule, steps = experiment.optimizer, experiment.schedule, trainer.steps
    if not isinstance(optimizer, Optimizer) or not steps:
        return ""
    rates = [
        schedule.bind(optimizer.learning_rate, experiment.steps_per_epoch, epochs, dict(schedule.memory))
        for epochs in (before.training.epochs, experiment.config.training.epochs)
    ]
    times = sorted({max(1, steps * i // 100) for i in range(1, 101)})
    if all(rates[0](t) == rates[1](t) for t in times):
        return ""
    name = experiment.config.schedule.name
    return (
        f"schedule {name} depends on training.epochs: a training of so many from the start would have had other rates"
    )
