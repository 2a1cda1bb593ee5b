"""ExaBGP's API, line by line: steps to commands, its JSON to events (encoder json of ExaBGP 5.0)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from exalb_bgp import events
from exalb_bgp.engine import bare
from exalb_bgp.exabgp.settings import NEIGHBOR
from exalb_bgp.exabgp.shown import STRANGE, number, shown, text
from exalb_bgp.rib import Address, Attributes, Prefix
from exalb_bgp.session import Family, State
from exalb_bgp.steps import Announce, EndOfRib, Replay, Restart, Step, Withdraw

EVENT = '{ "exabgp"'
"""How a line begins that tells an event; all other lines answer a command."""
DONE, ERROR = "done", "error"
_STATES = {state.value.upper(): state for state in State}
_FAMILIES = {f"{family.value} unicast": family for family in Family}


def commands(steps: Iterable[Step]) -> Iterator[tuple[str, Sequence[Step]]]:
    """Yield commands, each with the steps that it takes: what several peers are to be told alike is parsed once.

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
    return f"{NEIGHBOR}{bare(step.session.peer_address)}"


def _words(step: Step) -> str:
    match step:
        case Announce():
            return f"announce attributes {_attributes(step)} nlri {_nlri(step.prefixes)}"
        case Withdraw():
            return f"withdraw attributes nlri {_nlri(step.prefixes)}"
        case EndOfRib():
            return f"announce eor {step.family.value} unicast"
        case Replay():
            return "flush adj-rib out"
        case Restart():
            return "teardown 6"


def _nlri(prefixes: Iterable[Prefix]) -> str:
    return " ".join(map(str, prefixes))


def _attributes(step: Announce) -> str:
    """Spell every attribute out but a path of the local AS alone, which ExaBGP makes itself and need not copy.

    What it shows later is then what was asked for.
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
    """Return the event that a line tells, or None where it tells nothing of use.

    Raises ValueError for a line that is not of ExaBGP's making.
    """
    try:
        message = json.loads(line)
        body = message.get("neighbor")
        return None if body is None else _event(message["type"], body)
    except STRANGE as error:
        raise ValueError("a line that is no event of ExaBGP") from error


def _event(kind: str, body: Mapping[str, Any]) -> events.Event | None:
    peer = bare(ip_address(body["address"]["peer"]))
    match kind:
        case "state":
            return _state(peer, body)
        case "fsm":
            return events.Entered(peer, _STATES[body["state"]])
        case "negotiated":
            return _negotiated(peer, body)
        case "open":
            return events.Opened(peer, graceful_restart=64 in _capabilities(_octets(body["message"]["body"])))
        case "notification":
            return _notification(peer, body)
        case "update" if body["direction"] == "send":
            return _update(peer, body["message"])
    return None


def _known(told: Iterable[str]) -> frozenset[Family]:
    return frozenset(_FAMILIES[name] for name in told if name in _FAMILIES)


def _state(peer: Address, body: Mapping[str, Any]) -> events.Event | None:
    if body["state"] == "up":
        return events.Established(peer)
    return events.Closed(peer, text(body["reason"])) if body["state"] == "down" else None


def _negotiated(peer: Address, body: Mapping[str, Any]) -> events.Negotiated:
    agreed = body["negotiated"]
    return events.Negotiated(
        peer,
        local_address=ip_address(body["address"]["local"]),
        families=_known(agreed["families"]),
        extended_next_hop="ipv4 unicast ipv6" in agreed["nexthop"],
    )


def _notification(peer: Address, body: Mapping[str, Any]) -> events.Notified:
    """Read a NOTIFICATION: one that was sent comes parsed, a received one as its octets."""
    if "notification" in body:
        told = body["notification"]
        return events.Notified(peer, True, number(told["code"]), number(told["subcode"]), _octets(told["data"]))
    octets = _octets(body["message"]["body"])
    return events.Notified(peer, False, octets[0], octets[1], octets[2:])


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
        return None if family is None else events.Completed(peer, family)
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
    return events.Updated(peer, announced, withdrawn)


def _prefixes(told: Iterable[str]) -> tuple[Prefix, ...]:
    return tuple(ip_network(text(prefix)) for prefix in told)


def snapshots(line: str) -> list[events.Snapshot]:
    """Read the answer to `show neighbor json`; raises ValueError as `event` does."""
    try:
        return [_snapshot(entry) for entry in json.loads(line)]
    except STRANGE as error:
        raise ValueError("a line that shows no neighbors of ExaBGP") from error


def counts(line: str) -> tuple[int, int] | None:
    """Read from the answer to `show neighbor json` how many events were told, how many commands taken.

    None without neighbors. Raises ValueError as `event` does.
    """
    try:
        messages = (entry["messages"] for entry in json.loads(line))
        return next(((number(one["sent"]["event"]), number(one["received"]["command"])) for one in messages), None)
    except STRANGE as error:
        raise ValueError("a line that shows no neighbors of ExaBGP") from error


def _snapshot(entry: Mapping[str, Any]) -> events.Snapshot:
    local = entry["local"]["address"]
    return events.Snapshot(
        peer=bare(ip_address(entry["peer"]["address"])),
        state=_STATES[entry["fsm"]],
        local_address=None if local == "None" else ip_address(local),
        families=_known(entry["families"]),
        graceful_restart=bool(entry["peer"]["capabilities"]["graceful-restart"]),
        extended_next_hop="ipv4 unicast ipv6" in (entry["peer"]["capabilities"].get("nexthop") or ()),
        completed=_known(entry["messages"]["sent"].get("end-of-rib") or ()),
        lasted=timedelta(seconds=entry["duration"] if entry["state"] == "up" else 0),
    )


def tables(lines: Iterable[str]) -> dict[Address, dict[Prefix, Attributes]]:
    """Read what ExaBGP holds for each peer: the answer to `show adj-rib out json` in its second format.

    Raises ValueError as `event` does.
    """
    held: dict[Address, dict[Prefix, Attributes]] = {}
    try:
        for line in lines:
            entry = json.loads(line)
            nlri = entry["route"]["nlri"]
            attributes = shown(entry["route"]["attributes"], ip_address(nlri["nexthop"]))
            held.setdefault(bare(ip_address(entry["peer"]["address"])), {})[ip_network(nlri["prefix"])] = attributes
    except STRANGE as error:
        raise ValueError("a line that shows no route of ExaBGP") from error
    return held
