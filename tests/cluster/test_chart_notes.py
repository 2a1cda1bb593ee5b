"""The notes of `helm install`: the steps that remain in this cluster, with commands that work."""

import re
import shlex
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.chart import CHART, IMAGE
from tests.lab import wait
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.support.kubernetes.definitions import stand_in
from tests.support.kubernetes.world import World

Notes = Callable[..., str]
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
ENFORCED = "pod-security.kubernetes.io/enforce"
DAEMON_SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
FIRST = (
    *("first.addresses={198.51.100.0/24}", "first.peerAddress=203.0.113.1"),
    *("first.myASN=64512", "first.peerASN=64513"),
)


@pytest.fixture
def notes(cluster: Lab, world: World) -> Notes:
    """Return a function: the notes of an installation with these values, into the namespace of the test."""
    names = ("--set=crds.install=false", "--set=fullnameOverride=notes")

    def printed(*values: str) -> str:
        chosen = [f"--set={value}" for value in values]
        command = ("install", "notes", str(CHART), f"--namespace={world.namespace}", "--dry-run=server")
        text = cluster.helm(*command, IMAGE, *names, *chosen).partition("NOTES:\n")[2]
        assert "is installed in namespace" in text
        return text

    return printed


@pytest.fixture
def metallb(cluster: Lab) -> Iterator[Lab]:
    """Return the lab, whose API server knows a kind of MetalLB."""
    made = stand_in("metallb.io", "ServiceBGPStatus", "servicebgpstatuses", ["v1beta1"])
    cluster.apply([made])
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{made['metadata']['name']}")
    yield cluster
    cluster.delete([made])


def run(lab: Lab, text: str, start: str, namespace: str = "default") -> str:
    """Run the one command of the notes that begins so, with this namespace as that of the context; return it."""
    [line] = [line.strip() for line in text.splitlines() if line.strip().startswith(start)]
    lab.kubectl(f"--namespace={namespace}", *shlex.split(line)[1:])
    return line


def test_notes_have_objects_that_the_api_server_accepts(cluster: Lab, notes: Notes) -> None:
    text = notes()
    assert "Two steps remain" in text
    [block] = re.findall(r"<<EOF\n(.*?)\n +EOF\n", text, re.DOTALL)
    given = "\n".join(line.removeprefix("   ") for line in block.splitlines())
    output = cluster.kubectl("apply", "--dry-run=server", "--filename=-", given=given)
    assert output.count("(server dry run)") == 2


