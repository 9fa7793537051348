"""What would make a step faster, told from its profile by rules: each with the figure that it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nncli.engine.cost import COMPILING
from nncli.profile.report import Profile, Trial, time_text

GAIN = 0.05
"""The share of the time that a setting has to save in the trial, to be named: less may be the noise of two medians."""
NEAR = 1.25
"""So many times its matrix products, a step has little beside them."""
KERNELS, BATCH, PRECISION = "training.kernels", "training.batch_size", "training.precision"
EXTRAS = {
    "penalty": (0.05, "the penalties on the weights take", "they are passes over all weights in every step"),
    "noise": (0.05, "drawing random numbers takes", "dropout and noise need new ones in every batch"),
    "statistics": (0.05, "the running statistics take", "norm: layer has none"),
    "accumulate": (0.05, "training.accumulate takes", "a batch_size as much larger needs no sum of gradients"),
    "clip": (0.05, "clipping takes", "it is passes over the gradient"),
    "max norm": (0.05, "max_norm takes", "it is passes over the weights behind every update"),
    "average": (0.05, "training.average takes", "it is passes over all parameters behind every update"),
}
"""Part of a step -> the share from which on it is named, how, and why it takes time."""
ROWS, OPTIMIZER, LAYERS, LOSS, BETWEEN = 0.10, 0.15, 0.10, 0.20, 0.10
"""The same shares of gathering rows, the optimizer's update, a kind of layer, the loss, Python between the calls."""
COPYING = 1e9
"""Bytes a second that are gathered at the least, unless the calls take longer than the copying."""


@dataclass(frozen=True)
class Advice:
    """What may be gained, as a share of the step at the most, and what to do or to know."""

    share: float
    text: str


def advise(profile: Profile) -> tuple[Advice, ...]:
    """What would help, the most first; empty where nothing does."""
    found = (*_kernels(profile), *_trials(profile), *_parts(profile), *_layers(profile))
    return tuple(sorted(found, key=lambda advice: -advice.share))


def verdict(profile: Profile) -> str:
    """What to say where nothing helps."""
    if profile.over_products <= NEAR:
        return "nothing to gain: the step is nearly its matrix products; fewer or narrower layers alone are faster"
    return f"nothing to gain: no setting saves {GAIN:.0%}, and no part but the matrix products takes much"


def kernels_text(profile: Profile) -> str:
    """Which operations are compiled loops, and why none are."""
    if profile.kernels == "numba":
        return f"kernels: numba; compiled loops: {'; '.join(profile.loops) or 'none, for there is nothing to fuse'}"
    if profile.asked == "numpy":
        text = "kernels: numpy, as the config says"
    elif not profile.compiler:
        text = "kernels: numpy, for numba is not installed"
    else:
        text = (
            f"kernels: numpy, as {profile.steps:,} steps are too few to win back the second that compiling loops takes"
        )
    tried = _tried(profile)
    return text if tried is None else f"{text}; with loops, a step takes {time_text(tried.ratio * profile.step)}"


def _kernels(profile: Profile) -> Iterator[Advice]:
    """Compiled loops where there are none: as tried, or as estimated where nothing can compile them."""
    if profile.kernels == "numba":
        return
    tried = _tried(profile)
    share = min(profile.saved / profile.step, 1.0) if tried is None else 1 - tried.ratio
    saved = share * profile.step
    in_all = saved * profile.steps
    if share < GAIN or in_all < COMPILING:
        return
    bits = f"{in_all:,.1f} s in all {profile.steps:,} steps, to the same bits; compiling them takes about a second"
    if tried is not None:
        yield Advice(share, f"training.kernels=numba saves {time_text(saved)} of {_step(profile)}, {bits}")
    elif not profile.compiler:
        setting = "" if profile.asked == "auto" else " and training.kernels=auto"
        install = f"pip install 'nncli[fast]'{setting}: compiled loops save about {time_text(saved)}"
        yield Advice(share, f"{install} of {_step(profile)}, {bits}")


def _tried(profile: Profile) -> Trial | None:
    return next((trial for trial in profile.trials if trial.change.startswith(KERNELS)), None)


def _trials(profile: Profile) -> Iterator[Advice]:
    for trial in profile.trials:
        if trial is not profile.sharded and not trial.change.startswith(KERNELS) and 1 - trial.ratio >= GAIN:
            yield Advice(1 - trial.ratio, _trial(profile, trial))


def _trial(profile: Profile, trial: Trial) -> str:
    if trial.change.startswith(BATCH):
        return (
            f"{trial.change}: an epoch takes {trial.ratio:.0%} of its time, but makes fewer updates: another training"
        )
    text = f"{trial.change}: {time_text(trial.ratio * profile.step)} a step instead of {time_text(profile.step)}"
    return f"{text}, with numbers of 7 digits instead of 16" if trial.change.startswith(PRECISION) else text


def _parts(profile: Profile) -> Iterator[Advice]:
    for name, (least, what, why) in EXTRAS.items():
        share = profile.part(name) / profile.step
        if share >= least:
            yield Advice(share, f"{what} {share:.0%} of the step: {why}")
    share = profile.part("rows") / profile.step
    if share >= ROWS:
        copied = profile.batch_size * profile.accumulate * profile.widths[0] * np.dtype(profile.precision).itemsize
        copies = copied / profile.part("rows") >= COPYING
        why = (
            "it copies every feature, and fewer take less"
            if copies
            else "most of it is calls; a larger batch has fewer"
        )
        yield Advice(share, f"gathering the rows takes {share:.0%} of the step: {why}")
    share = profile.part("optimizer") / profile.step
    if share >= OPTIMIZER:
        text = f"the update by {profile.optimizer} takes {share:.0%} of the step, the same for a batch of any size"
        yield Advice(share, f"{text}: a larger training.batch_size needs fewer")
    share = (profile.loss_forward + profile.loss_backward) / profile.step
    if share >= LOSS:
        yield Advice(share, f"the loss takes {share:.0%} of the step: the layers are small beside it")
    share = profile.between / profile.step
    if share >= BETWEEN:
        yield Advice(
            share, f"{share:.0%} of the step is Python between the calls: a larger training.batch_size has fewer"
        )


def _layers(profile: Profile) -> Iterator[Advice]:
    """Kinds of layers without a matrix product that take much; relu is the cheapest of the activations."""
    times: dict[tuple[str, str], float] = {}
    for layer in profile.layers:
        if layer.kind in ("norm", "activation") and layer.layer != "relu":
            key = layer.kind, layer.layer
            times[key] = times.get(key, 0.0) + layer.total
    for (kind, name), time in times.items():
        share = time / profile.step
        if share >= LAYERS:
            why = "it is many passes over the signal" if kind == "norm" else "relu is the cheapest activation"
            yield Advice(share, f"{name} takes {share:.0%} of the step: {why}")


def _step(profile: Profile) -> str:
    return f"{time_text(profile.step)} a step"
