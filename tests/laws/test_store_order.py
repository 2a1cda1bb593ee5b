"""However lists, watches and the answers to writes interleave, a store ends with what the server has.

And on the way it never goes back: what it shows of an object is never older than what it showed before, and what is
deleted stays away.
"""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exalb.kube.store import Store
from exalb.model.kinds import NAMESPACE

NAMES = st.sampled_from(["a", "b"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), NAMES),
        st.tuples(st.just("delete"), NAMES),
        st.tuples(st.just("deliver"), st.integers(1, 3)),
        st.tuples(st.just("ask"), st.none()),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.just("answer"), st.integers(0, 5)),
        st.tuples(st.just("late"), st.integers(0, 5)),
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
    """The input of the store: a watch that lags, lists, and old events."""

    def __init__(self, server: Server) -> None:
        self.server, self.store = server, Store([NAMESPACE])
        self.delivered = 0
        self.listed = 0
        self.asked: tuple[int, dict[str, int]] | None = None
        self.ask()
        self.take()

    def ask(self) -> None:
        """Let the server make a list, which is then on its way."""
        self.listing = self.store.listing(NAMESPACE)
        self.asked = self.server.version, dict(self.server.objects)

    def take(self) -> None:
        """Receive the list, if one is on its way; a watch that is behind it goes on from there."""
        if self.asked is None:
            return
        version, objects = self.asked
        self.asked = None
        self.listing.add([raw(name, at) for name, at in objects.items()], version)
        self.listing.finish()
        self.listed = version
        self.delivered = max(self.delivered, sum(1 for event in self.server.events if event[2] <= version))

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
            self.store.update_if_present(NAMESPACE, raw(*written[index]))

    def late(self, index: int) -> None:
        """Hand over an event from before the last list, as from a queue in another thread."""
        before = [event for event in self.server.events if event[2] <= self.listed]
        if index < len(before):
            happened, name, version = before[index]
            take = self.store.put if happened == "set" else self.store.remove
            take(NAMESPACE, raw(name, version))

    def shown(self) -> dict[str, int]:
        """Return the version of each object in the store."""
        return {name: int(namespace.labels["version"]) for name, namespace in self.store.snapshot().namespaces.items()}


def raw(name: str, version: int) -> dict[str, object]:
    return {"metadata": {"name": name, "resourceVersion": str(version), "labels": {"version": str(version)}}}


@settings(max_examples=500)
@given(STEPS)
@example([("set", "a"), ("ask", None), ("delete", "a"), ("deliver", 2), ("take", None)])
@example([("set", "a"), ("deliver", 1), ("delete", "a"), ("deliver", 1), ("answer", 0)])
@example([("set", "a"), ("delete", "a"), ("ask", None), ("take", None), ("late", 0)])
def test_store_converges_to_the_server(steps: list[tuple[str, object]]) -> None:
    server = Server()
    feed = Feed(server)
    for step, argument in steps:
        before = feed.shown()
        do(server, feed, step, argument)
        after = feed.shown()
        assert all(after[name] >= version for name, version in before.items() if name in after)
        assert step in ("deliver", "take") or not after.keys() - before.keys(), "a deleted object is back"
    feed.deliver(len(server.events))
    assert feed.shown() == server.objects


@given(STEPS)
def test_snapshots_share_unchanged_objects(steps: list[tuple[str, object]]) -> None:
    server = Server()
    feed = Feed(server)
    for step, argument in steps:
        before, shown = feed.store.snapshot().namespaces, feed.shown()
        do(server, feed, step, argument)
        after = feed.store.snapshot().namespaces
        assert after is not before or feed.shown() == shown
        assert all(after[name] is old for name, old in before.items() if after.get(name) == old)


def do(server: Server, feed: Feed, step: str, argument: object) -> None:
    """Take one step."""
    method = getattr(server if step in ("set", "delete") else feed, step)
    method() if argument is None else method(argument)
