"""A speaker may write only the BGPSpeaker of the node that its token names, on a real API server."""

import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from exalb.api.schema import GROUP, VERSION
from tests.cluster.chart import NAMESPACE, POLICY, in_force, wait_refused
from tests.lab.api import Json
from tests.lab.cluster import CommandError, Lab
from tests.lab.nodeconfig import api_url

KINDS = {
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    *POLICY,
}
Speak = Callable[..., str]
MANIFEST = ("--validate=false", "--filename=-")
STATUS = ("--server-side", "--subresource=status", *MANIFEST)


@pytest.fixture
def speaker(release: Lab) -> Iterator[Speak]:
    """Return kubectl with the token of a speaker's pod on node `mine`."""
    node: Json = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "mine"}}
    objects = [node, pod("speaker-on-mine", "mine")]
    with in_force(release, KINDS, only="exalb-speaker"):
        release.apply(objects)
        yield speaker_of_mine(release)
        release.delete(objects)
        release.kubectl("delete", "bgpspeakers.exalb.io", "--all")


def speaker_of_mine(release: Lab) -> Speak:
    """Return kubectl with the token of the pod, once the policy is active."""
    bound = ["--bound-object-kind=Pod", "--bound-object-name=speaker-on-mine"]
    token = release.kubectl("create", "token", "exalb-speaker", f"--namespace={NAMESPACE}", *bound).strip()
    user = ["--kubeconfig=/dev/null", f"--server={api_url()}", f"--token={token}"]
    authority = f"--certificate-authority={release.layout.state}/pki/ca.crt"
    speak: Speak = lambda *arguments, given="": release.kubectl(*user, authority, *arguments, given=given)  # noqa: E731

    probe = partial(speak, "create", "--dry-run=server", *MANIFEST, given=report("probe"))
    wait_refused(probe, "may write only its own BGPSpeaker")
    return speak


def test_own_report_is_written(speaker: Speak) -> None:
    speaker("create", *MANIFEST, given=report("mine"))
    assert speaker("apply", *STATUS, given=report("mine")) == "bgpspeaker.exalb.io/mine serverside-applied\n"


def test_report_of_another_node_is_refused(release: Lab, speaker: Speak) -> None:
    sentence = "the speaker of node 'mine' may write only its own BGPSpeaker, not 'theirs'"
    with pytest.raises(CommandError, match=sentence):
        speaker("create", *MANIFEST, given=report("theirs"))
    release.apply(report("theirs"))
    with pytest.raises(CommandError, match=sentence):
        speaker("apply", *STATUS, given=report("theirs"))


@pytest.mark.usefixtures("speaker")
def test_token_that_names_no_node_is_refused(release: Lab) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:exalb-speaker"
    with pytest.raises(CommandError, match="the speaker of node '' may write only its own BGPSpeaker"):
        release.kubectl("create", f"--as={account}", *MANIFEST, given=report("mine-too"))


@pytest.mark.usefixtures("speaker")
def test_policy_does_not_affect_other_users(release: Lab) -> None:
    release.apply(report("anything"))
    release.delete(report("anything"))


def pod(name: str, node: str) -> Json:
    """Return a pod of the speaker that is bound to a node; nothing runs it."""
    spec = {
        "serviceAccountName": "exalb-speaker",
        "automountServiceAccountToken": False,
        "nodeName": node,
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "speaker", "image": "speaker"}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def report(node: str) -> str:
    """Return a BGPSpeaker."""
    identity = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "BGPSpeaker", "metadata": {"name": node}}
    return json.dumps({**identity, "status": {"prefixes": 1}})
