"""The object that a person names: in one word or in two, and by the names that kubectl has for its kind."""

from ipaddress import ip_address

import pytest

from exalb.explain.subject import parse_subject, service_key, subject_of
from exalb.model.cluster import Key
from exalb_bgp.rib import Address

WEB = ("service", Key("here", "web"))
TOR, N1 = ("peer", "tor"), ("node", "n1")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("service/web", WEB),
        ("service web", WEB),
        ("services web", WEB),
        ("svc web", WEB),
        ("SVC/web", WEB),
        ("service/shop/web", ("service", Key("shop", "web"))),
        ("service/svc/web", ("service", Key("svc", "web"))),
        ("service/service/web", ("service", Key("service", "web"))),
        ("address 198.51.100.7", ("address", ip_address("198.51.100.7"))),
        ("ip/2001:db8::7", ("address", ip_address("2001:db8::7"))),
        ("peer tor", TOR),
        ("exapeer tor", TOR),
        ("bgppeer tor", TOR),
        ("bgppeers tor", TOR),
        ("bgppeer.exalb.io tor", TOR),
        ("bgppeers.exalb.io/tor", TOR),
        ("node n1", N1),
        ("no n1", N1),
        ("exaspeaker n1", N1),
        ("bgpspeakers.exalb.io n1", N1),
    ],
)
def test_subject_is_written_as_kubectl_takes_it(written: str, meant: tuple[str, Key | Address | str]) -> None:
    assert parse_subject(subject_of(written.split()), "here") == meant


@pytest.mark.parametrize(
    "written", ["web", "service/", "service/web node/n1", "service web api", "pool main", "exapool/main", "ip web"]
)
def test_what_is_no_subject_is_refused_by_its_words(written: str) -> None:
    with pytest.raises(ValueError, match=written.rsplit(maxsplit=1)[-1]):
        parse_subject(subject_of(written.split()), "here")


@pytest.mark.parametrize("written", ["web", "service/web", "svc/web", "here/web", "service/here/web"])
def test_service_is_found_by_every_spelling(written: str) -> None:
    assert service_key(written, "here") == Key("here", "web")


def test_key_of_a_service_in_the_namespace_services_is_a_key() -> None:
    assert service_key("services/web", "here") == Key("services", "web")
