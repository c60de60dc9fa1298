"""ANDES's side of the dynamics interface, run by the Python of ANDES's own environment: a case on stdin, states on stdout.

It imports nothing of BOS, and BOS imports nothing of it: ANDES is GPL and stays in its own process.
"""

import json
import sys
from typing import Any

import andes  # type: ignore[import-not-found]


def build(case: dict[str, Any]) -> Any:
    """The system: power flow data, classical machines, governors and the trip."""
    system = andes.System(no_output=True, default_config=True, options={"pycode_path": case["pycode"]})
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
    system.TDS.config.tf, system.TDS.config.tstep, system.TDS.config.fixt = case["seconds"], case["step"], 1
    system.TDS.config.no_tqdm = 1
    system.TDS.config.criteria = 0
    if not system.TDS.run():
        json.dump({"error": "its simulation ends early"}, out)
        return
    speed = system.dae.ts.x[:, system.GENCLS.omega.a]
    power = system.dae.ts.y[:, system.GENCLS.Pe.a]
    told = {"t": system.dae.ts.t.tolist(), "speed": speed.tolist(), "power": power.tolist()}
    json.dump({**told, "volts": volts, "angles": angles}, out)


if __name__ == "__main__":
    main()
