"""One allocator over several snapshots: it decides as a new one, whatever left or came between two of them."""

from dataclasses import replace

import pytest

from exalb.allocation.allocator import Allocator
from exalb.allocation.outcome import Outcome
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Key
from exalb.validation.rules import Validator
from tests.support.objects import Object, assigned, pool, service, wants

MAIN = pool("main", "198.51.100.7/32", "198.51.100.8/32")
HAS = "198.51.100.7"


def holder(name: str, day: int) -> Object:
    """Return a Service of that age whose status has the address."""
    return assigned(service(name, HAS, day=day))


def held(*snapshots: list[Object]) -> list[dict[str, str]]:
    """Return the addresses that one allocator decides on for each snapshot, by the name of the Service."""
    allocator, validator, decisions = Allocator(), Validator(), list[dict[str, str]]()
    for objects in snapshots:
        cluster = snapshot_of([MAIN, *objects], "exalb-system")[0]
        outcomes = allocator.allocate(cluster, validator.validate(cluster)).outcomes
        decisions.append({key.name: " ".join(map(str, outcome.addresses)) for key, outcome in outcomes.items()})
    return decisions


@pytest.mark.parametrize(
    ("before", "after", "last"),
    [
        pytest.param([holder("a", 1), service("b", day=2)], [service("b", day=2)], {"b": HAS}, id="holder-deleted"),
        pytest.param(
            [holder("b", 2)], [holder("b", 2), holder("a", 1)], {"a": HAS, "b": "198.51.100.8"}, id="older-comes"
        ),
        pytest.param(
            [holder("a", 1), holder("b", 2), holder("c", 3)],
            [holder("a", 1), holder("c", 3)],
            {"a": HAS, "c": "198.51.100.8"},
            id="one-of-two-losers-deleted",
        ),
    ],
)
def test_last_snapshot_decides(before: list[Object], after: list[Object], last: dict[str, str]) -> None:
    assert held(before, after)[-1] == last == held(after)[-1]


def test_address_shared_in_another_pool_is_not_used() -> None:
    spare = pool("spare", "203.0.113.0/24")
    with_key = wants(sharing_key="k")
    holding = assigned(service("a", HAS, annotations=with_key, ports=[{"port": 80}]))
    asking = service("b", annotations=wants(sharing_key="k", pool="spare"), ports=[{"port": 81}])
    assert held([spare, holding, asking]) == [{"a": HAS, "b": "203.0.113.0"}]


def decided(objects: list[Object], *present: set[str]) -> list[dict[str, Outcome]]:
    """Return what one allocator decides while only some of the Services are there, each the same object throughout."""
    cluster, allocator, validator = snapshot_of(objects, "exalb-system")[0], Allocator(), Validator()
    decisions = []
    for names in present:
        snapshot = replace(cluster, services={k: s for k, s in cluster.services.items() if k.name in names})
        outcomes = allocator.allocate(snapshot, validator.validate(snapshot)).outcomes
        fresh = Allocator().allocate(snapshot, Validator().validate(snapshot)).outcomes
        assert dict(outcomes) == dict(fresh)
        decisions.append({key.name: outcome for key, outcome in outcomes.items()})
    return decisions


EXPLICIT, WITH_KEY = wants(addresses=HAS), wants(addresses=HAS, sharing_key="k")
ANY_WITH_KEY = wants(sharing_key="k")


@pytest.mark.parametrize(
    ("pools", "services"),
    [
        pytest.param([MAIN], [holder("a", 1), service("b", annotations=EXPLICIT)], id="holder-leaves"),
        pytest.param(
            [pool("main", "198.51.100.0/24", quotaPerNamespace=1)],
            [holder("a", 1), service("b", annotations=wants(addresses="198.51.100.9"))],
            id="quota-gets-free",
        ),
        pytest.param([pool("main", f"{HAS}/32")], [holder("a", 1), service("b")], id="pool-gets-free"),
        pytest.param(
            [MAIN],
            [service("a", type="ClusterIP", externalIPs=[HAS]), service("b", annotations=EXPLICIT)],
            id="external-ip-leaves",
        ),
        pytest.param(
            [MAIN],
            [assigned(service("a", HAS, loadBalancerClass="other")), service("b", annotations=EXPLICIT)],
            id="other-controller-leaves",
        ),
    ],
)
def test_refused_service_is_tried_again_when_its_address_gets_free(pools: list[Object], services: list[Object]) -> None:
    """The third snapshot is the second one again: nothing changed, so that the refusal is not decided anew."""
    refused, still_refused, free, left = decided([*pools, *services], {"a", "b"}, {"a", "b"}, {"b"}, {"a", "b"})
    assert refused["b"].refusal == still_refused["b"].refusal != free["b"].refusal
    assert free["b"].addresses
    assert Key("default", "b").name in left


RESERVING = pool(
    "main",
    "198.51.100.7/32",
    "198.51.100.8/32",
    autoAssign=False,
    quotaPerNamespace=1,
    reservations=[{"address": HAS, "namespace": "default", "service": "b"}],
)
QUOTA = pool("main", "198.51.100.7/32", "198.51.100.8/32", quotaPerNamespace=1)


