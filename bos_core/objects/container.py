"""Container: an execution resource with a quota on a server, realised as one Dask worker by default."""

from dataclasses import dataclass, field
from enum import StrEnum


class ContainerMode(StrEnum):
    """Launched containers run what is public; trial ones run programs under review, and nothing else."""

    LAUNCHED = "launched"
    TRIAL = "trial"


@dataclass(frozen=True)
class Quota:
    """What a container may use.

    Attributes:
        cores: processor threads.
        memory_mib: resident memory (MiB); the container is restarted above it.
    """

    cores: int
    memory_mib: int


@dataclass(frozen=True)
class Container:
    """A named container with its quota."""

    name: str
    quota: Quota
    mode: ContainerMode = ContainerMode.LAUNCHED


@dataclass(frozen=True)
class Server:
    """A machine that holds containers.

    Attributes:
        name: of the machine.
        cores: processor threads; memory_mib: all its memory (MiB).
        system: operating system and its version.
        software: versions of what computes there, by name.
    """

    name: str
    cores: int
    memory_mib: int
    system: str
    software: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """What is used of a server, by whatever runs there: shares of all its processors and of all its memory."""

    cpu_share: float
    memory_share: float
