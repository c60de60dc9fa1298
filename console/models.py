"""`bos models`: device models written as equations."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bos_core.objects.errors import ParameterError
from console.output import console, plain_errors, show
from console.simulating import simulate_study

app = typer.Typer(no_args_is_help=True, help="Device models for time-domain simulation, written as LaTeX equations.")
app.command("simulate")(simulate_study)
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@app.command("list")
def list_models(json: Json = False) -> None:
    """Models that come with BOS, and those that users submitted."""
    with plain_errors():
        from bos_core.plump.models import submitted
        from slots.dynamics.catalogue import names, official

        rows = [("official", official(name)) for name in names()]
        rows += [(version.id[:10], model) for version, model in submitted()]
        rows.sort(key=lambda row: (row[1].kind, row[1].name))
        show(
            [{"model": m.name, "kind": m.kind, "version": version, "states": len(m.states), "description": m.description}
             for version, m in rows],
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
        from slots.dynamics.acceptance import accept

        accepted = accept(_text(model))
        made, read = accepted.made, accepted.made.model
        rows = [
            {"variable": v.name, "role": v.role + (", output" if v.name in read.outputs else ""),
             "value": "" if v.value is None else f"{v.value:g}", "unit": v.unit, "description": v.description}
            for v in read.variables
        ]  # fmt: skip
        show(rows, json, f"{read.name}: {read.description}")
        if not json:
            proof = accepted.proof
            console.print(
                f"{len(read.states)} states, {len(read.residuals)} algebraic equations: they determine everything.\n"
                f"{len(made.entries) + len(made.slopes)} derivatives agree with differences to {accepted.apart:.0e}; "
                + ("compiled.\n" if made.in_c else "in NumPy, since there is no C compiler.\n")
                + f"As {proof.name} on the WSCC 9-bus system it comes to rest and stays: 10 s move nothing by {proof.drift:.0e} p.u."
            )


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="TOML file of a model")],
    note: Annotated[str, typer.Option(help="why; the model's description if nothing is said")] = "",
) -> None:
    """Keep a model for everyone of this home, as a new version if its name is known; it is checked first.

    Studies use it by its name at once, services that run included. Earlier versions stay: NAME@VERSION.
    """
    with plain_errors():
        from bos_core.plump.models import submit as keep

        version = keep(_read(file), note)
        console.print(f"{version.name}@{version.id[:10]} is kept; studies use it as {version.name}", soft_wrap=True)


@app.command()
def history(name: str, json: Json = False) -> None:
    """Versions of a submitted model, newest first."""
    with plain_errors():
        from bos_core.plump.models import KIND, repository

        show(
            [{"version": v.id[:10], "at": f"{datetime.fromtimestamp(v.at, UTC):%Y-%m-%d %H:%M}", "author": v.author,
              "note": v.reason} for v in repository().history(KIND, name)],
            json, name,
        )  # fmt: skip


@app.command("show")
def show_model(name: Annotated[str, typer.Argument(help="of `list`, or NAME@VERSION")]) -> None:
    """The file of a model."""
    with plain_errors():
        from bos_core.plump.models import model_text

        print(model_text(name), end="")


@app.command()
def restore(name: str, version: str) -> None:
    """Make an earlier version of a submitted model the newest again."""
    with plain_errors():
        from getpass import getuser

        from bos_core.plump.models import KIND, repository

        made = repository().restore(KIND, name, version, getuser())
        console.print(f"{name}@{made.id[:10]} is kept: {made.reason}")


@app.command("verify")
def verify() -> None:
    """Whether every version of every submitted model is whole, and a model of its name."""
    with plain_errors():
        from bos_core.plump.models import KIND, repository
        from bos_core.plump.models import check as wrong_of

        wrong = wrong_of()
        for sentence in wrong:
            print(f"bos: {sentence}", file=sys.stderr)
        if wrong:
            raise typer.Exit(1)
        console.print(f"{len(repository().names(KIND))} models are whole")


@app.command("map")
def map_study(
    study: Annotated[str, typer.Argument(help="TOML file, or kundur, new_england, wscc9")],
    out: Annotated[Path, typer.Argument(help="file to be written, PSS/E's .dyr")],
    rules: Annotated[Path | None, typer.Option(help="TOML file of rules, beside or instead of those of BOS")] = None,
) -> None:
    """Write a study's plants for an engine without models of users: each as its closest built-in model.

    Values are per unit of the machines' ratings, which the case's MBASE must be.
    """
    with plain_errors():
        from bos_core.plump.models import model_text
        from slots.dynamics.mapping import psse, records, rules_of
        from slots.dynamics.study import read_study

        known = psse() | ({} if rules is None else rules_of(_read(rules), str(rules)))
        read = read_study(study, model_text)
        lines = records(read.dynamic, read.case.bus[:, 0].astype(int), known)
        try:
            out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            raise ParameterError(f"{out} cannot be written: {error.strerror}", "choose another place") from None
        console.print(f"{len(lines)} records are in {out}", soft_wrap=True)


def _text(model: str) -> str:
    path = Path(model)
    if path.suffix or path.exists():
        return _read(path)
    from bos_core.plump.models import model_text

    return model_text(model)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} cannot be read: {error}", "name a TOML file of a model") from None
