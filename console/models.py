"""`bos models`: device models written as equations."""

from pathlib import Path
from typing import Annotated

import typer

from bos_core.objects.errors import EquationError, ParameterError
from console.output import console, plain_errors, show

app = typer.Typer(no_args_is_help=True, help="Device models for time-domain simulation, written as LaTeX equations.")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="TOML file of the model; docs/equations.md tells how to write one")],
    json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Read a model's equations, find and type its variables, check the derivatives of the code made from them.

    What is wrong is told with line and column.
    """
    with plain_errors():
        from slots.dynamics.equations.checks import TOLERANCE, derivative_error
        from slots.dynamics.equations.code import functions_of
        from slots.dynamics.equations.model import model_of

        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"{file} cannot be read: {error}", "name a TOML file of a model") from None
        model = model_of(text)
        made = functions_of(model)
        apart = derivative_error(made)
        if apart > TOLERANCE:
            raise EquationError(
                f"derivatives of {model.name} are off by {apart:.1g} at random states",
                "look for jumps in its equations",
            )
        rows = [
            {"variable": v.name, "role": v.role + (", output" if v.name in model.outputs else ""),
             "value": "" if v.value is None else f"{v.value:g}", "unit": v.unit, "description": v.description}
            for v in model.variables
        ]  # fmt: skip
        show(rows, json, f"{model.name}: {model.description}")
        if not json:
            console.print(
                f"{len(model.states)} states, {len(model.residuals)} algebraic equations: they determine everything.\n"
                f"{len(made.entries) + len(made.slopes)} derivatives agree with differences to {apart:.0e}; "
                + ("compiled." if made.in_c else "in NumPy, since there is no C compiler.")
            )
