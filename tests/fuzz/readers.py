"""Feeds mutated files to the readers of nncli, in a process of its own with little memory; one JSON object a reader.

``python tests/fuzz/readers.py FOLDER SEED FIRST LAST [READER]...`` tries the inputs FIRST to LAST - 1 of each reader.
The same numbers make the same inputs. A crash or a hang leaves its input in FOLDER, where the reader found it.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.corpus import Reader, make
from fuzz.fuzzing import unreadable
from fuzz.mutations import mutated

from nncli.errors import NncliError

MEMORY = 1 << 30
"""Bytes of address space that a process may take beyond what it has: files are a few kilobytes."""
PATIENCE = 20
"""Seconds after which a reader hangs."""
SLOW = 5
"""Seconds of the processor after which it is slow."""
SHOWN = 5
EVERY = {"parquet": 10}
"""Of a reader that starts a process for each file, only so many inputs are tried."""


def made(reader: Reader, name: str, others: list[bytes], seed: int, i: int) -> bytes:
    """Input ``i``."""
    rng = Random(f"{seed} {name} {i}")
    content, seal = rng.choice(reader.forms)
    return seal(mutated(content, others, rng))


def fault(reader: Reader) -> tuple[str, str]:
    """How reading ended, in a word; and what is wrong with that, if anything."""
    began = time.process_time()
    try:
        reader.read()
    except NncliError as error:
        word = "refused"
        if wrong := unreadable(error):
            return word, wrong
    except BaseException:  # noqa: BLE001  # a panic of Rust is no Exception
        return "failed", traceback.format_exc(limit=-6)
    else:
        word = "accepted"
    took = time.process_time() - began
    return word, f"took {took:.1f} s" if took > SLOW else ""


def fuzz(name: str, reader: Reader, others: list[bytes], seed: int, numbers: range) -> dict[str, Any]:
    """Try them; the file is as it was afterwards."""
    whole = reader.path.read_bytes()
    counts, faults = {"accepted": 0, "refused": 0, "failed": 0}, {}
    assert fault(reader) == ("accepted", ""), f"{name}: the file that is right: {fault(reader)}"
    for i in numbers:
        content = made(reader, name, others, seed, i)
        reader.path.write_bytes(content)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        word, problem = fault(reader)
        faulthandler.cancel_dump_traceback_later()
        counts[word] += 1
        if problem and len(faults) < SHOWN:
            faults.setdefault(
                problem.rstrip().rpartition("\n")[2], {"input": i, "content": repr(content), "problem": problem}
            )
    reader.path.write_bytes(whole)
    return {"reader": name, "inputs": len(numbers), **counts, "faults": list(faults.values())}


def limit_memory() -> None:
    """To what there is, and a little more."""
    import resource

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))


def main(folder: str, seed: str, first: str, last: str, *names: str) -> None:
    """As the module says."""
    readers = make(Path(folder))
    others = [reader.path.read_bytes() for reader in readers.values()]
    for name in names or readers:
        fault(readers[name])  # threads are started and libraries loaded before memory is counted
    if sys.platform == "linux":
        limit_memory()
    warnings.simplefilter("error")
    for name in names or readers:
        numbers = range(int(first), int(last), EVERY.get(name, 1))
        print(json.dumps(fuzz(name, readers[name], others, int(seed), numbers)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
