"""However lists, watches and the answers to writes interleave, a store ends with what the server has.

And on the way it never goes back: what it shows of an object is never older than what it showed before, and what is
deleted stays away.
"""

from hypothesis import given
from hypothesis import strategies as st

from exalb.kinds import NAMESPACE
from exalb.store import Store

NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), NAMES),
        st.tuples(st.just("delete"), NAMES),
        st.tuples(st.just("deliver"), st.integers(1, 3)),
        st.tuples(st.just("list"), st.none()),
        st.tuples(st.just("answer"), st.integers(0, 30)),
        st.tuples(st.just("late"), st.integers(0, 30)),
    ),
    max_size=40,
)


class Server:
    """An API server of one kind: what is there, and all that happened."""

    def __init__(self) -> None:
        self.version = 1
        self.objects: dict[str, int] = {}
        self.events: list[tuple[str, str, int]] = []

    def set(self, name: str) -> None:
        """Make or change an object."""
        self.version += 1
        self.events.append(("set", name, self.version))
        self.objects[name] = self.version

    def delete(self, name: str) -> None:
        """Delete an object that is there."""
        if name in self.objects:
            self.version += 1
            self.events.append(("delete", name, self.version))
            del self.objects[name]


class Feed:
    """What reaches the store: a watch that lags, lists, and news of the past."""

    def __init__(self, server: Server) -> None:
        self.server, self.store = server, Store([NAMESPACE])
        self.delivered = 0
        self.listed = 0
        self.list()

    def list(self) -> None:
        """Break the watch, and list anew."""
        listing = self.store.listing(NAMESPACE, self.server.version)
        listing.add([raw(name, version) for name, version in self.server.objects.items()])
        listing.finish()
        self.delivered = len(self.server.events)
        self.listed = self.server.version

    def deliver(self, number: int) -> None:
        """Let the watch go on a little."""
        for happened, name, version in self.server.events[self.delivered : self.delivered + number]:
            take = self.store.put if happened == "set" else self.store.remove
            take(NAMESPACE, raw(name, version))
            self.delivered += 1

    def answer(self, index: int) -> None:
        """Hand over the answer to a write of any time: the object as that write left it."""
        written = [(name, version) for happened, name, version in self.server.events if happened == "set"]
        if index < len(written):
            self.store.fold(NAMESPACE, raw(*written[index]))

    def late(self, index: int) -> None:
        """Hand over an event from before the last list, as from a queue in another thread."""
        before = [event for event in self.server.events if event[2] <= self.listed]
        if index < len(before):
            happened, name, version = before[index]
            take = self.store.put if happened == "set" else self.store.remove
            take(NAMESPACE, raw(name, version))

    def shown(self) -> dict[str, int]:
        """Return what the store shows: of each object the version."""
        return {name: int(one.labels["version"]) for name, one in self.store.snapshot().namespaces.items()}


def raw(name: str, version: int) -> dict[str, object]:
    return {"metadata": {"name": name, "resourceVersion": str(version), "labels": {"version": str(version)}}}


@given(STEPS)
def test_a_store_ends_with_what_the_server_has(steps: list[tuple[str, object]]) -> None:
    server = Server()
    feed = Feed(server)
    for step, what in steps:
        before = feed.shown()
        actor = server if step in ("set", "delete") else feed
        method = getattr(actor, step)
        method() if what is None else method(what)
        after = feed.shown()
        assert all(after[name] >= version for name, version in before.items() if name in after)
        reborn = after.keys() - before.keys()
        assert all(after[name] in {version for _, _, version in server.events} for name in reborn)
        assert not reborn or step in ("deliver", "list")
    feed.deliver(len(server.events))
    assert feed.shown() == server.objects


@given(STEPS)
def test_a_picture_is_shared_until_something_changes(steps: list[tuple[str, object]]) -> None:
    server = Server()
    feed = Feed(server)
    for step, what in steps:
        before, shown = feed.store.snapshot(), feed.shown()
        actor = server if step in ("set", "delete") else feed
        method = getattr(actor, step)
        method() if what is None else method(what)
        after = feed.store.snapshot()
        assert (after.namespaces is before.namespaces) == (feed.shown() == shown)
        assert all(
            after.namespaces[name] is one
            for name, one in before.namespaces.items()
            if after.namespaces.get(name) == one
        )
