"""Random PowSyBl networks of every element kind and attribute, and what is stated in them.

Each is drawn from a `random.Random`, so that hypothesis can shrink it. Quantities are such that a power flow exists: a few
tens of MW on a 100-MVA base, reactances below 0.15 p.u.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pypowsybl as pp

P = pp.loadflow
KV = (400.0, 225.0, 110.0)


@dataclass
class Drawn:
    """A network and what it states.

    Attributes:
        rates: by branch name its continuous and emergency rating (MVA).
        ranges: by unit name pmin, pmax, qmin, qmax.
        banks: by bus position the MVAr that its switched banks can give beyond zero, least and most.
        told: kinds that the reading report has to name.
    """

    network: Any
    rates: dict[str, tuple[float, float]] = field(default_factory=dict)
    ranges: dict[str, tuple[float, ...]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)


class Builder:
    """Draws one network; `plain`: only what CGMES and MATPOWER's files can hold, too."""

    def __init__(self, draw: Random, plain: bool = False) -> None:
        self.draw, self.plain = draw, plain
        self.n = pp.network.create_empty("drawn")
        self.out = Drawn(self.n)
        self.count = 0
        self.kv: list[float] = []
        self.nodes: dict[int, int] = {}  # next free node of a node-breaker level
        self.busy: set[int] = set()  # buses with a unit

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def some(self, low: float, high: float) -> float:
        return round(self.draw.uniform(low, high), 4)

    def id(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def at(self, k: int, side: str = "", connected: bool = True) -> dict[str, Any]:
        """Where an element is connected, or to be connected."""
        level = {f"voltage_level{side}_id": f"V{k}"}
        if k not in self.nodes:
            bus = {f"connectable_bus{side}_id": f"B{k}"} | ({f"bus{side}_id": f"B{k}"} if connected else {})
            return level | bus
        node = self.nodes[k]
        self.nodes[k] += 1
        bar = self.draw.choice([0, 1])
        self.n.create_switches(id=self.id("SW"), voltage_level_id=f"V{k}", node1=bar, node2=node, kind="BREAKER",
                               open=not connected, retained=self.chance(0.3))  # fmt: skip
        return level | {f"node{side}": node}

    def between(self, f: int, t: int, ends: tuple[bool, bool] = (True, True)) -> dict[str, Any]:
        return self.at(f, "1", ends[0]) | self.at(t, "2", ends[1])

    def levels(self, size: int) -> None:
        self.n.create_substations(id="S", country="FR")
        for k in range(size):
            self.kv.append(KV[0] if self.plain and k == 0 else self.draw.choice(KV))
            nodal = not self.plain and self.chance(0.2)
            limits = (
                {"low_voltage_limit": 0.93 * self.kv[k], "high_voltage_limit": 1.08 * self.kv[k]}
                if self.chance(0.5)
                else {}
            )
            self.n.create_voltage_levels(id=f"V{k}", substation_id="S", nominal_v=self.kv[k],
                                         topology_kind="NODE_BREAKER" if nodal else "BUS_BREAKER", **limits)  # fmt: skip
            if nodal:
                self.n.create_busbar_sections(id=[f"BB{k}a", f"BB{k}b"], voltage_level_id=[f"V{k}"] * 2, node=[0, 1])
                self.n.create_switches(id=f"C{k}", voltage_level_id=f"V{k}", node1=0, node2=1, kind="BREAKER", open=False,
                                       retained=self.chance(0.5))  # fmt: skip
                self.nodes[k] = 2
            else:
                self.n.create_buses(id=f"B{k}", voltage_level_id=f"V{k}")

    def ohm(self, k: int) -> float:
        return self.kv[k] ** 2 / 100

    def series(self, t: int) -> dict[str, float]:
        x = self.some(0.02, 0.15)
        return {"r": self.some(0, 0.3) * x * self.ohm(t), "x": x * self.ohm(t)}

    def line(self, f: int, t: int, ends: tuple[bool, bool] = (True, True), zero: bool = False) -> None:
        key = self.id("L")
        y = {k: self.some(0, most) / self.ohm(t) for k, most in
             (("g1", 0.01), ("b1", 0.1), ("g2", 0.01), ("b2", 0.1))}  # fmt: skip
        if zero or self.chance(0.3):  # OpenLoadFlow drops the shunts of what has no impedance
            y = dict.fromkeys(y, 0.0)
        series = {"r": 0.0, "x": 0.0} if zero else self.series(t)
        self.n.create_lines(id=key, **self.between(f, t, ends), **series, **y)
        if not zero and self.chance(0.5):
            self.limits(key, f, t)

    def limits(self, key: str, f: int, t: int) -> None:
        """Permanent and temporary limits on one or both sides, in groups of which one is selected."""
        rows, usual, short = [], [], []
        for side, k in (("ONE", f), ("TWO", t)):
            if side == "TWO" and self.chance(0.4):
                continue
            kind = self.draw.choice(["CURRENT", "APPARENT_POWER", "ACTIVE_POWER"])
            mva = np.sqrt(3) * self.kv[k] / 1000 if kind == "CURRENT" else 1.0
            for group, factor in (("chosen", 1.0), ("other", 0.1)):
                value, brief, flash = self.some(90, 120), self.some(130, 150), self.some(180, 200)
                for name, duration, x in (("p", -1, value), ("t10", 600, brief), ("t1", 60, flash)):
                    rows.append({"element_id": key, "side": side, "name": name, "type": kind, "value": factor * x,
                                 "acceptable_duration": duration, "group_name": group})  # fmt: skip
                if group == "chosen":
                    usual.append(mva * value)
                    short.append(mva * max(value, brief))
        self.n.create_operational_limits(pd.DataFrame(rows).set_index("element_id"))
        columns = {f"selected_limits_group_{1 if s == 'ONE' else 2}": "chosen" for s in {r["side"] for r in rows}}
        self.n.update_branches(id=key, **columns)
        self.out.rates[key] = min(usual), min(short)

    def transformer(self, f: int, t: int, ends: tuple[bool, bool] = (True, True), zero: bool = False) -> None:
        key = self.id("T")
        shunt = (
            {"g": self.some(0, 0.005) / self.ohm(t), "b": -self.some(0, 0.02) / self.ohm(t)}
            if not zero and self.chance(0.5)
            else {"g": 0.0, "b": 0.0}
        )
        series = {"r": 0.0, "x": 0.0} if zero else self.series(t)
        self.n.create_2_windings_transformers(
            id=key, **self.between(f, t, ends), **series, **shunt, rated_u1=self.kv[f] * self.some(0.98, 1.02),
            rated_u2=self.kv[t] * self.some(0.98, 1.02),
        )  # fmt: skip
        if zero:
            return
        if self.chance(0.5):
            self.changer("ratio", key)
        if self.chance(0.3):
            self.changer("phase", key)

    def changer(self, kind: str, key: str, side: str = "") -> None:
        low, steps = self.draw.randint(-2, 0), self.draw.randint(3, 6)
        tap = low + self.draw.randrange(steps)
        uneven = self.chance(0.5)
        part = {k: [self.some(-5, 5) if uneven else 0.0 for _ in range(steps)] for k in "rxgb"}
        rho = [1 / (1 + 0.01 * (low + k)) for k in range(steps)]
        table = pd.DataFrame({"id": key, "rho": rho, **part})
        head = {"id": [key], "tap": [tap], "low_tap": [low], "regulating": [False]} | ({"side": [side]} if side else {})
        if kind == "ratio":
            head |= {"oltc": [self.chance(0.7)], "target_v": [np.nan], "target_deadband": [np.nan]}
            self.n.create_ratio_tap_changers(pd.DataFrame(head).set_index("id"), table.set_index("id"))
            return
        head |= {"regulation_mode": ["CURRENT_LIMITER"], "target_deadband": [np.nan]}
        table["alpha"] = [self.some(-3, 3) for _ in range(steps)]
        self.n.create_phase_tap_changers(pd.DataFrame(head).set_index("id"), table.set_index("id"))

    def three_windings(self, buses: list[int], connected: list[bool]) -> None:
        key, row = self.id("W"), {}
        for s, (k, on) in enumerate(zip(buses, connected, strict=True), 1):
            row |= self.at(k, str(s), on)
            row |= {f"rated_u{s}": self.kv[k] * self.some(0.98, 1.02), f"r{s}": self.some(0, 0.01) * 1600,
                    f"x{s}": self.some(0.02, 0.08) * 1600, f"g{s}": self.some(0, 0.002) / 1600,
                    f"b{s}": -self.some(0, 0.01) / 1600, f"rated_s{s}": self.some(20, 80)}  # fmt: skip
        self.n.create_3_windings_transformers(id=key, rated_u0=400.0, **row)
        for s, side in enumerate(("ONE", "TWO", "THREE"), 1):
            if self.chance(0.4):
                self.changer("ratio", key, side)
            self.out.rates[f"{key} side {s}"] = (np.inf, np.inf)

    def half(self, k: int, pairing: str, connected: bool = True, generation: dict[str, Any] | None = None) -> str:
        key = self.id("H")
        rows = {"id": key, **self.at(k, "", connected), "p0": self.some(-30, 30), "q0": self.some(-10, 10), **self.series(k),
                "g": self.some(0, 0.01) / self.ohm(k), "b": self.some(0, 0.1) / self.ohm(k), "pairing_key": pairing}  # fmt: skip
        if generation is None:
            self.n.create_dangling_lines(**rows)
        else:
            self.n.create_dangling_lines(
                pd.DataFrame([rows]).set_index("id"), pd.DataFrame([{"id": key, **generation}]).set_index("id")
            )
        return key

    def tie(self, f: int, t: int) -> None:
        ends = self.draw.choice([(True, True)] * 4 + [(True, False), (False, True)])
        halves = self.half(f, "X", ends[0]), self.half(t, "X", ends[1])
        self.n.create_tie_lines(id=self.id("TIE"), dangling_line1_id=halves[0], dangling_line2_id=halves[1])

    def boundary(self, k: int) -> None:
        generation = None
        if self.chance(0.6):
            holds = self.chance(0.5)
            generation = {"min_p": 0.0, "max_p": 100.0, "target_p": self.some(0, 30), "target_q": self.some(-10, 10),
                          "target_v": self.kv[k] * self.some(0.98, 1.03), "voltage_regulator_on": holds}  # fmt: skip
        self.half(k, self.id("X"), self.chance(0.85), generation)

    def generator(self, k: int, holds: bool, regulated: str = "", target: float = 0.0) -> None:
        key = self.id("G")
        p = self.draw.choice([self.some(5, 30), self.some(5, 30), 0.0, self.some(-20, -5)])
        p = 20.0 if k == 0 and not self.busy else p  # the slack's: it has to run
        self.busy.add(k)
        low = self.draw.choice([0.0, 0.0, 80.0, -50.0])
        high = self.draw.choice([150.0, 200.0, 9999.0])
        rows = {"id": key, **self.at(k), "target_p": p, "min_p": low, "max_p": high, "target_q": self.some(-20, 20),
                "target_v": target or self.voltage(k), "voltage_regulator_on": holds,
                "energy_source": self.draw.choice(["HYDRO", "NUCLEAR", "WIND", "SOLAR", "THERMAL", "OTHER"])}  # fmt: skip
        self.n.create_generators(**rows)
        if regulated:
            self.n.update_generators(id=key, regulated_element_id=regulated, target_v=target)
            self.out.told.add(
                "remote voltage regulation" if p else "voltage target" if low > 0 else "remote voltage regulation"
            )
        pmin = min(low, p) if p < 0 else low
        most = 2 * abs(p) if high == 9999.0 else high
        if self.chance(0.4):
            self.n.create_minmax_reactive_limits(id=key, min_q=-40.0, max_q=60.0)
            q = -40.0, 60.0
        elif self.chance(0.5):
            points = {"p": [-100.0, 0.0, 100.0], "min_q": [-10.0, -50.0, -30.0], "max_q": [20.0, 60.0, 40.0]}
            self.n.create_curve_reactive_limits(pd.DataFrame({"id": key, **points}).set_index("id"))
            q = tuple(float(np.interp(p, points["p"], points[c])) for c in ("min_q", "max_q"))
            self.out.told.add("reactive capability curve")
        else:
            q = ()
        self.out.ranges[key] = (min(pmin, most), most, *q)

    def voltage(self, k: int) -> float:
        """kV; now and then another than what others hold at the same bus, or none that could be meant."""
        odd = 0.0 if self.plain else self.draw.choice([0.0] * 18 + [0.01, -0.6])
        return self.kv[k] * (1.0 + 0.005 * (k % 5) + odd)

    def load(self, k: int) -> None:
        kind = self.draw.choice(["p", "q", "both", "both", "negative"])
        p, q = self.some(5, 25), self.some(-5, 10)
        p, q = {"p": (p, 0.0), "q": (0.0, q), "both": (p, q), "negative": (-p / 2, -q)}[kind]
        self.n.create_loads(id=self.id("D"), **self.at(k, "", self.chance(0.9)), p0=p, q0=q)

    def shunt(self, k: int) -> None:
        key, most = self.id("C"), self.draw.randint(1, 3)
        b, g = (
            self.draw.choice([-1, 1]) * self.some(0.01, 0.05) / self.ohm(k),
            self.draw.choice([0.0, 0.002]) / self.ohm(k),
        )
        head = {"id": key, **self.at(k, "", self.chance(0.9)), "section_count": self.draw.randint(0, most)}
        if self.chance(0.6):
            self.n.create_shunt_compensators(
                pd.DataFrame([head | {"model_type": "LINEAR"}]).set_index("id"),
                pd.DataFrame([{"id": key, "g_per_section": g, "b_per_section": b, "max_section_count": most}]).set_index("id"),
            )  # fmt: skip
            return
        steps = [b * (k + 1) * self.draw.choice([1.0, 1.0, 1.2]) for k in range(most)]
        self.n.create_shunt_compensators(
            pd.DataFrame([head | {"model_type": "NON_LINEAR"}]).set_index("id"),
            non_linear_model_df=pd.DataFrame({"id": key, "b": steps, "g": [g] * most}).set_index("id"),
        )  # fmt: skip

    def compensator(self, k: int) -> None:
        mode = self.draw.choice(["VOLTAGE", "REACTIVE_POWER", "OFF"])
        self.n.create_static_var_compensators(
            id=self.id("SVC"), **self.at(k), b_min=-0.4 / self.ohm(k), b_max=0.5 / self.ohm(k),
            regulation_mode="VOLTAGE" if mode == "OFF" else mode, regulating=mode != "OFF", target_v=self.voltage(k),
            target_q=self.some(-20, 20),
        )  # fmt: skip

    def battery(self, k: int) -> None:
        key = self.id("BAT")
        self.n.create_batteries(
            id=key, **self.at(k), min_p=-50.0, max_p=50.0, target_p=self.some(-30, 30), target_q=self.some(-10, 10)
        )
        self.out.told.add("battery energy")
        if self.chance(0.4):
            self.n.create_extensions("voltageRegulation", id=key, voltage_regulator_on=True, target_v=self.voltage(k))

    def hvdc(self, f: int, t: int) -> None:
        key, kind = self.id("DC"), self.draw.choice(["vsc", "lcc"])
        ends = []
        for k, on in ((f, self.chance(0.9)), (t, self.chance(0.9))):
            end = self.id("CS")
            loss = self.some(0, 3)
            if kind == "vsc":
                self.n.create_vsc_converter_stations(id=end, **self.at(k, "", on), loss_factor=loss, target_v=self.voltage(k),
                                                     target_q=self.some(-10, 10), voltage_regulator_on=self.chance(0.5))  # fmt: skip
            else:
                self.n.create_lcc_converter_stations(
                    id=end, **self.at(k, "", on), loss_factor=loss, power_factor=self.some(0.7, 0.98)
                )
            ends.append(end)
        self.n.create_hvdc_lines(
            id=key, converter_station1_id=ends[0], converter_station2_id=ends[1], r=self.some(0.1, 2), nominal_v=320.0,
            converters_mode=self.draw.choice(["SIDE_1_RECTIFIER_SIDE_2_INVERTER", "SIDE_1_INVERTER_SIDE_2_RECTIFIER"]),
            target_p=self.some(0, 30), max_p=100.0,
        )  # fmt: skip


def draw_network(draw: Random, plain: bool = False) -> Drawn:
    """A network of 3 to 8 buses."""
    b = Builder(draw, plain)
    size = draw.randint(3, 7)
    b.levels(size)
    for t in range(1, size):
        b.line(*_pair(draw, t)) if b.kv[(p := _pair(draw, t))[0]] == b.kv[t] and b.chance(0.8) else b.transformer(
            p[0], t
        )
    for _ in range(draw.randint(1, 4)):
        _branch(b, size)
    b.generator(0, True, target=b.kv[0])
    for k in range(1, size):
        if b.chance(0.5):
            b.generator(k, b.chance(0.6))
        if b.chance(0.8):
            b.load(k)
    if b.chance(0.25):
        _distant(b, size)
    for _ in range(draw.randint(1, 4)):
        draw.choice([b.load, b.shunt, b.compensator, b.battery, lambda k: b.generator(k, False), b.boundary])(
            draw.randrange(size)
        )
    if b.chance(0.3):
        b.hvdc(*draw.sample(range(size), 2))
    if b.chance(0.2):
        _island(b, size)
    return b.out


def _distant(b: Builder, size: int) -> None:
    """A unit that holds another bus than its own."""
    own, far = b.draw.sample(range(size), 2)
    key = b.id("D")
    b.n.create_loads(id=key, **b.at(far), p0=1.0, q0=0.0)
    b.generator(own, True, regulated=key, target=b.kv[far] * (1.0 + 0.005 * (far % 5)))


def _pair(draw: Random, t: int) -> tuple[int, int]:
    return draw.randrange(t), t


def _branch(b: Builder, size: int) -> None:
    f, t = b.draw.sample(range(size), 2)
    ends = b.draw.choice([(True, True)] * 5 + [(True, False), (False, True), (False, False)])
    kind = b.draw.choice(["line", "line", "transformer", "zero", "three", "tie"])
    if kind == "three":
        b.three_windings(
            [f, t, b.draw.randrange(size)],
            b.draw.choice(
                [[True] * 3] * 3 + [[True, True, False], [True, False, True], [False, True, True], [True, False, False]]
            ),
        )
    elif kind == "tie" and b.kv[f] == b.kv[t]:
        b.tie(f, t)
    elif kind == "zero":
        b.line(f, t, ends, zero=True) if b.kv[f] == b.kv[t] else b.transformer(f, t, ends, zero=b.chance(0.3))
    elif kind == "line" and b.kv[f] == b.kv[t]:
        b.line(f, t, ends)
    else:
        b.transformer(f, t, ends)


def _island(b: Builder, size: int) -> None:
    """A bus that nothing connects, with a load of its own."""
    b.kv.append(110.0)
    b.n.create_voltage_levels(id=f"V{size}", substation_id="S", nominal_v=110.0, topology_kind="BUS_BREAKER")
    b.n.create_buses(id=f"B{size}", voltage_level_id=f"V{size}")
    b.n.create_loads(id=b.id("D"), **b.at(size), p0=7.0, q0=1.0)
    b.n.create_generators(
        id=b.id("G"), **b.at(size), target_p=7.0, min_p=0.0, max_p=10.0, target_v=110.0, voltage_regulator_on=True
    )


def run_openloadflow(network: Any, slack: str) -> Any:
    """Without limits and regulation, the slack bus taking the rest; its status."""
    detailed = bool(len(network.get_dc_nodes()))
    begin = P.VoltageInitMode.UNIFORM_VALUES if detailed else P.VoltageInitMode.DC_VALUES
    return P.run_ac(network, P.Parameters(
        distributed_slack=False, use_reactive_limits=False, read_slack_bus=False, hvdc_ac_emulation=False,
        voltage_init_mode=begin, transformer_voltage_control_on=False,
        shunt_compensator_voltage_control_on=False, phase_shifter_regulation_on=False,
        provider_parameters={"slackBusSelectionMode": "NAME", "slackBusesIds": slack,
                             "plausibleActivePowerLimit": "100000", "newtonRaphsonConvEpsPerEq": "1e-10",
                             "acDcNetwork": str(detailed).lower()},
    ))[0]  # fmt: skip
