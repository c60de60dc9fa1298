"""Series files of an RTS-GMLC folder: by date whatever the order of rows, on the hours that all of them have.

Hour 0 is the first midnight of that time; clocks do not change in it. Real-time series, where there are no day-ahead
ones, become the mean of their hour.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from bos_core.objects.errors import ProfileError
from slots.grid.model import Floats, Ints
from slots.grid.reading import ReadingLog
from slots.sources.rts_gmlc.sheets import Pointer, Sheet, table

DATE = ("Year", "Month", "Day")
PERIODS = (24, 48, 72, 96, 144, 288, 1440)  # that a day may have


@dataclass(frozen=True)
class Hours:
    """A series file by the hour: the first one, columns by name, and (hour, column) values."""

    file: str
    start: datetime
    columns: dict[str, int]
    values: Floats

    @property
    def end(self) -> datetime:
        """The hour after the last one."""
        return self.start + timedelta(hours=len(self.values))


class Files:
    """The series files of a folder, each read once."""

    def __init__(self, folder: Path, log: ReadingLog) -> None:
        self._root, self._log = folder / "timeseries_data_files", log
        self._known: dict[str, Hours] = {}
        self._used: list[Pointer] = []
        self.first = self.last = datetime(1, 1, 1)

    def of(self, pointers: list[Pointer]) -> None:
        """Read the files that pointers name, and find the hours that all of them have.

        Raises:
            ProfileError: a file is missing or has holes, or there is no common hour.
        """
        self._used = pointers
        for file in dict.fromkeys(p.file for p in pointers):
            self._known[file] = self._read(file)
        held = list(self._known.values())
        begin, self.last = max(h.start for h in held), min(h.end for h in held)
        midnight = begin.replace(hour=0)
        self.first = midnight if midnight == begin else midnight + timedelta(days=1)
        if self.last <= self.first:
            a, b = max(held, key=lambda h: h.start), min(held, key=lambda h: h.end)
            raise ProfileError(
                f"series have no common time from a midnight on: {a.file} begins at {a.start:%Y-%m-%d %H:%M}, {b.file} ends at "
                f"{b.end:%Y-%m-%d %H:%M}", "give series of the same days",
            )  # fmt: skip
        for h in held:
            if (h.start, h.end) != (self.first, self.last):
                self._log.warn(
                    f"series {h.file} holds {_told(h.start, h.end)}; what all have from a midnight on is "
                    f"{_told(self.first, self.last)}"
                )

    @property
    def hours(self) -> int:
        """Hours that all files have."""
        return round((self.last - self.first).total_seconds() / 3600)

    def column(self, pointer: Pointer, name: str = "") -> Floats:
        """(hour,) values of what a pointer names, or of a column of its file.

        Raises:
            ProfileError: the file has no such column.
        """
        held, name = self._known[pointer.file], name or pointer.object
        if name not in held.columns:
            raise ProfileError(f"series {held.file} has no column '{name}'", "add it, or take its pointer out")
        return self._window(held, held.columns[name]) * self._scale(pointer)

    def total(self, pointer: Pointer) -> Floats:
        """(hour,) values of a product: its column, or the only one of a file that has a day per row."""
        held = self._known[pointer.file]
        return self.column(pointer, "" if pointer.object in held.columns else next(iter(held.columns)))

    def columns(self, pointer: Pointer) -> list[str]:
        """Names of the columns of a pointer's file."""
        return list(self._known[pointer.file].columns)

    def _window(self, held: Hours, k: int) -> Floats:
        at = round((self.first - held.start).total_seconds() / 3600)
        return held.values[at : at + self.hours, k]

    def _scale(self, pointer: Pointer) -> float:
        """What turns a file's values into MW: its Scaling Factor where all of them are shares, else 1."""
        return pointer.factor if self.shares(pointer.file) else 1.0

    def shares(self, file: str) -> bool:
        """Whether a file holds shares of its Scaling Factors: all of those are above 1 and no value is."""
        mine = [p for p in self._used if p.file == file]
        held = self._known[file]
        columns = [held.columns[p.object] for p in mine if p.object in held.columns] or list(held.columns.values())
        return min(p.factor for p in mine) > 1 and bool((held.values[:, columns] <= 1 + 1e-9).all())

    def tell_factors(self) -> None:
        """Note what was done with the Scaling Factors that are not 1."""
        by_file: dict[str, list[Pointer]] = {}
        for p in self._used:
            if p.factor != 1:
                by_file.setdefault(p.file, []).append(p)
        for file, pointers in by_file.items():
            held = self._known[file]
            if self.shares(file):
                self._log.warn(
                    f"series {held.file} are shares (none is above 1) and were multiplied by their Scaling Factors"
                )
            else:
                self._log.leave_out(
                    "Scaling Factor", [p.object for p in pointers],
                    f"values of {held.file} are MW (up to {held.values.max():g}), not shares of it",
                )  # fmt: skip

    def _read(self, pointed: str) -> Hours:
        stem = pointed.replace("\\", "/").split("timeseries_data_files/")[-1].lstrip("./")
        found = (
            p for p in sorted(self._root.rglob("*.csv")) if p.relative_to(self._root).as_posix().lower() == stem.lower()
        )
        path = next(found, None)
        if path is None:
            raise ProfileError(f"series file {stem} is not in {self._root}", "give the whole folder")
        return _by_hour(table(path, stem), self._log)


