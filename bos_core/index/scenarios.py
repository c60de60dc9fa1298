"""Scenario versions: copy on write in Postgres.

A version stores the rows that it changes. Reading takes, of each row, the newest among the versions of the
lineage; a version whose lineage has grown long writes all rows again, so reading stays as quick as at the root.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, Text, any_, delete, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlmodel import SQLModel, col
from sqlmodel import select as select_model
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.hourly_state import StateSource, held
from bos_core.index.ontology_tables import table_of
from bos_core.index.statements import execute, put
from bos_core.index.tables import Scenario, now
from bos_core.objects.data import Category, Relation
from bos_core.objects.errors import OntologyError
from storage.ontology.schema import attributes_of, validated

BULK_FROM = 200  # rows from which COPY is quicker than INSERT
FULL_COPY_SHARE = 0.4  # changed rows, as a share of all, at which a commit writes everything again

Values = dict[str, Any]


@dataclass(frozen=True, order=True)
class Thing:
    """An entity: global id, kind, name and its place among its kind."""

    gid: str
    kind: str
    name: str
    position: int = 0


@dataclass(frozen=True, order=True)
class Link:
    """An edge of the organisation or the topology."""

    relation: Relation
    source: str
    target: str
    via: str = ""


@dataclass
class Ontology:
    """What a version says, or a part of it, in memory."""

    things: dict[str, Thing] = field(default_factory=dict)
    values: dict[Category, dict[str, Values]] = field(default_factory=dict)
    links: set[Link] = field(default_factory=set)


@dataclass
class Changes:
    """What a version is to change; values given are merged into those the entity has."""

    things: list[Thing] = field(default_factory=list)
    values: list[tuple[Category, str, Mapping[str, Any]]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unlinked: list[Link] = field(default_factory=list)
    hourly: list[tuple[str, StateSource]] = field(default_factory=list)


def table_entity() -> Table:
    """Table of entities."""
    return SQLModel.metadata.tables["entity"]


def table_relation() -> Table:
    """Table of relations."""
    return SQLModel.metadata.tables["entityrelation"]


def table_hourly() -> Table:
    """Table of pointers to hourly arrays."""
    return SQLModel.metadata.tables["hourlystate"]


def _versioned() -> list[Table]:
    return [table_entity(), table_relation(), *(table_of(c) for c in Category)]


async def branch(db: AsyncSession, parent_id: int | None, label: str, set_id: str = "") -> int:
    """A new open version under a committed one (or a root); the same label gives the same version again.

    Raises:
        OntologyError: the parent does not exist or is still open.
    """
    lineage: list[int] = []
    if parent_id is not None:
        parent = await version(db, parent_id)
        if not parent.committed:
            raise OntologyError(f"scenario version {parent_id} is still open", "commit it first")
        lineage = parent.lineage
    made = insert(Scenario).values(
        task_set_id=set_id, label=label, parent_id=parent_id, committed=False, lineage=[], created=now()
    )
    await execute(db, made.on_conflict_do_nothing(index_elements=["task_set_id", "label"]))
    query = select_model(Scenario).where(col(Scenario.task_set_id) == set_id, col(Scenario.label) == label)
    found: Scenario = (await db.exec(query)).one()
    if not found.lineage:
        assert found.id is not None
        found.lineage = [*lineage, found.id]
        db.add(found)
    return found.lineage[-1]


async def version(db: AsyncSession, scenario_id: int) -> Scenario:
    """A version's record.

    Raises:
        OntologyError: it does not exist.
    """
    found = await db.get(Scenario, scenario_id)
    if found is None:
        raise OntologyError(f"scenario version {scenario_id} does not exist", "see `bos scenario list`")
    return found


async def labelled(db: AsyncSession, label: str) -> int | None:
    """The version of that label which a user made, if there is one."""
    query = select_model(Scenario.id).where(Scenario.task_set_id == "", Scenario.label == label)
    return (await db.exec(query)).first()


async def version_named(db: AsyncSession, set_id: str, label: str) -> int:
    """The id of a task set's version.

    Raises:
        OntologyError: it does not exist.
    """
    query = select_model(Scenario.id).where(col(Scenario.task_set_id) == set_id, col(Scenario.label) == label)
    found = (await db.exec(query)).first()
    if found is None:
        raise OntologyError(f"task set {set_id} has no scenario version {label}", "see `bos scenario list`")
    return found


async def system_of(db: AsyncSession, scenario_id: int) -> str:
    """Global id of a version's system.

    Raises:
        OntologyError: the version does not exist or holds no system.
    """
    rows = await _rows(db, table_entity(), (await version(db, scenario_id)).lineage, None)
    found = next((r.gid for r in rows if r.kind == "system"), None)
    if found is None:
        raise OntologyError(f"scenario version {scenario_id} holds no system", "see `bos scenario list`")
    return str(found)


async def listed(db: AsyncSession) -> list[Scenario]:
    """All versions, newest first."""
    return list((await db.exec(select_model(Scenario).order_by(col(Scenario.id).desc()))).all())


async def read(
    db: AsyncSession, scenario_id: int, categories: Iterable[Category] = tuple(Category),
    gids: Iterable[str] | None = None,
) -> Ontology:  # fmt: skip
    """What a version says in some categories, of all entities or of those named.

    Raises:
        OntologyError: the version does not exist.
    """
    lineage = (await version(db, scenario_id)).lineage
    chosen = None if gids is None else list(gids)
    out = Ontology()
    for row in await _rows(db, table_entity(), lineage, chosen):
        out.things[row.gid] = Thing(row.gid, row.kind, row.name, row.position)
    for category in categories:
        names: dict[str, list[str]] = {}
        rows = {}
        for row in await _rows(db, table_of(category), lineage, chosen):
            kind = out.things[row.gid].kind
            if kind not in names:
                names[kind] = list(attributes_of(category, kind))
            rows[row.gid] = {n: getattr(row, n) for n in names[kind]}
        out.values[category] = rows
    for row in await _rows(db, table_relation(), lineage, None):
        link = Link(Relation(row.relation), row.source, row.target, row.via)
        if chosen is None or link.source in out.things or link.target in out.things:
            out.links.add(link)
    return out


async def read_category(
    db: AsyncSession, scenario_id: int, category: Category, gids: Iterable[str] | None = None
) -> dict[str, Values]:
    """Attributes of a category by global id, of all entities or of those named.

    Raises:
        OntologyError: the version does not exist.
    """
    return (await read(db, scenario_id, (category,), gids)).values[category]


async def count_links(db: AsyncSession, scenario_id: int) -> int:
    """Rows of relations that a version's lineage holds."""
    lineage, table = (await version(db, scenario_id)).lineage, table_relation()
    query = select(func.count()).where(table.c.scenario_id.in_(lineage))
    return int((await execute(db, query)).scalar_one())


