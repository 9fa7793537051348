"""The same from Python as from the shell, under the same names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nncli.builder import Experiment, Place, build, keep, refuse_idle_ranks
from nncli.config.schema import Config
from nncli.ensembles import begin_ensemble, plan_ensemble, start_member, train_members
from nncli.finishing import finish
from nncli.ranks import ALONE, Ranks
from nncli.run import MEMBERS, ROOT, Run
from nncli.starting import start
from nncli.trackers import require, tracked
from nncli.training.events import Event
from nncli.training.memory import refuse_too_large

if TYPE_CHECKING:
    from nncli.gradcheck.verdict import Proof


def train(
    config: Config,
    *,
    directory: str | Path | None = None,
    gradcheck: bool = False,
    checked: Callable[[Proof], None] = lambda proof: None,
    preparing: Callable[[str], None] = lambda text: None,
    began: Callable[[Experiment, Run], None] = lambda experiment, run: None,
    warned: Callable[[str], None] = lambda text: None,
    observe: Callable[[Event], None] = lambda event: None,
    turn: Callable[[int, int], None] = lambda number, members: None,
    ranks: Ranks = ALONE,
) -> Run:
    """Train the network of ``config``, or all those of its ensemble, and return the run.

    Args:
        config: From ``load_config``.
        directory: Where the run goes; by default the first free of runs/NAME, runs/NAME-2, ...
        gradcheck: Whether to check the gradients first, at the initial weights and after a few steps, and to stop if
            they are wrong; of an ensemble, those of the first network.
        checked: Called with what that found.
        preparing: Called with what is being done to rows that are to lie on disk, which may take long.
        began: Called before the first epoch, of an ensemble before that of each member.
        warned: Called with what is out of the ordinary before the first epoch.
        observe: Called with every event of the training.
        turn: Called before the training of each member of an ensemble: which (from 0) of how many.
        ranks: The processes that share the training, of which this is the first.

    Raises:
        NncliError: The data or the config cannot be used, or a file cannot be written.
        GradientError: The gradients were to be checked, and are wrong.
        DivergedError: The training left the finite numbers. The run holds the last good weights.
        Interrupted: SIGINT or SIGTERM came. The run holds the weights of that moment.
    """
    require(config)
    told: Any = {"began": began, "warned": warned, "observe": observe, "ranks": ranks}
    ranks.warn_by(warned)
    refuse_idle_ranks(config, config.training.shards, ranks)  # before the rows are read, which may take long
    if config.ensemble is not None:
        plan = plan_ensemble(config, ranks=ranks)
        refuse_idle_ranks(config, plan.shards, ranks)
        run = Run.create(config.name_or_stem, None if directory is None else Path(directory), folder=MEMBERS)

        def train_member(member: Run, config: Config, number: int) -> None:
            first = gradcheck and number == 0
            start_member(member, config, plan.tables, gradcheck=first, checked=checked, **told)

        with run.locked():
            begin_ensemble(run, plan)
            with tracked(run, plan.config.resolved(), warned):
                train_members(run, plan, train_member, turn)
    else:
        own = None if directory is None else Path(directory)
        experiment = build(config, place=Place(beside=ROOT if own is None else own.parent, say=preparing))
        refuse_idle_ranks(config, experiment.shards, ranks)
        if ranks.size > 1:
            experiment.release_cells()
        refuse_too_large(experiment, ranks=ranks)
        run = Run.create(config.name_or_stem, own)
        keep(experiment.dataset, run.path)
        with run.locked():
            start(run, experiment, gradcheck=gradcheck, checked=checked, **told)
    finish(run, config, warned)
    return run
