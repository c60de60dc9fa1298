"""What an access takes on this installation: T(features) per route, fitted to measured accesses."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import nnls

KEPT = 400  # newest measurements per route
FIT_EVERY = 20
# Before anything is measured: seconds per (call or table, file or 1000 rows, chunk, MB), of a laptop with a solid-state disk.
PRIOR = {
    "file/by-time": (2e-4, 6e-4, 2e-4, 3e-3),
    "file/by-device": (2e-4, 6e-4, 2e-4, 3e-3),
    "file/digest": (2e-4, 6e-4, 2e-4, 3e-3),
    "memory/reduce": (1e-5, 0.0, 0.0, 1e-3),
    "graph/walk": (5e-5, 1e-3, 0.0, 0.0),
    "relational/walk": (2e-3, 5e-3, 0.0, 0.0),
    "relational/keys": (1.5e-3, 2e-2, 0.0, 0.0),
    "relational/scan": (1.5e-3, 1e-2, 0.0, 0.0),
    "relational/insert": (1e-3, 4e-2, 0.0, 0.0),
    "relational/copy": (6e-3, 1.2e-2, 0.0, 0.0),
    "relational/close": (2e-3, 0.0, 0.0, 0.0),
}

Features = tuple[float, ...]


@dataclass
class CostModel:
    """Seconds as a non-negative combination of features, per route; learns from every access it is told of.

    Attributes:
        measured: newest accesses per route.
        fresh: those of them, and older ones, that it was told of itself.
    """

    measured: dict[str, list[tuple[Features, float]]] = field(default_factory=dict)
    _fitted: dict[str, Features] = field(default_factory=dict)
    fresh: dict[str, list[tuple[Features, float]]] = field(default_factory=dict)
    _new: dict[str, int] = field(default_factory=dict)

    def seconds(self, route: str, features: Features) -> float:
        """Predicted time of an access (s), never quite zero so that a plan has no idle edges."""
        weights = self._fitted.get(route, PRIOR[route])
        return max(1e-7, float(np.dot(weights, features)))

    def note(self, route: str, features: Features, seconds: float) -> None:
        """Learn from an access."""
        kept = self.measured.setdefault(route, [])
        kept.append((features, seconds))
        self.fresh.setdefault(route, []).append((features, seconds))
        del kept[:-KEPT]
        self._new[route] = self._new.get(route, 0) + 1
        if self._new[route] >= FIT_EVERY:
            self.fit(route)

    def fit(self, route: str) -> None:
        """Fit a route's weights; relative errors count, so quick accesses are predicted as well as slow ones."""
        kept = self.measured.get(route, [])
        if len(kept) < FIT_EVERY:
            return
        a, t = np.array([f for f, _ in kept]), np.array([s for _, s in kept])
        weights, _ = nnls(a / t[:, None], np.ones(len(t)))
        self._fitted[route] = tuple(float(w) for w in weights)
        self._new[route] = 0
