"""Devices at rest: states, set points and what feeds them, so that each plant injects what the power flow says.

All equations of a plant are solved together: rates and residuals vanish, currents are given. Newton's method takes steps of
least squares, since an equation may say what another does (a compensator's active current is zero anyway); what the
equations leave open, contradict or hide behind a limit is told by name. Plants of one structure are solved side by side.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from bos_core.objects.errors import EquationError
from slots.dynamics.devices import VOLTAGE, DynamicCase, feeding
from slots.dynamics.equations.code import Functions
from slots.dynamics.equations.model import CURRENT
from slots.grid.model import Bools, Floats

TOLERANCE = 1e-10  # p.u. by which the equations may miss
LIMIT_TOLERANCE = 1e-6  # p.u. by which a state may start outside its limits
_ROUNDS, _HALVINGS, _STARTS = 60, 8, 6
_WEAK = 1e-9  # share of the largest singular value below which something is not determined


@dataclass(frozen=True)
class Rest:
    """A device at rest: (unknown,) x, (input,) u, (constant,) p with its set points."""

    x: Floats
    u: Floats
    p: Floats


def at_rest(case: DynamicCase) -> list[Rest]:
    """Each device of a case at rest.

    Raises:
        EquationError: a plant has no state of rest there, or more than one, or it lies outside its limits.
        ParameterError: devices do not fit each other.
    """
    alike = defaultdict(list)
    for plant in case.plants():
        feeds = feeding(case, plant)
        alike[tuple(case.devices[k].model for k in plant), tuple(sorted(feeds.items()))].append(plant)
    out: dict[int, Rest] = {}
    for (_, links), plants in alike.items():
        out |= _Plants(case, plants, dict(links)).solved()
    return [out[k] for k in range(len(case.devices))]


class _Plants:
    """Plants of one structure; arrays are (row, plant)."""

    def __init__(
        self, case: DynamicCase, plants: list[tuple[int, ...]], feeds: dict[tuple[int, str], tuple[int, str]]
    ) -> None:
        self._case, self._plants, self._feeds = case, plants, feeds
        self._made = [case.models[case.devices[k].model] for k in plants[0]]
        heads = [case.devices[plant[0]] for plant in plants]
        v = case.v[[d.bus for d in heads]]
        current = np.conj(np.array([d.injected / d.rating for d in heads]) / v)
        self._current = np.array([current.real, current.imag])
        self._p = [
            np.array([case.constants(case.devices[plant[i]]) for plant in plants]).T.copy()
            for i in range(len(self._made))
        ]
        self._u = [
            np.array([np.full(len(plants), made.model.defaults.get(n, 1.0)) for n in made.inputs]).reshape(-1, len(v))
            for made in self._made
        ]
        for made, u in zip(self._made, self._u, strict=True):
            for name, values in zip(VOLTAGE, (v.real, v.imag), strict=True):
                if name in made.inputs:
                    u[made.inputs.index(name)] = values
        self._lay_out()

    def _lay_out(self) -> None:
        """Rows of the variables and of the equations, with their names."""
        self._names: list[str] = []
        self._column: list[list[int]] = []  # of unknowns, inputs (-1: given) and set points of each device
        self._first: list[int] = []  # equation of each device
        self._equations: list[str] = []
        for i, made in enumerate(self._made):
            free = [n not in VOLTAGE and ((i, n) in self._feeds or n not in made.model.defaults) for n in made.inputs]
            wanted = [*made.unknowns, *(n if f else "" for n, f in zip(made.inputs, free, strict=True))]
            columns = []
            for name in [*wanted, *made.model.of("setpoint")]:
                columns.append(len(self._names) if name else -1)
                self._names += [f"{name} of {made.model.name}"] if name else []
            self._column.append(columns)
            self._first.append(len(self._equations))
            self._equations += [f"the rate of {n} of {made.model.name}" for n in made.unknowns[: made.states]]
            rest = len(made.unknowns) - made.states
            self._equations += [f"algebraic equation {k + 1} of {made.model.name}" for k in range(rest)]
        self._links = len(self._equations)
        self._equations += [f"{name} that {self._made[i].model.name} takes" for i, name in self._feeds]
        self._equations += [f"the current {name} that the power flow gives" for name in CURRENT]

    def solved(self) -> dict[int, Rest]:
        """Each device at rest."""
        y = self._start(0)
        y, ok = self._newton(y)
        for attempt in range(1, _STARTS):
            if ok.all():
                break
            again, fine = self._newton(self._start(attempt))
            y[:, ~ok & fine] = again[:, ~ok & fine]
            ok |= fine
        self._refuse(y, ok)
        self._put(y)
        return {
            k: Rest(x[:, n], u[:, n], p[:, n])
            for i, (x, u, p) in enumerate(zip(self._x, self._u, self._p, strict=True))
            for n, k in enumerate(plant[i] for plant in self._plants)
        }

    def _start(self, attempt: int) -> Floats:
        """Where the search begins: as the models say, scattered after the first attempt."""
        count = len(self._plants)
        y = np.ones((len(self._names), count))
        for made, columns, u, p in zip(self._made, self._column, self._u, self._p, strict=True):
            n, x, before = (
                len(made.unknowns),
                np.ones((len(made.unknowns), count)),
                np.zeros((max(made.states, 2), count)),
            )
            before[:2] = self._current
            for name, given in zip(CURRENT, self._current, strict=True):
                if name in made.unknowns:
                    x[made.unknowns.index(name)] = given
            guesses = made.starts(0.0, x, u, p, before, before)
            y[columns[:n]] = guesses[:n]
            y[columns[n + len(made.inputs) :]] = guesses[n:]
        if attempt:
            y = y + np.random.default_rng(attempt).normal(0.0, 0.5, y.shape)
        return y

    def _put(self, y: Floats) -> None:
        """Spread the variables over the devices' arrays."""
        self._x = []
        for made, columns, u, p in zip(self._made, self._column, self._u, self._p, strict=True):
            n, m = len(made.unknowns), len(made.inputs)
            self._x.append(y[columns[:n]])
            for k, c in enumerate(columns[n : n + m]):
                if c >= 0:
                    u[k] = y[c]
            p[len(made.model.of("parameter")) :] = y[columns[n + m :]]

    def _missed(self, y: Floats, slopes: bool) -> tuple[Floats, Floats]:
        """(equation, plant) by how much each misses, and (plant, equation, variable) its derivatives if asked."""
        self._put(y)
        count = len(self._plants)
        missed = np.zeros((len(self._equations), count))
        jacobian = np.zeros((count, len(self._equations), len(self._names)) if slopes else (0, 0, 0))
        told = []
        for i, (made, x, u, p) in enumerate(zip(self._made, self._x, self._u, self._p, strict=True)):
            none = np.zeros((max(made.states, 1), count))
            arrays = (x, u, p, none, none)
            values, n = made.steady(0.0, *arrays), len(made.unknowns)
            missed[self._first[i] : self._first[i] + n] = values[:n]
            told.append(dict(zip(made.model.outputs, values[n:], strict=True)))
            if slopes:
                self._fill(jacobian, i, made, made.steady_slopes(0.0, *arrays))
        for row, ((i, name), (j, output)) in enumerate(self._feeds.items(), self._links):
            column = self._column[i][len(self._made[i].unknowns) + self._made[i].inputs.index(name)]
            missed[row] = y[column] - told[j][output]
            if slopes:
                jacobian[:, row, column] += 1.0
        last = self._links + len(self._feeds)
        for row, (name, given) in enumerate(zip(CURRENT, self._current, strict=True), last):
            missed[row] = told[0][name] - given
        return missed, jacobian

    def _fill(self, jacobian: Floats, i: int, made: Functions, slopes: Floats) -> None:
        n = len(made.unknowns)
        rows: dict[int, list[tuple[int, float]]] = {n + k: [] for k in range(len(made.model.outputs))}
        rows |= {k: [(self._first[i] + k, 1.0)] for k in range(n)}
        for row, ((_, _), (j, output)) in enumerate(self._feeds.items(), self._links):
            if j == i:
                rows[n + made.model.outputs.index(output)].append((row, -1.0))
        if i == 0:
            for row, name in enumerate(CURRENT, self._links + len(self._feeds)):
                rows[n + made.model.outputs.index(name)].append((row, 1.0))
        for (k, c), values in zip(made.standing.tolist(), slopes, strict=True):
            column = self._column[i][c]
            if column >= 0:
                for row, sign in rows[k]:
                    jacobian[:, row, column] += sign * values

    def _newton(self, y: Floats) -> tuple[Floats, Bools]:
        """Steps of least squares, halved while they lead away; which plants came to rest."""
        with np.errstate(all="ignore"):
            size = self._size(y)
            for _ in range(_ROUNDS):
                moving = np.isfinite(size) & (size > TOLERANCE / 10)
                if not moving.any():
                    break
                missed, jacobian = self._missed(y, slopes=True)
                bad = ~np.isfinite(jacobian).all(axis=(1, 2)) | ~np.isfinite(missed).all(axis=0)
                jacobian[bad], missed[:, bad] = 0.0, 0.0
                step = -np.einsum("kve,ek->vk", np.linalg.pinv(jacobian, rcond=_WEAK), missed)
                step[:, ~moving] = 0.0
                y, before = self._shortened(y, step, size), size
                size = self._size(y)
                if (size >= before)[moving].all():
                    break
        return y, np.isfinite(size) & (size < TOLERANCE)

    def _shortened(self, y: Floats, step: Floats, size: Floats) -> Floats:
        share = np.ones(y.shape[1])
        for _ in range(_HALVINGS):
            new = self._size(y + share * step)
            worse = ~(new < size)
            if not worse.any():
                break
            share[worse] /= 2
        return np.asarray(y + np.where(self._size(y + share * step) < size, share, 0.0) * step)

    def _size(self, y: Floats) -> Floats:
        return np.asarray(np.linalg.norm(self._missed(y, slopes=False)[0], axis=0))

    def _refuse(self, y: Floats, ok: Bools) -> None:
        missed, jacobian = self._missed(y, slopes=True)
        for k, plant in enumerate(self._plants):
            name = self._case.devices[plant[0]].name
            if not ok[k]:
                worst = self._equations[int(np.nan_to_num(np.abs(missed[:, k]), nan=np.inf).argmax())]
                raise EquationError(
                    f"plant {name} cannot be at rest: {worst} does not hold",
                    "look at its equations, its parameters, limits that are reached, and what it injects",
                )
            finite = np.isfinite(jacobian[k]).all()
            _, strength, directions = np.linalg.svd(jacobian[k] if finite else np.zeros_like(jacobian[k]))
            free = len(self._names) - int((strength > _WEAK * max(strength.max(), 1e-300)).sum())
            if free and finite:
                weak = self._names[int(np.abs(directions[-free:]).max(axis=0).argmax())]
                raise EquationError(
                    f"plant {name} has no definite state of rest: nothing determines {weak}",
                    "declare it as a parameter, feed it, or see whether a limit in the equations is reached",
                )
        self._within_limits(y)

    def _within_limits(self, y: Floats) -> None:
        self._put(y)
        for i, (made, x, u, p) in enumerate(zip(self._made, self._x, self._u, self._p, strict=True)):
            none = np.zeros((max(made.states, 1), x.shape[1]))
            low, high = np.split(made.limits(0.0, x, u, p, none, none), 2)
            states = x[: made.states]
            for sign, side, limits in ((1, "above", high), (-1, "below", low)):
                beyond = sign * (states - limits) > LIMIT_TOLERANCE
                for row, k in np.argwhere(beyond):
                    what = f"{made.unknowns[row]} of {self._case.devices[self._plants[k][i]].name}"
                    raise EquationError(
                        f"{what} must start at {states[row, k]:.4g}, {side} its limit of {limits[row, k]:.4g}",
                        "set the limit wider, or let the plant inject something else",
                    )
