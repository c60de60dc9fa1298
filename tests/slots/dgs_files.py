"""Random DGS files of PowerFactory: nodes, cubicles with switches, lines, machines, external grids, loads, shunts, windings."""

from random import Random
from typing import Any

Row = dict[str, Any]
KV = (110.0, 20.0)
_COLUMNS = {
    "ElmNet": "loc_name(a:40);fold_id(p);frnom(r)",
    "ElmTerm": "loc_name(a:40);fold_id(p);iUsage(i);uknom(r);outserv(i)",
    "StaCubic": "loc_name(a:40);fold_id(p);obj_bus(i);obj_id(p)",
    "StaSwitch": "loc_name(a:40);fold_id(p);on_off(i);aUsage(a)",
    "ElmCoup": "loc_name(a:40);fold_id(p);on_off(i);aUsage(a)",
    "ElmLne": "loc_name(a:40);fold_id(p);typ_id(p);dline(r);fline(r);nlnum(i);outserv(i)",
    "TypLne": "loc_name(a:40);fold_id(p);rline(r);xline(r);bline(r);tline(r);sline(r)",
    "ElmLod": "loc_name(a:40);fold_id(p);typ_id(p);mode_inp(a:3);plini(r);qlini(r);slini(r);coslini(r);pf_recap(i);scale0(r);outserv(i)",
    "ElmSym": "loc_name(a:40);fold_id(p);typ_id(p);ngnum(i);ip_ctrl(i);iv_mode(i);pgini(r);qgini(r);usetp(r);q_min(r);q_max(r);Pmin_uc(r);Pmax_uc(r);outserv(i)",
    "TypSym": "loc_name(a:40);fold_id(p);sgn(r)",
    "ElmXnet": "loc_name(a:40);fold_id(p);bustp(a:2);mode_inp(a:3);pgini(r);qgini(r);usetp(r);phiini(r);Pmin_uc(r);MaxS(r);cQ_min(r);cQ_max(r);outserv(i)",
    "ElmShnt": "loc_name(a:40);fold_id(p);shtype(i);ncapa(i);ncapx(i);rrea(r);xrea(r);gparac(r);bcap(r);ushnm(r);qcapn(r);outserv(i)",
    "ElmTr2": "loc_name(a:40);fold_id(p);typ_id(p);ntnum(i);nntap(i);outserv(i)",
    "TypTr2": "loc_name(a:40);fold_id(p);strn(r);utrn_h(r);utrn_l(r);uktr(r);pcutr(r);curmg(r);pfe(r);itrdr(r);itrdl(r);tap_side(i);dutap(r);phitr(r);nntap0(i);ntpmn(i);ntpmx(i);nt2ag(r)",
    "ElmTr3": "loc_name(a:40);fold_id(p);typ_id(p);nt3nm(i);n3tap_h(i);n3tap_m(i);n3tap_l(i);outserv(i)",
    "TypTr3": "loc_name(a:40);fold_id(p);strn3_h(r);strn3_m(r);strn3_l(r);utrn3_h(r);utrn3_m(r);utrn3_l(r);uktr3_h(r);uktr3_m(r);uktr3_l(r);"
              "pcut3_h(r);pcut3_m(r);pcut3_l(r);curm3(r);pfe(r);i3loc(i);" + ";".join(f"du3tp_{s}(r);ph3tr_{s}(r);n3tp0_{s}(i);n3tmn_{s}(i);n3tmx_{s}(i)" for s in "hml"),
    "ElmZpu": "loc_name(a:40);fold_id(p);Sn(r);r_pu(r);x_pu(r);r_pu_ji(r);x_pu_ji(r);gi_pu(r);bi_pu(r);gj_pu(r);bj_pu(r);outserv(i)",
    "ElmPvsys": "loc_name(a:40);fold_id(p);pgini(r)",
}  # fmt: skip


