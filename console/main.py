"""The `bos` command line."""

import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from bos_core.objects.errors import ParameterError
from console import analyse, data, grids, models, programs, scenario, schedule, stability, store
from console.completion import completing, grid_names, join_colons
from console.environment import configure
from console.output import console, plain_errors, show
from console.parameters import WithParameters, read_settings
from storage.settings import settings

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False,
    help="BOS runs a utility's planning computations for a whole year, traceably. Start with `bos run`.",
)  # fmt: skip
run_app = typer.Typer(no_args_is_help=True, help="Run a business chain.")
app.add_typer(run_app, name="run")
app.add_typer(grids.app, name="grids")
app.add_typer(data.app, name="data")
app.add_typer(store.app, name="store")
app.add_typer(scenario.app, name="scenario")
app.add_typer(schedule.app, name="schedule")
app.add_typer(models.app, name="models")
app.add_typer(programs.app, name="programs")
app.add_typer(analyse.app, name="analyse")
app.command()(schedule.top)
run_app.command("stability-scheduling")(stability.run_stability)

Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
SetId = Annotated[str, typer.Argument(help="task set: its id, the beginning of it, or `latest`")]


def main() -> None:
    """Entry point: settings first, because Prefect reads its environment on import."""
    if completing():
        join_colons()
    else:
        with plain_errors_at_top():
            configure(settings())
    app(prog_name="bos")


def plain_errors_at_top() -> Any:
    """Errors before a command is known."""
    return plain_errors()


@app.command()
def up() -> None:
    """Start database, Prefect server and worker on this machine, and register the deployments."""
    with plain_errors():
        from console import services

        services.up(settings())
        console.print(f"Prefect UI: http://127.0.0.1:{settings().prefect_port}")


@app.command()
def down() -> None:
    """Stop what `up` or `run` started."""
    with plain_errors():
        from console import services

        stopped = services.down(settings())
        console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@run_app.command("steady-state-planning", cls=WithParameters)
def run_planning(
    grid: Annotated[
        str,
        typer.Option(help="a name from `bos grids`, scenario:VERSION, a file or a folder", shell_complete=grid_names),
    ] = "case_RTS_GMLC",
    hours: Annotated[int, typer.Option(help="number of hours; 8760 is a year")] = 168,
    start: Annotated[int, typer.Option(help="first hour, a multiple of 24")] = 0,
    keep_kv: Annotated[
        float | None,
        typer.Option(
            help="keep the grid at or above this voltage (kV); 0 keeps all; left out: all of what is planned in minutes, "
            "of larger grids the lowest level that is"
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="containers that compute")] = 2,
    memory_limit: Annotated[
        float | None, typer.Option(help="MiB that all containers together may use; 60 % of the machine if left out")
    ] = None,
    criticality: Annotated[float, typer.Option(help="what this run matters beside others; 1 is ordinary work")] = 1.0,
    deadline: Annotated[
        float | None, typer.Option(help="minutes until it is to have ended; it overtakes work that can wait")
    ] = None,
    seed: Annotated[int, typer.Option(help="of everything random")] = 1,
    gap: Annotated[float, typer.Option(help="relative gap of unit commitment")] = 8e-4,
    inverter_power_factor: Annotated[
        float, typer.Option(help="reactive range of wind and solar units without one; 1: none")
    ] = 0.95,
    contingencies: Annotated[
        Path | None,
        typer.Option(help="CSV with columns name,elements: what else is lost together; the final schedule is verified"),
    ] = None,
    allow_shedding: Annotated[
        bool,
        typer.Option(
            "--allow-shedding", help="go on where load exceeds capacity; what is not served is priced and told"
        ),
    ] = False,
    unit_outages: Annotated[bool, typer.Option("--unit-outages", help="verify the loss of each unit, too")] = False,
    transient_hours: Annotated[
        str, typer.Option(help="hours, with commas: the final schedule is simulated with a fault in each")
    ] = "",
    exciter: Annotated[
        str, typer.Option(help="device model of the exciters in these simulations; see `bos models list`")
    ] = "SEXS",
    algorithm: Annotated[
        list[str] | None, typer.Option(help="SLOT=NAME, may be repeated; see `bos programs list`")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="PROGRAM.PARAMETER=VALUE, may be repeated; they are listed below")
    ] = None,
) -> None:
    """Modelling, snapshot, equivalence, hourly sequence, commitment, dispatch, N-1, adjustment.

    Runs one week of RTS-GMLC unless told otherwise, prints a table per stage and writes an HTML report.
    """
    with plain_errors():
        from flows.contingency_list import read_contingencies

        chosen = _algorithms(algorithm or [])
        settings_of_programs = read_settings(setting or [], chosen)
        path = Path(grid).expanduser()
        values = {
            "grid": str(path.absolute()) if path.exists() else grid, "hours": hours, "start": start, "keep_kv": keep_kv,
            "workers": workers, "memory_limit": memory_limit, "criticality": criticality, "deadline": deadline,
            "seed": seed, "gap": gap, "inverter_power_factor": inverter_power_factor,
            "algorithms": chosen, "settings": settings_of_programs,
            "transient": {"hours": _hours(transient_hours), "exciter": exciter}, "unit_outages": unit_outages, "allow_shedding": allow_shedding,
            "contingencies": [] if contingencies is None else read_contingencies(contingencies.expanduser()),
        }  # fmt: skip
        _execute(values, None)


