"""One connection to ExaBGP's API, when another one takes its place."""

import asyncio
import socket

from exalb_bgp.exabgp.link import Link
from tests.unit.bgp.lines import line


async def test_what_was_not_read_yet_when_a_link_is_left_is_not_taken() -> None:
    """It would be taken for words about what the next link showed."""
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        taken = list[str]()
        link = Link(reader, writer, taken.append)
        reader.feed_data(f"{line('state', state='up')}\n".encode())
        link.close()
        await link.run(lambda: None)
        assert taken == []
