"""Shared fixtures: a small real week of states, a private home with its own services."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bos_core.index.client import Index
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
# The same inputs in every run, so that a run says the same twice; `--hypothesis-profile=default` draws new ones.
settings.register_profile("same", derandomize=True, database=None)
settings.load_profile("same")


def free_port() -> int:
    """A port nobody uses right now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Home:
    """A BOS home with its own services, driven through the command line as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ, "BOS_HOME": str(folder), "BOS_PREFECT_PORT": str(free_port()), "COLUMNS": "200",
            "PYTHONWARNINGS": "ignore",
        }  # fmt: skip
        self.env.pop("BOS_DATABASE_URL", None)

    def bos(
        self, *arguments: str, check: bool = True, timeout: float = 600, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `bos` with arguments."""
        done = subprocess.run(
            [sys.executable, "-m", "console.main", *arguments], cwd=ROOT, env={**self.env, **env}, text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Run `bos` in the background, in a session of its own."""
        with (self.folder / "background.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "console.main", *arguments], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One home for all tests that need services."""
    out = Home(tmp_path_factory.mktemp("home"))
    yield out
    out.bos("down", check=False)


@pytest.fixture(scope="session")
def two_days(home: Home) -> str:
    """A finished run of two days of RTS-GMLC; its task set id."""
    import json

    home.bos("run", "steady-state-planning", "--keep-kv", "230", "--hours", "48")
    return str(json.loads(home.bos("sets", "--json").stdout)[0]["id"])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    settings = Settings(tmp_path_factory.mktemp("home"), "", 0)
    server = EmbeddedPostgres(settings)
    server.start()
    with Index(settings) as opened:
        yield opened
    server.stop()
