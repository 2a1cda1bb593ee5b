"""The routers of the router stories, in a lab of their own, for a walk."""

from tests.support.routers.fixtures import built, lab, possible, world

__all__ = ["built", "lab", "possible", "world"]
