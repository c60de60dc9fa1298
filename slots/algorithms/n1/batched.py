"""N-1 by a compiled kernel: one factorisation an hour, low-rank updates, several outages at once.

Where no C compiler is found the second engine does the work. What the updates do not solve, the kernel solves again
by Newton's full, damped method from two starts before it says that there is no power flow. Outages that cut off more
than one bus, the slack bus or all that covers deficits are solved in the part that goes on, laid out by itself.
"""

import logging
from ctypes import byref, c_void_p
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import GridError, ParameterError
from slots.algorithms.n1 import kernel
from slots.algorithms.n1.cases import Cases, Engine
from slots.algorithms.n1.worst import Collector
from slots.contracts.n1 import N1Request, N1Result, limits
from slots.grid.admittance import Admittance, admittance, branch_flows, with_taps
from slots.grid.compiled import address
from slots.grid.connectivity import islanding_outages
from slots.grid.elimination import elimination_order, fill_of
from slots.grid.model import ISOLATED, PV, SLACK, Bools, Complexes, Floats, Ints
from slots.grid.network import Network
from slots.grid.outage import REACTIVE_TOLERANCE, RETURN_TOLERANCE, Hour, Outage, reference, shares_within

_log = logging.getLogger(__name__)

TOLERANCE = 1e-8  # p.u. of mismatch
MAX_STEPS = 40
HELD = 1e-10  # p.u. from its set point, and a bus of a part holds its voltage
MOST_IN_PARTS = 1_500_000  # buses of parts that are kept for the next hour
LEAST_SHARE = 1e-9  # of a deficit


def batched(request: N1Request) -> N1Result:
    """Verify every contingency of every hour."""
    engine = batched_engine_of(request.network)
    if isinstance(engine, BatchedEngine):
        return engine.verify(request)
    from slots.algorithms.n1.lightsim import lightsim

    return lightsim(request)


_engines: list[tuple[Network, Engine]] = []


def batched_engine_of(net: Network) -> Engine:
    """The engine of a network, built once per process; lightsim2grid's where the kernel cannot be built."""
    if not _engines or _engines[0][0] is not net:
        library = kernel.kernel()
        if library is None:
            from slots.algorithms.n1.lightsim import engine_of

            _log.warning(
                "no C compiler (gcc, clang, cc or the wheel ziglang): N-1 by lightsim2grid and the full Newton method, much slower"
            )
            _engines[:] = [(net, engine_of(net))]
        else:
            _engines[:] = [(net, BatchedEngine(net, library))]
    return _engines[0][1]


