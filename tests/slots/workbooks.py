"""Random ANDES workbooks, and ANDES's power-flow equations solved apart: device by device, jumpers as constraints."""

import json
import os
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import root

Sheets = dict[str, list[dict[str, Any]]]
DEFAULTS = {"u": 1, "Sn": 100.0, "Vn": 110.0, "Vn1": 110.0, "Vn2": 110.0, "p0": 0.0, "q0": 0.0, "g": 0.0, "b": 0.0, "g1": 0.0,
            "b1": 0.0, "g2": 0.0, "b2": 0.0, "tap": 1.0, "phi": 0.0, "r": 1e-8, "x": 1e-8, "v0": 1.0, "a0": 0.0}  # fmt: skip


def draw_workbook(draw: Random, even: bool = False) -> Sheets:
    """Sheets of 4 to 8 buses; `even`: equal shunts at both ends of a line, as ANDES takes the first end's at both."""

    def some(low: float, high: float) -> float:
        return round(draw.uniform(low, high), 5)

    size = draw.randint(3, 7)
    kv = [draw.choice([230.0, 110.0, 20.0]) for _ in range(size + 1)]
    out: Sheets = {k: [] for k in ("Bus", "PQ", "PV", "Slack", "Shunt", "ShuntTD", "ShuntSw", "Line", "Jumper")}
    for k in range(size + 1):  # the last is out of service
        out["Bus"].append(
            {
                "idx": f"B{k}",
                "u": int(k < size),
                "name": f"bus {k}",
                "Vn": kv[k],
                "vmax": 1.1,
                "vmin": 0.9,
                "area": 1 + k % 2,
            }
        )

    def line(f: int, t: int) -> None:
        shunt = {k: some(0, 0.05) for k in draw.sample(["b", "g", "b1", "g1", "b2", "g2"], draw.randint(0, 4))}
        if even:
            shunt |= {f"{k}2": shunt.get(f"{k}1", 0.0) for k in "gb"}
        row = {"idx": f"L{len(out['Line'])}", "u": int(draw.random() < 0.9 or len(out["Line"]) < size - 1), "bus1": f"B{f}", "bus2": f"B{t}",
               "Sn": draw.choice([100.0, 50.0]), "Vn1": kv[f] * draw.choice([1.0, 1.05]), "Vn2": kv[t], "r": some(0, 0.02),
               "x": some(0.03, 0.12), "rate_a": some(1, 2), **shunt}  # fmt: skip
        if draw.random() < 0.4:
            row |= {"trans": 1, "tap": some(0.95, 1.05), "phi": some(-0.05, 0.05)}
        out["Line"].append(row)

    for t in range(1, size):
        line(draw.randrange(t), t)
    for _ in range(draw.randint(0, 3)):
        line(*draw.sample(range(size), 2))
    line(0, size)
    out["Slack"].append(
        {
            "idx": "S",
            "bus": "B0",
            "v0": some(0.99, 1.03),
            "a0": some(-0.2, 0.2),
            "p0": some(0, 0.2),
            "pmax": 5.0,
            "pmin": 0.0,
            "qmax": 3.0,
            "qmin": -3.0,
        }
    )
    set_point = {k: some(0.99, 1.02) for k in range(size)}
    for n in range(draw.randint(1, 4)):
        k = draw.randrange(1, size)
        row = {"idx": f"G{n}", "u": int(draw.random() < 0.85), "bus": f"B{k}", "v0": set_point[k], "p0": some(0.02, 0.3), "pmax": some(0.5, 2),
               "pmin": some(0, 0.1), "qmax": some(0.3, 1), "qmin": -some(0.3, 1)}  # fmt: skip
        out["PV"].append(row)
    out["PV"].append({"idx": "off", "bus": f"B{size}", "v0": 1.0, "p0": 0.1})
    for n in range(draw.randint(1, 6)):
        row = {"idx": f"P{n}", "u": int(draw.random() < 0.9), "bus": f"B{draw.randrange(size + 1)}"}
        out["PQ"].append(row | {k: some(0.0, 0.2) for k in draw.sample(["p0", "q0"], draw.randint(1, 2))})
    for name in ("Shunt", "ShuntTD", "ShuntSw"):
        for n in range(draw.randint(0, 2)):
            k = draw.randrange(size)
            row = {"idx": f"{name}{n}", "u": int(draw.random() < 0.85), "bus": f"B{k}", "Sn": draw.choice([100.0, 80.0]),
                   "Vn": kv[k] * draw.choice([1.0, 0.95]), "g": some(0, 0.02), "b": some(-0.1, 0.1)}  # fmt: skip
            if name == "ShuntSw":
                row |= {
                    "b": draw.choice([0.0, 0.03, 0.05, 0.1]),
                    "g": 0.0,
                    "bs": "[0.05]",
                    "gs": "[0.0]",
                    "ns": "[2]",
                    "vref": 1.0,
                    "dv": 0.5,
                }
            out[name].append(row)
    if draw.random() < 0.5:
        f, t = sorted(draw.sample(range(1, size), 2)) if size > 3 else (1, 2)
        if not ({f"B{f}", f"B{t}"} <= {r["bus"] for r in out["PV"] if r.get("u", 1)}):
            out["Jumper"].append({"idx": "J", "u": int(draw.random() < 0.8), "bus1": f"B{f}", "bus2": f"B{t}"})
    return out


