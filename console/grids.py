"""`bos grids`: what can be named, how large it is, and what a source would be read as."""

from dataclasses import asdict
from typing import Annotated

import typer

from bos_core.objects.errors import ParameterError
from console.completion import grid_names
from console.output import plain_errors, show, show_one

app = typer.Typer(help="Grids that can be named, with their sizes, and what is read from a grid before it is run.")
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
Buses = Annotated[str, typer.Option(help="only grids of so many buses: 100:500, 100: or :500")]


@app.callback(invoke_without_command=True)
def overview(context: typer.Context, buses: Buses = "", json: Json = False) -> None:
    """Grids that can be named, with their sizes; files and folders are given by path."""
    if context.invoked_subcommand is None:
        with plain_errors():
            _show("", buses, json)


@app.command("list")
def show_all(buses: Buses = "", json: Json = False) -> None:
    """All grids that can be named."""
    with plain_errors():
        _show("", buses, json)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="words that name or origin hold")] = "", buses: Buses = "", json: Json = False
) -> None:  # fmt: skip
    """Grids by name, origin and size."""
    with plain_errors():
        _show(text, buses, json)


@app.command()
def inspect(
    grid: Annotated[str, typer.Argument(help="case name, PREFIX:NAME, a file or a folder", shell_complete=grid_names)],
    json: Json = False,
) -> None:
    """What is read from a grid: what is used, left out and filled in, what to heed, and its own state against ours."""
    with plain_errors():
        from console.reading import print_report, report_of

        report = report_of(grid)
        if json:
            show_one(report)
        else:
            print_report(report)


def _show(text: str, buses: str, json: bool) -> None:
    from slots.sources import listed

    found = listed.search(text, _span(buses))
    if json:
        show([asdict(g) | {"from": g.origin} for g in found], True)
        return
    show([{"grid": g.grid, "buses": f"{g.buses:,}", "branches": f"{g.branches:,}", "units": f"{g.units:,}",
           "load MW": f"{g.load_mw:,.4g}" if g.load_mw < 1e4 else f"{g.load_mw:,.0f}", "kV": f"{g.kv:g}" if g.kv else "–",
           "from": g.origin} if g.buses else {"grid": g.grid, **dict.fromkeys(("buses", "branches", "units", "load MW", "kV"), "–"), "from": g.origin}
          for g in found], False)  # fmt: skip


def _span(text: str) -> tuple[int, float]:
    low, colon, high = text.partition(":")
    try:
        if not text:
            return 0, float("inf")
        least = int(low) if low else 0
        return least, (float(int(high)) if high else float("inf")) if colon else float(least)
    except ValueError:
        raise ParameterError(f"'{text}' is no range of buses", "write 100:500, 100: or :500") from None
