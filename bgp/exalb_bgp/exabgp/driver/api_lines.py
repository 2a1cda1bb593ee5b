"""The lines of ExaBGP's API: renders steps as commands, parses JSON as events (encoder json of ExaBGP 5.0)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from exalb_bgp import events
from exalb_bgp.exabgp.driver.api_attributes import MALFORMED_ERRORS, number, shown, text
from exalb_bgp.exabgp.driver.prefix_texts import PrefixTexts
from exalb_bgp.exabgp.driver.resumption import Counters
from exalb_bgp.exabgp.interface import NEIGHBOR
from exalb_bgp.rib import Address, Attributes, Prefix, without_zone
from exalb_bgp.session import Family, State
from exalb_bgp.steps import Announce, EndOfRib, ResendAll, ResetSession, Step, Withdraw

EVENT = '{ "exabgp"'
"""The prefix of lines with an event; all other lines answer a command."""
COUNTERS = '{"run"'
"""The beginning of the answer with the counters, which no other answer has."""
_STATES = {state.value.upper(): state for state in State} | {"IDLE": State.ACTIVE}
"""ExaBGP waits in Idle for its TCP connection; RFC 4271 §8.2.2 calls that Active."""
_CAUSES = {
    "closing connection": events.CloseCause.LOST,
    "connection to ": events.CloseCause.LOST,
    "notification ": events.CloseCause.NOTIFICATION,
    "graceful restarted negotiated": events.CloseCause.LOCAL,
    "stop, message": events.CloseCause.REMOVED,
    "closing outgoing connection": events.CloseCause.REPLACED,
    "connection received before": events.CloseCause.REPLACED,
}
"""Prefixes of the reasons of ExaBGP, which gives none after an internal error."""
_TEXTS = PrefixTexts()
_FAMILIES = {f"{family.value} unicast": family for family in Family}


def commands(steps: Iterable[Step]) -> Iterator[tuple[str, Sequence[Step]]]:
    """Yield commands, each with its steps; equal announcements to several peers share one command.

    Announcements come last, as they do among the steps of each peer.
    """
    alike: dict[str, list[Step]] = {}
    for step in steps:
        if isinstance(step, Announce):
            alike.setdefault(_words(step), []).append(step)
        else:
            yield command(step), (step,)
    for words, together in alike.items():
        yield f"{' , '.join(map(_neighbor, together))} {words}", together


def command(step: Step) -> str:
    """Return the command for a step, without the end of line. Only numbers and addresses come from the step."""
    return f"{_neighbor(step)} {_words(step)}"


def _neighbor(step: Step) -> str:
    return f"{NEIGHBOR}{without_zone(step.session.peer_address)}"


def _words(step: Step) -> str:
    match step:
        case Announce():
            return f"announce attributes {_attributes(step)} nlri {_TEXTS.join(step.prefixes)}"
        case Withdraw():
            return f"withdraw attributes nlri {_TEXTS.join(step.prefixes)}"
        case EndOfRib():
            return f"announce eor {step.family.value} unicast"
        case ResendAll():
            return "flush adj-rib out"
        case ResetSession():
            return f"teardown {step.subcode}"


def _attributes(step: Announce) -> str:
    """Write every attribute explicitly, so that ExaBGP later shows the requested ones.

    Exception: a path of only the local AS, which ExaBGP makes itself and need not copy.
    """
    attributes, session = step.attributes, step.session
    words = [f"next-hop {attributes.next_hop}"]
    if attributes.as_path_prepend > 1:
        path = [str(session.local_asn)] * attributes.as_path_prepend
        words.append(f"as-path [ {' '.join(path)} ]")
    if attributes.med is not None:
        words.append(f"med {attributes.med}")
    if attributes.local_pref is not None:
        words.append(f"local-preference {attributes.local_pref}")
    lists = {
        "community": attributes.communities,
        "large-community": attributes.large_communities,
        "extended-community": attributes.extended_communities,
    }
    words += [f"{name} [ {' '.join(map(str, values))} ]" for name, values in lists.items() if values]
    return " ".join(words)


def event(line: str) -> events.Event | None:
    """Return the event of a line, or None for an event that the driver does not use.

    Raises ValueError for a malformed line.
    """
    try:
        message = json.loads(line)
        body = message.get("neighbor")
        return None if body is None else _event(message["type"], body)
    except MALFORMED_ERRORS as error:
        raise ValueError("malformed event from ExaBGP") from error


def _event(kind: str, body: Mapping[str, Any]) -> events.Event | None:
    peer = without_zone(ip_address(body["address"]["peer"]))
    match kind:
        case "state":
            return _state(peer, body)
        case "fsm":
            return events.StateChanged(peer, _STATES[body["state"]])
        case "negotiated":
            return _negotiated(peer, body)
        case "open":
            return events.OpenReceived(peer, graceful_restart=64 in _capabilities(_octets(body["message"]["body"])))
        case "notification":
            return _notification(peer, body)
        case "update" if body["direction"] == "send":
            return _update(peer, body["message"])
    return None


def _known(names: Iterable[str]) -> frozenset[Family]:
    return frozenset(_FAMILIES[name] for name in names if name in _FAMILIES)


def _state(peer: Address, body: Mapping[str, Any]) -> events.Event | None:
    if body["state"] == "up":
        return events.Established(peer)
    return events.Closed(peer, _cause(text(body["reason"]))) if body["state"] == "down" else None


def _cause(reason: str) -> events.CloseCause:
    return next(
        (cause for beginning, cause in _CAUSES.items() if reason.startswith(beginning)), events.CloseCause.ENGINE
    )


def _negotiated(peer: Address, body: Mapping[str, Any]) -> events.Negotiated:
    agreed = body["negotiated"]
    return events.Negotiated(
        peer,
        local_address=ip_address(body["address"]["local"]),
        families=_known(agreed["families"]),
        extended_next_hop="ipv4 unicast ipv6" in agreed["nexthop"],
    )


def _notification(peer: Address, body: Mapping[str, Any]) -> events.NotificationSeen:
    """Read a NOTIFICATION: a sent one is parsed already, a received one is octets."""
    if "notification" in body:
        sent = body["notification"]
        return events.NotificationSeen(peer, True, number(sent["code"]), number(sent["subcode"]), _octets(sent["data"]))
    octets = _octets(body["message"]["body"])
    return events.NotificationSeen(peer, False, octets[0], octets[1], octets[2:])


def _octets(digits: str) -> bytes:
    return bytes.fromhex(digits.removeprefix("0x"))


def _capabilities(body: bytes) -> set[int]:
    """Return the codes of the capabilities in the body of an OPEN (RFC 5492 §4, extended length by RFC 9072)."""
    extended = body[9:11] == b"\xff\xff"
    rest, head = (body[13:], 3) if extended else (body[10:], 2)
    codes: set[int] = set()
    while len(rest) >= head:
        length = int.from_bytes(rest[1:head])
        value, kind, rest = rest[head : head + length], rest[0], rest[head + length :]
        while kind == 2 and len(value) >= 2:
            codes.add(value[0])
            value = value[2 + value[1] :]
    return codes


def _update(peer: Address, message: Mapping[str, Any]) -> events.Event | None:
    if "eor" in message:
        family = _FAMILIES.get(f"{message['eor']['afi']} {message['eor']['safi']}")
        return None if family is None else events.EndOfRibSent(peer, family)
    update = message["update"]
    attributes = update.get("attribute", {})
    announced = tuple(
        (shown(attributes, ip_address(hop)), _prefixes(entry["nlri"] for entry in nlri))
        for family, hops in update.get("announce", {}).items()
        if family in _FAMILIES
        for hop, nlri in hops.items()
    )
    withdrawn = _prefixes(
        entry["nlri"] for family, nlri in update.get("withdraw", {}).items() if family in _FAMILIES for entry in nlri
    )
    return events.UpdateSent(peer, announced, withdrawn)


def _prefixes(texts: Iterable[str]) -> tuple[Prefix, ...]:
    return tuple([_TEXTS.read(text(prefix)) for prefix in texts])


def snapshots(line: str) -> list[events.Snapshot]:
    """Read the answer to `show neighbor json`; raises ValueError as `event` does."""
    try:
        return [_snapshot(entry) for entry in json.loads(line)]
    except MALFORMED_ERRORS as error:
        raise ValueError("malformed neighbors from ExaBGP") from error


def counters(line: str) -> Counters:
    """Read the answer to the question for the counters; raises ValueError as `event` does."""
    try:
        values = json.loads(line)
        return Counters(text(values["run"]), number(values["events"]), number(values["commands"]))
    except MALFORMED_ERRORS as error:
        raise ValueError("malformed counters from ExaBGP") from error


def _snapshot(entry: Mapping[str, Any]) -> events.Snapshot:
    local = entry["local"]["address"]
    return events.Snapshot(
        peer=without_zone(ip_address(entry["peer"]["address"])),
        state=_STATES[entry["fsm"]],
        local_address=None if local == "None" else ip_address(local),
        families=_known(entry["families"]),
        graceful_restart=bool(entry["peer"]["capabilities"]["graceful-restart"]),
        extended_next_hop="ipv4 unicast ipv6" in (entry["peer"]["capabilities"].get("nexthop") or ()),
        completed=_known(entry["messages"]["sent"].get("end-of-rib") or ()),
        lasted=timedelta(seconds=entry["duration"] if entry["state"] == "up" else 0),
    )


def tables(lines: Iterable[str]) -> dict[Address, dict[Prefix, Attributes]]:
    """Read the routes that ExaBGP holds for each peer: the answer to `show adj-rib out json` in its second format.

    Raises ValueError as `event` does.
    """
    held: dict[Address, dict[Prefix, Attributes]] = {}
    try:
        for line in lines:
            entry = json.loads(line)
            nlri = entry["route"]["nlri"]
            attributes = shown(entry["route"]["attributes"], ip_address(nlri["nexthop"]))
            held.setdefault(without_zone(ip_address(entry["peer"]["address"])), {})[ip_network(nlri["prefix"])] = (
                attributes
            )
    except MALFORMED_ERRORS as error:
        raise ValueError("malformed route from ExaBGP") from error
    return held
