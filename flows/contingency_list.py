"""The user's list of contingencies: a CSV file of names and what is lost together."""

import csv
from pathlib import Path

from bos_core.objects.errors import ParameterError

HEADER = ["name", "elements"]
MEND = "give a CSV file with the columns name,elements; elements are branches and units of the grid, separated by ;"


def read_contingencies(path: Path) -> list[dict[str, str | list[str]]]:
    """Contingencies as the run's parameters hold them.

    Raises:
        ParameterError: the file cannot be read, or a line of it is not a contingency.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ParameterError(f"contingencies {path}: cannot be read ({error})", MEND) from None
    if not rows or [c.strip() for c in rows[0]] != HEADER:
        raise ParameterError(f"contingencies {path.name}: the first line is not name,elements", MEND)
    out: list[dict[str, str | list[str]]] = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(c.strip() for c in row):
            continue
        elements = [e.strip() for e in row[1].split(";") if e.strip()] if len(row) == len(HEADER) else []
        if not elements or not row[0].strip():
            raise ParameterError(f"contingencies {path.name}, line {number}: not a name and elements", MEND)
        out.append({"name": row[0].strip(), "elements": elements})
    return out
