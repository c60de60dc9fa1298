"""Which hours a stage has something to do in, as far as that is known before it runs."""

from typing import Any

import numpy as np

from bos_core.drwop import store
from bos_core.drwop.reader import Piece
from flows.chain import Month, Stage
from slots.grid.model import Floats


def hours_of_work(stage: Stage, month: Month, payload: dict[str, Any]) -> Floats:
    """(hour,) 1 where the stage has work in a month, 0 where it only passes the hour on."""
    if stage.counts is None:
        return np.ones(month.hours)
    source, array = stage.counts
    flags = store.Hourly([Piece(*p) for p in payload["inputs"][source]]).read(array, month.first_hour, month.hours)
    return np.asarray(flags.reshape(month.hours, -1).any(axis=1), float)
