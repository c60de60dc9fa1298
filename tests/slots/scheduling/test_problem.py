"""Compiled problems against problems built by hand, other solvers and finite differences."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bos_core.objects.errors import InfeasibleError, ParameterError
from slots.scheduling import convex
from slots.scheduling.formulation import Formulation
from slots.scheduling.symbols import Cone, Constraint, Cost, Expr, Param, Service, Term, Total, Var


class Toy(Formulation):
    """Every construct of the language in one small dispatch."""

    step = Param("", "h", default=1.0)
    price = Param("unit", "USD/MWh")
    most = Param("unit", "MW")
    load = Param("hour", "MW")
    ramp = Param("unit", "MW")
    before = Param("unit", "MW", default=0.0)
    dwell = Param("unit", "h")
    wide = Param("unit", "")
    flow_of = Param("branch unit", "")
    rate = Param("branch", "MW")
    twice = Service("unit", "MW", compute=lambda most: 2 * most, of="most")
    p = Var("hour unit", "MW", upper="most")
    shed = Var("hour", "MW")
    supply = Total("hour", "MW")
    units = Term("supply", "sum(p, unit)")
    lost = Term("supply", "shed")
    balance = Constraint("supply == load")
    ramps = Constraint("-ramp <= p - prev(p, before) <= ramp")
    window = Constraint("recent(p, dwell) + next(p) <= twice", where="wide")
    limits = Constraint("-rate <= flow_of @ p <= rate")
    paid = Expr("step * price * p")
    cost = Cost("paid + 0 * paid")
    pain = Cost("1000 * step * 1 * shed * least(price, price)")


def _toy(seed: int, hours: int = 4) -> dict:
    rng = np.random.default_rng(seed)
    return {
        "price": rng.uniform(1, 9, 3), "most": np.array([2.0, 5.0, 9.0]), "load": rng.uniform(3, 9, hours),
        "ramp": rng.uniform(2, 5, 3), "before": rng.uniform(0, 2, 3), "dwell": np.array([1.0, 2.0, 3.0]), "wide": np.array([0, 1, 1]),
        "flow_of": rng.normal(size=(2, 3)), "rate": rng.uniform(2, 6, 2),
    }  # fmt: skip


class Toy1(Toy):
    """With a price of its own on shed load."""

    value = Param("", "USD/MWh", default=1000.0)
    pain = Cost("step * value * shed")


def _by_hand(d: dict) -> float:
    """The same problem row by row, solved by scipy."""
    hours, n = len(d["load"]), 3
    size = hours * n + hours

    def at(t: int, g: int) -> int:
        return t * n + g

    eq, eq_b, ub, ub_b = [], [], [], []
    for t in range(hours):
        row = np.zeros(size)
        row[[at(t, g) for g in range(n)]], row[hours * n + t] = 1, 1
        eq.append(row)
        eq_b.append(d["load"][t])
        for g in range(n):
            row, past = np.zeros(size), 0.0
            row[at(t, g)] = 1
            if t:
                row[at(t - 1, g)] = -1
            else:
                past = d["before"][g]
            ub += [row, -row]
            ub_b += [d["ramp"][g] + past, d["ramp"][g] - past]
            if d["wide"][g]:
                row = np.zeros(size)
                for back in range(int(d["dwell"][g])):
                    if t - back >= 0:
                        row[at(t - back, g)] += 1
                if t + 1 < hours:
                    row[at(t + 1, g)] += 1
                ub.append(row)
                ub_b.append(2 * d["most"][g])
        for b in range(2):
            row = np.zeros(size)
            row[[at(t, g) for g in range(n)]] = d["flow_of"][b]
            ub += [row, -row]
            ub_b += [d["rate"][b]] * 2
    cost = np.concatenate([np.tile(d["price"], hours), np.full(hours, 1000.0)])
    bounds = [(0, m) for m in np.tile(d["most"], hours)] + [(0, None)] * hours
    return linprog(cost, np.array(ub), ub_b, np.array(eq), eq_b, bounds).fun


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_a_compiled_problem_is_the_one_written(seed):
    d = _toy(seed)
    assert Toy1.compile(d).solve().cost == pytest.approx(_by_hand(d), rel=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sets(st.sampled_from(["price", "load", "ramp", "before", "dwell", "flow_of", "rate"])))
def test_an_update_equals_a_fresh_compilation(seed, names):
    d, other = _toy(seed), _toy(seed + 1)
    problem = Toy1.compile(d)
    problem.solve()
    changed = {**d, **{k: other[k] for k in names}, "most": d["most"] + 1}
    problem.update(most=d["most"] + 1, **{k: other[k] for k in names})
    fresh = Toy1.compile(changed)
    assert abs(problem.template.matrix - fresh.template.matrix).max() == 0
    for field in ("cost", "lower", "upper", "low", "high"):
        assert np.array_equal(getattr(problem.template, field), getattr(fresh.template, field))
    assert problem.solve().cost == pytest.approx(fresh.solve().cost, rel=1e-9)


def test_a_wrong_update_is_refused():
    problem = Toy1.compile(_toy(1))
    with pytest.raises(ParameterError, match="no parameter nothing"):
        problem.update(nothing=1.0)
    with pytest.raises(ParameterError, match="decides which rows"):
        problem.update(wide=np.ones(3))
    with pytest.raises(ParameterError, match="along hour"):
        problem.update(load=np.ones(7))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_prices_equal_finite_differences(seed):
    d, step = _toy(seed), 1e-4
    solved = Toy1.compile(d).solve()
    more, less = (dict(d, load=d["load"] + s * step * np.eye(4)[2]) for s in (1, -1))
    slope = (Toy1.compile(more).solve().cost - Toy1.compile(less).solve().cost) / (2 * step)
    assert solved.price("balance")[2] == pytest.approx(slope, abs=1e-3)


class Lazy(Toy1):
    """The limits join once violated."""

    limits = Constraint("-rate <= flow_of @ p <= rate", lazy=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_lazy_rows_change_nothing_but_the_number_of_rows(seed):
    d, other = _toy(seed, 6), _toy(seed + 1, 6)
    problem = Lazy.compile(d)
    assert problem.solve().cost == pytest.approx(Toy1.compile(d).solve().cost, abs=1e4 * 0.01)
    for change in ({"rate": other["rate"]}, {"flow_of": other["flow_of"]}, {"load": other["load"]}):
        d = {**d, **change}
        problem.update(**change)
        assert problem.solve().cost == pytest.approx(Toy1.compile(d).solve().cost, abs=1e4 * 0.01)


def test_sparse_and_dense_matrices_are_alike():
    d = _toy(5)
    for kind in (Toy1, Lazy):
        dense = kind.compile(d).solve().cost
        assert kind.compile({**d, "flow_of": sp.csr_matrix(d["flow_of"])}).solve().cost == pytest.approx(dense)


def test_infeasibility_names_what_contradicts():
    d = _toy(3)
    problem = type("Tight", (Toy1,), {"shed": Var("hour", "MW", upper="0")}).compile({**d, "load": np.full(4, 99.0)})
    with pytest.raises(InfeasibleError, match=r"'balance' \(hour \d\).*contradict") as told:
        problem.solve()
    assert "'p'" in str(told.value) or "'limits'" in str(told.value) or "'ramps'" in str(told.value)


class Curved(Toy1):
    """Quadratic costs, and a decision to run."""

    bend = Param("unit", "USD/MW^2 h")
    fixed = Param("unit", "USD/h")
    squares = Cost("step * bend * p**2")


class Switched(Curved):
    """Units that rest give nothing."""

    u = Var("hour unit", "", "0", "1", integer=True)
    closed = Constraint("p <= most * u")
    running = Cost("step * fixed * u")


def _curved(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    return {**_toy(seed, 3), "bend": rng.uniform(0, 2, 3), "fixed": rng.uniform(0, 9, 3)}


@pytest.mark.parametrize("first", [np.zeros(3), np.ones(3)])
def test_squares_that_change_come_or_go_equal_a_fresh_compilation(first):
    d = {**_curved(4), "bend": first}
    problem = Curved.compile(d)
    problem.solve()
    for bend in (np.array([0.5, 2.0, 0.0]), np.zeros(3), np.full(3, 0.1)):
        problem.update(bend=bend)
        assert problem.solve().cost == pytest.approx(Curved.compile({**d, "bend": bend}).solve().cost, rel=1e-6)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_convex_solvers_agree(seed):
    costs = []
    for name in ("PIQP", "CLARABEL", "ECOS"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(convex, "SOLVERS", (name,))
            costs.append(Curved.compile(_curved(seed)).solve().cost)
    assert costs == pytest.approx([costs[0]] * 3, rel=1e-5)


def test_quadratic_prices_equal_finite_differences():
    d, step = _curved(7), 1e-3
    solved = Curved.compile(d).solve()
    more, less = (dict(d, load=d["load"] + s * step * np.eye(3)[1]) for s in (1, -1))
    slope = (Curved.compile(more).solve().cost - Curved.compile(less).solve().cost) / (2 * step)
    assert solved.price("balance")[1] == pytest.approx(slope, rel=1e-3)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_integers_with_squares_equal_brute_force(seed):
    """All 512 commitments of three units in three hours, each a convex problem."""
    d = _curved(seed)
    found = Switched.compile(d).solve(gap=1e-6)
    best = np.inf
    fixed = Curved.compile(d)
    for code in range(512):
        u = np.array([(code >> k) & 1 for k in range(9)]).reshape(3, 3)
        with pytest.MonkeyPatch.context():
            problem = Switched.compile(d)
            at = problem.columns["u"].index.ravel()
            problem.template.lower[at] = problem.template.upper[at] = u.ravel()
            if (u * d["fixed"]).sum() > best:
                continue
            best = min(best, problem.solve(relax=True).cost)
    assert fixed.solve().cost <= found.cost + 1e-6
    assert found.cost == pytest.approx(best, rel=1e-5)
    assert found.bound <= best + 1e-6


class Disc(Formulation):
    """The cheapest point of a disc that may grow."""

    price = Param("unit axis", "USD/MW")
    radius = Param("unit", "MW")
    growth = Param("", "USD/MW", default=1e3)
    x = Var("unit axis", "MW", "-inf", "inf")
    more = Var("unit", "MW")
    first = Param("axis", "")
    within = Cone(("sum(first * x, axis)", "sum((1 - first) * x, axis)"), within="radius + more")
    cost = Cost("price * x")
    grown = Cost("growth * more")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_the_cheapest_point_of_a_disc_is_known(seed):
    """The optimum of a linear cost c over a disc of radius r is -r |c|; after an update too."""
    rng = np.random.default_rng(seed)
    price, radius = rng.normal(size=(4, 2)), rng.uniform(1, 5, 4)
    problem = Disc.compile({"price": price, "radius": radius, "first": np.array([1.0, 0.0])})
    assert problem.solve().cost == pytest.approx(-(radius * np.hypot(*price.T)).sum(), rel=1e-6)
    problem.update(radius=2 * radius)
    assert problem.solve().cost == pytest.approx(-(2 * radius * np.hypot(*price.T)).sum(), rel=1e-6)
