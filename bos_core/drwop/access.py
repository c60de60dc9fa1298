"""Reading by what is wanted, never by table or file: the request becomes a plan over the data graph, is executed,
measures itself and so refines the costs that the next plan is made with.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product
from math import log2
from typing import Any

import numpy as np

from bos_core.drwop import hourly
from bos_core.drwop.costs import CostModel, Features
from bos_core.drwop.graph import DataGraph, Edge
from bos_core.drwop.hourly import BY_DEVICE, BY_TIME, Copy, Wanted
from bos_core.drwop.planning import Plan, plan_read
from bos_core.drwop.reader import Piece
from bos_core.index import data, scenarios
from bos_core.index.client import Index
from bos_core.index.scenarios import Values
from bos_core.index.topology import Topology
from bos_core.objects.data import Category
from bos_core.objects.errors import OntologyError, ParameterError, StorageError
from storage.opened import opened

_DIGEST = frozenset({"hours", "digest"})
GRAPH = DataGraph((
    Edge("place", "devices", "graph/walk"),
    Edge("place", "devices", "relational/walk"),
    Edge("devices", "attributes", "relational/keys"),
    Edge("devices", "attributes", "relational/scan"),
    *hourly.COPIES.edges,
    Edge("series", "worst", "memory/reduce"),
    Edge("devices", "worst", "file/digest", _DIGEST),
))  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What a user wants to know.

    Attributes:
        version: scenario version.
        place: a system, region or station whose devices are meant; or `devices`: their global ids; or all.
        kind: kind of devices, where a place is given.
        category: attributes wanted.
        task_set, stage, dataset: hourly array wanted; `hours`: (first, how many).
        worst: the array's largest value per hour instead of the array.
    """

    version: int
    place: str | None = None
    devices: tuple[str, ...] | None = None
    kind: str | None = None
    category: Category | None = None
    task_set: str | None = None
    stage: str | None = None
    dataset: str | None = None
    hours: tuple[int, int] | None = None
    worst: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """Vertices of the data graph that it asks for."""
        series = () if self.dataset is None else ("worst",) if self.worst else ("series",)
        attributes = () if self.category is None else ("attributes",)
        return (*attributes, *series) or ("devices",)

    @property
    def source(self) -> str:
        """Vertex that it starts from."""
        return "place" if self.place is not None else "devices"


@dataclass
class Answer:
    """What was found, and how.

    Attributes:
        devices: global ids in the order of the array's columns; those asked for but not in the array are left out.
        attributes: by global id.
        series: (hour, device), or (hour,) for the worst.
        seconds: measured per edge of the plan.
    """

    devices: list[str] = field(default_factory=list)
    attributes: dict[str, Values] = field(default_factory=dict)
    series: Any = None
    plan: Plan = field(default_factory=lambda: Plan((), 0.0))
    seconds: dict[Edge, float] = field(default_factory=dict)


