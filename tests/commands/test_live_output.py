"""The output of the commands about a running cluster: in a pipe, on a terminal, for programs, and while it changes."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.lab import wait
from tests.support.documented import the_command
from tests.support.memory_server import MemoryServer, exalb, serving, start
from tests.support.objects import Object, assigned_service, endpoint, endpoints, node, peer, pool
from tests.support.observing import down, session, speaker
from tests.support.unexplained import UNREADABLE

WATCH = the_command("docs/reference/README.md", "kubectl exalb peers --watch")
SECONDS = 60
ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
COLOURS = {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}
"""The numbers that choose a colour; others are bold and its like."""
TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "300"}
COMMANDS = [("status",), ("peers",), ("routes",), ("pools",), ("explain", "service/web"), ("explain", "node/n2")]


def reporting(name: str, *sessions: Object) -> Object:
    """Return the BGPSpeaker of a node that never becomes silent."""
    return speaker(name, *sessions, heartbeat="2999-01-01T00:00:00Z")


def rack() -> list[Object]:
    """Return two nodes; the first objects are their BGPSpeakers, and the session of the second is down."""
    return [
        *(reporting("n1"), reporting("n2", down(error="connection refused"))),
        *(node("n1", "203.0.113.11"), node("n2", "203.0.113.12"), peer("tor"), pool("main", "198.51.100.0/24")),
        *(assigned_service("shop/web", "198.51.100.1"), endpoints("shop/web", endpoint("10.88.1.2", "n1"))),
    ]


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer(rack())


@pytest.fixture
async def kubeconfig(server: MemoryServer, tmp_path: Path) -> AsyncIterator[Path]:
    async with serving(server, tmp_path, "of-a-reader") as path:
        yield path


async def lines(process: asyncio.subprocess.Process, last: str) -> list[str]:
    """Return the lines that the process writes, up to the first that contains `last`."""
    assert process.stdout
    found = list[str]()
    async with asyncio.timeout(SECONDS):
        while not found or last not in found[-1]:
            line = await process.stdout.readline()
            assert line, f"it ended before {last}: {found}"
            found.append(line.decode())
    return found


async def reads_twice(server: MemoryServer) -> None:
    """Wait until the program has read the cluster twice more; then it has printed what the first of them showed."""
    before = server.requests["bgpspeakers"]
    await asyncio.to_thread(wait.until, "it reads twice", lambda: server.requests["bgpspeakers"] >= before + 2)


async def interrupted(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Press Ctrl-C; return the exit code and the rest of the output."""
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(SECONDS):
        rest, _ = await process.communicate()
    return process.returncode, rest.decode().strip()


async def test_watch_prints_a_session_again_only_when_it_changes(server: MemoryServer, kubeconfig: Path) -> None:
    process = await start(kubeconfig, *WATCH.split()[2:])
    first = await lines(process, "n2 ")
    assert [line.split()[0] for line in first] == ["NODE", "n1", "n2"]
    server.objects[0] = reporting("n1", down(error="hold timer expired"))
    changed = await lines(process, "n1 ")
    assert [line.split()[0] for line in changed] == ["NODE", "n1"]
    assert "hold timer expired" in changed[-1]
    await reads_twice(server)
    assert await interrupted(process) == (130, "")


async def test_watch_prints_a_silent_speaker_once(server: MemoryServer, kubeconfig: Path) -> None:
    """Its last heartbeat becomes older with each look, and that is no change."""
    server.objects[:2] = [speaker("n1"), speaker("n2")]
    process = await start(kubeconfig, "peers", "--watch")
    assert len(await lines(process, "n2 ")) == 3
    await reads_twice(server)
    assert await interrupted(process) == (130, "")


async def test_watch_of_a_program_has_each_change_at_once(server: MemoryServer, kubeconfig: Path) -> None:
    process = await start(kubeconfig, "peers", "--watch", "-o=json")
    first = json.loads("".join(await lines(process, "]")))
    server.objects[1] = reporting("n2")
    changed = json.loads("".join(await lines(process, "]")))
    process.terminate()
    await process.communicate()
    assert [(row["node"], row["state"]) for row in first] == [("n1", "Established"), ("n2", "Active")]
    assert [(row["node"], row["state"]) for row in changed] == [("n2", "Established")]
    assert process.returncode == -signal.SIGTERM


