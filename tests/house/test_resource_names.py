"""Commands name our resources by full or short names, which mean ours where Calico or MetalLB is installed too."""

import ast
import re
from collections.abc import Iterator

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP
from tests.support.documents import pages
from tests.support.tree import ROOT, files, sources

NAMES = "|".join(name for resource in RESOURCES for name in (resource.plural, resource.kind.lower()))
BARE = re.compile(rf"\bkubectl\b[^|;#]*[\s,/=]({NAMES})\b(?!\.{re.escape(GROUP)}|\.metallb\.io|-)")
"""A command with the plural or the singular of a kind, and without its group or MetalLB's."""


def _commands() -> Iterator[tuple[str, str]]:
    for page in pages():
        yield from ((page.name, line) for line in page.code())
    for path in [*files(".txt", ".tpl", ".yaml"), ROOT / "Makefile"]:
        yield from ((path.name, line) for line in path.read_text().splitlines())
    lab = [path for path in files(".py") if path.is_relative_to(ROOT / "tests" / "lab")]
    for path in [*sources(), *lab]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, node.value


def test_commands_mean_our_resources() -> None:
    commands = [(where, line) for where, line in _commands() if "kubectl" in line]
    assert len(commands) > 30
    assert not [f"{where}: {line.strip()}" for where, line in commands if BARE.search(line)]


def test_bare_names_are_found() -> None:
    assert BARE.search("kubectl delete bgppeers --all")
    assert BARE.search("kubectl get nodes,ipaddresspools")
    assert BARE.search("kubectl describe bgppeer tor")
    assert BARE.search("kubectl explain bgppeer.spec")
    assert not BARE.search(f"kubectl delete bgppeers.{GROUP} --all")
    assert not BARE.search("kubectl get bgppeers.metallb.io")
    assert not BARE.search("kubectl get exapeer")
