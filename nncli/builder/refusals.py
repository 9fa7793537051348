"""What only the data, or the whole together, can show to be wrong with a config."""

from __future__ import annotations

from typing import Literal

from nncli.builder.experiment import Experiment
from nncli.config.schema import Config
from nncli.data.dataset import Dataset
from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.data.scaling import Scaling
from nncli.engine import activations, losses
from nncli.engine import kernels as loops
from nncli.engine.activations import Activation
from nncli.engine.buffers import Array
from nncli.engine.optimizers import Minimizer
from nncli.errors import ConfigError
from nncli.ranks import Ranks
from nncli.text import count


def refuse_shards(experiment: Experiment) -> None:
    """More pieces than there are rows, pieces of too few rows, or a training that does not go in pieces."""
    order, config, remedy = experiment.order, experiment.config, "leave it at auto"
    shards, size, least = order.shards, order.size, experiment.network.least_rows
    if shards == 1:
        return

    def smallest(rows: int, shards: int) -> int:
        return rows // min(rows, shards)

    if isinstance(experiment.optimizer, Minimizer):
        message = f"{experiment.optimizer.name} takes all rows in one piece"
    elif shards > size:
        message = f"a batch of {count(size, 'row')} has no {shards} shards"
    else:
        of_batches = {"a": size, "the last": order.n % size or size}
        short = [(which, rows) for which, rows in of_batches.items() if smallest(rows, shards) < least]
        if not short:
            return
        which, rows = short[0]
        block = next(s.block for s in experiment.network.stages if s.layer.least_rows == least)
        message = (
            f"model.{block}.norm needs at least {least} rows in each shard, and {which} batch has "
            f"{count(rows, 'row')} for {shards}"
        )
        others = range(size + 1, order.n + 1)
        fits = (n for n in others if smallest(n, shards) >= least and smallest(order.n % n or n, shards) >= least)
        fitting = next(fits, None)
        remedy = "take fewer" if fitting is None else f"take fewer, or a batch_size that fits, such as {fitting}"
    raise ConfigError([config.problem("training.shards", message, remedy)])


def refuse_idle_ranks(config: Config, shards: int | Literal["auto"], ranks: Ranks, *, resumes: bool = False) -> None:
    """More processes than a batch has shards; where nobody has counted these yet, it is not known.

    A run that ``resumes`` has those that it has.
    """
    if shards == "auto" or ranks.size <= shards:
        return
    asked = " (auto)" if config.training.shards == "auto" else ""
    message = f"a batch in {count(shards, 'shard')}{asked} is no work for {ranks.size} ranks"
    fewer = f"start fewer: mpiexec -n {shards}" if shards > 1 else "start one: leave mpiexec out"
    batch = config.training.batch_size
    whole = isinstance(config.optimizer.build(), Minimizer) or (isinstance(batch, int) and batch < ranks.size)
    remedy = fewer if whole or resumes else f"training.shards={ranks.size} has some for each, or {fewer}"
    raise ConfigError([config.problem("training.shards", message, remedy)])


def refuse_missing_compiler(config: Config) -> None:
    """Loops are asked for that nothing can compile."""
    if config.training.kernels == "numba" and not loops.available():
        remedy = "pip install 'nncli[fast]', or leave it at auto: the bits are the same"
        raise ConfigError([config.problem("training.kernels", "numba is not installed", remedy)])


def refuse_noise_under_a_minimizer(experiment: Experiment) -> None:
    """A line search compares values of one function: a network that draws random numbers is another every time."""
    network, config = experiment.network, experiment.config
    if not isinstance(experiment.optimizer, Minimizer):
        return
    noisy = {stage.block: stage.layer.kind for stage in network.stages if stage.layer.noise(stage.inputs)}
    message = f"is random, and {experiment.optimizer.name} needs the same loss whenever the weights are the same"
    remedy = "leave it out, or choose another optimizer"
    problems = [config.problem(f"model.{block}", f"{kind} {message}", remedy) for block, kind in noisy.items()]
    if problems:
        raise ConfigError(problems)


def refuse_endless_warmup(experiment: Experiment) -> None:
    """A warm-up of more updates than the training has, which nobody knows before the rows are counted."""
    epochs, steps, warmup = experiment.config.training.epochs, experiment.steps_per_epoch, experiment.schedule.warmup
    if epochs and warmup(steps) > steps * epochs and not experiment.config.training.fast_dev_run:
        message = f"a warm-up of {warmup(steps)} steps is longer than the training, which has {steps * epochs}"
        remedy = "shorten it, or raise training.epochs"
        raise ConfigError([experiment.config.problem("schedule.warmup_steps", message, remedy)])


def refuse_lonely_rows(experiment: Experiment) -> None:
    """Batch norm: of a row that is alone in its batch, nothing is left when its mean is taken from it."""
    least, n, size = experiment.network.least_rows, len(experiment.train.inputs), experiment.batch_size

    def fits(size: int) -> bool:
        return size >= least and (n % size == 0 or n % size >= least)

    if fits(size):
        return
    block = next(stage.block for stage in experiment.network.stages if stage.layer.least_rows == least)
    message = f"model.{block}.norm needs at least {least} rows in a batch, "
    message += f"and the last of {count(n, 'training row')} has {n % size}" if size >= least else f"and it has {size}"
    fitting = next((other for other in range(size + 1, n + 1) if fits(other)), None)
    other = "use norm: layer" if fitting is None else f"use norm: layer, or a batch_size that fits, such as {fitting}"
    raise ConfigError([experiment.config.problem("training.batch_size", message, other)])


def refuse_unreachable_targets(config: Config, dataset: Dataset) -> None:
    """Numbers or labels: an output activation that cannot take the values of the target would train to nonsense."""
    encoding = dataset.preprocessing.target
    if isinstance(encoding, ClassEncoding):
        return
    last = len(config.model.layers) - 1
    activation = config.model.layers[last].activation.build()
    where = f"model.layers.{last}.activation"
    loss = losses.registry[config.loss.name]
    if activation.simplex and loss.needs != "distribution":
        labels = isinstance(encoding, LabelEncoding)
        target = "each label applies or not on its own" if labels else "the target is a number"
        message = f"{activation.name} makes its outputs sum to 1, but {target}"
        remedy = "use sigmoid" if labels else "use identity, or cross_entropy for classes"
        raise ConfigError([config.problem(where, message, remedy)])
    low, high = activation.range
    Y = dataset.train.targets
    if not _reaches(activation, Y):
        scaled = isinstance(encoding, Scaling) and encoding.method != "none"
        unit = "standardized " if scaled else ""
        message = (
            f"{activation.name} gives values from {low:g} to {high:g}, "
            f"but the {unit}target runs from {Y.min():.3g} to {Y.max():.3g}"
        )
        fitting = [a.name for a in activations.registry if not losses.objection(loss, a) and _reaches(a(), Y)]
        remedy = "use identity, or preprocess.target: none if that fits"
        raise ConfigError([config.problem(where, message, remedy if "identity" in fitting else _one_of(fitting))])


def _reaches(activation: Activation, Y: Array) -> bool:
    low, high = activation.range
    return bool(Y.min() >= low and Y.max() <= high)


def _one_of(names: list[str]) -> str:
    return f"use {' or '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}" if names else ""
