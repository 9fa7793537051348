"""Run a command; print its exit code, seconds and the largest resident set in megabytes, as JSON.

    python stopwatch.py OUTPUT COMMAND...

What the command prints goes to OUTPUT. It is a process of its own because Linux counts what the parent had in memory
when it started a child as the child's: it has to be small, and imports next to nothing.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Run, wait, print."""
    output, *command = sys.argv[1:]
    with open(output, "w", encoding="utf-8") as file:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen knows that it has ended
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux kilobytes
    figures = {"exit": process.returncode, "seconds": seconds, "megabytes": usage.ru_maxrss / unit}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