async def devices_within(db: AsyncSession, scenario_id: int, place: str, kind: str | None = None) -> list[str]:
    """Devices of a system, region or station by a recursive query, sorted; only those of a kind if one is given.

    Raises:
        OntologyError: the version or the place does not exist.
    """
    lineage = (await version(db, scenario_id)).lineage
    if not await _rows(db, table_entity(), lineage, [place]):
        raise OntologyError(f"no entity is called {place}", "list what there is with `bos data read`")
    newest = _newest(table_relation(), lineage).subquery()
    within = select(newest.c.source, newest.c.target).where(
        newest.c.relation == Relation.ORGANISATION.value, ~newest.c.deleted
    ).cte()  # fmt: skip
    down = select(within.c.target).where(within.c.source == place).cte(recursive=True)
    down = down.union(select(within.c.target).join(down, within.c.source == down.c.target))
    things = _newest(table_entity(), lineage).subquery()
    query = select(things.c.gid).join(down, down.c.target == things.c.gid).where(
        ~things.c.deleted, things.c.kind.not_in(("system", "region", "station"))
    )  # fmt: skip
    if kind is not None:
        query = query.where(things.c.kind == kind)
    return sorted((await execute(db, query)).scalars())


async def _rows(db: AsyncSession, table: Table, lineage: list[int], gids: list[str] | None) -> list[Any]:
    """Effective rows of a table: of each key the newest in the lineage, removed ones left out."""
    query = _newest(table, lineage)
    if gids is not None:
        query = query.where(table.c.gid == any_(literal(gids, ARRAY(Text))))  # one argument, however many they are
    return [r for r in (await execute(db, query)).all() if not r.deleted]


