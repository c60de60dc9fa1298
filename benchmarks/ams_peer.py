"""AMS's side of `scheduling.py`, run by the Python of AMS's own environment: jobs as JSON on stdin, results on stdout.

It imports nothing of BOS, and BOS imports nothing of it.
"""

import json
import sys
import time
import warnings
from typing import Any

import ams
import numpy as np

warnings.simplefilter("ignore")
ams.config_logger(50)


def _load(path: str) -> Any:
    return ams.load(path, setup=True, no_output=True)


def _flow(job: dict[str, Any]) -> dict[str, Any]:
    """One DC optimal power flow, then a scan of load factors; CPU seconds of each part."""
    t0 = time.process_time()
    system = _load(job["file"])
    t1 = time.process_time()
    system.DCOPF.init()
    t2 = time.process_time()
    system.DCOPF.run(solver=job["solver"])
    t3 = time.process_time()
    out = {"cost": float(system.DCOPF.obj.v), "load_s": t1 - t0, "init_s": t2 - t1, "solve_s": t3 - t2}
    costs = []
    base = np.array(system.PQ.p0.v)
    begin = time.process_time()
    for factor in job.get("scale", []):
        system.PQ.set(src="p0", idx=system.PQ.idx.v, attr="v", value=base * factor)
        system.DCOPF.update("pd")
        system.DCOPF.run(solver=job["solver"])
        costs.append(float(system.DCOPF.obj.v))
    return {**out, "scan_s": time.process_time() - begin, "scan_cost": sum(costs)}


def _routine(job: dict[str, Any]) -> dict[str, Any]:
    """One routine of a workbook; a unit commitment tells its commitment."""
    system = _load(job["file"])
    routine = getattr(system, job["routine"])
    begin = time.process_time()
    routine.run(solver=job["solver"])
    out: dict[str, Any] = {"cost": float(routine.obj.v), "cpu_s": time.process_time() - begin}
    if hasattr(routine, "ugd"):
        out["on"] = np.asarray(routine.ugd.v).round().T.tolist()
        out["units"] = list(routine.pg.get_all_idxes())
    return out


def main() -> None:
    """Run the jobs; one that fails tells its error."""
    results = []
    for job in json.load(sys.stdin):
        try:
            results.append((_flow if job["kind"] == "flow" else _routine)(job))
        except Exception as error:  # the peer's failure is a result
            results.append({"error": str(error).split("\n")[0][:100]})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
