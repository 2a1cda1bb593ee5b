"""The demo's server answers in both families, keeps or closes connections as asked, and ends at once after SIGTERM."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import echo


@contextmanager
def serving(answer: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    argv = [sys.executable, "-u", echo.__file__, answer, str(port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == f"listening on port {port}\n"
        try:
            yield process, port
        finally:
            process.kill()


def ask(host: str, port: int, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    connection.request(method, "/")
    response = connection.getresponse()
    try:
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_server_answers_with_its_host_name() -> None:
    with serving("name") as (_, port):
        assert ask("127.0.0.1", port) == (200, f"{socket.gethostname()}\n")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_server_answers_with_the_client_address(address: str) -> None:
    with serving("address") as (_, port):
        assert ask(address, port) == (200, f"{address}\n")


def test_server_refuses_unknown_methods() -> None:
    with serving("name") as (_, port):
        assert ask("127.0.0.1", port, "DELETE")[0] == 405


def test_connections_wait_for_a_server_that_has_no_processor() -> None:
    with serving("name") as (process, port), contextlib.ExitStack() as waiting:
        process.send_signal(signal.SIGSTOP)
        for _ in range(echo.BACKLOG):
            waiting.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        process.send_signal(signal.SIGCONT)
        assert ask("127.0.0.1", port)[0] == 200


def test_server_keeps_connections_open() -> None:
    with serving("address") as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"127.0.0.1\n"
        connection.close()


def test_server_ends_at_once_with_a_connected_client() -> None:
    with serving("name") as (process, port), socket.create_connection(("127.0.0.1", port)):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


def test_server_answers_two_hundred_requests_a_second() -> None:
    with serving("name") as (_, port):
        begun = time.monotonic()
        for _ in range(200):
            assert ask("127.0.0.1", port)[0] == 200
        assert time.monotonic() - begun < 1
