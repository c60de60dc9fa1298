"""Reader of MATPOWER case files (version 2): matrices, costs, DC lines, names and fuels.

Reads the text of a `.m` file without running it. Nothing is altered on the way: units out of service stay
out, taps stay on their side.
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Floats

_ASSIGN = re.compile(r"mpc\.(\w+)\s*=\s*")
_QUOTIENT = re.compile(r"(-?[\d.]+)/(sqrt\()?([\d.]+)\)?")
_NUMBER_ROW = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class Case:
    """A MATPOWER case as its matrices; columns as in the MATPOWER manual, appendix B."""

    name: str
    base_mva: float
    bus: Floats
    gen: Floats
    branch: Floats
    gencost: Floats | None = None
    dcline: Floats | None = None
    names: dict[str, list[str]] = field(default_factory=dict)


def read_case(path: Path) -> Case:
    """Read a case file.

    Raises:
        GridError: the file is missing, is not a MATPOWER case, or a row cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise GridError(f"grid file {path} cannot be read ({error.strerror})", "check the path") from None
    matrices: dict[str, Floats] = {}
    names: dict[str, list[str]] = {}
    base = None
    for found in _ASSIGN.finditer(text):
        key, rest = found.group(1), text[found.end() :]
        if _in_comment(text, found.start()):
            continue
        if key == "baseMVA":
            base = _scalar(rest, path)
        elif rest.startswith("["):
            matrices[key] = _matrix(rest, key, path)
        elif rest.startswith("{"):
            names[key] = _strings(rest)
    missing = [k for k in ("bus", "gen", "branch") if k not in matrices or not len(matrices[k])]
    if base is None:
        missing.insert(0, "baseMVA")
    if missing or base is None:
        raise GridError(
            f"grid file {path} is not a complete MATPOWER case: {', '.join(missing)} missing",
            "give a version 2 case file",
        )
    _apply_conversions(text, matrices, base)
    return Case(
        path.stem, base, matrices["bus"], matrices["gen"], matrices["branch"],
        matrices.get("gencost"), matrices.get("dcline"), names,
    )  # fmt: skip


def _in_comment(text: str, position: int) -> bool:
    return "%" in text[text.rfind("\n", 0, position) + 1 : position]


def _scalar(rest: str, path: Path) -> float:
    token = re.split(r"[;\s%]", rest, maxsplit=1)[0]
    try:
        return _number(token)
    except ValueError:
        raise GridError(f"grid file {path}: baseMVA is '{token}', not a number", "mend the file") from None


def _matrix(rest: str, key: str, path: Path) -> Floats:
    body = rest[1:]
    rows: list[list[float]] = []
    for line in body.split("\n"):
        code = line.split("%", 1)[0]
        code, closed, _ = code.partition("]")
        for part in code.split(";"):
            tokens = [t for t in _NUMBER_ROW.split(part.replace("...", " ").strip()) if t]
            if tokens:
                rows.append(_row(tokens, key, path))
        if closed:
            break
    else:
        raise GridError(f"grid file {path}: matrix mpc.{key} is not closed", "the file seems cut off; get it whole")
    width = max((len(r) for r in rows), default=0)
    if key != "gencost" and any(len(r) != width for r in rows):
        raise GridError(f"grid file {path}: rows of mpc.{key} differ in length", "mend the file")
    return np.array([r + [0.0] * (width - len(r)) for r in rows]).reshape(len(rows), width)


def _row(tokens: list[str], key: str, path: Path) -> list[float]:
    try:
        return [_number(t) for t in tokens]
    except ValueError:
        bad = next(t for t in tokens if not _is_number(t))
        raise GridError(f"grid file {path}: '{bad}' in mpc.{key} is not a number", "mend the file") from None


def _number(token: str) -> float:
    """A literal, or the one expression that shipped cases use: a quotient, perhaps by a square root."""
    quotient = _QUOTIENT.fullmatch(token)
    if quotient is None:
        return float(token)
    divisor = float(quotient[3])
    return float(quotient[1]) / (math.sqrt(divisor) if quotient[2] else divisor)


def _is_number(token: str) -> bool:
    try:
        _number(token)
    except ValueError:
        return False
    return True


def _strings(rest: str) -> list[str]:
    return re.findall(r"'((?:[^']|'')*)'", rest[: rest.find("}")])


def _apply_conversions(text: str, matrices: dict[str, Floats], base: float) -> None:
    """Unit conversions that distribution cases of MATPOWER append as code after their matrices.

    Such files give loads in kW or branch impedances in ohm and convert them in place.
    """
    code = "\n".join(line.split("%", 1)[0] for line in text.split("\n"))
    bus, branch = matrices["bus"], matrices["branch"]
    if re.search(r"Vbase\s*=\s*mpc\.bus\(1,\s*BASE_KV\)\s*\*\s*1e3", code) and re.search(
        r"mpc\.branch\(:,\s*\[BR_R\s+BR_X\]\)\s*=\s*mpc\.branch", code
    ):
        branch[:, 2:4] /= (bus[0, 9] * 1e3) ** 2 / (base * 1e6)
    if re.search(r"mpc\.bus\(:,\s*\[PD,?\s*QD\]\)\s*=\s*mpc\.bus\(:,\s*\[PD,?\s*QD\]\)\s*/\s*1e3", code):
        bus[:, 2:4] /= 1e3
    factor = re.search(r"pf\s*=\s*([\d.]+)", code)
    if factor and re.search(r"mpc\.bus\(:,\s*QD\)\s*=\s*mpc\.bus\(:,\s*PD\)\s*\*\s*sin\(acos\(pf\)\)", code):
        bus[:, 3] = bus[:, 2] * np.sin(np.arccos(float(factor.group(1))))
    if factor and re.search(r"mpc\.bus\(:,\s*PD\)\s*=\s*mpc\.bus\(:,\s*PD\)\s*\*\s*pf", code):
        bus[:, 2] *= float(factor.group(1))
