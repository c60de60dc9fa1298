"""Checks before any data: names, index sets, units and degree of every expression of a formulation."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from slots.scheduling.grammar import refuse
from slots.scheduling.units import NONE, Unit, show, times


@dataclass(frozen=True)
class Kind:
    """What is known of an expression without data.

    Attributes:
        dims: its index sets, in the formulation's order.
        unit: None for literal zero and infinity, which fit any unit.
        degree: 0 parameters only, 1 linear in the variables, 2 quadratic.
    """

    dims: tuple[str, ...]
    unit: Unit | None
    degree: int


class Analyst:
    """Derives kinds of expressions.

    Args:
        order: all index sets, in order.
        kinds: kinds of the symbols that may be named.
    """

    def __init__(self, order: tuple[str, ...], kinds: Mapping[str, Kind]) -> None:
        self.order, self.kinds = order, dict(kinds)

    def kind(self, node: ast.expr, text: str, where: str) -> Kind:
        """The kind of an expression.

        Raises:
            ExpressionError: an unknown name, index sets or units that do not fit, a product of variables.
        """

        def go(n: ast.expr) -> Kind:
            return self.kind(n, text, where)

        match node:
            case ast.Name(id="inf"):
                return Kind((), None, 0)
            case ast.Name(id=name):
                if name not in self.kinds:
                    raise refuse(where, text, node, "unknown name", f"declare it; known: {self._near(name)}")
                return self.kinds[name]
            case ast.Constant(value=value):
                return Kind((), None if value == 0 else NONE, 0)
            case ast.UnaryOp(operand=inner):
                return go(inner)
            case ast.Compare(left=left, comparators=rest):
                out = go(left)
                for side in rest:
                    out = self._alike(out, go(side), node, text, where)
                return out
            case ast.BinOp(left=a, op=ast.Add() | ast.Sub(), right=b):
                return self._alike(go(a), go(b), node, text, where)
            case ast.BinOp(left=a, op=ast.Pow()):
                k = go(a)
                if k.degree > 1:
                    raise refuse(where, text, node, "the square of a square", "costs are at most quadratic")
                return Kind(k.dims, times(k.unit or NONE, k.unit or NONE), 2 * k.degree)
            case ast.BinOp(left=a, op=ast.MatMult(), right=b):
                return self._matrix(go(a), go(b), node, text, where)
            case ast.BinOp(left=a, op=op, right=b):
                return self._product(go(a), go(b), isinstance(op, ast.Div), node, text, where)
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args, node, text, where)
        raise refuse(where, text, node, "this is not allowed", "see the language's reference")

    def _union(self, a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(d for d in self.order if d in a or d in b)

    def _alike(self, a: Kind, b: Kind, node: ast.expr, text: str, where: str) -> Kind:
        if a.unit is not None and b.unit is not None and a.unit != b.unit:
            raise refuse(
                where, text, node, f"{show(a.unit)} beside {show(b.unit)}", "multiply by what brings one to the other"
            )
        unit = a.unit if a.unit is not None else b.unit
        return Kind(self._union(a.dims, b.dims), unit, max(a.degree, b.degree))

    def _product(self, a: Kind, b: Kind, divided: bool, node: ast.expr, text: str, where: str) -> Kind:
        if divided and b.degree:
            raise refuse(where, text, node, "division by a variable", "divide by parameters only")
        if a.degree and b.degree:
            raise refuse(where, text, node, "a product of variables", "one factor must be a parameter")
        unit = times(a.unit or NONE, b.unit or NONE, -1 if divided else 1)
        return Kind(self._union(a.dims, b.dims), unit, a.degree + b.degree)

    def _matrix(self, a: Kind, b: Kind, node: ast.expr, text: str, where: str) -> Kind:
        if a.degree or len(a.dims) < 2:
            raise refuse(where, text, node, "left of @ stands no matrix of parameters", "put the matrix first")
        shared = [d for d in a.dims if d in b.dims and d != "hour"]
        if len(shared) != 1:
            raise refuse(
                where, text, node, f"wrong shapes: ({', '.join(a.dims)}) @ ({', '.join(b.dims)})",
                "a matrix and a vector share exactly one index set",
            )  # fmt: skip
        if b.degree > 1:
            raise refuse(where, text, node, "a matrix times squares", "sum squares with `sum`")
        dims = tuple(d for d in self._union(a.dims, b.dims) if d != shared[0])
        return Kind(dims, times(a.unit or NONE, b.unit or NONE), b.degree)

    def _call(self, name: str, args: list[ast.expr], node: ast.expr, text: str, where: str) -> Kind:
        first = self.kind(args[0], text, where)
        if name == "sum":
            gone = [a.id for a in args[1:] if isinstance(a, ast.Name)]
            for d in gone:
                if d not in first.dims:
                    raise refuse(
                        where, text, node, f"wrong shape: no index set `{d}` in ({', '.join(first.dims)})",
                        "sum over one that the expression has",
                    )  # fmt: skip
            return Kind(tuple(d for d in first.dims if d not in gone), first.unit, first.degree)
        if name in ("least", "most"):
            second = self.kind(args[1], text, where)
            if first.degree or second.degree:
                raise refuse(where, text, node, f"`{name}` of a variable", "it takes parameters; write a constraint")
            return self._alike(first, second, node, text, where)
        if "hour" not in first.dims:
            raise refuse(where, text, node, f"wrong shape: `{name}` needs the index set `hour`", "give it hours")
        if first.degree > 1:
            raise refuse(where, text, node, f"`{name}` of a square", "apply it before the square")
        if len(args) == 1:
            return first
        second = self.kind(args[1], text, where)
        if second.degree or not set(second.dims) <= set(first.dims) - {"hour"}:
            raise refuse(
                where, text, args[1], f"wrong shape: the second argument of `{name}`", "a parameter without hours"
            )
        if name == "recent":
            self._alike(second, Kind((), (("h", 1),), 0), node, text, where)
            return first
        return self._alike(first, second, node, text, where)

    def _near(self, name: str) -> str:
        from difflib import get_close_matches

        return ", ".join(get_close_matches(name, self.kinds, 3) or sorted(self.kinds)[:12])
