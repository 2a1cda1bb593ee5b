"""An ExaBGP without peers at the far end of a real relay; it loses reloads as often as a test wants."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from exalb_bgp.exabgp import relay, wire
from exalb_bgp.exabgp.settings import NEIGHBOR, EngineSettings
from tests.unit.bgp.lines import neighbors


class FakeExaBGP:
    """Answers what a driver asks; `lose` reloads have no effect, as when ExaBGP cannot read its configuration."""

    def __init__(self, settings: EngineSettings, lose: int = 0) -> None:
        self.settings = settings
        self.lose = lose
        self.told: int | None = None
        """The number of the last event, once there is a session with `10.77.0.100`."""
        self.established = True
        """Whether that session is Established."""
        self.taken = 0
        """How many commands about neighbors came."""
        self.mute = False
        """Whether they stay without an answer."""
        self.commands: list[str] = []
        self.configuration = ""
        self._helper: asyncio.subprocess.Process | None = None
        self._asked = asyncio.Condition()

    @property
    def drivers(self) -> int:
        """Count how often a driver introduced itself."""
        return self.commands.count("reset")

    def say(self, line: str) -> None:
        """Say one line, out of turn or in it."""
        assert self._helper
        assert self._helper.stdin
        if self.told is not None and line.startswith(wire.EVENT):
            self.told += 1
        self._helper.stdin.write(f"{line}\n".encode())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FakeExaBGP"]:
        """Run with a helper."""
        command = [sys.executable, "-I", "-S", relay.__file__, str(self.settings.socket)]
        pipe = asyncio.subprocess.PIPE
        self._helper = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        serving = asyncio.create_task(self._serve(self._helper))
        try:
            yield self
        finally:
            assert self._helper.stdin
            self._helper.stdin.close()
            await self._helper.wait()
            await serving

    def leave(self) -> None:
        """End, as far as the helper can tell."""
        assert self._helper
        assert self._helper.stdin
        self._helper.stdin.close()

    async def gone(self) -> None:
        """Wait until the helper ended."""
        assert self._helper
        await self._helper.wait()

    async def asked(self, command: str, times: int = 1, seconds: float = 60.0) -> None:
        """Wait until a driver gave a command so many times."""
        async with asyncio.timeout(seconds), self._asked:
            await self._asked.wait_for(lambda: self.commands.count(command) >= times)

    async def _serve(self, helper: asyncio.subprocess.Process) -> None:
        assert helper.stdout
        while line := await helper.stdout.readline():
            self.answer(line.decode().strip())
            async with self._asked:
                self._asked.notify_all()

    def answer(self, command: str) -> None:
        """Do as ExaBGP does with a command."""
        self.commands.append(command)
        self.taken += command.startswith(NEIGHBOR)
        if command == "show neighbor json":
            self.say(neighbors(self.told, self.taken, established=self.established) if self.told else "[]")
        elif command == "show neighbor configuration":
            for line in self.configuration.splitlines():
                self.say(line)
        elif command == "reload":
            self.say("reload in progress")
            if self.lose:
                self.lose -= 1
            else:
                self.configuration = self.settings.configuration.read_text()
        if command != "reset" and not (self.mute and command.startswith(NEIGHBOR)):
            self.say("done")
