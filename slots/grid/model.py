"""The compact array model of a grid: what every algorithm of the chain reads.

Indices are positions (0…n-1), never bus numbers. Powers are MW and MVAr, voltages kV for bases and p.u.
otherwise, impedances p.u. on the system base, angles rad, ramps MW/h, times h, money USD.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from slots.grid.reading import Reading

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]
Complexes = npt.NDArray[np.complex128]

PQ, PV, SLACK, ISOLATED = 1, 2, 3, 4


class _Table:
    """Columns of equal length; rows are elements."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))  # type: ignore[arg-type]

    def take(self, rows: Any) -> Any:
        """The same table with only `rows` (indices or mask)."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Buses(_Table):
    """Buses. `kind`: 1 PQ, 2 PV, 3 slack, 4 isolated. `gs`, `bs`: MW, MVAr at 1 p.u.

    `bs_low`, `bs_high`: MVAr between which banks at the bus can be switched, in steps of `bs_step`; 0: they are fixed.
    """

    number: Ints
    name: Strings
    kv: Floats
    kind: Ints
    pd: Floats
    qd: Floats
    gs: Floats
    bs: Floats
    bs_low: Floats
    bs_high: Floats
    bs_step: Floats
    vm: Floats
    va: Floats
    vmin: Floats
    vmax: Floats
    area: Ints
    lat: Floats
    lon: Floats


@dataclass(frozen=True)
class Branches(_Table):
    """Lines and transformers between bus positions `f` and `t`.

    `rate`: continuous rating (MVA, inf if none); `rate_emergency`: rating after an outage (MVA).
    `tap`: off-nominal ratio on the `f` side (1 for lines); `shift`: rad.
    `tap_low`, `tap_high`: ratios between which a changer can move under load, in steps of `tap_step`; 0: it is fixed.
    `g_f`, `b_f`, `g_t`, `b_t`: shunt admittance at the f end, behind the ratio, and at the t end, beyond the half of `b`
    that is at each. `r_asym`, `x_asym`: series impedance seen from t minus that seen from f; 0 for all that is reciprocal.
    `equivalent`: made by a reduction; has no rating and is never a contingency. `contingency`: whether N-1 takes it out.
    """

    name: Strings
    f: Ints
    t: Ints
    r: Floats
    x: Floats
    b: Floats
    tap: Floats
    tap_low: Floats
    tap_high: Floats
    tap_step: Floats
    shift: Floats
    rate: Floats
    rate_emergency: Floats
    in_service: Bools
    equivalent: Bools
    g_f: Floats
    b_f: Floats
    g_t: Floats
    b_t: Floats
    r_asym: Floats
    x_asym: Floats
    contingency: Bools


def plain_pi(tap: Floats) -> dict[str, Any]:
    """The columns of symmetric pi branches without conductance whose ratios cannot move under load and which may fail."""
    even: dict[str, Any] = {k: np.zeros(len(tap)) for k in ("g_f", "b_f", "g_t", "b_t", "r_asym", "x_asym")}
    return {"tap": tap, "tap_low": tap.copy(), "tap_high": tap.copy(), "tap_step": np.zeros(len(tap)), **even,
            "contingency": np.ones(len(tap), bool)}  # fmt: skip


THERMAL, VARIABLE, STORAGE, CONDENSER = "thermal", "variable", "storage", "condenser"


@dataclass(frozen=True)
class Units(_Table):
    """Generating units and storage.

    `kind`: thermal (can be committed), variable (weather decides; may be curtailed), storage, condenser.
    `cost_mw`, `cost_usd`: (unit, K) breakpoints of the hourly cost curve; first at `pmin`, last at `pmax`.
    `ramp`: MW/h; `ramp_10min`: MW; `energy_max`, `energy_initial`: MWh; `efficiency`: round trip, 0…1.
    `start_cost`: of a start after a long time off (USD). `start_off`, `start_share`: (unit, K) hours off from which tier k
    holds, the first 0, and the share of `start_cost` that a start then costs, the last 1. `stop_cost`: USD.
    `start_limit`, `stop_limit`: MW that the first and the last hour of running may give, inf if any.
    `charge_max`: MW taken from the grid. `must_run`: thermal units never stop, variable ones cannot be curtailed.
    `plant`: units of one plant are committed as one once the grid is reduced; empty: by itself. `source`: where each unit's data come from, for the report.
    """

    name: Strings
    bus: Ints
    kind: Strings
    fuel: Strings
    technology: Strings
    p: Floats
    q: Floats
    pmin: Floats
    pmax: Floats
    qmin: Floats
    qmax: Floats
    vset: Floats
    in_service: Bools
    must_run: Bools
    start_cost: Floats
    min_up: Floats
    min_down: Floats
    ramp: Floats
    ramp_10min: Floats
    cost_mw: Floats
    cost_usd: Floats
    energy_max: Floats
    energy_initial: Floats
    charge_max: Floats
    efficiency: Floats
    plant: Strings
    source: Strings
    stop_cost: Floats
    start_off: Floats
    start_share: Floats
    start_limit: Floats
    stop_limit: Floats


def plain_starts(n: int) -> dict[str, Floats]:
    """The columns of `n` units whose starts cost the same after any time off, and that start and stop at any output."""
    return {
        "stop_cost": np.zeros(n), "start_off": np.zeros((n, 1)), "start_share": np.ones((n, 1)),
        "start_limit": np.full(n, np.inf), "stop_limit": np.full(n, np.inf),
    }  # fmt: skip


@dataclass(frozen=True)
class DcLinks(_Table):
    """Point-to-point DC links on a fixed schedule: `p` MW leaves bus `f`, `p - loss` arrives at `t`.

    The loss is `loss0 + loss1 |p|` MW: where `p` is below 0, power flows from t to f, and t gives what f gets and the loss.
    """

    name: Strings
    f: Ints
    t: Ints
    p: Floats
    pmin: Floats
    pmax: Floats
    loss0: Floats
    loss1: Floats
    in_service: Bools


@dataclass(frozen=True)
class Grid:
    """A transmission grid.

    Attributes:
        name: what the user called it.
        base_mva: system base (MVA).
        origin: one line on where the data come from and under which terms.
        reading: what was read, left out and filled in.
    """

    name: str
    base_mva: float
    buses: Buses
    branches: Branches
    units: Units
    dc_links: DcLinks
    origin: str = ""
    reading: Reading = field(default_factory=Reading)

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.buses)

    @property
    def slack(self) -> int:
        """Position of the slack bus."""
        return int(np.flatnonzero(self.buses.kind == SLACK)[0])

    @property
    def live(self) -> Bools:
        """(bus,) whether a bus takes part."""
        return np.asarray(self.buses.kind != ISOLATED)

    @property
    def changers(self) -> Ints:
        """Positions of the branches in service whose tap can move under load."""
        return np.flatnonzero(self.branches.in_service & (self.branches.tap_step > 0))

    def dc_injection(self) -> Floats:
        """(bus,) MW that the DC links put into each bus on their schedule."""
        out = np.zeros(self.n_bus)
        links = self.dc_links
        on = links.in_service
        p = links.p[on]
        np.add.at(out, links.f[on], -p)
        np.add.at(out, links.t[on], p - links.loss0[on] - links.loss1[on] * np.abs(p))
        out[~self.live] = 0.0  # the far end of a link to another grid
        return out

    def to_arrays(self) -> dict[str, Any]:
        """Flat `table/column` arrays, for a file."""
        out: dict[str, Any] = {}
        for table in ("buses", "branches", "units", "dc_links"):
            rows = getattr(self, table)
            out.update({f"{table}/{f.name}": getattr(rows, f.name) for f in fields(rows)})
        return out

    def header(self) -> dict[str, Any]:
        """The scalars that go with `to_arrays`."""
        return {
            "name": self.name,
            "base_mva": self.base_mva,
            "origin": self.origin,
            "reading": self.reading.to_json(),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], header: dict[str, Any]) -> Grid:
        """The inverse of `to_arrays` and `header`."""
        types: dict[str, type[Any]] = {
            "buses": Buses,
            "branches": Branches,
            "units": Units,
            "dc_links": DcLinks,
        }
        arrays = _as_of_now(arrays)
        tables = {
            name: kind(**{f.name: arrays[f"{name}/{f.name}"] for f in fields(kind)}) for name, kind in types.items()
        }
        reading = Reading.from_json(str(header["reading"])) if "reading" in header else Reading()
        return cls(
            str(header["name"]), float(header["base_mva"]), origin=str(header["origin"]), reading=reading, **tables
        )

    def replace(self, **changes: Any) -> Grid:
        """A copy with some attributes changed."""
        return replace(self, **changes)


def _as_of_now(arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a file with the columns that files of earlier versions lack."""
    new = plain_pi(arrays["branches/tap"])
    out = {f"branches/{k}": x for k, x in new.items()}
    return out | {f"units/{k}": x for k, x in plain_starts(len(arrays["units/bus"])).items()} | arrays
