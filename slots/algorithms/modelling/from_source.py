"""Modelling from a grid source: read, fill what classes give, validate."""

from slots.contracts.modelling import ModellingRequest, SystemModel
from slots.sources.capability import with_inverter_capability
from slots.sources.catalogue import load_source


def from_source(request: ModellingRequest) -> SystemModel:
    """The model of a source.

    Raises:
        GridError, ProfileError, ParameterError: the source cannot be used.
    """
    source = load_source(request.source)
    return SystemModel(with_inverter_capability(source.grid, request.inverter_power_factor), source.series)
