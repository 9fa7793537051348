"""What this machine has."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONTROL_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Limit:
    """Bytes that a process may have at most, and who says so: ``this machine has``."""

    bytes: int
    whose: str


def memory_limit(held: int = 0) -> Limit | None:
    """The tightest limit on this process's memory: of the machine, of its control group, of its address space.

    ``held`` are bytes that the process has already, and that count as part of what it needs. None where the operating
    system tells nothing.
    """
    return min(_limits(held), key=lambda limit: limit.bytes, default=None)


def _limits(held: int) -> Iterator[Limit]:
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        yield Limit(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "this machine has")
    for limit in _of_control_groups():
        yield Limit(limit, "this container has")
    if sys.platform != "win32":
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            yield Limit(max(0, limit - _address_space() + held), "this process may take")


def _of_control_groups() -> Iterator[int]:
    """The limits of the group of this process and of every group around it; of version 2, and of 1."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "memory") and "memory" not in controllers.split(","):
                continue
            root = CONTROL_GROUPS / "memory" if controllers else CONTROL_GROUPS
            group = root / path.lstrip("/")
            for folder in (group, *group.parents):
                if not folder.is_relative_to(root):
                    break
                for name in ("memory.max", "memory.limit_in_bytes"):
                    with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
                        yield int((folder / name).read_text(encoding="ascii"))


def _address_space() -> int:
    """Bytes that this process has mapped; 0 where nobody says."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
