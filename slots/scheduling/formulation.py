"""Formulations: classes whose attributes declare a scheduling problem; checked once, before any data.

A formulation inherits symbols from its bases, so parts (a store, a reserve, a network) are small classes that
are combined by inheritance and add terms to common totals.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bos_core.objects.errors import ExpressionError
from slots.scheduling.analysis import Analyst, Kind
from slots.scheduling.grammar import names, parse, refuse
from slots.scheduling.problem import Problem
from slots.scheduling.symbols import Cone, Constraint, Cost, Expr, Param, Service, Symbol, Term, Total, Var
from slots.scheduling.units import parse_unit, show

HOURLY = ("prev", "next", "recent")


class Formulation:
    """A scheduling problem; subclass it and declare symbols. Its docstring heads its documentation page."""

    @classmethod
    def symbols(cls) -> dict[str, Symbol]:
        """The symbols by name, those of bases first."""
        found: dict[str, Symbol | None] = {}
        for owner in reversed(cls.__mro__):
            for name, value in vars(owner).items():
                if isinstance(value, Symbol) or (value is None and name in found):
                    found[name] = value
        return {name: s for name, s in found.items() if s is not None}

    @classmethod
    def structure(cls) -> Structure:
        """The checked structure.

        Raises:
            ExpressionError: a declaration is wrong; names the formulation, the symbol and the place.
        """
        return _structure(cls)  # type: ignore[arg-type]  # classes are hashable

    @classmethod
    def compile(cls, data: Mapping[str, Any], **sizes: int) -> Problem:
        """The numerical problem on data; `sizes` gives index sets that no array tells.

        Raises:
            ExpressionError: the formulation is wrong.
            ParameterError: a parameter is missing, has a wrong shape or holds NaN.
        """
        return Problem(cls.structure(), data, sizes)


@dataclass(frozen=True)
class Structure:
    """A formulation's symbols, index sets, syntax trees and kinds.

    Attributes:
        trees: by (symbol, field); a field is "expression", "lower", "upper", "where", "penalty".
        kinds: of everything that an expression may name.
        dims: index sets of each constraint.
    """

    title: str
    symbols: dict[str, Symbol]
    order: tuple[str, ...]
    trees: dict[tuple[str, str], ast.expr]
    kinds: dict[str, Kind]
    dims: dict[str, tuple[str, ...]]

    def of(self, kind: type[Any]) -> Iterator[Any]:
        """The symbols of a class."""
        return (s for s in self.symbols.values() if isinstance(s, kind))

    def needs(self, node: ast.AST) -> set[str]:
        """Names of parameters that an expression depends on, through named expressions and services."""
        out: set[str] = set()
        for name in names(node) - {"inf"}:
            symbol = self.symbols[name]
            out |= {name}
            for tree in self.inner(symbol):
                out |= self.needs(tree)
            if isinstance(symbol, Service):
                out |= self.sources(symbol)
        return out

    def sources(self, service: Service) -> set[str]:
        """Parameters that a service is computed from."""
        out = set(service.of.split())
        for name in service.of.split():
            symbol = self.symbols[name]
            out |= self.sources(symbol) if isinstance(symbol, Service) else set()
        return out

    def inner(self, symbol: Symbol) -> list[ast.expr]:
        """The trees that a named expression or total stands for."""
        if isinstance(symbol, Expr):
            return [self.trees[symbol.name, "expression"]]
        if isinstance(symbol, Total):
            return [self.trees[t.name, "expression"] for t in self.of(Term) if t.to == symbol.name]
        return []

    def coefficients(self, node: ast.AST) -> set[str]:
        """Names of parameters that multiply variables somewhere in an expression."""
        out: set[str] = set()
        if isinstance(node, ast.Name):
            for tree in self.inner(self.symbols[node.id]) if node.id in self.symbols else []:
                out |= self.coefficients(tree)
            return out
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if self.varies(other) and not self.varies(one):
                    out |= self.needs(one)
        if isinstance(node, ast.Call) and len(node.args) > 1 and self.varies(node.args[0]):
            out |= self.needs(node.args[1]) if getattr(node.func, "id", "") == "recent" else set()
        return out.union(*(self.coefficients(child) for child in ast.iter_child_nodes(node)))

    def varies(self, node: ast.AST) -> bool:
        """Whether an expression holds a variable."""
        return any(self.kinds[n].degree > 0 for n in names(node) - {"inf"})


@lru_cache(maxsize=256)
def _structure(cls: type[Formulation]) -> Structure:
    return _Builder(cls).build()


def _sides(symbol: Symbol) -> tuple[str, ...]:
    """The expressions of a cone: what is within comes first."""
    return (symbol.within, *symbol.parts) if isinstance(symbol, Cone) else ()


class _Builder:
    def __init__(self, cls: type[Formulation]) -> None:
        self.title = cls.__name__
        self.symbols = cls.symbols()
        self.trees: dict[tuple[str, str], ast.expr] = {}
        self.kinds: dict[str, Kind] = {}
        self.dims: dict[str, tuple[str, ...]] = {}
        over: dict[str, None] = {"hour": None} if any("hour" in self._over(s) for s in self.symbols.values()) else {}
        for symbol in self.symbols.values():
            over.update(dict.fromkeys(self._over(symbol)))
        self.order = tuple(over)

    def build(self) -> Structure:
        for symbol in self.symbols.values():
            if symbol.name in self.order or symbol.name == "inf":
                raise ExpressionError(f"{self._at(symbol)} has the name of an index set", "rename it")
            if isinstance(symbol, Param | Var | Total):
                degree = 0 if isinstance(symbol, Param) else 1
                self.kinds[symbol.name] = Kind(self._sorted(symbol), self._unit(symbol), degree)
        analyst = Analyst(self.order, self.kinds)
        self._parse()
        self._named(analyst)
        for symbol in self.symbols.values():
            self._check(symbol, analyst)
        return Structure(self.title, self.symbols, self.order, self.trees, analyst.kinds, self.dims)

    @staticmethod
    def _over(symbol: Symbol) -> tuple[str, ...]:
        return tuple(getattr(symbol, "over", "").split())

    def _at(self, symbol: Symbol) -> str:
        return f"{type(symbol).__name__.lower()} '{symbol.name}' of {self.title}"

    def _sorted(self, symbol: Symbol) -> tuple[str, ...]:
        own = self._over(symbol)
        if len(set(own)) < len(own):
            raise ExpressionError(f"{self._at(symbol)} names an index set twice", "name two sets, one a copy")
        # A matrix keeps the order it is written in; arrays follow the formulation's order.
        ordered = tuple(d for d in self.order if d in own)
        if own != ordered and not isinstance(symbol, Param):
            raise ExpressionError(f"{self._at(symbol)} is over {' '.join(own)}", f"write {' '.join(ordered)}")
        return own

    def _unit(self, symbol: Any) -> Any:
        try:
            return parse_unit(symbol.unit)
        except ValueError as error:
            raise ExpressionError(f"{self._at(symbol)}: {error}", "write for example MW, USD/MWh or p.u.") from None

    def _parse(self) -> None:
        for symbol in self.symbols.values():
            for field in ("expression", "lower", "upper", "where", "penalty"):
                text = getattr(symbol, field, None)
                if isinstance(text, str):
                    compared = isinstance(symbol, Constraint) and field == "expression"
                    self.trees[symbol.name, field] = parse(text, self._at(symbol), compared)
            for k, text in enumerate(_sides(symbol)):
                self.trees[symbol.name, str(k)] = parse(text, self._at(symbol))

    def _named(self, analyst: Analyst) -> None:
        """Kinds of named expressions, in an order in which each is known before it is used."""
        waiting = {s.name: s for s in self.symbols.values() if isinstance(s, Expr)}
        while waiting:
            ready = [s for s in waiting.values() if not names(self.trees[s.name, "expression"]) & set(waiting)]
            if not ready:
                raise ExpressionError(
                    f"expressions {', '.join(waiting)} of {self.title} stand for each other", "break the circle"
                )
            for symbol in ready:
                tree = self.trees[symbol.name, "expression"]
                analyst.kinds[symbol.name] = analyst.kind(tree, symbol.expression.strip(), self._at(symbol))
                del waiting[symbol.name]

    def _check(self, symbol: Symbol, analyst: Analyst) -> None:
        for field in ("expression", "lower", "upper", "where", "penalty"):
            tree = self.trees.get((symbol.name, field))
            if tree is None or isinstance(symbol, Expr):
                continue
            text, at = getattr(symbol, field).strip(), self._at(symbol)
            kind = analyst.kind(tree, text, at)
            if field == "expression":
                self._check_expression(symbol, kind, tree, text)
            elif kind.degree:
                raise refuse(at, text, tree, f"its {field} depends on a variable", "use parameters")
            elif isinstance(symbol, Var):
                self._fits(kind, self.kinds[symbol.name], text, tree, at)
        if isinstance(symbol, Cone):
            self._check_cone(symbol, analyst)
        if isinstance(symbol, Service):
            for name in symbol.of.split():
                if not isinstance(self.symbols.get(name), Param):
                    raise ExpressionError(f"{self._at(symbol)} needs '{name}', which is no parameter", "declare it")

    def _check_expression(self, symbol: Symbol, kind: Kind, tree: ast.expr, text: str) -> None:
        at = self._at(symbol)
        match symbol:
            case Term(to=to):
                if not isinstance(self.symbols.get(to), Total):
                    raise ExpressionError(f"{at} goes to '{to}', which is no total", "declare the total")
                self._fits(kind, self.kinds[to], text, tree, at)
            case Constraint():
                self._check_constraint(symbol, kind, tree, text)
            case Cost():
                if kind.unit is not None and kind.unit != parse_unit("USD"):
                    raise refuse(at, text, tree, f"in {show(kind.unit)}, not in USD", "multiply by prices and hours")

    def _check_constraint(self, symbol: Constraint, kind: Kind, tree: ast.expr, text: str) -> None:
        at = self._at(symbol)
        if kind.degree != 1:
            why = "no variable" if kind.degree == 0 else "a square"
            raise refuse(at, text, tree, f"a constraint with {why}", "constraints are linear in the variables")
        assert isinstance(tree, ast.Compare)
        if len(tree.ops) == 2:
            held = {n for side in (tree.left, tree.comparators[1]) for n in names(side) - {"inf"}}
            if any(self.kinds[n].degree for n in held if n in self.kinds):
                raise refuse(at, text, tree, "a variable in an outer side", "write two constraints")
        self.dims[symbol.name] = kind.dims
        where = self.trees.get((symbol.name, "where"))
        if where is not None:
            outside = {d for n in names(where) for d in self._over(self.symbols[n])} - set(kind.dims)
            if outside:
                raise refuse(at, str(symbol.where), where, "wrong shape: beyond the rows", "use their index sets")
        if symbol.lazy and any(isinstance(n, ast.Name) and n.id in HOURLY for n in ast.walk(tree)):
            raise refuse(at, text, tree, "a lazy constraint across hours", "lazy rows stand for one hour each")

    def _check_cone(self, symbol: Cone, analyst: Analyst) -> None:
        """All sides are linear, over the same index sets or fewer, in one unit."""
        whole = " + ".join(f"({side})" for side in _sides(symbol))
        kind = analyst.kind(parse(whole, self._at(symbol)), whole, self._at(symbol))
        if kind.degree != 1:
            why = "no variable" if kind.degree == 0 else "a square"
            raise refuse(self._at(symbol), whole, None, f"a cone with {why}", "its sides are linear in the variables")
        self.dims[symbol.name] = kind.dims

    def _fits(self, kind: Kind, into: Kind, text: str, tree: ast.expr, at: str) -> None:
        if not set(kind.dims) <= set(into.dims):
            wrong = f"wrong shape: ({', '.join(kind.dims)}) into ({', '.join(into.dims)})"
            raise refuse(at, text, tree, wrong, "sum over what is too much")
        if kind.unit is not None and kind.unit != into.unit:
            raise refuse(at, text, tree, f"{show(kind.unit)} into {show(into.unit or ())}", "mend the unit")
