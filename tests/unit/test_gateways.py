"""Default routers, read from what Linux shows."""

import sys

import pytest

from exalb.gateways import default_gateways, link_locals

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the samples were taken on a little-endian machine")

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
NONE = "0" * 32
OWN = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\nfd000000000000000000000000000002 04 40 00 82     eth0\n"


def route(gateway: str, *, metric: int = 0, flags: str = "0003", to: str = "00000000", mask: str = "00000000") -> str:
    """Return a line of /proc/net/route."""
    return f"eth0\t{to}\t{gateway}\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n"


def route6(
    gateway: str, *, metric: str = "00000400", flags: str = "00000003", to: str = NONE, length: str = "00"
) -> str:
    """Return a line of /proc/net/ipv6_route."""
    return f"{to} {length} {NONE} 00 {gateway} {metric} 00000002 00000000 {flags}     eth0\n"


V6, LOCAL = "fd000000000000000000000000000001", "fe800000000000000000000000000001"


@pytest.mark.parametrize(
    ("four", "six", "says"),
    [
        pytest.param("", "", [], id="nothing"),
        pytest.param(HEAD, "", [], id="no-route"),
        pytest.param(route("016433C6"), "", ["198.51.100.1 eth0 None"], id="ipv4"),
        pytest.param(
            route("016433C6", metric=100) + route("FE6433C6"), "", ["198.51.100.254 eth0 None"], id="best-metric"
        ),
        pytest.param(
            route("026433C6") + route("016433C6"), "", ["198.51.100.1 eth0 None"], id="of-equal-ones-the-lowest"
        ),
        pytest.param(route("00000000", flags="0001"), "", [], id="on-link"),
        pytest.param(route("016433C6", flags="0002"), "", [], id="interface-down"),
        pytest.param(route("016433C6", flags="0203"), "", [], id="reject"),
        pytest.param(route("016433C6", to="006433C6", mask="00FFFFFF"), "", [], id="to-a-network"),
        pytest.param(route("016433C6", mask="00000080"), "", [], id="to-half-of-everything"),
        pytest.param("", route6(V6), ["fd00::1 eth0 None"], id="ipv6"),
        pytest.param("", route6(LOCAL, flags="00450003"), ["fe80::1 eth0 fe80::fc:ff:fe00:1"], id="advertised"),
        pytest.param(
            "", route6(V6, metric="00000401") + route6(LOCAL), ["fe80::1 eth0 fe80::fc:ff:fe00:1"], id="best6"
        ),
        pytest.param("", route6(NONE, flags="00000001"), [], id="ipv6-on-link"),
        pytest.param("", route6(NONE, metric="ffffffff", flags="00200200"), [], id="ipv6-unreachable"),
        pytest.param("", route6(V6, to=V6, length="40"), [], id="ipv6-to-a-network"),
        pytest.param(route("016433C6"), route6(V6), ["198.51.100.1 eth0 None", "fd00::1 eth0 None"], id="both"),
    ],
)
def test_default_gateways(four: str, six: str, says: list[str]) -> None:
    found = default_gateways(HEAD + four, six, OWN)
    assert [" ".join(map(str, gateway)) for gateway in found.values()] == says


@pytest.mark.parametrize(
    ("addresses", "own"),
    [
        pytest.param("", "None", id="none"),
        pytest.param(OWN.replace("20 80", "20 c0"), "None", id="tentative"),
        pytest.param(OWN.replace("20 80", "20 88"), "None", id="somebody-else's"),
        pytest.param(OWN + OWN.replace("0001 04", "0000 04"), "fe80::fc:ff:fe00:0", id="lowest"),
        pytest.param(OWN.replace("eth0", "eth1"), "None", id="of-another-interface"),
    ],
)
def test_a_link_local_address_of_its_own(addresses: str, own: str) -> None:
    (found,) = default_gateways("", route6(LOCAL), addresses).values()
    assert str(found.link_local) == own


def test_a_link_local_address_for_each_interface_that_has_one() -> None:
    lines = (
        OWN + OWN.replace("eth0", "eth1").replace("0001 04", "0002 05") + OWN.replace("20 80     eth0", "20 c0 eth2")
    )
    found = {interface: str(address) for interface, address in link_locals(lines).items()}
    assert found == {"eth0": "fe80::fc:ff:fe00:1", "eth1": "fe80::fc:ff:fe00:2"}
