"""The lab itself: two stand side by side, and nothing of one is left, however it ended."""

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

from tests.lab import fixtures, network, sweep, wait
from tests.lab.__main__ import left_behind
from tests.lab.cluster import Lab
from tests.lab.daemon import Identity
from tests.lab.images import CHECKOUT, ECHO_HNAME
from tests.lab.layout import PART_OF, Layout
from tests.lab.node import Node

CONNECTION = ["--proto=tcp", "--src=203.0.113.9", "--dst=198.51.100.9", "--sport=4444", "--dport=80"]
STATE = ["--state=ESTABLISHED", "--status=SEEN_REPLY", "--timeout=3600"]
"""Of conntrack(8)."""
HOLDER = """
import signal, sys
from tests.lab.cluster import Lab
Lab(sys.argv[1]).up(1)
print("up", flush=True)
signal.pause()
"""


def _settings() -> str:
    """Read settings of the whole machine that a node's programs would like to change."""
    names = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")
    return " ".join((Path("/proc/sys") / name).read_text().strip() for name in names)


def _mounts(name: str) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"/{name}" in line]


def _curl(lab: Lab, host: str) -> str:
    argv = ["curl", "--silent", "--max-time", "2", f"http://{host}/"]
    return lab.client.run(argv, check=False).stdout.strip()


def test_pods_answer_a_client_and_two_labs_are_separate(nodes: Lab) -> None:
    """Equal addresses in two labs lead to the pods of the lab one is in."""
    before = _settings()
    other = Lab(f"{nodes.name}x")
    other.up(1)
    try:
        for lab in (nodes, other):
            lab.kubectl("create", "namespace", "side")
            lab.kubectl("--namespace=side", "create", "deployment", "echo", f"--image={ECHO_HNAME}")
        for lab in (nodes, other):
            lab.kubectl("--namespace=side", "rollout", "status", "deployment/echo", "--timeout=60s")
            [pod] = lab.api.items("/api/v1/namespaces/side/pods")
            for address in pod["status"]["podIPs"]:
                host = address["ip"] if "." in address["ip"] else f"[{address['ip']}]"
                answer = wait.until(f"{host} answers", partial(_curl, lab, host))
                assert answer == pod["metadata"]["name"]
    finally:
        other.down()
        nodes.kubectl("delete", "namespace", "side", "--ignore-not-found", "--wait=false")
    assert sweep.traces(other.layout) == []
    assert _mounts(other.name) == []
    assert _settings() == before
    assert nodes.is_up


def test_killed_run_leaves_nothing(nodes: Lab) -> None:
    """A lab's owner gets kill -9: the reaper clears the lab away."""
    name = f"{nodes.name}k"
    with subprocess.Popen([sys.executable, "-c", HOLDER, name], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        assert run.stdout.readline() == "up\n"
        run.send_signal(signal.SIGKILL)
    wait.until("nothing is left of the lab", lambda: not sweep.traces(Layout(name)), seconds=30, every=0.2)


def test_incomplete_lab_is_removed(nodes: Lab) -> None:
    """A namespace with a process in it is removed by its name alone, without a record of either."""
    name = f"{nodes.name}h"
    namespace = network.Namespace.create(name, "n1")
    environment = {**os.environ, PART_OF: name}
    with namespace.popen(["cat"], env=environment, stdin=subprocess.PIPE) as process:
        wait.until("the process is seen", lambda: f"process {process.pid} cat" in sweep.traces(Layout(name)))
        Lab(name).down()
        assert process.wait() == -signal.SIGKILL
    assert sweep.traces(Layout(name)) == []


def test_process_with_an_exported_name_is_no_trace() -> None:
    """A person exports EXALB_LAB, and then every shell, make and command of theirs has it."""
    environment = {**os.environ, "EXALB_LAB": "nosuchlab"}
    with subprocess.Popen(["cat"], env=environment, stdin=subprocess.PIPE) as process:
        environ = Path(f"/proc/{process.pid}/environ")
        wait.until("its environment is readable", lambda: b"EXALB_LAB=nosuchlab" in environ.read_bytes())
        assert sweep.traces(Layout("nosuchlab")) == []


def test_node_restarts_after_a_loss_of_power(nodes: Lab) -> None:
    """A killed node keeps its disk: its kubelet reports again, with its images. Its kernel remembers nothing."""
    lab = Lab(f"{nodes.name}p")
    lab.up(1)
    try:
        node = lab.node("n1")
        images = _images(node)
        wait.until("kubelet reports", lambda: _sign_of_life(lab))
        node.run(["conntrack", "--create", *CONNECTION, *STATE])
        node.run(["nft", "add", "table", "ip", "left"])
        node.kill()
        assert node.pid is None
        last_sign = _sign_of_life(lab)
        node.start()
        assert "table ip left" not in node.run(["nft", "list", "tables"]).stdout
        assert node.run(["conntrack", "--dump", *CONNECTION]).stdout == ""
        wait.until("kubelet reports again", lambda: _sign_of_life(lab) > last_sign)
        assert images <= _images(node)
    finally:
        lab.down()


def _images(node: Node) -> set[str]:
    return set(node.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"]).stdout.split())


def _sign_of_life(lab: Lab) -> str:
    """Return when kubelet of n1 last renewed its lease; such times compare as they are written."""
    lease = lab.api.find("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1")
    assert lease, "kubelet has no lease yet"
    return str(lease["spec"]["renewTime"])


def test_interrupt_reports_the_lab_that_is_left(nodes: Lab) -> None:
    """Ctrl-C in the shell of a lab ends the shell only."""
    argv = ["env", "--default-signal=INT", sys.executable, "-m", "tests.lab", "--name", nodes.name, "shell"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=CHECKOUT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("echo the shell runs\n")
        process.stdin.flush()
        assert "the shell runs\n" in process.stdout
        process.send_signal(signal.SIGINT)
        assert f"Interrupted: lab {nodes.name} is still there" in process.stdout.read()
        assert process.wait() == 130
    assert nodes.is_up
    assert left_behind(Lab(f"{nodes.name}z")) == "nothing is left."


def test_wrappers_work_first_in_the_path(nodes: Lab) -> None:
    """A wrapper calls the program of its name, and not itself."""
    path = f"{nodes.layout.bin}:{os.environ['PATH']}"
    script = "kubectl get nodes --output=name && vtysh -c 'show version' && curl --version && helm version"
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for word in ("node/n2", "FRRouting", "libcurl", "version.BuildInfo"):
        assert word in done.stdout
    curl = subprocess.run(
        [nodes.layout.bin / "curl", "file:///etc/hostname"], capture_output=True, text=True, check=True
    )
    assert curl.stdout
    assert not curl.stderr, "progress is not shown without a terminal"


def test_starting_lab_is_not_removed() -> None:
    """Another run sees the lab between its owner's and its reaper's note, and waits for the lock."""
    lab, me = Layout(f"t{os.getpid():x}"), Identity.of(os.getpid())
    assert me
    with sweep.alone(lab):
        me.write(lab.owner)
        other = threading.Thread(target=fixtures.clear_abandoned, args=(lab,))
        other.start()
        wait.until("the other run waits for the lock", lambda: _is_awaited(lab.state.stat().st_ino))
        me.write(lab.reaper)
    other.join()
    kept = lab.owner.exists()
    lab.reaper.unlink(missing_ok=True)
    fixtures.clear_abandoned(lab)
    assert kept
    assert not lab.state.exists()


def _is_awaited(inode: int) -> bool:
    lines = Path("/proc/locks").read_text().splitlines()
    return any("-> FLOCK" in line and f":{inode} " in line for line in lines)