class Draw:
    """Draws one file."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.rows: dict[str, list[Row]] = {k: [] for k in _COLUMNS}
        self.count = 1
        self.net = self.add("ElmNet", loc_name="Grid", frnom=50)
        self.terms: list[int] = []
        self.kv: list[float] = []
        self.pairs: set[frozenset[int]] = set()

    def add(self, kind: str, **row: Any) -> int:
        self.count += 1
        self.rows[kind].append({"ID": self.count, "fold_id": "" if kind == "ElmNet" else row.pop("fold_id", 2)} | row)
        return self.count

    def some(self, low: float, high: float, digits: int = 4) -> float:
        return round(self.draw.uniform(low, high), digits)

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def off(self) -> int:
        return int(self.chance(0.12))

    def connect(self, element: int, *at: int, sure: bool = False) -> None:
        """A cubicle at each node, now and then with a switch that may be open."""
        self.pairs |= {frozenset((a, b)) for a in at for b in at}
        for side, k in enumerate(at):
            cubicle = self.add(
                "StaCubic", loc_name=f"Cub {self.count}", fold_id=self.terms[k], obj_bus=side, obj_id=element
            )
            if self.chance(0.4):
                on = 1 if sure else int(self.chance(0.8))
                self.add("StaSwitch", loc_name="Switch", fold_id=cubicle, on_off=on, aUsage="cbk")

    def nodes(self, size: int) -> None:
        for k in range(size):
            self.kv.append(KV[0] if k == 0 else self.draw.choice(KV))
            self.terms.append(
                self.add("ElmTerm", loc_name=f"N{k}", iUsage=self.draw.choice([0, 1]), uknom=self.kv[k], outserv=0)
            )

    def ohm(self, k: int) -> float:
        return self.kv[k] ** 2 / 100

    def line(self, f: int, t: int, sure: bool = False) -> None:
        km = self.some(1, 5)
        x = self.some(0.03, 0.1) * self.ohm(f) / km
        kind = self.add("TypLne", loc_name=f"TL{self.count}", rline=round(0.2 * x, 6), xline=round(x, 6), bline=self.some(0, 0.05) / self.ohm(f) * 1e6 / km,
                        tline=self.draw.choice([0.0, 0.02]), sline=self.draw.choice([0.0, self.some(0.2, 1.2)]))  # fmt: skip
        lines = self.draw.choice([1, 1, 2])
        self.connect(self.add("ElmLne", loc_name=f"L{self.count}", typ_id=kind, dline=km, fline=self.draw.choice([1.0, 0.8]), nlnum=lines,
                              outserv=0 if sure else self.off()), f, t, sure=sure)  # fmt: skip

    def impedance(self, f: int, t: int) -> None:
        r, x = self.some(0.001, 0.01), self.some(0.03, 0.1)
        self.connect(self.add("ElmZpu", loc_name=f"Z{self.count}", Sn=100.0, r_pu=r, x_pu=x, r_pu_ji=r, x_pu_ji=self.draw.choice([x, round(1.1 * x, 5)]),
                              gi_pu=self.some(0, 0.01), bi_pu=self.some(0, 0.02), gj_pu=0.0, bj_pu=self.some(0, 0.02), outserv=self.off()), f, t)  # fmt: skip

    def transformer(self, f: int, t: int, sure: bool = False) -> None:
        f, t = (f, t) if self.kv[f] >= self.kv[t] else (t, f)
        rated = self.draw.choice([40.0, 100.0])
        iron = self.draw.choice([{"curmg": 0.0, "pfe": 0.0}, {"curmg": self.some(0.2, 0.8), "pfe": self.some(10, 50)}])
        tap = self.draw.choice(
            [(0.0, 0.0), (1.25, 0.0), (1.25, 0.0), (1.25, 1.5), (0.0, 1.5)]
        )  # percent, degrees a step
        share = self.draw.choice(
            [{"itrdr": "", "itrdl": ""}, {"itrdr": 0.5, "itrdl": 0.5}, {"itrdr": 0.3, "itrdl": 0.6}]
        )
        kind = self.add("TypTr2", loc_name=f"TT{self.count}", strn=rated, utrn_h=round(self.kv[f] * self.some(0.98, 1.03), 3), utrn_l=round(self.kv[t] * self.some(0.98, 1.03), 3),
                        uktr=self.some(5, 11), pcutr=self.some(50, 200), **iron, **share, tap_side=self.draw.choice([0, 1]), dutap=tap[0],
                        phitr=tap[1], nntap0=0, ntpmn=-3, ntpmx=3, nt2ag=self.draw.choice([0, 0, 5]))  # fmt: skip
        self.connect(self.add("ElmTr2", loc_name=f"T{self.count}", typ_id=kind, ntnum=self.draw.choice([1, 1, 2]), nntap=self.draw.randint(-3, 3),
                              outserv=0 if sure else self.off()), f, t, sure=sure)  # fmt: skip

    def three(self, at: list[int]) -> None:
        at = sorted(at, key=lambda k: -self.kv[k])
        taps = {
            f"{n}_{s}": v
            for s in "hml"
            for n, v in (
                ("du3tp", self.draw.choice([0.0, 1.0])),
                ("ph3tr", 0.0),
                ("n3tp0", 0),
                ("n3tmn", -2),
                ("n3tmx", 2),
            )
        }
        kind = self.add("TypTr3", loc_name=f"TW{self.count}", **{f"strn3_{s}": self.draw.choice([30.0, 60.0]) for s in "hml"},
                        **{f"utrn3_{s}": self.kv[k] for s, k in zip("hml", at, strict=True)}, **{f"uktr3_{s}": self.some(8, 10) for s in "hml"},
                        **{f"pcut3_{s}": self.some(20, 90) for s in "hml"}, curm3=self.draw.choice([0.0, 0.5]), pfe=20.0, i3loc=self.draw.choice([0, 1, 2]), **taps)  # fmt: skip
        self.connect(self.add("ElmTr3", loc_name=f"W{self.count}", typ_id=kind, nt3nm=self.draw.choice([1, 2]), **{f"n3tap_{s}": self.draw.randint(-2, 2) for s in "hml"},
                              outserv=self.off()), *at)  # fmt: skip

    def external(self, k: int, kind: str) -> None:
        self.connect(self.add("ElmXnet", loc_name=f"X{self.count}", bustp=kind, mode_inp="PQ", pgini=self.some(-5, 20), qgini=self.some(-5, 5), usetp=round(1 + 0.01 * (k % 3), 3), phiini=0.0,
                              Pmin_uc=-50.0, MaxS=120.0, cQ_min=-60.0, cQ_max=70.0, outserv=0), k, sure=True)  # fmt: skip

    def machine(self, k: int) -> None:
        kind = self.add("TypSym", loc_name=f"TG{self.count}", sgn=self.some(20, 80))
        self.connect(self.add("ElmSym", loc_name=f"G{self.count}", typ_id=kind, ngnum=self.draw.choice([1, 1, 2, 3]), ip_ctrl=0, iv_mode=self.draw.choice([0, 1]), pgini=self.some(0, 8),
                              qgini=self.some(-3, 3), usetp=round(1 + 0.01 * (k % 3), 3), q_min=-0.5, q_max=0.6, Pmin_uc=self.draw.choice([0.0, 2.0]), Pmax_uc=self.some(10, 30), outserv=self.off()), k)  # fmt: skip

    def load(self, k: int) -> None:
        row = {
            "mode_inp": "PQ",
            "plini": 0.0,
            "qlini": 0.0,
            "slini": 0.0,
            "coslini": 0.0,
            "pf_recap": self.draw.choice([0, 1]),
        }
        row |= self.draw.choice([{"plini": self.some(1, 15)}, {"qlini": self.some(1, 5)}, {"plini": self.some(-5, 15), "qlini": self.some(0, 5)},
                                 {"mode_inp": "PC", "plini": self.some(1, 15), "coslini": 0.95}, {"mode_inp": "SC", "slini": self.some(1, 15), "coslini": 0.9}])  # fmt: skip
        self.connect(
            self.add(
                "ElmLod",
                loc_name=f"D{self.count}",
                typ_id="",
                **row,
                scale0=self.draw.choice([1.0, 1.0, 0.7, 1.3]),
                outserv=self.off(),
            ),
            k,
        )

    def shunt(self, k: int) -> None:
        steps = self.draw.randint(1, 3)
        row = {
            "shtype": 2,
            "rrea": 0.0,
            "xrea": 0.0,
            "gparac": self.some(0, 0.001) / self.ohm(k) * 1e6,
            "bcap": self.some(0, 0.05) / self.ohm(k) * 1e6,
            "ushnm": 0.0,
            "qcapn": 0.0,
        }
        row = self.draw.choice(
            [
                row,
                row | {"shtype": 1, "rrea": 0.1, "xrea": 20 * self.ohm(k)},
                row | {"shtype": 1, "ushnm": self.kv[k], "qcapn": self.some(1, 5)},
            ]
        )
        self.connect(
            self.add(
                "ElmShnt",
                loc_name=f"S{self.count}",
                ncapa=self.draw.randint(0, steps),
                ncapx=steps,
                **row,
                outserv=self.off(),
            ),
            k,
        )

    def coupler(self, f: int, t: int) -> None:
        self.connect_plain(
            self.add("ElmCoup", loc_name=f"C{self.count}", on_off=self.draw.choice([0, 1]), aUsage="cbk"), f, t
        )

    def connect_plain(self, element: int, *at: int) -> None:
        for side, k in enumerate(at):
            self.add("StaCubic", loc_name=f"Cub {self.count}", fold_id=self.terms[k], obj_bus=side, obj_id=element)


def draw_dgs(draw: Random) -> dict[str, list[Row]]:
    """Rows by class, of 3 to 7 nodes."""
    d = Draw(draw)
    size = draw.randint(3, 7)
    d.nodes(size)
    for t in range(1, size):
        _branch(d, draw.randrange(t), t, True)
    for _ in range(draw.randint(1, 3)):
        f, t = draw.sample(range(size), 2)
        kind = draw.choice(["branch", "branch", "impedance", "three"])
        at = draw.sample(range(size), 3)
        if kind == "three" and len({d.kv[k] for k in at}) > 1:
            d.three(at)
        elif kind == "impedance" and (d.kv[f] == d.kv[t] or d.chance(0.1)):
            d.impedance(f, t)
        else:
            _branch(d, f, t, False)
    f, t = draw.sample(range(size), 2)
    if d.kv[f] == d.kv[t] and frozenset((f, t)) not in d.pairs:  # OpenLoadFlow drops a line beside a coupler
        d.coupler(f, t)
    d.external(0, "SL")
    for k in range(1, size):
        for add, share in ((d.machine, 0.4), (d.load, 0.7), (d.shunt, 0.3)):
            if d.chance(share):
                add(k)
        if d.chance(0.1):
            d.external(k, draw.choice(["PQ", "PV"]))
    if d.chance(0.1):
        d.add("ElmPvsys", loc_name="roof", pgini=1.0)
    return d.rows


def _branch(d: Draw, f: int, t: int, sure: bool) -> None:
    if d.kv[f] == d.kv[t]:
        d.line(f, t, sure)
    else:
        d.transformer(f, t, sure)


def dgs_text(rows: dict[str, list[Row]], comma: bool = False) -> str:
    """The file, version 5; `comma`: as decimal sign."""
    out = ["$$General;ID(a:40);Descr(a:40);Val(a:40)", "  1;Version;5.0", "", "* a comment"]
    for kind, columns in _COLUMNS.items():
        if rows[kind]:
            out += ["", f"$${kind};ID(a:40);{columns}"]
            names = ["ID", *(c.split("(")[0] for c in columns.split(";"))]
            out += ["  " + ";".join(_text(r[n], comma) for n in names) for r in rows[kind]]
    return "\n".join([*out, ""])


def _text(value: Any, comma: bool) -> str:
    return repr(value).replace(".", ",") if comma and isinstance(value, float) else str(value)
