"""Container: an execution resource with a quota, realised as one Dask worker by default."""

from dataclasses import dataclass
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
