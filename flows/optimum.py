"""The optimal power flow of a MATPOWER case, AC or DC, as the case states it: nothing filled in, no cost cut into pieces."""

from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Floats
from slots.scheduling.ac_power_flow import ac_optimal_power_flow
from slots.scheduling.cases import Live, optimal_power_flow
from slots.scheduling.routines.power_flow import DcOptimalPowerFlow
from slots.sources.catalogue import matpower_folder
from slots.sources.matpower import Case, read_case

Rows = list[dict[str, Any]]


def optimum(name: str, dc: bool) -> tuple[str, Rows]:
    """A line about the optimum, and its live units as rows.

    Args:
        name: a case of MATPOWER's, or a `.m` file.
        dc: by MATPOWER's DC network instead of the AC one.

    Raises:
        GridError: it is no MATPOWER case.
        InfeasibleError: it is proved that there is no solution.
        SolverError: there is neither a solution nor that proof.
    """
    case = read_case(_file(name))
    live = Live.of(case)
    if dc:
        solved = DcOptimalPowerFlow.compile(optimal_power_flow(case)).solve()
        price = solved.price("balance")[0]
        return f"{solved.cost:,.2f} USD/h by DC, {_prices(price)}", _units(case, live, solved["p"][0], price)
    found = ac_optimal_power_flow(case)
    lost = found.p.sum() - case.bus[live.buses, 2].sum()
    line = (
        f"{found.cost:,.2f} USD/h, {lost:.1f} MW lost in branches, shunts and DC lines, voltages"
        f" {found.vm.min():.3f} to {found.vm.max():.3f} p.u., {_prices(found.price)}"
    )
    rows = _units(case, live, found.p, found.price)
    return line, [row | {"MVAr": round(float(q), 2)} for row, q in zip(rows, found.q, strict=True)]


def _file(name: str) -> Path:
    own, shipped = Path(name), matpower_folder() / f"{name}.m"
    if own.suffix == ".m" or shipped.exists():
        return own if own.suffix == ".m" else shipped
    raise GridError(
        f"'{name}' is no MATPOWER case, which alone states costs as an optimal power flow needs them",
        "give one of MATPOWER's by name, or a .m file",
    )


def _units(case: Case, live: Live, p: Floats, price: Floats) -> Rows:
    return [
        {"unit": int(k) + 1, "bus": int(case.gen[k, 0]), "MW": round(float(mw), 2), "USD/MWh": round(float(price[at]), 2)}
        for k, at, mw in zip(live.units, live.at, p, strict=False)
    ]  # fmt: skip


def _prices(price: Floats) -> str:
    return f"prices {np.min(price):.2f} to {np.max(price):.2f} USD/MWh"
