"""The check of `helm test`: an address, and then one more prefix that a session has sent."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from exalb.kube.client import Json, Page, WatchEvent
from exalb.model.parse_core import parse_service
from exalb.model.parse_custom import parse_speaker
from exalb.programs.settings import VerifySettings
from exalb.programs.verify import Check, refusal_of, sent
from tests.support.objects import condition, service

ASSIGNED = service("exalb-system/exalb-test", "198.51.100.1")
REFUSED = {
    **service("exalb-system/exalb-test"),
    "status": {"conditions": [condition("exalb.io/AddressAssigned", "False", "PoolExhausted", "pool main")]},
}
SESSIONS: list[Json] = [{"peer": "tor", "state": "Established", "prefixesSent": 3}, {"peer": "new", "state": "Idle"}]


def speaker(name: str, *sessions: Json) -> Json:
    """Return a BGPSpeaker with these sessions; without any it has reported nothing yet."""
    return {"metadata": {"name": name}, **({"status": {"sessions": list(sessions)}} if sessions else {})}


class Cluster:
    """An API server with one Service and the BGPSpeaker of one node, which counts more once the pod is ready."""

    def __init__(self, raw: Json, ready: Path, *, announces: bool) -> None:
        self._raw, self._ready, self._announces = raw, ready, announces

    async def get(self, path: str) -> Json:
        """Answer with the Service."""
        assert path == "/api/v1/namespaces/exalb-system/services/exalb-test"
        return self._raw

    async def list(self, path: str, _query: Mapping[str, str]) -> AsyncIterator[Page]:
        """Answer with the BGPSpeaker."""
        assert path == "/apis/exalb.io/v1beta1/bgpspeakers"
        count = 3 + (self._announces and self._ready.exists())
        yield Page([speaker("n1", {**SESSIONS[0], "prefixesSent": count}, SESSIONS[1]), speaker("n2")], "1")

    def watch(self, path: str, query: Mapping[str, str], since: str, seconds: int) -> AsyncIterator[WatchEvent]:
        """Nothing watches here."""
        raise NotImplementedError(path, query, since, seconds)


async def checked(raw: Json, ready: Path, *, announces: bool) -> Check:
    """Run a check for some turns of the loop or until it ends well; return it."""
    check = Check(VerifySettings(service="exalb-test", ready_file=str(ready)))
    cluster = Cluster(raw, ready, announces=announces)
    async with asyncio.timeout(20 if announces else 2.5):
        await check.run(cluster)
    return check


async def test_verify_ends_when_one_more_prefix_was_sent(tmp_path: Path) -> None:
    await checked(ASSIGNED, tmp_path / "ready", announces=True)
    assert (tmp_path / "ready").exists()


@pytest.mark.parametrize(("raw", "ready"), [(REFUSED, False), (ASSIGNED, True)], ids=["no address", "no route"])
async def test_verify_does_not_end_without_address_and_route(raw: Json, ready: bool, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        await checked(raw, tmp_path / "ready", announces=False)
    assert (tmp_path / "ready").exists() == ready


@pytest.mark.parametrize(
    ("raw", "refusal"),
    [(service("web"), "no controller has looked at it"), (REFUSED, "PoolExhausted: pool main")],
    ids=["new", "refused"],
)
def test_refusal_is_that_of_the_condition(raw: Json, refusal: str) -> None:
    assert refusal_of(parse_service(raw)) == refusal


def test_verify_counts_prefixes_by_session() -> None:
    speakers = [parse_speaker(speaker("n1", *SESSIONS)), parse_speaker(speaker("n2"))]
    assert sent(speakers) == {("n1", "tor"): 3, ("n1", "new"): 0}
