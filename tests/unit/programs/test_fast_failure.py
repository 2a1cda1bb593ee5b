"""The speaker and a BFD process, which a test plays: BGP sessions end with their BFD sessions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exalb.announcement.planner import NodePlan
from exalb.kube.manifests import snapshot_of
from exalb.programs.fast_failure import FastFailure
from exalb_bfd.client import BfdClient
from exalb_bfd.packet import EXPIRED, State
from exalb_bfd.peers import BfdSession, Peer, goal_of, status_line
from exalb_bfd.settings import BfdSettings
from exalb_bgp.memory import MemoryDriver
from tests.support import objects
from tests.support.decisions import plan_of

UP = BfdSession(State.UP, remote_state=State.UP, since=1.0)
DOWN = BfdSession(State.DOWN, since=2.0, diagnostic=EXPIRED, was_up=True)
LISTENING = BfdSession(State.DOWN, listening=True)
OTHER = objects.peer("other", peerAddress="203.0.113.2", bfd={})
TIMEOUT = 30.0


class Process:
    """A BFD process without sessions: it says what the test wants."""

    def __init__(self) -> None:
        self.goals: list[dict[str, Peer]] = []
        self._writer: asyncio.StreamWriter | None = None
        self.asked = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take goals until the client leaves."""
        self._writer = writer
        while line := await reader.readline():
            self.goals.append(goal_of(line.decode()))
            self.asked.set()
        writer.close()

    def say(self, session: BfdSession, **others: BfdSession) -> None:
        """Say the state of the session with the router, and of others."""
        assert self._writer
        self._writer.write(status_line({"tor": session, **others}).encode())


class Rig:
    """A node with a session to one router."""

    def __init__(self, directory: Path) -> None:
        self.process, self.driver = Process(), MemoryDriver()
        self.client = BfdClient(BfdSettings(directory))
        self.rounds = asyncio.Event()
        self.bfd = FastFailure(self.client, self.driver, self.rounds.set)

    async def said(self, session: BfdSession, **others: BfdSession) -> None:
        """Say a state, and wait until the speaker starts a round because of it."""
        self.rounds.clear()
        self.process.say(session, **others)
        async with asyncio.timeout(TIMEOUT):
            await self.rounds.wait()

    @property
    def closed(self) -> int:
        """How often the BGP session ended."""
        return self.driver.status().sessions["tor"].counts.closed


def planned(*, strict: bool = False) -> NodePlan:
    cluster, _ = snapshot_of(
        [objects.node("n1", "10.0.0.1"), objects.peer("tor", bfd={"strict": strict}), OTHER], "exalb-system"
    )
    return plan_of("n1", cluster)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Rig]:
    """Run the parts."""
    rig = Rig(directory)
    server = await asyncio.start_unix_server(rig.process.serve, BfdSettings(directory).socket)
    tasks = [asyncio.create_task(work) for work in (rig.client.run(), rig.bfd.run(), rig.driver.run())]
    try:
        async with asyncio.timeout(TIMEOUT):
            yield rig
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        server.close()


async def test_failure_ends_the_bgp_session_once(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.driver.apply((await rig.bfd.plan(planned())).speaker)
        await rig.process.asked.wait()
        for session, closed in ((UP, 0), (DOWN, 1), (UP, 1)):
            await rig.said(session)
            assert rig.closed == closed
        await rig.said(LISTENING, other=UP)  # a new process, which does not know this session yet
        assert rig.closed == 1
        await rig.said(DOWN, other=UP)
        assert rig.closed == 2


async def test_strict_session_begins_with_bfd(tmp_path: Path) -> None:
    """A speaker that starts waits for the BFD process, so that it closes no session that may stay."""
    async with running(tmp_path) as rig:
        planning = asyncio.create_task(rig.bfd.plan(planned(strict=True)))
        await rig.process.asked.wait()
        await rig.said(LISTENING, other=UP)
        assert not planning.done()
        await rig.said(UP, other=UP)
        assert set((await planning).speaker.sessions) == {"tor", "other"}
        await rig.said(DOWN, other=UP)
        assert set((await rig.bfd.plan(planned(strict=True))).speaker.sessions) == {"other"}
