"""Messages between a story and the driver that it started: pickled values, each after its length."""

import pickle
import struct
from dataclasses import dataclass
from typing import IO, Any

from exalb_bgp.speaker import Speaker, SpeakerStatus

LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Apply:
    """To the driver: a new goal."""

    goal: Speaker


@dataclass(frozen=True, slots=True)
class Settle:
    """To the driver: report when all routes are announced."""

    number: int


@dataclass(frozen=True, slots=True)
class Settled:
    """From the driver: its status when all routes were announced."""

    number: int
    status: SpeakerStatus


def write(stream: IO[bytes], frame: object) -> None:
    """Send one frame."""
    data = pickle.dumps(frame)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def load(data: bytes) -> Any:
    """Return the value of the bytes after a length."""
    return pickle.loads(data)  # noqa: S301  (both ends are ours, started by one test)


def read(stream: IO[bytes]) -> Any:
    """Receive one frame; None at the end, also where a writer was killed in the middle of one."""
    head = stream.read(LENGTH.size)
    length = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else 0
    data = stream.read(length)
    return load(data) if 0 < length == len(data) else None
