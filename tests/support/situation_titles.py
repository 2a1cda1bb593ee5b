"""The name of each broken situation in plain words, and the signs of the same one in MetalLB.

MetalLB 0.16.1: `measured` marks what was seen on a real cluster (native mode), the rest was read in its source.
"""

from typing import NamedTuple


class Title(NamedTuple):
    """The texts about one situation."""

    text: str
    metallb: str


SILENT = "nothing"
NO_EVENT = "nothing: no event, no status"
ALLOCATION = "event AllocationFailed: {}"
LOG_WORD = "nothing in the API; a word in the speaker's log: {}"
REFUSED = "the webhook refuses it"
LOG_ALONE = "all green; the speaker's log"

TITLES: dict[str, Title] = {
    "service-missing": Title("there is no such Service", SILENT),
    "wrong-namespace": Title("the Service is in another namespace", SILENT),
    "cluster-ip": Title("the Service is not of type LoadBalancer", SILENT),
    "other-class": Title("the Service has another loadBalancerClass", NO_EVENT),
    "other-controller": Title("another controller assigned the address", "it replaces the address"),
    "no-pool": Title("there is no pool", NO_EVENT),
    "pool-invalid": Title("the only pool is invalid", REFUSED),
    "pool-not-automatic": Title("the only pool has autoAssign: false", ALLOCATION.format("no available IPs")),
    "pool-selector-typo": Title("serviceAllocation has a typo", ALLOCATION.format("no available IPs")),
    "pool-name-typo": Title("the annotation names no pool", ALLOCATION.format("unknown pool")),
    "pool-exhausted": Title("the pool is exhausted", f"{ALLOCATION.format('no available IPs')} (measured)"),
    "pool-disabled": Title("the pool is disabled", "has no such setting"),
    "quota": Title("the namespace has reached its quota", "has no quota"),
    "family-missing": Title("no pool has the Service's IP family", ALLOCATION.format("no available IPs")),
    "address-taken": Title("another Service has the requested address", ALLOCATION.format("already in use")),
    "address-outside": Title("the requested address is in no pool", ALLOCATION.format("not allowed in config")),
    "annotation-unreadable": Title("the annotation is no address", "event LoadBalancerFailed"),
    "no-leader": Title("no controller leads", "nothing: one controller, no Lease"),
    "not-written-yet": Title("the controller has not written the status", SILENT),
    "no-peer": Title("there is no BGPPeer", SILENT),
    "peer-selects-no-node": Title("nodeSelectors of the BGPPeer match no node", SILENT),
    "peer-invalid": Title("the BGPPeer is invalid", REFUSED),
    "peer-carries-other-family": Title("the BGPPeer carries only the other family", "has no such setting"),
    "secret-missing": Title("the Secret of the password is missing", "ConfigurationState: invalid configuration"),
    "secret-unusable": Title("the Secret has the wrong type", "ConfigurationState: invalid configuration"),
    "template-missing": Title("the template of the BGPPeer is missing", "has no templates"),
    "speaker-missing": Title("no speaker ran on the node", SILENT),
    "speaker-silent": Title("the speaker died, and the controller noticed", "the last event stays the last word"),
    "heartbeat-old": Title("the speaker died, and no controller runs", "the last event stays the last word"),
    "exabgp-dead": Title("the BGP engine does not answer", "FRR's pod is not Ready"),
    "session-down": Title("a session is down", f"{LOG_ALONE}; a metric"),
    "session-flaps": Title("a session goes down again and again, and is up now", f"{LOG_ALONE}; a metric"),
    "session-not-reported": Title("the speaker does not know the new BGPPeer yet", SILENT),
    "no-endpoint": Title("the Service has no endpoint", LOG_WORD.format("noEndpoints")),
    "endpoint-not-ready": Title("no endpoint is ready", LOG_WORD.format("noEndpoints")),
    "local-without-endpoint": Title("Local traffic policy, no endpoint on a node", "nothing at all (measured)"),
    "node-excluded": Title(
        "the node has the label exclude-from-external-load-balancers",
        "the last event still says it is announced; the speaker's log names the label (measured)",
    ),
    "network-unavailable": Title("the node's network is unavailable", LOG_WORD.format("nodeNetworkUnavailable")),
    "gate-closed": Title("kube-proxy on the node is down", "announces all the same"),
    "conflicting-advertisements": Title(
        "two advertisements contradict each other", LOG_WORD.format("conflictingAdvertisements")
    ),
    "unknown-community": Title(
        "an advertisement uses an unknown community", "ConfigurationState: invalid configuration"
    ),
    "advertisement-pool-typo": Title("the advertisement names no pool", "nothing: the name is ignored"),
    "advertisement-service-selector": Title(
        "no advertisement selects the Service", LOG_WORD.format("noMatchingAdvertisement")
    ),
    "aggregate-too-wide": Title("the aggregate is wider than the pool", REFUSED),
    "default-gateway-gone": Title("the node lost its default gateway", "has no such setting"),
    "node-annotation-missing": Title("the node lacks the annotation with its router", "has no such setting"),
    "address-in-no-pool": Title("the address is in no pool", SILENT),
    "address-of-inactive-pool": Title("the address is in a pool that overlaps an older one", REFUSED),
    "address-of-node": Title("the address belongs to a node", "it may assign the address"),
    "peer-unknown": Title("there is no such BGPPeer", SILENT),
    "peer-without-nodes": Title("nodeSelectors of the BGPPeer match no node", SILENT),
    "node-unknown": Title("there is no such node", SILENT),
}
"""By the id of the situation; one without a title is a variant of another and has no row on the page."""
