"""Containers as Kubernetes pods: each asks Kubernetes for its own cores and memory, and ends with its process' life.

Pods are made one by one rather than through a worker group of Dask's operator, since containers differ in size; so
no operator need be installed in the cluster.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from distributed.deploy.spec import ProcessInterface
from kr8s import NotFoundError
from kr8s.asyncio.objects import Pod

from bos_core.objects.container import Container
from bos_core.tccsp.places.place import DEATH_S
from bos_core.tccsp.places.remote import NANNY_MIB, Remote

LABELS = {"app.kubernetes.io/name": "bos-container"}


class PodWorker(ProcessInterface):  # type: ignore[misc]
    """A pod that lives as long as its container.

    Args:
        scheduler: address of Dask's.
        name: of the container.
        manifest: of the pod; its worker is told `scheduler` in the variable DASK_SCHEDULER_ADDRESS.
    """

    def __init__(self, scheduler: str, name: str, manifest: dict[str, Any]) -> None:
        super().__init__(scheduler=scheduler, name=name)
        self._manifest, self._scheduler = manifest, scheduler
        self._pod: Any = None

    async def start(self) -> None:
        told = {"name": "DASK_SCHEDULER_ADDRESS", "value": self._scheduler}
        self._manifest["spec"]["containers"][0]["env"].append(told)
        self._pod = await Pod(self._manifest)
        await self._pod.create()
        await super().start()

    async def close(self) -> None:
        if self._pod is not None:
            with suppress(NotFoundError):  # it has ended and was swept away
                await self._pod.delete(force=True)
        await super().close()


class Kubernetes(Remote):
    """A namespace in which pods may be made; they mount the home from a claim that this machine mounts too.

    Args:
        home, address, start_s: as of every remote place; `address` is one that pods reach.
        image: that has BOS.
        claim: of the persistent volume with the home, mounted at the home's path.
        namespace: of the pods; empty for that of the kubeconfig or service account.
    """

    def __init__(
        self, home: Path, image: str, claim: str, address: str = "", start_s: float = 300.0, namespace: str = "",
    ) -> None:  # fmt: skip
        super().__init__(home, address, start_s)
        self._image, self._claim, self._namespace = image, claim, namespace

    def manifest(self, container: Container) -> dict[str, Any]:
        """A container's pod."""
        quota = container.quota
        size = {"cpu": str(quota.cores), "memory": f"{quota.memory_mib + NANNY_MIB}Mi"}
        command = [
            "python", "-m", "distributed.cli.dask_worker", "$(DASK_SCHEDULER_ADDRESS)", "--name", container.name,
            "--nthreads", str(quota.cores), "--death-timeout", f"{DEATH_S:.0f}", *self.arguments(container),
        ]  # fmt: skip
        worker = {
            "name": "container", "image": self._image, "command": command,
            "env": [{"name": k, "value": v} for k, v in self.variables(container).items()],
            "resources": {"requests": size, "limits": size},
            "volumeMounts": [{"name": "home", "mountPath": str(self.home)}],
            "securityContext": {"allowPrivilegeEscalation": False},
        }  # fmt: skip
        metadata: dict[str, Any] = {"generateName": f"bos-{container.name}-", "labels": LABELS}
        if self._namespace:
            metadata["namespace"] = self._namespace
        volume = {"name": "home", "persistentVolumeClaim": {"claimName": self._claim}}
        return {
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": {"containers": [worker], "volumes": [volume], "restartPolicy": "Never"},
        }  # fmt: skip

    def spec(self, container: Container) -> dict[str, Any]:
        return {"cls": PodWorker, "options": {"manifest": self.manifest(container)}}
