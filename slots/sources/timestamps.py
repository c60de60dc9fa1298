"""Timestamps as people write them, as seconds of UTC: offsets are honoured, local times need their zone, doubt is refused."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from bos_core.objects.errors import ProfileError
from slots.grid.model import Floats, Ints

HOUR = 3600
MOST_OFFSET_H = 15  # that any place on earth is from UTC
_TIME = r"(?:(?P<h>\d{1,2})(?::?(?P<min>\d{2})(?::?(?P<s>\d{2})(?:[.,](?P<frac>\d+))?)?)?\s*(?P<half>[ap]m)?)"
_ZONE = r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_REST = rf"(?:(?:[T,]|\s)\s*{_TIME}{_ZONE})?"
_YEAR_FIRST = re.compile(rf"(?P<y>\d{{4}})([-/.])(?P<m>\d{{1,2}})\2(?P<d>\d{{1,2}}){_REST}", re.IGNORECASE)
_COMPACT = re.compile(rf"(?P<y>\d{{4}})(?P<m>\d{{2}})(?P<d>\d{{2}})T{_TIME}{_ZONE}", re.IGNORECASE)
_YEAR_LAST = re.compile(rf"(?P<a>\d{{1,2}})(?P<sep>[-/.])(?P<b>\d{{1,2}})(?P=sep)(?P<y>\d{{4}}){_REST}", re.IGNORECASE)
_NAMED = re.compile(rf"(?P<d>\d{{1,2}})[ -](?P<name>[a-z]{{3}})[a-z]*\.?[ -](?P<y>\d{{4}}){_REST}", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Stamps:
    """When the rows of a file are.

    Attributes:
        seconds: (row,) since 1970 in UTC, or since hour 0 where the file only counts hours.
        counted: whether it only counts hours.
        naive: whether the times carried no zone and none was given: they were taken as UTC.
        remarks: what a user is told.
    """

    seconds: Ints
    counted: bool
    naive: bool = False
    remarks: tuple[str, ...] = field(default=())


def told(second: int, counted: bool) -> str:
    """A moment as a user reads it."""
    if counted:
        return f"hour {second / HOUR:g}"
    return f"{_EPOCH + timedelta(seconds=int(second)):%Y-%m-%d %H:%M}"


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        ProfileError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ProfileError(f"no time zone is called '{name}'", "write for example Europe/Berlin") from None


def stamps_of(cells: Sequence[str], where: str, zone: ZoneInfo | None = None) -> Stamps:
    """The moments that cells name: all hours counted from 0, or all timestamps.

    Args:
        cells: of the first column, one a row.
        where: the file, as an error names it.
        zone: of times that carry none.

    Raises:
        ProfileError: a cell is neither, or could mean two days, or the rows are of two kinds.
    """
    counts = [_number(c) for c in cells]
    if all(c is not None for c in counts):
        words = (f"hours are counted, so {zone} plays no part",) if zone else ()
        return replace(_counted(np.array(counts, float), where), remarks=words)
    parsed = [_parsed(c) for c in cells]
    strange = next((k for k, p in enumerate(parsed) if p is None), None)
    if strange is not None:
        raise ProfileError(
            f"the first column of profile {where} holds neither hours nor timestamps: '{' '.join(cells[strange].split())[:40]}' in row "
            f"{strange + 2}", "give ISO timestamps (2020-01-31 13:00) or hours (0, 1, …)",
        )  # fmt: skip
    found = [p for p in parsed if p is not None]
    day_first = _day_first([p["a"] + "/" + p["b"] for p in found if p.get("sep") in ("/", "-")], where)
    times, offsets = [], []
    for k, p in enumerate(found):
        try:
            times.append(_moment(p, day_first))
            offsets.append(_offset(p))
        except ValueError:
            raise ProfileError(f"'{' '.join(cells[k].split())}' in row {k + 2} of profile {where} is no date of the calendar",
                               "mend the file") from None  # fmt: skip
    return in_utc(times, offsets, where, zone)


def in_utc(times: Sequence[datetime], offsets: Sequence[timedelta | None], where: str, zone: ZoneInfo | None) -> Stamps:
    """Moments from local times and their offsets from UTC (None: not said).

    Raises:
        ProfileError: some carry an offset and some do not, or a time does not exist in its zone.
    """
    carried = sum(o is not None for o in offsets)
    if 0 < carried < len(offsets):
        k = next(k for k, o in enumerate(offsets) if o is None)
        raise ProfileError(
            f"row {k + 2} of profile {where} has no offset from UTC, others have one", "give it in every row"
        )
    if carried:
        shifted = [t - o for t, o in zip(times, offsets, strict=True) if o is not None]
        words = (f"offsets from UTC count, {zone} was not needed",) if zone else ()
        return Stamps(_seconds(shifted), False, remarks=words)
    if zone is None:
        return Stamps(_seconds(times), False, naive=True)
    return Stamps(_seconds(_from_zone(times, where, zone)), False, remarks=(f"local times of {zone}, now in UTC",))


def _from_zone(times: Sequence[datetime], where: str, zone: ZoneInfo) -> list[datetime]:
    """Local times in UTC; of a time that the clock shows twice the first row is the earlier."""
    seen: set[datetime] = set()
    out = []
    for k, t in enumerate(times):
        early, late = (t.replace(tzinfo=zone, fold=f).utcoffset() for f in (0, 1))
        assert early is not None
        assert late is not None
        if late > early:  # the clock jumps over it
            raise ProfileError(
                f"row {k + 2} of profile {where}: {t:%Y-%m-%d %H:%M} does not exist in {zone}, where clocks go forward",
                "give the zone that the file is in",
            )
        out.append(t - (late if t in seen else early))
        if early != late:
            seen.add(t)
    return out


def _seconds(times: Sequence[datetime]) -> Ints:
    return np.array([round((t - _EPOCH).total_seconds()) for t in times], np.int64)


def _number(cell: str) -> float | None:
    return float(cell) if re.fullmatch(r"\s*[+-]?\d+([.,]\d*)?([eE][+-]?\d+)?\s*", cell.replace(",", ".")) else None


def _counted(hours: Floats, where: str) -> Stamps:
    if (hours < 0).any():
        raise ProfileError(f"profile {where} has hour {hours.min():g}", "count hours from 0, the scenario's start")
    if hours.max() > 1e5:
        raise ProfileError(f"the first column of profile {where} holds {hours.max():.0f}, which is no hour of a year",
                           "give ISO timestamps (2020-01-31 13:00) or hours (0, 1, …)")  # fmt: skip
    minutes = hours * 60
    if (np.abs(minutes - np.round(minutes)) > 1e-3).any():
        bad = hours[np.abs(minutes - np.round(minutes)) > 1e-3][0]
        raise ProfileError(f"hour {bad:g} of profile {where} is no whole minute", "give hours, halves or quarters")
    return Stamps(np.asarray(np.round(minutes) * 60).astype(np.int64), True)


def _parsed(cell: str) -> dict[str, str] | None:
    for pattern in (_YEAR_FIRST, _COMPACT, _YEAR_LAST, _NAMED):
        found = pattern.fullmatch(cell.strip())
        if found:
            out = {k: v for k, v in found.groupdict().items() if v is not None}
            return out if out.get("name", "jan").lower() in _MONTHS else None
    return None


def _day_first(pairs: list[str], where: str) -> bool:
    """Whether 03/04/2020 is 3 April in a file with these dates."""
    numbers = np.array([[int(x) for x in p.split("/")] for p in dict.fromkeys(pairs)], int).reshape(-1, 2)
    first, second = bool((numbers[:, 0] > 12).any()), bool((numbers[:, 1] > 12).any())
    if first and second:
        raise ProfileError(f"profile {where} has dates with the day first and with the month first",
                           "write ISO dates (2020-01-31)")  # fmt: skip
    if not first and not second and (numbers[:, 0] != numbers[:, 1]).any():
        raise ProfileError(
            f"dates of profile {where} could have the day or the month first ({pairs[-1]})",
            "write ISO dates (2020-01-31)",
        )
    return not second


def _moment(p: dict[str, str], day_first: bool) -> datetime:
    """Raises ValueError where the calendar or the clock has no such moment."""
    if "a" in p:
        first = day_first or p["sep"] == "."
        day, month = (p["a"], p["b"]) if first else (p["b"], p["a"])
    else:
        day, month = p["d"], p.get("m") or str(1 + _MONTHS.index(p["name"].lower()))
    hour, half = int(p.get("h", 0)), p.get("half", "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (half == "pm")
    minute, second = int(p.get("min", 0)), int(p.get("s", 0))
    if int(p.get("frac", 0)) or (hour == 24 and (minute or second)):
        raise ValueError
    midnight = datetime(int(p["y"]), int(month), int(day), 0 if hour == 24 else hour, minute, second)
    return midnight + timedelta(days=hour == 24)


def _offset(p: dict[str, str]) -> timedelta | None:
    """Raises ValueError where no place has such an offset."""
    zone = p.get("zone", "").upper().replace(":", "")
    if not zone:
        return None
    if zone in ("Z", "UTC", "GMT"):
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[3:5] or 0)
    if hours > MOST_OFFSET_H or minutes > 59:
        raise ValueError
    return (-1 if zone[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)


def year_start(second: int) -> datetime:
    """Midnight of 1 January of a moment's year (UTC)."""
    return datetime((_EPOCH + timedelta(seconds=int(second))).year, 1, 1, tzinfo=UTC)
