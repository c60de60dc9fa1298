"""Random folders in the RTS-GMLC format, and what pandas makes of them: a reading written apart from the reader."""

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from bos_core.objects.errors import BosError
from slots.grid.model import Grid
from slots.sources.rts_gmlc import read_rts_gmlc
from slots.sources.series import Series

STARTS = ("2020-07-01", "2020-02-28", "2021-02-28", "2019-12-31", "2020-01-01", "2023-10-28")


@dataclass
class Folder:
    """Tables to write, and the sentence that the reader is to refuse them with (empty: none)."""

    tables: dict[str, pd.DataFrame]
    series: dict[str, pd.DataFrame]
    refused: str = ""
    told: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write the files."""
        for name, frame in (self.tables | self.series).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.to_csv(path, index=False)


def drawn(seed: int) -> Folder:
    """A folder."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 6))
    bus, gen, branch = _buses(rng, n), _units(rng, n), _branches(rng, n)
    out = Folder({f"SourceData/{k}.csv": v for k, v in (("bus", bus), ("gen", gen), ("branch", branch))}, {})
    if rng.random() < 0.5:
        rows = int(rng.integers(0, 2))
        out.tables["SourceData/dc_branch.csv"] = pd.DataFrame({
            "UID": ["dc"], "From Bus": [1], "To Bus": [n], "MW Load": [float(rng.integers(-9, 9))], "R Line": [5.0],
            "V Mag kV": [100.0], "Margin": [0.1],
        }).iloc[:rows]  # fmt: skip
    stores = gen["GEN UID"][gen["Category"] == "Storage"].tolist()
    if rng.random() < 0.8:
        out.tables["SourceData/storage.csv"] = pd.DataFrame({
            "GEN UID": stores * 2, "Storage": [f"{x}_{p}" for p in ("H", "T") for x in stores],
            "Max Volume GWh": 0.2, "Initial Volume GWh": 0.05, "position": ["head"] * len(stores) + ["tail"] * len(stores),
        })  # fmt: skip
    _series(rng, out, bus, gen)
    if rng.random() < 0.25:
        name = str(rng.choice(["bus", "gen", "branch"]))
        out.tables[f"SourceData/{name}.csv"]["Colour"] = "blue"
        out.told.append("Colour")
    return out


def _buses(rng: np.random.Generator, n: int) -> pd.DataFrame:
    load, area = rng.integers(0, 3, n) * rng.uniform(10, 50, n), rng.integers(1, 3, n)
    frame = pd.DataFrame({
        "Bus ID": range(1, n + 1), "Bus Name": [f"B{k}" for k in range(n)], "BaseKV": 230.0,
        "Bus Type": ["Ref", *rng.choice(["PQ", "PV"], n - 1)], "MW Load": load, "MVAR Load": rng.uniform(-5, 15, n),
        "V Mag": rng.uniform(0.98, 1.02, n), "V Angle": rng.uniform(-9, 9, n), "MW Shunt G": rng.uniform(0, 2, n),
        "MVAR Shunt B": rng.uniform(-5, 5, n), "Area": area,
    })  # fmt: skip
    return frame.sample(frac=1, random_state=int(rng.integers(99))) if rng.random() < 0.2 else frame


