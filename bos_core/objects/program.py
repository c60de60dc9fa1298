"""Program: an implementation of a slot, identified by its name and the hash of its source."""

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Program:
    """A slot's implementation.

    Attributes:
        slot: the slot it fits.
        name: what a user types to choose it.
        summary: one line for lists and forms.
        call: the function that fulfils the slot's contract.
        prepare: builds, once per container, what calls share that concern a network; None if nothing is worth it.
    """

    slot: str
    name: str
    summary: str
    call: Callable[..., Any]
    prepare: Callable[[Any], Any] | None = None

    @property
    def sha256(self) -> str:
        """Hash of the source file that defines the program (hexadecimal)."""
        path = inspect.getsourcefile(self.call)
        if path is None:
            raise ValueError(f"the source of program {self.name} cannot be found")
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()

    @property
    def identity(self) -> str:
        """Name and content hash, as recorded with every result."""
        return f"{self.slot}/{self.name}@{self.sha256[:16]}"
