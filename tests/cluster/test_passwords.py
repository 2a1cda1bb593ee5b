"""A speaker reads the Secret of a password; the controller, which reads none, says on the BGPPeer what is wrong."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from exalb.kube.client import ApiClient
from exalb.kube.credentials import load_credentials
from exalb.programs.settings import SpeakerSettings
from exalb.programs.speaker import Speaker
from exalb_bgp.memory import MemoryDriver
from tests.cluster.following import running
from tests.lab import wait
from tests.lab.api import Json
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World
from tests.support.objects import secret
from tests.support.specs import peer

NODE = "password-node"
FIRST, SECOND = "pa55-of-the-first-day", "pa55-of-the-second-day"
NOTE = "a-note-that-only-the-object-has"
NEVER = {
    *(form for password in (FIRST, SECOND) for form in (password, base64.b64encode(password.encode()).decode())),
    *(NOTE, "managedFields", "creationTimestamp", "resourceVersion"),
}
"""Passwords, and parts of objects that no line about one event needs."""


@contextlib.asynccontextmanager
async def speaker(kubeconfig: Path, driver: MemoryDriver, passwords: str) -> AsyncIterator[None]:
    """Run the speaker of NODE, which reads the Secrets of the namespace `passwords`."""
    settings = SpeakerSettings(node_name=NODE, listen="127.0.0.1:0", data_plane="off", namespace=passwords)
    async with ApiClient(load_credentials(str(kubeconfig))) as api, running(Speaker(api, driver, settings).run()):
        yield


async def becomes(world: World, condition: str, status: str, *words: str) -> None:
    """Wait until a condition of the BGPPeer has this status, and these words in its reason and message."""

    def said() -> bool:
        found: Json = world.api.get(f"{OURS}/bgppeers/tor").get("status", {})
        texts = [f"{each['status']} {each['reason']} {each['message']}" for each in found.get("conditions", [])]
        types = [each["type"] for each in found.get("conditions", [])]
        assert condition in types, texts
        text = texts[types.index(condition)]
        assert all(word in text for word in (status, *words)), texts
        return True

    await asyncio.to_thread(wait.until, f"the BGPPeer is {condition} {status} {words}", said, seconds=40)


async def test_secret_is_read_by_the_speaker_and_reported_by_the_controller(
    world: World, programs: Programs, gate: Gate, kubeconfig: Path
) -> None:
    before = world.end_of_audit
    driver, secrets = MemoryDriver(), f"/api/v1/namespaces/{world.namespace}/secrets"
    world.node(NODE, "10.0.0.1")
    world.custom("bgppeers", "BGPPeer", "tor", {**peer(), "passwordSecretRef": {"name": "key"}})
    # Its own namespace, with the Lease, is another one than that of passwords.
    programs.controller("reads-none", gate.url, "default")
    async with speaker(kubeconfig, driver, world.namespace):
        await becomes(world, "Ready", "False", "SecretNotFound", "Secret key", world.namespace)
        assert not driver.status().sessions
        world.create(secrets, secret("key", kind="Opaque", namespace=world.namespace))
        await becomes(world, "Ready", "False", "SecretUnusable", "of type Opaque")
        world.delete(f"{secrets}/key")
        world.create(secrets, secret("key", namespace=world.namespace))
        await becomes(world, "Established", "True")
        await becomes(world, "Ready", "True")
        assert set(driver.status().sessions) == {"tor"}
    read = [each.resource for each in world.cluster.control_plane.audit.requests(before) if each.user == "reads-none"]
    assert {"bgppeers", "leases"} < set(read)
    assert "secrets" not in read


def key_lines(directory: Path) -> set[str]:
    """Return the lines of the private keys with which a program proves who it is."""
    texts = [file.read_text() for file in directory.rglob("*.key")]
    return {line for text in texts for line in text.splitlines() if not line.startswith("-----")}


async def test_logs_have_no_secret_and_no_whole_object(
    world: World, programs: Programs, gate: Gate, tmp_path: Path
) -> None:
    """At level debug, while the password comes, changes and becomes unusable."""
    secrets = f"/api/v1/namespaces/{world.namespace}/secrets"
    world.node(NODE, "10.0.0.1")
    world.pool("main", "198.51.100.8/30")
    world.service("web", annotations={"example.com/note": NOTE})
    world.endpoints("web", "10.88.1.2", node=NODE)
    world.custom("bgppeers", "BGPPeer", "tor", {**peer(), "passwordSecretRef": {"name": "key"}})
    controller = programs.controller("logging-controller", gate.url, "default")
    speaking = programs.speaker("logging-speaker", gate.url, world.namespace, NODE)
    await becomes(world, "Accepted", "False", "SecretNotFound")
    world.create(secrets, secret("key", FIRST, namespace=world.namespace))
    await becomes(world, "Accepted", "True")
    world.change(f"{secrets}/key", {"stringData": {"password": SECOND}})
    world.change(f"{secrets}/key", {"data": {"password": None}, "stringData": {"username": "router"}})
    await becomes(world, "Accepted", "False", "SecretUnusable")
    await asyncio.to_thread(world.wait_address, "web")
    for program, event in ((controller, "address_assigned"), (speaking, "starting")):
        text, keys = program.log.read_text(), key_lines(tmp_path / program.user)
        assert event in text
        assert keys
        assert not [form for form in NEVER | keys if form in text], text
