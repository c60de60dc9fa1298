"""Curative actions on their way through a file, and in the verification that takes them."""

from pathlib import Path

import numpy as np
import pytest

from bos_core.drwop import store
from bos_core.objects.task import Chunk
from flows.steps.actions import action_datasets, actions_of, joined, verify_actions
from slots.algorithms.n1.batched import batched
from slots.contracts.curative import with_change
from slots.contracts.n1 import N1Request
from slots.grid.outage import solve_outage
from tests.slots.stressed import LOST, stressed


def _one_hour() -> N1Request:
    net, pocket = stressed()
    return N1Request.of(net, [pocket.hour])


def test_actions_come_back_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, pocket = stressed()
    action = pocket.help(LOST)
    assert action is not None
    monkeypatch.setenv("BOS_HOME", str(tmp_path))
    store.write("a.h5", action_datasets([(7, action), (40, action)], net.grid.base_mva), {})
    store.write("b.h5", action_datasets([], net.grid.base_mva), {})
    chunk = Chunk("x", "reverify", 0, 1, 0, 24, {"inputs": {"state": [("a.h5", 0, 48), ("b.h5", 48, 24)]}})
    hours, outages, changes = actions_of(chunk, net)
    assert (hours.tolist(), outages.tolist()) == ([7], [action.outage])
    assert changes[0] == pytest.approx(action.change, abs=1e-12)
    later = Chunk("x", "reverify", 0, 1, 48, 24, chunk.payload)
    assert len(actions_of(later, net)[0]) == 0


def test_verification_takes_the_actions_of_their_outage_alone() -> None:
    (net, pocket), request = stressed(), _one_hour()
    action = pocket.help(LOST)
    assert action is not None
    result, before = batched(request), batched(request)
    assert not result.converged[0, 1 + LOST]
    at = np.zeros(1, np.int64)
    verify_actions(request, at, np.array([action.outage]), action.change[None, :], result)
    assert not result.insecure()[0, 1 + LOST]
    full = solve_outage(net, pocket.adm, action.outage, with_change(pocket.hour, action.change))
    assert result.vmin[0, 1 + LOST] == pytest.approx(np.abs(full.v).min(), abs=1e-6)
    others = np.arange(result.loading.shape[1]) != 1 + LOST
    assert np.array_equal(result.loading[:, others], before.loading[:, others], equal_nan=True)


def test_parts_are_joined_by_hour() -> None:
    request = _one_hour()
    part = batched(request)
    first, second = np.array([True, False]), np.array([False, True])
    part2 = batched(request)
    part2.loading[:] = 7.0
    whole = joined([(first, part), (second, part2)], part.contingencies)
    assert np.array_equal(whole.loading[0], part.loading[0], equal_nan=True)
    assert (whole.loading[1] == 7.0).all()
