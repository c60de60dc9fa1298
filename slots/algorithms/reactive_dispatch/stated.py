"""An hour of a request as numbers for the nonlinear program: what is given, and bounds of what is unknown."""

from dataclasses import dataclass

import numpy as np

from slots.algorithms.reactive_dispatch.nonlinear import LEAST_P_U
from slots.contracts.reactive_dispatch import ReactiveRequest
from slots.grid.dc import shifted_injection, susceptance
from slots.grid.model import Bools, Floats
from slots.grid.network import Network
from slots.grid.newton import dc_angles
from slots.grid.operating_point import OperatingPoint

RELAXED_P_U = 0.10  # how far voltages may leave their limits when they cannot all be met
PENALTY = 1e3
TOLERANCE = 1e-4  # of the optimality conditions, in MW of losses: losses to 1e-4 MW
BALANCE = 1e-7  # p.u. of power at every bus
MOST_Q = 1e4  # p.u. of reactive power that stands for no limit
WARM_PUSH = 1e-2  # by which values and multipliers are kept from their bounds where an hour goes on from another
LOSSES = (100.0, 1e-3)  # weights of losses (p.u.) and of squared deviations of voltages
VOLTAGES = (1.0, 10.0)


@dataclass(frozen=True)
class Settings:
    """Banks and taps beyond the grid's own: `shunt` (bus,) p.u., `tap` (changer,) ratios."""

    shunt: Floats
    tap: Floats

    @classmethod
    def own(cls, net: Network) -> "Settings":
        """Those of the grid."""
        return cls(np.zeros(net.grid.n_bus), np.zeros(len(net.grid.changers)))

    @classmethod
    def bounds(cls, net: Network) -> "tuple[Settings, Settings, Settings]":
        """The least, the most and the steps."""
        down, up, step = (cls(*both) for both in zip(net.shunt_range(), net.tap_range(), strict=True))
        return down, up, step

    @classmethod
    def found(cls, net: Network, x: Floats) -> "Settings":
        """Those of a solution."""
        n, k = net.grid.n_bus, net.grid.changers
        return cls(x[3 * n + 1 : 4 * n + 1], net.grid.branches.tap[k] * np.expm1(x[4 * n + 1 :]))

    def whole(self, down: "Settings", up: "Settings", step: "Settings") -> "Settings":
        """The nearest whole steps within the range."""

        def nearest(wanted: Floats, low: Floats, high: Floats, by: Floats) -> Floats:
            return np.asarray(np.clip(np.round(wanted / np.where(by > 0, by, 1.0)) * by, low, high))

        shunt = nearest(self.shunt, down.shunt, up.shunt, step.shunt)
        return Settings(shunt, nearest(self.tap, down.tap, up.tap, step.tap))

    def unknowns(self, net: Network) -> Floats:
        """As the program has them."""
        return np.concatenate([self.shunt, np.log1p(self.tap / net.grid.branches.tap[net.grid.changers])])


def first_point(r: ReactiveRequest, h: int, settings: Settings) -> OperatingPoint:
    """An hour of a request before it is solved."""
    n, q = r.network.grid.n_bus, np.clip(0.0, *r.network.reactive_range(r.on[h]))
    return OperatingPoint(
        r.p[h], r.on[h], r.low[h], r.high[h], r.fixed[h], q, np.ones(n, complex),
        r.network.voltage_controlled(r.on[h]), np.zeros(n), settings.shunt, settings.tap,
    )  # fmt: skip


@dataclass(frozen=True)
class Stated:
    """An hour's numbers for the program of `nonlinear`: what is given, and bounds of what is unknown."""

    given: Floats
    low: Floats
    high: Floats

    @property
    def free(self) -> Bools:
        """(unknown,) which of them can move."""
        return self.high > self.low

    def freedom(self) -> int:
        """By how many the unknowns that can move outnumber the balances: 0 leaves one power flow, less of it none."""
        buses = (len(self.given) - 3) // 3
        return int(self.free.sum()) - 2 * buses

    def flat_start(self, net: Network) -> Floats:
        """Voltages of 1 p.u. at DC angles."""
        n, grid = net.grid.n_bus, net.grid
        bbus, _, _ = susceptance(grid)
        injected, share = self.given[:n], self.given[2 * n : 3 * n]
        angles = dc_angles(bbus, injected - injected.sum() * share + shifted_injection(grid), grid.slack)
        still = np.zeros(len(self.low) - n)
        return np.asarray(np.clip(np.concatenate([angles, still]), self.low, self.high))


def state(
    r: ReactiveRequest,
    h: int,
    least: Settings,
    most: Settings,
    aim: tuple[float, float] = LOSSES,
    soft: bool = False,
    short: bool = False,
) -> Stated:
    """An hour of a request with banks and taps between two settings.

    With `soft`, voltages may leave their limits at a price; with `short`, units their windows.
    """
    net, grid, n = r.network, r.network.grid, r.network.grid.n_bus
    point, base = first_point(r, h, least), grid.base_mva
    shares = point.shares()
    with np.errstate(divide="ignore", invalid="ignore"):
        down = np.where(shares > 0, (point.p - point.low) / shares, np.inf).min() / base
        up = np.where(shares > 0, (point.high - point.p) / shares, np.inf).min() / base
    if short:
        down = up = np.inf
    live = grid.live
    q_low, q_high = (np.where(live, np.clip(x / base, -MOST_Q, MOST_Q), 0.0) for x in net.reactive_range(r.on[h]))
    injected = r.fixed[h].real + net.unit_map @ point.p / base
    given = np.concatenate([injected, r.fixed[h].imag, net.unit_map @ shares, aim, [PENALTY if soft else 0.0]])
    angle, margin = np.full(n, np.pi), RELAXED_P_U if soft else 0.0
    angle[grid.slack] = 0.0
    v_low, v_high = grid.buses.vmin - margin, grid.buses.vmax + margin
    v_low, v_high = (np.where(live, np.log(np.maximum(v, LEAST_P_U)), s) for v, s in ((v_low, -1.0), (v_high, 1.0)))
    return Stated(
        given, np.concatenate([-angle, v_low, q_low, [-max(down, 0.0)], least.unknowns(net)]),
        np.concatenate([angle, v_high, q_high, [max(up, 0.0)], most.unknowns(net)]),
    )  # fmt: skip


@dataclass(frozen=True)
class Solution:
    """An hour's optimum, from which the next goes on.

    Attributes:
        x: unknowns, as in `nonlinear`.
        of_bounds: multipliers of their bounds, negative of the lower ones.
        of_balance: (2 bus,) multipliers of the balance.
    """

    x: Floats
    of_bounds: Floats
    of_balance: Floats
