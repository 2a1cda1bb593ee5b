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
from exalb.programs.programmed_endpoints import (
    DENIED_SECONDS,
    PAUSE,
    SILENT_SECONDS,
    AskPort,
    ProgrammedEndpoints,
    is_enough,
)
from exalb_bgp.rib import Address
from exalb_bgp.session import Family
from tests.support.objects import Object, assigned_service, at_version, endpoint, endpoints, node

DELIVERS, DENIES, SILENT = PortAnswer.DELIVERS, PortAnswer.DENIES, PortAnswer.SILENT
WEB = (Key("default", "a"), Family.IPV4)
PORTS = {"a": 30101, "b": 30102, "c": 30103}


class KubeProxy:
    """Gives the answers of each port in turn, and the last one for ever."""

    def __init__(self, **answers: list[PortAnswer]) -> None:
        self._answers = {PORTS[name]: list(found) for name, found in answers.items()}
        self.asked: defaultdict[int, int] = defaultdict(int)

    async def __call__(self, _address: Address, port: int) -> PortAnswer:
        """Answer once."""
        self.asked[port] += 1
        answers = self._answers[port]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Speaker:
    """The store of the speaker of n1, and what asks for it."""

    def __init__(self, proxy: AskPort, data_plane: DataPlane = DataPlane.UP) -> None:
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

    def serve(
        self, *names: str, ready: bool = True, policy: str = "Local", port: int | None = None, **more: object
    ) -> None:
        """Let these Services have an endpoint on the node, or no longer."""
        for name in names:
            asked = (port or PORTS[name]) if policy == "Local" else 0
            spec = {"externalTrafficPolicy": policy, "healthCheckNodePort": asked, **more}
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


async def _another_asks() -> None:
    """Return when a speaker that began later has an answer."""
    speaker = Speaker(KubeProxy(c=[DENIES, DELIVERS]))
    await speaker.endpoints.begin(speaker.store.snapshot())
    async with asking(speaker):
        speaker.serve("c")
        speaker.follow()
        await speaker.wait("c")


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
    assert speaker.store.snapshot().programmed == {WEB: PORTS["a"]}


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
    speaker = Speaker(KubeProxy(a=[DENIES]))
    speaker.serve("a", policy="Cluster")
    await speaker.endpoints.begin(speaker.store.snapshot())
    speaker.serve("a")
    planned = speaker.endpoints.follow(speaker.store.snapshot())
    assert planned.programmed == {WEB: PORTS["a"]}


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
        await _another_asks()
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
    async with asking(speaker):
        speaker.serve("b")
        speaker.follow()
        await _another_asks()
    assert (speaker.programmed, proxy.asked) == ({"a", "b"}, {})


@pytest.mark.parametrize(
    ("answer", "waited", "nothing_answers", "enough"),
    [
        pytest.param(DELIVERS, 0.0, False, True, id="delivers"),
        pytest.param(DENIES, DENIED_SECONDS - 1, True, False, id="denied-so-far"),
        pytest.param(DENIES, DENIED_SECONDS, False, True, id="denied-for-long"),
        pytest.param(SILENT, SILENT_SECONDS - 1, False, False, id="silent-so-far"),
        pytest.param(SILENT, SILENT_SECONDS, False, True, id="silent-for-long"),
        pytest.param(SILENT, 0.0, True, True, id="silent-as-always"),
    ],
)
def test_answer_that_is_enough(answer: PortAnswer, waited: float, nothing_answers: bool, enough: bool) -> None:
    assert is_enough(answer, waited, nothing_answers=nothing_answers) is enough


async def test_denial_counts_only_where_it_is_about_the_family() -> None:
    """kube-proxy answers for one family; the endpoint may be of the other."""
    speaker = Speaker(KubeProxy(a=[DENIES], b=[DENIES]))
    speaker.serve("a", "b", ipFamilyPolicy="RequireDualStack")
    speaker.put(endpoints("b", endpoint("fd00::1"), family="IPv6"))
    await speaker.endpoints.begin(speaker.store.snapshot())
    assert speaker.programmed == {"a"}


async def test_slow_answer_delays_no_other() -> None:
    never = asyncio.Event()

    async def proxy(_address: Address, port: int) -> PortAnswer:
        if port == PORTS["a"]:
            await never.wait()
        return DELIVERS

    speaker = Speaker(proxy)
    await speaker.endpoints.begin(speaker.store.snapshot())
    async with asking(speaker):
        speaker.serve("a", "b")
        speaker.follow()
        await speaker.wait("b")


async def test_fault_in_a_question_ends_nothing() -> None:
    async def proxy(_address: Address, port: int) -> PortAnswer:
        if port == PORTS["a"]:
            raise ZeroDivisionError
        return DELIVERS

    speaker = Speaker(proxy)
    await speaker.endpoints.begin(speaker.store.snapshot())
    async with asking(speaker):
        for number, name in enumerate("bc", 1):
            speaker.serve("a", name)
            speaker.follow()
            await speaker.wait(*"bc"[:number])


async def test_rounds_ask_no_question_that_is_not_due() -> None:
    proxy, begun = KubeProxy(a=[DENIES], b=[DELIVERS]), asyncio.get_running_loop().time()
    speaker = Speaker(proxy)
    await speaker.endpoints.begin(speaker.store.snapshot())
    async with asking(speaker):
        speaker.serve("a")
        for _ in range(40):
            speaker.serve("b")
            speaker.follow()
            await speaker.wait("b")
            speaker.serve("b", ready=False)
            speaker.follow()
    passed = asyncio.get_running_loop().time() - begun
    assert proxy.asked[PORTS["b"]] == 40
    assert proxy.asked[PORTS["a"]] <= passed / PAUSE + 2


async def test_answer_about_an_old_port_is_dropped() -> None:
    """The Service is replaced by another of its name while kube-proxy takes its time."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def proxy(_address: Address, port: int) -> PortAnswer:
        if port == PORTS["a"]:
            asked.set()
            await go_on.wait()
        return DELIVERS if port == PORTS["a"] else DENIES

    speaker = Speaker(proxy)
    await speaker.endpoints.begin(speaker.store.snapshot())
    async with asking(speaker):
        speaker.serve("a")
        speaker.follow()
        await asked.wait()
        speaker.serve("a", port=PORTS["b"])
        speaker.follow()
        go_on.set()
        await _another_asks()
    assert speaker.programmed == set()


async def test_port_that_changes_interrupts_nothing() -> None:
    speaker = Speaker(KubeProxy(a=[DELIVERS], b=[DENIES]))
    speaker.serve("a")
    await speaker.endpoints.begin(speaker.store.snapshot())
    speaker.serve("a", port=PORTS["b"])
    assert speaker.endpoints.follow(speaker.store.snapshot()).programmed == {WEB: PORTS["b"]}


async def test_node_without_an_address_of_the_family_is_asked_at_its_loopback() -> None:
    found = []

    async def proxy(address: Address, _port: int) -> PortAnswer:
        found.append(str(address))
        return DELIVERS

    speaker = Speaker(proxy)
    speaker.serve("a")
    speaker.put(endpoints("a", endpoint("fd00::1"), family="IPv6"))
    await speaker.endpoints.begin(speaker.store.snapshot())
    assert sorted(found) == ["10.77.0.11", "::1"]
