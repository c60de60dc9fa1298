"""The default commitment costs at most 0.1 % more than the optimum, by an independent formulation and another solver."""

from dataclasses import replace

import numpy as np
import pytest

from slots.algorithms.borders.clustered import clustered
from slots.algorithms.unit_commitment.guided import guided
from slots.contracts.unit_commitment import check_schedule
from slots.scheduling.lazy import TOLERANCE as NETWORK_TOLERANCE_MW
from slots.suites.states import horizon
from tests.slots.optimum import cheaper_exists

TOLERANCE = 1e-3  # what the chain promises
DAYS = (3, 75, 130, 201, 290)


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
def test_cost_is_within_a_tenth_of_a_percent(day, tmp_path):
    # The day before gives the border that the day starts from, as in the chain.
    borders = clustered(horizon(day - 1, 96), 2)
    h = replace(horizon(day), start=borders[0], end=borders[1])
    h = replace(h, demand=1.02 * h.demand)
    s = guided(h, 8e-4)
    check_schedule(h, s)
    near = np.abs(h.flow(s.p)) > 0.98 * h.rate - NETWORK_TOLERANCE_MW
    limits = [(int(t), int(b)) for t, b in np.argwhere(near)]
    cheaper = cheaper_exists(h, limits, s.cost * (1 - TOLERANCE), tmp_path, seconds=120)
    assert cheaper is False, "a schedule more than 0.1 % cheaper exists" if cheaper else "no proof in time"


def test_the_oracle_can_say_no(tmp_path):
    h = replace(horizon(130), start=None, end=None)
    s = guided(h, 8e-4)
    assert cheaper_exists(h, [], 1.02 * s.cost, tmp_path, seconds=120) is True
