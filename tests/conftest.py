"""What all tests share."""

from __future__ import annotations

import os
import signal
import sys

import hypothesis

from nncli.machine import choose_products

pytest_plugins = ["browser"]

# Two workers with two BLAS threads each fight over two cores; set before anything imports NumPy.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Tests start hundreds of processes: without caches of its bytecode, each compiles all of nncli anew, and takes a third
# longer. What is cached lies in __pycache__, beside the source.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# what a shell starts in the background ignores Ctrl-C, and so would all that the tests start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

choose_products()  # as the command does: what is trained here has the bits of what is trained in a process of its own

# A gate says the same of the same commit, so inputs that are made up are the same in each run. NNCLI_FUZZ_SEED has
# others made: in tests/fuzz those of that seed, elsewhere new ones each time, printed with how to make them again.
repeatable = os.environ.get("NNCLI_FUZZ_SEED", "0") == "0"
hypothesis.settings.register_profile("nncli", derandomize=repeatable, database=None, deadline=None, print_blob=True)
hypothesis.settings.load_profile("nncli")
