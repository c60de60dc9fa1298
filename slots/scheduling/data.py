"""The numbers of a formulation's parameters, checked: none missing, shapes that agree, no NaN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import ParameterError
from slots.scheduling.symbols import Param, Service

if TYPE_CHECKING:
    from slots.scheduling.formulation import Structure


class Data:
    """Values of parameters and services, and the sizes of index sets that they tell.

    Raises:
        ParameterError: a parameter is missing, has a wrong shape or holds NaN; an index set has no size.
    """

    def __init__(self, structure: Structure, given: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        self._structure = structure
        self._told: dict[str, tuple[int, str]] = {d: (n, "the call") for d, n in sizes.items()}
        unknown = set(given) - {s.name for s in structure.of(Param)}
        if unknown:
            raise ParameterError(f"{structure.title} has no parameter {', '.join(sorted(unknown))}", "leave it out")
        self.values: dict[str, Any] = {}
        for symbol in structure.of(Param):
            if isinstance(symbol, Service) and symbol.name not in given:
                continue
            value = given.get(symbol.name, symbol.default)
            if value is None:
                raise ParameterError(f"{structure.title}: parameter '{symbol.name}' is missing", "give it")
            self.values[symbol.name] = self._take(symbol, value)
        self._computed = [s for s in structure.of(Service) if s.name not in given]
        self.compute({s.name for s in self._computed})
        missing = [d for d in structure.order if d not in self._told]
        if missing:
            raise ParameterError(f"{structure.title}: the size of {', '.join(missing)} is not told", "give it")

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the index sets, in order."""
        return {d: self._told[d][0] for d in self._structure.order}

    def change(self, given: Mapping[str, Any]) -> set[str]:
        """Take new values; returns the names of all that changed, services included."""
        for name, value in given.items():
            symbol = self._structure.symbols.get(name)
            if not isinstance(symbol, Param):
                raise ParameterError(f"{self._structure.title} has no parameter {name}", "see its page")
            self.values[name] = self._take(symbol, value)
        moved = set(given)
        late = {s.name for s in self._computed if self._structure.sources(s) & moved}
        self.compute(late)
        return moved | late

    def compute(self, which: set[str]) -> None:
        """Compute services, each after what it is computed from."""
        waiting = [s for s in self._computed if s.name in which]
        while waiting:
            ready = [s for s in waiting if not set(s.of.split()) & {w.name for w in waiting}]
            if not ready:
                raise ParameterError(
                    f"services {', '.join(s.name for s in waiting)} need each other", "break the circle"
                )
            for service in ready:
                value = service.compute(*(self.values[n] for n in service.of.split()))
                self.values[service.name] = self._take(service, value)
                waiting.remove(service)

    def _take(self, symbol: Param, value: Any) -> Any:
        dims = tuple(symbol.over.split())
        special = sp.issparse(value) or hasattr(value, "apply")
        array = value if special else np.asarray(value)
        if not special and array.dtype != float:
            array = array.astype(float)
        shape = tuple(array.shape)
        at = f"{self._structure.title}: parameter '{symbol.name}'"
        if shape == ():
            if np.isnan(array):
                raise ParameterError(f"{at} is NaN", "give a number")
            return array
        if len(shape) != len(dims):
            raise ParameterError(
                f"{at} has shape {shape}, not ({', '.join(dims) or 'a single number'})", "give one axis per index set"
            )
        for dim, n in zip(dims, shape, strict=True):
            told, by = self._told.setdefault(dim, (n, f"'{symbol.name}'"))
            if told != n:
                raise ParameterError(f"{at} has {n} along {dim}, where {by} has {told}", "give all the same length")
        if not hasattr(value, "apply") and np.isnan(array.data if sp.issparse(array) else array).any():
            raise ParameterError(f"{at} holds NaN", "fill its gaps")
        return sp.csr_matrix(array) if sp.issparse(array) else array
