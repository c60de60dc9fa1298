"""A network and its devices as one sparse system, for implicit steps.

Unknown are all devices' unknowns, inputs that other devices feed by what is no unknown of theirs, and voltages; the
equations are the devices' residuals, those inputs, and the balance of currents at each bus: I - Y V = 0 in real and
imaginary parts. Devices of a model are computed side by side.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import SuperLU, splu

from slots.dynamics.devices import VOLTAGE, DynamicCase, feeding
from slots.dynamics.equations.code import Functions
from slots.dynamics.equations.model import CURRENT
from slots.dynamics.initial import Rest
from slots.grid.model import Complexes, Floats, Ints

_FUNCTIONS = ("rates", "residual", "jacobian", "outputs", "output_slopes")
_GIVEN = -1  # column of an input that nothing changes


@dataclass
class Group:
    """Devices of a model; arrays are (row, device).

    Attributes:
        members: positions in the case.
        first: of their unknowns in the system's.
        u, p, before, rates: inputs, constants, states of the step before and their rates.
        fed: (input, device) unknown of the system that an input is, or _GIVEN.
        scale: (device,) currents in p.u. of the system; 0 once a device is tripped.
        bus: (device,).
        call: the model's functions of these arrays.
    """

    made: Functions
    members: Ints
    first: int
    u: Floats
    p: Floats
    before: Floats
    rates: Floats
    fed: Ints
    scale: Floats
    bus: Ints
    call: dict[str, Callable[[float], Floats]] = field(default_factory=dict)

    @property
    def unknowns(self) -> slice:
        """Their place among the system's."""
        return slice(self.first, self.first + len(self.made.unknowns) * len(self.members))


