"""Prefect blocks: what a user configures once. Values of blocks reach BOS as its `BOS_*` settings."""

import os
from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from slots.sources.catalogue import DEFAULT_GRID
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings


class BosDatabase(Block):
    """The index database; without a URL the embedded Postgres."""

    _block_type_name = "BOS Database"
    _block_type_slug = "bos-database"
    url: SecretStr = Field(
        SecretStr(""), description="postgresql://user:password@host/name; empty for the embedded one"
    )

    def apply(self) -> None:
        """Use this database in the present process."""
        if self.url.get_secret_value():
            os.environ["BOS_DATABASE_URL"] = self.url.get_secret_value()


class BosResultStore(Block):
    """The folder of results and embedded services."""

    _block_type_name = "BOS Result Store"
    _block_type_slug = "bos-result-store"
    home: Path = Field(Path("~/.bos"), description="folder, on a disk that all containers see")

    def apply(self) -> None:
        """Use this folder in the present process."""
        os.environ["BOS_HOME"] = str(self.home.expanduser())


class BosClusterLimits(Block):
    """How many containers a run may have."""

    _block_type_name = "BOS Cluster Limits"
    _block_type_slug = "bos-cluster-limits"
    workers: int = Field(2, ge=1, le=256, description="containers that compute")


class BosGridSource(Block):
    """A grid that plans start from."""

    _block_type_name = "BOS Grid Source"
    _block_type_slug = "bos-grid-source"
    grid: str = Field(DEFAULT_GRID, description="case name, file or folder")
    keep_kv: float | None = Field(
        None, ge=0, description="voltage at or above which the grid is kept (kV); left out: what is planned in minutes"
    )


BLOCKS = (BosDatabase, BosResultStore, BosClusterLimits, BosGridSource)


def ensure_database(settings: Settings) -> bool:
    """Start the embedded Postgres unless another database is configured; whether it was started."""
    return False if settings.database_url else EmbeddedPostgres(settings).start()
