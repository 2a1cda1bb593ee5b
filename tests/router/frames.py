"""What a story and the driver that it started say to each other: pickled values, each behind its length."""

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
    """To the driver: say when all is told."""

    number: int


@dataclass(frozen=True, slots=True)
class Settled:
    """From the driver: what it knew when all was told."""

    number: int
    status: SpeakerStatus


def write(stream: IO[bytes], frame: object) -> None:
    """Send one frame."""
    data = pickle.dumps(frame)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def load(data: bytes) -> Any:
    """Make a value of what came behind the length."""
    return pickle.loads(data)  # noqa: S301  (both ends are ours, started by one test)


def read(stream: IO[bytes]) -> Any:
    """Receive one frame; None at the end, also where a writer was killed in the middle of one."""
    head = stream.read(LENGTH.size)
    length = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else 0
    data = stream.read(length)
    return load(data) if 0 < length == len(data) else None
