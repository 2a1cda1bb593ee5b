"""A Service whose labels or annotations do not fit into a route is refused alone; the others keep the route."""

import pytest

from tests.support.objects import (
    Object,
    advertisement,
    announcements,
    endpoints,
    node,
    peer,
    planned,
    pool,
    service,
    wants,
)

POOL = pool("main", "198.51.100.0/24", "2001:db8::/64")
NODE = node("n1", "10.77.0.11", "fd00:77::11")
IP, WIDER = "198.51.100.7/32", "198.51.100.0/24"


def labels(**match: str) -> list[Object]:
    """Return label selectors."""
    return [{"matchLabels": match}]


KEY = wants(sharing_key="k")


def shared(first: Object, second: Object, *more: Object) -> dict[str, list[str]]:
    """Return what n1 announces of two Services at one address: `victim`, made on the first day, and `intruder`."""
    services = [
        service(
            name,
            "198.51.100.7",
            ports=[{"port": port}],
            day=day,
            **{**about, "annotations": KEY | about["annotations"]},
        )
        for name, port, day, about in (("victim", 80, 1, first), ("intruder", 81, 2, second))
    ]
    return announcements(POOL, NODE, peer(), *services, endpoints("victim"), endpoints("intruder"), *more)


ALL = advertisement("all", med=1)
TIN = advertisement("tin", med=2, serviceSelectors=labels(tier="tin"))
WIDE_TIN = advertisement("tin", med=2, aggregationLength=24, serviceSelectors=labels(tier="tin"))
PLAIN: Object = {"labels": {}, "annotations": {}}
MANY = ",".join(f"1:{n}" for n in range(40))
OTHERS = ",".join(f"2:{n}" for n in range(40))
BY_NAME = [
    advertisement(name, serviceSelectors=labels(of=name), allowServiceOverrides=True) for name in ("victim", "intruder")
]


def of(name: str, **annotations: str) -> Object:
    """Return labels and annotations of a Service with an advertisement of its own."""
    return {"labels": {"of": name}, "annotations": wants(**annotations)}


@pytest.mark.parametrize(
    ("first", "second", "ads", "says"),
    [
        pytest.param(
            PLAIN,
            {"labels": {"tier": "tin"}, "annotations": {}},
            [ALL, TIN],
            [f"{IP} med=1", f"{IP} ConflictingAdvertisements"],
            id="label-of-the-younger",
        ),
        pytest.param(
            {"labels": {"tier": "tin"}, "annotations": {}},
            PLAIN,
            [ALL, TIN],
            [f"{IP} med=1", f"{IP} ConflictingAdvertisements"],
            id="label-of-the-older",
        ),
        pytest.param(
            of("victim"),
            of("intruder", med="much"),
            BY_NAME,
            [IP, f"{IP} InvalidRequest"],
            id="annotation-that-cannot-be-read",
        ),
        pytest.param(
            of("victim", med="much"),
            of("intruder", med="5"),
            BY_NAME,
            [f"{IP} med=5", f"{IP} InvalidRequest"],
            id="annotation-of-the-older-that-cannot-be-read",
        ),
        pytest.param(
            of("victim"),
            of("intruder", communities="nobody"),
            BY_NAME,
            [IP, f"{IP} UnknownCommunity"],
            id="unknown-community",
        ),
        pytest.param(
            of("victim", communities=MANY),
            of("intruder", communities=OTHERS),
            BY_NAME,
            [" ".join([IP, *MANY.split(",")]), f"{IP} TooManyCommunities"],
            id="communities-in-the-union",
        ),
    ],
)
def test_sharer_that_does_not_fit_is_refused_alone(
    first: Object, second: Object, ads: list[Object], says: list[str]
) -> None:
    assert shared(first, second, *ads) == {"n1 tor": says}


@pytest.mark.parametrize(("victim", "intruder"), [(1, 2), (2, 1)], ids=["younger", "older"])
def test_label_in_an_aggregate_takes_it_from_no_other_service(victim: int, intruder: int) -> None:
    members = [
        service("victim", "198.51.100.1", day=victim),
        service("intruder", "198.51.100.2", day=intruder, labels={"tier": "tin"}),
    ]
    wide = advertisement("all", med=1, aggregationLength=24)
    objects = [POOL, NODE, peer(), *members, endpoints("victim"), endpoints("intruder"), wide, WIDE_TIN]
    assert announcements(*objects) == {"n1 tor": [f"{WIDER} med=1", f"{WIDER} ConflictingAdvertisements"]}
    route = planned(*objects)["nodes"][0]["sessions"][0]["routes"][0]
    assert route["services"] == ["default/victim"]


@pytest.mark.parametrize(
    ("kind", "count", "says"),
    [
        pytest.param("1:{}", 63, [], id="standard"),
        pytest.param("1:{}", 64, [f"{IP} TooManyCommunities"], id="standard-too-many"),
        pytest.param("large:1:1:{}", 64, [f"{IP} TooManyCommunities"], id="large"),
        pytest.param("target:1:{}", 64, [f"{IP} TooManyCommunities"], id="extended"),
    ],
)
def test_communities_of_several_advertisements_are_bounded(kind: str, count: int, says: list[str]) -> None:
    every = [kind.format(number) for number in range(count)]
    ads = [advertisement("a", communities=every[:40]), advertisement("b", communities=every[30:])]
    found = announcements(POOL, NODE, peer(), service("web", "198.51.100.7"), endpoints(), *ads)["n1 tor"]
    assert found == (says or [" ".join([IP, *sorted(every, key=lambda text: int(text.split(":")[-1]))])])


def test_annotation_with_too_many_communities_withholds_and_is_reported() -> None:
    web = service("web", "198.51.100.7", annotations=wants(communities=",".join(f"1:{n}" for n in range(17_000))))
    plan = planned(POOL, NODE, peer(), web, endpoints(), advertisement(allowServiceOverrides=True))
    assert [row["reason"] for row in plan["nodes"][0]["sessions"][0]["withheld"]] == ["InvalidRequest"]
    (note,) = plan["notes"]
    assert (note["kind"], note["name"], note["field"]) == ("Service", "default/web", "metadata.annotations")
