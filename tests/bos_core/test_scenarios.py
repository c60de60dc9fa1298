"""Scenario versions on a real Postgres: against a plain model in memory, merging, refusing, round trips, graph."""

from copy import deepcopy
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bos_core.index import merging, scenarios
from bos_core.index.client import Index
from bos_core.index.scenarios import Changes, Link, Thing
from bos_core.objects.data import Category, Relation
from bos_core.objects.errors import ConflictError, OntologyError
from flows.ontology import grid_of_ontology, ontology_of
from slots.grid.model import Grid
from slots.sources.catalogue import load_source

_label = (f"v{k}" for k in count())


def _new(index: Index, parent: int | None, changes: Changes, close: bool = True) -> int:
    async def work(db):
        version = await scenarios.branch(db, parent, next(_label))
        await scenarios.write(db, version, changes)
        if close:
            await scenarios.commit(db, version)
        return version

    return index.call(work)


def _read(index: Index, version: int, **what):
    return index.call(lambda db: scenarios.read(db, version, **what))


def _grid(index: Index, version: int) -> Grid:
    return grid_of_ontology(_read(index, version))


def _same(a: Grid, b: Grid) -> None:
    left, right = a.to_arrays(), b.to_arrays()
    assert list(left) == list(right)
    for name, x in left.items():
        np.testing.assert_array_equal(x, right[name], err_msg=name)
        assert x.dtype.kind == right[name].dtype.kind, name
    assert a.header() == b.header()


@pytest.fixture(scope="module")
def rts() -> Grid:
    return load_source("case_RTS_GMLC").grid


@pytest.fixture(scope="module")
def root(index: Index, rts: Grid) -> int:
    return _new(index, None, ontology_of(rts, (0.03, 0.05)))


@pytest.mark.parametrize("name", ["case_RTS_GMLC", "case9", "case118", "pandapower:case39"])
def test_a_grid_comes_back_from_the_database_bit_for_bit(index: Index, name: str):
    grid = load_source(name).grid
    _same(grid, _grid(index, _new(index, None, ontology_of(grid))))


def test_a_child_stores_only_what_it_changed(index: Index, root: int, rts: Grid):
    changed = Changes(values=[(Category.STATIC_MODEL, "branch:" + rts.branches.name[3], {"rate": 123.0})])
    child = _new(index, root, changed)
    assert _grid(index, child).branches.rate[3] == 123.0
    _same(_grid(index, root), rts)
    found = index.call(lambda db: merging.diff(db, root, child))
    assert [(d.place[1:], d.before, d.after) for d in found] == [
        (("branch:" + rts.branches.name[3], "rate"), rts.branches.rate[3], 123.0)
    ]


def test_a_long_chain_is_read_through_a_full_copy(index: Index):
    things = [Thing(f"unit:{k}", "unit", str(k), k) for k in range(40)]
    version = _new(index, None, Changes(things, [(Category.COST, t.gid, {"start_cost": 0.0}) for t in things]))
    for k in range(60):
        version = _new(index, version, Changes(values=[(Category.COST, f"unit:{k % 40}", {"start_cost": 1.0 + k})]))
    lineage = index.call(lambda db: scenarios.version(db, version)).lineage
    assert len(lineage) < 40
    costs = _read(index, version, categories=[Category.COST]).values[Category.COST]
    assert [costs[f"unit:{k}"]["start_cost"] for k in range(40)] == [1.0 + (k + 40 if k < 20 else k) for k in range(40)]


# What a version says, in plain Python: entity -> start cost; links between entities.
State = tuple[dict[str, float], frozenset[tuple[str, str]]]
UNITS = [f"unit:{k}" for k in range(5)]
edit = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(UNITS), st.floats(0, 9)),
    st.tuples(st.just("remove"), st.sampled_from(UNITS), st.none()),
    st.tuples(st.just("link"), st.sampled_from(UNITS), st.sampled_from(UNITS)),
)
step = st.one_of(
    st.tuples(st.just("branch"), st.integers(0, 99), st.lists(edit, min_size=1, max_size=4)),
    st.tuples(st.just("merge"), st.integers(0, 99), st.integers(0, 99)),
)


def _edited(state: State, edits) -> tuple[State, Changes]:
    costs, links = dict(state[0]), set(state[1])
    for what, unit, other in edits:
        if what == "set":
            costs[unit] = other
        elif what == "remove":
            costs.pop(unit, None)
            links = {x for x in links if unit not in x}
        elif unit in costs and other in costs:
            links.add((unit, other))
    out = Changes()
    for unit in sorted({*costs, *state[0]}):
        if unit not in costs:
            out.removed.append(unit)
        elif costs[unit] != state[0].get(unit):
            out.things.append(Thing(unit, "unit", unit))
            out.values.append((Category.COST, unit, {"start_cost": costs[unit]}))
    out.links = [Link(Relation.TOPOLOGY, *x) for x in links - state[1]]
    return (costs, frozenset(links)), out


