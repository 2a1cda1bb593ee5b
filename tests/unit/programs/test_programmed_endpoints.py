"""A speaker asks kube-proxy about new endpoints of its node, and nothing more."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from exalb.kube.store import Store
from exalb.model.cluster import Key
from exalb.model.kinds import BY_NAME
from exalb.model.local_node import DataPlane, LocalNode
from exalb.node.health_ports import PortAnswer
from exalb.programs.programmed_endpoints import SILENT_SECONDS, ProgrammedEndpoints, is_confirmed
from exalb_bgp.rib import Address
from exalb_bgp.session import Family
from tests.support.objects import Object, assigned_service, at_version, endpoints, node

DELIVERS, DENIES, SILENT = PortAnswer.DELIVERS, PortAnswer.DENIES, PortAnswer.SILENT
PORTS = {"a": 30101, "b": 30102, "c": 30103}


class KubeProxy:
    """Gives the answers of each port in turn, and the last one for ever."""

    def __init__(self, **answers: list[PortAnswer]) -> None:
        self._answers = {PORTS[name]: list(found) for name, found in answers.items()}
        self.asked: defaultdict[int, int] = defaultdict(int)

    async def __call__(self, address: Address, port: int) -> PortAnswer:
        """Answer once."""
        assert str(address) == "10.77.0.11"
        self.asked[port] += 1
        answers = self._answers[port]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Speaker:
    """The store of the speaker of n1, and what asks for it."""

    def __init__(self, proxy: KubeProxy, data_plane: DataPlane = DataPlane.UP) -> None:
        self.store, self._version = Store(BY_NAME.values()), 0
        self.endpoints = ProgrammedEndpoints("n1", self.store, proxy)
        self.put(node("n1", "10.77.0.11"))
        self.turn(data_plane)

    def turn(self, data_plane: DataPlane) -> None:
        """Let kube-proxy be in this state from now on."""
        self.store.observe(LocalNode(data_plane=data_plane))

    def put(self, raw: Object) -> None:
        """Create or replace an object."""
        self._version += 1
        self.store.put(BY_NAME[raw["kind"]], at_version(self._version, raw))

    def serve(self, *names: str, ready: bool = True, policy: str = "Local") -> None:
        """Let these Services have an endpoint on the node, or no longer."""
        for name in names:
            spec = {"externalTrafficPolicy": policy, "healthCheckNodePort": PORTS[name] * (policy == "Local")}
            self.put(assigned_service(name, "198.51.100.7", **spec))
            self.put(endpoints(name) | ({} if ready else {"endpoints": []}))

    def follow(self) -> None:
        """Do what a round does."""
        self.endpoints.follow(self.store.snapshot())

    @property
    def programmed(self) -> set[str]:
        """The Services whose endpoints kube-proxy delivers to."""
        return {key.name for key, _ in self.store.snapshot().programmed or ()}

    async def wait(self, *names: str) -> None:
        """Return when exactly these are programmed; a round follows each change."""
        async with asyncio.timeout(20):
            while self.programmed != set(names):
                await self.store.changed.wait()
                self.store.changed.clear()
                self.follow()


@contextlib.asynccontextmanager
async def asking(speaker: Speaker) -> AsyncIterator[None]:
    """Let it ask while the context lasts."""
    task = asyncio.create_task(speaker.endpoints.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_new_speaker_withholds_only_what_kube_proxy_denies() -> None:
    speaker = Speaker(KubeProxy(a=[DELIVERS], b=[DENIES], c=[SILENT]))
    speaker.serve("a", "b", "c")
    await speaker.endpoints.begin(speaker.store.snapshot())
    assert speaker.programmed == {"a", "c"}


async def test_new_endpoint_is_asked_about_until_it_is_served() -> None:
    proxy = KubeProxy(a=[DENIES, DENIES, DELIVERS])
    speaker = Speaker(proxy)
    await speaker.endpoints.begin(speaker.store.snapshot())
    speaker.serve("a")
    speaker.follow()
    assert speaker.programmed == set()
    async with asking(speaker):
        await speaker.wait("a")
    assert proxy.asked == {PORTS["a"]: 3}
    assert speaker.store.snapshot().programmed == {(Key("default", "a"), Family.IPV4): PORTS["a"]}


async def test_endpoint_that_comes_back_is_asked_about_again() -> None:
    proxy = KubeProxy(a=[DELIVERS])
    speaker = Speaker(proxy)
    speaker.serve("a")
    await speaker.endpoints.begin(speaker.store.snapshot())
    speaker.serve("a", ready=False)
    speaker.follow()
    assert speaker.programmed == set()
    speaker.serve("a")
    speaker.follow()
    assert speaker.programmed == set()
    async with asking(speaker):
        await speaker.wait("a")
    assert proxy.asked == {PORTS["a"]: 2}


async def test_change_from_policy_cluster_interrupts_nothing() -> None:
    """kube-proxy delivers to the endpoint already, so the next plan has it."""
    proxy = KubeProxy(a=[DENIES])
    speaker = Speaker(proxy)
    speaker.serve("a", policy="Cluster")
    await speaker.endpoints.begin(speaker.store.snapshot())
    speaker.serve("a")
    planned = speaker.endpoints.follow(speaker.store.snapshot())
    assert planned.programmed == {(Key("default", "a"), Family.IPV4): PORTS["a"]}
    assert proxy.asked == {}


async def test_one_that_is_denied_does_not_delay_another() -> None:
    speaker = Speaker(KubeProxy(a=[DENIES], b=[DELIVERS]))
    await speaker.endpoints.begin(speaker.store.snapshot())
    async with asking(speaker):
        speaker.serve("a", "b")
        speaker.follow()
        await speaker.wait("b")


async def test_nothing_is_asked_before_kube_proxy_is_healthy() -> None:
    proxy = KubeProxy(a=[DELIVERS])
    speaker = Speaker(proxy, DataPlane.STARTING)
    speaker.serve("a")
    await speaker.endpoints.begin(speaker.store.snapshot())
    assert (speaker.programmed, proxy.asked) == (set(), {})
    async with asking(speaker):
        never = asyncio.get_running_loop().create_future()
        await asyncio.wait([never], timeout=0.1)
        assert proxy.asked == {}
        speaker.turn(DataPlane.UP)
        speaker.follow()
        await speaker.wait("a")
    assert proxy.asked == {PORTS["a"]: 1}


@pytest.mark.parametrize("data_plane", [DataPlane.NOT_MONITORED, DataPlane.PROBE_IGNORED])
async def test_nothing_is_asked_where_there_is_no_kube_proxy(data_plane: DataPlane) -> None:
    """If one appears later, what was announced before stays announced."""
    proxy = KubeProxy(a=[DENIES], b=[DENIES])
    speaker = Speaker(proxy, data_plane)
    speaker.serve("a")
    await speaker.endpoints.begin(speaker.store.snapshot())
    speaker.serve("b")
    speaker.follow()
    assert (speaker.programmed, proxy.asked) == ({"a", "b"}, {})


@pytest.mark.parametrize(
    ("answer", "waited", "usual", "confirmed"),
    [
        pytest.param(DELIVERS, 0.0, True, True, id="delivers"),
        pytest.param(DENIES, SILENT_SECONDS + 1, True, False, id="denies-for-long"),
        pytest.param(DENIES, 0.0, False, False, id="denies-where-answers-are-unusual"),
        pytest.param(SILENT, SILENT_SECONDS - 1, True, False, id="silent-so-far"),
        pytest.param(SILENT, SILENT_SECONDS, True, True, id="silent-for-long"),
        pytest.param(SILENT, 0.0, False, True, id="silent-as-always"),
    ],
)
def test_answer_that_is_enough(answer: PortAnswer, waited: float, usual: bool, confirmed: bool) -> None:
    assert is_confirmed(answer, waited, answers_are_usual=usual) is confirmed
