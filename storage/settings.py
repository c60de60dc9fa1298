"""Where BOS keeps things; everything can be moved with a `BOS_*` variable."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from bos_core.objects.errors import ServiceError


@dataclass(frozen=True)
class Settings:
    """Settings of one BOS home.

    Attributes:
        home: folder of results, logs and the embedded services (`BOS_HOME`, default `~/.bos`).
        database_url: an external Postgres (`BOS_DATABASE_URL`), empty for the embedded one.
        prefect_port: port of the Prefect server on loopback (`BOS_PREFECT_PORT`, default 4200).
    """

    home: Path
    database_url: str
    prefect_port: int

    @property
    def results(self) -> Path:
        """Folder of result files."""
        return self.home / "results"

    @property
    def logs(self) -> Path:
        """Folder of service logs."""
        return self.home / "logs"

    def private(self, name: str) -> Path:
        """A folder of this user alone, outside the home because socket paths may not be long; made if missing.

        Raises:
            ServiceError: somebody else has it.
        """
        folder = Path("/tmp") / f"bos-{os.geteuid()}-{self.fingerprint}-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.geteuid() or folder.is_symlink():
            raise ServiceError(f"folder {folder} belongs to somebody else", "remove it")
        return folder

    @property
    def fingerprint(self) -> str:
        """Short name of this home, for things that must live elsewhere (socket folders)."""
        return hashlib.sha256(str(self.home).encode()).hexdigest()[:10]


def settings() -> Settings:
    """The settings of this process."""
    home = Path(os.environ.get("BOS_HOME", "~/.bos")).expanduser().absolute()
    return Settings(home, os.environ.get("BOS_DATABASE_URL", ""), int(os.environ.get("BOS_PREFECT_PORT", "4200")))