class System:
    """The equations of a case from its devices at rest.

    Attributes:
        z: all unknowns as they are.
        groups: devices by model.
        theta: weight of a step's end in it; 1/2 is the trapezoidal rule, 1 Euler's backward one.
        linked: (link, 4) inputs fed by what is no unknown: unknown, group, output and device of the group that feeds it.
    """

    def __init__(self, case: DynamicCase, rest: list[Rest], theta: float = 0.5) -> None:
        self.theta = theta
        by_model = defaultdict(list)
        for k, device in enumerate(case.devices):
            by_model[device.model].append(k)
        self.case, first = case, 0
        self.groups: list[Group] = []
        self._place: dict[int, tuple[int, int]] = {}  # of a device: group, position in it
        for model, members in by_model.items():
            made = case.models[model]
            self._place |= {k: (len(self.groups), i) for i, k in enumerate(members)}
            self.groups.append(_group(case, made, members, rest, first))
            first += len(made.unknowns) * len(members)
        self._feed(first)
        self.buses = len(case.v)
        self.voltages = slice(first + len(self.linked), first + len(self.linked) + 2 * self.buses)
        self.z = np.zeros(self.voltages.stop)
        self._set(rest)
        self._pattern()
        self.set_ybus(case.ybus)

    def _feed(self, first: int) -> None:
        links: dict[tuple[int, int, int], int] = {}
        for plant in self.case.plants():
            for (taker, name), (giver, output) in feeding(self.case, plant).items():
                (g, i), (source, j) = self._place[plant[taker]], self._place[plant[giver]]
                given, group = self.groups[source].made, self.groups[source]
                if output in given.unknowns:
                    unknown = group.first + given.unknowns.index(output) * len(group.members) + j
                else:
                    key = (source, given.model.outputs.index(output), j)
                    unknown = first + links.setdefault(key, len(links))
                self.groups[g].fed[self.groups[g].made.inputs.index(name), i] = unknown
        self.linked = np.array([(first + k, *key) for key, k in links.items()], dtype=np.int64).reshape(-1, 4)
        for group in self.groups:
            for part, name in enumerate(VOLTAGE):
                if name in group.made.inputs:
                    row = group.made.inputs.index(name)
                    group.fed[row] = first + len(links) + part * len(self.case.v) + group.bus

    def _set(self, rest: list[Rest]) -> None:
        for group in self.groups:
            self.z[group.unknowns] = np.array([rest[k].x for k in group.members]).T.ravel()
        self.z[self.voltages] = np.concatenate([self.case.v.real, self.case.v.imag])
        for g in self.groups:
            arrays = (self.x(g), g.u, g.p, g.before, g.rates)
            g.call = {name: getattr(g.made, name).bound(*arrays) for name in _FUNCTIONS}
        self._index()
        for u, to, source in self._taken:
            self.z[source] = u[to]

    def _index(self) -> None:
        """Where inputs come from, currents go to and linked inputs are given, as flat positions."""
        self._taken = []
        for g in self.groups:
            to = np.flatnonzero(g.fed.ravel() != _GIVEN)
            self._taken.append((g.u.reshape(-1), to, g.fed.ravel()[to]))
        at = [(self.groups[k], self.linked[self.linked[:, 1] == k]) for k in np.unique(self.linked[:, 1])]
        self._given = [(g, rows[:, 0], rows[:, 2] * len(g.members) + rows[:, 3]) for g, rows in at]
        self._injecting = [
            (g, self.voltages.start + part * self.buses + g.bus, g.made.model.outputs.index(name))
            for g in self.groups
            for part, name in enumerate(CURRENT)
            if name in g.made.model.outputs
        ]

    @property
    def v(self) -> Complexes:
        """(bus,) voltages, p.u."""
        re, im = np.split(self.z[self.voltages], 2)
        return np.asarray(re + 1j * im)

    def place(self, name: str) -> tuple[Group, int]:
        """Group and position in it of a device."""
        g, i = self._place[next(k for k, d in enumerate(self.case.devices) if d.name == name)]
        return self.groups[g], i

    def set_ybus(self, ybus: sparse.spmatrix) -> None:
        """Another admittance, whose entries are among the first one's and the diagonal."""
        y = sparse.csc_matrix(ybus)
        self.ybus = y
        self._real = sparse.csr_matrix(sparse.bmat([[y.real, -y.imag], [y.imag, y.real]]))
        e = y.tocoo()
        own = np.searchsorted(self._network, e.col.astype(np.int64) * self.buses + e.row)
        parts = np.zeros((4, len(self._network)))
        parts[:, own] = -e.data.real, e.data.imag, -e.data.imag, -e.data.real
        self._of_network = parts.ravel()

    def _pattern(self) -> None:
        rows, columns = [], []
        for g in self.groups:
            r, c = self._columns(g, g.made.entries)
            rows.append(r + g.first)
            columns.append(c)
        for g in self.groups:
            entries = g.made.slopes
            columns.append(self._columns(g, entries)[1])
            rows.append(np.concatenate([self._row_of_output(g, k) for k in entries[:, 0]] or [np.zeros(0, np.int64)]))
        y = (self.case.ybus + sparse.eye(self.buses)).tocoo()
        self._network = np.unique(y.col.astype(np.int64) * self.buses + y.row)
        at, n = self.voltages.start, self.buses
        for part in ((0, 0), (0, 1), (1, 0), (1, 1)):
            rows.append(at + part[0] * n + self._network % n)
            columns.append(at + part[1] * n + self._network // n)
        rows.append(self.linked[:, 0])
        columns.append(self.linked[:, 0])
        size = len(self.z)
        row, column = np.concatenate(rows), np.concatenate(columns)
        self._kept = (row >= 0) & (column != _GIVEN)
        keys, self._entry = np.unique(column[self._kept] * size + row[self._kept], return_inverse=True)
        starts = np.searchsorted(keys // size, np.arange(size + 1)).astype(np.int32)
        self._matrix = sparse.csc_matrix((np.zeros(len(keys)), (keys % size).astype(np.int32), starts), (size, size))

    def _columns(self, g: Group, entries: Ints) -> tuple[Ints, Ints]:
        """Rows, counted from the group's first, and columns of the entries of all its devices."""
        n, count = len(g.made.unknowns), len(g.members)
        every = np.arange(count)
        own = g.first + np.arange(n)[:, None] * count + every
        table = np.concatenate([own, g.fed])
        return (entries[:, :1] * count + every).ravel(), table[entries[:, 1]].ravel()

    def _row_of_output(self, g: Group, output: int) -> Ints:
        """(device,) equation that an output stands in: the balance of its bus, a link's, or none (-1)."""
        name = g.made.model.outputs[output]
        if name in CURRENT:
            return np.asarray(self.voltages.start + CURRENT.index(name) * self.buses + g.bus)
        rows = np.full(len(g.members), -1, dtype=np.int64)
        for unknown, group, own, device in self.linked:
            if self.groups[group] is g and own == output:
                rows[device] = unknown
        return rows

    def _take(self) -> None:
        """Inputs from the unknowns."""
        for u, to, source in self._taken:
            u[to] = self.z[source]

    def x(self, g: Group) -> Floats:
        """(unknown, device) of a group, in place."""
        return self.z[g.unknowns].reshape(len(g.made.unknowns), len(g.members))

    def begin(self) -> None:
        """A new step begins here: remember states and rates."""
        self._take()
        for g in self.groups:
            g.before[:] = self.x(g)[: g.made.states]
            # Functions are those of the trapezoidal rule: M (x - x') - k/2 (f + f'). With k = 2 theta h and f' times
            # (1 - theta) / theta they are M (x - x') - h (theta f + (1 - theta) f').
            g.rates[:] = g.call["rates"](0.0) * ((1 - self.theta) / self.theta)

    def residual(self, h: float) -> Floats:
        """What the equations of a step of h seconds miss; h = 0 holds the states, for what changes at once."""
        self._take()
        h = 2 * self.theta * h
        out = np.empty(len(self.z))
        out[self.voltages] = -(self._real @ self.z[self.voltages])
        told = {}
        for g in self.groups:
            out[g.unknowns] = g.call["residual"](h).ravel()
            told[id(g)] = g.call["outputs"](h)
        for g, unknowns, place in self._given:
            out[unknowns] = self.z[unknowns] - told[id(g)].ravel()[place]
        for g, rows, output in self._injecting:
            np.add.at(out, rows, told[id(g)][output] * g.scale)
        return out

    def factorised(self, h: float) -> SuperLU:
        """The derivatives, factorised."""
        return splu(self.derivatives(h))

    def derivatives(self, h: float) -> sparse.csc_matrix:
        """Of `residual` by the unknowns."""
        self._take()
        h = 2 * self.theta * h
        values = [g.call["jacobian"](h).ravel() for g in self.groups]
        for g in self.groups:
            slopes = g.call["output_slopes"](h)
            for entry, row in zip(g.made.slopes[:, 0], slopes, strict=True):
                values.append(row * g.scale if g.made.model.outputs[entry] in CURRENT else -row)
        values += [self._of_network, np.ones(len(self.linked))]
        every = np.concatenate(values)[self._kept]
        self._matrix.data = np.bincount(self._entry, every, len(self._matrix.data))
        return self._matrix


def _group(case: DynamicCase, made: Functions, members: list[int], rest: list[Rest], first: int) -> Group:
    heads = [_head(case, k) for k in members]
    columns = {f: np.array([getattr(rest[k], f) for k in members]).T.copy() for f in ("u", "p")}
    count = len(members)
    before, rates = np.zeros((2, made.states, count))
    return Group(
        made, np.array(members), first, columns["u"].reshape(len(made.inputs), count), columns["p"], before, rates,
        np.full((len(made.inputs), count), _GIVEN, dtype=np.int64),
        np.array([case.devices[k].rating / case.base_mva for k in heads]),
        np.array([case.devices[k].bus for k in heads], dtype=np.int64),
    )  # fmt: skip


def _head(case: DynamicCase, k: int) -> int:
    """The device that injects of a device's plant."""
    of = case.devices[k].of
    return next(j for j, d in enumerate(case.devices) if d.name == of) if of else k