def _units(rng: np.random.Generator, n: int) -> pd.DataFrame:
    kinds = ["Coal", "Gas CT", "Wind", *rng.choice(["Solar PV", "Storage", "Sync_Cond", "Nuclear", "Geothermal"], 2)]
    g = len(kinds)
    frame = pd.DataFrame({
        "GEN UID": [f"u{k}" for k in range(g)], "Bus ID": [1, *rng.integers(1, n + 1, g - 1)], "Category": kinds,
        "Fuel": [{"Gas CT": "NG"}.get(k, k) for k in kinds], "MW Inj": rng.uniform(0, 20, g), "MVAR Inj": rng.uniform(-5, 5, g),
        "V Setpoint p.u.": 1.01, "PMax MW": rng.integers(100, 300, g).astype(float), "PMin MW": rng.integers(0, 90, g),
        "QMax MVAR": 50.0, "QMin MVAR": -40.0, "Min Down Time Hr": rng.integers(0, 9, g), "Min Up Time Hr": rng.uniform(0, 9, g),
        "Ramp Rate MW/Min": rng.integers(0, 5, g).astype(float), "Start Time Hot Hr": 1, "Start Time Warm Hr": rng.integers(1, 8, g),
        "Start Time Cold Hr": rng.integers(4, 20, g), "Start Heat Hot MBTU": rng.integers(1, 500, g),
        "Start Heat Warm MBTU": rng.integers(1, 900, g), "Start Heat Cold MBTU": rng.integers(0, 2000, g),
        "Non Fuel Start Cost $": rng.integers(0, 2, g) * 100.0, "Non Fuel Shutdown Cost $": rng.integers(0, 50, g),
        "Fuel Price $/MMBTU": rng.uniform(1, 9, g), "VOM": rng.uniform(0, 3, g), "FOR": 0.1,
        "Storage Roundtrip Efficiency": 80.0, "Pump Load MW": 30.0,
    })  # fmt: skip
    shares = np.linspace(0.1, 1.0, 3)
    for k in range(5):
        frame[f"Output_pct_{k}"] = shares[k] if k < 3 else "NA"
    frame["HR_avg_0"] = 12000.0
    for k in range(1, 5):
        frame[f"HR_incr_{k}"] = 8000.0 + 700 * k if k < 3 else "NA"
    gone = [
        c
        for c in ("Start Heat Warm MBTU", "Start Heat Hot MBTU", "Non Fuel Shutdown Cost $", "VOM")
        if rng.random() < 0.2
    ]
    return frame.drop(columns=gone)


def _branches(rng: np.random.Generator, n: int) -> pd.DataFrame:
    ring = [(k, k % n + 1) for k in range(1, n + 1)]
    frame = pd.DataFrame({
        "UID": [f"b{k}" for k in range(n)], "From Bus": [a for a, _ in ring], "To Bus": [b for _, b in ring],
        "R": rng.uniform(0, 0.02, n), "X": rng.uniform(0.05, 0.2, n), "B": rng.uniform(0, 0.1, n),
        "Cont Rating": rng.integers(0, 3, n) * 150.0, "LTE Rating": rng.choice([0.0, 200.0, 400.0], n), "STE Rating": 500.0,
        "Tr Ratio": rng.choice([0.0, 1.0, 0.97], n), "Length": 3.0,
    })  # fmt: skip
    if rng.random() < 0.3:
        frame["Phase Shift"] = rng.uniform(-20, 20, n)
    return frame.drop(columns=[c for c in ("LTE Rating", "STE Rating") if rng.random() < 0.2])


