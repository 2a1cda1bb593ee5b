"""The helper that ExaBGP runs: its standard input and output on one side, the driver's unix socket on the other.

ExaBGP blocks for all its peers when this program does not read, so it always reads. If the driver reads too slowly, the
relay closes the connection, and the driver resynchronizes. Only complete lines are forwarded, in both directions. When
the relay is killed, ExaBGP starts it again, and events in between are lost.
It runs as a script (`python -I -S relay.py SOCKET`) with few modules, to use little memory: `_socket`, on which
`socket` is built, has all that it needs.
"""

import os
import select
import sys
from _socket import AF_UNIX, SOCK_STREAM, socket

TO_DRIVER = 16 * 1024 * 1024
"""Octets kept for a driver that reads slowly: more than ExaBGP prints for a table of 50,000 routes."""
TO_ENGINE = 128 * 1024
"""Octets of commands read from the driver and not yet written to ExaBGP."""
RETRY = 50
"""Milliseconds between attempts to connect to a driver."""
READ = 65536


class Relay:
    """Moves lines between ExaBGP and one driver until ExaBGP closes its end."""

    def __init__(self, path: str, source: int, sink: int) -> None:
        self.path, self.source, self.sink = path, source, sink
        self.driver: socket | None = None
        self.to_driver = bytearray()
        self.to_engine = bytearray()
        self.partial = bytearray()
        self.in_line = False
        self.skipping = False
        for end in (source, sink):
            os.set_blocking(end, False)

    def run(self) -> None:
        """Relay until ExaBGP closes its end."""
        while self.turn():
            pass

    def turn(self) -> bool:
        """Wait until one or more ends are ready and serve them; return False once ExaBGP closed its end."""
        if self.driver is None:
            self.connect()
        poll = select.poll()
        poll.register(self.source, select.POLLIN)
        if self.to_engine:
            poll.register(self.sink, select.POLLOUT)
        if self.driver is not None:
            wanted = select.POLLIN if len(self.to_engine) < TO_ENGINE else 0
            poll.register(self.driver, wanted | (select.POLLOUT if self.to_driver else 0))
        for end, _ in poll.poll(None if self.driver else RETRY):
            if end == self.source:
                if not self.from_engine():
                    return False
            elif end == self.sink:
                self.flush_engine()
            elif self.driver is not None and end == self.driver.fileno():
                self.serve_driver(self.driver)
        return True

    def connect(self) -> None:
        """Try to connect to the driver; an incomplete first line is skipped."""
        end = socket(AF_UNIX, SOCK_STREAM)
        end.setblocking(False)
        try:
            end.connect(self.path)
        except OSError:
            end.close()
            return
        self.driver, self.skipping = end, self.in_line

    def disconnect(self) -> None:
        """Close the connection to the driver; complete commands still go to ExaBGP."""
        if self.driver is not None:
            self.driver.close()
        self.driver = None
        self.to_driver.clear()
        self.partial.clear()

    def from_engine(self) -> bool:
        """Read from ExaBGP; return False at end of file."""
        try:
            data = os.read(self.source, READ)
        except BlockingIOError:
            return True
        if not data:
            return False
        self.in_line = not data.endswith(b"\n")
        if self.driver is None:
            return True
        if self.skipping:
            _, newline, data = data.partition(b"\n")
            self.skipping = not newline
        self.to_driver += data
        self.flush_driver()
        return True

    def flush_driver(self) -> None:
        """Write as much as the driver reads; disconnect a driver that is too slow."""
        if self.driver is None:
            return
        try:
            while self.to_driver:
                del self.to_driver[: self.driver.send(self.to_driver[:READ])]
        except BlockingIOError:
            if len(self.to_driver) > TO_DRIVER:
                self.disconnect()
        except OSError:
            self.disconnect()

    def serve_driver(self, driver: socket) -> None:
        """Write buffered lines and read commands; only complete lines are forwarded."""
        self.flush_driver()
        if self.driver is None or len(self.to_engine) >= TO_ENGINE:
            return
        try:
            data = driver.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(self.partial) > TO_ENGINE:
            self.disconnect()
            return
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            self.to_engine += self.partial + whole + newline
            self.partial.clear()
        self.partial += rest
        self.flush_engine()

    def flush_engine(self) -> None:
        """Write as much as ExaBGP reads."""
        try:
            while self.to_engine:
                del self.to_engine[: os.write(self.sink, self.to_engine[:READ])]
        except BlockingIOError:
            return


if __name__ == "__main__":
    Relay(sys.argv[1], 0, 1).run()
