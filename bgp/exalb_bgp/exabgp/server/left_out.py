"""Imports ExaBGP without modules that it imports and that nothing here uses: 4 MB less on each node.

It uses asyncio for the turns of its commands, which have no event loop here (`PatchedAsync`), and pdb to debug
its parser.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

_UNUSED = ("asyncio", "pdb")


def import_exabgp() -> None:
    """Import the parts of ExaBGP that import these modules."""
    with _left_out(_UNUSED):
        import_module("exabgp.reactor.loop")


@contextmanager
def _left_out(names: tuple[str, ...]) -> Iterator[None]:
    """Within the context, an import of one of these gives an empty module, unless it is there already."""
    placeholders = {name: ModuleType(name) for name in names if name not in sys.modules}
    sys.modules.update(placeholders)
    try:
        yield
    finally:
        for name in placeholders:
            del sys.modules[name]
