"""A reading report on the terminal: short sections, what has to be heeded last."""

from typing import Any

from rich.padding import Padding
from rich.table import Table

from console.output import console
from slots.grid.model import Grid
from slots.grid.reading import Reading
from slots.sources.catalogue import load_source
from slots.sources.inspection import facts
from slots.sources.own_state import with_own_state
from slots.sources.series import Series

FIRST = 5  # warnings that a run prints


def report_of(name: str) -> dict[str, Any]:
    """The reading report of a source as plain data, with one line of facts for each table of the grid.

    Raises:
        BosError: the source cannot be used.
    """
    source = load_source(name)
    return plain(with_own_state(source.grid), source.series)


def plain(grid: Grid, series: Series | None) -> dict[str, Any]:
    """A grid's reading report as plain data."""
    return {"grid": grid.name, "origin": grid.origin, "facts": dict(facts(grid, series)), **grid.reading.plain()}


def print_report(report: dict[str, Any]) -> None:
    """Print a reading report in sections."""
    console.print(f"[bold]{report['grid']}[/bold]: {report['format']}", soft_wrap=True, highlight=False)
    if report["origin"]:
        console.print(report["origin"], style="dim", soft_wrap=True, highlight=False)
    _section("What there is", list(report["facts"].items()))
    _section("Read from the file", [(k, f"{v:,}") for k, v in report["read"].items()], most=24)
    _section("Left out", [(f"{x['count']} {x['kind']}", f"{x['why']} ({_names(x)})") for x in report["left_out"]])
    _section("Filled in", [(f"{x['count']} {x['what']}", f"{x['value']} ({x['source']})") for x in report["filled"]])
    _section("The file's own state", [("", state_line(report["solution"]))])
    _section("To heed", [("!", w) for w in report["warnings"]] or [("", "nothing")])


def print_warnings(reading: Reading, source: str) -> None:
    """The first warnings of a report, for a command that goes on."""
    for sentence in reading.warnings[:FIRST]:
        console.print(f"heed: {sentence}", soft_wrap=True, highlight=False, markup=False)
    more = len(reading.warnings) - FIRST
    if more > 0 or reading.left_out:
        console.print(f"{f'{more} more; ' if more > 0 else ''}what was read, left out and filled in: bos grids inspect {source}",
                      soft_wrap=True, highlight=False, markup=False)  # fmt: skip


def state_line(state: dict[str, Any] | None) -> str:
    """How the file's own state compares, in one line."""
    if state is None:
        return "none is stated"
    if state["dv"] is None:
        return str(state["told"])
    return f"{state['told']} (voltage {state['dv']:.2g} p.u., angle {state['dangle']:.2g}°, losses {state['dloss']:.2g} MW)"


def _names(left: dict[str, Any]) -> str:
    names = list(left["names"])
    return ", ".join(names[:4]) + (", …" if left["count"] > min(len(names), 4) else "")


def _section(title: str, rows: list[tuple[str, str]], most: int = 40) -> None:
    if not rows:
        return
    console.print(f"\n[bold]{title}[/bold]")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows[:most]:
        table.add_row(name, text)
    if len(rows) > most:
        table.add_row("", f"{len(rows) - most} more: see --json")
    console.print(Padding(table, (0, 0, 0, 2)), highlight=False, markup=False)
