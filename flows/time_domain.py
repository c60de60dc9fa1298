"""A simulation in the time domain as a result file, a picture and a few figures."""

from pathlib import Path

import numpy as np

from bos_core.drwop import store
from bos_core.objects.data import Dataset
from flows.report.pictures import as_svg, blank_figure
from slots.dynamics.time_domain import COLLAPSED, Response
from slots.grid.model import Floats

_ANGLE, _SPEED = "delta", "omega"


def write_response(response: Response, path: Path, provenance: dict[str, str]) -> None:
    """Write voltages and every device's variables to an HDF5 file, one array (time,) a variable.

    Raises:
        StorageError: the file cannot be written.
    """
    system, v = response.system, response.v
    datasets = {
        "time": Dataset(response.t, ("time",), "s", "both sides of an event are told"),
        "vm": Dataset(np.abs(v), ("time", "bus"), "p.u.", "voltage magnitude"),
        "va": Dataset(np.angle(v), ("time", "bus"), "rad", "voltage angle"),
    }
    for device in system.case.devices:
        group, _ = system.place(device.name)
        for name in group.made.unknowns:
            datasets[f"{device.name}.{name}"] = Dataset(response.of(device.name, name), ("time",))
    store.write(str(path.absolute()), datasets, {**provenance, "ended": response.reason or "at the time asked"})


def key_figures(response: Response, numbers: Floats) -> list[tuple[str, str]]:
    """What an engineer asks first; numbers: (bus,) of the buses."""
    v, machines = np.abs(response.v), _machines(response, _ANGLE)
    told = [("stable", "yes" if response.stable else f"no: {response.reason}")]
    if machines:
        spread = np.rad2deg(np.ptp(np.array(list(machines.values())), axis=0))
        speed = 100 * (np.array(list(_machines(response, _SPEED).values())) - 1)
        told += [("largest spread of rotor angles", f"{spread.max():.1f}° at {response.t[spread.argmax()]:.3f} s"),
                 ("speeds", f"{speed.min():+.3f} % to {speed.max():+.3f} %")]  # fmt: skip
    low = np.unravel_index(v.argmin(), v.shape)
    told.append(("lowest voltage", f"{v[low]:.3f} p.u. at bus {numbers[low[1]]:g}, {response.t[low[0]]:.3f} s"))
    below = (v[-1] < COLLAPSED).sum()
    told.append(
        (
            "voltages at the end",
            f"{v[-1].min():.3f} to {v[-1].max():.3f} p.u." + (f", {below} collapsed" if below else ""),
        )
    )
    return told


def picture(response: Response) -> str:
    """Rotor angles against the first machine's, and voltages, as SVG."""
    machines = _machines(response, _ANGLE)
    drawn, axes = blank_figure(9.0, 6.4)
    drawn.delaxes(axes)
    angles, voltages = drawn.subplots(2, 1, sharex=True)
    first = next(iter(machines.values()), np.zeros(len(response.t)))
    for name, delta in machines.items():
        angles.plot(response.t, np.rad2deg(delta - first), lw=1, label=name)
    angles.set_ylabel("rotor angle (°)")
    if 1 < len(machines) <= 12:
        angles.legend(ncols=6, fontsize="small", frameon=False)
    voltages.plot(response.t, np.abs(response.v), lw=0.8)
    voltages.set_ylabel("voltage (p.u.)")
    voltages.set_xlabel("s")
    for ax in (angles, voltages):
        ax.spines[["top", "right"]].set_visible(False)
    return as_svg(drawn)


def _machines(response: Response, variable: str) -> dict[str, Floats]:
    """A variable of every machine."""
    out = {}
    for device in response.system.case.devices:
        group, _ = response.system.place(device.name)
        if not device.of and {_ANGLE, _SPEED} <= set(group.made.unknowns):
            out[device.name] = response.of(device.name, variable)
    return out
