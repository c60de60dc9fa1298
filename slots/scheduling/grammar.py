"""The language of expressions: a whitelist over Python's syntax tree. Nothing is ever evaluated as code.

Names, numbers, + - * /, `**2`, `@` (a matrix times a vector), comparisons, and the calls of FUNCTIONS with plain
names or expressions as arguments. Everything else is refused with its place.
"""

import ast
import math

from bos_core.objects.errors import ExpressionError

LONGEST = 4000  # characters; also keeps the syntax tree shallow enough to walk
DEEPEST = 60
# name -> what its arguments are: "x" an expression, "dims" names of index sets
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "sum": ("x", "dims"),  # over index sets
    "prev": ("x", "x?"),  # the hour before; the second gives the hour before the first (else 0)
    "next": ("x",),  # the hour after; 0 after the last
    "recent": ("x", "x"),  # sum over the last n hours, this one included
    "least": ("x", "x"),  # the smaller of two parameters
    "most": ("x", "x"),  # the larger of two parameters
}
_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.Pow)
_COMPARE = (ast.Eq, ast.LtE, ast.GtE)


def refuse(where: str, text: str, node: ast.AST | None, why: str, mend: str) -> ExpressionError:
    """The error of an expression, with its place."""
    column = getattr(node, "col_offset", 0) + 1
    piece = ast.get_source_segment(text, node) if isinstance(node, ast.expr) else None
    at = f" at `{piece[:40]}` (column {column})" if piece else f" (column {column})" if node is not None else ""
    return ExpressionError(f"{where}: {why}{at} in `{text[:120]}`", mend)


def parse(text: str, where: str, comparison: bool = False) -> ast.expr:
    """The syntax tree of an expression, or of a comparison.

    Raises:
        ExpressionError: it is not of the language; names the place.
    """
    if len(text) > LONGEST:
        raise refuse(where, text, None, f"more than {LONGEST} characters", "split it into named expressions")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = getattr(error, "offset", None) or 1
        raise ExpressionError(
            f"{where}: cannot be read (column {column}) in `{text[:120]}`", "write names, numbers, + - * / @ and calls"
        ) from None
    text = text.strip()
    if isinstance(tree, ast.Compare) != comparison:
        want = "two sides joined by ==, <= or >=" if comparison else "an expression without a comparison"
        raise refuse(where, text, tree, "not what is needed here", f"write {want}")
    if isinstance(tree, ast.Compare):
        for op in tree.ops:
            if not isinstance(op, _COMPARE):
                raise refuse(where, text, tree, "only ==, <= and >= compare", "use one of them")
        if len(tree.ops) > 2 or (len(tree.ops) == 2 and not all(isinstance(o, ast.LtE) for o in tree.ops)):
            raise refuse(where, text, tree, "too many comparisons", "write low <= middle <= high")
        for side in (tree.left, *tree.comparators):
            _check(side, text, where, 0)
    else:
        _check(tree, text, where, 0)
    return tree


def _check(node: ast.expr, text: str, where: str, depth: int) -> None:
    if depth > DEEPEST:
        raise refuse(where, text, node, "nested too deeply", "split it into named expressions")
    match node:
        case ast.Name():
            return
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as number) if math.isfinite(number):
            return
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _check(inner, text, where, depth + 1)
        case ast.BinOp(left=a, op=ast.Pow(), right=b):
            if not (isinstance(b, ast.Constant) and b.value == 2):
                raise refuse(where, text, node, "only the square `**2` is known", "write products")
            return _check(a, text, where, depth + 1)
        case ast.BinOp(left=a, op=op, right=b) if isinstance(op, _BINARY):
            _check(a, text, where, depth + 1)
            return _check(b, text, where, depth + 1)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            kinds = FUNCTIONS[name]
            least = sum(not k.endswith("?") for k in kinds)
            most = len(args) if "dims" in kinds else len(kinds)
            if not least <= len(args) <= most:
                raise refuse(where, text, node, f"`{name}` takes {least} arguments", "see the language's reference")
            for k, arg in enumerate(args):
                if kinds[min(k, len(kinds) - 1)] == "dims" and not isinstance(arg, ast.Name):
                    raise refuse(where, text, arg, "not the name of an index set", "name one, such as `unit`")
                _check(arg, text, where, depth + 1)
            return None
        case ast.Call():
            known = ", ".join(FUNCTIONS)
            raise refuse(where, text, node, "this call is not allowed", f"known are {known}")
        case ast.Attribute():
            raise refuse(where, text, node, "attributes are not allowed", "name a declared symbol")
    raise refuse(where, text, node, "this is not allowed", "write names, numbers, + - * / @ and calls")


def names(node: ast.AST) -> set[str]:
    """The symbols that an expression names, index sets and functions aside."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        kinds = FUNCTIONS[node.func.id]
        used = [a for k, a in enumerate(node.args) if kinds[min(k, len(kinds) - 1)] != "dims"]
        return set().union(*(names(a) for a in used)) if used else set()
    return set().union(*(names(child) for child in ast.iter_child_nodes(node)), set())
