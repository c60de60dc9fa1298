"""MATPOWER rows put together from another format's tables, and what they cannot hold."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slots.grid.reading import ReadingLog
from slots.sources.exchange.two_ports import TwoPort

BASE_MVA = 100.0


@dataclass(frozen=True)
class Node:
    """A bus of the format, or one that an element has inside: a star, a boundary, an open end.

    Attributes:
        name: what users call it.
        kv: nominal voltage.
        area: its number.
        low, high: limits (p.u.).
        v: the file's own state (p.u.), NaN where it has none.
        place: latitude and longitude, NaN where unknown.
    """

    name: str
    kv: float
    area: int = 1
    low: float = 0.9
    high: float = 1.1
    v: complex = complex("nan")
    place: tuple[float, float] = (np.nan, np.nan)


@dataclass
class Tables:
    """What is being put together.

    Attributes:
        log: the reading report.
        nodes: (row,) the node that a row of `bus` is of.
        at: row by the key of each node; several that no impedance parts have one row.
        factor: by key, kV of a node per kV of its row.
        bus: rows of 13, `branch`: rows of 13, `gen`: rows of 10, `dcline`: rows of 17.
        beyond: per branch the columns of `Branches` that MATPOWER's rows lack.
        banks: (low, high, step) MVAr of switched banks at a row.
        held: by key the kV that the first unit there holds; `disputed`: units with another set point.
        kv: nominal voltage by key.
    """

    log: ReadingLog
    nodes: list[Node] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)
    factor: dict[str, complex] = field(default_factory=dict)
    bus: list[list[float]] = field(default_factory=list)
    branch: list[list[float]] = field(default_factory=list)
    branch_names: list[str] = field(default_factory=list)
    beyond: list[dict[str, float]] = field(default_factory=list)
    gen: list[list[float]] = field(default_factory=list)
    gen_names: list[str] = field(default_factory=list)
    fuels: list[str] = field(default_factory=list)
    dcline: list[list[float]] = field(default_factory=list)
    dcline_names: list[str] = field(default_factory=list)
    banks: dict[int, list[tuple[float, float, float]]] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    kv: dict[str, float] = field(default_factory=dict)
    disputed: list[str] = field(default_factory=list)

    def add_node(self, key: str, node: Node) -> int:
        """A new row; its position."""
        k = self.at[key] = len(self.bus)
        self.factor[key] = 1.0 + 0j
        self.kv[key] = node.kv
        self.nodes.append(node)
        v = node.v if np.isfinite(node.v) else 1.0
        self.bus.append([k + 1, 1, 0, 0, 0, 0, node.area, abs(v), float(np.rad2deg(np.angle(v))), node.kv, 1,
                         node.high, node.low])  # fmt: skip
        return k

    def merge(self, key: str, into: str, factor: complex, node: Node) -> None:
        """A node that no impedance parts from another: kV of it are `factor` times those of the other's row."""
        k = self.at[key] = self.at[into]
        self.factor[key] = factor
        self.kv[key] = node.kv
        scale = node.kv / abs(factor) / self.nodes[k].kv  # of its limits to those of the row
        low, high = max(self.bus[k][12], node.low * scale), min(self.bus[k][11], node.high * scale)
        if low <= high:
            self.bus[k][11], self.bus[k][12] = high, low

    def volts(self, key: str, kv: float) -> float:
        """p.u. of a row at `kv` of a node."""
        return float(kv / abs(self.factor[key]) / self.nodes[self.at[key]].kv)

    def add_shunt(self, key: str, siemens: complex) -> None:
        """A shunt admittance at a node."""
        k = self.at[key]
        y = siemens * abs(self.factor[key]) ** 2 * self.nodes[k].kv ** 2  # MVA at 1 p.u.
        self.bus[k][4] += y.real
        self.bus[k][5] += y.imag

    def add_bank(self, key: str, siemens: tuple[float, float, float]) -> None:
        """Least and greatest susceptance of a switched bank beyond what it has now, and its step."""
        k = self.at[key]
        scale = abs(self.factor[key]) ** 2 * self.nodes[k].kv ** 2
        low, high, step = (scale * b for b in siemens)
        self.banks.setdefault(k, []).append((low, high, step))

    def add_load(self, key: str, s: complex) -> None:
        """A load in MVA at a node."""
        k = self.at[key]
        self.bus[k][2] += s.real
        self.bus[k][3] += s.imag

    def add_unit(
        self, name: str, key: str, s: complex, q: tuple[float, float], p: tuple[float, float], hold: float | None,
        fuel: str = "",
        wish: float = np.nan,
    ) -> None:  # fmt: skip
        """A unit in MVA, its reactive and active range, and the kV that it holds at its node, if any.

        `wish`: kV that it would hold if it did.
        """
        self.gen.append([self.at[key] + 1, s.real, s.imag, q[1], q[0], self.volts(key, wish), BASE_MVA, 1, p[1], p[0]])
        self.gen_names.append(name)
        self.fuels.append(fuel)
        if hold is not None and abs(self.held.setdefault(key, hold) / hold - 1) > 1e-9:
            self.disputed.append(name)

    def settle_voltages(self, slack: str) -> None:
        """Kinds and set points of the buses; a unit that holds none gets that of its bus, or its own where nobody does.

        Of units at a bus the first counts, of buses without impedance between them the highest, as in OpenLoadFlow.
        """
        for key, kv in sorted(self.held.items(), key=lambda x: -x[1] / self.kv[x[0]]):
            bus, volts = self.bus[self.at[key]], self.volts(key, kv)
            if bus[1] != 2:
                bus[1], bus[7] = 2, volts
            elif abs(bus[7] - volts) > 1e-9:
                self.disputed.append(self.nodes[self.at[key]].name)
        for row in self.gen:
            bus = self.bus[int(row[0]) - 1]
            row[5] = bus[7] if bus[1] == 2 or not np.isfinite(row[5]) else row[5]
        self.bus[self.at[slack]][1] = 3
        if self.disputed:
            self.log.warn(f"units at one bus are to hold different voltages, the first is {self.disputed[0]}: of units the "
                          "first, of joined buses the highest is held")  # fmt: skip

    def add_branch(self, two: TwoPort) -> None:
        """A two-port between its nodes; one whose ends are one row becomes a shunt of it."""
        (f, t), (kf, kt) = (self.at[k] for k in two.ends), (self.factor[k] for k in two.ends)
        z_base = (self.nodes[t].kv * abs(kt)) ** 2 / BASE_MVA
        z, shunts = two.z / z_base, [y * z_base for y in two.shunts]
        tap = self.nodes[t].kv * kt / (self.nodes[f].kv * kf) / two.ratio
        if f == t:
            series = 1 / z
            y = (series + shunts[0]) / abs(tap) ** 2 - series / tap.conjugate() - series / tap + series + shunts[1]
            self.bus[f][4] += y.real * BASE_MVA
            self.bus[f][5] += y.imag * BASE_MVA
            self.log.warn(f"{two.kind} {two.name} begins and ends at the same bus: it is a shunt there")
            return
        b = shunts[0].imag + shunts[1].imag
        plain = abs(tap - 1) < 1e-12
        self.branch.append([
            f + 1, t + 1, z.real, z.imag, b, *two.rate, two.rate[1], 0.0 if plain else abs(tap),
            float(np.rad2deg(np.angle(tap))), 1, -360, 360,
        ])  # fmt: skip
        ratio = 1.0 if plain else abs(tap)
        low, high, step = (ratio * x for x in two.taps)
        self.beyond.append({
            "g_f": shunts[0].real, "b_f": shunts[0].imag - b / 2, "g_t": shunts[1].real, "b_t": shunts[1].imag - b / 2,
            "tap_low": low, "tap_high": high, "tap_step": step,
        })  # fmt: skip
        self.branch_names.append(two.name)

    def completed(self) -> dict[str, Any]:
        """Names and columns of the branches that MATPOWER's rows lack."""
        columns = self.beyond[0] if self.beyond else {}
        return {"name": unique(self.branch_names)} | {k: np.array([row[k] for row in self.beyond]) for k in columns}


def unique(names: list[str]) -> Any:
    """The names, repeated ones numbered."""
    count: dict[str, int] = {}
    out = []
    for n in names:
        count[n] = count.get(n, 0) + 1
        out.append(n if count[n] == 1 else f"{n} #{count[n]}")
    return np.array(out, dtype=np.str_)
