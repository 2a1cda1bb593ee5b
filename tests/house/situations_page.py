"""The page docs/situations.md, made from the broken situations that tests stage."""

from collections.abc import Iterator

from exalb.explain.subject import explain
from tests.support.lan_situations import LAN_CASES, LAN_TITLES
from tests.support.observing import observed
from tests.support.session_faults import FAULTS, PAGE, SAID, SEEN, Fault
from tests.support.situation_titles import TITLES, Title
from tests.support.situations import CASES, Case
from tests.support.surfaces import surfaces
from tests.support.unexplained import ROUTER_FILTERS, UNREADABLE

HEAD = """\
<!-- Written by `make docs`. Edit the situations in tests/support instead. -->
# Broken situations, and what ExaLB says

Tests stage each of these, and assert that `kubectl exalb explain` and the [web page](reference/README.md), asked about
the object, name this reason and this next step. The third column has the other places with the same
[reason](reference/reasons.md): conditions, events, metrics, and the parts of the page that are shown before anybody
asks. A Service that no node announces says so itself, as `NotAnnounced`: condition `exalb.io/Announced`, event, metric
`exalb_services_not_announced`, page. The last column is MetalLB 0.16.1 in the same situation: `measured` was seen on a
real cluster, the rest was read in its source.

## In the objects

| situation | `explain` says | also in | next step | MetalLB |
|---|---|---|---|---|
"""
LAN_HEAD = """\

## On the LAN (L2)

| situation | `explain` says | also in | next step | MetalLB |
|---|---|---|---|---|
"""
FAULTS_HEAD = """\

## Between a node and its router

Tests stage these with ExaBGP and a real FRR. The message of `explain` is the session's `lastError` in the BGPSpeaker.
The third column has the places with the same reason; in bold are those that have the message, too.

| situation | `explain` says | also in | next step, in short | MetalLB |
|---|---|---|---|---|
"""
UNREADABLE_HEAD = """\

## The cluster cannot be read

Every command ends with exit code 2 and one sentence. Tests stage these with an API server that answers from memory.

| situation | the sentence has |
|---|---|
"""
UNBROKEN = f"""\

## No part of ExaLB is broken

BGP does not say whether a router accepted a route. A test stages a route map of a real FRR that denies all routes:
`explain` has no broken step, and its last one says: … {ROUTER_FILTERS} …

A nameserver that does not answer delays no session: a test counts the queries of the BGP engine, and there are none.
"""


def situations() -> str:
    """Return the page."""
    rows = [row for case in CASES if case.id in TITLES for row in _row(case, TITLES[case.id])]
    lan = [row for case in LAN_CASES if case.id in LAN_TITLES for row in _row(case, LAN_TITLES[case.id])]
    faults = [
        f"| {fault.title} | `{fault.reason.value}`: … {fault.says} … | {_places(fault)} | {fault.next}"
        f" | {fault.metallb} |"
        for fault in FAULTS.values()
    ]
    unreadable = [f"| {case.title} | … {case.says} … |" for case in UNREADABLE.values()]
    parts = [(HEAD, rows), (LAN_HEAD, lan), (FAULTS_HEAD, faults), (UNREADABLE_HEAD, unreadable)]
    return "\n".join([*(head + "\n".join(lines) for head, lines in parts), UNBROKEN])


def _row(case: Case, title: Title) -> Iterator[str]:
    seen = observed(*case.objects, leader=case.leader)
    first = explain(seen, case.subject, "default").first_broken
    if first is None or first.reason is None:
        raise ValueError(f"nothing is broken in {case.id}")
    also = ", ".join(map(_code, sorted(surfaces(seen, first.reason.value)))) or "-"
    yield f"| {title.text} | `{first.reason.value}` ({first.hop}) | {also} | {first.next} | {title.metallb} |"


def _places(fault: Fault) -> str:
    said = SAID[fault.reason] | {"page Sessions"}
    places = sorted(SEEN[fault.reason] | SAID[fault.reason] | PAGE)
    return ", ".join(f"**{_code(place)}**" if place in said else _code(place) for place in places)


def _code(surface: str) -> str:
    kind, _, name = surface.partition(" ")
    return f"{kind} `{name}`" if kind in ("condition", "metric") else surface
