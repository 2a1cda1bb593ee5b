"""`exalb logs`, `diff` and `support-bundle` as processes, against an API server that answers from memory."""

import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from exalb.explain.log_lines import lines_about
from exalb.model.cluster import Key
from tests.support.memory_server import MemoryServer, exalb, serving
from tests.support.objects import Object, assigned_service, endpoints, node, peer, pool, secret, service
from tests.support.observing import speaker

HIDDEN = "never-shown"
ASSIGNED = {
    "timestamp": "2026-01-30T08:00:00Z",
    "event": "address_assigned",
    "service": "shop/web",
    "address": "198.51.100.1",
}
ANNOUNCED = {
    "timestamp": "2026-01-30T08:00:01Z",
    "event": "route_announced",
    "services": ["shop/other", "shop/web"],
    "peer": "tor",
}
LOGS: dict[str, list[Object]] = {
    "exalb-controller-0": [ASSIGNED, {**ASSIGNED, "service": "shop/web-2"}],
    "exalb-speaker-0": [{"event": "starting", "settings": "shop/web"}, ANNOUNCED],
}
REPORTED = peer(peerAddress=None, peerAddressFrom={"nodeAnnotation": "example.com/router"})
ANNOTATED = node("n1", "203.0.113.11", annotations={"example.com/router": "203.0.113.1", "example.com/token": HIDDEN})
OBJECTS: list[Object] = [
    pool("main", "198.51.100.0/24"),
    REPORTED,
    ANNOTATED,
    speaker("n1"),
    assigned_service("shop/web", "198.51.100.1", annotations={"example.com/key": HIDDEN, "exalb.io/pool": "main"}),
    service("shop/internal", type="ClusterIP", externalName="not-listed"),
    endpoints("shop/web"),
    secret("key", HIDDEN),
]


def pod(name: str, container: str) -> Object:
    """Return a pod of ExaLB whose variables hold something that nobody may see."""
    spec = {"nodeName": "n1", "containers": [{"name": container, "env": [{"name": "PROXY", "value": HIDDEN}]}]}
    status = {"phase": "Running", "containerStatuses": [{"name": container, "restartCount": 3}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec, "status": status}


PODS = [pod("exalb-controller-0", "controller"), pod("exalb-speaker-0", "speaker")]


@pytest.fixture
async def kubeconfig(tmp_path: Path) -> AsyncIterator[Path]:
    """Return the way to an API server."""
    async with serving(MemoryServer(OBJECTS, PODS, LOGS), tmp_path, HIDDEN) as path:
        yield path


async def test_logs_of_a_service_are_those_of_all_programs_in_order(kubeconfig: Path) -> None:
    code, text = await exalb(kubeconfig, "logs", "service/web")
    assert code == 0, text
    lines = text.splitlines()[1:]
    assert [("address_assigned" in line, "route_announced" in line) for line in lines] == [(True, False), (False, True)]


async def test_service_that_no_log_names_is_a_sentence(kubeconfig: Path) -> None:
    code, text = await exalb(kubeconfig, "logs", "absent")
    assert (code, len(text.splitlines())) == (1, 1)
    assert "shop/absent" in text


async def test_bundle_has_objects_and_logs_and_no_secret(kubeconfig: Path, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    code, text = await exalb(kubeconfig, "support-bundle", str(path))
    assert code == 0, text
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        files = {entry.name.removeprefix("exalb-support/"): tar.extractfile(entry) for entry in tar}
        content = {name: file.read().decode() for name, file in files.items() if file}
    assert {"status.json", "sessions.json", "pods.json", "version.txt", "objects/BGPSpeaker.json"} <= set(content)
    assert "address_assigned" in content["logs/exalb-controller-0-controller.log"]
    assert not [name for name, text in content.items() if HIDDEN in text or "not-listed" in text]
    assert "objects/Secret.json" not in content
    assert '"exalb.io/pool": "main"' in content["objects/Service.json"]
    assert '"example.com/router": "203.0.113.1"' in content["objects/Node.json"]
    assert '"restartCount": 3' in content["pods.json"]


async def test_bundle_that_cannot_be_written_is_a_sentence(kubeconfig: Path, tmp_path: Path) -> None:
    code, text = await exalb(kubeconfig, "support-bundle", str(tmp_path / "absent" / "bundle.tar.gz"))
    assert (code, len(text.splitlines())) == (2, 1)


async def test_difference_is_made_from_files(kubeconfig: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "change.yaml"
    manifest.write_text(yaml.safe_dump_all([pool("main", "192.0.2.0/24"), {"apiVersion": "v1", "kind": "Pod"}]))
    code, text = await exalb(kubeconfig, "diff", "-f", str(manifest))
    assert (code, "moved" in text, "192.0.2.0" in text) == (0, True, True), text
    code, _ = await exalb(kubeconfig, "diff", "-f", str(manifest), "--fail-on=withdrawn")
    assert code == 1, "an address that moves withdraws routes"
    code, text = await exalb(kubeconfig, "diff", "-f", str(tmp_path / "absent"))
    assert (code, len(text.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    "text",
    [
        "not JSON about shop/web",
        '["shop/web"]',
        '{"service": "shop/web-2"}',
        '{"message": "shop/web"}',
        '{"services": "shop/web"}',
    ],
)
def test_line_that_is_not_about_the_service_is_left_out(text: str) -> None:
    assert lines_about([("n1", text)], Key("shop", "web")) == []
