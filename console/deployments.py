"""Register the chain with Prefect: work pool, deployments and block types."""

import os
import subprocess
import sys
from pathlib import Path

from bos_core.objects.errors import ServiceError
from console.services import healthy
from storage.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


def deploy() -> None:
    """Create the process work pool, deploy `prefect.yaml`'s flows and register the blocks.

    Raises:
        ServiceError: Prefect refuses; its last words are in the message.
    """
    from blocks.database import BLOCKS

    for block in BLOCKS:
        block.register_type_and_schema()
    _prefect("work-pool", "create", "bos", "--type", "process", "--overwrite")
    from flows.deploy import register

    register()


def refresh(settings: Settings) -> None:
    """Make the forms of the deployments anew where the Prefect server runs: programs have come or changed."""
    if healthy(settings):
        from flows.deploy import register, registered

        if registered():
            register()


def _prefect(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments], stdin=subprocess.DEVNULL, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ,
    )  # fmt: skip
    if done.returncode:
        words = [w for w in done.stdout.strip().splitlines() if w.strip()][-1:] or ["no output"]
        raise ServiceError(f"prefect {' '.join(arguments[:2])} failed ({words[0].strip()})", "see the server's log")
