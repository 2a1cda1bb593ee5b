"""The upgrades that pages ask for to enable something: one value changes, and those of the installation stay."""

from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.chart import CHART, IMAGE, NAMESPACE
from tests.cluster.test_chart_first import cleared
from tests.lab.cluster import Lab
from tests.support.documented import commands, the_command
from tests.support.kubernetes.shell import must
from tests.support.tree import ROOT

PASSWORDS = commands("charts/exalb/README.md", "(kubectl create namespace|helm upgrade) .+")
BFD = the_command("docs/how-to/bfd.md", "helm upgrade .+")
L2 = the_command("docs/how-to/l2.md", "helm upgrade .+")
SECRETS = "bgp-passwords"


@pytest.fixture
def installed(release: Lab) -> Iterator[Lab]:
    """Return the lab with a release of the chart that has a value of its own; no pod of it runs."""
    with cleared(release):
        where = (f"--namespace={NAMESPACE}", "--create-namespace")
        release.helm("install", "exalb", str(CHART), *where, IMAGE, "--set=log.level=debug")
        yield release
        release.kubectl("delete", "namespace", SECRETS, "--ignore-not-found")


def containers(lab: Lab) -> set[str]:
    """Return the names of the speaker's containers."""
    found = lab.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/exalb-speaker")
    return {container["name"] for container in found["spec"]["template"]["spec"]["containers"]}


def test_upgrades_enable_what_their_page_says_and_keep_other_values(installed: Lab) -> None:
    assert containers(installed) == {"speaker", "bgp"}
    for line in [*PASSWORDS, BFD, L2]:
        must(installed, line, ROOT)
    assert containers(installed) == {"speaker", "bgp", "bfd", "l2"}
    roles = installed.api.items(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{SECRETS}/roles")
    assert [rule["resources"] for role in roles for rule in role["rules"]] == [["secrets"]]
    values = yaml.safe_load(installed.helm("get", "values", "exalb", f"--namespace={NAMESPACE}", "--output=yaml"))
    assert values == {
        "image": {"repository": IMAGE.partition("repository=")[2]},
        "log": {"level": "debug"},
        "passwords": {"namespace": SECRETS},
        "speaker": {"bfd": {"enabled": True}, "l2": {"enabled": True}},
    }
