"""Buses, branches and DC links of an RTS-GMLC folder."""

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import ISOLATED, PQ, PV, SLACK, Branches, Buses, DcLinks, Ints, plain_pi
from slots.grid.reading import ReadingLog
from slots.sources.rts_gmlc.sheets import Sheet

_BUS_KIND = {"PQ": PQ, "PV": PV, "REF": SLACK, "SLACK": SLACK, "ISOLATED": ISOLATED, "NONE": ISOLATED}
_SHIFT = ("Phase Shift", "Phase Angle", "Shift Angle")  # degrees; RTS-GMLC itself has no shifters


def buses_of(s: Sheet, log: ReadingLog) -> Buses:
    """bus.csv.

    Raises:
        GridError: a number or a kind is none, or a bus is there twice.
    """
    n = len(s)
    s.names("Bus ID")
    kinds = [_BUS_KIND.get(k.upper()) for k in s.texts("Bus Type")]
    if None in kinds:
        k = kinds.index(None)
        raise GridError(
            f"bus.csv, row {k + 2}: '{s.texts('Bus Type')[k]}' is no type of bus", "write PQ, PV, Ref or Isolated"
        )
    for column, value in (("V Mag", "1 p.u."), ("V Angle", "0"), ("Area", "1")):
        log.fill(f"buses of bus.csv: {column}", 0 if s.has(column) else n, value, "bus.csv has no such column")
    log.fill("buses.vmin, buses.vmax", n, "0.95 to 1.05 p.u.", "the published MATPOWER case; bus.csv has none")
    number, bs = s.whole("Bus ID"), s.floats("MVAR Shunt B", 0.0)
    names = s.texts("Bus Name", "") if s.has("Bus Name") else [str(k) for k in number.tolist()]
    return Buses(
        number=number, name=np.array(names, dtype=np.str_), kv=s.floats("BaseKV"), kind=np.array(kinds, np.int64),
        pd=s.floats("MW Load"), qd=s.floats("MVAR Load", 0.0), gs=s.floats("MW Shunt G", 0.0), bs=bs, bs_low=bs.copy(),
        bs_high=bs.copy(), bs_step=np.zeros(n), vm=s.floats("V Mag", 1.0), va=np.deg2rad(s.floats("V Angle", 0.0)),
        vmin=np.full(n, 0.95), vmax=np.full(n, 1.05), area=s.whole("Area", 1), lat=s.floats("lat", 0.0),
        lon=s.floats("lng", 0.0),
    )  # fmt: skip


def ends(s: Sheet, column: str, buses: Buses) -> Ints:
    """Positions of the buses that a column names.

    Raises:
        GridError: one is not in bus.csv.
    """
    position = {n: k for k, n in enumerate(buses.number.tolist())}
    numbers = s.whole(column).tolist()
    lost = next((k for k, n in enumerate(numbers) if n not in position), None)
    if lost is not None:
        raise GridError(
            f"{s.name}, row {lost + 2}: bus {numbers[lost]} is not in bus.csv", "add the bus, or take the row out"
        )
    return np.array([position[n] for n in numbers], np.int64)


def branches_of(s: Sheet, buses: Buses, log: ReadingLog) -> Branches:
    """branch.csv.

    Raises:
        GridError: a number is none, a bus is unknown, or a branch has no impedance.
    """
    n, tap = len(s), s.floats("Tr Ratio", 0.0)
    r, x = s.floats("R"), s.floats("X")
    bare = np.flatnonzero((r == 0) & (x == 0))
    if len(bare):
        raise GridError(f"branch.csv, row {bare[0] + 2}: the branch has neither resistance nor reactance",
                        "join its buses, or give it a reactance")  # fmt: skip
    rate = s.floats("Cont Rating")
    unrated = rate <= 0
    log.fill("branches.rate", int(unrated.sum()), "no limit", "Cont Rating is 0")
    rate = np.where(unrated, np.inf, rate)
    emergency = s.floats("LTE Rating", 0.0)
    below = (emergency < rate) & ~unrated
    log.fill("branches.rate_emergency", int(below.sum()), "Cont Rating", "LTE Rating is missing or below it")
    log.leave_out("column of branch.csv", ["STE Rating"] if s.has("STE Rating") else [],
                  "after an outage the long-term emergency rating (LTE) holds")  # fmt: skip
    s.read.add("STE Rating")
    shift = next((s.floats(c) for c in _SHIFT if s.has(c)), np.zeros(n))
    return Branches(
        name=np.array(s.names("UID"), dtype=np.str_), f=ends(s, "From Bus", buses), t=ends(s, "To Bus", buses), r=r, x=x,
        b=s.floats("B", 0.0), **plain_pi(np.where(tap == 0, 1.0, tap)), shift=np.deg2rad(shift), rate=rate,
        rate_emergency=np.where(below | unrated, rate, emergency), in_service=np.ones(n, bool), equivalent=np.zeros(n, bool),
    )  # fmt: skip


def dc_links_of(s: Sheet, buses: Buses, log: ReadingLog) -> DcLinks:
    """dc_branch.csv: each link carries `MW Load` from its first bus, with the line's losses I²R at the stated voltage.

    Raises:
        GridError: a number is none or a bus is unknown.
    """
    n = len(s)
    if not n:
        none, no = np.zeros(0), np.zeros(0, np.int64)
        return DcLinks(np.zeros(0, np.str_), no, no, none, none, none, none, none, np.zeros(0, bool))
    power, kv, ohm = s.floats("MW Load"), s.floats("V Mag kV", 0.0), s.floats("R Line", 0.0)
    lossy = (kv > 0) & (ohm > 0)
    loss = np.where(lossy, ohm * (power / np.where(kv > 0, kv, 1.0)) ** 2, 0.0)
    log.fill("dc_links.loss0", int(lossy.sum()), "I²R of the line at MW Load", "R Line and V Mag kV of dc_branch.csv")
    return DcLinks(
        np.array(s.names("UID"), dtype=np.str_), ends(s, "From Bus", buses), ends(s, "To Bus", buses), power,
        -np.abs(power), np.abs(power), loss, np.zeros(n), np.ones(n, bool),
    )  # fmt: skip
