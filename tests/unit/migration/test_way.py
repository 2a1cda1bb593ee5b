"""Each step of the way: when it is done, and the commands that are printed."""

import json
import shlex
from typing import Any

import pytest

from exalb.kube.manifests import snapshot_of
from exalb.migration import texts
from exalb.migration.peers import LABEL
from exalb.migration.situation import Situation
from exalb.migration.way import Step, way
from tests.support.metallb import HOME, NAMESPACES, metallb_advertisement, metallb_peer, metallb_pool, migrated
from tests.support.objects import Object, assigned_service, node, peer, pool, service

BOUND = [{"matchLabels": {LABEL: "exalb"}}]
FOREIGN = (metallb_pool(), metallb_peer(), metallb_advertisement())


def workload(kind: str, name: str, **spec: Any) -> Object:
    """Return one of MetalLB's workloads."""
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": HOME}, "spec": spec}


def daemon(value: str | None = "metallb") -> Object:
    """Return MetalLB's DaemonSet."""
    selector = {"kubernetes.io/os": "linux", **({LABEL: value} if value else {})}
    return workload("DaemonSet", "speaker", template={"spec": {"nodeSelector": selector}})


def controller(**spec: Any) -> Object:
    """Return MetalLB's Deployment."""
    return workload("Deployment", "controller", **spec)


def speaker(state: str = "Established", name: str = "n1", sent: int = 2) -> Object:
    """Return the report of a node that has two prefixes for its router."""
    sessions = [{"peer": "tor", "state": state, "prefixesWanted": 2, "prefixesSent": sent}]
    return {
        "apiVersion": "exalb.io/v1beta1",
        "kind": "BGPSpeaker",
        "metadata": {"name": name},
        "status": {"sessions": sessions},
    }


def labelled(name: str = "n1", value: str | None = "metallb") -> Object:
    """Return a Node with the label."""
    return node(name, "203.0.113.11", **({LABEL: value} if value else {}))


def steps(*now: Object, foreign: tuple[Object, ...] = FOREIGN, workloads: tuple[Object, ...] = ()) -> dict[str, Step]:
    """Return the steps by the first word of their titles; that of a node has its name."""
    cluster, _ = snapshot_of(now, "exalb-system")
    services = [raw for raw in now if raw["kind"] == "Service"]
    ours = {(raw["kind"], raw["metadata"]["name"]): raw for raw in now if raw["apiVersion"].startswith("exalb.io/")}
    applied = {key: raw for key, raw in ours.items() if key[0] != "BGPSpeaker"}
    migration = migrated(*foreign, services=services, all_nodes=False)
    found = way(Situation(NAMESPACES, migration, cluster, workloads, bool(ours), applied))
    return {title(step): step for step in found}


def title(step: Step) -> str:
    """Return a short name for a step."""
    words = step.title.split()
    return words[2].strip(":") if words[0] == "Move" else " ".join(words[:2])


INSTALL, BIND, STOP = "Install ExaLB,", "Let a", "Stop MetalLB's"
APPLY, FREE, REMOVE = "Apply ExaLB's", "Let ExaLB's", "Uninstall MetalLB"
APPLIED = (pool("main", "198.51.100.0/24"), peer("tor"), {**metallb_advertisement(), "apiVersion": "exalb.io/v1beta1"})


@pytest.mark.parametrize(
    ("step", "now", "workloads", "done"),
    [
        (INSTALL, [labelled()], [], False),
        (INSTALL, [labelled(), speaker()], [], True),
        (INSTALL, [labelled(), labelled("n2"), speaker()], [], False),
        (BIND, [labelled()], [], None),
        (BIND, [labelled()], [daemon()], True),
        (BIND, [labelled(value="exalb")], [daemon()], True),
        (BIND, [labelled(value=None)], [daemon()], False),
        (BIND, [labelled(value="other")], [daemon()], False),
        (BIND, [labelled()], [daemon(None)], False),
        (STOP, [], [], None),
        (STOP, [], [controller()], False),
        (STOP, [], [controller(replicas=1)], False),
        (STOP, [], [controller(replicas=0)], True),
        (APPLY, [], [], False),
        (APPLY, APPLIED, [], True),
        (APPLY, APPLIED[:2], [], False),
        (APPLY, [*APPLIED, service("a/web", "198.51.100.9")], [], False),
        (APPLY, [*APPLIED, assigned_service("a/web", "198.51.100.9")], [], True),
        (APPLY, [*APPLIED, service("a/web", "203.0.113.9")], [], True),
        ("n1", [labelled(value="exalb"), speaker()], [], True),
        ("n1", [labelled(value="exalb"), speaker("Active")], [], False),
        ("n1", [labelled(value="exalb"), speaker(sent=1)], [], False),
        ("n1", [labelled(value="exalb")], [], False),
        ("n1", [labelled(), speaker()], [], False),
        ("NODE", [], [], None),
        (FREE, [], [], False),
        (FREE, [peer("tor", nodeSelectors=BOUND)], [], False),
        (FREE, [peer("tor")], [], True),
        (REMOVE, [], [], False),
    ],
)
def test_step_is_done(step: str, now: list[Object], workloads: list[Object], done: bool | None) -> None:
    lacks = steps(*now, workloads=tuple(workloads))[step].lacks
    assert (None if lacks is None else not lacks) is done


def test_nothing_is_left_to_do_when_metallb_is_gone() -> None:
    now = (labelled(value=None), speaker(), *APPLIED)
    found = tuple(steps(*now, foreign=()).values())
    assert texts.is_finished(found)
    assert list(texts.progress(found))[-1] == "the migration is complete"


def test_next_step_is_the_first_that_is_not_done() -> None:
    found = tuple(steps(labelled(), speaker(), workloads=(daemon(), controller())).values())
    lines = list(texts.progress(found))
    assert lines[lines.index(f"next: {found[2].title}") :][1:] == [f"  {found[2].commands[0]}"]


def patch_of(command: str) -> Any:
    """Return the patch in a command."""
    return json.loads(shlex.split(command)[-1])


def test_patches_bind_daemons_to_the_label_and_free_them() -> None:
    step = steps(labelled(), workloads=(daemon(None),))[BIND]
    bound, freed = patch_of(step.commands[1]), patch_of(step.back[0])
    assert bound["spec"]["template"]["spec"]["nodeSelector"] == {LABEL: "metallb"}
    assert bound["spec"]["updateStrategy"]["type"] == "OnDelete"
    assert freed["spec"]["template"]["spec"]["nodeSelector"] == {LABEL: None}


def test_patches_free_peers_and_bind_them_again() -> None:
    rack = [{"matchLabels": {"rack": "1", LABEL: "exalb"}}]
    step = steps(peer("tor", nodeSelectors=BOUND), peer("other", nodeSelectors=rack), peer("mine"))[FREE]
    assert [patch_of(command)["spec"]["nodeSelectors"] for command in step.commands] == [
        [{"matchLabels": {"rack": "1"}}],
        None,
    ]
    assert [patch_of(command)["spec"]["nodeSelectors"] for command in step.back] == [rack, BOUND]
