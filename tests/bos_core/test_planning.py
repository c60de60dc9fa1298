"""Problems (3) and (4) against brute force over all sets of edges."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.drwop.graph import DataGraph, Edge
from bos_core.drwop.planning import plan_read, plan_write
from bos_core.objects.errors import OntologyError

VERTICES = "abcdef"


@st.composite
def graphs(draw, most=9):
    """A directed graph without cycles, some edges in parallel, with a cost for each."""
    pairs = [(u, v) for i, u in enumerate(VERTICES) for v in VERTICES[i + 1 :]]
    chosen = draw(st.lists(st.tuples(st.sampled_from(pairs), st.sampled_from(["file", "graph"])), min_size=1,
                           max_size=most, unique=True))  # fmt: skip
    edges = tuple(Edge(u, v, route) for (u, v), route in chosen)
    costs = {e: draw(st.integers(1, 50)) / 1000 for e in edges}
    return DataGraph(edges), costs


def _subsets(edges):
    for mask in product((False, True), repeat=len(edges)):
        yield [e for e, yes in zip(edges, mask, strict=True) if yes]


def _is_path(chosen, sources, target):
    """Problem (3) as printed, for one target."""
    inner = set(VERTICES) - set(sources) - {target}
    return any(e.target == target for e in chosen) and all(
        sum(e.source == v for e in chosen) == sum(e.target == v for e in chosen) for v in inner
    )


def _best_read(graph, costs, sources, targets):
    best = None
    ways = [[s for s in _subsets(graph.edges) if _is_path(s, sources, t)] for t in targets]
    for paths in product(*ways):
        union = {e for p in paths for e in p}
        if all(any(e.source == s for e in union) for s in sources):
            cost = sum(costs[e] for e in union)
            best = cost if best is None else min(best, cost)
    return best


@settings(max_examples=150, deadline=None)
@given(graphs(), st.sets(st.sampled_from("ab"), min_size=1), st.sampled_from("def"))
def test_a_read_plan_is_the_cheapest(drawn, sources, target):
    graph, costs = drawn
    best = _best_read(graph, costs, sources, [target])
    if best is None:
        with pytest.raises(OntologyError, match="cannot be read"):
            plan_read(graph, costs, sources, [target])
    else:
        assert plan_read(graph, costs, sources, [target]).seconds == pytest.approx(best)


@settings(max_examples=60, deadline=None)
@given(graphs(most=6), st.sampled_from("ab"))
def test_two_targets_share_what_they_can(drawn, source):
    graph, costs = drawn
    best = _best_read(graph, costs, {source}, ["e", "f"])
    if best is None:
        with pytest.raises(OntologyError):
            plan_read(graph, costs, [source], ["e", "f"])
    else:
        assert plan_read(graph, costs, [source], ["e", "f"]).seconds == pytest.approx(best)


def _keeps_order(chosen, edges, targets):
    """Whatever must be written before a target, or before what is written, is written."""
    written = [*targets, *(e.source for e in chosen)]
    return all(any(e.target == t for e in edges) for t in targets) and all(
        any((e.source, e.target) == (u, v) for e in chosen) for v in written for u in _before(edges, v)
    )


def _before(edges, v):
    return {e.source for e in edges if e.target == v}


@settings(max_examples=150, deadline=None)
@given(graphs(), st.sets(st.sampled_from("def"), min_size=1))
def test_a_write_plan_is_the_cheapest_and_keeps_every_order(drawn, targets):
    graph, costs = drawn
    fitting = [s for s in _subsets(graph.edges) if _keeps_order(s, graph.edges, targets)]
    if not fitting:
        with pytest.raises(OntologyError, match="cannot be written"):
            plan_write(graph, costs, targets)
        return
    plan = plan_write(graph, costs, targets)
    assert plan.seconds == pytest.approx(min(sum(costs[e] for e in s) for s in fitting))
    for k, e in enumerate(plan.edges):  # whatever must come before an edge's source has come before it
        assert _before(graph.edges, e.source) <= {x.source for x in plan.edges[:k] if x.target == e.source}
    for target in targets:
        assert _before(graph.edges, target) == {e.source for e in plan.edges if e.target == target}


def test_a_cycle_is_refused():
    with pytest.raises(OntologyError, match="cycle"):
        DataGraph((Edge("a", "b", "file"), Edge("b", "a", "file")))
