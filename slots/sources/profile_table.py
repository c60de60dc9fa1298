"""A profile from a CSV or Parquet file: one row per hour and one column per device, whatever way the file was written.

Half hours and quarters become the mean of their hour. Rows are put in order. Holes, doubles and doubt are refused.
"""

import csv
import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from bos_core.objects.errors import ProfileError
from slots.grid.model import Floats, Ints
from slots.sources.timestamps import HOUR, Stamps, in_utc, stamps_of, told

_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
_ZONE_ADVICE = "if these are local times with daylight saving, give --timezone, e.g. Europe/Berlin"


@dataclass(frozen=True)
class ProfileTable:
    """What a file says, hour by hour.

    Attributes:
        name: of the file.
        names: of its columns.
        values: (hour, column).
        first: seconds of the first hour, since 1970 in UTC, or since hour 0 if `counted`.
        counted: whether the file only counts hours.
        rows: of the file.
        averaged: values of the file in each hour.
        remarks: what a user is told.
    """

    name: str
    names: tuple[str, ...]
    values: Floats
    first: int
    counted: bool
    rows: int
    averaged: int
    remarks: tuple[str, ...]

    @property
    def hours(self) -> int:
        """Number of hours."""
        return len(self.values)


def read_profile(path: Path, zone: ZoneInfo | None = None) -> ProfileTable:
    """Read a file; `zone`: of times that carry none.

    Raises:
        ProfileError: the file cannot be read, or is in doubt anywhere; one sentence with the place.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ProfileError(f"profile {path} does not exist", "check the path") from None
    except OSError as error:
        raise ProfileError(f"profile {path} cannot be read ({error.strerror})", "check the path") from None
    if path.suffix == ".parquet":
        names, values, stamps, remarks = _parquet(path, content, zone)
    else:
        names, values, stamps, remarks = _csv(path.name, content, zone)
    return _hourly(path.name, names, values, stamps, remarks)


_Read = tuple[list[str], Floats, Stamps, list[str]]


def _csv(name: str, content: bytes, zone: ZoneInfo | None) -> _Read:
    text = _decoded(name, content)
    header = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    separator = next((s for s in (";", "\t") if s in header), ",")
    remarks = [] if separator == "," else ["columns are separated by " + ("semicolons" if separator == ";" else "tabs")]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    stamps: list[str] = []
    values: list[Floats] = []
    try:
        heading = next((r for r in rows if r), [])
        names = _headings(name, [" ".join(h.split()) for h in heading])
        for row in (r for r in rows if r):  # one at a time: a year of many buses is large as text
            stamps.append(row[0])
            values.append(_numbers(name, rows.line_num, names, row[1:], separator, remarks))
    except csv.Error as error:
        raise ProfileError(f"profile {name} cannot be read ({error})", "give CSV or Parquet") from None
    if not values:
        raise ProfileError(f"profile {name} holds no series", "give a column of hours and one per device")
    return names, np.array(values), stamps_of(stamps, name, zone), remarks


def _decoded(name: str, content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ProfileError(
            f"profile {name} cannot be read (it is no text in UTF-8)", "save it as CSV in UTF-8, or as Parquet"
        )
    return text


def _headings(name: str, cells: list[str]) -> list[str]:
    """Names of the columns after the first."""
    if len(cells) < 2:
        raise ProfileError(f"profile {name} holds no series", "give a column of hours and one per device")
    for k, heading in enumerate(cells[1:], 2):
        if not heading:
            raise ProfileError(f"column {k} of profile {name} has no name", "name columns by global ids")
    twice = next((h for k, h in enumerate(cells[1:]) if h in cells[1 : k + 1]), None)
    if twice is not None:
        raise ProfileError(f"profile {name} has two columns {twice}", "keep one")
    return cells[1:]


def _numbers(name: str, line: int, names: list[str], cells: list[str], separator: str, remarks: list[str]) -> Floats:
    """A row's values."""
    if len(cells) != len(names):
        raise ProfileError(
            f"row {line} of profile {name} has {len(cells) + 1} cells, the header has {len(names) + 1}",
            "separate columns by semicolons if commas are decimal" if separator == "," else "mend the file",
        )
    try:
        out = np.array(cells, dtype=float)
        if np.isfinite(out).all() and not any("_" in c for c in cells):
            return out
    except ValueError:
        pass
    comma = separator != ","
    return np.array([_value(name, line, n, c, comma, remarks) for n, c in zip(names, cells, strict=True)])


def _value(name: str, line: int, column: str, cell: str, comma: bool, remarks: list[str]) -> float:
    text, place = " ".join(cell.split()), f"profile {name}, row {line}, column {column}"
    if not text:
        raise ProfileError(f"{place}: the cell is empty", "give every hour a value")
    if comma and "," in text and _COMMA.fullmatch(text):
        if "commas are decimal" not in remarks:
            remarks.append("commas are decimal")
        return float(text.replace(",", "."))
    try:
        value = float(text.replace("_", "?"))
    except ValueError:
        raise ProfileError(f"{place}: '{text[:40]}' is not a number", "mend the file") from None
    if not np.isfinite(value):
        raise ProfileError(f"{place}: '{text[:40]}' is no finite number", "give every hour a value")
    return value


