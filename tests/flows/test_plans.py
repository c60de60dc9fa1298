"""A planned run opened in PyPSA: power balances at every bus, its own power flow finds the state, stores add up."""

import logging
import warnings
from datetime import datetime

import numpy as np
import pytest

from slots.grid.admittance import admittance
from slots.grid.newton import newton
from slots.sources.catalogue import load_source
from slots.sources.pypsa.writer import Schedule, write_pypsa

pypsa = pytest.importorskip("pypsa")


def _opened(path):
    logging.getLogger("pypsa").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pypsa.Network(str(path))


def _miss(n):
    """(snapshot, bus) MW that enter a bus and do not leave it, by the results in the file."""

    def at_buses(values, bus):
        return values.T.groupby(bus).sum().T.reindex(columns=n.buses.index, fill_value=0.0).to_numpy()

    out = at_buses(n.generators_t.p, n.generators.bus) - at_buses(n.loads_t.p, n.loads.bus)
    if len(n.storage_units):
        out = out + at_buses(n.storage_units_t.p, n.storage_units.bus)
    for table, hourly in ((n.lines, n.lines_t), (n.transformers, n.transformers_t), (n.links, n.links_t)):
        for end in "01" if len(table) else "":
            out = out - at_buses(hourly[f"p{end}"], table[f"bus{end}"])
    shunts = n.shunt_impedances
    if len(shunts):
        g = (
            (shunts.g * shunts.bus.map(n.buses.v_nom) ** 2)
            .groupby(shunts.bus)
            .sum()
            .reindex(n.buses.index, fill_value=0.0)
        )
        out = out - g.to_numpy() * n.buses_t.v_mag_pu.to_numpy() ** 2
    return out


def _own_power_flow(n, hours):
    """Largest differences (p.u., MW) between the state in the file and PyPSA's power flow of its set points."""
    v, flow = n.buses_t.v_mag_pu.iloc[:hours].copy(), n.lines_t.p0.iloc[:hours].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert n.pf(n.snapshots[:hours])["converged"].all(axis=None)
    return np.abs(n.buses_t.v_mag_pu.iloc[:hours] - v).to_numpy().max(), np.abs(
        n.lines_t.p0.iloc[:hours] - flow
    ).to_numpy().max()


def test_a_planned_run_is_opened_by_pypsa(home, two_days, tmp_path):
    path = tmp_path / "plan.nc"
    assert str(path) in home.bos("results", two_days, "--export", str(path)).stdout
    n = _opened(path)
    assert len(n.snapshots) == 48
    assert np.abs(_miss(n)).max() < 1e-5
    dv, dp = _own_power_flow(n, 2)
    assert dv < 1e-7
    assert dp < 1e-4
    refused = home.bos("results", two_days, "--export", str(tmp_path / "plan.xls"), check=False)
    assert refused.returncode == 1
    assert "names no PyPSA network" in refused.stderr


@pytest.fixture
def planned(tmp_path):
    """case30 with a store over four hours: a schedule made by hand, its states by Newton's method."""
    from dataclasses import replace

    g = load_source("case30").grid
    store = 2
    changes = {"kind": "storage", "energy_max": 80.0, "energy_initial": 40.0, "charge_max": 30.0, "efficiency": 0.81}
    columns = {k: getattr(g.units, k).astype(object) if k == "kind" else getattr(g.units, k).copy() for k in changes}
    for k, value in changes.items():
        columns[k][store] = value
    columns["kind"] = columns["kind"].astype(str)
    g = g.replace(units=replace(g.units, **columns))
    hours, units, base = 4, g.units, g.base_mva
    p = np.tile(units.p, (hours, 1))
    p[:, store] = [10.0, -12.0, -6.0, 20.0]
    inflow = np.zeros_like(p)
    inflow[:, store] = [0.0, 3.0, 0.0, 1.0]
    energy = np.zeros_like(p)
    energy[:, store] = 40 + np.cumsum(
        0.9 * np.maximum(-p[:, store], 0) - np.maximum(p[:, store], 0) / 0.9 + inflow[:, store]
    )
    fixed = -(g.buses.pd + 1j * g.buses.qd)[None, :] * np.array([[1.0], [0.9], [1.1], [0.8]])
    shunt = np.zeros((hours, g.n_bus))
    shunt[1, 9] = 0.05
    v, q = np.zeros((hours, g.n_bus), complex), np.zeros((hours, g.n_bus))
    for h in range(hours):
        s = fixed[h].copy()
        np.add.at(s, units.bus, p[h])
        ybus = admittance(g.replace(buses=replace(g.buses, bs=g.buses.bs + shunt[h] * base))).ybus
        flow = newton(
            ybus, s / base, np.ones(g.n_bus, complex), g.slack, np.flatnonzero(g.buses.kind == 2), tolerance=1e-11
        )
        assert flow.converged
        v[h], true = flow.v, flow.v * np.conj(ybus @ flow.v) * base
        p[h, np.flatnonzero(units.bus == g.slack)[0]] += (true.real - s.real)[g.slack]
        q[h] = np.where(g.buses.kind > 1, (true - s).imag, 0.0)
    on = np.ones(p.shape, bool)
    return (
        g,
        Schedule(
            datetime(2016, 7, 1),
            fixed,
            p,
            on,
            np.full(p.shape, np.nan),
            energy,
            inflow,
            q,
            v,
            shunt,
            np.zeros((hours, 0)),
        ),
        store,
    )


@pytest.mark.parametrize("name", ["plan.nc", "plan"])
def test_flows_banks_and_stores_agree(planned, name, tmp_path):
    grid, schedule, store = planned
    assert write_pypsa(grid, schedule, tmp_path / name) == []
    n = _opened(tmp_path / name)
    assert np.abs(_miss(n)).max() < 1e-6
    dv, dp = _own_power_flow(n, 4)
    assert dv < 1e-8
    assert dp < 1e-5
    kept, label = n.storage_units.iloc[0], str(grid.units.name[store])
    p, soc = n.storage_units_t.p[label].to_numpy(), n.storage_units_t.state_of_charge[label].to_numpy()
    before = np.concatenate([[kept.state_of_charge_initial], soc[:-1]])
    moved = (
        kept.efficiency_store * np.maximum(-p, 0)
        - np.maximum(p, 0) / kept.efficiency_dispatch
        + n.storage_units_t.inflow[label].to_numpy()
    )
    np.testing.assert_allclose(soc - before, moved, atol=1e-9)
    assert n.storage_units.at[label, "p_nom"] * kept.max_hours == pytest.approx(80.0)
    assert n.snapshots[0].isoformat() == "2016-07-01T00:00:00"


def test_what_was_written_is_read_again(planned, tmp_path):
    grid, schedule, _ = planned
    write_pypsa(grid, schedule, tmp_path / "plan.nc")
    source = load_source(str(tmp_path / "plan.nc"))
    order = [list(source.grid.buses.name).index(n) for n in grid.buses.name]
    ours = admittance(source.grid).ybus.toarray()[np.ix_(order, order)]
    np.testing.assert_allclose(ours, admittance(grid).ybus.toarray(), atol=1e-9)
    assert source.series.load.sum(axis=1) == pytest.approx(-schedule.fixed.real.sum(axis=1))