def _series(rng: np.random.Generator, out: Folder, bus: pd.DataFrame, gen: pd.DataFrame) -> None:
    start = pd.Timestamp(str(rng.choice(STARTS)))
    days = int(rng.integers(1, 3))
    areas = sorted(bus["Area"].unique().tolist())
    weather = gen["GEN UID"][gen["Category"].isin(["Wind", "Solar PV"])].tolist()
    total = bus.groupby("Area")["MW Load"].sum()
    said = [a for a in areas if rng.random() < 0.8 and total[a] > 0] or [a for a in areas if total[a] > 0][:1]
    rows: list[tuple[object, ...]] = []

    def file(
        name: str, columns: dict[str, np.ndarray], factors: dict[str, float], category: str, parameter: str
    ) -> None:
        per_day, simulation = (24, "DAY_AHEAD") if rng.random() < 0.7 else (int(rng.choice([48, 96, 288])), "REAL_TIME")
        shift = pd.Timedelta(hours=int(rng.choice([0, 0, 0, -24, 24, -18, 6])) if days > 1 else 0)
        times = pd.date_range(start + shift, periods=days * per_day, freq=pd.Timedelta(days=1) / per_day)
        frame = pd.DataFrame({"Year": times.year, "Month": times.month, "Day": times.day,
                              "Period": ((times - times.normalize()) / (pd.Timedelta(days=1) / per_day)).astype(int) + 1})  # fmt: skip
        for c, level in columns.items():
            frame[c] = level * rng.uniform(0.1, 1.0, len(times))
        frame["spare"] = 7.0
        if rng.random() < 0.3:
            frame = frame.sample(frac=1, random_state=int(rng.integers(99)))
            out.told.append("sorted")
        if rng.random() < 0.04 and len(frame) > 3:
            k = int(rng.integers(1, len(frame) - 1))
            ordered = frame.sort_values(["Year", "Month", "Day", "Period"])
            if rng.random() < 0.5:
                frame, why = frame.drop(index=ordered.index[k]), "has no row for"
            else:
                frame, why = pd.concat([frame, ordered.iloc[[k]]]), "has two rows for"
            out.refused = f"{out.refused}|{why}".lstrip("|")
        out.series[f"timeseries_data_files/{name}.csv"] = frame
        for c in columns:
            rows.append(
                (
                    simulation,
                    category,
                    c,
                    parameter,
                    factors.get(c, 1.0),
                    f"../timeseries_data_files/{name.upper()}.csv",
                )
            )
            if simulation == "DAY_AHEAD" and rng.random() < 0.2:  # what is not read need not be there
                rows.append(("REAL_TIME", category, c, parameter, 1.0, "../timeseries_data_files/none.csv"))

    share = rng.random() < 0.3
    if said:
        levels = {str(a): 1.0 if share else 1.3 * total[a] + 5 for a in said}
        file("Load/l", levels, {str(a): float(1.0 + total[a]) if share else float(rng.choice([1.0, 2850.0])) for a in said},
             "Area", "MW Load")  # fmt: skip
    most = gen.set_index("GEN UID")["PMax MW"]
    file("WIND/w", {u: 1.2 * most[u] for u in weather}, dict.fromkeys(weather, float(rng.choice([1.0, 52.5]))),
         "Generator", "PMax MW")  # fmt: skip
    if rng.random() < 0.5:
        file("WIND/floor", {weather[0]: 0.9 * most[weather[0]]}, {}, "Generator", "PMin MW")
    if rng.random() < 0.7:
        file("Reserves/r", {"Spin_Up_R1": 30.0}, {}, "Reserve", "Requirement")
    if rng.random() < 0.5:
        dates = pd.date_range(start, periods=days)
        wide = pd.DataFrame({"Year": dates.year, "Month": dates.month, "Day": dates.day})
        for h in range(1, 25):
            wide[str(h)] = rng.uniform(0, 20, days)
        out.series["timeseries_data_files/Reserves/flex.csv"] = wide
        name = str(rng.choice(["Flex_Up", "Flex_Down"]))
        rows.append(("DAY_AHEAD", "Reserve", name, "Requirement", 1, "../timeseries_data_files/Reserves/flex.csv"))
    rows.append(("DAY_AHEAD", "Area", "9", "MW Load", 1, "../timeseries_data_files/none.csv"))
    out.tables["SourceData/timeseries_pointers.csv"] = pd.DataFrame(
        rows, columns=["Simulation", "Category", "Object", "Parameter", "Scaling Factor", "Data File"]
    )


