"""Which pictures a run has, and what they are drawn of.

``training`` has those of how it went, ``predictions`` those of what the network makes of rows, and of the network
itself; ``gallery`` draws them all, one after the other.
"""

from nncli.seeing.pictures.gallery import draw, pictures_of, save_in

__all__ = ["draw", "pictures_of", "save_in"]
