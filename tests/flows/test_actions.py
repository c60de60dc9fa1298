"""Curative actions on their way through a file, and in the verification that takes them."""

from pathlib import Path

import numpy as np
import pytest

from bos_core.drwop import store
from bos_core.objects.task import Chunk
from flows.steps.actions import action_datasets, actions_of, joined, verify_actions
from slots.algorithms.adjustment.curative import Pocket
from slots.algorithms.n1.batched import batched
from slots.contracts.n1 import N1Request
from slots.grid.network import Network
from slots.grid.outage import solve_outage
from tests.slots.test_curative import LOST, stressed  # noqa: F401


@pytest.fixture
def request_of_one(stressed: tuple[Network, Pocket]) -> N1Request:  # noqa: F811
    net, pocket = stressed
    return N1Request(net, *(np.asarray(x)[None] for x in vars(pocket.hour).values()))


def test_actions_come_back_from_a_file(
    stressed: tuple[Network, Pocket],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, pocket = stressed
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


def test_verification_takes_the_actions_of_their_outage_alone(
    stressed: tuple[Network, Pocket],  # noqa: F811
    request_of_one: N1Request,
) -> None:
    net, pocket = stressed
    action = pocket.help(LOST)
    assert action is not None
    result, before = batched(request_of_one), batched(request_of_one)
    assert not result.converged[0, 1 + LOST]
    at = np.zeros(1, np.int64)
    verify_actions(batched, request_of_one, at, np.array([action.outage]), action.change[None, :], result)
    assert not result.insecure()[0, 1 + LOST]
    from slots.algorithms.adjustment.curative import with_action

    full = solve_outage(net, pocket.adm, action.outage, with_action(pocket.hour, action))
    assert result.vmin[0, 1 + LOST] == pytest.approx(np.abs(full.v).min(), abs=1e-6)
    others = np.arange(result.loading.shape[1]) != 1 + LOST
    assert np.array_equal(result.loading[:, others], before.loading[:, others], equal_nan=True)


def test_parts_are_joined_by_hour(request_of_one: N1Request) -> None:
    part = batched(request_of_one)
    first, second = np.array([True, False]), np.array([False, True])
    part2 = batched(request_of_one)
    part2.loading[:] = 7.0
    whole = joined([(first, part), (second, part2)], part.contingencies)
    assert np.array_equal(whole.loading[0], part.loading[0], equal_nan=True)
    assert (whole.loading[1] == 7.0).all()
