"""The chart grants what the programs use, and nothing else: its rights, and the audit log of the run's lab."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP, VERSION
from tests.lab import web
from tests.lab.cluster import CommandError, Lab
from tests.lab.exalb import NAMESPACE
from tests.stories.story import Story
from tests.support import objects
from tests.support.kubernetes.rights import Right, refused, rights, unused
from tests.support.looking import Page

MARKS_SILENT: set[Right] = {(GROUP, "bgpspeakers", "*", "get"), (GROUP, "bgpspeakers/status", "*", "patch")}
"""The controller marks the report of a speaker that is silent for three minutes."""


def reread(right: Right) -> Right:
    """Return the right to write the status of the same object: its writer reads it again after a doubtful write."""
    group, resource, name, _ = right
    return group, f"{resource}/status", name, "patch"


def idle(lab: Lab, program: str) -> set[Right]:
    """Return the rights that a program was granted and did not use."""
    given = rights(lab, program, NAMESPACE)
    assert len(given) > 10
    spare = unused(lab, program, given)
    return {right for right in spare if right[3] != "get" or reread(right) not in given - spare}


def uses_all_but(lab: Lab, program: str, seldom: set[Right]) -> bool:
    """Whether a program has used every right but some; an AssertionError names the others."""
    found = idle(lab, program) - seldom
    assert not found, found
    return True


def has_status(lab: Lab, path: str) -> bool:
    """Whether an object has a status."""
    return bool(lab.api.get(path).get("status"))


def do_everything(story: Story) -> None:
    """Have the programs do all that they do within seconds: every status has something new to say."""
    advertisement = objects.advertisement(story.name, ipAddressPools=[story.name])
    community = objects.community(story.name, here="64512:1")
    lan = objects.l2_advertisement(story.name, ipAddressPools=[story.name])
    story.lab.apply([advertisement, lan, community, story.service("web")])
    story.wait_addresses("web")
    story.wait_sessions()
    kinds = {resource.kind: resource.plural for resource in RESOURCES}
    for raw in (advertisement, lan, community, story.pool(), story.peers()[0]):
        path = f"/apis/{raw['apiVersion']}/{kinds[raw['kind']]}/{raw['metadata']['name']}"
        story.wait(f"{path} has a status", partial(has_status, story.lab, path))
    look_at_page(story)
    be_wrong_twice(story)
    story.lab.delete([advertisement, lan, community])


def look_at_page(story: Story) -> None:
    """Have somebody open the page of a controller, who finds the story's Service there as `explain` explains it."""
    subject = f"service/{story.name}/web"
    with web.page_of_controller(story.lab) as (_, target):
        page = Page(target.port, namespace=target.namespace)

        def shown() -> bool:
            found = next(page.overviews())
            assert f"{story.name}/web" in [row["name"] for row in found["services"]]
            good = {(row["node"], row["isGood"]) for row in found["peers"]}
            assert good >= {(node.name, True) for node in story.lab.nodes}, good
            return True

        story.wait("the page shows the Service and good sessions, which speakers report a second later", shown)

        def agrees() -> bool:
            words = [str(Path(sys.executable).with_name("kubectl-exalb")), "explain", subject, "--output=json"]
            said = target.namespace.run(words, check=False, env=dict(story.lab.environment()), stdout=subprocess.PIPE)
            assert json.loads(said.stdout) == page.answer(subject)
            return True

        story.wait("the page says what explain says", agrees)


def test_page_is_for_those_who_may_forward_ports(story: Story) -> None:
    """The API server refuses a person who has `view` alone: the page has no door of its own."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{story.name}-viewer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "viewer"}],
    }
    story.lab.apply([binding])
    forward = ("--as=viewer", f"--namespace={NAMESPACE}", "port-forward", "deployments/exalb-controller", ":7481")
    with pytest.raises(CommandError, match='cannot create resource "pods/portforward"'):
        story.lab.kubectl(*forward)
    story.lab.delete([binding])


def be_wrong_twice(story: Story) -> None:
    """Make the same mistake twice in a row: the controller counts the second one in the Event about the first."""
    path = f"/apis/{GROUP}/{VERSION}/bgppeers/{story.name}"

    def accepted(status: str) -> bool:
        found = story.lab.api.get(path).get("status", {}).get("conditions", [])
        return any((each["type"], each["status"]) == ("Accepted", status) for each in found)

    nowhere = {"nodeSelectors": [{"matchLabels": {"not": "there"}}]}
    good, wrong = objects.peer(story.name, **nowhere), objects.peer(story.name, template="not-there", **nowhere)
    for peer, status in ((wrong, "False"), (good, "True"), (wrong, "False")):
        story.lab.apply(peer)
        story.wait(f"the peer is accepted: {status}", partial(accepted, status))
    story.lab.delete([good])


def test_programs_use_every_right_and_ask_for_no_other(story: Story) -> None:
    do_everything(story)
    for program, seldom in (("controller", MARKS_SILENT), ("speaker", set[Right]())):
        story.wait(f"every {program} uses its rights", partial(uses_all_but, story.lab, program, seldom))
    assert not refused(story.lab)


@pytest.mark.release
@pytest.mark.timeout(400)
def test_controller_uses_its_right_to_mark_a_silent_speaker(story: Story) -> None:
    speakers = f"/apis/{GROUP}/{VERSION}/bgpspeakers"
    body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "BGPSpeaker", "metadata": {"name": story.name}}
    story.lab.api.request("POST", speakers, body)
    status = {"status": {"heartbeat": "2026-01-05T09:00:00Z"}}
    story.lab.api.request("PATCH", f"{speakers}/{story.name}/status", status, kind="application/merge-patch+json")
    do_everything(story)
    story.wait("it is marked", partial(uses_all_but, story.lab, "controller", set[Right]()), seconds=300)
    story.lab.api.request("DELETE", f"{speakers}/{story.name}")
