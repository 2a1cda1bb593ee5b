"""The thread that answers ARP: what it answers, what it leaves to the event loop, and its end."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from exalb_l2 import frames
from exalb_l2.answerer import Answerer
from exalb_l2.frames import Asked

OWN, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
WEB, HOST = IPv4Address("192.0.2.9"), IPv4Address("192.0.2.1")
HEAD = bytes.fromhex("ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002")
QUESTION = HEAD + HOST.packed + bytes(6) + WEB.packed
CLAIM = HEAD + WEB.packed + bytes(6) + WEB.packed
ANSWER = frames.answer(Asked(WEB, OTHER, HOST), OWN)
SECONDS = 20.0


class Wire:
    """An answerer, and the other end of its socket."""

    def __init__(self) -> None:
        own, self.end = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.end.settimeout(SECONDS)
        self.said = 0
        self._came = threading.Semaphore(0)
        before = set(threading.enumerate())
        self.answerer = Answerer(own, OWN, self._say)
        (self.thread,) = set(threading.enumerate()) - before
        self.answerer.admit([WEB])
        self.answerer.answer_for([WEB])

    def _say(self) -> None:
        self.said += 1
        self._came.release()

    def wait(self) -> None:
        """Return when the answerer has said that a frame waits."""
        assert self._came.acquire(timeout=SECONDS)


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.answerer.close()
    wire.end.close()


def test_question_is_answered(wire: Wire) -> None:
    wire.end.send(QUESTION)
    assert wire.end.recv(256) == ANSWER
    assert (wire.answerer.answered, wire.answerer.waiting()) == (1, [])


def test_claim_waits_for_the_event_loop(wire: Wire) -> None:
    """Whoever says that it has an address of ours is not answered: the election decides."""
    wire.end.send(CLAIM)
    wire.wait()
    assert wire.answerer.waiting() == [CLAIM]
    wire.end.send(CLAIM)
    wire.wait()
    assert wire.answerer.waiting() == [CLAIM], "said again after they were read"
    assert wire.answerer.answered == 0


def test_event_loop_is_called_once_for_all_that_waits_and_the_oldest_are_lost(wire: Wire) -> None:
    sent = [CLAIM + number.to_bytes(2, "big") for number in range(1500)]
    for frame in sent:
        wire.end.send(frame)
    wire.end.send(QUESTION)
    assert wire.end.recv(256) == ANSWER
    assert wire.said == 1
    assert wire.answerer.waiting() == sent[-1024:]


def test_address_that_was_let_go_is_not_answered(wire: Wire) -> None:
    wire.answerer.answer_for([])
    wire.end.send(QUESTION)
    wire.end.send(CLAIM)
    wire.wait()
    assert (wire.answerer.waiting(), wire.answerer.answered) == ([CLAIM], 0)


def test_thread_ends_without_an_answer(wire: Wire) -> None:
    wire.answerer.close()
    wire.end.send(QUESTION)
    wire.thread.join(timeout=SECONDS)
    assert not wire.thread.is_alive()
    with pytest.raises(ConnectionError):
        wire.end.send(QUESTION)