def _newest(table: Table, lineage: list[int]) -> Any:
    """Query for the newest row of each key in the lineage."""
    query = select(table).where(table.c.scenario_id.in_(lineage))
    if len(lineage) == 1:
        return query
    keys = [c for c in table.primary_key.columns if c.name != "scenario_id"]
    return query.distinct(*keys).order_by(*keys, table.c.scenario_id.desc())


async def write(db: AsyncSession, scenario_id: int, changes: Changes) -> None:
    """Write changes under an open version; writing the same again changes nothing.

    Raises:
        OntologyError: the version is committed, an entity is unknown or changes its kind, a value is not valid.
    """
    for rows in (await prepare(db, scenario_id, changes)).values():
        for table, kept in rows.items():
            await put(db, table, kept, bulk=len(kept) >= BULK_FROM)


Rows = dict[Table, list[Values]]


async def prepare(db: AsyncSession, scenario_id: int, changes: Changes) -> dict[str, Rows]:
    """The rows that changes make, checked: `entities`, `attributes`, `relations`, `hourly state`, in this order.

    Raises:
        OntologyError: the version is committed, an entity is unknown or changes its kind, a value is not valid.
    """
    record = await version(db, scenario_id)
    if record.committed:
        raise OntologyError(f"scenario version {scenario_id} is committed", "branch from it and write there")
    touched = {t.gid for t in changes.things} | {g for _, g, _ in changes.values} | set(changes.removed)
    wanted = {c for c, _, _ in changes.values}
    known = await read(db, scenario_id, wanted, touched)
    for thing in changes.things:
        old = known.things.get(thing.gid)
        if old is not None and (old.kind, old.name) != (thing.kind, thing.name):
            raise OntologyError(f"{thing.gid} is already the id of {old.kind} {old.name}", "choose another global id")
        known.things[thing.gid] = thing
    values: dict[Category, dict[str, Values]] = {}
    for category, gid, given in changes.values:
        if gid not in known.things:
            raise OntologyError(f"no entity is called {gid}", "add the entity with its attributes")
        merged = {**known.values[category].get(gid, {}), **values.get(category, {}).get(gid, {}), **given}
        values.setdefault(category, {})[gid] = validated(category, known.things[gid].kind, gid, merged)
    here = {"scenario_id": scenario_id, "deleted": False}
    links = [{**here, **_plain(x)} for x in changes.links]
    links += [{**here, **_plain(x), "deleted": True} for x in changes.unlinked]
    out: dict[str, Rows] = {
        "entities": {table_entity(): [_entity(t, scenario_id) for t in changes.things]},
        "attributes": {table_of(c): _filled(c, by_gid, scenario_id) for c, by_gid in values.items()},
        "relations": {table_relation(): links},
        "hourly state": {table_hourly(): await _pointers(db, scenario_id, changes.hourly)},
    }
    await _remove(db, scenario_id, [known.things[g] for g in changes.removed if g in known.things], out)
    return out


def _entity(t: Thing, scenario_id: int, deleted: bool = False) -> Values:
    return {"scenario_id": scenario_id, "deleted": deleted, "gid": t.gid, "kind": t.kind, "name": t.name,
            "position": t.position}  # fmt: skip


async def _pointers(db: AsyncSession, scenario_id: int, hourly: list[tuple[str, StateSource]]) -> list[Values]:
    """Rows of pointers; those of some devices get layers over the version's own, or that which they have already."""
    table, layers = table_hourly(), Counter[str]()
    known: dict[tuple[str, StateSource], int] = {}
    if any(s.devices is not None for _, s in hourly):
        query = select(table).where(table.c.scenario_id == scenario_id, table.c.layer > 0)
        for r in (await execute(db, query)).all():
            layers[r.dataset] = max(layers[r.dataset], r.layer)
            known[r.dataset, StateSource(r.task_set_id, r.stage, r.first_hour, r.hours, tuple(r.devices))] = r.layer
    out = []
    for dataset, s in hourly:
        layer = 0 if s.devices is None else known.get((dataset, s), 0)
        if s.devices is not None and not layer:
            layers[dataset] += 1
            layer = layers[dataset]
        out.append(_pointer(dataset, s, scenario_id, layer))
    return out


