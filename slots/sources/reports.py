"""Reading reports of ten public grids as a page: `python -m slots.sources.reports > docs/reference/grids.md`."""

import warnings

from slots.grid.reading import Reading
from slots.sources.catalogue import load_source
from slots.sources.inspection import facts
from slots.sources.own_state import with_own_state

TOLD = {
    "case14": "A textbook file without nominal voltages and ratings. Expect N-1 to find low voltages, never overloads.",
    "case118": "The IEEE's 118 buses: costs and limits are there, ratings are not; a cost that is a parabola is planned by four chords, whose error is told.",
    "case_RTS_GMLC": "A file made for planning, with fuels, ramps and starts. Wind and sun that it leaves out are taken in; its folder has the hourly series.",
    "case_ACTIVSg500": "A synthetic grid of real size: ratings everywhere, units that are off told by name, and a state solved with other controls than those stated.",
    "case1354pegase": "A piece of Europe: every unit costs the same, so which one runs is arbitrary; a third of the branches has no rating.",
    "case33bw": "A distribution feeder: radial, resistive, one supply. No outage leaves it supplied, so N-1 has nothing to say.",
    "pandapower:case39": "New England from pandapower: the state is pandapower's own power flow, so it agrees to rounding.",
    "pandapower:mv_oberrhein": "Open switches and a medium-voltage ring: what is behind an open switch is told, and what distribution grids lack is filled in.",
    "simbench:1-HV-mixed--0-sw": "A SimBench grid brings its own year in quarters of an hour, averaged to hours.",
    "powsybl:micro_grid_be": "An exchange model of CGMES: lines to neighbours are boundaries, and the format has no costs.",
}  # fmt: skip


def page() -> str:
    """The whole page."""
    return "\n".join([
        "# Reading reports of ten public grids", "",
        "What `bos grids inspect NAME` tells before anything is run, with a line each on what to expect of a grid of that kind.",
        "`python -m slots.sources.reports` writes this page.", "", *(section(n, c) for n, c in TOLD.items()),
    ])  # fmt: skip


def section(name: str, comment: str) -> str:
    """A grid's part of the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = load_source(name)
        grid = with_own_state(source.grid)
    told = grid.reading
    lines = [
        f"## `{name}`",
        "",
        comment,
        "",
        "| | |",
        "|---|---|",
        f"| read as | {told.format}; {_counts(told.read)} |",
    ]
    lines += [f"| {k} | {v} |" for k, v in facts(grid, source.series)]
    lines += [f"| left out | {x.count} {x.kind}: {x.why} |" for x in told.left_out]
    lines += [f"| filled in | {x.count} {x.what}: {x.value} ({x.source}) |" for x in told.filled]
    lines += [f"| its own state | {_state(told)} |", *(f"| heed | {w} |" for w in told.warnings)]
    return "\n".join([*lines, ""])


def _counts(read: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {k}" for k, n in read.items())


def _state(told: Reading) -> str:
    s = told.solution
    if s is None:
        return "none is stated"
    if s.dv != s.dv:
        return s.told
    return f"{s.told} ({s.dv:.1g} p.u., {s.dangle:.1g}°, losses {s.dloss:.1g} MW)"


if __name__ == "__main__":
    print(page())