class BatchedEngine:
    """A network laid out for the kernel: live buses in elimination order, the slack bus last."""

    def __init__(self, net: Network, library: Any) -> None:
        self.net, self.library = net, library
        self.adm = admittance(net.grid)
        self.splitting = islanding_outages(net.grid, net.contingencies)
        self._bus, self._place = elimination_order(net, self.adm.ybus)
        self.lanes = int(library.lanes())  # outages at once
        self._kept: list[Any] = []  # arrays that the structure points to
        self._tap = np.zeros(len(net.grid.changers))
        self._admittances = {k: np.ascontiguousarray(x) for k, x in self._in_order(self.adm).items()}
        self._structure = self._lay_out()
        self._dead = self._dead_buses()
        self._parts: dict[tuple[int, int], _Part] = {}

    def _hold(self, array: Any, kind: type = np.float64) -> int | None:
        self._kept.append(np.ascontiguousarray(array, dtype=kind))
        return address(self._kept[-1])

    def _matrix(self, adm: Admittance) -> sp.csr_matrix:
        y = sp.csr_matrix(adm.ybus[self._bus][:, self._bus])
        y.sort_indices()
        return y

    def _in_order(self, adm: Admittance) -> dict[str, Floats]:
        """Admittances as the kernel takes them: of the matrix's entries, and of each branch."""
        y = self._matrix(adm).data
        out = {"y_re": y.real, "y_im": y.imag}
        for name in ("ff", "ft", "tf", "tt"):
            value = getattr(adm, f"y{name}")
            out |= {f"{name}_re": value.real, f"{name}_im": value.imag}
        return out

    def _set(self, tap: Floats) -> None:
        """Write the admittances with taps as an hour sets them; they seldom move."""
        if np.array_equal(tap, self._tap):
            return
        for name, value in self._in_order(with_taps(self.net.grid, self.adm, tap)).items():
            self._admittances[name][:] = value
        self._tap = tap.copy()

    def _lay_out(self) -> kernel.Net:
        net, grid, y = self.net, self.net.grid, self._matrix(self.adm)
        fill = fill_of(sp.csr_matrix(y[:-1][:, :-1]))
        self.entries = 4 * fill.nnz  # of both factors, where every voltage is free
        br, base = grid.branches, grid.base_mva
        watch = np.flatnonzero(br.in_service & np.isfinite(br.rate_emergency))
        _, low, high = limits(net, True)
        place = np.where(br.in_service[:, None], self._place[np.column_stack([br.f, br.t])], 0)
        if (place < 0).any():
            name = br.name[np.flatnonzero((place < 0).any(axis=1))[0]]
            raise GridError(f"branch {name} is in service at a bus that is not", "take it out of service")
        parts = {k: address(x) for k, x in self._admittances.items()}
        return kernel.Net(
            buses=len(self._bus), branches=len(br), watched=len(watch), y_ptr=self._hold(y.indptr, np.int32),
            y_col=self._hold(y.indices, np.int32), y_in_fill=self._hold(_positions(y, fill), np.int32),
            fill_ptr=self._hold(fill.indptr, np.int32),
            fill_col=self._hold(fill.indices, np.int32), branch_from=self._hold(place[:, 0], np.int32),
            branch_to=self._hold(place[:, 1], np.int32), watch=self._hold(watch, np.int32),
            per_rate2=self._hold((base / br.rate_emergency[watch]) ** 2), v_low=self._hold(low[self._bus]),
            v_high=self._hold(high[self._bus]), **parts,
        )  # fmt: skip

    def _dead_buses(self) -> dict[int, int]:
        """Place of the bus that an outage cuts off; -1 for none, -2 where the kernel cannot do it."""
        out = {}
        for k in self.net.contingencies.tolist():
            kept = self.splitting.get(k)
            if kept is None:
                out[k] = -1
                continue
            off = np.flatnonzero(~kept & self.net.grid.live)
            out[k] = int(self._place[off[0]]) if len(off) == 1 and off[0] != self.net.grid.slack else -2
        return out

    def verify(self, request: N1Request) -> N1Result:
        """Worst figures of every contingency in every hour."""
        collect, steps = Collector(request, self.adm), np.zeros(len(self.net.contingencies))
        for h in range(len(request.v)):
            hour = request.hour(h)
            collect.put(h, np.array([0]), hour.v[None, :], np.array([True]))
            run = self._run(hour, self.net.contingencies, steps)
            steps[run.case] = run.iterations
            self._record(collect, h, hour, run)
        return collect.result

    def _record(self, collect: Collector, h: int, hour: Hour, run: "_Run") -> None:
        out, at, good = collect.result, 1 + run.case, run.converged
        out.converged[h, at], out.iterations[h, at] = good, run.iterations
        for name in ("loading", "vmin", "vmax"):
            getattr(out, name)[h, at] = np.where(good, getattr(run, name), np.nan)
        out.branch[h, at] = np.where(good, run.where, -1)
        out.margin[h, at] = np.where(good, np.maximum(run.margin, 0.0), np.nan)
        off = np.flatnonzero(run.dead >= 0)
        lost = hour.s[self._bus[run.dead[off]]].real * self.net.grid.base_mva
        out.lost_load[h, at[off]], out.lost_generation[h, at[off]] = np.maximum(-lost, 0.0), np.maximum(lost, 0.0)
        for k in run.left.tolist():
            collect.put_outage(h, 1 + k, self._full(hour, k))

    def _full(self, hour: Hour, case: int) -> Outage:
        """A case that cuts off more than a bus; what leaves the grid whole is no concern of this."""
        branch = int(self.net.contingencies[case])
        kept = self.splitting[branch] & self.net.grid.live
        slack = reference(self.net.grid.slack, hour, kept)
        if (branch, slack) not in self._parts:
            if len(self._parts) * len(kept) > MOST_IN_PARTS:
                self._parts.clear()
            self._parts[branch, slack] = _Part(self, branch, kept, slack)
        return self._parts[branch, slack].solve(hour)

    def cases(self, hour: Hour, outages: Ints) -> Cases:
        """Voltages of some outages (positions in the network's contingencies) of an hour, the intact one first."""
        n, base = self.net.grid.n_bus, 1 + len(outages)
        out = Cases(np.zeros((base, n), complex), np.ones(base, bool), np.zeros((base, n), bool))
        out.v[0], out.held[0] = hour.v, hour.controlled
        run = self._run(hour, self.net.contingencies[outages], np.zeros(base - 1), keep=True)
        out.v[1 + run.case[:, None], self._bus[None, :]] = run.v
        out.held[1 + run.case[:, None], self._bus[None, :]] = run.held
        out.converged[1 + run.case] = run.converged
        for k in run.left.tolist():
            full = self._full(hour, int(outages[k]))
            out.v[1 + k], out.held[1 + k], out.converged[1 + k] = full.v, full.held, full.converged
        return out

    def alone(self, hour: Hour, branches: Ints) -> Complexes | None:
        """(bus,) voltages with any branches out that leave the grid whole; None where there is no power flow.

        Args:
            hour: the hour, its injections and ranges those after the loss; its voltages are set points and a start.
            branches: positions of the branches that are out.
        """
        self._check(hour, branches)
        self._set(hour.tap)
        which, arrays = branches.astype(np.int32), _hour_arrays(hour, self._bus)
        e, f = np.zeros(len(self._bus)), np.zeros(len(self._bus))
        cases = kernel.Cases(
            count=1, tolerance=TOLERANCE, reactive_tolerance=REACTIVE_TOLERANCE, return_tolerance=RETURN_TOLERANCE,
            most=MAX_STEPS, e=address(e), f=address(f),
        )  # fmt: skip
        told = kernel.Hour(**{k: address(a) for k, a in arrays.items()})
        listed = address(which) if len(which) else None
        if not self.library.alone(byref(self._structure), byref(told), byref(cases), c_void_p(listed), len(which)):
            return None
        v = np.zeros(self.net.grid.n_bus, complex)
        v[self._bus] = e + 1j * f
        return v

    def _check(self, hour: Hour, branches: Ints) -> None:
        """Raise ParameterError for an hour or branches of another network: C would read beyond its own."""
        n = self.net.grid.n_bus
        columns = (hour.v, hour.s, hour.controlled, hour.share, hour.low, hour.high, hour.shunt)
        if any(x.shape != (n,) for x in columns) or hour.tap.shape != self._tap.shape:
            raise ParameterError(f"the hour does not fit its network of {n} buses", "give a value for each bus")
        out = branches[(branches < 0) | (branches >= len(self.net.grid.branches))]
        if len(out):
            raise ParameterError(f"there is no branch at position {out[0]}", "give positions of the network's branches")

    def _run(self, hour: Hour, branches: Ints, steps: Floats, keep: bool = False) -> "_Run":
        """The kernel on some branches' outages; `steps`: how many each took the hour before, if that is known."""
        self._check(hour, branches)
        self._set(hour.tap)
        dead = np.array([self._dead[k] for k in branches.tolist()], dtype=np.int64)
        # Where the bus that is cut off would have covered every deficit, another must, which the kernel does not know.
        rest = np.abs(hour.share).sum() - np.abs(hour.share[self._bus[np.maximum(dead, 0)]])
        dead[(dead >= 0) & (rest < LEAST_SHARE)] = -2
        mine = np.flatnonzero(dead >= -1)
        # Like with like, as cases at once wait for each other: how much a branch carries tells about its steps too.
        flow = np.abs(branch_flows(self.net.grid, self.adm, hour.v)[0][branches[mine]])
        mine = mine[np.lexsort((-flow, -steps[mine]))]
        run = _Run(
            mine, np.setdiff1d(np.arange(len(branches)), mine), dead[mine].astype(np.int32), len(self._bus), keep
        )
        which = branches[mine].astype(np.int32)
        arrays = _hour_arrays(hour, self._bus)
        cases = kernel.Cases(
            count=len(mine), branch=address(which), dead=address(run.dead), tolerance=TOLERANCE,
            reactive_tolerance=REACTIVE_TOLERANCE, return_tolerance=RETURN_TOLERANCE, most=MAX_STEPS, **run.addresses(),
        )  # fmt: skip
        told = kernel.Hour(**{k: address(a) for k, a in arrays.items()})
        if len(mine) and not self.library.outages(byref(self._structure), byref(told), byref(cases)):
            run.flags[:] = 0
        return run


