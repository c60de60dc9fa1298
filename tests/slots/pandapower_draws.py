"""Random pandapower networks with every kind of element and attribute.

A network is a ring of 110-kV buses fed by an external grid, with features drawn from `FEATURES`; loads are small, so that
pandapower's power flow converges.
"""

import warnings
from copy import deepcopy

import numpy as np
import pandapower as pp

LINE = {"r_ohm_per_km": 0.06, "x_ohm_per_km": 0.3, "c_nf_per_km": 9.0}
TRAFO = {
    "sn_mva": 25.0,
    "vn_hv_kv": 110.0,
    "vn_lv_kv": 20.0,
    "vk_percent": 12.0,
    "vkr_percent": 0.4,
    "pfe_kw": 14.0,
    "i0_percent": 0.07,
}


EMPTY = pp.create_empty_network()


class Draw:
    """A network under construction."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.net = deepcopy(EMPTY)  # thrice as quick as making one
        self.net.sn_mva, self.net.f_hz = self.pick(1.0, 100.0, 37.5), self.pick(50.0, 60.0)
        n = int(self.rng.integers(3, 7))
        self.ring = [pp.create_bus(self.net, 110.0, min_vm_pu=0.85, max_vm_pu=self.u(1.05, 1.2)) for _ in range(n)]
        pp.create_ext_grid(self.net, self.ring[0], vm_pu=self.u(0.98, 1.04), va_degree=self.u(-20, 20))
        for a, b in zip(self.ring, self.ring[1:] + self.ring[:1], strict=True):
            self.line(a, b)
        for bus in self.ring[1:]:
            pp.create_load(
                self.net, bus, self.u(0, 15), self.u(-3, 5), scaling=self.u(0.5, 1.2), in_service=self.chance(0.9)
            )

    def u(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def pick(self, *values):
        return values[int(self.rng.integers(len(values)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def bus(self) -> int:
        return self.pick(*self.ring)

    def line(self, a: int, b: int, **values) -> int:
        drawn = {k: x * self.u(0.5, 2) for k, x in LINE.items()}
        return pp.create_line_from_parameters(
            self.net, a, b, length_km=self.u(1, 20), **drawn, max_i_ka=self.u(0.2, 1), df=self.u(0.4, 1),
            parallel=self.pick(1, 1, 2), g_us_per_km=self.pick(0.0, self.u(0, 5)), max_loading_percent=self.pick(np.nan, self.u(50, 120)),
            **values,
        )  # fmt: skip

    def trafo(self, **values) -> int:
        """A transformer to a new bus of a lower voltage with some load."""
        low = pp.create_bus(self.net, 20.0)
        pp.create_load(self.net, low, self.u(0, 4), self.u(-1, 1))
        own = TRAFO | {k: TRAFO[k] * self.u(0.7, 1.3) for k in ("sn_mva", "vk_percent", "pfe_kw", "i0_percent")}
        own |= {
            "vn_hv_kv": 110 * self.u(0.97, 1.03),
            "shift_degree": self.pick(0.0, 150.0, 330.0, -30.0),
            "df": self.u(0.5, 1),
        }
        own |= {"parallel": self.pick(1, 2), "max_loading_percent": self.pick(np.nan, self.u(60, 110))}
        return pp.create_transformer_from_parameters(self.net, self.bus(), low, **(own | values))


def tap_changer(d: Draw) -> None:
    kind = d.pick("Ratio", "Ideal", "Symmetrical")
    turn = d.u(0.5, 2) if kind == "Ideal" else d.pick(0.0, d.u(10, 90))
    percent = 0.0 if kind == "Ideal" else d.u(0.3, 1.5)
    made = d.trafo(
        tap_side=d.pick("hv", "lv"), tap_neutral=0.0, tap_min=-9.0, tap_max=9.0, tap_pos=float(d.rng.integers(-4, 5)),
        tap_step_percent=percent, tap_step_degree=turn, tap_changer_type=kind, shift_degree=0.0,
    )  # fmt: skip
    d.net.trafo.loc[made, "oltc"] = d.chance(0.5)


def second_changer(d: Draw) -> None:
    d.trafo(
        tap_side="hv", tap_neutral=0.0, tap_pos=2.0, tap_step_percent=1.0, tap_step_degree=0.0, tap_changer_type="Ratio",
        tap2_side=d.pick("hv", "lv"), tap2_neutral=0.0, tap2_pos=float(d.rng.integers(-3, 4)), tap2_step_percent=0.7,
        tap2_step_degree=d.pick(0.0, 60.0), tap2_changer_type="Ratio", shift_degree=0.0,
    )  # fmt: skip


def changer_table(d: Draw) -> None:
    import pandas as pd

    made = d.trafo(tap_side="hv", tap_neutral=0.0, tap_pos=1.0, tap_changer_type="Tabular", shift_degree=0.0)
    steps = [-1, 0, 1]
    d.net["trafo_characteristic_table"] = pd.DataFrame({
        "id_characteristic": 0, "step": steps, "voltage_ratio": [0.98, 1.0, d.u(1.01, 1.03)], "angle_deg": [-1.0, 0.0, d.u(0, 2)],
        "vk_percent": [11.0, 12.0, d.u(10, 14)], "vkr_percent": [0.4, 0.4, 0.5],
    })  # fmt: skip
    for t in ("id_characteristic_table", "tap_dependency_table"):
        if t not in d.net.trafo:
            d.net.trafo[t] = None
    d.net.trafo["id_characteristic_table"] = d.net.trafo["id_characteristic_table"].astype("Int64")
    d.net.trafo.loc[made, "id_characteristic_table"] = 0
    d.net.trafo["tap_dependency_table"] = [k == made for k in d.net.trafo.index]


def vector_group(d: Draw) -> None:
    d.trafo()
    if d.chance(0.5):
        d.net.trafo.loc[d.net.trafo.index[-1], "in_service"] = False


def three_windings(d: Draw) -> None:
    mv, lv = pp.create_bus(d.net, 20.0), pp.create_bus(d.net, 10.0)
    pp.create_transformer3w_from_parameters(
        d.net, d.bus(), mv, lv, 110 * d.u(0.98, 1.02), 20.0, 10.0, sn_hv_mva=63.0, sn_mv_mva=d.u(20, 40), sn_lv_mva=38.0,
        vk_hv_percent=10.4, vk_mv_percent=d.u(9, 12), vk_lv_percent=10.4, vkr_hv_percent=0.28, vkr_mv_percent=0.3, vkr_lv_percent=0.35,
        pfe_kw=d.u(0, 50), i0_percent=d.u(0.1, 1), shift_mv_degree=d.pick(0.0, 30.0), shift_lv_degree=d.pick(0.0, 150.0),
        tap_side=d.pick("hv", "mv", "lv"), tap_neutral=0.0, tap_pos=float(d.rng.integers(-3, 4)), tap_step_percent=1.2,
        tap_step_degree=0.0, tap_min=-8.0, tap_max=8.0, tap_changer_type="Ratio", tap_at_star_point=d.chance(0.3), in_service=d.chance(0.9),
        max_loading_percent=d.pick(np.nan, 80.0),
    )  # fmt: skip
    pp.create_load(d.net, mv, d.u(0, 8), d.u(0, 2))
    pp.create_load(d.net, lv, d.u(0, 5), d.u(0, 2))


def impedance(d: Draw) -> None:
    a, b = d.rng.choice(d.ring, 2, replace=False).tolist()
    pp.create_impedance(
        d.net, a, b, d.u(0, 0.05), d.u(0.05, 0.3), sn_mva=d.u(40, 150), rtf_pu=d.u(0, 0.05), xtf_pu=d.u(0.05, 0.3), gf_pu=d.u(0, 0.01),
        bf_pu=d.u(-0.02, 0.02), gt_pu=d.u(0, 0.01), bt_pu=d.u(-0.02, 0.02), in_service=d.chance(0.9),
    )  # fmt: skip


def ward(d: Draw) -> None:
    pp.create_ward(d.net, d.bus(), d.u(-3, 5), d.u(-2, 2), d.u(0, 3), d.u(-2, 2), in_service=d.chance(0.8))


def xward(d: Draw) -> None:
    pp.create_xward(
        d.net,
        d.bus(),
        d.u(-3, 5),
        d.u(-2, 2),
        d.u(0, 3),
        d.u(-2, 2),
        d.u(0, 2),
        d.u(5, 20),
        d.u(0.97, 1.03),
        in_service=d.chance(0.8),
    )


def voltage_dependent(d: Draw) -> None:
    bus = d.pick(*d.ring[1:])
    pp.create_load(
        d.net, bus, d.u(1, 10), d.u(0, 4), const_z_p_percent=d.u(0, 40), const_z_q_percent=d.u(0, 40), const_i_p_percent=d.pick(0.0, d.u(0, 40)),
        const_i_q_percent=d.pick(0.0, d.u(0, 40)), scaling=d.u(0.5, 1.2), in_service=d.chance(0.9),
    )  # fmt: skip


def asymmetric(d: Draw) -> None:
    values = {f"{c}_{p}_{u}": d.u(0, 2) for c, u in (("p", "mw"), ("q", "mvar")) for p in "abc"}
    pp.create_asymmetric_load(d.net, d.bus(), **values, scaling=d.u(0.5, 1.2), in_service=d.chance(0.8))
    pp.create_asymmetric_sgen(d.net, d.bus(), **values, scaling=d.u(0.5, 1.2), in_service=d.chance(0.8))


def static(d: Draw) -> None:
    for free in (True, False):
        made = pp.create_sgen(
            d.net, d.bus(), d.u(-2, 10), d.u(-2, 2), sn_mva=d.pick(np.nan, 12.0), scaling=d.u(0.5, 1.2), type=d.pick("PV", "WP", None, "gas"),
            controllable=free, in_service=d.chance(0.8), min_p_mw=d.pick(np.nan, -3.0), max_p_mw=d.pick(np.nan, 15.0), min_q_mvar=d.pick(np.nan, -4.0),
            max_q_mvar=5.0,
        )  # fmt: skip
        if free and d.chance(0.7):
            pp.create_poly_cost(d.net, made, "sgen", cp1_eur_per_mw=d.u(1, 50), cp0_eur=d.u(0, 9))


def generators(d: Draw) -> None:
    bus, v = d.pick(*d.ring[1:]), d.u(0.99, 1.03)
    for _ in range(d.pick(1, 2)):
        made = pp.create_gen(
            d.net, bus, d.u(1, 12), vm_pu=v, scaling=d.u(0.6, 1.1), controllable=d.pick(True, True, False), in_service=d.chance(0.8),
            min_p_mw=d.pick(np.nan, 0.5), max_p_mw=d.pick(np.nan, 20.0), min_q_mvar=d.pick(np.nan, -9.0), max_q_mvar=d.pick(np.nan, 11.0), sn_mva=30.0,
        )  # fmt: skip
        if d.chance(0.5):
            pp.create_poly_cost(
                d.net, made, "gen", cp1_eur_per_mw=d.u(1, 50), cp0_eur=d.u(0, 9), cp2_eur_per_mw2=d.u(0, 1)
            )
        else:
            a, b = d.u(5, 8), d.u(1, 20)
            pp.create_pwl_cost(d.net, made, "gen", [[0.5, a, b], [a, 20.0, b + d.u(1, 9)]])


def slack_generator(d: Draw) -> None:
    pp.create_gen(
        d.net, d.pick(*d.ring[1:]), d.u(1, 12), vm_pu=d.u(0.99, 1.03), slack=True, min_p_mw=0.0, max_p_mw=50.0
    )


def external_grids(d: Draw) -> None:
    first = d.net.ext_grid.iloc[0]
    pp.create_ext_grid(
        d.net,
        d.pick(*d.ring[1:]),
        vm_pu=d.u(0.99, 1.03),
        va_degree=first.va_degree + d.u(-1, 1),
        in_service=d.chance(0.8),
    )
    d.net.ext_grid["max_p_mw"] = [d.pick(np.nan, 250.0), 120.0]
    d.net.ext_grid["min_p_mw"] = [d.pick(np.nan, 10.0), -50.0]
    d.net.ext_grid["max_q_mvar"] = [d.pick(np.nan, 300.0), 75.0]
    d.net.ext_grid["min_q_mvar"] = [-200.0, d.pick(np.nan, -75.0)]
    pp.create_poly_cost(d.net, 0, "ext_grid", cp1_eur_per_mw=d.u(1, 50))


def shunts(d: Draw) -> None:
    pp.create_shunt(
        d.net,
        d.bus(),
        q_mvar=d.u(-8, 8),
        p_mw=d.u(0, 1),
        vn_kv=d.pick(110.0, 115.0),
        step=d.pick(1, 2),
        max_step=3,
        in_service=d.chance(0.8),
    )


def storage(d: Draw) -> None:
    pp.create_storage(
        d.net, d.bus(), d.u(-5, 5), max_e_mwh=d.pick(np.nan, d.u(10, 40)), soc_percent=d.u(0, 100), min_e_mwh=d.pick(np.nan, 2.0), q_mvar=d.u(-1, 1),
        scaling=d.u(0.5, 1.2), min_p_mw=d.pick(np.nan, -8.0), max_p_mw=d.pick(np.nan, 9.0), in_service=d.chance(0.8), sn_mva=d.pick(np.nan, 6.0),
    )  # fmt: skip


def motor(d: Draw) -> None:
    pp.create_motor(
        d.net,
        d.bus(),
        d.u(0.5, 5),
        cos_phi=d.u(0.7, 1),
        efficiency_percent=d.u(80, 99),
        loading_percent=d.u(40, 100),
        scaling=d.u(0.5, 1),
        in_service=d.chance(0.8),
    )


def dcline(d: Draw) -> None:
    a, b = d.rng.choice(d.ring[1:], 2, replace=False).tolist()
    pp.create_dcline(
        d.net, a, b, p_mw=d.pick(d.u(1, 10), d.u(-10, -1), 0.0), loss_percent=d.u(0, 5), loss_mw=d.u(0, 0.5), vm_from_pu=d.u(0.99, 1.02),
        vm_to_pu=d.u(0.99, 1.02), max_p_mw=d.pick(np.nan, 20.0), min_q_from_mvar=d.pick(np.nan, -10.0), max_q_from_mvar=10.0, min_q_to_mvar=-12.0,
        max_q_to_mvar=d.pick(np.nan, 12.0), in_service=d.chance(0.8),
    )  # fmt: skip


def couplers(d: Draw) -> None:
    for z in (0.0, d.pick(0.0, d.u(0.05, 1))):
        bus = pp.create_bus(d.net, 110.0)
        pp.create_switch(d.net, d.bus(), bus, et="b", closed=d.chance(0.7), z_ohm=z, in_ka=d.pick(np.nan, 2.0))
        pp.create_load(d.net, bus, d.u(0, 5), d.u(0, 2))
        if d.chance(0.4):
            pp.create_shunt(d.net, bus, q_mvar=d.u(-3, 3))


def open_line(d: Draw) -> None:
    line = d.line(*d.rng.choice(d.ring, 2, replace=False).tolist())
    pp.create_switch(d.net, int(d.net.line.at[line, d.pick("from_bus", "to_bus")]), line, et="l", closed=d.chance(0.2))
    if d.chance(0.2):
        pp.create_switch(d.net, int(d.net.line.at[line, "to_bus"]), line, et="l", closed=False)


def open_trafo(d: Draw) -> None:
    trafo = d.trafo()
    pp.create_switch(d.net, int(d.net.trafo.at[trafo, d.pick("hv_bus", "lv_bus")]), trafo, et="t", closed=False)


def open_three(d: Draw) -> None:
    three_windings(d)
    last = d.net.trafo3w.index[-1]
    pp.create_switch(d.net, int(d.net.trafo3w.at[last, d.pick("mv_bus", "lv_bus")]), last, et="t3", closed=False)


def dead_bus(d: Draw) -> None:
    bus = pp.create_bus(d.net, 110.0, in_service=False)
    d.line(d.bus(), bus)
    pp.create_load(d.net, bus, 5.0, 1.0)
    pp.create_sgen(d.net, bus, 3.0, 1.0, controllable=True)


def island(d: Draw) -> None:
    a, b = pp.create_bus(d.net, 110.0), pp.create_bus(d.net, 110.0)
    d.line(a, b)
    pp.create_load(d.net, a, 5.0, 1.0)
    pp.create_gen(d.net, b, 4.0, vm_pu=1.0)


def line_out(d: Draw) -> None:
    d.line(*d.rng.choice(d.ring, 2, replace=False).tolist(), in_service=False)


FEATURES = {
    f.__name__: f
    for f in (
        tap_changer, second_changer, changer_table, vector_group, three_windings, impedance, ward, xward, voltage_dependent, asymmetric, static,
        generators, slack_generator, external_grids, shunts, storage, motor, dcline, couplers, open_line, open_trafo, open_three, dead_bus, island,
        line_out,
    )
}  # fmt: skip


def network(seed: int, features) -> pp.pandapowerNet:
    """A network with these features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draw = Draw(seed)
        for name in sorted(features):
            FEATURES[name](draw)
    return draw.net


def drawn(seed: int) -> pp.pandapowerNet:
    """A network with two to six features."""
    rng = np.random.default_rng(seed)
    return network(seed, rng.choice(sorted(FEATURES), int(rng.integers(2, 7)), replace=False).tolist())
