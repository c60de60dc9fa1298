"""How much a stage has to do in each hour, as far as that is known before it runs: what forecasts go by."""

from typing import Any

import numpy as np

from bos_core.drwop import store
from bos_core.drwop.reader import Piece
from flows.chain import Month, Stage
from slots.grid.model import Floats


def work_by_hour(stage: Stage, month: Month, payload: dict[str, Any]) -> Floats:
    """(hour,) of a month: by the cases to deal with where they decide, otherwise the same for every hour.

    An hour with more cases takes longer, but each adds less: they are dealt with together. A stage whose duration does
    not depend on its hours has 1 to do in all.
    """
    if stage.counts is None:
        return np.full(month.hours, 1.0 / month.hours if stage.fixed else 1.0)
    source, array = stage.counts
    flags = store.Hourly([Piece(*p) for p in payload["inputs"][source]]).read(array, month.first_hour, month.hours)
    cases = flags.reshape(month.hours, -1).sum(axis=1)
    return np.asarray(np.sqrt(cases), float)
