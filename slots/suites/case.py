"""A case of a contract suite."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """What a program is called with, and what its result must hold.

    `check` raises AssertionError, with a sentence, where it does not.
    """

    name: str
    arguments: tuple[Any, ...]
    check: Callable[[Any], None]
