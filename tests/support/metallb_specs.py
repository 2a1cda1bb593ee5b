"""Objects of MetalLB as its definitions accept them, for hypothesis: valid and senseless values of each field."""

from typing import Any

from hypothesis import strategies as st

from tests.support.metallb import metallb

texts = st.text(max_size=12)
numbers = st.integers(-(2**31), 2**31 - 1)
asns = st.sampled_from([0, 1, 23456, 64512, 64513, 65535, 4294967295])
addresses = (
    st.sampled_from(["203.0.113.1", "2001:db8::1", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:1.2.3.4", ""]) | texts
)
durations = st.sampled_from(["90s", "0s", "1m", "1500ms", "2s", "100h", ""]) | texts
ranges = (
    st.sampled_from(
        ["198.51.100.0/24", "198.51.100.1-198.51.100.9", "2001:db8::/64", "10.0.0.1/8", "::/0", "0.0.0.0/0"]
    )
    | texts
    | st.builds("{}-{}".format, addresses, addresses)
)
expressions = st.fixed_dictionaries(
    {"key": st.sampled_from(["a", ""]), "operator": st.sampled_from(["In", "Exists", "NotIn", "Like"])},
    optional={"values": st.lists(st.sampled_from(["x", "y"]), max_size=2)},
)
selectors = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), max_size=2),
        "matchExpressions": st.lists(expressions, max_size=2),
    },
)
names = st.sampled_from(["a", "b", "c"])
communities = (
    st.sampled_from(["64512:1", "large:1:2:3", "1:70000", "NO_EXPORT", "customer", "with space", "01:2"]) | texts
)


def specs(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return specs that have any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def lists(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Return short lists."""
    return st.lists(items, max_size=3)


SPECS = {
    "IPAddressPool": specs(
        addresses=lists(ranges),
        autoAssign=st.booleans(),
        avoidBuggyIPs=st.booleans(),
        serviceAllocation=specs(
            priority=st.integers(-(2**40), 2**40),
            namespaces=lists(names | texts),
            namespaceSelectors=lists(selectors),
            serviceSelectors=lists(selectors),
        ),
    ),
    "BGPPeer": specs(
        myASN=asns,
        peerASN=asns,
        localASN=asns,
        dynamicASN=st.sampled_from(["internal", "external"]),
        peerAddress=addresses,
        interface=st.sampled_from(["eth0", ""]),
        sourceAddress=addresses,
        peerPort=st.integers(0, 16384),
        holdTime=durations,
        keepaliveTime=durations,
        connectTime=durations,
        routerID=addresses,
        nodeSelectors=lists(selectors),
        password=texts,
        passwordSecret=specs(name=names, namespace=names),
        bfdProfile=names,
        enableGracefulRestart=st.booleans(),
        ebgpMultiHop=st.booleans(),
        vrf=st.sampled_from(["", "red"]),
        disableMP=st.booleans(),
        dualStackAddressFamily=st.booleans(),
    ),
    "BGPAdvertisement": specs(
        aggregationLength=st.integers(1, 40),
        aggregationLengthV6=st.integers(-1, 140),
        localPref=numbers,
        communities=lists(communities),
        ipAddressPools=lists(names),
        ipAddressPoolSelectors=lists(selectors),
        nodeSelectors=lists(selectors),
        serviceSelectors=lists(selectors),
        peers=lists(names),
    ),
    "L2Advertisement": specs(ipAddressPools=lists(names), interfaces=lists(texts)),
    "Community": specs(communities=lists(specs(name=communities, value=communities))),
    "BFDProfile": specs(receiveInterval=numbers),
}
objects = st.one_of(
    *(st.builds(lambda name, spec, kind=kind: metallb(kind, name, **spec), names, spec) for kind, spec in SPECS.items())
)
