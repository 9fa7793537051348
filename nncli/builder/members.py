"""The members of an ensemble: each is a training of its own, with a config of its own."""

from __future__ import annotations

from nncli.config.schema import Config, Fold
from nncli.engine.randomness import Purpose, stream

LARGEST_SEED = 2**53
"""Seeds of members lie below: whatever reads JSON takes them for what they are."""


def member_config(config: Config, number: int) -> Config:
    """The config of member ``number`` (from 0) of the ensemble that ``config`` asks for.

    It is that of one network: with a seed of its own, the split of the ensemble, and, of an ensemble on folds, the fold
    that it validates on.
    """
    assert config.ensemble is not None
    split = config.data.split
    fold = None if config.folds is None else Fold(of=config.folds, number=number)
    own = split.model_copy(update={"seed": config.seed if split.seed is None else split.seed, "fold": fold})
    return config.model_copy(
        update={
            "seed": int(stream(config.seed, Purpose.MEMBER, number).integers(LARGEST_SEED)),
            "data": config.data.model_copy(update={"split": own}),
            "ensemble": None,
        }
    )