def write(sheets: Sheets, path: Path) -> Path:
    """The workbook as a file; sheets without rows are left out."""
    with pd.ExcelWriter(path) as out:
        for name, rows in sheets.items():
            if rows:
                pd.DataFrame(rows).to_excel(out, sheet_name=name, index=False)
    return path


def solve_apart(sheets: Sheets) -> dict[str, complex]:
    """Voltages by bus idx: ANDES's equations of each device, unknowns angles, magnitudes, unit and jumper flows."""
    on = {r["idx"]: r for r in sheets["Bus"] if r["u"]}
    at = {idx: k for k, idx in enumerate(on)}
    n = len(at)

    def rows(name: str, *ends: str) -> list[dict[str, Any]]:
        found = [DEFAULTS | {k: v for k, v in r.items() if v == v} for r in sheets[name]]
        return [r for r in found if r["u"] and all(r[e] in at for e in ends)]

    y = np.zeros((n, n), complex)
    s = np.zeros(n, complex)
    for r in rows("Line", "bus1", "bus2"):
        f, t = at[r["bus1"]], at[r["bus2"]]
        z = r["Vn1"] ** 2 / r["Sn"] / (on[r["bus1"]]["Vn"] ** 2 / 100)
        series, m = 1 / ((r["r"] + 1j * r["x"]) * z), r["tap"] * np.exp(1j * r["phi"])
        both = complex(r["g"], r["b"]) / 2
        y[f, f] += (series + (both + complex(r["g1"], r["b1"])) / z) / abs(m) ** 2
        y[t, t] += series + (both + complex(r["g2"], r["b2"])) / z
        y[f, t] -= series / m.conjugate()
        y[t, f] -= series / m
    for name in ("Shunt", "ShuntTD", "ShuntSw"):
        for r in rows(name, "bus"):
            z = r["Vn"] ** 2 / r["Sn"] / (on[r["bus"]]["Vn"] ** 2 / 100)
            if name == "ShuntSw":  # two blocks of 0.05
                r["b"] = next(b for b in (0.0, 0.05, 0.1) if b >= r["b"])
            y[at[r["bus"]], at[r["bus"]]] += complex(r["g"], r["b"]) / z
    for r in rows("PQ", "bus"):
        s[at[r["bus"]]] -= complex(r["p0"], r["q0"])
    held: dict[int, float] = {}
    for r in rows("PV", "bus"):
        s[at[r["bus"]]] += r["p0"]
        held[at[r["bus"]]] = r["v0"]
    slack = rows("Slack", "bus")[0]
    ref = at[slack["bus"]]
    held[ref] = slack["v0"]
    jumps = [(at[r["bus1"]], at[r["bus2"]]) for r in rows("Jumper", "bus1", "bus2")]
    holders = list(held)

    def error(x: np.ndarray) -> np.ndarray:
        a, v, (p, *q) = x[:n], x[n : 2 * n], x[2 * n : 2 * n + 1 + len(holders)]
        through = x[2 * n + 1 + len(holders) :].reshape(-1, 2)
        volts = v * np.exp(1j * a)
        given = s.copy()
        given[ref] += p
        for k, more in zip(holders, q, strict=True):
            given[k] += 1j * more
        for (f, t), flow in zip(jumps, through, strict=True):
            given[f] -= complex(*flow)
            given[t] += complex(*flow)
        miss = volts * np.conj(y @ volts) - given
        ties = [z for f, t in jumps for z in (a[f] - a[t], v[f] - v[t])]
        return np.concatenate([miss.real, miss.imag, [a[ref] - slack["a0"]], [v[k] - u for k, u in held.items()], ties])

    start = np.concatenate([np.full(n, slack["a0"]), np.ones(n), np.zeros(1 + len(holders) + 2 * len(jumps))])
    for k, u in held.items():
        start[n + k] = u
    done = root(error, start, tol=1e-13)
    if np.abs(error(done.x)).max() > 1e-9:
        return {}
    return {idx: done.x[n + k] * np.exp(1j * done.x[k]) for idx, k in at.items()}


_SCRIPT = """
import json, sys, andes
out = {}
for path in sys.argv[1:]:
    system = andes.load(path, setup=False, no_output=True, default_config=True)
    system.PQ.config.pq2z = 0
    system.setup()
    system.PFlow.run()
    if system.PFlow.converged:
        live = system.Bus.u.v > 0
        out[path] = {str(i): [float(v), float(a)] for i, v, a, u in zip(system.Bus.idx.v, system.Bus.v.v, system.Bus.a.v, live) if u}
print("RESULT" + json.dumps(out))
"""


def solve_in_andes(paths: list[Path], variable: str) -> dict[str, dict[str, complex]]:
    """Voltages by file and bus idx, in the environment whose Python `variable` names."""
    done = subprocess.run(
        [os.environ[variable], "-c", _SCRIPT, *map(str, paths)], capture_output=True, text=True, timeout=600, check=True
    )
    told = json.loads(done.stdout.split("RESULT", 1)[1])
    return {p: {i: v * np.exp(1j * a) for i, (v, a) in buses.items()} for p, buses in told.items()}
