"""Program: an implementation of a slot, identified by its name and the hash of its source."""

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class ProgramState(StrEnum):
    """How far a program is trusted.

    Private ones are their author's, public ones have been reviewed; both run confined, in containers in trial mode.
    Launched ones run as what comes with BOS does.
    """

    PRIVATE = "private"
    PUBLIC = "public"
    LAUNCHED = "launched"


@dataclass(frozen=True)
class Program:
    """A slot's implementation.

    Attributes:
        slot: the slot it fits.
        name: what a user types to choose it.
        summary: one line for lists and forms.
        call: the function that fulfils the slot's contract.
        prepare: builds, once per container, what calls share that concern a network; None if nothing is worth it.
        version: of a user's program; empty for those that come with BOS.
        content: hash of its source; counted where left out.
        state: how far it is trusted.
        confinement: layers that its calls run under; none where it is trusted.
    """

    slot: str
    name: str
    summary: str
    call: Callable[..., Any]
    prepare: Callable[[Any], Any] | None = None
    version: str = ""
    content: str = ""
    state: ProgramState = ProgramState.LAUNCHED
    confinement: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of the source that defines the program (hexadecimal)."""
        return self.content or hashlib.sha256(self.source.encode()).hexdigest()

    @property
    def source(self) -> str:
        """The file that defines a program that comes with BOS."""
        path = inspect.getsourcefile(inspect.unwrap(self.call))
        if path is None:
            raise ValueError(f"the source of program {self.name} cannot be found")
        return Path(path).read_text()

    @property
    def identity(self) -> str:
        """Name and content hash, as recorded with every result."""
        return f"{self.slot}/{self.name}@{self.sha256[:16]}"
