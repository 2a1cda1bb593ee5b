"""Every "no" of ExaLB: one enum, in CamelCase as the Kubernetes API conventions want reasons. Pure.

The sentence for people is made where the reason is found; what a reason means in general stands here.
"""

from dataclasses import dataclass
from enum import Enum


class Reason(Enum):
    """Why something is not as it was asked for."""

    # A Service has no address, or not the one it asks for.
    NO_MATCHING_POOL = "NoMatchingPool"
    """No pool serves this Service."""
    POOL_NOT_FOUND = "PoolNotFound"
    """The pool asked for by name does not exist, or is out of force."""
    POOL_NOT_ALLOWED = "PoolNotAllowed"
    """The pool's serviceAllocation does not admit this Service."""
    POOL_DISABLED = "PoolDisabled"
    """The pool gives nothing new."""
    POOL_EXHAUSTED = "PoolExhausted"
    """Every address that this Service could get is in use."""
    FAMILY_NOT_AVAILABLE = "FamilyNotAvailable"
    """No pool that serves this Service has the address families that it needs."""
    FAMILY_NOT_WANTED = "FamilyNotWanted"
    """The address is of a family that the Service does not have (any more)."""
    QUOTA_EXCEEDED = "QuotaExceeded"
    """The namespace holds as many addresses of the pool as it may."""
    ADDRESS_IN_USE = "AddressInUse"
    """The address asked for is held by another Service, or is that of a node or a router."""
    ADDRESS_NOT_IN_POOL = "AddressNotInPool"
    """The address asked for is outside every pool."""
    ADDRESS_RESERVED = "AddressReserved"
    """The address asked for is reserved for somebody else."""
    ADDRESS_EXCLUDED = "AddressExcluded"
    """The pool does not give addresses that end in .0 or .255."""
    SHARING_CONFLICT = "SharingConflict"
    """The address asked for is shared, and this Service does not fit in."""
    CONTRADICTORY_REQUEST = "ContradictoryRequest"
    """Two wishes of the Service exclude each other."""
    INVALID_REQUEST = "InvalidRequest"
    """A wish of the Service cannot be read."""
    UNKNOWN_ANNOTATION = "UnknownAnnotation"
    """The Service has an annotation with our prefix that nobody reads: perhaps misspelt. It changes nothing."""

    ANNOTATION_WITHOUT_EFFECT = "AnnotationWithoutEffect"
    """The Service has annotations for attributes, and no advertisement or no peer that it is told to heeds them."""

    # An address is not told to a peer by a node.
    NO_READY_ENDPOINTS = "NoReadyEndpoints"
    """No endpoint that counts is ready, or terminating and still serving; under Local traffic the node's own count."""
    NO_MATCHING_ADVERTISEMENT = "NoMatchingAdvertisement"
    """No BGPAdvertisement selects this address for this peer on this node."""
    CONFLICTING_ADVERTISEMENTS = "ConflictingAdvertisements"
    """Two advertisements that select this prefix set one attribute to different values."""
    AGGREGATE_TOO_WIDE = "AggregateTooWide"
    """The aggregate would reach beyond the addresses of the pool."""
    NO_NEXT_HOP = "NoNextHop"
    """The session is of the other family, and there is no next hop of the prefix's own."""
    NODE_EXCLUDED = "NodeExcluded"
    """The node carries the label node.kubernetes.io/exclude-from-external-load-balancers."""
    NODE_NETWORK_UNAVAILABLE = "NodeNetworkUnavailable"
    """The node's condition NetworkUnavailable is True."""

    DATA_PLANE_DOWN = "DataPlaneDown"
    """kube-proxy on the node is not healthy: traffic for Services would not reach its endpoints from there."""
    NO_DEFAULT_GATEWAY = "NoDefaultGateway"
    """The peer is the node's default router, and the node has none of that family, or nobody looked."""
    NO_LINK_LOCAL_ADDRESS = "NoLinkLocalAddress"
    """The peer's address is a link-local one, and the node has none on the interface that is to lead there."""
    NO_ADDRESS_TO_WAIT_AT = "NoAddressToWaitAt"
    """The router shall call the node, and the node has no address of the router's family that it could call."""
    NODE_ANNOTATION_MISSING = "NodeAnnotationMissing"
    """The peer takes a value from an annotation that the node does not have."""
    NODE_ANNOTATION_INVALID = "NodeAnnotationInvalid"
    """The peer takes a value from an annotation of the node, and it is none that would do."""

    # A custom resource is out of force, or partly.
    INVALID_SPEC = "InvalidSpec"
    """The spec breaks a rule of the schema."""
    POOL_OVERLAP = "PoolOverlap"
    """The pool has addresses in common with an earlier pool, and stands aside."""
    POOL_HOLDS_NODE = "PoolHoldsNode"
    """The pool has the address of a node, which is never given away."""
    POOL_HOLDS_PEER = "PoolHoldsPeer"
    """The pool has an address that a BGPPeer names, of the router, its next hop or its node: never given away."""
    POOL_HOLDS_SERVICE_RANGE = "PoolHoldsServiceRange"
    """The pool has addresses that the cluster takes ClusterIPs from, which are never given away."""
    RESERVATION_OUTSIDE = "ReservationOutside"
    """The pool reserves an address that it does not have."""
    AGGREGATE_PARTLY_OUTSIDE = "AggregatePartlyOutside"
    """Some aggregate of the advertisement reaches beyond the addresses of a pool that it selects."""
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason, no secret
    """The Secret that the peer names is not there."""
    SECRET_UNUSABLE = "SecretUnusable"  # noqa: S105 - a reason, no secret
    """The Secret that the peer names is of another type, or its password cannot be a TCP MD5 key."""
    TEMPLATE_NOT_FOUND = "TemplateNotFound"
    """The peer takes settings from a BGPPeer that does not exist."""
    TEMPLATE_UNUSABLE = "TemplateUnusable"
    """The peer takes settings from a BGPPeer that is invalid, or that takes from a third."""
    PEER_ADDRESS_TAKEN = "PeerAddressTaken"
    """An earlier BGPPeer has a session with this address from the same node."""
    PEER_IS_NODE = "PeerIsNode"
    """The peer's address belongs to a node of this cluster."""
    UNKNOWN_POOL = "UnknownPool"
    """The advertisement names a pool that does not exist."""
    UNKNOWN_COMMUNITY = "UnknownCommunity"
    """A community is asked for by a name that no Community gives; what should carry it is not told."""
    COMMUNITY_TAKEN = "CommunityTaken"
    """An earlier Community gives the name another meaning."""
    UNKNOWN_PEER = "UnknownPeer"
    """The advertisement names a peer that does not exist."""

    # A custom resource asks for something in vain.
    LOCAL_PREF_ON_EBGP = "LocalPrefOnEBGP"
    """The advertisement sets localPref, and all the peers that it selects are in other autonomous systems."""
    PREPEND_ON_IBGP = "PrependOnIBGP"
    """The advertisement sets asPathPrepend, and all the peers that it selects are in the nodes' own AS."""
    SELECTS_NOTHING = "SelectsNothing"
    """Nothing of what is there has the labels that a selector of the advertisement, or the peer, asks for."""
    WEIGHT_OF_CLUSTER = "WeightOfClusterTraffic"
    """The advertisement weighs endpoints, and all Services that it selects have externalTrafficPolicy Cluster."""
    WEIGHT_OF_AGGREGATE = "WeightOfAggregate"
    """The advertisement weighs endpoints, and tells nothing but aggregates, which carry no weight."""
    NEXT_HOP_UNUSED = "NextHopUnused"
    """The peer's nextHop is of a family that the session does not carry."""
    ROUTER_ID_SHARED = "RouterIDShared"
    """Several nodes have one BGP identifier towards the peer, which may take them for one (RFC 6286)."""
    EXTENDED_NEXT_HOP_UNUSED = "ExtendedNextHopUnused"
    """The peer asks for IPv6 next hops of IPv4 prefixes, and its sessions are over IPv4."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no" with its reason and the sentence for people."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class PassingRefusal(Refusal):
    """A "no" that is over as soon as somebody's status is written: better waited for than got round."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """What is wrong with one custom resource (or manifest), and in which field."""

    kind: str
    name: str
    field: str
    """Path in the object, starting with `spec` (or `metadata`)."""
    reason: Reason
    message: str