def test_notes_have_commands_that_work(cluster: Lab, world: World, notes: Notes) -> None:
    """Those that give an address and look at the result; `kubectl expose` needs only a Deployment, and no pod."""
    cluster.kubectl("create", "deployment", "web", "--image=web", f"--namespace={world.namespace}")
    world.custom("bgppeers", "BGPPeer", "router", {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"})
    text = notes(*FIRST)
    for start in ("kubectl expose deployment NAME", "kubectl get services,exalb", "kubectl describe bgppeers.exalb.io"):
        run(cluster, text.replace(" NAME ", " web "), start.replace("NAME", "web"), world.namespace)
    assert world.api.get(f"{world.services}/web")["spec"]["type"] == "LoadBalancer"


def test_notes_have_no_other_command() -> None:
    """A new kind of command in them needs a test here; stories/test_documented_commands forwards the port."""
    verbs = re.findall(r"^ +kubectl ([\w-]+)", (CHART / "templates" / "NOTES.txt").read_text(), re.MULTILINE)
    assert set(verbs) == {"apply", "expose", "get", "describe", "label", "port-forward"}


def test_notes_do_not_ask_for_a_pool_that_values_give(notes: Notes) -> None:
    text = notes(*FIRST)
    assert "are created once" in text
    assert "kubectl apply" not in text


def test_notes_say_how_to_open_the_page_where_it_is_served(world: World, notes: Notes) -> None:
    assert "port-forward" not in notes()
    text = notes("controller.page.enabled=true", "controller.page.port=8082")
    [line] = [line.split() for line in text.splitlines() if "kubectl port-forward" in line]
    assert line[2:] == ["--namespace", world.namespace, "deployments/notes-controller", "8082"]
    assert "http://127.0.0.1:8082/ " in text


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_notes_have_the_label_of_a_namespace_that_enforces_pod_security(
    cluster: Lab, world: World, notes: Notes, level: str
) -> None:
    world.change(f"/api/v1/namespaces/{world.namespace}", {"metadata": {"labels": {ENFORCED: level}}})
    text = notes()
    assert f'enforces the Pod Security Standard "{level}"' in text
    line = run(cluster, text, "kubectl label namespace")
    assert line == f"kubectl label namespace {world.namespace} --overwrite {ENFORCED}=privileged"
    assert "Pod Security" not in notes()


def test_notes_have_the_label_for_a_cluster_that_enforces_pod_security_by_default(
    cluster: Lab, world: World, notes: Notes
) -> None:
    text = notes()
    assert "If no pod notes-speaker appears" in text
    assert run(cluster, text, "kubectl label namespace").endswith(f"{world.namespace} {ENFORCED}=privileged")
    assert "Pod Security" not in notes()


def test_notes_have_the_command_for_nodes_that_are_all_excluded(cluster: Lab, world: World, notes: Notes) -> None:
    for number, name in enumerate(("n1", "n2"), 1):
        world.node(name, f"203.0.113.1{number}")
        world.change(f"/api/v1/nodes/{name}", {"metadata": {"labels": {EXCLUDED: ""}}})
    text = notes()
    assert "no node announces an address" in text
    assert EXCLUDED not in notes("ignoreExcludeLabel=true")
    assert run(cluster, text, "kubectl label nodes") == f"kubectl label nodes n1 n2 {EXCLUDED}-"
    assert EXCLUDED not in notes()


def test_notes_do_not_mind_one_excluded_node(world: World, notes: Notes) -> None:
    for number, name in enumerate(("n1", "n2"), 1):
        world.node(name, f"203.0.113.1{number}")
    world.change("/api/v1/nodes/n1", {"metadata": {"labels": {EXCLUDED: ""}}})
    assert EXCLUDED not in notes()


def test_notes_name_the_option_that_ends_servicelb_of_k3s(world: World, notes: Notes) -> None:
    world.node("n1", "203.0.113.11")
    assert "k3s" not in notes()
    world.change("/api/v1/nodes/n1/status", {"status": {"nodeInfo": {"kubeletVersion": "v1.35.1+k3s1"}}})
    text = notes()
    assert "This cluster runs k3s" in text
    assert "--disable servicelb" in text
    assert "k3s" not in notes("requireClass=true")


@pytest.mark.usefixtures("metallb")
def test_notes_name_the_value_that_separates_exalb_from_metallb(notes: Notes) -> None:
    sentence = "MetalLB's resources are in this cluster"
    wait.until("the API server lists MetalLB's kind", lambda: sentence in notes(), seconds=30)
    text = notes("loadBalancerClass=example.org/edge")
    assert "Set requireClass=true" in text
    assert "spec.loadBalancerClass: example.org/edge" in text
    assert "MetalLB" not in notes("requireClass=true")


def test_notes_name_the_value_for_cilium_without_kube_proxy(world: World, notes: Notes) -> None:
    daemon_set(world, "cilium")
    assert "kube-proxy" not in notes()
    world.node("n1", "203.0.113.11")
    text = notes()
    assert "Cilium runs without kube-proxy" in text
    assert "Set speaker.dataPlane=off" in text
    assert "kube-proxy" not in notes("speaker.dataPlane=off")
    daemon_set(world, "kube-proxy")
    assert "kube-proxy" not in notes()


def daemon_set(world: World, name: str) -> None:
    """Make a DaemonSet in kube-system; it goes with the objects of the test."""
    labels = {"k8s-app": name}
    pod: Json = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "main"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    world.made.append(f"{DAEMON_SETS}/{name}")
    world.create(DAEMON_SETS, {"metadata": {"name": name}, "spec": spec})
