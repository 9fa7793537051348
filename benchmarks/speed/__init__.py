"""nncli beside every framework that is installed: microseconds a training step, and whole commands from the shell.

The path of a measurement: ``cases`` says what is trained, ``material`` writes its rows and initial weights to files,
``contestants`` says who trains it and how, ``measure`` is the fresh process in which one of them does (the code is in
``peers``, a file for each framework), ``rounds`` lets them take turns, ``commands`` times whole commands against the
scripts in ``jobs`` (``stopwatch`` is what waits for them), ``report`` and ``picture`` show what came out.
"""

from nncli.machine import choose_products

choose_products()  # as the command does, for every process of the benchmark and all of NumPy's BLAS in it
