"""What the tests read about a process while it goes on."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.processes import listeners


@pytest.fixture
def _busy() -> Iterator[None]:
    """Let this process open and close a file all the time."""
    ended = threading.Event()

    def files() -> None:
        while not ended.is_set():
            os.close(os.open("/dev/null", os.O_RDONLY))

    thread = threading.Thread(target=files)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.usefixtures("_busy")
def test_listeners_are_those_of_a_process_that_closes_files_meanwhile() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = [listeners(os.getpid()) for _ in range(300)]
        assert all(server.getsockname() in one for one in found)
