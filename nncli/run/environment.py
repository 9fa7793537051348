"""What the bits of a run depend on besides its config."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from nncli.machine import processor
from nncli.text import printable


def environment(command: list[str], kernels: str) -> dict[str, Any]:
    """Versions, BLAS and its threads, the processor, the command."""
    from threadpoolctl import threadpool_info

    # NumPy's before that of SciPy; the order in which they are found is another every time
    pools = sorted(threadpool_info(), key=lambda pool: (not _of_numpy(pool["filepath"]), pool["filepath"]))
    packages = ["nncli", "numpy", "scipy", "scikit-learn", "polars", "safetensors"]
    if kernels == "numba":
        packages += ["numba", "llvmlite"]
    return {
        "command": command,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": processor().get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "kernels": kernels,
        "packages": {name: _version(name) for name in packages},
        "threadpools": [
            {key: pool.get(key) for key in ("user_api", "internal_api", "version", "num_threads", "architecture")}
            for pool in pools
        ],
    }


@cache
def _version(package: str) -> str:
    """Of an installed package: a millisecond of reading and parsing, which an estimator would spend at every fit."""
    return metadata.version(package)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of it may change the bits, in words: ``numpy was 2.3.1 and is 2.4.6``."""
    old = what_matters(before)
    pairs = ((name, old.get(name), value) for name, value in what_matters(now).items())
    return [f"{name} was {_said(a)} and is {_said(b)}" for name, a, b in pairs if a != b]


def what_matters(content: Mapping[str, Any]) -> dict[str, Any]:
    """What of an environment.json may change the bits, by what a person calls it; None for what it does not tell."""
    # compiled loops give the bits of their NumPy twins
    packages = {k: v for k, v in _mapping(content.get("packages")).items() if k not in ("numba", "llvmlite")}
    blas = _blas(content)
    return {
        **{key: content.get(key) for key in ("python", "platform", "processor")},
        **packages,
        "BLAS": blas.get("version"),
        "BLAS kernels": blas.get("architecture"),
        "BLAS threads": blas.get("num_threads"),
    }


def _of_numpy(library: str) -> bool:
    """Whether it came with NumPy: in numpy.libs, or on macOS in numpy/.dylibs."""
    return any("numpy" in part for part in Path(library).parts[-3:-1])


def _blas(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """NumPy's: the first."""
    pools = content.get("threadpools")
    found = [_mapping(pool) for pool in pools] if isinstance(pools, list) else []
    return next((pool for pool in found if pool.get("user_api") == "blas"), {})


def _mapping(content: Any) -> Mapping[str, Any]:
    return content if isinstance(content, dict) else {}


def _said(value: Any) -> str:
    """Of a file that anybody may have written: nothing long, and all on one line."""
    return printable("unknown" if value is None else str(value)[:80])
