"""Every metric of the programs: its name, labels and meaning. No other place makes one.

docs/reference/metrics.md says of each what to do. A label has few values, which configuration or code bounds: peers,
pools, kinds and reasons, never a Service, an address or a text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from exalb.runtime.exposition import Family, Kind, Sample

Rows = Iterable[tuple[tuple[str, ...], float]]
"""Samples: the values of the labels, and the value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `name` is the full name, with the suffix of a counter."""

    name: str
    kind: Kind
    of: Literal["both", "controller", "speaker"]
    meaning: str
    labels: tuple[str, ...] = ()

    def family(self, rows: Rows) -> Family:
        """Return the metric with its samples; for values that are read at each scrape."""
        samples = [Sample(self.name, dict(zip(self.labels, values, strict=True)), value) for values, value in rows]
        return Family(self.name, self.kind, self.meaning, samples)

    def by_label(self, values: Mapping[str, float]) -> Family:
        """Return the metric with a sample for each value of its only label."""
        return self.family([((label,), value) for label, value in values.items()])

    def value(self, value: float) -> Family:
        """Return the metric with its only sample."""
        return self.family([((), value)])


def _gauge(name: str, of: Literal["both", "controller", "speaker"], meaning: str, *labels: str) -> Metric:
    return Metric(name, "gauge", of, meaning, labels)


def _counter(name: str, of: Literal["both", "controller", "speaker"], meaning: str, *labels: str) -> Metric:
    return Metric(name, "counter", of, meaning, labels)


BUILD_INFO = _gauge("exalb_build_info", "both", "The version of this program", "version")
RECONCILE_DURATION = Metric(
    "exalb_reconcile_duration_seconds", "histogram", "both", "Duration of one round of reconciliation"
)
RECONCILE_ERRORS = _counter("exalb_reconcile_errors_total", "both", "Rounds that an internal error ended")
STATUS_WRITES = _counter("exalb_status_writes_total", "both", "Writes of a status, by outcome", "kind", "outcome")
WATCH_AGE = _gauge("exalb_watch_age_seconds", "both", "Time since the API server last answered about the kind", "kind")

LEADER = _gauge("leader_election_master_status", "controller", "Whether this controller leads", "name")
SERVICES = _gauge(
    "exalb_services", "controller", "Services of ExaLB by state, and the reason of that", "state", "reason"
)
SERVICES_NOT_ANNOUNCED = _gauge(
    "exalb_services_not_announced", "controller", "Services with an address that no node announces"
)
RESOURCES = _gauge("exalb_resources", "controller", "Custom resources that people write", "kind")
RESOURCES_NOT_ACCEPTED = _gauge(
    "exalb_resources_not_accepted",
    "controller",
    "Custom resources that are not active, or only in part, by the reason",
    *("kind", "reason"),
)
POOL_CAPACITY = _gauge("exalb_pool_capacity", "controller", "Addresses of the pool", "pool", "family")
POOL_ASSIGNED = _gauge(
    "exalb_pool_assigned", "controller", "Addresses of the pool that Services have", "pool", "family"
)
SPEAKERS_SILENT = _gauge("exalb_speakers_silent", "controller", "Speakers that write no heartbeat")
EVENTS = _counter("exalb_events_total", "controller", "Events for the API server, by outcome", "outcome")

ENGINE_CONNECTED = _gauge("exalb_engine_connected", "speaker", "Whether ExaBGP answers")
ENGINE_CONNECTIONS = _counter("exalb_engine_connections_total", "speaker", "How often the speaker connected to ExaBGP")
DATA_PLANE = _gauge("exalb_data_plane_state", "speaker", "1 for the state of the node's data plane", "state")
DRAIN = _gauge("exalb_drain_state", "speaker", "1 for the state of the node's drain", "state")
DRAIN_HELD = _gauge("exalb_drain_prefixes_held", "speaker", "Prefixes that a drained node keeps, as no other has them")
DRAIN_NEWS = _counter(
    "exalb_drain_transitions_total", "speaker", "How often a drain began, held prefixes, withdrew or was undone", "to"
)
SESSION_INFO = _gauge(
    "exalb_bgp_session_info",
    "speaker",
    "The addresses and AS numbers of a session",
    *("peer", "peer_address", "peer_asn", "local_asn"),
)
SESSION_ESTABLISHED = _gauge("exalb_bgp_session_established", "speaker", "Whether the session is Established", "peer")
SESSION_TRANSITIONS = _counter(
    "exalb_bgp_session_transitions_total", "speaker", "How often the session came up or went down", "peer", "to"
)
UPDATES_SENT = _counter("exalb_bgp_updates_sent_total", "speaker", "UPDATE messages sent to the peer", "peer")
PREFIXES_WANTED = _gauge(
    "exalb_bgp_prefixes_wanted", "speaker", "Prefixes that should be announced to the peer", "peer"
)
PREFIXES_SENT = _gauge("exalb_bgp_prefixes_sent", "speaker", "Prefixes sent to the peer", "peer")
PREFIXES_WITHHELD = _gauge(
    "exalb_bgp_prefixes_withheld", "speaker", "Routes withheld from the peer, by the reason", "peer", "reason"
)
BFD_UP = _gauge("exalb_bfd_session_up", "speaker", "Whether the BFD session is Up", "peer")
BFD_TRANSITIONS = _counter(
    "exalb_bfd_session_transitions_total", "speaker", "How often the BFD session came up or went down", "peer", "to"
)
BFD_LATE = _counter("exalb_bfd_packets_late_total", "speaker", "BFD packets that the node sent too late", "peer")
BFD_DROPPED = _counter(
    "exalb_bfd_packets_dropped_total",
    "speaker",
    "BFD packets of the router that came too fast and were dropped",
    "peer",
)
L2_CONNECTED = _gauge("exalb_l2_connected", "speaker", "Whether the L2 process answers; absent where L2 is off")
L2_ADDRESSES = _gauge("exalb_l2_addresses", "speaker", "Addresses that the node announces on its LANs")
L2_CONFLICTS = _gauge("exalb_l2_conflicts", "speaker", "Addresses that another MAC address answers for")
L2_ANSWERED = _counter(
    "exalb_l2_answers_total", "speaker", "Questions for addresses that the node answered on its LANs"
)
PROPAGATION = Metric(
    "exalb_bgp_propagation_seconds",
    "histogram",
    "speaker",
    "Time from a change that the speaker sees until a peer has all UPDATE messages about it",
)

METRICS = (
    *(BUILD_INFO, RECONCILE_DURATION, RECONCILE_ERRORS, STATUS_WRITES, WATCH_AGE),
    *(
        LEADER,
        SERVICES,
        SERVICES_NOT_ANNOUNCED,
        RESOURCES,
        RESOURCES_NOT_ACCEPTED,
        POOL_CAPACITY,
        POOL_ASSIGNED,
        SPEAKERS_SILENT,
        EVENTS,
    ),
    *(ENGINE_CONNECTED, ENGINE_CONNECTIONS, DATA_PLANE, DRAIN, DRAIN_HELD, DRAIN_NEWS),
    *(SESSION_INFO, SESSION_ESTABLISHED, SESSION_TRANSITIONS, UPDATES_SENT),
    *(BFD_UP, BFD_TRANSITIONS, BFD_LATE, BFD_DROPPED),
    *(L2_CONNECTED, L2_ADDRESSES, L2_CONFLICTS, L2_ANSWERED),
    *(PREFIXES_WANTED, PREFIXES_SENT, PREFIXES_WITHHELD, PROPAGATION),
)
