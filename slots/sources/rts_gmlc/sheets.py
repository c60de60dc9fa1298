"""Tables of an RTS-GMLC folder: columns by name and kind, each error with its file, row and column."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Floats, Ints
from slots.grid.reading import ReadingLog

NOTHING = ("NA", "N/A", "nan", "NaN", "")


@dataclass
class Sheet:
    """A table of text cells by row, and which of its columns were read."""

    name: str
    columns: list[str]
    rows: list[list[str]]
    read: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, column: str) -> bool:
        """Whether there is a column of that name."""
        return column in self.columns

    def unused(self) -> list[str]:
        """Columns of a table with rows that nothing read."""
        return [c for c in self.columns if c not in self.read] if self.rows else []

    def texts(self, column: str, default: str | None = None) -> list[str]:
        """Cells of a column; of a column that is missing the default.

        Raises:
            GridError: it is missing and there is no default.
        """
        self.read.add(column)
        if not self.has(column):
            if default is None:
                raise GridError(f"{self.name} has no column '{column}'", "use the layout of RTS-GMLC")
            return [default] * len(self)
        k = self.columns.index(column)
        return [row[k].strip() for row in self.rows]

    def floats(self, column: str, default: float | None = None, empty: float | None = None) -> Floats:
        """Numbers of a column; of a column that is missing the default.

        Args:
            empty: what a cell without a value is; None: `default`.

        Raises:
            GridError: a cell is no number, or has none and there is no default.
        """
        if not self.has(column) and default is not None:
            self.read.add(column)
            return np.full(len(self), default)
        cells, empty = self.texts(column), default if empty is None else empty
        out = np.empty(len(cells))
        for k, cell in enumerate(cells):
            if cell in NOTHING and empty is not None:
                out[k] = empty
                continue
            try:
                out[k] = float(cell)
            except ValueError:
                out[k] = np.inf
            if not np.isfinite(out[k]):
                what = f"'{cell[:40]}' is not a number" if cell else "the cell is empty"
                raise GridError(f"{self.name}, row {k + 2}, column '{column}': {what}", "mend the file")
        return out

    def whole(self, column: str, default: int | None = None) -> Ints:
        """Whole numbers of a column.

        Raises:
            GridError: as `floats`, or a number is not whole.
        """
        values = self.floats(column, default)
        bad = np.flatnonzero(values != np.round(values))
        if len(bad):
            raise GridError(f"{self.name}, row {bad[0] + 2}, column '{column}': {values[bad[0]]:g} is no whole number",
                            "mend the file")  # fmt: skip
        return values.astype(np.int64)

    def names(self, column: str) -> list[str]:
        """Texts of a column that are names: there, and each once.

        Raises:
            GridError: one is empty or there twice.
        """
        out, seen = self.texts(column), set()
        for k, name in enumerate(out):
            if not name or name in seen:
                what = f"'{name}' is there twice" if name else "the cell is empty"
                raise GridError(f"{self.name}, row {k + 2}, column '{column}': {what}", "give each a name of its own")
            seen.add(name)
        return out


def sheet(folder: Path, name: str) -> Sheet:
    """A table of `SourceData`.

    Raises:
        GridError: it is missing or is no CSV table.
    """
    path = folder / "SourceData" / name
    if not path.is_file():
        raise GridError(f"RTS-GMLC folder {folder} has no SourceData/{name}", "give the whole folder")
    out = table(path)
    if not len(out):
        raise GridError(f"{name} of RTS-GMLC folder {folder} has no rows", "give the whole folder")
    return out


def optional_sheet(folder: Path, name: str, log: ReadingLog) -> Sheet:
    """A table of `SourceData` that may be missing: then it is empty, and that is told."""
    if (folder / "SourceData" / name).is_file():
        return table(folder / "SourceData" / name)
    log.fill(name.removesuffix(".csv"), 1, "none", f"the folder has no SourceData/{name}")
    return Sheet(name, [], [])


def table(path: Path, name: str = "") -> Sheet:
    """A CSV file as text cells, headings without blanks around them; `name`: as errors call it.

    Raises:
        GridError: it is no CSV table, has two columns of a name, or a row of another length.
    """
    name = name or path.name
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = [r for r in csv.reader(io.StringIO(text, newline="")) if any(c.strip() for c in r)]
    except (csv.Error, UnicodeDecodeError, OSError):
        rows = []
    if not rows or "\0" in text:
        raise GridError(f"{path} is not a readable CSV table", "mend or replace the file")
    columns = [h.strip() for h in rows[0]]
    while columns and not columns[-1]:  # a spreadsheet's empty columns
        columns.pop()
    twice = next((h for k, h in enumerate(columns) if h in columns[:k]), None)
    if twice is not None:
        raise GridError(f"{name} has two columns '{twice}'", "keep one")
    for k, row in enumerate(rows[1:]):
        if len(row) < len(columns) or any(c.strip() for c in row[len(columns) :]):
            raise GridError(f"{name}, row {k + 2} has {len(row)} cells, the header has {len(columns)}", "mend the file")
    return Sheet(name, columns, [r[: len(columns)] for r in rows[1:]])


@dataclass(frozen=True)
class Pointer:
    """A row of timeseries_pointers.csv."""

    simulation: str
    category: str
    object: str
    parameter: str
    factor: float
    file: str


@dataclass(frozen=True)
class Pointers:
    """Which series there are."""

    rows: tuple[Pointer, ...]

    def of(self, category: str) -> dict[tuple[str, str], Pointer]:
        """By object and parameter, the day-ahead series of a category, or the real-time one where there is no other."""
        out: dict[tuple[str, str], Pointer] = {}
        for row in self.rows:
            key = (row.object, row.parameter)
            if row.category == category and (key not in out or row.simulation == "DAY_AHEAD"):
                out[key] = row
        return out

    def weather(self) -> list[str]:
        """Units whose greatest output is a series."""
        return [name for name, parameter in self.of("Generator") if parameter == "PMax MW"]


def pointers_of(folder: Path) -> Pointers:
    """The pointers of a folder.

    Raises:
        GridError: the table is missing, or names a simulation of another kind.
    """
    s = sheet(folder, "timeseries_pointers.csv")
    columns = [s.texts(c) for c in ("Simulation", "Category", "Object", "Parameter")]
    factors, files = s.floats("Scaling Factor", 1.0).tolist(), s.texts("Data File")
    return Pointers(tuple(Pointer(*row) for row in zip(*columns, factors, files, strict=True)))
