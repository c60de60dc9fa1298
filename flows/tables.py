"""What a data request found, as rows for a table and as files: CSV, Parquet, netCDF."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.drwop.access import Answer, Request
from bos_core.objects.errors import ParameterError


def rows_of(r: Request, a: Answer) -> list[dict[str, Any]]:
    """One row per device with its attributes, or one per hour with a column per device."""
    if a.series is not None and r.hours is not None:
        frame = frame_of(r, a)
        return [
            {"hour": int(h), **{k: float(v) for k, v in row.items()}}
            for h, row in zip(frame.index, frame.to_dict("records"), strict=True)
        ]
    if r.category is not None:
        return [{"id": g, **v} for g, v in sorted(a.attributes.items())]
    return [{"id": g} for g in a.devices]


def frame_of(r: Request, a: Answer) -> pd.DataFrame:
    """(hour × device) values, or one column `worst`."""
    assert r.hours is not None
    values = np.asarray(a.series)
    columns = a.devices if values.ndim > 1 else ["worst" if r.worst else str(r.dataset)]
    hours = pd.RangeIndex(r.hours[0], r.hours[0] + r.hours[1], name="hour")
    return pd.DataFrame(values if values.ndim > 1 else values[:, None], index=hours, columns=columns)


def export(r: Request, a: Answer, path: Path) -> None:
    """Write what was found to a file of the format that its name says.

    Raises:
        ParameterError: the format is unknown, or there is no hourly array to write as netCDF.
    """
    if path.suffix == ".nc" and a.series is not None:
        import xarray as xr

        frame = frame_of(r, a)
        array = xr.DataArray(frame.to_numpy(), dims=("hour", "device"), name=str(r.dataset),
                             coords={"hour": frame.index.to_numpy(), "device": frame.columns.to_numpy(str)})  # fmt: skip
        array.to_netcdf(path, engine="h5netcdf")
        return
    frame = frame_of(r, a) if a.series is not None else pd.DataFrame(rows_of(r, a))
    if path.suffix == ".csv":
        frame.to_csv(path, index=a.series is not None)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        raise ParameterError(f"{path.name} names no known format", "end it in .csv, .parquet or, for arrays, .nc")
