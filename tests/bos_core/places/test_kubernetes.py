"""A container's pod, against Kubernetes' own schema of pods."""

from pathlib import Path

import kubernetes_validate
import pytest

from bos_core.objects.container import Container, ContainerMode, Quota
from bos_core.tccsp.places.kubernetes import Kubernetes

SMALL = Container("container-1", Quota(1, 900), ContainerMode.TRIAL)


@pytest.mark.parametrize("namespace", ["", "planning"])
def test_a_pod_is_one_that_kubernetes_takes(namespace: str):
    place = Kubernetes(Path("/srv/bos"), "registry/bos:1", "bos-home", "10.0.0.1", namespace=namespace)
    manifest = place.manifest(SMALL)
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    (container,) = manifest["spec"]["containers"]
    assert container["resources"]["limits"] == container["resources"]["requests"] == {"cpu": "1", "memory": "1156Mi"}
    assert {v["name"]: v["value"] for v in container["env"]}["BOS_CONTAINER_MODE"] == "trial"
    assert container["volumeMounts"] == [{"name": "home", "mountPath": "/srv/bos"}]
    assert manifest["metadata"].get("namespace", "") == namespace