class DataSpace:
    """The ontology and the results of an installation, read through plans."""

    def __init__(self, index: Index, costs: CostModel | None = None) -> None:
        self._index, self._root = index, index.settings.results
        self.costs = costs or CostModel()
        self._plans: dict[tuple[Any, ...], tuple[Edge, ...]] = {}
        self._topologies: dict[int, Topology] = {}
        self._copies: dict[tuple[str, str], tuple[Copy, ...]] = {}
        self._columns: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def read(self, request: Request) -> Answer:
        """Plan, execute, measure.

        Raises:
            OntologyError: a place, device or version does not exist.
            StorageError: a file is missing or damaged.
            ParameterError: the request contradicts itself.
        """
        return self._execute(request, self.plan(request))

    def plan(self, request: Request) -> Plan:
        """The quickest plan; plans are kept by the shape of the request."""
        self._check(request)
        graph, shape = self._graph(request), self._shape(request)
        if shape not in self._plans:
            prices = self._prices(request, graph)
            self._plans[shape] = plan_read(graph, prices, [request.source], request.targets).edges
        edges = self._plans[shape]
        return Plan(edges, sum(self.costs.seconds(e.route, self._features(request, e)) for e in edges))

    def alternatives(self, request: Request) -> list[Plan]:
        """Every way there is to answer, quickest first: what `explain` shows beside the chosen one."""
        self._check(request)
        graph = self._graph(request)
        prices = self._prices(request, graph)
        found = {self._complete(choice, request) for choice in product(*_ways(graph))}
        plans = [Plan(edges, sum(prices[e] for e in edges)) for edges in found if edges is not None]
        return sorted(plans, key=lambda p: (p.seconds, str(p.edges)))

    @staticmethod
    def _complete(choice: tuple[Edge, ...], r: Request) -> tuple[Edge, ...] | None:
        """The edges of a choice that lead from the source to the targets; None if they do not."""
        into, used = {e.target: e for e in choice}, set[Edge]()
        for vertex in r.targets:
            while vertex != r.source:
                if vertex not in into:
                    return None
                used.add(into[vertex])
                vertex = into[vertex].source
        return tuple(e for e in choice if e in used)

    def follow(self, request: Request, plan: Plan) -> Answer:
        """Execute a plan other than the one that `read` would choose."""
        return self._execute(request, plan)

    def forget_plans(self) -> None:
        """Plan afresh; for when costs were refitted."""
        self._plans.clear()

    def _check(self, r: Request) -> None:
        if r.place is not None and r.devices is not None:
            raise ParameterError("a request names a place and devices", "name one of them")
        if r.dataset is not None and (r.task_set is None or r.stage is None or r.hours is None):
            raise ParameterError(f"reading {r.dataset} needs a task set, a stage and hours", "give all three")
        if r.dataset is not None and r.hours is not None:
            held = max((c.hours for c in self._copies_of(r)), default=0)
            first = min((p.first_hour for c in self._copies_of(r) for p in c.pieces), default=0)
            if r.hours[0] < first or r.hours[1] < 1 or r.hours[0] + r.hours[1] > first + held:
                raise ParameterError(
                    f"hours {r.hours[0]} to {r.hours[0] + r.hours[1]} of {r.stage} were asked for",
                    f"it holds hours {first} to {first + held}",
                )

    def _graph(self, r: Request) -> DataGraph:
        given = {"hours"} if r.hours is not None else set()
        if r.dataset is not None:
            given |= {c.layout for c in self._copies_of(r)}
            given |= {"digest"} if r.worst and self._has_digest(r) else set()
        return GRAPH.usable(given)

    def _shape(self, r: Request) -> tuple[Any, ...]:
        """Requests of one shape get one plan: sizes count by powers of the square root of two."""

        def size(n: int) -> int:
            return round(2 * log2(n + 1))

        hours = None if r.hours is None else (size(r.hours[1]), r.hours[0] % 24 == 0)
        many = None if r.devices is None else size(len(r.devices))
        loaded = r.version in self._topologies
        return (r.source, r.place and r.place.partition(":")[0], r.kind, many, r.category, r.task_set, r.stage,
                r.dataset, hours, r.worst, loaded)  # fmt: skip

    def _prices(self, r: Request, graph: DataGraph) -> dict[Edge, float]:
        return {e: self.costs.seconds(e.route, self._features(r, e)) for e in graph.edges}

    def _features(self, r: Request, e: Edge) -> Features:
        """What the time of an edge depends on, as far as it is known before it is followed."""
        store, how = e.route.split("/")
        if store == "file" and r.hours is not None:
            if how == "digest":
                return hourly.features(self._copy(r, BY_TIME), Wanted("", *r.hours, 1))
            return hourly.features(self._copy(r, how), self._wanted(r, self._expected(r)))
        if e.route == "memory/reduce" and r.hours is not None:
            return 1.0, 0.0, 0.0, r.hours[1] * self._width(r) * 8e-6
        if e.route == "graph/walk":
            links = 0.0 if r.version in self._topologies else self._links(r.version)
            return 1.0, links / 1000, 0.0, 0.0
        rows = len(self._expected(r) or ()) if how == "keys" else self._links(r.version)
        return 1.0, rows / 1000, 0.0, 0.0

    def _expected(self, r: Request) -> tuple[str, ...] | None:
        """Devices as far as known: named ones, or those that a loaded topology tells."""
        if r.place is not None and r.version in self._topologies:
            return tuple(self._topologies[r.version].devices_of(r.place, r.kind))
        return r.devices

    def _links(self, version: int) -> float:
        return float(self._index.call(lambda db: scenarios.count_links(db, version))) if version else 0.0

    def _execute(self, r: Request, plan: Plan) -> Answer:
        out = Answer(devices=list(r.devices) if r.devices is not None else [], plan=plan)
        chosen = r.devices
        for e in plan.edges:
            known = self._features(r, e)
            if e.target == "devices":
                began = time.perf_counter()
                chosen = tuple(self._devices(r, e))
                out.devices = list(chosen)
            else:
                began = time.perf_counter()
                self._follow(replace(r, place=None, devices=chosen), e, out)
            out.seconds[e] = time.perf_counter() - began
            self.costs.note(e.route, known, out.seconds[e])
        return out

    def _devices(self, r: Request, e: Edge) -> list[str]:
        assert r.place is not None
        if e.route == "relational/walk":
            place, kind = r.place, r.kind
            return self._index.call(lambda db: scenarios.devices_within(db, r.version, place, kind))
        if r.version not in self._topologies:
            whole = self._index.call(lambda db: scenarios.read(db, r.version, ()))
            self._topologies[r.version] = Topology.of(whole)
        return self._topologies[r.version].devices_of(r.place, r.kind)

    def _follow(self, r: Request, e: Edge, out: Answer) -> None:
        ways: dict[str, Callable[[], None]] = {
            "relational/keys": lambda: self._attributes(r, out, r.devices),
            "relational/scan": lambda: self._attributes(r, out, None),
            f"file/{BY_TIME}": lambda: self._series(r, out, BY_TIME),
            f"file/{BY_DEVICE}": lambda: self._series(r, out, BY_DEVICE),
            "file/digest": lambda: self._digest(r, out),
            "memory/reduce": lambda: self._reduce(out),
        }
        ways[e.route]()

    def _attributes(self, r: Request, out: Answer, keys: tuple[str, ...] | None) -> None:
        assert r.category is not None
        category = r.category
        rows = self._index.call(lambda db: scenarios.read_category(db, r.version, category, keys))
        wanted = set(r.devices) if r.devices is not None else None
        out.attributes = {g: v for g, v in rows.items() if wanted is None or g in wanted}

    def _series(self, r: Request, out: Answer, layout: str) -> None:
        wanted = self._wanted(r, r.devices)
        out.series = hourly.read(self._root, self._copy(r, layout), wanted)
        names = self._names(r)
        out.devices = list(names if wanted.columns is None else (names[c] for c in wanted.columns))

    def _reduce(self, out: Answer) -> None:
        out.series, out.devices = np.nanmax(out.series, axis=1), []

    def _digest(self, r: Request, out: Answer) -> None:
        assert r.hours is not None
        out.series = hourly.read(self._root, self._copy(r, BY_TIME), Wanted(f"worst_{r.dataset}", *r.hours, 1))

    def _wanted(self, r: Request, devices: tuple[str, ...] | None) -> Wanted:
        assert r.dataset is not None
        assert r.hours is not None
        names = self._names(r)
        columns = None
        if devices is not None:
            at = {g: k for k, g in enumerate(names)}
            unknown = next((g for g in r.devices or () if r.place is None and g not in at and not r.kind), None)
            if unknown is not None and unknown.partition(":")[0] == names[0].partition(":")[0]:
                raise OntologyError(
                    f"{r.stage} of task set {r.task_set} holds no {unknown}", "list what there is with `bos data read`"
                )
            columns = tuple(sorted(at[g] for g in devices if g in at))
        return Wanted(r.dataset, *r.hours, len(names), columns)

    def _width(self, r: Request) -> int:
        return len(self._names(r))

    def _copies_of(self, r: Request) -> tuple[Copy, ...]:
        assert r.task_set is not None
        assert r.stage is not None
        key = (r.task_set, r.stage)
        if key not in self._copies:
            found = self._index.call(lambda db: data.outputs(db, *key, layout=None))
            by_layout: dict[str, list[Piece]] = {}
            for o in found:
                by_layout.setdefault(o.layout, []).append(Piece(o.path, o.first_hour, o.hours))
            if not by_layout:
                raise StorageError(f"task set {r.task_set} has no results of stage {r.stage}", "see `bos results`")
            self._copies[key] = tuple(Copy(k, tuple(v)) for k, v in sorted(by_layout.items()))
        return self._copies[key]

    def _copy(self, r: Request, layout: str) -> Copy:
        return next(c for c in self._copies_of(r) if c.layout == layout)

    def _names(self, r: Request) -> tuple[str, ...]:
        """Global ids of a dataset's columns."""
        assert r.dataset is not None
        key = (str(r.task_set), str(r.stage), r.dataset)
        if key not in self._columns:
            path = self._root / self._copies_of(r)[-1].pieces[0].path
            try:
                file = opened(path)
                stored = file[r.dataset]
                axis = stored.dims[1].label if stored.ndim > 1 else ""
                values = file[axis].asstr()[()] if axis in file and file[axis].dtype.kind == "O" else (
                    file[axis][()] if axis in file else range(stored.shape[1] if stored.ndim > 1 else 1))  # fmt: skip
            except (OSError, KeyError):
                raise StorageError(
                    f"{r.stage} of task set {r.task_set} holds no {r.dataset}", "see `bos results`"
                ) from None
            self._columns[key] = tuple(f"{axis or r.dataset}:{v}" for v in values)
        return self._columns[key]

    def _has_digest(self, r: Request) -> bool:
        path = self._root / self._copy(r, BY_TIME).pieces[0].path
        return f"worst_{r.dataset}" in opened(path)


def _ways(graph: DataGraph) -> list[list[Edge]]:
    """Edges into each vertex that has any, in the graph's order."""
    return [ways for v in graph.order if (ways := [e for e in graph.edges if e.target == v])]
