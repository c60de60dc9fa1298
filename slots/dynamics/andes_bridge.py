"""A schedule's point sent to ANDES and its states received: optional, in a process and environment of its own."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import ServiceError
from slots.dynamics.andes_model import andes_plants
from slots.dynamics.devices import DynamicCase
from slots.dynamics.initial import Rest
from slots.dynamics.machines import DROOP, LEAD_S, REHEAT_S, VALVE_S, Machines
from slots.dynamics.operating_point import AcPoint
from slots.dynamics.swing import HZ, Response, Trip
from slots.grid.model import Complexes, Floats
from slots.scheduling.cases import Live
from slots.sources.matpower import Case

VARIABLE = "BOS_ANDES_PYTHON"
PATIENCE_S = 300
SAME_VOLTAGE = 1e-4  # p.u. by which ANDES's power flow may differ from the point that was sent
MEND = f"install it (`pip install andes`) into an environment of its own and set {VARIABLE} to its Python"


def andes_engine(case: Case, point: AcPoint, machines: Machines, trip: Trip, seconds: float = 20.0) -> Response:
    """The trip simulated by ANDES; the same signature as `stability.time_domain`.

    Raises:
        ServiceError: ANDES cannot be found, fails, or its power flow is not the point that was sent.
    """
    python = _python()
    with tempfile.TemporaryDirectory() as pycode:  # generated code, which ANDES keeps in the home by default
        asked = {"tables": tables(case, point, machines, trip), "seconds": seconds, "step": 1 / 120, "pycode": pycode}
        told = _call(python, asked)
    _same_flow(told, point.v)
    t, first = np.unique(np.array(told["t"]), return_index=True)
    speed, power = (np.array(told[k])[first] for k in ("speed", "power"))
    stays = np.arange(len(machines.bus)) != trip.machine
    weight = (machines.inertia * machines.rating)[stays]
    return Response(t, speed, power * case.base_mva, HZ * (speed[:, stays] @ weight) / weight.sum(), trip.at)


def _python() -> str:
    python = os.environ.get(VARIABLE, "")
    if not python:
        raise ServiceError("ANDES is not known here", MEND)
    return python


def _same_flow(told: dict[str, Any], v: Complexes) -> None:
    apart = float(np.abs(np.array(told["volts"]) - np.abs(v)).max())
    if apart > SAME_VOLTAGE:
        raise ServiceError(
            f"ANDES's power flow differs by {apart:.1e} p.u. from the point it was sent", "check the case"
        )


def _call(python: str, asked: dict[str, Any]) -> dict[str, Any]:
    script = Path(__file__).with_name("andes_side.py")
    # -I: neither our folder nor our packages are on its path
    command = [python, "-I", str(script)]
    try:
        done = subprocess.run(command, input=json.dumps(asked), text=True, capture_output=True, timeout=PATIENCE_S)
        told: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"ANDES cannot be run ({type(error).__name__})", MEND) from None
    except json.JSONDecodeError:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1][:120]
        raise ServiceError(f"ANDES failed ({last})", MEND) from None
    if "error" in told:
        raise ServiceError(f"ANDES refuses the case: {told['error']}", "check the schedule's operating point")
    return told


def simulate_in_andes(
    case: Case, dynamic: DynamicCase, rest: list[Rest], faults: Sequence[tuple[int, float, float]],
    seconds: float, step: float, tolerance: float = 1e-4,
) -> dict[str, Any]:  # fmt: skip
    """Our machines and controllers, converted, simulated by ANDES with the same step.

    Args:
        case: whose power flow `dynamic` starts from.
        faults: position of the bus, when it begins and ends (s), through 1e-4 p.u.
        tolerance: of ANDES's Newton method; 1e-4 is its own choice.

    Returns:
        t (time,); delta, omega: by device, (time,) each; v (time, bus); cpu_s of the simulation.

    Raises:
        ServiceError: ANDES cannot be found, fails, or its power flow is another.
    """
    plants = andes_plants(dynamic, rest)
    number = case.bus[:, 0].astype(int)
    heads = {d.name: d for d in dynamic.devices if not d.of}
    p, q = (np.zeros(len(heads)) for _ in range(2))
    units = np.flatnonzero(case.gen[:, 7] > 0)
    for name, device in heads.items():
        row = int(name[1:]) - 1
        p[row], q[row] = device.injected.real, device.injected.imag
    out = flow_tables(case, dynamic.v, p, q)
    for cls, rows in plants.rows.items():
        out[cls] = [
            {**row, "bus": int(number[heads[row["idx"]].bus]), "gen": f"S{int(row['idx'][1:]) - 1}"} for row in rows
        ]
    assert len(units) == len(heads)
    out["Fault"] = [
        {"idx": f"F{k}", "bus": int(number[bus]), "tf": begins, "tc": ends, "xf": 1e-4, "rf": 0.0}
        for k, (bus, begins, ends) in enumerate(faults)
    ]
    with tempfile.TemporaryDirectory() as pycode:
        told = _call(_python(), {
            "tables": out, "seconds": seconds, "step": step, "pycode": pycode, "source": plants.source,
            "classes": list(plants.rows), "tolerance": tolerance,
        })  # fmt: skip
    _same_flow(told, dynamic.v)
    by_device = {k: dict(zip(told["idx"], (np.array(x) for x in told[k]), strict=True)) for k in ("delta", "omega")}
    return {"t": np.array(told["t"]), "v": np.array(told["v"]), "cpu_s": told["cpu_s"], **by_device}


def flow_tables(case: Case, v: Complexes, p: Floats, q: Floats) -> dict[str, list[dict[str, Any]]]:
    """The power flow as ANDES devices; p, q: (unit in service,) MW, MVAr."""
    live, base = Live.of(case), case.base_mva
    bus, gen, br = case.bus, case.gen[live.units], case.branch[live.branches]
    kv = np.where(bus[:, 9] > 0, bus[:, 9], 100.0)
    out: dict[str, list[dict[str, Any]]] = {
        "Bus": [{"idx": int(b[0]), "name": f"B{int(b[0])}", "Vn": k, "v0": abs(u), "a0": float(np.angle(u))}
                for b, k, u in zip(bus, kv, v, strict=True)],
        "PQ": [{"idx": f"L{int(b[0])}", "bus": int(b[0]), "Vn": k, "p0": b[2] / base, "q0": b[3] / base}
               for b, k in zip(bus, kv, strict=True) if b[2] or b[3]],
        "Shunt": [{"idx": f"C{int(b[0])}", "bus": int(b[0]), "Vn": k, "Sn": base, "g": b[4] / base, "b": b[5] / base}
                  for b, k in zip(bus, kv, strict=True) if b[4] or b[5]],
        "Line": [{"idx": f"X{k}", "bus1": int(r[0]), "bus2": int(r[1]), "Sn": base, "Vn1": kv[live.f[k]], "Vn2": kv[live.t[k]],
                  "r": r[2], "x": r[3], "b": r[4], "tap": r[8] or 1.0, "phi": float(np.deg2rad(r[9]))}
                 for k, r in enumerate(br)],
        "PV": [], "Slack": [],
    }  # fmt: skip
    for k, g in enumerate(gen):
        slack = bus[live.at[k], 1] == 3
        static = {"idx": f"S{k}", "bus": int(g[0]), "Sn": base, "Vn": kv[live.at[k]], "p0": p[k] / base,
                  "q0": q[k] / base, "v0": abs(v[live.at[k]]), "qmax": 99.0, "qmin": -99.0, "pmax": 999.0, "pmin": -999.0}  # fmt: skip
        if slack:
            static["a0"] = float(np.angle(v[live.at[k]]))
        out["Slack" if slack else "PV"].append(static)
    return out


def tables(case: Case, point: AcPoint, machines: Machines, trip: Trip) -> dict[str, list[dict[str, Any]]]:
    """The case as ANDES devices: power flow, classical machines, governors, the trip."""
    live = Live.of(case)
    out: dict[str, list[dict[str, Any]]] = {**flow_tables(case, point.v, point.p, point.q), "GENCLS": [], "TGOV1": []}
    for k, g in enumerate(case.gen[live.units]):
        kv = case.bus[live.at[k], 9] or 100.0
        out["GENCLS"].append({
            "idx": f"M{k}", "bus": int(g[0]), "gen": f"S{k}", "Sn": machines.rating[k], "Vn": kv, "fn": HZ,
            "M": machines.inertia[k], "D": machines.damping[k], "xd1": machines.reactance[k], "ra": 0.0,
        })  # fmt: skip
        if machines.governed[k]:
            out["TGOV1"].append({"idx": f"T{k}", "syn": f"M{k}", "R": DROOP, "T1": VALVE_S, "T2": LEAD_S, "T3": REHEAT_S,
                                 "VMAX": 99.0, "VMIN": -99.0, "Dt": 0.0})  # fmt: skip
    out["Toggle"] = [{"model": "GENCLS", "dev": f"M{trip.machine}", "t": trip.at}]
    return out
