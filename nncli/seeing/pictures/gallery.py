"""All pictures of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nncli.plots.canvas import Picture, save
from nncli.run import Run
from nncli.seeing.pictures.predictions import of_network, of_predictions
from nncli.seeing.pictures.training import of_training
from nncli.seeing.view import View, look_at

FOLDER = "plots"


def draw(run: Run) -> list[Path]:
    """Draw all pictures of ``run`` into its folder of them, and return their files.

    Raises:
        NncliError: Something else is there by the name of one, or it cannot be written.
    """
    return [save_in(run, picture) for _, picture in pictures_of(look_at(run))]


def save_in(run: Run, picture: Picture) -> Path:
    """Write ``picture`` into the folder of those of ``run``."""
    path = run.path / FOLDER / f"{picture.name}.png"
    save(picture.figure, path)
    return path


def pictures_of(view: View) -> Iterator[tuple[str, Picture]]:
    """All that there is to draw: ``training``, ``predictions`` or ``network``, and a picture of it.

    One after the other, so that no two of them are in the memory.
    """
    groups = {"training": of_training(view)}
    if view.seen is not None:
        groups |= {"predictions": of_predictions(view.seen), "network": of_network(view.seen)}
    for group, makers in groups.items():
        for make in makers:
            if (picture := make()) is not None:
                yield group, picture
