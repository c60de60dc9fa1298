"""The series that came with the grid, unchanged."""

from bos_core.objects.errors import ParameterError
from slots.contracts.sequence import SequenceRequest
from slots.sources.series import Series


def own_series(request: SequenceRequest) -> Series:
    """Return the grid's own series.

    Raises:
        ParameterError: the grid has none.
    """
    if request.series is None:
        raise ParameterError(f"grid {request.grid.name} has no series of its own", "choose the sequence 'profiles'")
    return request.series
