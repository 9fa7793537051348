"""Errors that are nncli's and scikit-learn's at once: a ``ValueError`` that names the parameter and a remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nncli.errors import ConfigError, DataError, DivergedError, Problem


class InvalidParameterError(ConfigError, ValueError):
    """A parameter, or what several of them ask for together, cannot be used."""


class InvalidDataError(DataError, ValueError):
    """The rows cannot be used."""


class TrainingDivergedError(DivergedError, ValueError):
    """The training left the finite numbers."""


@contextmanager
def as_value_errors(named: Callable[[str], str]) -> Iterator[None]:
    """Within, what is wrong with the config or the data is also a ``ValueError``.

    Args:
        named: Puts the names of parameters in the place of the config's keys.
    """
    try:
        yield
    except ConfigError as error:
        raise InvalidParameterError(_renamed(error.problems, named)) from None
    except DataError as error:
        raise InvalidDataError(_renamed(error.problems, named)) from None


def _renamed(problems: list[Problem], named: Callable[[str], str]) -> list[Problem]:
    return [Problem(named(p.message), named(p.where), named(p.remedy)) for p in problems]
