"""Pictures of a page: they are part of it."""

from __future__ import annotations

from dataclasses import dataclass

from nncli.pages.page import embedded
from nncli.plots.canvas import Picture


@dataclass(frozen=True)
class Drawn:
    """A picture in the page."""

    name: str
    title: str
    alt: str
    address: str
    width: int
    height: int


def drawn_as(picture: Picture, png: bytes) -> Drawn:
    """``picture``, which was drawn as this PNG file."""
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))  # as the format says of every PNG file
    return Drawn(picture.name, picture.title, picture.alt, embedded(png), width, height)
