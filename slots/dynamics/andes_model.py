"""Device models as ANDES's: each structure of plant (a machine and its controllers) becomes one class of ANDES.

What a device feeds another is written out, parameters, set points and the state of rest are the devices' own numbers,
so ANDES starts where we start. Only plants at units of the power flow are converted.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy as sp

from bos_core.objects.errors import ServiceError
from slots.dynamics.devices import VOLTAGE, DynamicCase, feeding
from slots.dynamics.equations.code import limited_rate
from slots.dynamics.equations.model import CURRENT, DeviceModel
from slots.dynamics.equations.parser import symbol
from slots.dynamics.initial import Rest

_FAR = 1e6  # p.u., where there is no limit
_EDGE = 1e-24  # p.u.², rounds the edge
_DEEPEST = 50  # definitions within definitions
_BASES = """from andes.core import Algeb, AntiWindup, ConstService, ExtAlgeb, ExtParam, IdxParam, Model, ModelData, NumParam, State
"""
_HEAD = """
class {name}Data(ModelData):
    def __init__(self):
        super().__init__()
        self.bus = IdxParam(model='ACNode', mandatory=True, status_parent=True)
        self.gen = IdxParam(model='StaticGen', mandatory=True, replaces=True)
        self.Sn = NumParam(default=100.0)
        self.Vn = NumParam(default=110.0)
        self.fn = NumParam(default=60.0)
        self.M = NumParam(default=1.0)
        self.D = NumParam(default=0.0)
{numbers}

