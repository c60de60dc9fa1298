"""Algorithm A2 of the BOS paper (section 3.3.1): how much a task's completion matters now.

B(t, β) = criticality · (1 + age / patience) · (1 + pressure · 2^(-slack / horizon)) · 2^(-place)

`age` makes waiting work matter ever more, so nothing starves whatever else arrives; `slack` is what is left until
the deadline after the forecast duration, so urgency rises towards `pressure` as it runs out; `place` counts from the
first of a request's own waiting tasks, so its order is kept while the heads of all requests compete alike.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bos_core.objects.errors import ParameterError

Floats = npt.NDArray[np.float64]
LAST = 20.0


@dataclass(frozen=True)
class Beta:
    """Parameters of the priority.

    Attributes:
        patience: seconds of waiting that double a priority.
        horizon: seconds of slack that halve the pressure.
        pressure: factor that urgency adds when no slack is left.
    """

    patience: float = 600.0
    horizon: float = 60.0
    pressure: float = 50.0

    def __post_init__(self) -> None:
        for name in ("patience", "horizon", "pressure"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} of the priority is {getattr(self, name):g}", "give a value above 0")


def priorities(criticality: Floats, age: Floats, slack: Floats, place: Floats, beta: Beta) -> Floats:
    """(task,) weights B, dimensionless, larger for what matters more.

    Args:
        criticality: of the business request, 1 for ordinary work.
        age: s since the task could have started.
        slack: s left until the deadline once its forecast duration is taken off; inf without a deadline.
        place: among the waiting tasks of its request, 0 first; differences beyond LAST no longer count.
        beta: the parameters.
    """
    urgency = 1 + beta.pressure * np.exp2(-np.maximum(slack, 0.0) / beta.horizon)
    return np.asarray(criticality * (1 + age / beta.patience) * urgency * np.exp2(-np.minimum(place, LAST)))
