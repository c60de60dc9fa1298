"""`bos models simulate`: a dynamic study in the time domain."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bos_core.objects.errors import ParameterError
from console.output import console, plain_errors, show

_MOST_STEPS = 1_000_000


def simulate_study(
    study: Annotated[str, typer.Argument(help="TOML file (docs/equations.md), or kundur, new_england, wscc9")],
    seconds: Annotated[float, typer.Option(help="how long (s)")] = 10.0,
    step: Annotated[float, typer.Option(help="of the solver (s)")] = 1 / 120,
    solver: Annotated[str, typer.Option(help="program of slot time_domain")] = "trapezoidal",
    out: Annotated[Path | None, typer.Option(help="HDF5 file for all variables")] = None,
    picture: Annotated[Path | None, typer.Option(help="SVG file for rotor angles and voltages")] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Bring every device of a study to rest, let its events happen, tell whether it stays stable.

    Exit code 0 whether it does or not; an error is one sentence and code 1.
    """
    with plain_errors():
        from bos_core.plump.models import model_text
        from bos_core.plump.registry import ready
        from flows import time_domain as told
        from slots.contracts.time_domain import TimeDomainRequest
        from slots.dynamics.study import read_study

        chosen = ready("time_domain", solver, {})
        if not 0 < step <= seconds or seconds / step > _MOST_STEPS:
            raise ParameterError(
                f"{seconds:g} s in steps of {step:g} s cannot be",
                f"take a step above 0 and at most {_MOST_STEPS} steps",
            )
        read = read_study(study, model_text)
        columns = (
            TextColumn("simulating"),
            BarColumn(),
            TextColumn("{task.completed:.1f} of {task.total:g} s"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True, disable=json) as bar:
            task = bar.add_task("", total=seconds)
            request = TimeDomainRequest(
                read.dynamic, read.events, seconds, step, progress=lambda t: bar.update(task, completed=t)
            )
            response = chosen.call(request)
        if out is not None:
            told.write_response(response, out, {"study": read.name or study, "step_s": f"{step:g}"})
        if picture is not None:
            _write(picture, told.picture(response))
        rows = [{"figure": name, "value": value} for name, value in told.key_figures(response, read.case.bus[:, 0])]
        show(
            rows,
            json,
            f"{read.name or study}: {len(read.dynamic.v)} buses, {len(read.dynamic.devices)} devices, {seconds:g} s",
        )
        for kept in (k for k in (out, picture) if k is not None and not json):
            console.print(f"kept in {kept}", soft_wrap=True)


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ParameterError(f"{path} cannot be written: {error.strerror}", "choose another place") from None
