"""The training of an ensemble: its members, each a run of its own, one after the other; then what they are together.

No member knows of another: what a member is trained on follows from the config, its number and the data alone, so that
it has the same bits in whatever order, and beside whatever others, it is trained.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nncli.builder import Tables, build, build_members, lies_on_disk, load_dataset, member_config, read_tables
from nncli.config.schema import Config
from nncli.data.dataset import Dataset, Part
from nncli.data.preprocess import Preprocessing
from nncli.engine.buffers import Kernels
from nncli.errors import DivergedError, NncliError
from nncli.ranks import ALONE, Ranks
from nncli.recording import Interrupted
from nncli.run import Run, environment
from nncli.scoring.scorer import finite_or_none
from nncli.starting import start
from nncli.trained import Ensemble, load_members
from nncli.training.memory import refuse_too_large
from nncli.weighing import Weighing

if TYPE_CHECKING:
    from nncli.evaluation import Judged


@dataclass(frozen=True)
class Known:
    """Preprocessing that was fitted earlier: of all members ``together``, and of ``each``."""

    together: Preprocessing
    each: tuple[Preprocessing, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is known of an ensemble before its first member is trained.

    Attributes:
        config: With what was left to the machine written out, the same for all members.
        tables: The rows, before any split.
        dataset: The training rows of all members together, and the test rows.
        kernels: Those of the first member.
        weighing: What each row counts in the loss of all together.
    """

    config: Config
    tables: Tables
    dataset: Dataset
    kernels: Kernels
    weighing: Weighing

    @property
    def shards(self) -> int:
        """Of a batch of each member."""
        said = self.config.training.shards
        assert said != "auto"
        return said

    @property
    def members(self) -> int:
        """How many there are."""
        assert self.config.ensemble is not None
        return self.config.ensemble.members


def plan_ensemble(
    config: Config, tables: Tables | None = None, known: Known | None = None, ranks: Ranks = ALONE
) -> Plan:
    """Read the data, and see that each member can be trained on them: what is wrong shows before any of the work.

    The preprocessing is that of an earlier training, ``known``, or is fitted on the training rows. The members will be
    trained by ``ranks``.

    Raises:
        DataError: The data cannot be used.
        ConfigError: The config does not fit the data, or takes more memory than there is.
    """
    if tables is None:
        lies_on_disk(config)  # which is refused
        tables = read_tables(config)
    dataset = load_dataset(config, tables, known.together if known else None)
    settings: list[tuple[int, int, Kernels]] = []
    for experiment in build_members(config, tables, known.each if known else None):
        refuse_too_large(experiment, ranks=ranks)
        settings.append((experiment.threads, experiment.shards, experiment.kernels))
    threads, shards, kernels = settings[0]
    training = config.training.model_copy(update={"threads": threads, "shards": shards})
    config = config.model_copy(update={"training": training})
    return Plan(config, tables, dataset, kernels, Weighing.fit(config, dataset))


def begin_ensemble(run: Run, plan: Plan) -> None:
    """Write what is known before the first member is trained."""
    run.write_config(plan.config.resolved())
    made_in = environment(sys.argv, plan.kernels) | {"data": plan.dataset.fingerprint}
    run.write_json("environment.json", made_in)
    run.write_json("preprocess.json", plan.dataset.preprocessing.to_json())
    run.write_json("summary.json", {"status": "running"})


def start_member(member: Run, config: Config, tables: Tables, **told: Any) -> None:
    """Train a member from its first step; ``told`` is what ``start`` takes."""
    experiment = build(config, tables)
    member.make()
    with member.locked():
        member.sweep()
        start(member, experiment, **told)


def train_members(
    run: Run, plan: Plan, train: Callable[[Run, Config, int], None], turn: Callable[[int, int], None]
) -> None:
    """Train every member, and write what they are together.

    Args:
        run: Of the ensemble; the caller holds its lock.
        plan: What is to be trained.
        train: Is given the run of a member, its config and its number, and trains it, or what is left of that.
        turn: Called before: which member (from 0) of how many.

    Raises:
        DivergedError, Interrupted, RunError: As the training of a member.
    """
    with end_recorded(run):
        for number in range(plan.members):
            turn(number, plan.members)
            train(run.member(number), member_config(plan.config, number), number)
        run.write_json("summary.json", _summary(run, plan))


@contextmanager
def end_recorded(run: Run, name: str = "summary.json") -> Iterator[None]:
    """Let file ``name`` say why several trainings ended before they were done, if it can still say anything."""
    try:
        yield
    except Interrupted as interrupted:
        run.write_json(name, {"status": "interrupted"})
        raise Interrupted(run, interrupted.signal) from None
    except Exception as error:
        status = "diverged" if isinstance(error, DivergedError) else "failed"
        with suppress(NncliError):
            run.write_json(name, {"status": status, "problem": str(error) or type(error).__name__})
        raise
    except BaseException:  # Ctrl-C between two members
        with suppress(NncliError):
            run.write_json(name, {"status": "interrupted"})
        raise


def _summary(run: Run, plan: Plan) -> dict[str, Any]:
    """What came of the members, whose runs are there."""
    from nncli.evaluation import judge_out_of_fold

    members = load_members(run, plan.config)
    trained = Ensemble(run, plan.config, plan.dataset.preprocessing, members, plan.weighing)
    folds = plan.config.folds
    found = None if folds is None else judge_out_of_fold(trained, plan.tables, plan.dataset.train)
    return summary_of(trained, plan.dataset, found, [member.run.read_json("summary.json") for member in members])


def summary_of(
    trained: Ensemble, dataset: Dataset, out_of_fold: Judged | None, each: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What came of it: the figures of all together, of rows out of their folds, and of each.

    Args:
        trained: All members.
        dataset: The training rows of all members together, and the test rows.
        out_of_fold: What they make of the rows of their folds, if they have such.
        each: What the run of each says.
    """
    from nncli.evaluation import judge

    config, run = trained.config, trained.run
    figures: dict[str, float | None] = {}
    if out_of_fold is not None:
        figures |= _figures("out_of_fold", trained, out_of_fold)
    for split, part in (("validation", dataset.validation), ("test", dataset.test)):
        if part is not None:
            figures |= _figures(split, trained, judge(trained, part))
    by_class = trained.weighing.by_class
    return {
        "status": "completed",
        **config.training.debugging,
        "task": dataset.task,
        **({"class_weight": by_class} if by_class else {}),
        "training_seconds": round(sum(summary["training_seconds"] for summary in each), 6),
        "parameters": sum(summary["parameters"] for summary in each),
        "rows": {name: _rows(getattr(dataset, name)) for name in ("train", "validation", "test")},
        "weights": trained.which,
        "metrics": figures,
        "members": [
            {
                "run": str(member.run.path.relative_to(run.path)),
                **{key: summary[key] for key in ("status", "epochs", "best_epoch", "rows", "metrics")},
                "digest": member.digest,
            }
            for member, summary in zip(trained.members, each, strict=True)
        ],
    }


def _figures(split: str, trained: Ensemble, judged: Judged) -> dict[str, float | None]:
    from nncli.evaluation import scorer_of

    metrics = scorer_of(trained, judged.rows).measure(judged.predictions)
    return {f"{split}_{name}": value for name, value in {"loss": finite_or_none(judged.loss), **metrics}.items()}


def _rows(part: Part | None) -> int:
    return 0 if part is None else len(part)