def check(folder: Path, grid: Grid, series: Series) -> None:
    """Hold what was read against pandas' reading of the folder."""
    bus, gen, branch = (pd.read_csv(folder / f"SourceData/{k}.csv") for k in ("bus", "gen", "branch"))
    _check_grid(bus, gen, branch, folder, grid)
    hourly = _hourly(folder)
    first = max(f.index[0] for f in hourly.values()).ceil("D")
    last = min(f.index[-1] for f in hourly.values())
    assert (series.start.replace(tzinfo=None), series.hours) == (first, int((last - first) / pd.Timedelta(hours=1)) + 1)
    hourly = {k: f.loc[first:last] for k, f in hourly.items()}
    load = pd.DataFrame(1.0, index=range(series.hours), columns=bus["Bus ID"])
    for a, part in bus.groupby("Area"):
        if ("Area", str(a)) in hourly:
            for b in part["Bus ID"]:
                load[b] = hourly["Area", str(a)].to_numpy() / part["MW Load"].sum()
    np.testing.assert_allclose(series.load, load * bus["MW Load"].to_numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(series.load_q, load * bus["MVAR Load"].to_numpy(), rtol=1e-12, atol=1e-12)
    for k, u in gen.iterrows():
        if u["Category"] in ("Wind", "Solar PV"):
            most = hourly["PMax MW", u["GEN UID"]].clip(upper=u["PMax MW"]).to_numpy()
            np.testing.assert_allclose(series.available[:, k], most, rtol=1e-12)
            floor = hourly.get(("PMin MW", u["GEN UID"]), pd.Series(0.0, range(series.hours))).to_numpy()
            np.testing.assert_allclose(series.floor[:, k], np.minimum(floor, most), rtol=1e-12)
        else:
            assert np.isnan(series.available[:, k]).all()
    up = [f.to_numpy() for k, f in hourly.items() if k[0] == "Reserve"]
    np.testing.assert_allclose(series.reserve, sum(up, np.zeros(series.hours)), rtol=1e-12, atol=1e-12)


def _hourly(folder: Path) -> dict[tuple[str, str], pd.Series]:
    """By category (of units: parameter) and object, MW by the hour."""
    pointers = pd.read_csv(folder / "SourceData/timeseries_pointers.csv", dtype={"Object": str})
    pointers = pointers[~pointers["Object"].isin(["9", "Flex_Down"])].sort_values("Simulation")
    out = {}
    for (category, name, parameter), rows in pointers.groupby(["Category", "Object", "Parameter"], sort=False):
        row = rows.iloc[0]
        path = next(
            p
            for p in folder.glob("timeseries_data_files/*/*.csv")
            if p.name.lower() == Path(row["Data File"]).name.lower()
        )
        f = pd.read_csv(path)
        day = pd.to_datetime(f[["Year", "Month", "Day"]])
        if "Period" not in f:
            cells = f.set_index(day).drop(columns=["Year", "Month", "Day"]).stack()
            cells.index = [d + pd.Timedelta(hours=int(h) - 1) for d, h in cells.index]
            out[category, name] = cells
            continue
        per_day = {True: 24}.get(f["Period"].max() <= 24, int(2 ** np.ceil(np.log2(f["Period"].max() / 3)) * 3))
        per_day = {192: 288, 384: 288}.get(per_day, per_day)
        values = f[name].to_numpy() * 1.0
        mine = pointers[pointers["Data File"].str.lower() == row["Data File"].lower()]
        if (mine["Scaling Factor"] > 1).all() and f[[c for c in mine["Object"] if c in f]].to_numpy().max() <= 1:
            values = values * row["Scaling Factor"]
        at = day + (f["Period"] - 1) * (pd.Timedelta(days=1) / per_day)
        key = (parameter if category == "Generator" else category, name)
        out[key] = pd.Series(values, pd.DatetimeIndex(at)).sort_index().resample("h").mean()
    return out


def _check_grid(bus: pd.DataFrame, gen: pd.DataFrame, branch: pd.DataFrame, folder: Path, grid: Grid) -> None:
    b, br, u = grid.buses, grid.branches, grid.units
    for ours, column in ((b.number, "Bus ID"), (b.pd, "MW Load"), (b.qd, "MVAR Load"), (b.gs, "MW Shunt G"), (b.bs, "MVAR Shunt B"),
                         (b.vm, "V Mag"), (np.rad2deg(b.va), "V Angle"), (b.area, "Area")):  # fmt: skip
        np.testing.assert_allclose(ours, bus[column], rtol=1e-12, err_msg=column)
    for ours, column in (
        (br.r, "R"),
        (br.x, "X"),
        (br.b, "B"),
        (b.number[br.f], "From Bus"),
        (b.number[br.t], "To Bus"),
    ):
        np.testing.assert_allclose(ours, branch[column], rtol=1e-12, err_msg=column)
    np.testing.assert_allclose(br.tap, branch["Tr Ratio"].replace(0.0, 1.0))
    np.testing.assert_allclose(
        np.rad2deg(br.shift), branch.reindex(columns=["Phase Shift"]).fillna(0.0)["Phase Shift"], atol=1e-12
    )
    rate = branch["Cont Rating"].replace(0.0, np.inf)
    np.testing.assert_array_equal(br.rate, rate)
    np.testing.assert_array_equal(br.rate_emergency, np.maximum(rate, branch.get("LTE Rating", 0.0)))
    for ours, column in (
        (b.number[u.bus], "Bus ID"),
        (u.pmax, "PMax MW"),
        (u.qmin, "QMin MVAR"),
        (u.p, "MW Inj"),
        (u.q, "MVAR Inj"),
    ):
        np.testing.assert_allclose(ours, gen[column], rtol=1e-12, err_msg=column)
    np.testing.assert_array_equal(u.min_up, np.ceil(gen["Min Up Time Hr"]))
    for k, row in gen.iterrows():
        if row["Category"] in ("Coal", "Gas CT", "Nuclear", "Geothermal"):
            _check_thermal(row, grid, k)
        if row["Category"] == "Storage":
            there = (folder / "SourceData/storage.csv").is_file()
            assert (u.energy_max[k], u.energy_initial[k], u.efficiency[k], u.charge_max[k]) == (
                200 * there,
                50 * there,
                0.8,
                30,
            )
    links = folder / "SourceData/dc_branch.csv"
    dc = pd.read_csv(links) if links.is_file() else pd.DataFrame({"MW Load": []})
    power = dc["MW Load"].astype(float)
    np.testing.assert_array_equal(grid.dc_links.p, power)
    np.testing.assert_allclose(grid.dc_links.loss0, 5 * (power / 100) ** 2)


def _check_thermal(row: pd.Series, grid: Grid, k: int) -> None:
    u = grid.units
    assert u.kind[k] == "thermal"
    assert u.must_run[k] == (row["Category"] == "Nuclear")
    assert u.ramp[k] == (60 * row["Ramp Rate MW/Min"] or 60 * row["PMax MW"])
    assert u.stop_cost[k] == row.get("Non Fuel Shutdown Cost $", 0.0)
    assert u.pmin[k] == row["PMin MW"]
    price, vom = row["Fuel Price $/MMBTU"], row.get("VOM", 0.0)
    mw = np.linspace(row["PMin MW"], row["PMax MW"], 7)
    points = row["PMax MW"] * np.array([0.1, 0.55, 1.0])
    heat = np.array([12000 * points[0], 0, 0])
    heat[1] = heat[0] + 8700 * (points[1] - points[0])
    heat[2] = heat[1] + 9400 * (points[2] - points[1])
    below = heat[0] - 8700 * (points[0] - mw)  # the first piece goes on below the first point
    usd = np.where(mw < points[0], below, np.interp(mw, points, heat)) / 1e3 * price + vom * mw
    np.testing.assert_allclose(np.interp(mw, u.cost_mw[k], u.cost_usd[k]), usd, rtol=1e-9)
    dearest = 0.0
    down = max(int(np.ceil(row["Min Down Time Hr"])), 0)
    for off in range(down, 40):
        heat_of = row["Start Heat Cold MBTU"] if off >= row["Start Time Cold Hr"] else None
        if heat_of is None:
            warm = off >= row["Start Time Warm Hr"] and "Start Heat Warm MBTU" in row
            heat_of = row["Start Heat Warm MBTU"] if warm else row.get("Start Heat Hot MBTU")
            if heat_of is None:  # the first state that is told stands for what comes before it
                heat_of = row.get("Start Heat Warm MBTU", row["Start Heat Cold MBTU"])
                if row["Start Time Warm Hr"] >= row["Start Time Cold Hr"]:
                    heat_of = row["Start Heat Cold MBTU"]
        dearest = max(dearest, heat_of * price + row["Non Fuel Start Cost $"])  # never less after longer
        tier = np.flatnonzero(u.start_off[k] <= off)[-1]
        np.testing.assert_allclose(
            u.start_cost[k] * u.start_share[k, tier], dearest, rtol=1e-12, atol=1e-9, err_msg=f"off {off}"
        )


def _parted(folder: Path) -> str:
    """The sentence that a folder without common hours from a midnight on is refused with."""
    hourly = _hourly(folder)
    first, last = max(f.index[0] for f in hourly.values()).ceil("D"), min(f.index[-1] for f in hourly.values())
    return "no common time from a midnight on" if last < first else "nothing to refuse"


def read_or_refused(folder: Path) -> tuple[Grid, Series, str] | tuple[None, None, str]:
    """What a folder holds, or the sentence that it is refused with."""
    try:
        return *read_rts_gmlc(folder), ""
    except BosError as error:
        return None, None, str(error)


def compare(folders: int = 60, first: int = 0) -> int:
    """Read random folders and hold each against pandas; how many were refused as they had to be."""
    refused = 0
    with tempfile.TemporaryDirectory() as place:
        for seed in range(first, first + folders):
            case = drawn(seed)
            folder = Path(place) / str(seed)
            case.write(folder)
            grid, series, sentence = read_or_refused(folder)
            if grid is None:
                assert re.search(case.refused or _parted(folder), sentence), (seed, sentence)
                assert "\n" not in sentence
                refused += 1
                continue
            assert not case.refused, (seed, case.refused)
            check(folder, grid, series)
            report = grid.reading.to_json()
            assert all(word in report for word in case.told), (seed, case.told)
    return refused
