"""The program that a node's logind asks to power the machine off, as elsewhere systemd: it ends the node's init.

D-Bus starts it in the node when logind first asks for systemd. It answers no other question.
"""

import asyncio
import os
import signal

from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusObjectPath, DBusStr
from dbus_fast.constants import BusType, PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

NAME = "org.freedesktop.systemd1"
PATH = "/org/freedesktop/systemd1"
INIT = 1


class Manager(ServiceInterface):
    """The interface that starts units."""

    @dbus_method(name="StartUnit")
    def start_unit(self, _name: DBusStr, _mode: DBusStr) -> DBusObjectPath:
        """Power off: logind starts no other unit here."""
        os.kill(INIT, signal.SIGTERM)
        return f"{PATH}/job/1"


class Unit(ServiceInterface):
    """A unit, which logind looks at before it begins."""

    @dbus_property(PropertyAccess.READ, name="LoadState")
    def load_state(self) -> DBusStr:
        """Return whether the unit exists, in the words of systemd."""
        return "loaded"


async def main() -> None:
    """Answer until the node ends."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.export(PATH, Manager(f"{NAME}.Manager"))
    bus.export(f"{PATH}/unit/poweroff_2etarget", Unit(f"{NAME}.Unit"))
    await bus.request_name(NAME)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
