"""Whether a model's units fit: every term of an equation is in the same power of seconds.

Devices are in per unit, so time is the one dimension that equations carry. Parameters have the unit that their file gives,
inputs and outputs none; what has no unit there is whatever makes the equations fit. The powers of all unknown ones are a
system of linear equations; where it contradicts itself, units do not fit.
"""

import re
from fractions import Fraction

import sympy as sp

from bos_core.objects.errors import EquationError
from slots.dynamics.equations.model import DeviceModel
from slots.dynamics.equations.parser import symbol

Power = dict[str, Fraction]  # of seconds: a constant under "", and how often the powers of unknown names enter
_TIME = re.compile(r"(?<![A-Za-z.])(?:s|min|h)(?![A-Za-z.])(?:\^?(-?\d+)|(²))?")
_PLAIN_NUMBERS = frozenset(Fraction(a, b) for a in range(5) for b in range(1, 5))  # others may hide a unit


def time_power(unit: str) -> Fraction:
    """The power of time in a unit: 1 for s, -1 for rad/s, 2 for s^2, 0 for p.u."""
    above, *below = unit.split("/")
    return _powers(above) - sum((_powers(part) for part in below), Fraction(0))


def _powers(part: str) -> Fraction:
    return sum((Fraction(2) if m[2] else Fraction(m[1] or 1) for m in _TIME.finditer(part)), Fraction(0))


def check_units(model: DeviceModel) -> None:
    """Raise EquationError for the first equation whose units do not fit."""
    system = _System(model)
    for name, expression in model.internal.items():
        where = f"equation of {name}"
        system.demand(where, [system.power(where, symbol(name)), system.power(where, expression)])
    for name, (mass, rate) in model.states.items():
        where = f"equation of {name}"
        moved = _sum(system.power(where, mass), system.power(where, symbol(name)), {"": Fraction(-1)})
        system.demand(where, [moved, system.power(where, rate)])
    for k, residual in enumerate(model.residuals):
        system.power(f"algebraic equation {k + 1}", residual)
    for kind, given in (("limit", model.limits), ("rate", model.rates)):
        for name, sides in given.items():
            where = f"{kind} of {name}"
            own = system.power(where, symbol(name))
            own = own if kind == "limit" else _sum(own, {"": Fraction(-1)})
            for side in sides:
                if side not in (sp.oo, -sp.oo, 0):
                    system.demand(where, [own, system.power(where, side)])


def _sum(*powers: Power) -> Power:
    out: Power = {}
    for p in powers:
        for k, x in p.items():
            out[k] = out.get(k, Fraction(0)) + x
    return {k: x for k, x in out.items() if x}


def _times(p: Power, by: Fraction) -> Power:
    return {k: x * by for k, x in p.items() if x * by}


class _System:
    """What is known of powers, solved as far as it goes."""

    def __init__(self, model: DeviceModel) -> None:
        self._known = {v.name: time_power(v.unit) for v in model.variables if v.unit}
        self._known |= {name: Fraction(0) for name in (*model.of("input"), *model.outputs)}
        self._timed = [v.name for v in model.variables if v.unit and time_power(v.unit)]
        self._solved: dict[str, Power] = {}
        self._free = 0

    def power(self, where: str, e: sp.Expr) -> Power:
        """The power of an expression; terms that are added must have the same."""
        if e.is_Symbol:
            name = str(e)
            return {"": self._known[name]} if name in self._known else {name: Fraction(1)}
        if e.is_Number or e.is_NumberSymbol:
            return {}
        if e.is_Mul:
            return _sum(*(self._factor(where, a) for a in e.args))
        if e.is_Pow and e.exp.is_Rational:
            return _times(self.power(where, e.base), Fraction(int(e.exp.p), int(e.exp.q)))
        if isinstance(e, sp.Add | sp.Max | sp.Min):
            return self.demand(where, [self.power(where, a) for a in e.args if a != 0])
        if isinstance(e, sp.Abs):
            return self.power(where, e.args[0])
        if isinstance(e, sp.Piecewise):
            for condition in (c for _, c in e.args):
                for relation in condition.atoms(sp.core.relational.Relational):
                    self.demand(where, [self.power(where, x) for x in (relation.lhs, relation.rhs) if x != 0])
            return self.demand(where, [self.power(where, x) for x, _ in e.args if x != 0])
        if isinstance(e, sp.atan2):
            self.demand(where, [self.power(where, a) for a in e.args])
            return {}
        for a in e.args:  # a function, or a power that is no number
            self.demand(where, [self.power(where, a), {}])
        return {}

    def _factor(self, where: str, e: sp.Expr) -> Power:
        if e.is_Number and not (e.is_Rational and Fraction(int(abs(e.p)), int(e.q)) in _PLAIN_NUMBERS):
            self._free += 1
            return {f"number {self._free}": Fraction(1)}
        return self.power(where, e)

    def demand(self, where: str, powers: list[Power]) -> Power:
        """Powers are equal; the first of them.

        Raises:
            EquationError: they cannot be.
        """
        for other in powers[1:]:
            self._zero(where, _sum(powers[0], _times(other, Fraction(-1))))
        return powers[0] if powers else {}

    def _zero(self, where: str, p: Power) -> None:
        p = self._reduced(p)
        unknown = next((k for k in p if k), None)
        if unknown is not None:
            rest = {k: -x / p[unknown] for k, x in p.items() if k != unknown}
            self._solved = {k: _sum({n: c for n, c in s.items() if n != unknown},
                                    _times(rest, s.get(unknown, Fraction(0)))) for k, s in self._solved.items()}  # fmt: skip
            self._solved[unknown] = rest
        elif p:
            timed = ", ".join(self._timed) or "numbers"
            raise EquationError(
                f"units do not fit in the {where}: its terms differ by a factor of s^{abs(p[''])}",
                f"look at what is multiplied by time there, and at the units of {timed}",
            )

    def _reduced(self, p: Power) -> Power:
        return _sum(*(_times(self._solved[k], x) if k in self._solved else {k: x} for k, x in p.items()))
