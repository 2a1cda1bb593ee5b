"""The migration from MetalLB on real nodes: no address changes, no route is ever absent, and no request is lost."""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest
import yaml

from exalb_bgp.rib import Address, Prefix
from tests.lab import wait
from tests.stories import metallb
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, pods_on, wait_rules
from tests.support.documented import commands, the_command
from tests.support.kernel import KernelRoutes
from tests.support.kubernetes.metallb import COMPLETE, Command
from tests.support.note import Note

RATE = 100.0
MIGRATE = the_command("docs/migrate/metallb.md", "exalb migrate metallb > exalb.yaml")
FROM_MANIFESTS = commands("docs/migrate/metallb.md", r"kubectl get .+ > \w+.yaml|\(cat .+")
STEPS = the_command("docs/migrate/metallb.md", ".+ --steps")
CHECK = the_command("docs/migrate/metallb.md", ".+ --check")
BACK = the_command("docs/migrate/metallb.md", "kubectl label node NODE .+")
ALL_NODES = the_command("docs/migrate/metallb.md", ".+ --all-nodes .+")
LABEL = "exalb.io/migration"


@pytest.fixture
def held(story: Story, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return three Services with addresses of MetalLB, two of which share theirs; its speakers announce them."""
    story.lab.delete([*story.peers(), story.pool()])
    for node in story.lab.nodes:
        pods_on(story, node.name, 1)
    first, second = (str(story.pool4[number]) for number in (9, 20))
    addresses = {"first": first, "second": second, "third": second}
    try:
        metallb.install(story, addresses, tmp_path)
        story.wait_routes(_routes(story, addresses), TIMEOUT)
        yield addresses
    finally:
        metallb.uninstall(story)
        story.kubectl("delete", "service", *addresses, "--ignore-not-found")
        _remove(story, tmp_path / "exalb.yaml")


@pytest.fixture
def command(story: Story, tmp_path: Path) -> Command:
    """Return the command as an administrator runs it."""
    return Command(story.lab, story.lab.layout.kubeconfig, tmp_path)


def _remove(story: Story, written: Path) -> None:
    """Remove ExaLB's objects and the labels, however far the migration came."""
    if written.exists():
        story.lab.kubectl("annotate", "ipaddresspools.exalb.io", "--all", "exalb.io/allow-deletion=true")
        story.lab.delete(written.read_text())
    story.lab.kubectl("label", "nodes", "--all", f"{LABEL}-")


def _routes(story: Story, addresses: dict[str, str]) -> dict[Prefix, frozenset[Address]]:
    everyone = frozenset(node.addresses[0] for node in story.lab.nodes)
    return {ip_network(address): everyone for address in addresses.values()}


def _held(story: Story, addresses: dict[str, str]) -> dict[str, str]:
    return {name: " ".join(story.addresses(name)) for name in addresses}


def _run_first_chapter(person: Command) -> None:
    """Run the commands of the page that only look; manifests give the same objects as the cluster does."""
    person.must(MIGRATE)
    live = (person.folder / "exalb.yaml").read_text()
    for line in FROM_MANIFESTS:
        person.must(line)
    assert (person.folder / "exalb.yaml").read_text() == live
    person.must(STEPS)
    assert "next: " in person.shell(CHECK).stdout
    person.must(ALL_NODES)
    [peer] = (raw for raw in yaml.safe_load_all((person.folder / "exalb.yaml").read_text()) if raw["kind"] == "BGPPeer")
    assert "nodeSelectors" not in peer["spec"]


def _take(command: Command, title: str, lines: list[str]) -> None:
    """Run the commands of a step, and return as soon as `--check` calls it done: the next one may follow at once."""
    for line in lines:
        command.must(line)
    wait.until(f"done: {title}", lambda: command.next_step()[0] != title, seconds=TIMEOUT, every=1)


def _bring_back(story: Story, command: Command, name: str, addresses: dict[str, str]) -> None:
    """Give a node back to MetalLB, by the command of the page; return when its speaker announces everything again."""
    address = story.lab.node(name).addresses[0]
    before = story.router.peerings()[address].connections
    command.must(BACK.replace("NODE", name))

    def returned() -> bool:
        return story.router.peerings()[address].connections > before

    wait.until(f"MetalLB has a session from {name}", returned, seconds=TIMEOUT)
    story.wait_routes(_routes(story, addresses), TIMEOUT)


@pytest.mark.release
@pytest.mark.timeout(1200)
def test_migration_changes_no_address_and_loses_no_request(
    story: Story, held: dict[str, str], command: Command, note: Note
) -> None:
    """The printed commands are run to the end, each as soon as it is offered; one node goes back in between."""
    prefixes = {ip_network(address) for address in held.values()}
    for prefix in prefixes:
        wait_rules(story, IPv4Address(prefix.network_address))
    _run_first_chapter(command)
    titles: list[str] = []
    with KernelRoutes(story.network) as kernel, asking(story, IPv4Address(held["first"]), RATE) as answers:
        while (step := command.next_step())[0] != COMPLETE:
            assert len(titles) < 20, titles
            if step[0].startswith("Move node n2") and "back" not in titles:
                _bring_back(story, command, "n1", held)
                titles.append("back")
                step = command.next_step()
            titles.append(step[0])
            _take(command, *step)
            assert _held(story, held) == held, step[0]
        story.wait_routes(_routes(story, held), TIMEOUT)
    moves = [change.time for change in kernel.changes if change.prefix in prefixes]
    absent = [change for change in kernel.changes if change.prefix in prefixes and not change.gateways]
    answers.note(note, "requests through the whole migration")
    assert answers.lost(moves) == [], moves
    assert answers.total > RATE
    assert absent == [], "an address had no route"
    assert len(moves) > 4, "each move of a node changes the routes"
    taken = " ".join(title.split()[0] for title in titles)
    assert taken == "Let Stop Apply Move back Move Move Let Uninstall"
