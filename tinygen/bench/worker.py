"""One side of a comparison, in a process of its own: ``python -m tinygen.bench.worker MODULE WORKLOAD ARRAYS.npz``.

It loads the arrays, and then does what lines of JSON on standard input ask for; the answer is a line of JSON on
standard output. Between two requests it waits in a read and takes no CPU, so the other side can be timed. The
module has ``WORKLOADS``: row -> form -> what builds a job from the arrays. A job has ``step()``, ``reset()``,
``evidence()`` and, where one step does something several times, ``units``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

try:
    import resource
except ImportError:  # Windows
    resource = None

WARM_STEPS = 2


def time_slot(job: Any, seconds: float, most: int = 10_000) -> dict[str, Any]:
    """Run steps for ``seconds`` (at least one): milliseconds of each, and the CPU seconds that all of it took."""
    cpu, units = time.process_time(), getattr(job, "units", 1)
    job.reset()
    for _ in range(WARM_STEPS):
        job.step()
    times: list[float] = []
    now = start = time.perf_counter()
    while not times or (now - start < seconds and len(times) < most):
        before = now
        job.step()
        now = time.perf_counter()
        times.append((now - before) * 1e3 / units)
    return {"ms": times, "cpu": time.process_time() - cpu}


def peak_mb() -> float | None:
    """The most memory this process has had at once, in 10**6 bytes; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # unlike getrusage, it does not count what the parent had before the exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    if resource is None:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main(module: str, workload: str, path: str) -> None:
    """Serve requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to standard error
    forms = importlib.import_module(module).WORKLOADS[workload]
    with np.load(path) as file:
        arrays = dict(file)
    jobs: dict[str, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        form = request.get("form")
        try:
            if form is not None and form not in jobs:
                jobs[form] = forms[form](arrays)
            if request["do"] == "forms":
                answer = list(forms)
            elif request["do"] == "evidence":
                answer = jobs[form].evidence()
            elif request["do"] == "slot":
                answer = time_slot(jobs[form], request["seconds"])
            elif request["do"] == "gflop":
                answer = [jobs[form].gflop, jobs[form].how]
            else:
                answer = peak_mb()
            reply = {"answer": answer}
        except Exception as error:  # told to the parent, which raises it or reports the form as left out
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