def _parquet(path: Path, content: bytes, zone: ZoneInfo | None) -> _Read:
    try:
        table = pd.read_parquet(io.BytesIO(content))
    except Exception as error:  # whatever pyarrow makes of a damaged file
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise ProfileError(f"profile {path} cannot be read ({reason})", "give CSV or Parquet") from None
    if table.columns.nlevels > 1 or table.index.nlevels > 1:
        raise ProfileError(f"profile {path.name} has columns or an index of several levels", "give one of each")
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    names = _headings(path.name, [" ".join(str(c).split()) for c in table.columns])
    if not len(table):
        raise ProfileError(f"profile {path.name} holds no series", "give a column of hours and one per device")
    values = np.column_stack([_column(path.name, names[k], table.iloc[:, k + 1]) for k in range(len(names))])
    return names, values, _index(path.name, table.iloc[:, 0], zone), []


def _column(name: str, column: str, cells: "pd.Series[Any]") -> Floats:
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(float, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        cell = cells.iloc[bad[0]]
        what = "the cell is empty" if pd.isna(cell) else f"'{' '.join(str(cell).split())[:40]}' is not a finite number"
        raise ProfileError(f"profile {name}, row {bad[0] + 1}, column {column}: {what}", "give every hour a value")
    return np.asarray(numbers)


def _index(name: str, cells: "pd.Series[Any]", zone: ZoneInfo | None) -> Stamps:
    if cells.isna().any():
        raise ProfileError(f"row {int(np.flatnonzero(cells.isna())[0]) + 1} of profile {name} has no hour", "give it")
    if not pd.api.types.is_datetime64_any_dtype(cells):
        return stamps_of([str(c) for c in cells], name, zone)
    aware = getattr(cells.dt, "tz", None) is not None
    plain = cells.dt.tz_convert("UTC").dt.tz_localize(None) if aware else cells
    times: list[datetime] = [t.to_pydatetime(warn=False) for t in plain]
    return in_utc(times, [timedelta(0) if aware else None] * len(times), name, zone)


def _hourly(name: str, names: list[str], values: Floats, stamps: Stamps, remarks: list[str]) -> ProfileTable:
    seconds, rows = stamps.seconds, len(values)
    if (np.diff(seconds) < 0).any():
        order = np.argsort(seconds, kind="stable")
        seconds, values = seconds[order], values[order]
        remarks = [*remarks, "rows were not in order of time and were sorted"]
    step = _step(name, seconds, stamps)
    if stamps.naive:
        remarks = [*remarks, "times carry no zone and were read as UTC"]
    count = HOUR // step
    if step < HOUR:
        first, last = int(seconds[0]), int(seconds[-1])
        for whole, at in ((first % HOUR == 0, first), ((last + step) % HOUR == 0, last)):
            if not whole:
                raise ProfileError(
                    f"the hour of {told(at, stamps.counted)} in profile {name} has not all of its {count} values",
                    "give whole hours, each value with the beginning of its time",
                )
        values = values.reshape(-1, count, len(names)).mean(axis=1)
        remarks = [*remarks, f"{count} values an hour were averaged"]
    if stamps.counted and seconds[0] == HOUR and len(values) % 24 == 0 and len(values) >= 24:
        remarks = [*remarks, "hours count from 0: hour 1 is 01:00 to 02:00 of the first day; "
                   "take 1 off if it is meant to be the first"]  # fmt: skip
    return ProfileTable(
        name, tuple(names), values, int(seconds[0]), stamps.counted, rows, count, (*stamps.remarks, *remarks)
    )


def _step(name: str, seconds: Ints, stamps: Stamps) -> int:
    """Seconds between rows, which are those of a part of an hour or an hour."""
    steps = np.diff(seconds)
    if not len(steps):
        step = HOUR
    else:
        sizes, counts = np.unique(steps, return_counts=True)
        step = int(sizes[counts == counts.max()][0])
    if step == 0 or (steps == 0).any():
        at = int(seconds[:-1][steps == 0][0])
        raise ProfileError(
            f"profile {name} has two rows for {told(at, stamps.counted)}",
            _ZONE_ADVICE if stamps.naive and _clock_change(at) else "give every hour once",
        )
    uneven = np.flatnonzero(steps != step)
    if len(uneven):
        a, b = (int(seconds[uneven[0] + k]) for k in (0, 1))
        after = told(b, stamps.counted).removeprefix("hour ")
        raise ProfileError(
            f"profile {name} jumps from {told(a, stamps.counted)} to {after}",
            _ZONE_ADVICE if stamps.naive and _clock_change(b) and b - a == step + HOUR else "give every hour once",
        )
    if step > HOUR:
        begin, following = (told(int(t), stamps.counted) for t in seconds[:2])
        raise ProfileError(
            f"profile {name} jumps from {begin} to {following.removeprefix('hour ')}, and so on every {step / HOUR:g} hours",
            "give every hour once",
        )
    if HOUR % step:
        raise ProfileError(f"profile {name} has a value every {step / 60:g} minutes, of which no whole number is an hour",
                           "give hours, or equal parts of hours")  # fmt: skip
    if step == HOUR and seconds[0] % HOUR:
        raise ProfileError(
            f"hours of profile {name} begin at {told(int(seconds[0]), stamps.counted)} in UTC, within an hour",
            "give values from the full hour of UTC on, or half hours",
        )
    return step


def _clock_change(second: int) -> bool:
    """Whether clocks may change about then: a night to Sunday in spring or autumn."""
    t = datetime(1970, 1, 1) + timedelta(seconds=second)
    return t.weekday() == 6 and t.hour <= 4 and t.month in (3, 4, 9, 10, 11)
