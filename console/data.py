"""`bos data`: reading by what is wanted, and showing how."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from bos_core.objects.data import Category
from bos_core.objects.errors import ParameterError
from console.output import console, plain_errors, show
from storage.settings import settings

app = typer.Typer(no_args_is_help=True, help="Read the ontology and results by what is wanted; see how it is planned.")

Version = Annotated[int | None, typer.Option(help="scenario version; that of the task set's model if left out")]
Place = Annotated[str | None, typer.Option(help="system, region or station whose devices are meant, e.g. region:1")]
Device = Annotated[list[str] | None, typer.Option(help="a device's global id, e.g. bus:101; may be repeated")]
Kind = Annotated[str | None, typer.Option(help="kind of devices within the place: bus, branch, unit")]
Attributes = Annotated[Category | None, typer.Option(help="category of attributes")]
Set = Annotated[str, typer.Option(help="task set: its id, the beginning of it, or `latest`")]
Stage = Annotated[str | None, typer.Option(help="stage whose hourly array is meant")]
Array = Annotated[str | None, typer.Option(help="name of the hourly array, e.g. p, vm, loading")]
Hours = Annotated[str | None, typer.Option(help="FIRST:COUNT, e.g. 0:24")]
Worst = Annotated[bool, typer.Option(help="the array's largest value per hour")]
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@app.command("read")
def read_data(
    version: Version = None, place: Place = None, device: Device = None, kind: Kind = None,
    attributes: Attributes = None, task_set: Set = "latest", stage: Stage = None, array: Array = None,
    hours: Hours = None, worst: Worst = False,
    out: Annotated[Path | None, typer.Option(help="write the array to a .csv, .parquet or .nc file instead")] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Attributes or an hourly array of the devices wanted, along the quickest route."""
    with plain_errors():
        from flows.tables import export, rows_of

        with _space() as (space, index):
            request = _request(index, version, place, device, kind, attributes, task_set, stage, array, hours, worst)
            answer = space.read(request)
            if out is not None:
                export(request, answer, out)
                console.print(str(out), soft_wrap=True)
            else:
                show(rows_of(request, answer), json)


@app.command()
def explain(
    version: Version = None, place: Place = None, device: Device = None, kind: Kind = None,
    attributes: Attributes = None, task_set: Set = "latest", stage: Stage = None, array: Array = None,
    hours: Hours = None, worst: Worst = False, json: Json = False,
) -> None:  # fmt: skip
    """The plan for a request: predicted and measured time, and every other way there is."""
    with plain_errors(), _space() as (space, index):
        request = _request(index, version, place, device, kind, attributes, task_set, stage, array, hours, worst)
        chosen = space.plan(request)
        rows = []
        for plan in sorted(space.alternatives(request), key=lambda p: p.edges != chosen.edges):
            space.follow(request, plan)  # the first time pays for what is then kept
            taken = space.follow(request, plan).seconds
            rows.append({
                "chosen": "yes" if plan.edges == chosen.edges else "",
                "predicted ms": round(1e3 * plan.seconds, 2), "measured ms": round(1e3 * sum(taken.values()), 2),
                "plan": "; ".join(str(e) for e in plan.edges),
            })  # fmt: skip
        show(rows, json)


@app.command("import")
def import_data(
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet: a column of hours or timestamps, then one per device")],
    version: Annotated[int, typer.Option(help="scenario version that the new one is a child of")],
    array: Annotated[str, typer.Option(help="hourly array that the files give: load, load_q, available, reserve, …")],
    label: Annotated[str, typer.Option(help="name of the new version")],
    timezone: Annotated[str, typer.Option(help="of timestamps without an offset, e.g. Europe/Berlin; UTC if left out")] = "",
    json: Json = False,
) -> None:  # fmt: skip
    """A new scenario version whose hourly array is what files say of their devices; run it with `--grid scenario:LABEL`."""
    with plain_errors():
        from bos_core.index.client import Index
        from console import services
        from flows.profiles import import_profiles

        services.ensure_index(settings())
        with Index(settings()) as index:
            done = import_profiles(index, version, files, array, label, timezone)
        if json:
            show([asdict(done)], json)
            return
        console.print(f"version {done.version}")
        for remark in (done.told, *done.remarks):
            console.print(f"  {remark}", soft_wrap=True)


def _space() -> Any:
    from flows.access import data_space

    return data_space(settings())


def _request(
    index: Any, version: int | None, place: str | None, device: list[str] | None, kind: str | None,
    attributes: Category | None, task_set: str, stage: str | None, array: str | None, hours: str | None, worst: bool,
) -> Any:  # fmt: skip
    from bos_core.drwop.access import Request
    from bos_core.index import scenarios, tasks

    found = index.call(lambda db: tasks.find_task_set(db, task_set))
    if found is None and (array is not None or version is None):
        raise ParameterError(f"no task set is called '{task_set}'", "see `bos sets`")
    if version is None:
        version = index.call(lambda db: scenarios.version_named(db, found.id, "modelling/00"))
    if place is None and not device and (array is None or kind is not None):
        place = index.call(lambda db: scenarios.system_of(db, version))
    return Request(
        version, place, tuple(device) if device else None, kind, attributes, found.id if found else None, stage, array,
        _span(hours), worst,
    )  # fmt: skip


def _span(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, colon, count = text.partition(":")
    if not colon or not first.isdecimal() or not count.isdecimal():
        raise ParameterError(f"hours '{text}' is not FIRST:COUNT", "write for example 0:24")
    return int(first), int(count)
