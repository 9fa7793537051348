"""What all tests share."""

from __future__ import annotations

import os

from nncli.machine import choose_products

pytest_plugins = ["browser"]

# Two workers with two BLAS threads each fight over two cores; set before anything imports NumPy.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

choose_products()  # as the command does: what is trained here has the bits of what is trained in a process of its own
