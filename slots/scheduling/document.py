"""A documentation page of a formulation, made from its declarations: formulas, symbols, units and sources."""

import ast
from inspect import getdoc

from slots.scheduling.formulation import Formulation, Structure
from slots.scheduling.symbols import Cone, Constraint, Cost, Expr, Param, Service, Symbol, Term, Total, Var

INDEX = {"hour": "t", "unit": "g", "bus": "i", "branch": "l", "segment": "k", "store": "s", "weather": "w",
         "outage": "o", "zone": "z", "piece": "k", "dg": "d", "converter": "r", "area": "a"}  # fmt: skip
_WEAK, _SUM, _PRODUCT, _ATOM = range(4)


def page(formulation: type[Formulation]) -> str:
    """The page, in Markdown with LaTeX formulas.

    Raises:
        ExpressionError: a declaration of the formulation is wrong.
    """
    s = formulation.structure()
    lines = [f"# {s.title}", "", (getdoc(formulation) or "").strip(), "", "## Objective", "", "$$\\min \\; " + " + ".join(
        _total(s, c) for c in s.of(Cost)
    ) + "$$", "", *(f"- `{c.name}`: {c.about}" for c in s.of(Cost) if c.about), "", "## Constraints", ""]  # fmt: skip
    for c in s.of(Constraint):
        lines += [f"**`{c.name}`** {c.about}{_when(c)}", "", f"$${_constraint(s, c)}$$", ""]
    for cone in s.of(Cone):
        parts = " + ".join(f"\\left({_text(s, cone.name, str(k + 1))}\\right)^2" for k in range(len(cone.parts)))
        dims = _index(s.dims[cone.name])
        lines += [f"**`{cone.name}`** {cone.about}", ""]
        lines += [f"$$\\sqrt{{{parts}}} \\le {_text(s, cone.name, '0')} \\qquad \\forall {dims}$$", ""]
    lines += ["## Decisions", "", "| symbol | name | over | unit | bounds | meaning |", "|---|---|---|---|---|---|"]
    for v in s.of(Var):
        low, high = (_text(s, v.name, side) for side in ("lower", "upper"))
        kind = ", integer" if v.integer else ""
        lines.append(
            f"| ${_symbol(s, v.name)}$ | `{v.name}` | {v.over} | {v.unit} | ${low}$ to ${high}${kind} | {v.about} |"
        )
    named = [*s.of(Expr), *s.of(Total)]
    if named:
        lines += ["", "## Named expressions", ""]
        lines += [f"$${_symbol(s, e.name)} = {_named(s, e)}$$\n\n`{e.name}`: {e.about}\n" for e in named]
    lines += [
        "",
        "## Parameters",
        "",
        "| symbol | name | over | unit | default | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for p in s.of(Param):
        default = "computed" if isinstance(p, Service) else "" if p.default is None else f"{p.default:g}"
        lines.append(f"| ${_symbol(s, p.name)}$ | `{p.name}` | {p.over} | {p.unit} | {default} | {p.about} |")
    return "\n".join(lines) + "\n"


def _when(c: Constraint) -> str:
    out = f", where `{c.where}`" if c.where else ""
    out += "; joins once violated" if c.lazy else ""
    return out + (f"; may be broken at `{c.penalty}`" if c.penalty else "")


def _index(dims: tuple[str, ...]) -> str:
    return ",".join(INDEX.get(d, d) for d in dims)


def _symbol(s: Structure, name: str) -> str:
    symbol: Symbol = s.symbols[name]
    tex = symbol.tex or r"\mathrm{" + name.replace("_", r"\_") + "}"
    dims = s.kinds[name].dims
    if not dims:
        return tex
    return f"{tex}_{{{_index(dims)}}}" if "_" not in tex.split("^")[0] else f"({tex})_{{{_index(dims)}}}"


def _text(s: Structure, name: str, field: str) -> str:
    return _tex(s, s.trees[name, field])[0]


def _total(s: Structure, c: Cost) -> str:
    tree = s.trees[c.name, "expression"]
    dims = tuple(d for d in s.order if d in _dims(s, tree))
    body, strength = _tex(s, tree)
    return (r"\sum_{" + _index(dims) + "} " if dims else "") + (
        body if strength > _SUM or not dims else f"\\left({body}\\right)"
    )


def _dims(s: Structure, tree: ast.AST) -> set[str]:
    """Index sets that are left in an expression."""
    match tree:
        case ast.Name(id=name):
            return set(s.kinds[name].dims) if name in s.kinds else set()
        case ast.Call(func=ast.Name(id="sum"), args=[first, *gone]):
            return _dims(s, first) - {g.id for g in gone if isinstance(g, ast.Name)}
        case ast.BinOp(left=a, op=ast.MatMult(), right=b):
            left, right = _dims(s, a), _dims(s, b)
            return (left | right) - ((left & right) - {"hour"})
    return set().union(*(_dims(s, child) for child in ast.iter_child_nodes(tree)), set())


def _constraint(s: Structure, c: Constraint) -> str:
    tree = s.trees[c.name, "expression"]
    assert isinstance(tree, ast.Compare)
    parts = [_tex(s, tree.left)[0]]
    for op, side in zip(tree.ops, tree.comparators, strict=True):
        sign = {"Eq": "=", "LtE": r"\le", "GtE": r"\ge"}[type(op).__name__]
        parts += [sign, _tex(s, side)[0]]
    dims = _index(s.dims[c.name])
    return " ".join(parts) + (rf" \qquad \forall {dims}" if dims else "")


def _named(s: Structure, symbol: Expr | Total) -> str:
    if isinstance(symbol, Expr):
        return _text(s, symbol.name, "expression")
    terms = [_text(s, t.name, "expression") for t in s.of(Term) if t.to == symbol.name]
    return " + ".join(terms) or "0"


def _tex(s: Structure, node: ast.AST) -> tuple[str, int]:
    """LaTeX of an expression and how strongly it binds."""

    def go(n: ast.AST, least: int) -> str:
        text, strength = _tex(s, n)
        return text if strength >= least else rf"\left({text}\right)"

    match node:
        case ast.Name(id="inf"):
            return r"\infty", _ATOM
        case ast.Name(id=name):
            return _symbol(s, name), _ATOM
        case ast.Constant(value=int() | float() as number):
            return f"{float(number):g}", _ATOM
        case ast.UnaryOp(operand=inner):
            return f"-{go(inner, _PRODUCT)}", _SUM
        case ast.BinOp(left=a, op=ast.Add(), right=b):
            return f"{go(a, _SUM)} + {go(b, _SUM)}", _SUM
        case ast.BinOp(left=a, op=ast.Sub(), right=b):
            return f"{go(a, _SUM)} - {go(b, _PRODUCT)}", _SUM
        case ast.BinOp(left=a, op=ast.Div(), right=b):
            return rf"\frac{{{go(a, _WEAK)}}}{{{go(b, _WEAK)}}}", _ATOM
        case ast.BinOp(left=a, op=ast.Pow()):
            return f"{{{go(a, _ATOM)}}}^2", _PRODUCT
        case ast.BinOp(left=a, op=ast.MatMult(), right=b):
            shared = (_dims(s, a) & _dims(s, b)) - {"hour"}
            return rf"\sum_{{{_index(tuple(shared))}}} {go(a, _PRODUCT)} \, {go(b, _ATOM)}", _PRODUCT
        case ast.BinOp(left=a, right=b):
            return rf"{go(a, _PRODUCT)} \, {go(b, _PRODUCT)}", _PRODUCT
        case ast.Call(func=ast.Name(id=name), args=args):
            return _call(s, name, args)
    raise AssertionError(ast.dump(node))


def _call(s: Structure, name: str, args: list[ast.expr]) -> tuple[str, int]:
    text, strength = _tex(s, args[0])
    held = text if strength > _SUM else rf"\left({text}\right)"
    if name == "sum":
        over = _index(tuple(a.id for a in args[1:] if isinstance(a, ast.Name)))
        return rf"\sum_{{{over}}} {held}", _PRODUCT
    if name in ("least", "most"):
        word = "min" if name == "least" else "max"
        return rf"\{word}\left({text}, {_tex(s, args[1])[0]}\right)", _ATOM
    if name == "recent":
        span = _tex(s, args[1])[0]
        return rf"\sum_{{\tau = t - {span} + 1}}^{{t}} {held}", _PRODUCT
    return rf"\left.{held}\right|_{{t {'-' if name == 'prev' else '+'} 1}}", _ATOM