class {name}({name}Data, Model):
    def __init__(self, system, config):
        {name}Data.__init__(self)
        Model.__init__(self, system, config)
        self.group = 'SynGen'
        self.flags.tds = True
        self.subidx = ExtParam(model='StaticGen', src='subidx', indexer=self.gen, export=False, vtype=str)
{body}
"""


@dataclass(frozen=True)
class AndesPlants:
    """Classes of ANDES and the devices of each.

    Attributes:
        source: of a module that defines them.
        rows: class → rows of its table, without bus and gen, which are positions in the case.
    """

    source: str
    rows: dict[str, list[dict[str, Any]]]


def andes_plants(case: DynamicCase, rest: list[Rest]) -> AndesPlants:
    """The plants of a case.

    Raises:
        ServiceError: a plant stands at no unit of the power flow.
    """
    alike = defaultdict(list)
    for plant in case.plants():
        alike[tuple(case.devices[k].model for k in plant)].append(plant)
    parts, rows = [_BASES], {}
    for number, (models, plants) in enumerate(alike.items()):
        structure = _Structure(case, plants[0], [case.models[m].model for m in models])
        name = f"BosPlant{number}"
        parts.append(structure.source(name))
        rows[name] = [structure.row(case, plant, rest) for plant in plants]
    return AndesPlants("\n".join(parts), rows)


class _Structure:
    """One structure of plant, its variables under names that ANDES takes."""

    def __init__(self, case: DynamicCase, plant: tuple[int, ...], models: list[DeviceModel]) -> None:
        self._models, self._made = models, [case.models[m.name] for m in models]
        self._feeds = feeding(case, plant)
        if "delta" not in models[0].states or "omega" not in models[0].states:
            raise ServiceError(f"{models[0].name} is no machine, and ANDES gets machines only", "leave the device out")
        v, a = sp.symbols("v a", real=True)
        self._network = {VOLTAGE[0]: v * sp.cos(a), VOLTAGE[1]: v * sp.sin(a)}
        self._scale = sp.Symbol("scale", real=True)

    def source(self, name: str) -> str:
        """The class."""
        numbers, masses, states, algebraic, limits = [], [], [], [], []
        for i, (made, model) in enumerate(zip(self._made, self._models, strict=True)):
            numbers += [self._own(i, n) for n in (*made.constants, *self._free(i))]
            numbers += [f"{self._own(i, n)}_0" for n in made.unknowns]
            for n, (mass, _) in model.states.items():
                own = self._own(i, n)
                masses.append(f"self.{own}_mass = ConstService(v_str='{self._written(i, mass)}')")
                states.append(
                    f"self.{own} = State(v_str='{own}_0', e_str='{self._written(i, limited_rate(model, n))}', t_const=self.{own}_mass)"
                )
                limits += self._limits(i, n)
            names = model.of("algebraic")
            for n, residual in zip(names, model.residuals, strict=True):
                own = self._own(i, n)
                algebraic.append(f"self.{own} = Algeb(v_str='{own}_0', e_str='{self._written(i, residual)}')")
        numbers.append("scale")
        body = [*masses, *states, *limits, *algebraic, *self._injection()]
        return _HEAD.format(
            name=name,
            numbers="\n".join(f"        self.{n} = NumParam(default=0.0)" for n in numbers),
            body="\n".join(f"        {line}" for line in body),
        )

    def row(self, case: DynamicCase, plant: tuple[int, ...], rest: list[Rest]) -> dict[str, Any]:
        """The numbers of a plant."""
        out: dict[str, Any] = {
            "idx": case.devices[plant[0]].name,
            "scale": case.devices[plant[0]].rating / case.base_mva,
        }
        for i, (k, made) in enumerate(zip(plant, self._made, strict=True)):
            out |= {self._own(i, n): float(v) for n, v in zip(made.constants, rest[k].p, strict=True)}
            out |= {f"{self._own(i, n)}_0": float(v) for n, v in zip(made.unknowns, rest[k].x, strict=True)}
            out |= {self._own(i, n): float(rest[k].u[made.inputs.index(n)]) for n in self._free(i)}
        return out

    def _own(self, i: int, name: str) -> str:
        """The name of a variable; ANDES asks machines for delta and omega."""
        if i == 0 and name in ("delta", "omega"):
            return name
        return f"d{i}_" + re.sub(r"\W", lambda m: "p" if m[0] == "'" else "_", name)

    def _free(self, i: int) -> list[str]:
        """Inputs that nothing feeds."""
        return [n for n in self._made[i].inputs if n not in VOLTAGE and (i, n) not in self._feeds]

    def _written(self, i: int, expression: sp.Expr, depth: int = 0) -> sp.Expr:
        """An expression in ANDES's variables."""
        if depth > _DEEPEST:
            raise ServiceError("outputs feed each other without a state between them", "ANDES gets no such plants")
        model, meaning = self._models[i], {}
        for s in expression.free_symbols:
            if s.name in model.internal:
                meaning[s] = self._written(i, model.internal[s.name], depth + 1)
            elif s.name in self._network and s.name in self._made[i].inputs:
                meaning[s] = self._network[s.name]
            elif (i, s.name) in self._feeds:
                j, output = self._feeds[i, s.name]
                meaning[s] = self._written(j, symbol(output), depth + 1)
            else:
                meaning[s] = sp.Symbol(self._own(i, s.name), real=True)
        # what ANDES makes of Max and Min does not run
        return expression.xreplace(meaning).replace(sp.Max, partial(_larger, 1)).replace(sp.Min, partial(_larger, -1))

    def _limits(self, i: int, name: str) -> list[str]:
        if name not in self._models[i].limits:
            return []
        own, sides = self._own(i, name), self._models[i].limits[name]
        told = [-_FAR if e == -sp.oo else _FAR if e == sp.oo else self._written(i, e) for e in sides]
        return [
            f"self.{own}_low = ConstService(v_str='{told[0]}')",
            f"self.{own}_high = ConstService(v_str='{told[1]}')",
            f"self.{own}_lim = AntiWindup(u=self.{own}, lower=self.{own}_low, upper=self.{own}_high)",
        ]

    def _injection(self) -> list[str]:
        re_, im = (self._scale * self._written(0, symbol(n)) for n in CURRENT)
        v_re, v_im = self._network.values()
        return [
            f"self.a = ExtAlgeb(model='Bus', src='a', indexer=self.bus, e_str='-({v_re * re_ + v_im * im})', ename='P')",
            f"self.v = ExtAlgeb(model='Bus', src='v', indexer=self.bus, e_str='-({v_im * re_ - v_re * im})', ename='Q')",
        ]


def _larger(sign: int, first: sp.Expr, *others: sp.Expr) -> sp.Expr:
    """The largest (1) or smallest (-1); by a root that has a slope at its edge, too."""
    for other in others:
        first = (first + other + sign * sp.sqrt((first - other) ** 2 + _EDGE)) / 2
    return first
