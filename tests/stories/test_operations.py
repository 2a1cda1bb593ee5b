"""The commands of the page for operators, run word for word."""

import json
import re
import textwrap
from pathlib import Path

from tests.stories.story import Story
from tests.support.documents import Page
from tests.support.kubernetes.shell import shell
from tests.support.tree import ROOT

OPERATIONS = Page(ROOT / "docs" / "operations.md")


def test_service_shows_reason_and_controller_makes_plans(story: Story, tmp_path: Path) -> None:
    """The condition of a Service in a line; the plan of the cluster as it stands, and with a change."""
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [address] = story.wait_addresses("web")
    [condition] = [line for line in OPERATIONS.code() if line.startswith("kubectl get service web ")]
    done = shell(story.lab, f"{condition} --namespace={story.name}", tmp_path)
    assert f"Assigned: {address} from pool {story.name}\n" in done.stdout

    block = re.search(r"^    kinds=.*\n(?:    .+\n)+", OPERATIONS.text, re.MULTILINE)
    assert block
    (tmp_path / "change.yaml").write_text(json.dumps(story.service("planned")))
    plans = shell(story.lab, textwrap.dedent(block[0]), tmp_path)
    assert plans.returncode in {0, 1}, plans.stderr
    now, changed = re.split(r"^Services$", plans.stdout, flags=re.MULTILINE)[1:]
    row = re.compile(rf"^{story.name}/web +{re.escape(address)} ", re.MULTILINE)
    for plan in (now, changed):
        assert row.search(plan), plans.stderr
        assert all(f"node {node.name} " in plan for node in story.lab.nodes)
    assert f"{story.name}/planned" in changed
    assert f"{story.name}/planned" not in now
    assert "planned" not in story.kubectl("get", "services", "--output=name")
