"""What a program's source says of itself, read without running it: slot, name, parameters, and what is wrong with it.

This is help for its author, not a wall: what a program may do is decided where it runs (`confinement`).
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from bos_core.objects.errors import ProgramError
from slots.contracts.catalogue import SLOTS, Slot

MOST_BYTES = 256 * 1024
LIBRARIES = frozenset({
    "__future__", "bisect", "collections", "contextlib", "copy", "cvxpy", "dataclasses", "enum", "functools", "heapq",
    "highspy", "itertools", "math", "networkx", "numbers", "numpy", "operator", "pandas", "piqp", "clarabel", "ecos",
    "random", "scipy", "slots", "statistics", "string", "typing", "warnings",
})  # fmt: skip
FORBIDDEN = frozenset({"eval", "exec", "compile", "open", "input", "__import__", "breakpoint", "globals", "vars"})
_TYPES: dict[str, Any] = {"float": float, "int": int, "bool": bool, "str": str}
_KEYS = ("description", "unit", "ge", "le")  # of `Parameter`, in the order of its arguments


@dataclass(frozen=True)
class Source:
    """A program as its source tells.

    Attributes:
        text: the source.
        slot: that it fits; name: of its function.
        summary: first line of its docstring.
        parameters: model of its keyword arguments, with units, ranges and defaults.
    """

    text: str
    slot: Slot
    name: str
    summary: str
    parameters: type[BaseModel]


def read(text: str) -> Source:
    """Read a source.

    Raises:
        ProgramError: it is too large, no Python, or does not fit its slot; with line and column.
    """
    if len(text.encode()) > MOST_BYTES:
        raise ProgramError(f"the program is larger than {MOST_BYTES // 1024} KiB", "leave data out of it")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        at = f"line {error.lineno}, column {error.offset}: " if isinstance(error, SyntaxError) else ""
        word = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ProgramError(f"{at}{word}", "mend the Python") from None
    slot = _slot(tree)
    entry = _entry(tree, slot)
    _check_words(tree)
    _check_positional(entry, slot)
    summary = (ast.get_docstring(tree) or ast.get_docstring(entry) or "").split("\n")[0].rstrip(".")
    if not summary:
        raise ProgramError("the program has no description", "begin its file with one line in triple quotes")
    return Source(text, slot, entry.name, summary, _parameters(entry, _aliases(tree)))


def parameters_of(text: str, function: str) -> type[BaseModel]:
    """The model of a function's keyword arguments.

    Raises:
        ProgramError: there is no such function, or an argument is not stated as it must be.
    """
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return _parameters(node, _aliases(tree))
    raise ProgramError(f"there is no function {function}", "name the function as the program")


def _at(node: Any) -> str:
    return f"line {node.lineno}, column {node.col_offset + 1}: "


def _slot(tree: ast.Module) -> Slot:
    known = ", ".join(s.name for s in SLOTS.values() if s.custom)
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == ["SLOT"]:
            name = _literal(node.value, "SLOT")
            if name not in SLOTS or not SLOTS[name].custom:
                raise ProgramError(f"{_at(node)}slot {name!r} is unknown", f"choose one of: {known}")
            return SLOTS[name]
    raise ProgramError("the program does not say which slot it fits", f'write SLOT = "…" with one of: {known}')


def _entry(tree: ast.Module, slot: Slot) -> ast.FunctionDef:
    public = [n for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
    if len(public) != 1:
        found = ", ".join(f"{n.name} in line {n.lineno}" for n in public) or "none"
        raise ProgramError(
            f"the program has {len(public)} public functions ({found})",
            f"leave one, called as the program, with arguments ({', '.join(slot.arguments)}); begin others with _",
        )
    return public[0]


def _check_words(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        for module in _imported(node):
            if module.split(".")[0] not in LIBRARIES:
                raise ProgramError(
                    f"{_at(node)}{module or 'a relative module'} cannot be imported here",
                    f"use what is there: {', '.join(sorted(LIBRARIES - {'__future__'}))}",
                )
        if isinstance(node, ast.Name) and node.id in FORBIDDEN:
            raise ProgramError(f"{_at(node)}{node.id} cannot be used", "a program computes from its arguments alone")
        if isinstance(node, ast.Attribute) and node.attr.startswith("__") and node.attr != "__name__":
            raise ProgramError(f"{_at(node)}{node.attr} cannot be used", "use the object's public attributes")


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "" if node.level else (node.module or "")


def _check_positional(entry: ast.FunctionDef, slot: Slot) -> None:
    args = entry.args
    found = tuple(a.arg for a in (*args.posonlyargs, *args.args))
    if found != slot.arguments or args.vararg or args.kwarg or args.defaults:
        raise ProgramError(
            f"{_at(entry)}{entry.name}({', '.join(found)}) does not fit slot {slot.name}",
            f"write {entry.name}({', '.join(slot.arguments)}), then * and parameters as keywords with defaults",
        )


def _aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """What plain names of the module stand for: a parameter that several programs share is stated once."""
    return {
        n.targets[0].id: n.value for n in tree.body if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
    }


def _parameters(entry: ast.FunctionDef, aliases: dict[str, ast.expr]) -> type[BaseModel]:
    """A pydantic model; keyword arguments have literal defaults and annotations of plain types."""
    made: dict[str, Any] = {}
    for arg, default in zip(entry.args.kwonlyargs, entry.args.kw_defaults, strict=True):
        what = f"{_at(arg)}parameter {arg.arg}"
        if arg.arg.startswith("_") or hasattr(BaseModel, arg.arg):
            raise ProgramError(f"{what} has a name that no form can have", "call it otherwise")
        if arg.annotation is None or default is None:
            lacks = "type" if arg.annotation is None else "default"
            raise ProgramError(
                f"{what} has no {lacks}", f"write {arg.arg}: float = 0.0, or with Annotated and Parameter"
            )
        stated = arg.annotation
        if isinstance(stated, ast.Name) and stated.id not in _TYPES:
            stated = aliases.get(stated.id, stated)
        kind, told = _annotation(stated, what)
        unit = told.pop("unit", "")
        field = Field(default=_literal(default, what), validate_default=True, **told,
                      json_schema_extra={"unit": unit} if unit else None)  # fmt: skip
        made[arg.arg] = (kind, field)
    try:
        model: type[BaseModel] = create_model(
            entry.name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **made
        )
        model()
        model.model_json_schema()
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise ProgramError(f"{_at(entry)}a default of {entry.name} is not allowed by its own range ({why})",
                           "change either") from None  # fmt: skip
    except Exception as error:  # whatever pydantic says of names, descriptions and limits that cannot be
        why = str(error).split("\n")[0]
        raise ProgramError(f"{_at(entry)}the parameters of {entry.name} cannot be ({why})", "change them") from None
    return model


def _annotation(node: ast.expr, what: str) -> tuple[Any, dict[str, Any]]:
    """A type, and what `Parameter` says of it."""
    if isinstance(node, ast.Name) and node.id in _TYPES:
        return _TYPES[node.id], {}
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if node.value.id == "Literal":
            return Literal[tuple(_literal(e, what) for e in inner)], {}
        if node.value.id == "Annotated" and len(inner) == 2 and isinstance(inner[1], ast.Call):
            call = inner[1]
            if isinstance(call.func, ast.Name) and call.func.id == "Parameter":
                told = dict(zip(_KEYS, (_literal(a, what) for a in call.args), strict=False))
                told |= {str(k.arg): _literal(k.value, what) for k in call.keywords}
                return _annotation(inner[0], what)[0], told
    raise ProgramError(f"{what} has a type that no form can show", "use float, int, bool, str or Literal, or "
                       "Annotated[one of them, Parameter(description, unit, ge, le)]")  # fmt: skip


def _literal(node: ast.expr, what: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ProgramError(f"{_at(node)}{what} is not a plain value", "write a number, a text, True or False") from None
