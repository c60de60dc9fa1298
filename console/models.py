"""`bos models`: device models written as equations."""

from pathlib import Path
from typing import Annotated

import typer

from bos_core.objects.errors import EquationError, ParameterError
from console.output import console, plain_errors, show
from console.simulating import simulate_study

app = typer.Typer(no_args_is_help=True, help="Device models for time-domain simulation, written as LaTeX equations.")
app.command("simulate")(simulate_study)
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@app.command("list")
def list_models(json: Json = False) -> None:
    """Models that come with BOS."""
    with plain_errors():
        from slots.dynamics.catalogue import names, official

        models = sorted((official(name) for name in names()), key=lambda m: (m.kind, m.name))
        show(
            [{"model": m.name, "kind": m.kind, "states": len(m.states), "description": m.description} for m in models],
            json, "models",
        )  # fmt: skip


@app.command()
def check(
    model: Annotated[
        str, typer.Argument(help="TOML file (docs/equations.md tells how to write one), or a name of `list`")
    ],
    json: Json = False,
) -> None:
    """Read a model's equations, find and type its variables, check the derivatives of the code made from them, and let it
    come to rest on the WSCC 9-bus system and stay there for 10 s.

    What is wrong is told with line and column.
    """
    with plain_errors():
        from slots.dynamics.equations.checks import TOLERANCE, derivative_error
        from slots.dynamics.equations.code import functions_of
        from slots.dynamics.equations.model import model_of
        from slots.dynamics.proving import DRIFT, prove

        read = model_of(_text(model))
        made = functions_of(read)
        apart = derivative_error(made)
        if apart > TOLERANCE:
            raise EquationError(
                f"derivatives of {read.name} are off by {apart:.1g} at random states", "look for jumps in its equations"
            )
        proof = prove(made)
        if proof.drift > DRIFT:
            raise EquationError(
                f"{read.name} does not stay at rest on the WSCC 9-bus system: in 10 s something moves by {proof.drift:.1g} p.u.",
                "look at its gains and time constants, and at the signs of its feedback",
            )
        rows = [
            {"variable": v.name, "role": v.role + (", output" if v.name in read.outputs else ""),
             "value": "" if v.value is None else f"{v.value:g}", "unit": v.unit, "description": v.description}
            for v in read.variables
        ]  # fmt: skip
        show(rows, json, f"{read.name}: {read.description}")
        if not json:
            console.print(
                f"{len(read.states)} states, {len(read.residuals)} algebraic equations: they determine everything.\n"
                f"{len(made.entries) + len(made.slopes)} derivatives agree with differences to {apart:.0e}; "
                + ("compiled.\n" if made.in_c else "in NumPy, since there is no C compiler.\n")
                + f"As {proof.name} on the WSCC 9-bus system it comes to rest and stays: 10 s move nothing by {proof.drift:.0e} p.u."
            )


def _text(model: str) -> str:
    from slots.dynamics.catalogue import names, text_of

    path = Path(model)
    if model in names() or not (path.suffix or path.exists()):
        return text_of(model)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{model} cannot be read: {error}", "name a TOML file of a model") from None