@app.command()
def resume(task_set: SetId = "latest") -> None:
    """Go on with an interrupted or failed task set; only what is missing is computed."""
    with plain_errors():
        from console import services

        services.ensure(settings())
        found = _find(task_set)
        _execute(dict(found.parameters), found.id)


@app.command()
def cancel(task_set: SetId = "latest") -> None:
    """Stop a run that is under way; `resume` goes on with it."""
    with plain_errors():
        from console.running import stop_run

        found = _find(task_set)
        console.print(f"task set {found.id} stopped" if stop_run(found.id) else f"task set {found.id} is not running")


@app.command("tasks")
def show_tasks(
    task_set: SetId = "latest",
    exceptions: Annotated[bool, typer.Option(help="list tasks that need attention instead")] = False,
    json: Json = False,
) -> None:
    """States, times and memory of a task set, one row per stage."""
    with plain_errors():
        from bos_core.index import tasks
        from bos_core.index.client import Index
        from console.tables import stage_rows

        found = _find(task_set)
        with Index(settings()) as index:
            if exceptions:
                listed = index.call(lambda db: tasks.exceptions_of(db, found.id))
                show([{"chunk": c, "task": o, "reason": r} for c, o, r in listed], json)
            else:
                show(stage_rows(index, found.id, json), json, f"task set {found.id}: {found.state}")


@app.command("results")
def show_results(
    task_set: SetId = "latest",
    stage: Annotated[str | None, typer.Option(help="only this stage")] = None,
    trace: Annotated[str | None, typer.Option(help="a result file or chunk: show all that it came from")] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="write the planned hours as a PyPSA network: a .nc file, or a folder of CSV files"),
    ] = None,
    json: Json = False,
) -> None:
    """Result files of a task set; with --trace the chain from a file back to its scenario and program."""
    with plain_errors():
        from console.tables import result_rows, trace_rows

        if export is not None:
            _export(_find(task_set).id, export.expanduser(), json)
        elif trace is not None:
            show(trace_rows(trace, json), json)
        else:
            show(result_rows(_find(task_set).id, stage), json)


@app.command()
def report(
    task_set: SetId = "latest",
    outage: Annotated[
        str | None,
        typer.Option(help="branch after whose loss every hour is shown; else the one insecure most often"),
    ] = None,
    json: Json = False,
) -> None:
    """Write a task set's HTML report again and print its path."""
    with plain_errors():
        from bos_core.index.client import Index
        from flows.report.build import build_report

        found = _find(task_set)
        if found.state != "success":
            raise ParameterError(f"task set {found.id} is not finished ({found.state})", f"run `bos resume {found.id}`")
        with Index(settings()) as index:
            path = build_report(index, found.id, outage)
        show([{"report": str(path)}], True) if json else console.print(str(path), soft_wrap=True)