async def test_interrupted_command_prints_no_traceback(server: MemoryServer, kubeconfig: Path) -> None:
    server.hangs = True
    process = await start(kubeconfig, "status")
    await asyncio.to_thread(wait.until, "it asks", lambda: server.requests.total() > 0)
    assert await interrupted(process) == (130, "")


async def on_terminal(kubeconfig: Path, *arguments: str, **variables: str) -> str:
    """Run a command on a terminal; return everything that the terminal gets."""
    ours, its = os.openpty()
    reading = asyncio.create_task(asyncio.to_thread(read_all, ours))
    try:
        process = await start(kubeconfig, *arguments, stdout=its, variables=TERMINAL | variables)
    finally:
        os.close(its)
    await process.wait()
    return await reading


def read_all(terminal: int) -> str:
    """Return everything that is written to a terminal until the last program has closed it."""
    found = b""
    with os.fdopen(terminal, "rb", buffering=0) as file:
        try:
            while part := file.read(4096):
                found += part
        except OSError:  # Linux reports the end of a terminal as an error
            pass
    return found.decode()


def colours(text: str) -> set[int]:
    """Return the numbers of the colours in a text."""
    return {int(number) for numbers in ESCAPE.findall(text) for number in numbers.split(";") if number} & COLOURS


@pytest.mark.parametrize("command", [("status",), ("explain", "node/n2")], ids=" ".join)
async def test_colours_are_on_a_terminal_and_not_with_no_color(kubeconfig: Path, command: tuple[str, ...]) -> None:
    assert colours(await on_terminal(kubeconfig, *command))
    plain = await on_terminal(kubeconfig, *command, NO_COLOR="1")
    assert "connection refused" in plain
    assert not colours(plain)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_pipe_gets_no_escape_and_whole_lines(kubeconfig: Path, command: tuple[str, ...]) -> None:
    code, text = await exalb(kubeconfig, *command, COLUMNS="20", TERM="xterm-256color")
    assert code in (0, 1), text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) > 40


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_yaml_and_json_hold_the_same(kubeconfig: Path, command: tuple[str, ...]) -> None:
    (code, as_yaml), (other, as_json) = await asyncio.gather(
        exalb(kubeconfig, *command, "-o=yaml"), exalb(kubeconfig, *command, "-o=json")
    )
    assert (code, yaml.safe_load(as_yaml)) == (other, json.loads(as_json))
    assert json.loads(as_json)


async def test_yaml_shows_a_session(kubeconfig: Path) -> None:
    code, text = await exalb(kubeconfig, "peers", "-o=yaml")
    rows = yaml.safe_load(text)
    assert (code, [row["node"] for row in rows]) == (1, ["n1", "n2"])
    assert rows[0]["since"] == session()["since"]


@pytest.mark.parametrize("subject", ["service web", "svc web", "services/web"])
async def test_subject_may_be_two_words(kubeconfig: Path, subject: str) -> None:
    """As kubectl takes `get service web`; a third word is refused."""
    as_one, as_written = await asyncio.gather(
        exalb(kubeconfig, "explain", "service/web"), exalb(kubeconfig, "explain", *subject.split())
    )
    assert as_written == as_one
    code, text = await exalb(kubeconfig, "explain", *subject.split(), "node/n1")
    assert (code, len(text.splitlines()), "node/n1" in text) == (2, 1, True), text


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("command", [("status",), ("explain", "service/web")], ids=" ".join)
async def test_cluster_that_cannot_be_read_is_a_sentence(
    server: MemoryServer, kubeconfig: Path, name: str, command: tuple[str, ...]
) -> None:
    case = UNREADABLE[name]
    server.refusal = case.status
    if case.status is None:
        data = yaml.safe_load(kubeconfig.read_text())
        data["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"  # the port for what is discarded
        kubeconfig.write_text(yaml.safe_dump(data))
    code, text = await exalb(kubeconfig, *command)
    assert (code, len(text.splitlines()), case.says in text) == (2, 1, True), text
