"""Branch and bound on how many units of a kind run, start and stop.

Where many units are nearly alike, the state of one moves the bound little: another takes its place. How many of them run
moves it much, and sums of whole numbers are whole, whatever units make a kind. Nodes are relaxations with bounds on these
sums, each solved from the basis that the last one left; the node with the least bound is always the next.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import InfeasibleError
from slots.contracts.commitment_case import CaseSchedule, CommitmentCase
from slots.grid.model import Floats, Ints
from slots.scheduling.highs import INF, Solver
from slots.scheduling.lazy import LazyLimits
from slots.scheduling.problem import Problem
from slots.scheduling.search import Relaxation

SAME_SIZE = 1.1  # ratio of most outputs within which units are of a kind
CANDIDATES = 3  # sums tried at a node
WHOLE = 1e-5
WEIGHTS = {"u": 1.0, "v": 0.5, "w": 0.2}  # of sums of states, starts and stops among the candidates


@dataclass(frozen=True)
class Sums:
    """Sums over kinds: a matrix of columns, and the weight of each among candidates (USD)."""

    matrix: sp.csr_matrix
    worth: Floats

    @classmethod
    def of(cls, case: CommitmentCase, problem: Problem) -> Sums:
        """Those of a case: by kind, hour, and what is counted."""
        g = case.thermal
        size = np.log(np.maximum(g.pmax.max(axis=0), 1e-3)) / np.log(SAME_SIZE)
        kinds, kind = np.unique(np.column_stack([size.round(), g.min_up]), axis=0, return_inverse=True)
        of_kind = sp.csr_matrix((np.ones(len(kind)), (kind.ravel(), np.arange(len(kind)))), (len(kinds), len(kind)))
        dear = np.where(np.isfinite(g.start_off), g.start_usd, 0.0).max(axis=1)
        dearest = np.array([dear[kind.ravel() == k].max(initial=0.0) for k in range(len(kinds))]) + 1.0
        blocks, steps, columns = [], case.steps, problem.space.columns
        for name in WEIGHTS:
            at = problem.columns[name].index.ravel()
            pick = sp.csr_matrix((np.ones(len(at)), (np.arange(len(at)), at)), (len(at), columns))
            blocks.append(sp.kron(sp.identity(steps), of_kind) @ pick)
        worth = np.concatenate([weight * np.tile(dearest, steps) for weight in WEIGHTS.values()])
        return cls(sp.vstack(blocks, format="csr"), worth)

    def at(self, x: Floats) -> Floats:
        """The sums of a solution's columns."""
        return np.asarray(self.matrix @ x[: self.matrix.shape[1]])


@dataclass(order=True)
class _Node:
    """A relaxation with bounds on the sums: its cost, a number that settles ties, the bounds and the sums it has."""

    bound: float
    number: int
    low: Floats = field(compare=False)
    high: Floats = field(compare=False)
    sums: Floats = field(compare=False)


class CountTree:
    """The tree over a relaxation.

    Attributes:
        bound: no schedule costs less (USD), unless it costs more than what the tree was cut off at.
        stuck: the least node has whole sums; other decisions must be taken to go on.
    """

    def __init__(self, sums: Sums, relaxed: Relaxation[CaseSchedule]) -> None:
        self.sums, self.relaxed = sums, relaxed
        self.solver = Solver(relaxed.problem.template)
        everything = np.full(len(sums.worth), INF)
        self._first = self.solver.add_rows(sums.matrix, -everything, everything)
        self.limits: LazyLimits = relaxed.problem.limits(self.solver, relaxed.limits)
        self._cutoff, self._count, self.stuck = np.inf, 0, False
        self._open = [_Node(relaxed.bound, 0, -everything, everything, sums.at(relaxed.x))]
        self._whole: list[float] = []

    @property
    def bound(self) -> float:
        """USD."""
        return min([self._cutoff, *self._whole, *(self._open[0].bound for _ in self._open[:1])])

    def cut(self, cutoff: float) -> None:
        """Look for schedules below a cost alone: what costs more is not followed."""
        self._cutoff = min(self._cutoff, cutoff)
        dear = self.relaxed.too_dear(self._cutoff - self.relaxed.bound)
        self.solver.fix(dear, self.relaxed.x[dear].round())

    def grow(self, seconds: float) -> None:
        """Branch for so many CPU seconds, or until nothing below the cutoff is left."""
        until = time.process_time() + seconds
        while self._open and self.bound < self._cutoff and not self.stuck and time.process_time() < until:
            node = heapq.heappop(self._open)
            candidates = self._candidates(node)
            if len(candidates):
                self._branch(node, candidates)
            else:
                self._whole.append(node.bound)
                self.stuck = True

    def point(self) -> Floats | None:
        """The columns of the node with the least bound."""
        if not self._open:
            return None
        self._bounded(self._open[0].low, self._open[0].high)
        return self.limits.settle(self.relaxed.what, relax=True)

    def _candidates(self, node: _Node) -> Ints:
        """Those of the sums that are not whole whose units are dearest to start: what they decide, others follow."""
        apart = np.abs(node.sums - node.sums.round())
        promise = np.where(apart > WHOLE, apart * self.sums.worth, 0.0)
        best = np.argsort(-promise, kind="stable")[:CANDIDATES]
        return np.asarray(best[promise[best] > 0])

    def _branch(self, node: _Node, candidates: Ints) -> None:
        """Try both sides of each candidate; keep those of the one that lifts the bound most on both."""
        best, most = [], -np.inf
        for at in candidates:
            below, above = node.high.copy(), node.low.copy()
            below[at], above[at] = np.floor(node.sums[at]), np.ceil(node.sums[at])
            sides = [self._child(node, node.low, below), self._child(node, above, node.high)]
            lift = np.prod([max(1.0, min(side.bound, self._cutoff) - node.bound) for side in sides])
            if lift > most:
                best, most = sides, float(lift)
        for side in best:
            if side.bound < self._cutoff:
                heapq.heappush(self._open, side)

    def _child(self, node: _Node, low: Floats, high: Floats) -> _Node:
        self._count += 1
        self._bounded(low, high)
        try:
            x = self.limits.settle(self.relaxed.what, relax=True)
        except InfeasibleError:
            return _Node(np.inf, self._count, low, high, node.sums)
        return _Node(max(node.bound, self.solver.objective), self._count, low, high, self.sums.at(x))

    def _bounded(self, low: Floats, high: Floats) -> None:
        self.solver.bound_rows(np.arange(self._first, self._first + len(low)), low, high)