def _told(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def _by_hour(s: Sheet, log: ReadingLog) -> Hours:
    lacking = next((c for c in DATE if not s.has(c)), None)
    if lacking is not None or not len(s):
        what = f"has no column '{lacking}'" if lacking else "has no rows"
        raise ProfileError(f"series {s.name} {what}", "use the layout of RTS-GMLC: Year, Month, Day, Period, …")
    values = _numbers(s)
    dates = _dates(s.name, values[:, [s.columns.index(c) for c in DATE]])
    rest = [c for c in s.columns if c not in (*DATE, "Period")]
    if not rest:
        raise ProfileError(f"series {s.name} has no column of values", "give one per element")
    if s.has("Period"):
        period = values[:, s.columns.index("Period")]
        per_day = next((p for p in PERIODS if p >= period.max()), 0)
        bad = np.flatnonzero((period < 1) | (period > per_day) | (period != np.round(period)))
        if len(bad):
            raise ProfileError(
                f"series {s.name}, row {bad[0] + 2}: period {period[bad[0]]:g} is none of a day", "count from 1"
            )
        at = dates * per_day + period.astype(np.int64) - 1
        data = values[:, [s.columns.index(c) for c in rest]]
        return _complete(s.name, at, data, rest, per_day, log)
    periods = sorted((c for c in rest if c.isdecimal()), key=int)
    per_day = len(periods)
    if [int(c) for c in periods] != list(range(1, per_day + 1)) or per_day not in PERIODS:
        raise ProfileError(
            f"series {s.name} has neither a column 'Period' nor columns 1 to 24", "use the layout of RTS-GMLC"
        )
    data = values[:, [s.columns.index(c) for c in periods]].reshape(-1, 1)
    return _complete(s.name, (dates[:, None] * per_day + np.arange(per_day)).ravel(), data, ["value"], per_day, log)


def _complete(name: str, at: Ints, data: Floats, columns: list[str], per_day: int, log: ReadingLog) -> Hours:
    """Rows in order of time, each period once, as hours."""
    if (np.diff(at) < 0).any():
        order = np.argsort(at, kind="stable")
        at, data = at[order], data[order]
        log.warn(f"rows of series {name} were not in order of time and were sorted")
    step = np.diff(at)
    wrong = np.flatnonzero(step != 1)
    if len(wrong):
        k = int(wrong[0])
        what = "two rows" if step[k] == 0 else "no row"
        day, period = divmod(int(at[k] + (step[k] != 0)), per_day)
        raise ProfileError(
            f"series {name} has {what} for {date.fromordinal(day + 1):%Y-%m-%d}, period {period + 1}",
            "give every period once",
        )
    count = per_day // 24
    if at[0] % count or len(at) % count:
        raise ProfileError(f"series {name} begins or ends within an hour", "give whole hours")
    if count > 1:
        log.warn(f"{count} values an hour of series {name} were averaged")
        data = data.reshape(-1, count, len(columns)).mean(axis=1)
    start = datetime.fromordinal(1) + timedelta(hours=int(at[0]) // count)
    return Hours(name, start, {c: k for k, c in enumerate(columns)}, data)


def _numbers(s: Sheet) -> Floats:
    """(row, column) values of a series file."""
    try:
        out = np.array(s.rows, dtype=float)
        if np.isfinite(out).all():
            return out
    except ValueError:
        pass
    return np.column_stack([s.floats(c) for c in s.columns])  # which says where there is none


def _dates(name: str, days: Floats) -> Ints:
    """(row,) days since 1 January of year 1."""
    known: dict[tuple[float, ...], int] = {}
    out = np.empty(len(days), np.int64)
    for k, day in enumerate(map(tuple, days.tolist())):
        if day not in known:
            try:
                if day != tuple(map(int, day)):
                    raise ValueError
                known[day] = date(int(day[0]), int(day[1]), int(day[2])).toordinal() - 1
            except (ValueError, OverflowError):
                told = "-".join(f"{x:g}" for x in day)
                raise ProfileError(f"series {name}, row {k + 2}: {told} is no date", "mend the file") from None
        out[k] = known[day]
    return out
