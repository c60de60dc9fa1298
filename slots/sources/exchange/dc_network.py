"""DC grids that a PowSyBl network models node by node: their power flow, with converters between node pairs.

Converters and lines are read from the network's own IIDM text, for its tables have no line-commutated converters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Floats

_MAX_STEPS, _TOLERANCE = 50, 1e-10  # kA and MW
CONVERTERS = {"voltageSourceConverter": "VSC converter", "lineCommutatedConverter": "LCC converter"}


@dataclass(frozen=True)
class Converter:
    """A converter between AC buses and two DC nodes.

    Attributes:
        name, level: its own and its voltage level's; buses: its AC buses in the bus/breaker view.
        nodes: its DC nodes.
        volts: kV that it holds between its nodes; NaN where it keeps a power instead.
        p: MW that it takes from its AC buses, by schedule.
        losses: MW, MW/kA and MW/kA² of its losses.
        q: MVAr that it takes from its buses; power_factor: of a line-commutated one, else NaN.
        hold: kV that it holds at its AC bus, else NaN.
        elsewhere: whether its schedule is for another place than its own terminals.
    """

    name: str
    level: str
    buses: tuple[str, ...]
    nodes: tuple[str, str]
    volts: float
    p: float
    losses: tuple[float, float, float]
    q: float
    power_factor: float
    hold: float
    elsewhere: bool

    def loss(self, i: float) -> float:
        """MW lost at `i` kA."""
        return self.losses[0] + self.losses[1] * abs(i) + self.losses[2] * i**2


@dataclass
class DcNetwork:
    """The DC side of a network.

    Attributes:
        node: by id the number of the electrical node; ids that nothing parts have one number.
        lines: (node, node, Ω); ground: by node Ω to ground.
        converters: those that are connected at both sides; off: names of the others.
    """

    node: dict[str, int] = field(default_factory=dict)
    lines: list[tuple[int, int, float]] = field(default_factory=list)
    ground: dict[int, float] = field(default_factory=dict)
    converters: list[Converter] = field(default_factory=list)
    off: list[str] = field(default_factory=list)

    def parts(self) -> list[list[int]]:
        """Positions of the converters of each connected DC grid."""
        label = {n: n for n in self.node.values()}
        joined = [(f, t) for f, t, _ in self.lines] + [tuple(self.node[n] for n in c.nodes) for c in self.converters]
        for f, t in joined:
            old, new = label[t], label[f]
            label = {n: new if k == old else k for n, k in label.items()}
        found: dict[int, list[int]] = {}
        for k, c in enumerate(self.converters):
            found.setdefault(label[self.node[c.nodes[0]]], []).append(k)
        return list(found.values())


def dc_network(text: str) -> DcNetwork:
    """The DC side of a network in IIDM text."""
    root = fromstring(text)
    out = DcNetwork()
    elements = [(e.tag.rpartition("}")[2], e) for e in root.iter()]
    switches = [e for kind, e in elements if kind == "dcSwitch" and e.get("open") != "true"]
    lines = [e for kind, e in elements if kind == "dcLine" and e.get("connected1") == e.get("connected2") == "true"]
    out.node = _joined([e.attrib["id"] for kind, e in elements if kind == "dcNode"],
                       [_ends(e) for e in switches + lines if not _number(e, "r", 0.0)])  # fmt: skip
    for e in switches + lines:
        f, t = (out.node[n] for n in _ends(e))
        if _number(e, "r", 0.0) and f != t:
            out.lines.append((f, t, _number(e, "r")))
    for kind, e in elements:
        if kind == "dcGround" and e.get("connected") == "true":
            k = out.node[e.attrib["dcNode"]]
            out.ground[k] = min(out.ground.get(k, np.inf), _number(e, "r", 0.0))
    for level in (e for kind, e in elements if kind == "voltageLevel"):
        for e in level:
            if e.tag.rpartition("}")[2] in CONVERTERS:
                _add_converter(out, level, e)
    return out


def _add_converter(out: DcNetwork, level: Element, e: Element) -> None:
    buses = tuple(str(e.get(k)) for k in ("bus1", "bus2") if e.get(k))
    on = e.get("dcConnected1") == e.get("dcConnected2") == "true"
    if level.get("topologyKind") == "NODE_BREAKER":
        raise GridError(f"converter {e.get('id')} of a DC grid in detail lies in a voltage level of nodes and breakers, "
                        "which is not read", "give the network with buses and breakers")  # fmt: skip
    if not (buses and on) or any(e.get(f"connectableBus{k}") and not e.get(f"bus{k}") for k in "12"):
        out.off.append(str(e.get("id")))
        return
    pcc = next((c.get("id") for c in e if c.tag.endswith("pccTerminal")), e.get("id"))
    holds = e.get("voltageRegulatorOn") == "true"
    out.converters.append(Converter(
        e.get("name") or e.attrib["id"], level.attrib["id"], buses, _ends(e),
        _number(e, "targetVdc") if e.get("controlMode") == "V_DC" else np.nan, _number(e, "targetP"),
        (_number(e, "idleLoss", 0.0), 1e3 * _number(e, "switchingLoss", 0.0), _number(e, "resistiveLoss", 0.0)),
        _number(e, "reactivePowerSetpoint", 0.0), _number(e, "powerFactor"),
        _number(e, "voltageSetpoint") if holds else np.nan, pcc != e.get("id") and e.get("controlMode") != "V_DC",
    ))  # fmt: skip


def _ends(e: Element) -> tuple[str, str]:
    return e.attrib["dcNode1"], e.attrib["dcNode2"]


def _number(e: Element, name: str, absent: float = np.nan) -> float:
    return float(e.get(name, absent))


def _joined(nodes: list[str], pairs: list[tuple[str, str]]) -> dict[str, int]:
    """A number for each node, the same for those that pairs join."""
    number = {n: k for k, n in enumerate(nodes)}
    for f, t in pairs:
        old, new = number[t], number[f]
        number = {n: new if k == old else k for n, k in number.items()}
    return number


def solve(net: DcNetwork, part: list[int], name: str) -> list[float]:
    """MW that each converter of a connected DC grid takes from its AC buses (below 0: gives to them).

    Node voltages and converter currents by Newton's method: the currents of every node add up to nothing, a converter
    holds its voltage or keeps its power, `p = loss(i) - v i`. A grid without ground gets one at its first node.

    Raises:
        GridError: nothing holds the grid's voltage, or there is no solution.
    """
    converters = [net.converters[k] for k in part]
    if not any(np.isfinite(c.volts) for c in converters):
        raise GridError(f"grid {name}: no converter of the DC grid of {converters[0].name} holds its voltage",
                        "set one of them to the control mode V_DC")  # fmt: skip
    system = _System(net, converters)
    x = system.start()
    for _ in range(_MAX_STEPS):
        wrong, slope = system.equations(x)
        if np.abs(wrong).max() < _TOLERANCE:
            return [c.loss(i) - v * i for c, (v, i) in zip(converters, system.at_converters(x), strict=True)]
        if not np.isfinite(slope).all() or np.linalg.matrix_rank(slope) < len(x):
            break
        x = x - np.linalg.solve(slope, wrong)
    raise GridError(f"grid {name}: the DC grid of {converters[0].name} has no power flow at the schedules of its converters",
                    "check their control modes and set points, and the DC lines")  # fmt: skip


class _System:
    """Equations of one connected DC grid in kV, kA and MW: first its nodes', then its converters'."""

    def __init__(self, net: DcNetwork, converters: list[Converter]) -> None:
        self._converters = converters
        reached = {net.node[n] for c in converters for n in c.nodes}
        while more := {n for f, t, _ in net.lines if (f in reached) != (t in reached) for n in (f, t)} - reached:
            reached |= more
        self._at = {n: k for k, n in enumerate(sorted(reached))}
        self._lines = [(self._at[f], self._at[t], 1 / r) for f, t, r in net.lines if f in self._at]
        self._ends = [tuple(self._at[net.node[n]] for n in c.nodes) for c in converters]
        grounds = {self._at[n]: r for n, r in net.ground.items() if n in self._at}
        self._fixed = [n for n, r in grounds.items() if r == 0] if grounds else [0]
        self._to_ground = {n: 1 / r for n, r in grounds.items() if r > 0}

    def start(self) -> Floats:
        """The linear grid in which every converter holds the voltage, as nearly as its loops allow, and the currents of the schedules."""
        n, volts = len(self._at), max(abs(c.volts) for c in self._converters if np.isfinite(c.volts))
        slope = self._linear()
        for k, (f, t) in enumerate(self._ends):
            slope[n + k, f], slope[n + k, t] = 1, -1
        wanted = [c.volts if np.isfinite(c.volts) else volts for c in self._converters]
        x = np.linalg.lstsq(slope, np.array([0.0] * n + wanted), rcond=None)[0]
        x[n:] = [0.0 if np.isfinite(c.volts) else -c.p / volts for c in self._converters]
        return np.asarray(x)

    def at_converters(self, x: Floats) -> list[tuple[float, float]]:
        """kV between the nodes of each converter and kA through it."""
        n = len(self._at)
        return [(float(x[f] - x[t]), float(x[n + k])) for k, (f, t) in enumerate(self._ends)]

    def equations(self, x: Floats) -> tuple[Floats, Floats]:
        """What they leave, and their derivatives."""
        n = len(self._at)
        slope = self._linear()
        wrong = slope @ x
        for k, (c, (v, i)) in enumerate(zip(self._converters, self.at_converters(x), strict=True)):
            f, t = self._ends[k]
            if np.isfinite(c.volts):
                wrong[n + k] = v - c.volts
                slope[n + k, f], slope[n + k, t] = 1, -1
            else:
                wrong[n + k] = c.loss(i) - v * i - c.p
                slope[n + k, f], slope[n + k, t] = -i, i
                slope[n + k, n + k] = c.losses[1] * np.sign(i) + 2 * c.losses[2] * i - v
        return wrong, slope

    def _linear(self) -> Any:
        """Derivatives of the nodes' equations; those of the converters are left empty."""
        n = len(self._at)
        slope = np.zeros((n + len(self._ends),) * 2)
        for f, t, g in self._lines:
            slope[f, f] += g
            slope[t, t] += g
            slope[f, t] -= g
            slope[t, f] -= g
        for k, g in self._to_ground.items():
            slope[k, k] += g
        for k, (f, t) in enumerate(self._ends):
            slope[f, n + k] += 1
            slope[t, n + k] -= 1
        for k in self._fixed:
            slope[k] = np.eye(1, len(slope), k)[0]
        return slope