@app.command()
def check(task_set: SetId = "latest", json: Json = False) -> None:
    """Check a finished schedule as a whole: balance, limits, ramps, minimum times and reserve across every seam.

    What stays insecure after adjustment is no fault of the schedule; it is told by kind of reason. So is load that is not
    served: in the schedule, where capacity falls short, and beyond it by adjustment.
    """
    with plain_errors():
        from bos_core.index.client import Index
        from bos_core.objects.errors import BosError
        from console.tables import insecure_rows
        from flows.validate import check_year, read_year

        found = _find(task_set)
        with Index(settings()) as index:
            year = read_year(index, found.id)
            insecure, why = insecure_rows(index, found.id)
        try:
            check_year(year)
        except AssertionError as error:
            raise BosError(
                f"the schedule of task set {found.id} is not valid: {error}", "report it with its id"
            ) from None
        told = {"task set": found.id, "hours": len(year.on), "valid": True, "insecure hours": insecure,
                "MWh not served": round(float(year.unserved.sum()), 3),
                "MWh shed by adjustment": round(float(year.shed.sum()), 3)}  # fmt: skip
        show([{**told, "insecure": why} if json else told], json)
        if why and not json:
            show(why, False, "what stays insecure")


@app.command()
def formulations(
    name: Annotated[str, typer.Argument(help="print the page of this one: formulas, symbols, units")] = "",
    json: Json = False,
) -> None:
    """Scheduling problems that are written as equations; yours too, once it lies in `slots/scheduling/routines`."""
    with plain_errors():
        from slots.scheduling.catalogue import formulations as known
        from slots.scheduling.document import page

        found = known()
        if not name:
            show([{"formulation": n, "what it is": (f.__doc__ or "").strip()} for n, f in found.items()], json)
        elif name in found:
            print(page(found[name]))
        else:
            raise ParameterError(f"formulation '{name}' is unknown", "see `bos formulations`")


@app.command("sets")
def show_sets(
    deposits: Annotated[bool, typer.Option(help="also the sets that hold data from outside")] = False,
    json: Json = False,
) -> None:
    """All task sets, newest first."""
    with plain_errors():
        from bos_core.index import tasks
        from bos_core.index.client import Index
        from console import services

        services.ensure_index(settings())
        with Index(settings()) as index:
            rows = index.call(lambda db: tasks.list_task_sets(db, deposits))
        show([{"id": r.id, "state": r.state, "created": f"{r.created:%Y-%m-%d %H:%M}", "grid": r.parameters["grid"],
               "hours": r.parameters.get("hours", "")} for r in rows], json)  # fmt: skip


@app.command("containers")
def show_containers(json: Json = False) -> None:
    """Servers, the containers on them and the services that these run or ran last."""
    with plain_errors():
        from bos_core.index import containers
        from bos_core.index.client import Index
        from console import services

        services.ensure_index(settings())
        with Index(settings()) as index:
            found = index.call(containers.placements)
        if json:
            show([vars(p) for p in found], True)
        else:
            show([{"server": f"{p.server} ({p.server_cores} cores, {p.server_mib} MiB)",
                   "container": f"{p.container} ({p.cores}, {p.memory_mib} MiB, {p.mode})", "state": p.state,
                   "service": p.service, "doing": p.doing, "chunk": p.chunk} for p in found], False)  # fmt: skip


def _algorithms(pairs: list[str]) -> dict[str, str]:
    from flows.parameters import Algorithms

    out = {}
    for pair in pairs:
        slot, equals, name = pair.partition("=")
        if not equals or slot not in Algorithms.model_fields:
            known = ", ".join(Algorithms.model_fields)
            raise ParameterError(f"'{pair}' does not choose an algorithm", f"write SLOT=NAME with a slot of: {known}")
        out[slot] = name
    return out


def _hours(text: str) -> list[int]:
    try:
        return [int(h) for h in text.split(",") if h.strip()]
    except ValueError:
        raise ParameterError(f"'{text}' names no hours", "write 18,42") from None


def _find(prefix: str) -> Any:
    from bos_core.index import tasks
    from bos_core.index.client import Index
    from console import services

    services.ensure_index(settings())
    with Index(settings()) as index:
        found = index.call(lambda db: tasks.find_task_set(db, prefix))
    if found is None:
        raise ParameterError(f"no task set is called '{prefix}'", "see `bos sets`")
    return found


def _export(set_id: str, path: Path, json: bool) -> None:
    from bos_core.index.client import Index
    from flows.plans import export_plan

    with Index(settings()) as index:
        told = export_plan(index, set_id, path)
    show([{"network": str(path), "not held": told}], True) if json else console.print(
        "\n".join([str(path), *told]), soft_wrap=True
    )


def _execute(values: dict[str, Any], set_id: str | None) -> None:
    from console.running import execute_run

    execute_run(values, set_id or uuid.uuid4().hex[:12])


if __name__ == "__main__":
    main()
