"""Each rule of a grid, broken once: one sentence that names the element."""

from dataclasses import replace

import numpy as np
import pytest

from bos_core.objects.errors import GridError
from slots.grid.validate import check_grid
from tests.slots.grids import grid_of

GOOD = grid_of([3, 1, 2], [(1, 2), (2, 3), (3, 1)], [(1, 80, True), (3, 60, True)])
BROKEN = [
    ("buses", "pd", np.nan, "pd of bus 1"),
    ("buses", "kind", 1, "no slack bus"),
    ("buses", "kind", 3, "3 slack buses"),
    ("buses", "vmax", 0.5, "vmax below vmin"),
    ("branches", "x", np.inf, "x of 1-2"),
    ("branches", "in_service", False, "no path to the slack bus"),
    ("branches", "rate", -1.0, "not positive"),
    ("branches", "rate", np.nan, "rate of 1-2"),
    ("units", "pmax", -1.0, "maximum below its minimum"),
    ("units", "qmin", np.nan, "qmin of unit 0"),
    ("units", "vset", 0.0, "unit 0 holds its bus at 0 p.u."),
    ("units", "in_service", False, "no unit in service"),
]


def test_a_good_grid_passes():
    check_grid(GOOD)


@pytest.mark.parametrize(("table", "column", "value", "sentence"), BROKEN, ids=[f"{b[1]} {b[2]}" for b in BROKEN])
def test_a_broken_rule_is_named(table, column, value, sentence):
    rows = getattr(GOOD, table)
    worse = replace(rows, **{column: np.full_like(getattr(rows, column), value)})
    with pytest.raises(GridError, match=sentence) as caught:
        check_grid(GOOD.replace(**{table: worse}))
    assert str(caught.value).count("\n") == 0
