"""From a MATPOWER case to a grid: positions for bus numbers, one reference, a reading report."""

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import ISOLATED, Bools, Branches, Buses, DcLinks, Floats, Grid, Ints, Strings, plain_pi
from slots.grid.reading import ReadingLog
from slots.grid.reference import normalised
from slots.sources.case_units import units_of
from slots.sources.matpower import Case

MUCH = 0.1  # of the load, by which a dispatch misses it
LEAST_X = (
    1e-5  # p.u., of a branch that is stated to have no impedance: less of it, and an optimum of voltages is not found
)


def grid_from_case(case: Case, origin: str = "", log: ReadingLog | None = None) -> Grid:
    """The grid of a case with class values marked with their source, one reference, and a reading report.

    Args:
        case: the matrices.
        origin: one line on where they come from.
        log: a report that was begun by a reader of another format; by default one for a MATPOWER case.

    Raises:
        GridError: an element names a bus that does not exist, or a value cannot be used.
    """
    log = log or ReadingLog(case.name, "MATPOWER case")
    position = _bus_positions(case)
    for kind, rows in (("bus", case.bus), ("gen", case.gen), ("branch", case.branch), ("dcline", case.dcline)):
        log.read(kind, 0 if rows is None else len(rows))
    log.read("assignment after the matrices", case.edits)
    units, holds = units_of(case, _positions(case, case.gen[:, 0], "unit", position), log)
    buses, branches, links = _buses(case, log), _branches(case, position, log), _dc_links(case, position, log)
    for name, rows_ in case.others.items():
        log.leave_out(name, [str(k + 1) for k in range(rows_)], "a field that is not read")
    grid = normalised(Grid(case.name, case.base_mva, buses, branches, units, links, origin), log, holds)
    _tell(grid, log)
    used = {
        "buses": int(grid.live.sum()), "branches": int(grid.branches.in_service.sum()),
        "units": int(grid.units.in_service.sum()), "dc_links": int(grid.dc_links.in_service.sum()),
    }  # fmt: skip
    return grid.replace(reading=log.done(used))


def _bus_positions(case: Case) -> dict[int, int]:
    numbers = case.bus[:, 0]
    bad = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.floor(numbers)))
    if len(bad):
        raise GridError(
            f"grid {case.name}: row {bad[0] + 1} of bus has the number {numbers[bad[0]]:g}", "number it wholly"
        )
    position = {int(n): i for i, n in enumerate(numbers)}
    if len(position) != len(case.bus):
        counts = np.unique(numbers, return_counts=True)
        raise GridError(
            f"grid {case.name} has two buses with the same number ({counts[0][counts[1] > 1][0]:g})",
            "number them uniquely",
        )
    bad = np.flatnonzero(~np.isin(case.bus[:, 1], (1, 2, 3, 4)))
    if len(bad):
        raise GridError(
            f"grid {case.name}: bus {numbers[bad[0]]:g} has the type {case.bus[bad[0], 1]:g}", "give 1, 2, 3 or 4"
        )
    return position


def _positions(case: Case, numbers: Floats, what: str, position: dict[int, int]) -> Ints:
    out = np.array([position.get(int(n), -1) if np.isfinite(n) else -1 for n in numbers], dtype=np.int64)
    if (out < 0).any():
        raise GridError(
            f"grid {case.name}: a {what} is connected to bus {numbers[out < 0][0]:g}, which does not exist",
            "add the bus or mend the number",
        )
    return out


def _buses(case: Case, log: ReadingLog) -> Buses:
    b, n = case.bus, len(case.bus)
    names = [x.strip() for x in case.names.get("bus_name", [])]
    if names and len(names) != n:
        log.leave_out("bus_name", names, f"there are {len(names)} for {n} buses: no telling which is whose")
    if len(names) != n:
        names = [f"bus {int(k)}" for k in b[:, 0]]
    return Buses(
        number=b[:, 0].astype(np.int64), name=np.array(names, dtype=np.str_), kv=b[:, 9].copy(),
        kind=b[:, 1].astype(np.int64), pd=b[:, 2].copy(), qd=b[:, 3].copy(), gs=b[:, 4].copy(),
        bs=b[:, 5].copy(), bs_low=b[:, 5].copy(), bs_high=b[:, 5].copy(), bs_step=np.zeros(n), vm=b[:, 7].copy(), va=np.deg2rad(b[:, 8]), vmin=b[:, 12].copy(),
        vmax=b[:, 11].copy(), area=b[:, 6].astype(np.int64), lat=np.full(n, np.nan), lon=np.full(n, np.nan),
    )  # fmt: skip


