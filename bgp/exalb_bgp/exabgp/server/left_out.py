"""Imports ExaBGP without modules that it imports and that nothing here uses: 6 MB less on each node.

It uses asyncio for the turns of its commands, which have no event loop here (`PatchedAsync`), pdb and pprint to debug
its parser, pickle for logs that go to a socket, locale for text of other programs, ipaddress for BGP-LS and segment
routing, and the names of ports and of types of ICMP for FlowSpec.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import CoroutineType, FunctionType, GeneratorType, ModuleType


def _is_generator(callback: object) -> bool:
    return isinstance(callback, GeneratorType)


def _is_coroutine(callback: object) -> bool:
    return isinstance(callback, CoroutineType)


def _makes_coroutine(callback: object) -> bool:
    return isinstance(callback, FunctionType) and bool(callback.__code__.co_flags & 0x80)


class _Unused:
    """In the place of a class of such a module."""

    named = None


_UNUSED: Mapping[str, Mapping[str, object]] = {
    "asyncio": {},
    "pdb": {},
    "ipaddress": dict.fromkeys(("ip_address", "IPv4Address", "IPv6Address"), _Unused),
    "locale": {},
    "pickle": {},
    "pprint": {},
    # The three questions of it that ExaBGP asks about a command take the compiler of Python with them.
    "inspect": {
        "isgenerator": _is_generator,
        "iscoroutine": _is_coroutine,
        "iscoroutinefunction": _makes_coroutine,
    },
    "exabgp.protocol.ip.port": {"Port": _Unused},
    "exabgp.protocol.ip.icmp": {"ICMPType": _Unused, "ICMPCode": _Unused},
}
"""Each with what ExaBGP needs of it while it is imported, and of `inspect` later too."""


def import_exabgp() -> None:
    """Import the parts of ExaBGP that import these modules."""
    with _left_out(_UNUSED):
        import_module("exabgp.reactor.loop")


@contextmanager
def _left_out(modules: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """Within the context, an import of one of these gives a placeholder, unless it is there already."""
    placeholders = {name: ModuleType(name) for name in modules if name not in sys.modules}
    for name, placeholder in placeholders.items():
        vars(placeholder).update(modules[name])
    sys.modules.update(placeholders)
    try:
        yield
    finally:
        for name in placeholders:
            del sys.modules[name]