def _places(state: State) -> dict:
    return {**{("cost", u): c for u, c in state[0].items()}, **{("link", x): True for x in state[1]}}


def _merged(base: State, ours: State, theirs: State) -> State | None:
    """Three-way merge in plain Python; None where both changed one place differently."""
    b, o, t = _places(base), _places(ours), _places(theirs)
    out = dict(o)
    for place in {*b, *t}:
        if t.get(place) == b.get(place):
            continue
        if o.get(place) != b.get(place) and o.get(place) != t.get(place):
            return None
        out.pop(place, None)
        if place in t:
            out[place] = t[place]
    return {u: c for (k, u), c in out.items() if k == "cost"}, frozenset(x for k, x in out if k == "link")


def _dangling(state: State) -> bool:
    return any(end not in state[0] for link in state[1] for end in link)


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(step, min_size=2, max_size=10))
def test_any_sequence_of_branches_and_merges_matches_a_plain_model(index: Index, steps):
    versions = [_new(index, None, Changes())]
    states: list[State] = [({}, frozenset())]
    parents = [[0]]  # of each version all it descends from, itself included
    for what, a, b in steps:
        a %= len(versions)
        if what == "branch":
            state, changes = _edited(states[a], b)
            versions.append(_new(index, versions[a], deepcopy(changes)))
            parents.append([*parents[a], len(versions) - 1])
        else:
            b %= len(versions)
            base = max(set(parents[a]) & set(parents[b]))
            state = _merged(states[base], states[a], states[b])

            async def merge(db, ours=versions[a], theirs=versions[b]):
                new = await merging.merge(db, ours, theirs, next(_label))
                await scenarios.commit(db, new)
                return new

            if state is None or _dangling(state):
                before = index.call(lambda db, v=versions[a]: scenarios.read(db, v))
                with pytest.raises(OntologyError):
                    index.call(merge)
                assert index.call(lambda db, v=versions[a]: scenarios.read(db, v)) == before
                continue
            versions.append(index.call(merge))
            parents.append([*parents[a], len(versions) - 1])
        states.append(state)
    for version, (costs, links) in zip(versions, states, strict=True):
        told = _read(index, version)
        assert {g: v["start_cost"] for g, v in told.values[Category.COST].items()} == costs
        assert set(told.things) == set(costs)
        assert {(x.source, x.target) for x in told.links} == set(links)


def test_a_conflict_is_reported_and_can_be_decided(index: Index, root: int, rts: Grid):
    unit = "unit:" + rts.units.name[0]
    ours, theirs = (_new(index, root, Changes(values=[(Category.COST, unit, {"start_cost": x})])) for x in (1.0, 2.0))
    with pytest.raises(ConflictError, match=rf"start_cost of {unit} \(was .*, ours 1.0, theirs 2.0\)"):
        index.call(lambda db: merging.merge(db, ours, theirs, "clash"))
    for prefer, cost in (("ours", 1.0), ("theirs", 2.0)):
        new = index.call(lambda db, p=prefer: merging.merge(db, ours, theirs, f"clash {p}", p))
        assert _read(index, new, gids=[unit]).values[Category.COST][unit]["start_cost"] == cost


BAD = [
    (Changes(values=[(Category.STATIC_MODEL, "bus:101", {"colour": 1})]), "no attribute 'colour'"),
    (Changes(values=[(Category.STATIC_MODEL, "bus:101", {"vmin": -1.0})]), "vmin of bus:101 is -1 p.u; keep it at or above 0"),
    (Changes(values=[(Category.STATIC_MODEL, "bus:101", {"vmin": (0.9, "kV")})]), "is given in kV; give it in p.u."),
    (Changes(values=[(Category.STATIC_MODEL, "bus:101", {"vmin": float("nan")})]), "is not a number"),
    (Changes(values=[(Category.STATIC_MODEL, "bus:0", {"vmin": 0.9})]), "no entity is called bus:0"),
    (Changes(things=[Thing("bus:101", "unit", "x")]), "bus:101 is already the id of bus"),
    (Changes(links=[Link(Relation.TOPOLOGY, "bus:101", "bus:0")]), "names bus:0, which does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), BAD, ids=[s for _, s in BAD])
def test_bad_input_gets_one_sentence_and_nothing_is_written(index: Index, root: int, changes: Changes, sentence: str):
    with pytest.raises(OntologyError) as caught:
        _new(index, root, changes)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert index.call(lambda db: merging.diff(db, root, root)) == []


def test_versions_that_do_not_exist_or_are_closed_are_refused(index: Index, root: int):
    with pytest.raises(OntologyError, match="version 999999 does not exist"):
        _read(index, 999999)
    with pytest.raises(OntologyError, match="is committed; branch from it"):
        index.call(lambda db: scenarios.write(db, root, Changes()))
    opened = _new(index, root, Changes(), close=False)
    with pytest.raises(OntologyError, match="is still open; commit it first"):
        index.call(lambda db: scenarios.branch(db, opened, next(_label)))
