"""Switched banks of shunts: whole, seldom moved, and none whose step would save much."""

from dataclasses import replace
from functools import cache

import numpy as np

from slots.algorithms.reactive_dispatch.interior_point import BLOCK_H, MORE_MOVES, WORTH, interior_point
from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest, check_reactive
from slots.grid.network import Network
from slots.suites.states import day, network

MVAR = 120.0


@cache
def _dispatched() -> tuple[ReactiveRequest, ReactiveDispatch]:
    """A day on the network of the other tests, a bank to switch in and one to take out at every other bus."""
    net = network()
    b = net.grid.buses
    has = np.arange(net.grid.n_bus) % 2 == 0
    assert has.sum() > 8
    step = np.where(has, MVAR, 0.0)
    banked = replace(b, bs_low=b.bs - step, bs_high=b.bs + step, bs_step=step)
    request = replace(day(190).reactive_request, network=replace(net, grid=net.grid.replace(buses=banked)))
    return request, interior_point(request)


def _loss(request: ReactiveRequest, h: int, shunt: np.ndarray) -> float:
    """MW of one hour with banks that stand so for good."""
    net = request.network
    b = net.grid.buses
    fixed = replace(b, bs=b.bs + shunt * net.grid.base_mva, bs_step=np.zeros(net.grid.n_bus))
    still: Network = replace(net, grid=net.grid.replace(buses=fixed))
    one = {k: getattr(request, k)[[h]] for k in ("p", "on", "low", "high", "fixed")}
    found = interior_point(replace(request, network=still, **one))
    return float(found.loss[0]) if found.feasible[0] else np.inf


def test_they_are_whole_and_seldom_move():
    request, result = _dispatched()
    check_reactive(request, result)
    moves = (np.diff(result.shunt, axis=0) != 0).sum(axis=0)
    assert 0 < moves.max() <= 24 // BLOCK_H - 1 + MORE_MOVES


def test_no_single_step_saves_much():
    """Every step of every bank in three hours, tried; rounding alone leaves steps that save up to 5e-4."""
    request, result = _dispatched()
    _, up, step = request.network.shunt_range()
    for h in (14, 18, 21):
        now = result.shunt[h]
        own = _loss(request, h, now)
        tried = [now + sign * step[k] * (np.arange(len(now)) == k) for k in np.flatnonzero(step) for sign in (-1, 1)]
        best = min(_loss(request, h, s) for s in tried if (np.abs(s) <= up + 1e-9).all())
        assert best > own * (1 - WORTH)
