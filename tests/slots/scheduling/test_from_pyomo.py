"""A Pyomo model through the template costs what it costs by hand."""

import numpy as np
import pyomo.environ as pyo
import pytest

from bos_core.objects.errors import ParameterError
from slots.scheduling.from_pyomo import template_of
from slots.scheduling.highs import Solver


def _knapsack(sense: int) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(4), domain=pyo.Binary)
    m.y = pyo.Var(bounds=(-2, 3))
    gain, weight = (6, 5, 4, 3), (4, 3, 2, 1)
    m.fits = pyo.Constraint(expr=sum(weight[k] * m.x[k] for k in range(4)) + m.y <= 6)
    m.least = pyo.Constraint(expr=m.y >= -1 + m.x[3])
    m.tie = pyo.Constraint(expr=m.x[0] + m.x[1] == 1)
    m.total = pyo.Objective(expr=sense * (sum(gain[k] * m.x[k] for k in range(4)) + m.y + 7), sense=sense)
    return m


@pytest.mark.parametrize("sense", [pyo.minimize, pyo.maximize])
def test_a_model_costs_the_same_by_enumeration(sense):
    template, names = template_of(_knapsack(int(sense)))
    solver = Solver(template)
    x = dict(zip(names, solver.run("knapsack"), strict=True))
    best = np.inf
    for code in range(16):
        z = [(code >> k) & 1 for k in range(4)]
        top = min(3.0, 6 - np.dot((4, 3, 2, 1), z))
        if z[0] + z[1] == 1 and top >= -1 + z[3]:
            total = np.dot((6, 5, 4, 3), z) + 7
            best = min(best, total - 1 + z[3])
    # both senses ask for the least total: a maximum of its negative
    assert abs(solver.objective) == pytest.approx(abs(best))
    assert x["x[0]"] + x["x[1]"] == pytest.approx(1)


def test_what_is_not_linear_is_refused():
    m = _knapsack(1)
    m.bent = pyo.Constraint(expr=m.y**2 <= 1)
    with pytest.raises(ParameterError, match="is not linear"):
        template_of(m)
