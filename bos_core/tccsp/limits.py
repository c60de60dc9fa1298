"""What containers may use of a machine."""

import psutil

from bos_core.objects.errors import ParameterError

MEMORY_SHARE = 0.6  # of the machine that all containers together may use
SMALLEST_MIB = 512.0  # of a container with its libraries loaded


def memory_limit(asked_mib: float | None = None) -> float:
    """MiB that all containers together may use: what is asked, or a share of the machine.

    Raises:
        ParameterError: more than the machine has, or too little for one container.
    """
    total = psutil.virtual_memory().total / 2**20
    if asked_mib is None:
        return float(MEMORY_SHARE * total)
    if asked_mib > total:
        raise ParameterError(
            f"a memory limit of {asked_mib:g} MiB is more than the {total:.0f} MiB of this machine", "give less"
        )
    if asked_mib < SMALLEST_MIB:
        raise ParameterError(
            f"a memory limit of {asked_mib:g} MiB holds no container", f"give at least {SMALLEST_MIB:g}"
        )
    return float(asked_mib)
