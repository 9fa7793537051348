"""The course of a sweep: which training is begun, gone on with or ended next, by what has come of the others.

A grid, or values at random, go from rung to rung together: nobody goes on before all have come to a rung, so that who
goes on does not depend on who came first. With a model, which is told of each trial as it ends, each is held against
those that came before it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from nncli.errors import ConfigError, RunError
from nncli.many.work import Done, Task, epochs_of, is_done
from nncli.run import Run
from nncli.run.lock import held
from nncli.sweep.proposing import Model, fixed
from nncli.sweep.space import Values
from nncli.sweep.sweep import Sweep
from nncli.sweep.trial import State, Trial, best_until


class Search:
    """What is asked for work, and told of what has come of it.

    Args:
        sweep: What is asked for.
        home: Its directory.
        data: The fingerprint of the data.
        proposed: The values of the trials so far, where they follow from what came of others.
        changed: Called with every trial that has ended, and with each that is added.

    Attributes:
        trials: So far.
        hindrance: What keeps workers from training, whatever it is; nothing more is asked for then.
    """

    def __init__(
        self, sweep: Sweep, home: Path, data: str, proposed: Sequence[Values], changed: Callable[[Trial], None]
    ) -> None:
        self._sweep, self._home, self._data, self._changed = sweep, home, data, changed
        self._rungs = sweep.rungs
        self._model = Model(sweep) if sweep.method == "tpe" else None
        values = proposed if self._model else fixed(sweep)
        self.trials = [Trial(number, each) for number, each in enumerate(values)]
        self.hindrance = ""
        self._queue = deque(self.trials)
        self._busy = 0
        self._values: dict[tuple[int, int], float] = {}  # (trial, rung) -> what it cost there

    # -- what pools call -------------------------------------------------------------------------------------------

    def ask(self) -> Task | None:
        """The next piece of work; None where there is none, or none before something else has ended."""
        while not self.hindrance and (self._queue or self._more()):
            trial = self._queue.popleft()
            if (found := self._found(trial)) is None:
                try:
                    config = self._sweep.config(trial.values).resolved()
                except ConfigError as error:  # a model may propose what no corner of the space has
                    found = Done("failed", str(error))
                else:
                    self._busy += 1
                    return Task(str(self._home.resolve()), trial.path, config, self._data, self._until(trial))
            self._take(trial, found)
        return None

    def tell(self, task: Task, done: Done) -> None:
        """Take in how a piece of work ended."""
        self._busy -= 1
        trial = next(trial for trial in self.trials if trial.path == task.path)
        if done.status == "ended" and not is_done(self._run(trial)):
            done = Done("hindered", f"{task.path}: what a worker says that it wrote is not here: is the folder shared?")
        if done.status == "hindered":
            self.hindrance = self.hindrance or done.problem
        else:
            self._take(trial, done)

    # -- what comes next -------------------------------------------------------------------------------------------

    def _more(self) -> bool:
        """Put something into the queue, if there is anything to be done now."""
        if self._model is not None:
            if len(self.trials) >= self._sweep.trials:
                return False
            trial = Trial(len(self.trials), self._model.propose(self.trials))
            self.trials.append(trial)
            self._changed(trial)
            self._queue.append(trial)
            return True
        waiting = [trial for trial in self.trials if trial.state == "paused"]
        if self._busy or not waiting:
            return False
        rung = min(trial.rung for trial in waiting)
        kept = self._kept(rung)
        for trial in waiting:
            if trial.number in kept:
                self._queue.append(self._go_on(trial))
            else:
                self._prune(trial)
        return bool(self._queue)

    def _kept(self, rung: int) -> set[int]:
        """The numbers of those that go on from there, of all that have come so far; of equals, who began first."""
        costs = sorted((cost, number) for (number, at), cost in self._values.items() if at == rung)
        return {number for _, number in costs[: math.ceil(len(costs) * self._sweep.share)]}

    def _go_on(self, trial: Trial) -> Trial:
        trial.rung, trial.state = trial.rung + 1, "waiting"
        return trial

    def _prune(self, trial: Trial) -> None:
        trial.state, trial.epochs = "pruned", self._rungs[trial.rung]
        run = self._run(trial)
        run.write_json("summary.json", {**run.read_json("summary.json"), "status": "pruned"})
        trial.value = best_until(run, self._sweep.monitor, trial.epochs, highest=self._sweep.higher_is_better)
        self._changed(trial)

    def _until(self, trial: Trial) -> int | None:
        return self._rungs[trial.rung] if trial.rung < len(self._rungs) else None

    # -- what has come of it ---------------------------------------------------------------------------------------

    def _run(self, trial: Trial) -> Run:
        return Run(self._home / trial.path)

    def _found(self, trial: Trial) -> Done | None:
        """What has come of it already, in a process before this one: nothing is trained that need not be."""
        run, until = self._run(trial), self._until(trial)
        try:
            status = run.read_json("summary.json").get("status") if (run.path / "summary.json").exists() else None
        except RunError:
            return None
        if status == "diverged":
            return Done("diverged")
        if until is not None and status in ("pruned", "interrupted") and epochs_of(run) >= until:
            return None if held(run.path) else Done("paused")
        return Done("ended") if is_done(run) else None

    def _take(self, trial: Trial, done: Done) -> None:
        run, sweep = self._run(trial), self._sweep
        trial.problem = done.problem
        if done.status == "interrupted":
            return
        trial.epochs = epochs_of(run) if (run.path / "metrics.csv").exists() else 0
        for rung in range(trial.rung, len(self._rungs)):
            self._values[trial.number, rung] = self._cost(trial, rung, done)
            if done.status == "paused":
                break
        if done.status == "paused":
            trial.state = "paused"
            if self._model is not None:
                if trial.number in self._kept(trial.rung):
                    self._queue.appendleft(self._go_on(trial))
                else:
                    self._prune(trial)
            return
        states: dict[str, State] = {"ended": "completed", "diverged": "diverged", "failed": "failed"}
        trial.state = states[done.status]
        if done.status == "diverged":  # in words that are the same whoever trained it, and wherever
            trial.problem = run.read_json("summary.json").get("problem", "")
        if done.status == "ended":
            trial.summary = run.read_json("summary.json")
            trial.epochs = trial.summary["epochs"]
            trial.value = trial.summary["metrics"].get(sweep.monitor)
        self._changed(trial)

    def _cost(self, trial: Trial, rung: int, done: Done) -> float:
        """What it had come to at a rung; one that did not get so far counts as it ended."""
        if done.status == "failed" or (done.status == "diverged" and trial.epochs < self._rungs[rung]):
            return math.inf
        run, highest = self._run(trial), self._sweep.higher_is_better
        return self._sweep.cost(best_until(run, self._sweep.monitor, self._rungs[rung], highest=highest))
