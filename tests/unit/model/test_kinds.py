"""The table of kinds: every list of kinds is derived from it, and none can be incomplete."""

from dataclasses import fields, is_dataclass
from ipaddress import ip_address
from typing import Any, get_args, get_type_hints

import pytest

from exalb.api.definitions import RESOURCES
from exalb.kube.client import Reader, StatusClient
from exalb.kube.kopf_feed import KopfFeed
from exalb.kube.manifests import snapshot_of
from exalb.kube.reflector import Reflector
from exalb.kube.store import Store
from exalb.kube.writer import Writer
from exalb.model.address_record import managed_addresses
from exalb.model.cluster import Cluster
from exalb.model.kinds import (
    BY_NAME,
    CONFIGURATION,
    HELD_SERVICE,
    KINDS,
    SERVICE,
    SPEAKER,
    Kind,
    Program,
    Role,
    watched_by,
)
from exalb.model.parse_core import RECORD
from exalb.validation.inputs import RuleInputs
from tests.support.objects import assigned_service

NOT_WATCHED = {"host", "programmed", "scope"}
"""Fields of a cluster that hold no objects of the API server."""


def test_kinds_cover_every_field_of_cluster() -> None:
    assert {kind.cluster_field for kind in KINDS} == {item.name for item in fields(Cluster)} - NOT_WATCHED


def test_kinds_cover_every_resource() -> None:
    ours = {kind.name: kind.plural for kind in KINDS if kind.role is not Role.CORE}
    assert ours == {resource.kind: resource.plural for resource in RESOURCES}


@pytest.mark.parametrize("kind", CONFIGURATION, ids=lambda kind: kind.name)
def test_kind_parses_to_the_type_of_its_field(kind: Kind) -> None:
    """A row with the field or the class of another kind is found."""
    value_type = get_args(get_type_hints(Cluster)[kind.cluster_field])[1]
    assert is_dataclass(value_type)
    value = kind.parse({"metadata": {"name": "x"}, "spec": {}})
    assert type(value) is value_type
    (resource,) = (resource for resource in RESOURCES if resource.kind == kind.name)
    spec_type = get_args(get_type_hints(value_type)["spec"])[0]
    assert spec_type is resource.spec


@pytest.mark.parametrize("kind", CONFIGURATION, ids=lambda kind: kind.name)
def test_custom_resource_is_validated(kind: Kind) -> None:
    assert kind.cluster_field in RuleInputs._fields


@pytest.mark.parametrize("kind", [*CONFIGURATION, SPEAKER], ids=lambda kind: kind.name)
def test_custom_resource_has_a_write_interval(kind: Kind) -> None:
    assert kind.write_interval > 0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}-{len(kind.watched_by)}")
def test_kind_is_watched_and_stored_in_its_field(kind: Kind) -> None:
    for program in kind.watched_by:
        assert kind in watched_by(program)
        store = Store(watched_by(program))
        assert kind.name in store.missing()
        assert getattr(store.snapshot(), kind.cluster_field) == {}


def test_program_watches_each_kind_once() -> None:
    for program in Program:
        names = [kind.name for kind in watched_by(program)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", CONFIGURATION, ids=lambda kind: kind.name)
def test_manifest_of_kind_is_read_into_its_field(kind: Kind) -> None:
    raw: Any = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": "x"}, "spec": {}}
    cluster, _ = snapshot_of([raw], "exalb-system")
    assert list(getattr(cluster, kind.cluster_field)) == ["x"]


def test_name_finds_the_kind_without_selectors() -> None:
    assert set(BY_NAME) == {kind.name for kind in KINDS}
    assert "fieldSelector" not in BY_NAME["Service"].query


def test_only_the_writer_has_a_client_that_writes() -> None:
    assert get_type_hints(Reflector.__init__)["api"] is Reader
    assert get_type_hints(KopfFeed.__init__)["api"] is Reader
    assert get_type_hints(Writer.__init__)["api"] is StatusClient
    assert not {"post", "patch", "put", "delete"} & set(dir(Reader))


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"message": '{"version":2}'}, id="of-another-version"),
        pytest.param({"message": "{"}, id="broken"),
        pytest.param({"status": "False"}, id="not-true"),
        pytest.param({}, id="right"),
    ],
)
def test_speaker_announces_what_the_controller_counts_as_assigned(record: dict[str, str]) -> None:
    raw = assigned_service("web", "198.51.100.1")
    raw["status"]["conditions"] = [
        each | (record if each["type"] == RECORD else {}) for each in raw["status"]["conditions"]
    ]
    for kind in (SERVICE, HELD_SERVICE):
        assert managed_addresses(kind.parse(raw)) == (ip_address("198.51.100.1"),)
