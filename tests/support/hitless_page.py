"""The page about events, made from a run: docs/hitless.json has it, with every figure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.support.tree import ROOT

PAGE, RUN = ROOT / "docs" / "hitless.md", ROOT / "docs" / "hitless.json"
ROUTERS = {"frr": "FRR", "bird": "BIRD"}
COLUMNS = {(True, True): "GR, BFD", (True, False): "GR", (False, True): "BFD", (False, False): "neither"}
"""Graceful restart and BFD of the sessions."""
POLICIES = ("Local", "Cluster")
CONTROLS = ("nothing", "rules")
"""The events in which no route moves."""
MEANING = """\
- Each event happened once, to one of two nodes, with eight routers at the same time: all figures of an event are of the
  same moment. Each router asked the Services itself, with the port chosen before the path, so that all packets of a
  connection take one path, as those of a host behind the router do
  ([why](routers/README.md#what-holds-for-every-router)).
- A cell is **lost / broken / gap / left**: requests of those asked that had no answer within a second, and how many of
  these failed at once; long connections that ended; milliseconds from the first to the last lost request; milliseconds
  from the beginning of the event until the router's kernel no longer forwarded to the node, `-` if it always did.
- A request whose connection was open when the router moved it to another node has no answer, or fails at once where
  that node resets it. The aims count these apart from requests whose first packet had no answer. Requests also fail at
  once where the router has no route.
- Each Service has 10 requests a second on new connections, and 8 long connections with a request a second.
- The hold time is 3 s, with BFD 9 s. BFD ends after 3 packets of 300 ms. The restart time of GR is 30 s.
- With policy Local, a pod is on each node; with Cluster on the other node alone, so that no pod is lost with the node.
- **load** is the load average of the machine over a minute, before and after. Above the number of processors, programs
  waited for one: times are longer then.{controls}"""
UNMOVED = " The first two events move no route: they show what is lost without any."
LIMITS = """\
- A connection whose next hop changes is reset by the next node, or goes on where that leads to the same pod. Routers
  that hash by threshold, as Linux does, move a part of the connections of the other nodes too. No order of BGP messages
  saves them; [resilient hashing](routers/README.md) does.
- A router that restarts here removes its routes from the kernel at its end, and forwards nothing until it has them
  again. BIRD with graceful restart can keep them.
- A speaker that restarts while the API server is away has no objects. If ExaBGP of its node ends after that, the node
  announces nothing until the server is back.
- MetalLB's figures are of an earlier day, on such a machine, with 200 requests a second and FRR alone."""


def render(run: Mapping[str, Any]) -> str:
    """Return the whole page."""
    return "\n".join(_lines(run))


def _lines(run: Mapping[str, Any]) -> Iterator[str]:
    yield "# Events, and what they cost\n"
    yield "`make hitless` measures it on your machine, and writes this page from `docs/hitless.json`."
    yield "\n## The machine\n\n| | |\n|---|---|"
    yield from (f"| {name} | {value} |" for name, value in run["machine"].items())
    names = [event["event"] for event in run["events"]]
    yield f"\n## What the figures mean\n\n{MEANING.format(controls=_controls(names))}"
    yield "\n## Aims\n\n| aim | measured |\n|---|---|"
    yield from (f"| {aim} | {measured} |" for aim, measured in _aims(run["events"]))
    for router, title in ROUTERS.items():
        yield f"\n## {title}\n"
        headings = ("event", "policy", *COLUMNS.values(), "load")
        yield f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}"
        for event in run["events"]:
            yield from _rows(event, router)
    yield "\n## MetalLB 0.16.1\n\n| event | figures |\n|---|---|"
    yield from (f"| {event['text']} | {event['metallb']} |" for event in run["events"] if event["metallb"])
    yield f"\n## Limits\n\n{LIMITS}\n"


def _controls(names: Sequence[str]) -> str:
    return UNMOVED if tuple(names[: len(CONTROLS)]) == CONTROLS else ""


def _aims(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    yield "no request lost in a planned event", _lost(event for event in events if event["planned"])
    yield "none without an event", _lost(event for event in events if event["event"] in CONTROLS)
    off = [each for event in events if event["event"] == "power-off" for each in event["results"]]
    for bfd, aim in ((True, "power-off with BFD: node left within 1,200 ms"), (False, "with hold time 3 s: 4,000 ms")):
        left = [each["left"] for each in off if each["bfd"] is bfd]
        yield aim, f"{min(left):,} to {max(left):,} ms" if left and None not in left else "not measured"


def _lost(events: Iterable[Mapping[str, Any]]) -> str:
    results = [each for event in events for each in event["results"]]
    asked, lost, opened = (sum(each[part] for each in results) for part in ("asked", "lost", "open"))
    return f"{lost - opened} of {asked:,}, and {opened} more whose connection was open"


def _rows(event: Mapping[str, Any], router: str) -> Iterator[str]:
    load = " → ".join(str(value) for value in event["load"])
    text = event["text"] + (" (planned)" if event["planned"] else "")
    for policy in POLICIES:
        found = {
            (each["graceful"], each["bfd"]): each
            for each in event["results"]
            if (each["router"], each["policy"]) == (router, policy)
        }
        cells = [text, policy, *(_cell(found[column]) for column in COLUMNS), load]
        yield f"| {' | '.join(cells)} |"


def _cell(result: Mapping[str, Any]) -> str:
    left = "-" if result["left"] is None else f"{result['left']:,}"
    lost, broken = (
        f"{result[part]} of {result[whole]}" for part, whole in (("lost", "asked"), ("broken", "connections"))
    )
    if result["failed"]:
        lost += f" ({result['failed']} failed)"
    return f"{lost} / {broken} / {result['gap']:,} / {left}"
