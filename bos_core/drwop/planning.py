"""Problems (3) and (4) of the BOS paper: the quickest way to read, and to write in transactional order.

Reading, problem (3): binary y on edges; every source leaves, every target is reached, and what enters a vertex
leaves it. With several targets there is one such path variable per target and an edge that they share is paid
for once; with one target this is the problem as printed. Writing, problem (4): binary z on edges; every target
is reached, and an edge out of v needs all that must be written before v. As printed, one edge into a target is
enough, and a write of u before v may be shown by an edge from u to anywhere; here every edge that must come before
is asked for itself, or a plan could leave out what its target depends on, or write what nobody asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import highspy
import numpy as np

from bos_core.drwop.graph import Costs, DataGraph, Edge
from bos_core.objects.errors import OntologyError


@dataclass(frozen=True)
class Plan:
    """Edges in the order in which they are to be followed, and what that should take (s)."""

    edges: tuple[Edge, ...]
    seconds: float


def plan_read(graph: DataGraph, costs: Costs, sources: Iterable[str], targets: Iterable[str]) -> Plan:
    """The quickest plan that uses all sources and reaches all targets.

    Raises:
        OntologyError: a target cannot be reached from the sources given.
    """
    return _read(graph, _priced(graph, costs), tuple(sorted(set(sources))), tuple(sorted(set(targets))))


def plan_write(graph: DataGraph, costs: Costs, targets: Iterable[str]) -> Plan:
    """The quickest plan that writes all targets, each after what must be written before it.

    Raises:
        OntologyError: nothing leads to a target.
    """
    return _write(graph, _priced(graph, costs), tuple(sorted(set(targets))))


def _priced(graph: DataGraph, costs: Costs) -> tuple[float, ...]:
    return tuple(float(costs[e]) for e in graph.edges)


@lru_cache(maxsize=512)
def _read(graph: DataGraph, prices: tuple[float, ...], sources: tuple[str, ...], targets: tuple[str, ...]) -> Plan:
    edges, n, k = graph.edges, len(graph.edges), len(targets)
    m = _Program([*prices, *([0.0] * n * k)])  # n shared edges, then n path variables per target
    for j, target in enumerate(targets):
        path = n * (1 + j)
        into = [path + i for i, e in enumerate(edges) if e.target == target]
        m.row({c: 1.0 for c in into}, 1, highspy.kHighsInf)
        for v in graph.order:
            if v in sources or v == target:
                continue
            row: dict[int, float] = {}
            for i, e in enumerate(edges):
                if v in (e.source, e.target):
                    row[path + i] = 1.0 if e.target == v else -1.0
            m.row(row, 0, 0)
        for i in range(n):
            m.row({i: 1.0, path + i: -1.0}, 0, highspy.kHighsInf)
    for s in sources:
        m.row({i: 1.0 for i, e in enumerate(edges) if e.source == s}, 1, highspy.kHighsInf)
    for i in range(n):  # an edge is taken only if a path uses it
        m.row({i: 1.0, **{n * (1 + j) + i: -1.0 for j in range(k)}}, -highspy.kHighsInf, 0)
    chosen = m.solve()
    if chosen is None:
        raise OntologyError(
            f"{', '.join(targets)} cannot be read from {', '.join(sources) or 'nothing'}", "give another condition"
        )
    return _plan(graph, prices, chosen[:n])


@lru_cache(maxsize=512)
def _write(graph: DataGraph, prices: tuple[float, ...], targets: tuple[str, ...]) -> Plan:
    edges = graph.edges
    m = _Program(list(prices))
    pairs: dict[tuple[str, str], list[int]] = {}
    for i, e in enumerate(edges):
        pairs.setdefault((e.source, e.target), []).append(i)
    for target in targets:
        before = [ways for (_, v), ways in pairs.items() if v == target]
        if not before:
            raise OntologyError(f"{target} cannot be written", "no write leads to it")
        for ways in before:
            m.row(dict.fromkeys(ways, 1.0), 1, highspy.kHighsInf)
    for (_, v), ways in pairs.items():
        for j, later in enumerate(edges):
            if later.source == v:
                m.row({**dict.fromkeys(ways, 1.0), j: -1.0}, 0, highspy.kHighsInf)
    chosen = m.solve()
    assert chosen is not None, "taking every edge is always allowed"
    return _plan(graph, prices, chosen)


def _plan(graph: DataGraph, prices: tuple[float, ...], chosen: list[bool]) -> Plan:
    place = {v: k for k, v in enumerate(graph.order)}
    taken = [(e, p) for e, p, yes in zip(graph.edges, prices, chosen, strict=True) if yes]
    taken.sort(key=lambda x: (place[x[0].source], place[x[0].target], x[0].route))
    return Plan(tuple(e for e, _ in taken), sum(p for _, p in taken))


class _Program:
    """A small binary program."""

    def __init__(self, prices: list[float]) -> None:
        self._prices = prices
        self._rows: list[tuple[dict[int, float], float, float]] = []

    def row(self, terms: dict[int, float], low: float, high: float) -> None:
        """low <= terms <= high."""
        self._rows.append((terms, low, high))

    def solve(self) -> list[bool] | None:
        """The cheapest choice; None if there is none."""
        n, rows = len(self._prices), self._rows
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = n, len(rows)
        lp.col_cost_ = np.array(self._prices)
        lp.col_lower_, lp.col_upper_ = np.zeros(n), np.ones(n)
        lp.row_lower_, lp.row_upper_ = (np.array([r[k] for r in rows], float) for k in (1, 2))
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum([len(r[0]) for r in rows])]).astype(np.int32)
        lp.a_matrix_.index_ = np.array([c for r in rows for c in r[0]], np.int32)
        lp.a_matrix_.value_ = np.array([v for r in rows for v in r[0].values()], float)
        lp.integrality_ = [highspy.HighsVarType.kInteger] * n
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("mip_rel_gap", 0.0)
        highs.passModel(lp)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return [x > 0.5 for x in highs.getSolution().col_value[:n]]
