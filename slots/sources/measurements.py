"""Measurements from a CSV file with columns kind, element, value, sigma."""

import csv
from pathlib import Path

import numpy as np

from bos_core.objects.errors import ParameterError
from slots.contracts.state_estimation import ACTIVE, FLOW, MAGNITUDE, REACTIVE, REACTIVE_FLOW, Measurements
from slots.grid.model import Grid

KINDS = {"magnitude": MAGNITUDE, "active": ACTIVE, "reactive": REACTIVE, "flow": FLOW, "reactive flow": REACTIVE_FLOW}
COLUMNS = ("kind", "element", "value", "sigma")


def read_measurements(path: Path, grid: Grid) -> Measurements:
    """Read a file.

    A kind is one of KINDS; the element a bus number, or a branch's name for flows at its first end; value and sigma are
    p.u. for magnitudes, MW and MVAr otherwise.

    Raises:
        ParameterError: the file or a line of it is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ParameterError(f"{path} does not begin with {','.join(COLUMNS)}", "write that as its first line")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ParameterError(f"{path} cannot be read: {error}", "name a CSV file of measurements") from None
    buses = {str(n): k for k, n in enumerate(grid.buses.number)}
    branches = {str(n): k for k, n in enumerate(grid.branches.name)}
    out = []
    for line, row in enumerate(rows, start=2):
        try:
            kind = KINDS[row["kind"].strip()]
            at = (branches if kind in (FLOW, REACTIVE_FLOW) else buses)[row["element"].strip()]
            value, sigma = float(row["value"]), float(row["sigma"])
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ParameterError(
                f"line {line} of {path} is wrong ({error})",
                f"give a kind of {', '.join(KINDS)}, a bus or branch, two numbers",
            ) from None
        if not (np.isfinite(value) and sigma > 0):
            raise ParameterError(
                f"line {line} of {path} is wrong ({value}, {sigma})", "give a number, and a sigma above 0"
            )
        base = 1.0 if kind == MAGNITUDE else grid.base_mva
        out.append((kind, at, value / base, sigma / base))
    if len(out) < 2 * grid.n_bus - 1:
        raise ParameterError(
            f"{path} has {len(out)} measurements", f"a state of {grid.n_bus} buses needs {2 * grid.n_bus - 1}"
        )
    kind_, at_, value_, sigma_ = (np.array(c) for c in zip(*out, strict=True))
    return Measurements(grid, kind_, at_, value_, sigma_)
