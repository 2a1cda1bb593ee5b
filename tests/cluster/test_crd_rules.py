"""`kubectl apply` refuses bad specs with a sentence and fills in the defaults of good ones, on a real API server."""

from typing import Any

import pytest

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP, VERSION
from tests.lab.api import ApiError
from tests.lab.cluster import CommandError, Lab
from tests.support.bad_specs import BAD
from tests.support.good_specs import GOOD, Good
from tests.support.specs import PEER, Bad, Spec, peer

PLURALS = {resource.kind: resource.plural for resource in RESOURCES}
SEEN = [row for row in BAD if row.unseen is None]
DRY_RUN = {"dryRun": "All", "fieldValidation": "Strict"}
"""Validate and default as ever, and keep nothing. Unknown fields are refused, as kubectl asks for."""


@pytest.mark.parametrize("row", SEEN, ids=lambda row: row.id)
def test_bad_spec_is_refused(cluster: Lab, row: Bad) -> None:
    with pytest.raises(ApiError) as refused:
        create(cluster, row.kind, row.spec)
    assert refused.value.status == 422
    message = str(refused.value)
    assert row.field in message
    assert (row.server or row.says).lower() in message.lower()
    assert "rule evaluation error" not in message


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row.id)
def test_good_spec_is_stored_with_its_defaults(cluster: Lab, row: Good) -> None:
    held = create(cluster, row.kind, row.spec)
    assert held["spec"] == {**row.defaults, **(row.spec if row.stored is None else row.stored)}


def test_unseen_bad_spec_is_accepted(cluster: Lab) -> None:
    """The API server accepts every spec with the mark `unseen`; otherwise the mark and its reason are wrong."""
    unseen = [row for row in BAD if row.unseen]
    assert unseen
    for row in unseen:
        create(cluster, row.kind, row.spec)


def test_unknown_field_is_refused(cluster: Lab) -> None:
    with pytest.raises(ApiError, match=r'unknown field "spec\.peerAdress"'):
        create(cluster, PEER, peer(peerAdress="203.0.113.1"))


def test_advertisement_needs_no_spec(cluster: Lab) -> None:
    manifest = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "BGPAdvertisement", "metadata": {"name": "all"}}
    assert cluster.api.request("POST", path("BGPAdvertisement"), manifest, query=DRY_RUN)["spec"]["weight"] == "None"


def test_kubectl_prints_the_message(cluster: Lab) -> None:
    with pytest.raises(CommandError, match=r"spec\.holdTime: .*must be 0 \(no keepalives\) or 3 to 65535 seconds"):
        cluster.apply(manifest(PEER, peer(holdTime=2)))


def create(cluster: Lab, kind: str, spec: Spec) -> dict[str, Any]:
    """Ask the API server to create an object, without effect; return what it would hold."""
    return cluster.api.request("POST", path(kind), manifest(kind, spec), query=DRY_RUN)


def path(kind: str) -> str:
    """Return the path of all objects of a kind."""
    return f"/apis/{GROUP}/{VERSION}/{PLURALS[kind]}"


def manifest(kind: str, spec: Spec) -> dict[str, Any]:
    """Return a whole object."""
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": {"name": "x"}, "spec": dict(spec)}
