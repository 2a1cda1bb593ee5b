"""A pool that nothing announces says so; any way to announce it is enough."""

import pytest

from tests.support.objects import Object, advertisement, l2_advertisement, peer, planned, pool

LAN, OTHER = pool("lan", "198.51.100.0/24", labels={"on": "lan"}), pool("other", "192.0.2.0/24")
BY_LABEL = [{"matchLabels": {"on": "lan"}}]


@pytest.mark.parametrize(
    ("objects", "pools"),
    [
        pytest.param([], ["lan", "other"], id="nothing"),
        pytest.param([advertisement()], ["lan", "other"], id="an-advertisement-alone-has-no-peer"),
        pytest.param([peer()], [], id="a-peer-gets-all"),
        pytest.param([peer(holdTime=1)], [], id="the-peer-is-invalid-and-says-so-itself"),
        pytest.param([peer(), advertisement(ipAddressPools=["lan"])], ["other"], id="an-advertisement-of-one"),
        pytest.param([peer(), advertisement(ipAddressPoolSelectors=BY_LABEL)], ["other"], id="by-label"),
        pytest.param([l2_advertisement()], [], id="L2-of-all"),
        pytest.param([l2_advertisement(ipAddressPools=["lan"])], ["other"], id="L2-of-one"),
        pytest.param([peer(), l2_advertisement(ipAddressPools=["lan"])], [], id="L2-of-one-and-a-peer"),
        pytest.param(
            [peer(), advertisement(ipAddressPools=["other"]), l2_advertisement(ipAddressPoolSelectors=BY_LABEL)],
            [],
            id="one-by-each",
        ),
    ],
)
def test_pools_that_nothing_announces(objects: list[Object], pools: list[str]) -> None:
    notes = [note for note in planned(LAN, OTHER, *objects).get("notes", []) if note["kind"] == "IPAddressPool"]
    assert [note["name"] for note in notes] == pools
    assert {(note["field"], note["reason"]) for note in notes} <= {("spec.addresses", "NotAdvertised")}
