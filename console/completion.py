"""Names that a shell completes; what looks like a path is left to the shell, which completes files."""

import os
from typing import Any

from slots.sources.listed import listed_grids

VARIABLE = "_BOS_COMPLETE"
_BEFORE = "BOS_COMPLETE_BEFORE_COLON"


def completing() -> bool:
    """Whether a shell asks for completions."""
    return VARIABLE in os.environ


def join_colons() -> None:
    """Bash splits words at colons: put `pandapower : ca` together again before the command line is parsed."""
    words, at = os.environ.get("COMP_WORDS", "").split(), int(os.environ.get("COMP_CWORD") or 0)
    if os.environ.get(VARIABLE) != "complete_bash" or ":" not in words[: at + 1]:
        return
    colon = max(k for k, w in enumerate(words[: at + 1]) if w == ":")
    if colon not in (at, at - 1) or colon == 0:
        return
    rest = words[at] if colon == at - 1 and len(words) > at else ""
    os.environ[_BEFORE] = f"{words[colon - 1]}:"
    os.environ["COMP_WORDS"] = " ".join([*words[: colon - 1], f"{words[colon - 1]}:{rest}"])
    os.environ["COMP_CWORD"] = str(colon - 1)


def grid_names(context: Any, parameter: Any, incomplete: str) -> list[str]:
    """Grids that can be named and begin with what is typed, less what the shell holds for another word."""
    before = os.environ.get(_BEFORE, "")
    return [g.grid.removeprefix(before) for g in listed_grids() if g.grid.startswith(incomplete)]
