"""A speaker writes the BGPSpeaker of its own node alone: by the node that its token names, on a real API server."""

import json
from collections.abc import Callable, Iterator

import pytest

from exalb.resources.common import GROUP, VERSION
from tests.cluster.chart import NAMESPACE, in_force
from tests.lab import wait
from tests.lab.api import Json
from tests.lab.cluster import CommandError, Lab
from tests.lab.nodeconfig import api_url

KINDS = {
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
Speak = Callable[..., str]
MANIFEST = ("--validate=false", "--filename=-")
STATUS = ("--server-side", "--subresource=status", *MANIFEST)


@pytest.fixture
def speaker(release: Lab) -> Iterator[Speak]:
    """Return kubectl with the token of a speaker's pod on node `mine`."""
    node: Json = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "mine"}}
    objects = [node, pod("speaker-on-mine", "mine")]
    with in_force(release, KINDS):
        release.apply(objects)
        yield speaker_of_mine(release)
        release.delete(objects)
        release.kubectl("delete", "bgpspeakers", "--all")


def speaker_of_mine(release: Lab) -> Speak:
    """Return kubectl with the token of the pod, once the policy is in force."""
    bound = ["--bound-object-kind=Pod", "--bound-object-name=speaker-on-mine"]
    token = release.kubectl("create", "token", "exalb-speaker", f"--namespace={NAMESPACE}", *bound).strip()
    user = ["--kubeconfig=/dev/null", f"--server={api_url()}", f"--token={token}"]
    authority = f"--certificate-authority={release.layout.state}/pki/ca.crt"
    speak: Speak = lambda *arguments, given="": release.kubectl(*user, authority, *arguments, given=given)  # noqa: E731

    def refused() -> bool:
        try:
            speak("create", "--dry-run=server", *MANIFEST, given=report("probe"))
        except CommandError as error:
            return "may write its own BGPSpeaker alone" in str(error)
        return False

    # The API server takes a new policy up within a second or so.
    wait.until("the policy is in force", refused, seconds=30)
    return speak


def test_own_report_is_written(speaker: Speak) -> None:
    speaker("create", *MANIFEST, given=report("mine"))
    assert speaker("apply", *STATUS, given=report("mine")) == "bgpspeaker.exalb.io/mine serverside-applied\n"


def test_report_of_another_node_is_refused(release: Lab, speaker: Speak) -> None:
    sentence = "the speaker of node 'mine' may write its own BGPSpeaker alone, not 'theirs'"
    with pytest.raises(CommandError, match=sentence):
        speaker("create", *MANIFEST, given=report("theirs"))
    release.apply(report("theirs"))
    with pytest.raises(CommandError, match=sentence):
        speaker("apply", *STATUS, given=report("theirs"))


@pytest.mark.usefixtures("speaker")
def test_token_that_names_no_node_is_refused(release: Lab) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:exalb-speaker"
    with pytest.raises(CommandError, match="the speaker of node '' may write its own BGPSpeaker alone"):
        release.kubectl("create", f"--as={account}", *MANIFEST, given=report("mine-too"))


@pytest.mark.usefixtures("speaker")
def test_others_are_not_concerned(release: Lab) -> None:
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
