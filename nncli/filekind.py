"""What a path leads to, where a plain file is wanted."""

from __future__ import annotations

import stat

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def irregular(mode: int) -> str:
    """What a thing of this ``st_mode`` is, if no plain file; empty for one. Only `os.lstat` tells of a link.

    Nothing else is ever opened: a pipe may wait for ever, a device may never end.
    """
    if stat.S_ISREG(mode):
        return ""
    return next((name for is_one, name in _KINDS if is_one(mode)), "something else")
