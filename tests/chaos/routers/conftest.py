"""What a walk takes place in: the routers of the router stories, in a lab of this module's own."""

from tests.router.conftest import built, lab, possible, world

__all__ = ["built", "lab", "possible", "world"]