class _Part:
    """What goes on after an outage that splits the grid, as a network of its own."""

    def __init__(self, whole: BatchedEngine, branch: int, kept: Bools, slack: int) -> None:
        grid = whole.net.grid
        self._kept, self._slack, self._lost = kept, slack, grid.live & ~kept
        kind = np.where(kept, np.where(grid.buses.kind == SLACK, PV, grid.buses.kind), ISOLATED)
        kind[slack] = SLACK
        inside = grid.branches.in_service & kept[grid.branches.f] & kept[grid.branches.t]
        inside[branch] = False
        part = grid.replace(buses=replace(grid.buses, kind=kind), branches=replace(grid.branches, in_service=inside))
        net = replace(whole.net, grid=part, outages=np.zeros(0, np.int64))
        self._engine = BatchedEngine(net, whole.library)
        self._changers = np.isin(grid.changers, part.changers)

    def solve(self, hour: Hour) -> Outage:
        """The state of the part after an hour's loss of the rest."""
        kept = self._kept
        mine = replace(hour, share=shares_within(hour, kept, self._slack), tap=hour.tap[self._changers])
        v = self._engine.alone(mine, np.zeros(0, np.int64))
        outside = hour.s[self._lost].real
        lost_load, lost_generation = float(-outside[outside < 0].sum()), float(outside[outside > 0].sum())
        if v is None:
            return Outage(np.where(kept, hour.v, 0.0), False, hour.controlled & kept, lost_load, lost_generation)
        held = hour.controlled & kept & (np.abs(np.abs(v) - np.abs(hour.v)) < HELD)
        return Outage(v, True, held, lost_load, lost_generation)


