"""The result files of a task set by stage, read as hourly arrays over its whole horizon."""

from typing import Any

from bos_core.drwop import store
from bos_core.drwop.hourly import BY_DEVICE
from bos_core.drwop.reader import Piece
from bos_core.index import data
from bos_core.index.client import Index
from bos_core.index.tables import Output
from bos_core.objects.errors import StorageError
from flows.access import known_costs


class Stages:
    """Files of a task set by stage; the horizon is that of the annual sequence."""

    def __init__(self, index: Index, set_id: str) -> None:
        self.files: dict[str, list[Output]] = {}
        self._by_device: dict[str, Piece] = {}
        self._costs = known_costs(index)
        for o in index.call(lambda db: data.outputs(db, set_id, layout=None)):
            if o.layout == BY_DEVICE:
                self._by_device[o.stage] = Piece(o.path, o.first_hour, o.hours)
            else:
                self.files.setdefault(o.stage, []).append(o)
        self.first_hour = min(o.first_hour for o in self.files["sequence"])
        self.hours = sum(o.hours for o in self.files["sequence"])

    def read(self, stage: str, name: str) -> Any:
        """(hour, …) array of a stage over the horizon.

        Raises:
            StorageError: an hour is in no file, or a file cannot be read.
        """
        if stage not in self.files:
            raise StorageError(f"the task set has no result of stage {stage} yet", "run `bos resume`, or wait for it")
        pieces = [Piece(o.path, o.first_hour, o.hours) for o in self.files[stage]]
        return store.Hourly(pieces, self._by_device.get(stage), self._costs).read(name, self.first_hour, self.hours)
