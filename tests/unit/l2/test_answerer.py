"""The thread that answers ARP and NDP: what it answers, what it leaves to the event loop, and its end."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

import pytest

from exalb_l2 import frames
from exalb_l2.answerer import Answerer
from exalb_l2.frames import Address, Asked

OWN, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
WEB, WEB6, HOST = IPv4Address("192.0.2.9"), IPv6Address("2001:db8::9"), IPv4Address("192.0.2.1")
SECONDS = 20.0


class Talk(NamedTuple):
    """A question for an address, its answer, and the word of a host that has the address too."""

    question: bytes
    answer: bytes
    claim: bytes
    reply: bytes
    """Such a word in a frame that cannot be read as a question."""


def _talk(question: bytes, address: Address) -> Talk:
    (asked,) = (said for said in frames.read(question) if isinstance(said, Asked))
    claims = frames.announcements(address, OTHER)
    return Talk(question, frames.answer(asked, OWN), claims[0], claims[-1])


_HEAD = bytes.fromhex("ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002")
TALKS = (_talk(_HEAD + HOST.packed + bytes(6) + WEB.packed, WEB), _talk(frames.probe(WEB6, OTHER), WEB6))


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
        self.answerer.admit([WEB, WEB6])
        self.answerer.answer_for([WEB, WEB6])

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


@pytest.fixture(params=TALKS, ids=["ARP", "NDP"])
def talk(request: pytest.FixtureRequest) -> Talk:
    """Each kind of frame in turn."""
    found: Talk = request.param
    return found


def test_question_is_answered(wire: Wire, talk: Talk) -> None:
    wire.end.send(talk.question)
    assert wire.end.recv(256) == talk.answer
    assert (wire.answerer.answered, wire.answerer.waiting()) == (1, [])


def test_question_that_came_before_is_answered_as_long_as_the_address_is_announced(wire: Wire, talk: Talk) -> None:
    for _ in range(3):
        wire.end.send(talk.question)
        assert wire.end.recv(256) == talk.answer
    wire.answerer.answer_for([])
    wire.end.send(talk.question)
    wire.end.send(talk.claim)
    wire.wait()
    assert (wire.answerer.waiting(), wire.answerer.answered) == ([talk.claim], 3)


def test_question_that_came_before_waits_once_its_sender_claims_an_address_of_ours(wire: Wire) -> None:
    question = TALKS[0].question
    wire.end.send(question)
    assert wire.end.recv(256) == TALKS[0].answer
    wire.answerer.admit([WEB, HOST])
    wire.end.send(question)
    wire.wait()
    assert wire.answerer.waiting() == [question]


def test_questions_of_many_hosts_are_answered(wire: Wire) -> None:
    for number in range(3000):
        asker = number.to_bytes(4)
        wire.end.send(_HEAD + asker + bytes(6) + WEB.packed)
        assert wire.end.recv(256)[-4:] == asker


def test_claim_waits_for_the_event_loop(wire: Wire, talk: Talk) -> None:
    """Whoever says that it has an address of ours is not answered: the election decides."""
    for when in ("at first", "again after they were read"):
        wire.end.send(talk.claim)
        wire.wait()
        assert wire.answerer.waiting() == [talk.claim], when
    assert wire.answerer.answered == 0


def test_claim_of_another_address_does_not_wait(wire: Wire, talk: Talk) -> None:
    wire.answerer.admit([HOST + 1])
    wire.end.send(talk.reply)
    wire.end.send(talk.question)
    assert wire.end.recv(256) == talk.answer
    assert (wire.said, wire.answerer.waiting()) == (0, [])


def test_event_loop_is_called_once_for_all_that_waits_and_the_oldest_are_lost(wire: Wire, talk: Talk) -> None:
    sent = [talk.claim + number.to_bytes(2, "big") for number in range(1500)]
    for frame in sent:
        wire.end.send(frame)
    wire.end.send(talk.question)
    assert wire.end.recv(256) == talk.answer
    assert wire.said == 1
    assert wire.answerer.waiting() == sent[-1024:]


def test_address_that_was_released_is_not_answered(wire: Wire, talk: Talk) -> None:
    wire.answerer.answer_for([])
    wire.end.send(talk.question)
    wire.end.send(talk.claim)
    wire.wait()
    assert (wire.answerer.waiting(), wire.answerer.answered) == ([talk.claim], 0)


def test_thread_ends_without_an_answer(wire: Wire, talk: Talk) -> None:
    wire.answerer.close()
    wire.end.send(talk.question)
    wire.thread.join(timeout=SECONDS)
    assert not wire.thread.is_alive()
    with pytest.raises(ConnectionError):
        wire.end.send(talk.question)