class _Run:
    """What the kernel fills in: figures by case, and voltages where they are kept."""

    def __init__(self, case: Ints, left: Ints, dead: Any, buses: int, keep: bool) -> None:
        n = len(case)
        self.case, self.left, self.dead = case, left, dead
        self.flags, self.iterations, self.where = (np.zeros(n, np.int32) for _ in range(3))
        self.loading, self.vmin, self.vmax, self.margin = (np.zeros(n) for _ in range(4))
        self._e, self._f = (np.zeros((n, buses)) if keep else None for _ in range(2))
        self._held = np.zeros((n, buses), np.uint8) if keep else None

    def addresses(self) -> dict[str, int | None]:
        names: dict[str, Any] = {"converged": self.flags, "iterations": self.iterations, "where": self.where, "loading": self.loading,
                 "v_min": self.vmin, "v_max": self.vmax, "margin": self.margin, "e": self._e, "f": self._f,
                 "held": self._held}  # fmt: skip
        return {k: address(a) for k, a in names.items()}

    @property
    def converged(self) -> Any:
        return self.flags.astype(bool)

    @property
    def v(self) -> Complexes:
        assert self._e is not None
        assert self._f is not None
        return np.asarray(self._e + 1j * self._f)

    @property
    def held(self) -> Any:
        assert self._held is not None
        return self._held.astype(bool)


def _hour_arrays(hour: Hour, bus: Ints) -> dict[str, Any]:
    def at(x: Floats) -> Any:
        return np.ascontiguousarray(x[bus])

    return {
        "e": at(hour.v.real), "f": at(hour.v.imag), "p": at(hour.s.real), "q": at(hour.s.imag), "share": at(hour.share),
        "q_low": at(hour.low), "q_high": at(hour.high), "shunt": at(hour.shunt), "held": hour.controlled[bus].astype(np.uint8),
    }  # fmt: skip


def _positions(y: sp.csr_matrix, fill: sp.csr_matrix) -> Ints:
    """Where each entry of y stands among those of the fill; -1 in the slack's row and column."""
    n, width = fill.shape[0], y.shape[0]
    row = np.repeat(np.arange(width), np.diff(y.indptr))
    inside = (row < n) & (y.indices < n)
    keys = np.repeat(np.arange(n), np.diff(fill.indptr)) * width + fill.indices
    out = np.full(y.nnz, -1, dtype=np.int64)
    out[inside] = np.searchsorted(keys, row[inside] * width + y.indices[inside])
    return out
