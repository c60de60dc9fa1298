"""ANDES's side of the dynamics interface, run by the Python of ANDES's own environment: a case on stdin, states on stdout.

It imports nothing of BOS, and BOS imports nothing of it: ANDES is GPL and stays in its own process.
"""

import json
import sys
import time
import types
from typing import Any

import andes  # type: ignore[import-not-found]


def learn(source: str, classes: list[str]) -> None:
    """Make classes of models known to ANDES, as if they were a module of its own."""
    module = types.ModuleType("andes.models.bos_models")
    sys.modules[module.__name__] = module
    exec(compile(source, "bos_models", "exec"), module.__dict__)
    andes.models.file_classes.append(("bos_models", classes))


def build(case: dict[str, Any]) -> Any:
    """The system: power flow data, machines and their controllers, what happens."""
    options = {"pycode_path": case["pycode"]}
    if case.get("source"):
        learn(case["source"], case["classes"])
        andes.System(no_output=True, default_config=True, options=options)
        for name in [n for n in sys.modules if n.split(".")[0] == "pycode"]:
            del sys.modules[name]  # code just generated is empty in the process that generated it, until read again
    system = andes.System(no_output=True, default_config=True, options=options)
    for sheet, rows in case["tables"].items():
        for row in rows:
            system.add(sheet, row)
    system.setup()
    return system


def main() -> None:
    """Solve the power flow, simulate, tell what happened."""
    out = sys.stdout
    sys.stdout = sys.stderr  # ANDES talks on stdout
    andes.config_logger(50)
    case = json.load(sys.stdin)
    system = build(case)
    if not system.PFlow.run():
        json.dump({"error": "its power flow does not converge"}, out)
        return
    volts, angles = system.Bus.v.v.tolist(), system.Bus.a.v.tolist()
    config = system.TDS.config
    config.tf, config.tstep, config.fixt, config.shrinkt = case["seconds"], case["step"], 1, 1
    config.tol = case.get("tolerance", config.tol)
    config.no_tqdm = 1
    config.criteria = 0
    began = time.process_time()
    if not system.TDS.run():
        json.dump({"error": "its simulation ends early"}, out)
        return
    cpu = time.process_time() - began
    x, y = system.dae.ts.x, system.dae.ts.y
    told: dict[str, Any] = {"t": system.dae.ts.t.tolist(), "volts": volts, "angles": angles, "cpu_s": cpu}
    if case.get("classes"):
        models = [getattr(system, name) for name in case["classes"]]
        told["idx"] = [i for m in models for i in m.idx.v]
        told |= {k: [c for m in models for c in x[:, getattr(m, k).a].T.tolist()] for k in ("delta", "omega")}
        told["v"] = y[:, system.Bus.v.a].tolist()
    else:
        told |= {"speed": x[:, system.GENCLS.omega.a].tolist(), "power": y[:, system.GENCLS.Pe.a].tolist()}
    json.dump(told, out)


if __name__ == "__main__":
    main()
