"""The next step for each reason: a command, or a setting to change. Pure."""

from collections.abc import Mapping

from exalb.api.reasons import Reason, Refusal
from exalb.explain.session_errors import flap_step, session_step
from exalb.model.labels import CONTROLLER, SPEAKER

_POOLS = "kubectl get ipaddresspools.exalb.io"
_BOTH_ENDS = "compare both ends: address, AS numbers, password, families; and read the router's log"
_OF_SESSIONS = {
    Reason.SESSIONS_DOWN: session_step,
    Reason.NOT_SENT: session_step,
    Reason.SESSION_FLAPPING: flap_step,
}
"""Reasons whose message has the error of a session, which says more than the reason."""
_DESCRIBE = "kubectl describe {about}"
_ENDPOINTS = "compare selector and targetPort with the pods, which must be ready: kubectl get pods --show-labels"

_WATCH_REFUSED = "watch_refused in its log means that its ClusterRole or the binding is missing"
_STATUS_REFUSED = "status_refused there means that its ClusterRole or the binding is missing"

NEXT_STEPS: Mapping[Reason, str] = {
    Reason.NO_MATCHING_POOL: f"create a pool, set its autoAssign, or widen its serviceAllocation: {_POOLS}",
    Reason.POOL_NOT_FOUND: f"correct the annotation exalb.io/pool, or create the pool: {_POOLS}",
    Reason.POOL_NOT_ALLOWED: "request another pool, or widen the pool's serviceAllocation",
    Reason.POOL_DISABLED: "set disabled: false in the pool, or use another pool",
    Reason.POOL_EXHAUSTED: "add addresses to the pool, or delete Services that have some: kubectl exalb pools",
    Reason.FAMILY_NOT_AVAILABLE: "add addresses of that family to the pool, or change ipFamilies of the Service",
    Reason.FAMILY_NOT_WANTED: "nothing: the address is released",
    Reason.QUOTA_EXCEEDED: "delete a Service of the namespace, or raise quotaPerNamespace of the pool",
    Reason.ADDRESS_IN_USE: "request another address, or remove the address from the pool or from its other owner",
    Reason.ADDRESS_NOT_IN_POOL: f"add the address to a pool, or request another: {_POOLS}",
    Reason.ADDRESS_RESERVED: "request another address, or change the pool's reservations",
    Reason.ADDRESS_EXCLUDED: "request another address, or set avoidBuggyIPs: false in the pool",
    Reason.SHARING_CONFLICT: "give both Services one exalb.io/sharing-key, different ports and the same traffic policy",
    Reason.CONTRADICTORY_REQUEST: "remove one of the two requests from the Service",
    Reason.INVALID_REQUEST: "write the annotation of the Service as the message says",
    Reason.UNKNOWN_ANNOTATION: "write the annotation that the message names",
    Reason.ANNOTATION_WITHOUT_EFFECT: "set allowServiceOverrides in an advertisement, or remove the annotation",
    Reason.OVERRIDE_NOT_ALLOWED: "request another value, as the message says, or let serviceOverrides list it there,"
    " which excludes allowServiceOverrides: true",
    Reason.SERVICE_DELETED: "see metadata.finalizers of the Service",
    Reason.SERVICE_NOT_FOUND: "kubectl get services --all-namespaces",
    Reason.NOT_LOAD_BALANCER: "set spec.type: LoadBalancer",
    Reason.CLASS_NOT_OURS: "see the controller of that class, or create it with loadBalancerClass: exalb.io/bgp",
    Reason.STATUS_OUTDATED: f"wait a moment; if it stays so, see the log of the leading controller: {_STATUS_REFUSED}",
    Reason.NO_LEADER: f"kubectl get deployments,pods -A -l {CONTROLLER}; {_WATCH_REFUSED}",
    Reason.NO_PEER: "widen nodeSelectors of a BGPPeer, or create one: kubectl get bgppeers.exalb.io",
    Reason.NO_SESSION_WANTED: "widen nodeSelectors of the BGPPeer, or label nodes: kubectl get nodes --show-labels",
    Reason.NO_READY_ENDPOINTS: _ENDPOINTS,
    Reason.NO_MATCHING_ADVERTISEMENT: "widen a BGPAdvertisement, or delete all of them to announce everything",
    Reason.CONFLICTING_ADVERTISEMENTS: "set the attribute to one value, or change the labels that select the Service",
    Reason.TOO_MANY_COMMUNITIES: "request fewer communities",
    Reason.AGGREGATE_TOO_WIDE: "raise aggregationLength, or add addresses to the pool",
    Reason.UNKNOWN_COMMUNITY: "correct the name, or define it in a Community: kubectl get communities.exalb.io",
    Reason.NO_NEXT_HOP: "give the node an InternalIP of that family, or set nextHop of the BGPPeer",
    Reason.NO_INTERFACE: "use addresses of a subnet of the nodes, or correct the L2Advertisement",
    Reason.ARP_NOT_STRICT: "change the settings of kube-proxy, or of that node's kernel, as the message says",
    Reason.REVERSE_PATH_FILTER: "change the setting of that node's kernel as the message says",
    Reason.ADDRESS_CONFLICT: "give the host with this MAC address another address",
    Reason.L2_NOT_RUNNING: "set speaker.l2.enabled to true in the values of the chart",
    Reason.L2_NOT_ANSWERING: "see the log of the container l2 on that node",
    Reason.NOT_ANNOUNCED: "wait a second; if it stays so, see the log of the container l2 on that node",
    Reason.NODE_EXCLUDED: "kubectl label {about} node.kubernetes.io/exclude-from-external-load-balancers-",
    Reason.NODE_NETWORK_UNAVAILABLE: "see the node's network plugin",
    Reason.NODE_DRAINING: "nothing, or end the drain: kubectl exalb explain {about}",
    Reason.DATA_PLANE_DOWN: "see kube-proxy on that node",
    Reason.ENDPOINTS_NOT_PROGRAMMED: "wait a second; if it stays so, see the log of kube-proxy on that node",
    Reason.NO_DEFAULT_GATEWAY: "give the node a default route, or the BGPPeer another source of its address",
    Reason.NO_LINK_LOCAL_ADDRESS: "correct sourceInterface of the BGPPeer, or enable IPv6 on that interface",
    Reason.NO_LISTEN_ADDRESS: "give the node such an address, or set sourceAddress of the BGPPeer",
    Reason.NODE_ANNOTATION_MISSING: "annotate the node, or exclude it with nodeSelectors of the BGPPeer",
    Reason.NODE_ANNOTATION_INVALID: "correct the annotation of the node",
    Reason.SPEAKER_MISSING: f"kubectl get daemonsets,pods -o wide -A -l {SPEAKER}",
    Reason.SPEAKER_NOT_REPORTING: (
        f"see the speaker's pod on that node: it must run, and reach the API server; {_WATCH_REFUSED}"
    ),
    Reason.ENGINE_NOT_CONNECTED: "see the log of the container bgp in the speaker's pod on that node",
    Reason.SESSIONS_DOWN: _BOTH_ENDS,
    Reason.SESSION_FLAPPING: (
        "look for lost packets, for a holdTime that is too short, and for restarts of the router (its log) or of ExaBGP"
        " (the log of the container bgp)"
    ),
    Reason.NOT_SENT: "wait a moment; if it stays so, see AllAnnounced of the node's BGPSpeaker, and its speaker's log",
    Reason.INVALID_SPEC: "correct the field that the message names",
    Reason.POOL_OVERLAP: "remove the addresses from one of the two pools",
    Reason.SECRET_NOT_FOUND: "create the Secret in that namespace, with type kubernetes.io/basic-auth",
    Reason.SECRET_UNUSABLE: "correct the Secret as the message says",
    Reason.TEMPLATE_NOT_FOUND: "create the template, or correct spec.template",
    Reason.TEMPLATE_UNUSABLE: "correct the template as the message says",
    Reason.PEER_ADDRESS_TAKEN: "give one of the two BGPPeers other nodeSelectors, or delete it",
    Reason.PEER_IS_NODE: "correct peerAddress, or the addresses of the node",
    Reason.NODE_NOT_FOUND: "kubectl get nodes",
    Reason.UNKNOWN_POOL: "correct ipAddressPools of the advertisement, or create the pool",
    Reason.UNKNOWN_PEER: "kubectl get bgppeers.exalb.io",
}


def next_step(refusal: Refusal, about: str = "") -> str:
    """Return what to do about a refusal; `about` is the object concerned, as kubectl takes it."""
    by_error = _OF_SESSIONS.get(refusal.reason)
    if by_error and (step := by_error(refusal.message)):
        return step
    return NEXT_STEPS.get(refusal.reason, _DESCRIBE if about else "").format(about=about)
