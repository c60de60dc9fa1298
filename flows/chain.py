"""The chain's stages and how a horizon is cut into months and chunks."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Stage:
    """A stage of the chain.

    Attributes:
        name: key in paths and the index.
        title: what a user reads.
        step: module of `flows.steps` that a container runs.
        days: most days in one chunk; 0 for one chunk per month.
        counts: input and array of the flags, per hour, that its duration depends on; its hours if empty.
        fixed: its duration does not depend on its hours.
    """

    name: str
    title: str
    step: str
    days: int = 0
    counts: tuple[str, str] | None = None
    fixed: bool = False


STAGES = (
    Stage("modelling", "system modelling", "modelling", fixed=True),
    Stage("snapshot", "initial snapshot", "snapshot", fixed=True),
    Stage("equivalence", "equivalence", "equivalence", fixed=True),
    Stage("sequence", "annual sequence", "sequence", fixed=True),
    Stage("uc-monthly", "commitment, monthly", "borders"),
    Stage("uc", "commitment, daily", "unit_commitment", 1),
    Stage("apd", "active dispatch", "active_dispatch", 10),
    Stage("apd-check", "inter-day check", "active_check"),
    Stage("rpd", "reactive dispatch", "reactive_dispatch", 10),
    Stage("rpd-check", "boundary check", "reactive_check"),
    Stage("n1", "N-1 verification", "n1", 10),
    Stage("adjust", "adjustment", "adjustment", 5, ("verification", "insecure")),
    Stage("reverify", "re-verification", "n1", 10, ("state", "adjusted")),
    Stage("listed", "listed contingencies", "listed", 10),
    Stage("transient", "transient check", "transient"),
    Stage("by-device", "copies by device", "by_device"),
)
COPIED = ("apd-check", "n1", "adjust")  # stages that get a copy by device
STAGE = {s.name: s for s in STAGES}
CHUNK_S = 4.0  # that a chunk is to take at most: long against what it costs to schedule, short enough to give way
LEAST_S = 0.5  # that it is to take at least
CHUNKS_A_WORKER = 2  # so that none idles long while another has the last one


@dataclass(frozen=True)
class Month:
    """A calendar month's part of the horizon, or all of it for a stage that has no months."""

    number: int
    first_hour: int
    hours: int
    name: str = ""

    @property
    def label(self) -> str:
        """What a user reads."""
        return self.name or f"month {self.number:02d}"


def months_of(first_hour: int, hours: int, start: datetime) -> list[Month]:
    """The months that a horizon touches, in order; `start` is the timestamp of hour 0."""
    out: list[Month] = []
    at, end = first_hour, first_hour + hours
    while at < end:
        moment = start + timedelta(hours=at)
        following = (moment.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0)
        span = min(end - at, int((following - moment).total_seconds() // 3600))
        out.append(Month((moment.year - start.year) * 12 + moment.month, at, span))
        at += span
    return out


def cut(stage: Stage, month: Month, seconds_a_day: float, workers: int) -> list[tuple[int, int]]:
    """(first hour, hours) of a stage's chunks in a month: whole days, long enough to be worth it.

    Every day is computed alike wherever it is cut, so the cut changes times and no result.
    """
    if not stage.days:
        return [(month.first_hour, month.hours)]
    days = -(-month.hours // 24)
    work = seconds_a_day * days
    pieces = max(work / CHUNK_S, min(CHUNKS_A_WORKER * workers, work / LEAST_S), 1.0)
    size = 24 * max(1, min(stage.days, round(days / pieces)))
    end = month.first_hour + month.hours
    return [(h, min(size, end - h)) for h in range(month.first_hour, end, size)]


def elements(stage: Stage, hours: int, contingencies: int) -> int:
    """Number of BOS tasks in `hours` hours of a stage."""
    days = -(-hours // 24)
    return {"uc": days, "apd": days, "rpd": hours, "n1": hours * contingencies, "adjust": hours,
            "reverify": hours * contingencies, "listed": hours * contingencies, "transient": contingencies}.get(stage.name, 1)  # fmt: skip
