"""Model and API server agree on every spec, also on generated ones: texts with a few mistakes."""

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from exalb.model.kinds import BY_NAME
from tests.cluster.test_crd_rules import create
from tests.lab.api import ApiError
from tests.lab.cluster import Lab
from tests.support.specs import ADVERTISEMENT, NAMES, PEER, POOL, discovered, named, peer, pool, tagged

ALPHABET = "0123456789abcdef:./-% ,smhTx_\n\tÀ٣"
RANGES = (
    "198.51.100.0/24",
    "198.51.100.1-198.51.100.9",
    "2001:db8::/64",
    "2001:db8::1-2001:db8::ff",
    "127.0.0.1/32",
    "1.0.0.0/8",
    "::ffff:1.2.3.0/120",
    "64:ff9b::1.2.3.4/128",
)
HOSTS = ("203.0.113.1", "2001:db8::1", "fe80::1", "ff02::1", "::ffff:1.2.3.4", "::", "127.0.0.1", "169.254.0.1")
SECONDS = ("90s", "1m30s", "3h", "0s", "90", "65535s", "18h12m15s", "-3s", "1d", "00090s")
WORDS = ("customer", "NO_EXPORT", "a.b-c_D", "65001")
KEYS = ("router", "example.com/tor-asn", "a.b-c/D_e.f")
COMMUNITIES = ("65001:100", "large:1:2:3", "target:1:2", "origin:65535:4294967295", "NO_EXPORT", "65535:65281")


@st.composite
def slips(draw: st.DrawFn, right: tuple[str, ...]) -> str:
    """Return one of the right texts with up to three characters put in, taken out or changed."""
    text = draw(st.sampled_from(right))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(("", *ALPHABET))) + text[at + draw(st.integers(0, 1)) :]
    return text


def one_of_specs() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Return specs of all kinds, with few mistakes."""
    numbers = st.one_of(st.integers(-1, 4), st.integers(65534, 65537), st.booleans(), st.none(), st.just(1.5))
    return st.one_of(
        slips(RANGES).map(lambda text: (POOL, pool(text))),
        st.lists(slips(HOSTS), max_size=3).map(
            lambda texts: (POOL, pool(reservations=[{"address": text, "namespace": "a"} for text in texts]))
        ),
        slips(HOSTS).map(lambda text: (PEER, peer(peerAddress=text))),
        slips(HOSTS).map(lambda text: (PEER, peer(peerAddress=text, sourceInterface="eth0", template="x"))),
        slips(HOSTS).map(lambda text: (PEER, peer(routerID=text))),
        st.one_of(slips(SECONDS), numbers).map(lambda time: (PEER, {**peer(), "holdTime": time})),
        st.one_of(slips(SECONDS), numbers).map(lambda time: (PEER, peer(gracefulRestart={"restartTime": time}))),
        slips(("eth0", "bond0.100", "en-p0_1")).map(lambda text: (PEER, peer(sourceInterface=text))),
        slips(KEYS).map(lambda key: (PEER, discovered({"nodeAnnotation": key}))),
        st.tuples(slips(WORDS), slips(COMMUNITIES)).map(lambda pair: (NAMES, named(*pair))),
        st.lists(slips(WORDS), max_size=3).map(lambda words: (ADVERTISEMENT, tagged(*words))),
        st.lists(slips(COMMUNITIES), max_size=3).map(lambda texts: (ADVERTISEMENT, tagged(*texts))),
    )


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(one_of_specs())
def test_model_and_api_server_agree(cluster: Lab, one: tuple[str, dict[str, Any]]) -> None:
    """CEL knows no order of addresses: the order of a range, and what lies amid it, is left out."""
    kind, spec = one
    mistakes = BY_NAME[kind].parse({"metadata": {"name": "x"}, "spec": spec}).invalid
    assume(not any("ends before it starts" in mistake.message for mistake in mistakes))
    assume(not any("that no Service can use" in mistake.message and "-" in str(spec) for mistake in mistakes))
    refused = refusal(cluster, kind, spec)
    assert "rule evaluation error" not in refused
    assert bool(refused) == bool(mistakes), f"API server: {refused or 'good'}; model: {mistakes or 'good'}"


def refusal(lab: Lab, kind: str, spec: dict[str, Any]) -> str:
    """Return the API server's sentence; empty where it takes the spec."""
    try:
        create(lab, kind, spec)
    except ApiError as error:
        return str(error)
    return ""
