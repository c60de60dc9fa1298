"""A real Postgres with an index of its own."""

from collections.abc import Iterator

import pytest

from bos_core.index.client import Index
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    settings = Settings(tmp_path_factory.mktemp("home"), "", 0)
    server = EmbeddedPostgres(settings)
    server.start()
    with Index(settings) as opened:
        yield opened
    server.stop()
