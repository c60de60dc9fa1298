"""Containers as Slurm jobs: each asks Slurm for its own cores and memory."""

from pathlib import Path
from typing import Any

from dask_jobqueue.slurm import SLURMJob

from bos_core.objects.container import Container
from bos_core.tccsp.places.place import DEATH_S
from bos_core.tccsp.places.remote import NANNY_MIB, Remote, exports


class Slurm(Remote):
    """A Slurm cluster whose nodes share the home's file system and this environment.

    Args:
        home, address, start_s: as of every remote place; a job may wait in the queue within `start_s`.
        queue, account: of the jobs; empty for Slurm's defaults.
        walltime: after which Slurm ends a job, [days-]hours:minutes:seconds; the container is then started anew.
        directives: further lines `#SBATCH …`, without the word.
        python: that has BOS there; this one's path if empty.
    """

    def __init__(
        self, home: Path, address: str = "", start_s: float = 600.0, queue: str = "", account: str = "",
        walltime: str = "24:00:00", directives: tuple[str, ...] = (), python: str = "",
    ) -> None:  # fmt: skip
        super().__init__(home, address, start_s)
        self._job = {
            "queue": queue or None, "account": account or None, "walltime": walltime, "python": python or None,
            "job_extra_directives": list(directives),
        }  # fmt: skip

    def spec(self, container: Container) -> dict[str, Any]:
        options = self._job | {
            "cores": container.quota.cores,
            "memory": f"{container.quota.memory_mib} MiB",
            "job_mem": f"{container.quota.memory_mib + NANNY_MIB}M",
            "processes": 1,
            "death_timeout": DEATH_S,
            "worker_extra_args": self.arguments(container),  # with the quota to the MiB; jobqueue rounds it up
            "job_script_prologue": exports(self.variables(container)),
            "job_name": f"bos-{container.name}",
            "log_directory": str(self.home / "logs" / "containers"),
        }
        return {"cls": SLURMJob, "options": options}
