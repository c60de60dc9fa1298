"""From a DC schedule to an AC operating point that is checked, not assumed."""

from dataclasses import dataclass

import numpy as np

from bos_core.objects.errors import InfeasibleError
from slots.grid.admittance import admittance
from slots.grid.model import Complexes, Floats
from slots.grid.newton import newton
from slots.scheduling.cases import Live
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case


@dataclass(frozen=True)
class AcPoint:
    """An AC operating point of a schedule.

    Attributes:
        v: (bus,) complex p.u.; p, q: (unit,) MW and MVAr, losses shared by headroom.
        losses: MW that the DC schedule did not know.
        findings: limits that do not hold, in words; empty if all do.
    """

    v: Complexes
    p: Floats
    q: Floats
    losses: float
    findings: tuple[str, ...]


def ac_point(case: Case, p: Floats) -> AcPoint:
    """The AC power flow of scheduled outputs (unit,) MW, units holding the case's voltages.

    Losses are shared in proportion to what units can still give, so no unit is asked for more than it has.

    Raises:
        InfeasibleError: no AC power flow exists, or no unit has room for the losses.
    """
    grid, live, base = grid_from_case(case), Live.of(case), case.base_mva
    adm = admittance(grid)
    gen, n = case.gen[live.units], grid.n_bus
    held = np.unique(live.at)
    v0 = np.ones(n, complex)
    v0[live.at] = gen[:, 5].astype(complex)
    demand: Complexes = np.asarray((case.bus[:, 2] + 1j * case.bus[:, 3]) / base, np.complex128)
    power = np.asarray(p, float).copy()
    for _ in range(20):
        injected: Complexes = np.bincount(live.at, power / base, n).astype(np.complex128) - demand
        flow = newton(adm.ybus, injected, v0, grid.slack, held[held != grid.slack], tolerance=1e-11)
        if not flow.converged:
            raise InfeasibleError(f"the schedule of {case.name} has no AC power flow", "redispatch it within AC limits")
        true = flow.v * np.conj(adm.ybus @ flow.v)
        gap = float((true - injected).real[grid.slack]) * base
        if abs(gap) < 1e-6:
            break
        room = np.clip(gen[:, 8] - power, 0, None) if gap > 0 else np.clip(power - gen[:, 9], 0, None)
        if room.sum() < abs(gap):
            raise InfeasibleError(
                f"no unit of {case.name} has room for {abs(gap):.1f} MW of losses", "schedule reserve"
            )
        power += gap * room / room.sum()
    reactive = np.bincount(live.at, minlength=n)
    q_bus = (true + demand).imag * base
    q = q_bus[live.at] / reactive[live.at]
    return AcPoint(flow.v, power, q, float(power.sum() - np.sum(p)), _findings(case, live, flow.v, q))


def _findings(case: Case, live: Live, v: Complexes, q: Floats) -> tuple[str, ...]:
    bus, gen = case.bus, case.gen[live.units]
    out = []
    for k in np.flatnonzero((np.abs(v) < bus[:, 12] - 1e-4) | (np.abs(v) > bus[:, 11] + 1e-4)):
        out.append(f"bus {int(bus[k, 0])} at {abs(v[k]):.3f} p.u.")
    for k in np.flatnonzero((q < gen[:, 4] - 0.1) | (q > gen[:, 3] + 0.1)):
        out.append(f"unit at bus {int(gen[k, 0])} gives {q[k]:.0f} MVAr")
    return tuple(out)
