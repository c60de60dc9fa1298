"""Programs' parameters on the command line: read, and shown in its help, from what each program says of itself."""

import json
from typing import Any

from typer.core import TyperCommand

from bos_core.objects.errors import ParameterError


class WithParameters(TyperCommand):
    """A command whose help ends with the parameters of every program."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, then a table for each program that has parameters."""
        super().format_help(ctx, formatter)
        from bos_core.plump.registry import parameters, programs
        from console.output import show
        from console.programs import parameter_rows

        for p in programs():
            rows = [{"--set": f"{p.name}.{r.pop('parameter')}", **r} for r in parameter_rows(parameters(p))]
            if rows:
                show(rows, False, f"{p.name} ({p.slot}): {p.summary}")


def read_settings(pairs: list[str], chosen: dict[str, str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Settings by slot, program and parameter.

    Args:
        pairs: PROGRAM.PARAMETER=VALUE each.
        chosen: program of each slot that was chosen.

    Raises:
        ParameterError: one is not written so, or names no program.
    """
    from bos_core.plump.registry import programs

    out: dict[str, dict[str, dict[str, Any]]] = {}
    slots = {p.name: p.slot for p in programs()} | {n.partition("@")[0]: s for s, n in chosen.items()}
    for pair in pairs:
        where, equals, value = pair.partition("=")
        program, dot, parameter = where.partition(".")
        if not equals or not dot:
            raise ParameterError(f"'{pair}' sets no parameter", "write PROGRAM.PARAMETER=VALUE")
        if program not in slots:
            raise ParameterError(f"program '{program}' is unknown", "see `bos programs list`")
        out.setdefault(slots[program], {}).setdefault(program, {})[parameter] = value_of(value)
    return out


def value_of(text: str) -> Any:
    """A number or truth value as JSON writes it; anything else is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
