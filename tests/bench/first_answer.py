"""A person's first minutes: from a ready cluster to an answer from outside, by the commands that a person types."""

import time
from collections.abc import Iterator

from tests.bench.figures import SECONDS, Figure
from tests.bench.rig import CONFIGURATION, Rig
from tests.lab import exalb, images, wait

NAME = "first"


def first_answer(rig: Rig) -> Iterator[Figure]:
    """Install ExaLB, configure it, expose a Deployment, and ask it from the client."""
    lab = rig.lab
    exalb.ready_image(lab)
    lab.kubectl("delete", "deployment,service", NAME, "--ignore-not-found")
    begun = time.monotonic()
    exalb.install(lab)
    installed = time.monotonic() - begun
    lab.apply(CONFIGURATION)
    lab.kubectl("create", "deployment", NAME, f"--image={images.ECHO_HNAME}")
    lab.kubectl("expose", "deployment", NAME, "--type=LoadBalancer", "--port=80")
    jsonpath = "--output=jsonpath={.status.loadBalancer.ingress[0].ip}"
    address = wait.until("EXTERNAL-IP", lambda: lab.kubectl("get", "service", NAME, jsonpath), every=0.1)
    addressed = time.monotonic() - begun
    curl = ["curl", "--silent", "--fail", "--max-time", "1", f"http://{address}/"]
    wait.until("an answer", lambda: lab.client.run(curl, check=False).returncode == 0, every=0.02)
    answered = time.monotonic() - begun
    lab.kubectl("delete", "deployment,service", NAME)
    yield Figure("first-install", SECONDS, [installed])
    yield Figure("first-address", SECONDS, [addressed])
    yield Figure("first-answer", SECONDS, [answered])
