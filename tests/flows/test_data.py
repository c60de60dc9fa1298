"""Reading by what is wanted from a real run: every route gives the same, files come out whole, errors are sentences."""

import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bos_core.drwop.access import DataSpace, Request
from bos_core.index import backfill, scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource
from bos_core.objects.data import Category
from bos_core.objects.errors import OntologyError
from storage.settings import Settings
from tests.conftest import Home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def space(home: Home, two_days: str) -> Iterator[tuple[DataSpace, Index, int]]:
    with Index(Settings(home.folder, "", 0)) as index:
        version = index.call(lambda db: scenarios.version_named(db, two_days, "modelling/00"))
        yield DataSpace(index), index, version


def _requests(version: int, set_id: str) -> list[Request]:
    hourly = {"task_set": set_id, "stage": "adjust", "hours": (5, 30)}
    return [
        Request(version, place="region:2", kind="unit"),
        Request(version, place="region:1", kind="unit", category=Category.COST),
        Request(version, devices=("unit:101_1",), dataset="p", **hourly),
        Request(version, place="region:3", kind="bus", dataset="vm", **hourly),
        Request(version, dataset="p", **hourly),
        Request(version, place="region:1", kind="unit", category=Category.STATIC_MODEL, dataset="p", **hourly),
        Request(version, task_set=set_id, stage="n1", dataset="loading", hours=(0, 48), worst=True),
    ]


def test_every_route_gives_the_same_answer(space, two_days: str):
    data, _, version = space
    for request in _requests(version, two_days):
        ways = data.alternatives(request)
        assert len(ways) >= 2 or request.targets == ("devices",)
        answers = [data.follow(request, plan) for plan in ways]
        for a in answers[1:]:
            assert a.devices == answers[0].devices
            assert a.attributes == answers[0].attributes
            np.testing.assert_array_equal(a.series, answers[0].series)
        assert data.plan(request).edges in [p.edges for p in ways]


def test_an_answer_is_what_the_files_hold(home: Home, space, two_days: str):
    data, _, version = space
    request = Request(version, devices=("bus:113",), task_set=two_days, stage="adjust", dataset="vm", hours=(5, 30))
    expected = []
    for path in sorted((home.folder / "results" / two_days / "adjust").glob("*.h5")):
        with h5py.File(path) as file:
            column = list(file["bus"][()]).index(113)
            expected += file["vm"][:, column].tolist()
    assert data.read(request).series[:, 0].tolist() == expected[5:35]


def test_results_become_the_state_of_the_next_version(space, two_days: str):
    _, index, _ = space
    version = index.call(lambda db: scenarios.version_named(db, two_days, "adjust/01"))
    for dataset, stage in (("p", "adjust"), ("on", "uc"), ("load", "sequence"), ("reserve_short", "apd-check")):
        found = index.call(lambda db, d=dataset: backfill.state_of(db, version, d))
        assert [(s.task_set, s.stage, s.first_hour, s.hours) for s in found] == [(two_days, stage, 0, 48)]


def test_a_result_that_is_not_valid_is_refused(space, two_days: str):
    _, index, model = space
    source = {"vm": StateSource(two_days, "adjust", 0, 48)}
    gap = {"vm": StateSource(two_days, "adjust", 0, 72)}

    async def attempt(db, sources, problems):
        version = await scenarios.branch(db, model, "attempt")
        await backfill.backfill(db, version, sources, problems)

    with pytest.raises(OntologyError, match="vm of stage adjust cannot become the next version's state: wrong"):
        index.call(lambda db: attempt(db, source, {"vm": "wrong"}))
    with pytest.raises(OntologyError, match="lacks hour 48"):
        index.call(lambda db: attempt(db, gap, {}))
    with pytest.raises(OntologyError, match="no scenario version attempt"):
        index.call(lambda db: scenarios.version_named(db, "", "attempt"))


def test_the_command_line_reads_explains_and_exports(home: Home, two_days: str, tmp_path: Path):
    ask = ("--task-set", two_days, "--stage", "adjust", "--array", "p", "--hours", "0:48")
    told = json.loads(home.bos("data", "explain", *ask, "--json").stdout)
    assert told[0]["chosen"] == "yes"
    assert len(told) == 2
    for name in ("x.csv", "x.parquet", "x.nc"):
        home.bos("data", "read", *ask, "--out", str(tmp_path / name))
    frames = [
        pd.read_csv(tmp_path / "x.csv", index_col="hour", float_precision="round_trip"),
        pd.read_parquet(tmp_path / "x.parquet"),
    ]
    with xr.open_dataarray(tmp_path / "x.nc", engine="h5netcdf") as array:
        frames.append(array.to_pandas())
    for frame in frames:
        np.testing.assert_array_equal(frame.to_numpy(), frames[0].to_numpy())
        assert frame.shape == (48, 158)


BAD = [
    (("--place", "region:9"), "no entity is called region:9"),
    (("--stage", "adjust", "--array", "vm", "--hours", "0:99"), "it holds hours 0 to 48"),
    (("--stage", "adjust", "--array", "vm", "--hours", "0-9"), "hours '0-9' is not FIRST:COUNT"),
    (("--stage", "adjust", "--array", "vm"), "needs a task set, a stage and hours"),
    (("--stage", "nowhere", "--array", "vm", "--hours", "0:1"), "has no results of stage nowhere"),
    (("--stage", "adjust", "--array", "colour", "--hours", "0:1"), "holds no colour"),
    (("--device", "bus:5", "--stage", "adjust", "--array", "vm", "--hours", "0:1"), "holds no bus:5"),
    (("--version", "999999"), "scenario version 999999 does not exist"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=[s for _, s in BAD])
def test_bad_requests_get_one_sentence(home: Home, two_days: str, arguments: tuple[str, ...], sentence: str):
    done = home.bos("data", "read", "--task-set", two_days, *arguments, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
