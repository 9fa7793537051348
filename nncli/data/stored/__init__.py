"""Data larger than memory: tables and prepared rows that lie on disk, and are gone through a few rows at a time.

``columns`` and ``archives`` turn a file into a table on disk, ``preparing`` (with ``split`` and ``shuffle``) that into
the rows of each part, ``cache`` is the folder where all of it lies, and ``windows`` the order in which an epoch reads.
"""

from nncli.data.stored.archives import store_archive
from nncli.data.stored.cache import Cache, Shelf
from nncli.data.stored.columns import Wanted, store_columns
from nncli.data.stored.preparing import Plan, prepare_tables

__all__ = ["Cache", "Plan", "Shelf", "Wanted", "prepare_tables", "store_archive", "store_columns"]