def _branches(case: Case, position: dict[int, int], log: ReadingLog) -> Branches:
    b = case.branch
    f, t = (_positions(case, b[:, k], "branch", position) for k in (0, 1))
    stated = b[:, 10] > 0
    on = stated & (case.bus[f, 1] != ISOLATED) & (case.bus[t, 1] != ISOLATED)
    names = _branch_names(b)
    r, x = b[:, 2].copy(), b[:, 3].copy()
    solid = (r == 0) & (x == 0)
    x[solid] = LEAST_X
    loop = on & (f == t)
    log.leave_out("branch", names[stated & (f == t)].tolist(), "it begins and ends at one bus")
    log.leave_out("branch", names[~on].tolist(), "out of service in the file, or at an isolated bus")
    log.fill("branches.x", int((solid & on).sum()), f"{LEAST_X:g} p.u.", "the case states no impedance at all")
    rate = np.where(b[:, 5] > 0, b[:, 5], np.inf)
    emergency = np.maximum(rate, np.where(b[:, 6] > 0, b[:, 6], 0.0))
    bare, lower = on & (b[:, 5] == 0), on & (b[:, 6] > 0) & (b[:, 6] < b[:, 5])
    log.fill("branches.rate", int(bare.sum()), "none", "the case states no RATE_A: such a branch is never overloaded")
    log.fill("branches.rate_emergency", int(lower.sum()), "RATE_A", "the case states a RATE_B below it")
    if (on & (b[:, 5] < 0)).any():
        raise GridError(f"grid {case.name}: branch {names[on & (b[:, 5] < 0)][0]} has a negative rating", "mend RATE_A")
    own = on & (b[:, 7] > 0) & (b[:, 7] != b[:, 6])
    log.leave_out("column RATE_C of branch", names[own].tolist(), "RATE_B is the rating after an outage")
    _tell_angles(b, on, names, log)
    return Branches(
        name=names, f=f, t=t, r=r, x=x, b=b[:, 4].copy(), **plain_pi(np.where(b[:, 8] == 0, 1.0, b[:, 8])),
        shift=np.deg2rad(b[:, 9]), rate=rate, rate_emergency=emergency, in_service=on & ~loop, equivalent=np.zeros(len(b), bool),
    )  # fmt: skip


def _branch_names(b: Floats) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    seen: dict[tuple[int, int], int] = {}
    names = []
    for ends in zip(b[:, 0].astype(int).tolist(), b[:, 1].astype(int).tolist(), strict=True):
        seen[ends] = seen.get(ends, 0) + 1
        names.append(f"{ends[0]}-{ends[1]}" if seen[ends] == 1 else f"{ends[0]}-{ends[1]} #{seen[ends]}")
    return np.array(names, dtype=np.str_)


def _tell_angles(b: Floats, on: Bools, names: Strings, log: ReadingLog) -> None:
    """Limits of the angle across a branch: 0 at both sides, or 360° and more, is none."""
    if b.shape[1] < 13:
        return
    low, high = b[:, 11], b[:, 12]
    bound = on & ((low > -360) | (high < 360)) & ~((low == 0) & (high == 0))
    log.leave_out("columns ANGMIN, ANGMAX of branch", names[bound].tolist(), "angles across branches are not limited")


def _dc_links(case: Case, position: dict[int, int], log: ReadingLog) -> DcLinks:
    d = case.dcline if case.dcline is not None else np.zeros((0, 17))
    if d.shape[1] < 17:
        raise GridError(
            f"grid {case.name}: dcline has {d.shape[1]} columns, where 17 are needed", "give LOSS0 and LOSS1, too"
        )
    names = np.array([f"dc {int(r[0])}-{int(r[1])}" for r in d], dtype=np.str_)
    f, t = (_positions(case, d[:, k], "DC line", position) for k in (0, 1))
    log.leave_out("dcline", names[d[:, 2] <= 0].tolist(), "out of service in the file")
    log.leave_out(
        "columns QF … QMAXT of dcline",
        names[d[:, 2] > 0].tolist(),
        "converters neither hold voltages nor give reactive power",
    )
    return DcLinks(
        name=names, f=f, t=t, p=d[:, 3].copy(), pmin=d[:, 9].copy(), pmax=d[:, 10].copy(), loss0=d[:, 15].copy(),
        loss1=d[:, 16].copy(), in_service=d[:, 2] > 0,
    )  # fmt: skip


def _tell(grid: Grid, log: ReadingLog) -> None:
    """What a planner would want to know of the state that the file gives."""
    load, links = float(grid.buses.pd.sum()), float(grid.dc_injection().sum())
    off = float(grid.units.p[grid.units.in_service].sum()) + links - load
    if abs(off) > MUCH * load:
        log.warn(
            f"the file's own dispatch gives {abs(off):.6g} MW {'more' if off > 0 else 'less'} than its load of {load:.6g} MW"
        )
