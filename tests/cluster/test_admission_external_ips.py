"""With `admissionPolicy.externalIPs`, no Service gets new externalIPs, on a real API server."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.chart import POLICY, in_force, wait_refused
from tests.lab.api import Json
from tests.lab.cluster import CommandError, Lab

REFUSED = "spec.externalIPs is refused in this cluster"


def service(name: str, *external: str) -> Json:
    spec = {"ports": [{"port": 80}], "externalIPs": list(external)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.fixture
def fenced(release: Lab) -> Iterator[Lab]:
    """Return the lab with the policy applied, and a Service that was there before."""
    release.apply([service("before", "198.51.100.7", "198.51.100.8")])
    with in_force(release, POLICY, only="exalb-external-ips", values=["admissionPolicy.externalIPs=true"]):
        probe = json.dumps(service("probe", "198.51.100.9"))
        wait_refused(lambda: release.kubectl("create", "--dry-run=server", "--filename=-", given=probe), REFUSED)
        yield release
    release.delete([service("before"), service("plain")])


def patch(lab: Lab, spec: Json) -> None:
    lab.kubectl("patch", "service", "before", "--namespace=default", "--type=merge", f"--patch={json.dumps(spec)}")


def test_new_external_addresses_are_refused(fenced: Lab) -> None:
    with pytest.raises(CommandError, match=REFUSED):
        fenced.apply([service("late", "198.51.100.9")])
    with pytest.raises(CommandError, match=REFUSED):
        patch(fenced, {"spec": {"externalIPs": ["198.51.100.7", "198.51.100.9"]}})


def test_service_that_has_some_may_change_and_lose_them(fenced: Lab) -> None:
    patch(fenced, {"metadata": {"labels": {"changed": "yes"}}})
    patch(fenced, {"spec": {"externalIPs": ["198.51.100.7"]}})
    patch(fenced, {"spec": {"externalIPs": None}})


def test_other_services_are_not_concerned(fenced: Lab) -> None:
    fenced.apply([service("plain")])
