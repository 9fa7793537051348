"""Many configs, of which the best is looked for: each training is a run of its own under one directory.

``file`` is what the YAML may say, ``reading`` turns it into a ``Sweep`` of a ``Space``, ``proposing`` says which values
are tried, ``search`` which training comes next, ``running`` has it done by whoever does the work, ``result`` is what
it came to, and ``pictures`` shows that.
"""

from nncli.sweep.reading import load_sweep
from nncli.sweep.running import Stopped, Swept, Watched, go_on, is_sweep, run_sweep
from nncli.sweep.sweep import Sweep

__all__ = ["Stopped", "Sweep", "Swept", "Watched", "go_on", "is_sweep", "load_sweep", "run_sweep"]
