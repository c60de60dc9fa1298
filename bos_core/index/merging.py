"""Comparing and merging scenario versions."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.hourly_state import StateSource, held
from bos_core.index.ontology_tables import table_of
from bos_core.index.scenarios import (
    Changes,
    Link,
    Ontology,
    Thing,
    branch,
    read,
    table_entity,
    table_relation,
    version,
    write,
)
from bos_core.index.statements import execute
from bos_core.index.tables import Scenario
from bos_core.objects.data import Category
from bos_core.objects.errors import ConflictError, OntologyError

# What is compared: ("entity" | category | "link" | "hourly", global id, link or dataset, attribute)
Place = tuple[str, str, str]
SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """One value that differs; None on a side that lacks it."""

    place: Place
    before: Any
    after: Any


async def ancestors(db: AsyncSession, scenario_id: int) -> list[int]:
    """A version and all it descends from, newest first."""
    await version(db, scenario_id)
    base = select(col(Scenario.id), col(Scenario.parent_id)).where(col(Scenario.id) == scenario_id).cte(recursive=True)
    up = select(col(Scenario.id), col(Scenario.parent_id)).join(base, col(Scenario.id) == base.c.parent_id)
    rows = await execute(db, select(base.union_all(up).c.id))
    return sorted(rows.scalars(), reverse=True)


async def diff(db: AsyncSession, before: int, after: int) -> list[Difference]:
    """What differs between two versions, whatever lies between them.

    Raises:
        OntologyError: a version does not exist.
    """
    mine, theirs = set(await ancestors(db, before)), set(await ancestors(db, after))
    versions = list(mine ^ theirs)
    gids: set[str] = set()
    for table in (table_entity(), *(table_of(c) for c in Category)):
        gids |= set((await execute(db, select(table.c.gid).where(table.c.scenario_id.in_(versions)))).scalars())
    relation = table_relation()
    touched = await execute(
        db, select(relation.c.source, relation.c.target).where(relation.c.scenario_id.in_(versions))
    )
    gids |= {g for row in touched.all() for g in row}
    a = _flat(await read(db, before, tuple(Category), gids)) | await _hourly(db, before)
    b = _flat(await read(db, after, tuple(Category), gids)) | await _hourly(db, after)
    return [Difference(k, a.get(k), b.get(k)) for k in sorted({*a, *b}) if not _same(a.get(k), b.get(k))]


async def _hourly(db: AsyncSession, scenario_id: int) -> dict[Place, Any]:
    """Pointers of all devices by dataset, those of some by dataset and device."""
    lineage = (await version(db, scenario_id)).lineage
    out: dict[Place, Any] = {}
    for dataset, sources in (await held(db, lineage)).items():
        whole = tuple(s for s in sources if s.devices is None)
        if whole:
            out["hourly", dataset, ""] = whole
        for s in sources:
            for device in s.devices or ():
                place = ("hourly", dataset, device)
                out[place] = (*out.get(place, ()), replace(s, devices=(device,)))
    return out


def _same(a: Any, b: Any) -> bool:
    return bool(a == b or (a != a and b != b))


def _flat(o: Ontology) -> dict[Place, Any]:
    out: dict[Place, Any] = {("entity", g, ""): t for g, t in o.things.items()}
    out |= {("link", "|".join((x.relation, x.source, x.target, x.via)), ""): x for x in o.links}
    for category, rows in o.values.items():
        out |= {(category.value, g, name): v for g, values in rows.items() for name, v in values.items()}
    return out


async def merge(
    db: AsyncSession, ours: int, theirs: int, label: str, prefer: Literal["ours", "theirs"] | None = None
) -> int:
    """A new open version: ours with all that theirs changed since they parted.

    Raises:
        ConflictError: both changed a value differently and no side is preferred; nothing is written.
        OntologyError: a version does not exist, or they have no common ancestor.
    """
    mine = await ancestors(db, ours)
    common = set(mine) & set(await ancestors(db, theirs))
    if not common:
        raise OntologyError(f"versions {ours} and {theirs} have no common ancestor", "merge versions of one scenario")
    base = max(common)
    my_changes = {d.place: d for d in await diff(db, base, ours)}
    their_changes = await diff(db, base, theirs)
    clashes = [d for d in their_changes if _clash(d, my_changes)]
    if clashes and prefer is None:
        raise ConflictError(_report(clashes, my_changes), "merge again preferring `ours` or `theirs`")
    skip = {d.place for d in clashes} if prefer == "ours" else set()
    new = await branch(db, ours, label)
    await write(db, new, _changes([d for d in their_changes if d.place not in skip]))
    record = await version(db, new)
    record.merged_id = theirs
    db.add(record)
    return new


def _clash(theirs: Difference, mine: dict[Place, Difference]) -> bool:
    """Whether we changed the same otherwise; of an hourly array, also all devices where they changed one, or one of all."""
    if theirs.place in mine:
        return not _same(mine[theirs.place].after, theirs.after)
    kind, dataset, device = theirs.place
    if kind != "hourly":
        return False
    return ("hourly", dataset, "") in mine if device else any(p[:2] == (kind, dataset) for p in mine)


def _report(clashes: list[Difference], mine: dict[Place, Difference]) -> str:
    told = [f"{d.place[2] or d.place[0]} of {d.place[1]} (was {_short(d.before)}, ours "
            f"{_short(mine[d.place].after) if d.place in mine else 'changed with other devices'}, "
            f"theirs {_short(d.after)})" for d in clashes[:SHOWN]]  # fmt: skip
    more = f" and {len(clashes) - SHOWN} more" if len(clashes) > SHOWN else ""
    return f"the versions disagree on {len(clashes)} values: {'; '.join(told)}{more}"


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{s.stage} of {s.task_set}, hours {s.first_hour} to {s.end}" for s in value)
    return "absent" if value is None else value.name if isinstance(value, Thing) else str(value)


def _within(s: StateSource, known: Iterable[StateSource]) -> bool:
    """Whether a pointer is a part of one that was there: what lies over it then must stay."""
    same = (k for k in known if replace(k, first_hour=s.first_hour, hours=s.hours) == s)
    return any(k.first_hour <= s.first_hour and s.end <= k.end for k in same)


def _changes(differences: list[Difference]) -> Changes:
    out = Changes()
    values: dict[tuple[Category, str], dict[str, Any]] = {}
    devices: dict[tuple[str, StateSource], list[str]] = {}
    for d in differences:
        kind, gid, name = d.place
        if kind == "entity":
            out.removed.append(gid) if d.after is None else out.things.append(d.after)
        elif kind == "link":
            link: Link = d.after or d.before
            (out.unlinked if d.after is None else out.links).append(link)
        elif kind == "hourly":
            for s in (s for s in d.after or () if not _within(s, d.before or ())):
                devices.setdefault((gid, replace(s, devices=None)), []).extend(s.devices or ())
        else:
            values.setdefault((Category(kind), gid), {})[name] = d.after
    out.hourly = [(g, replace(s, devices=tuple(sorted(named)) or None)) for (g, s), named in devices.items()]
    gone = set(out.removed)
    out.values = [(c, g, v) for (c, g), v in values.items() if g not in gone]
    return out
