"""A MATPOWER case (version 2): its matrices, names, and what else its file holds."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Floats
from slots.sources.matpower.expressions import Refused
from slots.sources.matpower.program import Program
from slots.sources.matpower.text import CONTINUED, Statement, Unclosed, code_of, statements
from slots.sources.matpower.values import Value, number

_HEAD = re.compile(r"function\s+(?:\[\s*([\w\s,]*?)\s*\]|(\w+))\s*=\s*(\w+)")
_NEEDED = {"bus": 13, "gen": 10, "branch": 11}  # columns that a matrix must have
_KNOWN = {"version", "baseMVA", "bus", "gen", "branch", "gencost", "dcline", "bus_name", "genfuel", "gentype"}
_ASSIGNED = re.compile(r"\.\s*(?:bus|gen|branch|baseMVA)\s*=")


@dataclass(frozen=True)
class Case:
    """A MATPOWER case as its matrices; columns as in the MATPOWER manual, appendix B.

    Attributes:
        names: cell arrays of strings: `bus_name`, `genfuel`, `gentype`.
        others: further fields of the file by name, with their number of rows; nothing here reads them.
        edits: assignments after the matrices that were carried out.
    """

    name: str
    base_mva: float
    bus: Floats
    gen: Floats
    branch: Floats
    gencost: Floats | None = None
    dcline: Floats | None = None
    names: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    edits: int = 0


def read_case(path: Path) -> Case:
    """Read a case file.

    Raises:
        GridError: the file is missing, is not a MATPOWER case of version 2, or a statement cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise GridError(f"grid file {path} cannot be read ({error.strerror})", "check the path") from None
    code = code_of(text)
    struct = _struct_name(code, path)
    program = Program()
    edits = 0
    try:
        for statement in statements(code):
            if statement.text.startswith("function"):
                if program.variables:
                    break  # functions of the file's own, which nothing here can call
                continue
            before = program.edits
            _carry_out(program, statement, path)
            edits += program.edits - before
        program.finish()
    except Unclosed as error:
        name = re.match(r"[\w.]+", error.text)
        what = f"matrix {name.group()}" if name else "a bracket"
        raise GridError(
            f"grid file {path}: {what} (line {error.line}) is not closed", "the file seems cut off; get it whole"
        ) from None
    except Refused as error:
        raise GridError(f"grid file {path}: {error}", "mend the file") from None
    return _case(program.variables.get(struct), edits, path)


def _struct_name(code: str, path: Path) -> str:
    """The variable that a file's function hands out."""
    head = _HEAD.search(code.replace(CONTINUED, " "))
    outputs = (head.group(1) or head.group(2)).replace(",", " ").split() if head else ["mpc"]
    if len(outputs) > 1:
        raise GridError(
            f"grid file {path} is a MATPOWER case of version 1 (its function hands out {', '.join(outputs[:3])}, …)",
            "load it in MATPOWER and save it with savecase, which writes version 2",
        )
    if not _ASSIGNED.search(code):
        raise GridError(
            f"grid file {path} is not a complete MATPOWER case: baseMVA, bus, gen, branch missing",
            "give a version 2 case file",
        )
    return outputs[0] if outputs else "mpc"


def _carry_out(program: Program, statement: Statement, path: Path) -> None:
    try:
        if statement.kind == "matrix":
            found = _numbers(statement.body, ragged=statement.key.endswith(".gencost"))
            if found is not None:
                program.set_matrix(statement.key, found)
                return
        program.carry_out(statement)
    except Refused as error:
        bad = _not_a_number(statement)
        if bad:
            said = f"grid file {path}, line {statement.line}: '{bad}' in {statement.key} is not a number"
            raise GridError(said, "mend the file") from None
        shown = " ".join(statement.text.split())
        raise GridError(
            f"grid file {path}, line {statement.line}: '{shown[:80]}{'…' if len(shown) > 80 else ''}' is not carried out: {error}",
            "run the file in MATPOWER or Octave and save the case with savecase",
        ) from None


def _numbers(body: str, ragged: bool) -> Floats | None:
    """The matrix of a text that holds numbers only; None if something else stands there. Ragged: short rows end in zeros.

    Raises:
        Refused: rows differ in length.
    """
    if "_" in body:
        return None
    rows = [t for line in body.replace(",", " ").replace(";", "\n").split("\n") if (t := line.split())]
    width = max((len(r) for r in rows), default=0)
    try:
        if all(len(r) == width for r in rows):
            return np.array(rows, dtype=np.float64).reshape(len(rows), width)
        made = [[float(t) for t in r] + [0.0] * (width - len(r)) for r in rows]
    except ValueError:
        return None
    if not ragged:
        raise Refused("its rows differ in length")
    return np.array(made)


def _not_a_number(statement: Statement) -> str:
    """The first word of a matrix that is neither a number nor looks like an expression."""
    if statement.kind != "matrix":
        return ""
    for word in re.split(r"[\s,;]+", statement.body):
        if re.fullmatch(r"[\d.]+[A-Za-z_]\w*", word) and not re.fullmatch(r"[\d.]+[eEdD]\d+", word):
            return word
    return ""


def _case(found: Value | None, edits: int, path: Path) -> Case:
    fields = dict(found) if isinstance(found, dict) else {}
    if isinstance(fields.get("branch"), np.ndarray) and not fields["branch"].size:  # a grid may be one bus
        fields["branch"] = np.zeros((0, 13))
    missing = [
        k
        for k in ("baseMVA", *_NEEDED)
        if not isinstance(fields.get(k), np.ndarray) or not (fields[k].size or k == "branch")
    ]
    if missing:
        raise GridError(
            f"grid file {path} is not a complete MATPOWER case: {', '.join(missing)} missing",
            "give a version 2 case file",
        )
    version = fields.get("version", "2")
    if version != "2" and not (isinstance(version, np.ndarray) and version.size == 1 and number(version) == 2):
        raise GridError(
            f"grid file {path} is a MATPOWER case of version {version if isinstance(version, str) else number(version):}",
            "load it in MATPOWER and save it with savecase, which writes version 2",
        )
    for key, least in _NEEDED.items():
        if fields[key].shape[1] < least:
            raise GridError(
                f"grid file {path}: mpc.{key} has {fields[key].shape[1]} columns, where at least {least} are needed",
                "give a version 2 case file",
            )
    bus, gen, branch, gencost, dcline = (
        np.asarray(fields[k], dtype=np.float64)
        if isinstance(fields.get(k), np.ndarray) and (fields[k].size or k == "branch")
        else None
        for k in (*_NEEDED, "gencost", "dcline")
    )
    assert bus is not None
    assert gen is not None
    assert branch is not None
    names = {k: _strings(fields[k]) for k in ("bus_name", "genfuel", "gentype") if isinstance(fields.get(k), list)}
    others = {k: _rows(v) for k, v in fields.items() if k not in _KNOWN}
    base = number(fields["baseMVA"])
    if not (np.isfinite(base) and base > 0):
        raise GridError(f"grid file {path}: baseMVA is {base:g}", "give a positive one")
    return Case(path.stem, base, bus, gen, branch, gencost, dcline, names, others, edits)


def _strings(cells: list[list[Value]]) -> list[str]:
    return [x for row in cells for x in row if isinstance(x, str)]


def _rows(value: Value) -> int:
    return len(value) if isinstance(value, np.ndarray | list) else 1