def taken_by(day: int) -> list[Object]:
    """Return a Service over its quota, and one of that age that takes the address which the first requests."""
    requesting = service("crowd/c", day=3, annotations=wants(addresses="198.51.100.8"))
    return [QUOTA, assigned(service("crowd/a", HAS, day=1)), service("b", day=day), requesting]


@pytest.mark.parametrize(
    ("objects", "before", "after"),
    [
        pytest.param(
            [MAIN, holder("a", 1), assigned(service("b", "198.51.100.8", day=2)), *map(service, "cde")],
            set("abcde"),
            set("cde"),
            id="as-many-of-a-crowd-as-addresses-are-free",
        ),
        pytest.param(
            [
                QUOTA,
                assigned(service("crowd/a", HAS, day=1)),
                assigned(service("b", "198.51.100.8", day=2)),
                assigned(service("other/c", HAS, day=3)),
                *(service(f"crowd/{name}", day=4) for name in "def"),
            ],
            set("abdef"),
            set("bcdef"),
            id="another-reason-for-all-of-a-crowd",
        ),
        pytest.param(
            [MAIN, holder("a", 1), assigned(service("b", "198.51.100.8")), service("c", annotations=WITH_KEY)],
            set("abc"),
            set("bc"),
            id="sharing-key",
        ),
        pytest.param(
            [MAIN, holder("a", 1), assigned(service("b", "198.51.100.8")), service("c", annotations=ANY_WITH_KEY)],
            set("abc"),
            set("bc"),
            id="sharing-key-alone",
        ),
        pytest.param(taken_by(2), set("ac"), set("abc"), id="an-older-one-takes-the-requested-address"),
        pytest.param(taken_by(4), set("ac"), set("abc"), id="a-younger-one-takes-the-requested-address"),
        pytest.param(
            [RESERVING, assigned(service("a", "198.51.100.8", day=1)), service("b", day=2)],
            set("ab"),
            set("b"),
            id="quota-of-a-reserved-address",
        ),
        pytest.param(
            [
                pool("main", "198.51.100.7/32", "2001:db8::/128", autoAssign=False),
                assigned(service("a", HAS, ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv4", "IPv6"])),
                assigned(service("b", "2001:db8::", ipFamilies=["IPv6"])),
            ],
            set("ab"),
            set("a"),
            id="second-address-of-a-pair",
        ),
        pytest.param(
            [
                MAIN,
                pool("six", "2001:db8::/127", serviceAllocation={"namespaces": ["other"]}),
                service("a", annotations=wants(addresses=f"{HAS},2001:db8::"), ipFamilyPolicy="RequireDualStack"),
                holder("b", 1),
            ],
            set("a"),
            set("ab"),
            id="first-of-two-requested-addresses",
        ),
        pytest.param(
            [MAIN, holder("a", 3), service("b", day=1), *(service(name, day=4) for name in "cd")],
            set("abcd"),
            set("bcd"),
            id="an-older-one-before-the-crowd",
        ),
    ],
)
def test_refused_services_are_asked_again(objects: list[Object], before: set[str], after: set[str]) -> None:
    there, then = decided(objects, before, after)
    assert any(outcome.refusal for outcome in there.values())
    assert there != then


def test_service_that_no_longer_waits_for_an_address_leaves_the_others_waiting() -> None:
    waiting = [service(name, annotations=EXPLICIT) for name in "bc"]
    *_, last = decided([MAIN, holder("a", 1), *waiting], set("abc"), set("ab"), set("b"))
    assert last["b"].addresses


def crossing(name: str, port: int, to: str, *, asks: bool = False) -> Object:
    """Return a Service that consents to share with the namespaces `to`, and has the address or asks for it."""
    annotations = wants(sharing_key="k", sharing_namespaces=to) | (wants(addresses=HAS) if asks else {})
    raw = service(name, *([] if asks else [HAS]), annotations=annotations, ports=[{"port": port}], day=1 + asks)
    return raw if asks else assigned(raw)


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param(
            [crossing("a", 80, "team,x"), crossing("team/b", 81, "default"), crossing("x/c", 82, "default", asks=True)],
            id="of-a-namespace-that-did-not-consent",
        ),
        pytest.param(
            [crossing("a", 80, "team"), crossing("b", 81, "team"), crossing("team/c", 81, "default", asks=True)],
            id="with-the-same-port",
        ),
    ],
)
def test_sharer_that_leaves_is_in_the_way_no_longer(objects: list[Object]) -> None:
    refused, joins = decided([MAIN, *objects], set("abc"), set("ac"))
    assert refused["c"].refusal
    assert list(map(str, joins["c"].addresses)) == [HAS]


def test_address_of_sharers_stays_in_use_when_one_of_them_leaves() -> None:
    first, second = (
        assigned(service(name, HAS, annotations=wants(sharing_key="k"), ports=[{"port": port}]))
        for name, port in (("a", 80), ("b", 81))
    )
    _, after = decided([MAIN, first, second, service("c")], set("ab"), set("bc"))
    assert {name: list(map(str, outcome.addresses)) for name, outcome in after.items()} == {
        "b": [HAS],
        "c": ["198.51.100.8"],
    }
