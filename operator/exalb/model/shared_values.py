"""One object for equal values: thousands of objects of a cluster have the same ports, texts and keys in them. Pure.

Each table is small: equal values come close together, and what a table keeps after its objects are gone keeps whole
arenas of the allocator from the kernel. What it forgets is only another object.
"""

from functools import lru_cache

from exalb.model.cluster import Key
from exalb.model.ports import EndpointPort, Port


@lru_cache(maxsize=64)
def shared_text(value: str) -> str:
    """Return a text that many objects have: a reason, a time, a namespace, the name of a node."""
    return value


@lru_cache(maxsize=8)
def shared_key(namespace: str, name: str) -> Key:
    """Return a key, which is made several times in a row: for the store, the object, and what belongs to it."""
    return Key(shared_text(namespace), name)


@lru_cache(maxsize=32)
def shared_ports(ports: frozenset[Port]) -> frozenset[Port]:
    """Return the ports of a Service."""
    return ports


@lru_cache(maxsize=32)
def shared_endpoint_ports(ports: tuple[tuple[str, str], ...]) -> frozenset[EndpointPort]:
    """Return the ports by which a Service finds its endpoints; `ports` are their names and protocols."""
    return frozenset(EndpointPort(name, protocol) for name, protocol in ports)
