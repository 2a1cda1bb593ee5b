"""What a speaker reads when it starts: each object that it needs once, and nothing of what it does not need."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping

from exalb.kube.client import Json, Page, Reader, WatchEvent
from exalb.kube.reflector import reflectors
from exalb.kube.store import Store
from exalb.model.kinds import BY_NAME, Program, watched_by
from exalb.model.parse_core import HEADLESS
from tests.support import objects
from tests.support.objects import Object, at_version
from tests.support.one_event import NODE, endpoints_of, service_of
from tests.support.one_event import objects as cluster

KINDS = watched_by(Program.SPEAKER)
NAMESPACE = "exalb-system"
HEADLESS_SLICE = endpoints_of(70_001)
HEADLESS_SLICE["metadata"]["labels"][HEADLESS] = ""
OTHERS: list[Object] = [
    {**service_of(70_000), "spec": {"type": "ClusterIP"}},
    HEADLESS_SLICE,
    objects.secret("of-others", namespace="shop"),
    objects.secret("release", kind="helm.sh/release.v1"),
    objects.namespace("shop"),
    objects.l2_speaker("n2", "198.51.100.9/24"),
]
"""What no speaker of n1 needs."""


class CountingReader:
    """An API server in memory that counts the octets of its lists."""

    def __init__(self, found: Iterable[Object]) -> None:
        self.octets = 0
        self._found = list(found)

    async def list(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Page]:
        """Yield the objects of a collection that the selectors let through."""
        _, _, rest = path.partition("/namespaces/")
        namespace = rest.partition("/")[0] or None
        items = [
            at_version(1, raw)
            for raw in self._found
            if BY_NAME[raw["kind"]].collection(namespace) == path
            and namespace in (None, raw["metadata"].get("namespace"))
            and _fits(raw, query)
        ]
        self.octets += sum(len(json.dumps(raw)) for raw in items)
        yield Page(items, "1")

    def watch(self, path: str, query: Mapping[str, str], since: str, seconds: int) -> AsyncIterator[WatchEvent]:
        """Nobody watches here."""
        raise NotImplementedError

    async def get(self, path: str) -> Json:
        """Nobody asks for one object."""
        raise NotImplementedError


def _fits(raw: Object, query: Mapping[str, str]) -> bool:
    """Apply the selectors that ExaLB uses; another one is an error."""
    fields = {
        "metadata.name": raw["metadata"]["name"],
        "spec.type": raw.get("spec", {}).get("type"),
        "type": raw.get("type"),
    }
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        field, wanted = term.replace("!=", "=").split("=")
        if (fields[field] == wanted) is ("!=" in term):
            return False
    label = query.get("labelSelector", "!none")
    assert label.startswith("!")
    return label[1:] not in raw["metadata"].get("labels", {})


async def octets(found: Iterable[Object]) -> int:
    """Return how much a new speaker reads until it knows all."""
    api = CountingReader(found)
    reader: Reader = api
    store = Store(KINDS)
    for each in reflectors(reader, store, KINDS, namespace=NAMESPACE, node=NODE).values():
        await each.refresh()
    assert store.synced.is_set()
    return api.octets


def size(found: Iterable[Object]) -> int:
    return sum(len(json.dumps(at_version(1, raw))) for raw in found)


async def test_each_needed_object_is_read_once() -> None:
    for services, nodes in ((10, 2), (300, 2), (300, 30)):
        found = cluster(services, nodes)
        assert await octets(found) == size(found)


async def test_nothing_else_is_read() -> None:
    found = cluster(10)
    own = objects.l2_speaker(NODE, "198.51.100.8/24")
    assert await octets([*found, own, *OTHERS]) == size([*found, own])
