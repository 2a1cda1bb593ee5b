"""One object for equal values: thousands of objects of a cluster have the same ports, texts and keys in them. Pure.

Each table is small, because equal values come close together; what it forgets is only another object.
"""

from functools import lru_cache

from exalb.model.cluster import Key
from exalb.model.ports import EndpointPort, Port


@lru_cache(maxsize=1024)
def shared_text(value: str) -> str:
    """Return a text that many objects have: a reason, a time, a namespace, the name of a node."""
    return value


@lru_cache(maxsize=512)
def shared_key(namespace: str, name: str) -> Key:
    """Return a key, which is made several times in a row: for the store, the object, and what belongs to it."""
    return Key(shared_text(namespace), name)


@lru_cache(maxsize=256)
def shared_ports(ports: frozenset[Port]) -> frozenset[Port]:
    """Return the ports of a Service."""
    return ports


@lru_cache(maxsize=256)
def shared_endpoint_ports(ports: frozenset[EndpointPort]) -> frozenset[EndpointPort]:
    """Return the ports by which a Service finds its endpoints."""
    return ports
