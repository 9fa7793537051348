"""Matrix products, as they are asked of BLAS."""

from __future__ import annotations

from functools import partial

import numpy as np

from nncli.engine.buffers import Array, Step


def product(A: Array, B: Array, C: Array) -> Step:
    """What writes A B to C (..., rows, columns).

    Of two matrices, ``dot`` asks the same of BLAS as ``matmul`` does, in half of the microsecond that it takes to ask;
    but it copies one that has gaps in memory.
    """
    if A.ndim == B.ndim == 2 and C.flags.c_contiguous and A.flags.forc and B.flags.forc:
        return partial(np.dot, A, B, C)
    return partial(np.matmul, A, B, out=C)
