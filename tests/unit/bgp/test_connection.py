"""One connection to ExaBGP's API, when another one takes its place."""

import asyncio
import socket

from exalb_bgp.exabgp.driver.connection import ApiConnection
from tests.support.bgp.api_lines import line


async def test_closed_connection_handles_no_buffered_event() -> None:
    """It would count as an event after the snapshot of the next connection."""
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        taken = list[str]()
        link = ApiConnection(reader, writer, taken.append)
        reader.feed_data(f"{line('state', state='up')}\n".encode())
        link.close()
        await link.run(lambda: None)
        assert taken == []
