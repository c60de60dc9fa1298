"""The program that a chunk's task asks for, with its parameters."""

from bos_core.objects.program import Program
from bos_core.objects.task import Chunk
from bos_core.plump.registry import ready


def chosen_for(slot: str, chunk: Chunk) -> Program:
    """The program of a chunk in a slot.

    Raises:
        ProgramError: it is not launched, and this container is not for trials.
    """
    return ready(slot, chunk.payload["algorithm"], chunk.payload.get("settings", {}))
