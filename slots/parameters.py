"""How a program states its parameters: keyword arguments whose annotation tells unit, range and meaning.

    def priority_list(horizon: Horizon, gap: float, *,
                      margin: Annotated[float, Parameter("spinning margin", unit="share", ge=0, le=1)] = 0.1) -> Schedule:

Forms, the command line's help and the check of what a user sends are made from it.
"""

from typing import Any

from pydantic import Field


def Parameter(description: str, unit: str = "", ge: float | None = None, le: float | None = None) -> Any:
    """A parameter's meaning, its unit, and the least and most it may be."""
    return Field(description=description, ge=ge, le=le, json_schema_extra={"unit": unit} if unit else None)
