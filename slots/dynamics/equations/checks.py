"""Whether a model's generated derivatives are right: against central differences at random states."""

from collections.abc import Callable

import numpy as np

from bos_core.objects.errors import EquationError
from slots.dynamics.equations.code import Functions
from slots.grid.model import Floats, Ints

STEP = 1e-6  # of the differences, which are then good for some 1e-9
TOLERANCE = 1e-6  # of the largest derivative
_DEVICES = 8
_TRIES = 20  # random states, until the equations have values there
_H = 0.01  # s


def derivative_error(made: Functions, seed: int = 0) -> float:
    """Largest deviation of a derivative from its difference, as a share of the largest derivative.

    Raises:
        EquationError: the equations have no finite values at any state tried.
    """
    rng = np.random.default_rng(seed)
    for _ in range(_TRIES):
        arrays = _random(made, rng)
        with np.errstate(all="ignore"):
            values = [f(_H, *arrays) for f in (made.residual, made.outputs, made.jacobian, made.output_slopes)]
            if not all(np.isfinite(v).all() for v in values):
                continue
            pairs = [(values[2], _differences(made.residual, made, arrays, made.entries)),
                     (values[3], _differences(made.outputs, made, arrays, made.slopes))]  # fmt: skip
        if all(np.isfinite(d).all() for _, d in pairs):
            largest = max((np.abs(d).max(initial=0.0) for d, _ in pairs), default=0.0)
            apart = max((np.abs(a - b).max(initial=0.0) for a, b in pairs), default=0.0)
            return float(apart / max(largest, 1.0))
    raise EquationError(
        "the equations have no finite values at random states near 1", "look for divisions by zero and roots"
    )


def _random(made: Functions, rng: np.random.Generator) -> list[Floats]:
    """States and inputs between 0.2 and 1.2; parameters as in the file, set points near 1."""
    n, states = len(made.unknowns), made.states
    x, u, points, xp, fp = (
        rng.uniform(0.2, 1.2, (k, _DEVICES)) for k in (n, len(made.inputs), len(made.constants), states, states)
    )
    p = made.values(_DEVICES)
    known = len(made.model.of("parameter"))
    p[known:] = points[known:]
    return [x, u, p, xp, fp]


def _differences(function: Callable[..., Floats], made: Functions, arrays: list[Floats], entries: Ints) -> Floats:
    """(entry, device) central differences by the column of each entry."""
    out, n = np.zeros((len(entries), _DEVICES)), len(made.unknowns)
    for column in np.unique(entries[:, 1]):
        sides = []
        for sign in (1, -1):
            moved = [a.copy() for a in arrays]
            moved[0 if column < n else 1][column if column < n else column - n] += sign * STEP
            sides.append(function(_H, *moved))
        mine = entries[:, 1] == column
        out[mine] = ((sides[0] - sides[1]) / (2 * STEP))[entries[mine, 0]]
    return out
