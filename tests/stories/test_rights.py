"""The chart grants what the programs use, and nothing else: its rights, and the audit log of the run's lab."""

from functools import partial

import pytest

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP, VERSION
from tests.lab.cluster import Lab
from tests.lab.exalb import NAMESPACE
from tests.stories.story import Story
from tests.support import objects
from tests.support.kubernetes.rights import Right, refused, rights, unused

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
    story.lab.delete([advertisement, lan, community])


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
