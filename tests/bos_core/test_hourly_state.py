"""Hourly state of all devices and of some: against a plain dictionary, in memory and in Postgres, copied and merged."""

from dataclasses import replace
from itertools import count

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bos_core.index import merging, scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource, held, painted
from bos_core.index.migrations.upgrade import config
from bos_core.index.scenarios import Changes
from bos_core.objects.errors import ConflictError
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

BUSES = ("1", "2", "3")
HOURS = 12
_label = (f"h{k}" for k in count())
_number = count()

named = st.one_of(st.none(), st.lists(st.sampled_from(BUSES), min_size=1, unique=True).map(lambda x: tuple(sorted(x))))
stroke = st.tuples(st.integers(0, HOURS - 1), st.integers(1, HOURS), named)
strokes = st.lists(stroke, max_size=6)

# hour and device -> the stage that says it
State = dict[tuple[int, str], str]


def _source(stroke_: tuple[int, int, tuple[str, ...] | None]) -> StateSource:
    first, hours, devices = stroke_
    return StateSource("set", f"s{next(_number)}", first, min(hours, HOURS - first), devices)


def _said(sources) -> State:
    """As a reader lays them over one another."""
    out: State = {}
    for s in sources:
        out |= {(h, d): s.stage for h in range(s.first_hour, s.end) for d in s.devices or BUSES}
    return out


@given(strokes)
def test_of_each_hour_and_device_the_last_pointer_counts(told):
    sources = [_source(t) for t in told]
    found: list[StateSource] = []
    for s in sources:
        found = painted(found, s)
    assert _said(found) == _said(sources)
    for some in (False, True):
        cells = [(h, d) for s in found if (s.devices is not None) == some
                 for h in range(s.first_hour, s.end) for d in s.devices or BUSES]  # fmt: skip
        assert len(cells) == len(set(cells))
    assert [s.devices is None for s in found] == sorted((s.devices is None for s in found), reverse=True)


def _version(index: Index, parent: int | None, sources: list[StateSource], times: int = 1) -> int:
    async def work(db):
        version = await scenarios.branch(db, parent, next(_label))
        for _ in range(times):
            await scenarios.write(db, version, Changes(hourly=[("load", s) for s in sources]))
        await scenarios.commit(db, version)
        return version

    return index.call(work)


def _held(index: Index, version: int):
    async def work(db):
        return await held(db, (await scenarios.version(db, version)).lineage, "load")

    return index.call(work).get("load", ())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(strokes, min_size=1, max_size=4), st.integers(1, 2))
def test_versions_keep_what_each_of_them_said(index: Index, versions, times):
    parent, every = None, []
    for told in versions:
        mine = sorted((_source(t) for t in told), key=lambda s: s.devices is not None)
        wholes, kept = [], []
        for s in mine:  # a version says an hour of all devices once, as a stage of a month does
            if s.devices is None and any(s.first_hour < w.end and w.first_hour < s.end for w in wholes):
                continue
            wholes += [s] if s.devices is None else []
            kept.append(s)
        parent = _version(index, parent, kept, times)
        every += kept
        assert _said(_held(index, parent)) == _said(every)


def test_a_full_copy_says_the_same(index: Index):
    base = _version(index, None, [_source((0, 12, None)), _source((0, 12, ("1",))), _source((0, 12, ("2",)))])
    before = _held(index, base)

    async def copied(db):
        version = await scenarios.branch(db, base, next(_label))
        record = await scenarios.version(db, version)
        await scenarios._copy_everything(db, record)
        record.lineage = [version]
        db.add(record)
        return version

    assert _held(index, index.call(copied)) == before
    assert len(before) == 3


def _merged(index: Index, ours: int, theirs: int, prefer=None) -> int:
    async def work(db):
        version = await merging.merge(db, ours, theirs, next(_label), prefer)
        await scenarios.commit(db, version)
        return version

    return index.call(work)


def test_profiles_of_different_devices_merge_and_of_the_same_clash(index: Index):
    whole, early = _source((0, 12, None)), _source((0, 6, ("1",)))
    base = _version(index, None, [whole, early])
    two, three = _source((0, 12, ("2",))), _source((3, 4, ("3",)))
    mine, yours = _version(index, base, [two]), _version(index, base, [three])
    expected = _said([whole, early, two, three])
    assert _said(_held(index, _merged(index, mine, yours))) == expected
    assert _said(_held(index, _merged(index, yours, mine))) == expected
    other = _version(index, base, [_source((0, 12, ("2", "3")))])
    with pytest.raises(ConflictError, match="disagree on 1 values: 2 of load"):
        _merged(index, mine, other)
    late = replace(_source((6, 6, None)))
    again = _version(index, base, [late])  # of all devices, as a run writes it
    assert _said(_held(index, again)) == _said([whole, early, late])
    with pytest.raises(ConflictError, match="hourly of load"):
        _merged(index, mine, again)
    assert _said(_held(index, _merged(index, again, mine, "theirs"))) == _said([whole, early, late, two])
    assert _said(_held(index, _merged(index, _version(index, base, []), again))) == _said([whole, early, late])
    found = index.call(lambda db: merging.diff(db, base, mine))
    assert [(d.place, d.before, [s.stage for s in d.after]) for d in found] == [
        (("hourly", "load", "2"), None, [two.stage])
    ]


def test_pointers_of_before_are_of_all_devices(tmp_path):
    home = Settings(tmp_path, "", 0)
    server = EmbeddedPostgres(home)
    server.start()
    index = Index(home)

    async def as_before() -> None:
        async with index._engine.begin() as connection:
            await connection.run_sync(lambda c: command.upgrade(config(c), "0009"))
            await connection.execute(text(
                "insert into scenario (task_set_id, label, lineage, committed, created) values ('', 'old', '{1}', true, now())"
            ))  # fmt: skip
            await connection.execute(text("insert into hourlystate values (1, 'load', 24, 48, 'set', 'sequence')"))

    try:
        index.wait(as_before())
        index.open()
        assert _held(index, 1) == (StateSource("set", "sequence", 24, 48),)
        child = _version(index, 1, [StateSource("mine", "profile", 24, 24, ("3",))])
        assert _held(index, child) == (
            StateSource("set", "sequence", 24, 48),
            StateSource("mine", "profile", 24, 24, ("3",)),
        )
    finally:
        index.close()
        server.stop()