def _pointer(dataset: str, s: StateSource, scenario_id: int, layer: int) -> Values:
    return {"scenario_id": scenario_id, "dataset": dataset, "layer": layer, "first_hour": s.first_hour,
            "hours": s.hours, "task_set_id": s.task_set, "stage": s.stage,
            "devices": None if s.devices is None else list(s.devices)}  # fmt: skip


def _plain(link: Link) -> Values:
    return {"relation": link.relation.value, "source": link.source, "target": link.target, "via": link.via}


def _filled(category: Category, by_gid: Mapping[str, Values], scenario_id: int) -> list[Values]:
    every = dict.fromkeys(attributes_of(category))
    return [{**every, **v, "scenario_id": scenario_id, "gid": g, "deleted": False} for g, v in by_gid.items()]


async def _remove(db: AsyncSession, scenario_id: int, things: list[Thing], out: dict[str, Rows]) -> None:
    """Add rows that mark entities, their attributes and their links as removed."""
    if not things:
        return
    gids = [t.gid for t in things]
    known = await read(db, scenario_id, tuple(Category), gids)
    gone = {"scenario_id": scenario_id, "deleted": True}
    out["entities"][table_entity()] += [_entity(t, scenario_id, deleted=True) for t in things]
    for category, rows in known.values.items():
        empty = dict.fromkeys(attributes_of(category))
        out["attributes"].setdefault(table_of(category), []).extend({**empty, **gone, "gid": g} for g in rows)
    ends = set(gids)
    links = [x for x in known.links if ends & {x.source, x.target, x.via}]
    out["relations"][table_relation()] += [{**gone, **_plain(x)} for x in links]


async def commit(db: AsyncSession, scenario_id: int) -> None:
    """Close a version for good; from now on it can be branched and nothing can be written to it.

    Raises:
        OntologyError: a relation names an entity that is not there, or the version does not exist.
    """
    record = await version(db, scenario_id)
    if record.committed:
        return
    await _refuse_dangling(db, record)
    if await _grown(db, record.lineage):
        await _copy_everything(db, record)
        record.lineage = [scenario_id]
    record.committed = True
    db.add(record)


async def _refuse_dangling(db: AsyncSession, record: Scenario) -> None:
    changed = [t for t in _versioned()[:2]]
    counts = [await execute(db, select(func.count()).where(t.c.scenario_id == record.id)) for t in changed]
    if not any(c.scalar_one() for c in counts):
        return
    everything = await read(db, record.lineage[-1], ())
    for link in sorted(everything.links):
        ends = [link.source, link.target, *([link.via] if link.via else [])]
        missing = next((e for e in ends if e not in everything.things), None)
        if missing is not None:
            raise OntologyError(
                f"the {link.relation} {link.source} → {link.target} names {missing}, which does not exist",
                "add that entity or remove the relation",
            )


async def _grown(db: AsyncSession, lineage: list[int]) -> bool:
    """Whether what changed since the last full copy has become a large part of it."""
    if len(lineage) < 2:
        return False
    full = changed = 0
    for table in _versioned():
        query = select(func.count().filter(table.c.scenario_id == lineage[0]), func.count()).where(
            table.c.scenario_id.in_(lineage)
        )
        a, b = (await execute(db, query)).one()
        full, changed = full + a, changed + b - a
    return changed > FULL_COPY_SHARE * full


async def _copy_everything(db: AsyncSession, record: Scenario) -> None:
    """Write all effective rows again; the version's own marks of removal stay, for comparing needs them."""
    for table in _versioned():
        rows = [{**r._mapping, "scenario_id": record.id} for r in await _rows(db, table, record.lineage, None)]
        await put(db, table, rows, bulk=len(rows) >= BULK_FROM)
    hourly = await held(db, record.lineage)
    assert record.id is not None
    await execute(db, delete(table_hourly()).where(table_hourly().c.scenario_id == record.id))
    pointers = await _pointers(db, record.id, [(d, s) for d, kept in hourly.items() for s in kept])
    await put(db, table_hourly(), pointers)
