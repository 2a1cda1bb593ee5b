"""The commands of the page for operators, run word for word."""

import json
import re
from pathlib import Path

from tests.stories.story import Story
from tests.support.documented import commands, the_command
from tests.support.kubernetes.shell import shell

CONDITION = the_command("docs/operations.md", "kubectl get service web -o jsonpath.+")
PLANS = commands("docs/operations.md", r"kinds=.+|.+\$kinds .+", but="docker")


def test_service_shows_reason_and_controller_makes_plans(story: Story, tmp_path: Path) -> None:
    """The condition of a Service in a line; the plan of the cluster as it stands, and with a change."""
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [address] = story.wait_addresses("web")
    done = shell(story.lab, f"{CONDITION} --namespace={story.name}", tmp_path)
    assert f"Assigned: {address} from pool {story.name}\n" in done.stdout

    (tmp_path / "change.yaml").write_text(json.dumps(story.service("planned")))
    plans = shell(story.lab, "\n".join(PLANS), tmp_path)
    assert plans.returncode in {0, 1}, plans.stderr
    now, changed = re.split(r"^Services$", plans.stdout, flags=re.MULTILINE)[1:]
    row = re.compile(rf"^{story.name}/web +{re.escape(address)} ", re.MULTILINE)
    for plan in (now, changed):
        assert row.search(plan), plans.stderr
        assert all(f"node {node.name} " in plan for node in story.lab.nodes)
    assert f"{story.name}/planned" in changed
    assert f"{story.name}/planned" not in now
    assert "planned" not in story.kubectl("get", "services", "--output=name")
