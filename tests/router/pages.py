"""Routers set up by nothing but the configuration that their page in docs/routers shows."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, ClassVar, Protocol

from exalb_bgp.rib import Address, Prefix
from exalb_bgp.session import Family
from tests.lab.network import Namespace
from tests.lab.routers.bird import BFD_ROW, Bird
from tests.lab.routers.frr import Frr
from tests.lab.routers.gobgp import GoBgp
from tests.lab.routers.router import Neighbor

Hops = Mapping[Address, int]
"""Where the router sends packets for a prefix: gateways, and their weights against one another."""


class ByPage(Protocol):
    """A router that runs what its page shows."""

    language: ClassVar[str]
    """The language of the code block with the configuration."""

    def follow(self, configuration: str) -> None:
        """Start with this configuration, word for word."""

    def hops(self, prefix: Prefix) -> Hops:
        """Return where packets for the prefix go now; empty without a route."""

    def prefixes(self) -> Collection[Prefix]:
        """Return the prefixes that it has routes for."""

    def add_bfd(self, *blocks: str) -> None:
        """Add what the page says about BFD."""

    def bfd_up(self) -> set[Address]:
        """Return the nodes with which it has a BFD session that is Up."""

    def stop(self) -> None:
        """End the router."""


class PageFrr(Frr):
    """FRR with the page's frr.conf, read as FRR's own start script reads it: by `vtysh -f`."""

    language: ClassVar[str] = "frr"

    def follow(self, configuration: str) -> None:
        """Start the daemons with nothing, and load the file."""
        self.start()
        self.add(configuration)

    def add(self, configuration: str) -> None:
        """Load more configuration, as if it were pasted into `vtysh`."""
        file = self.directory / "more.conf"
        file.write_text(configuration)
        self.namespace.run([*self.look.split(), "-f", file])

    def add_bfd(self, *blocks: str) -> None:
        """Load the block after that of GTSM."""
        self.add(blocks[1])

    def bfd_up(self) -> set[Address]:
        """Read `show bfd peers`."""
        return {address for address, session in self.bfd_sessions().items() if session.up}

    def _base(self) -> Iterator[str]:
        return iter(())

    def hops(self, prefix: Prefix) -> Hops:
        """Read the kernel's table."""
        return _kernel(self.namespace, prefix)


class PageBird(Bird):
    """BIRD with the page's bird.conf."""

    language: ClassVar[str] = "bird"
    _configuration = ""

    def follow(self, configuration: str) -> None:
        """Start BIRD with the file."""
        self._configuration = configuration
        self.start()

    def add_bfd(self, *blocks: str) -> None:
        """Put one block at the end of the file, and the other into the template; once is enough."""
        if blocks[0] in self._configuration:
            return
        head, begin, rest = self._configuration.partition("template bgp node {\n")
        self._configuration = f"{head}{begin}{blocks[1]}{rest}{blocks[0]}"
        self.configure()

    def bfd_up(self) -> set[Address]:
        """Read `show bfd sessions`; the page has no file with a log."""
        return {ip_address(name) for name, state in BFD_ROW.findall(self.birdc("show bfd sessions")) if state == "Up"}

    def _write(self, neighbors: tuple[Neighbor, ...]) -> None:
        assert not neighbors
        (self.directory / "bird.conf").write_text(self._configuration)

    def hops(self, prefix: Prefix) -> Hops:
        """Read the kernel's table."""
        return _kernel(self.namespace, prefix)

    def prefixes(self) -> Any:
        """Read the table; the protocols have names of the page's own."""
        return set(re.findall(r"^(\S+/\d+) ", self.birdc("show route"), re.MULTILINE))


class PageGoBgp(GoBgp):
    """GoBGP with the page's gobgpd.toml. It writes no kernel table; its best path counts."""

    language: ClassVar[str] = "toml"
    _configuration = ""

    def follow(self, configuration: str) -> None:
        """Start gobgpd with the file."""
        self._configuration = configuration
        self.start()

    def _write(self, neighbors: tuple[Neighbor, ...]) -> None:
        assert not neighbors
        (self.directory / "gobgpd.toml").write_text(self._configuration)

    def _answers(self, neighbors: int) -> bool:
        assert not neighbors
        return self.namespace.run(["gobgp", "neighbor"], check=False).returncode == 0

    def add_bfd(self, *blocks: str) -> None:
        """GoBGP has no BFD."""

    def bfd_up(self) -> set[Address]:
        """GoBGP has no BFD."""
        return set()

    def hops(self, prefix: Prefix) -> Hops:
        """Read its table: the best path, and with it those of the same local preference."""
        family = Family.of(prefix)
        paths: list[dict[str, Any]] = (self._json("global", "rib", "-a", family.value) or {}).get(str(prefix), [])
        best = [_preference(path) for path in paths if path["best"]]
        return {ip_address(path["neighbor-ip"]): 1 for path in paths if _preference(path) in best}


def _preference(path: dict[str, Any]) -> int:
    return next((int(each["value"]) for each in path["attrs"] if each["type"] == 5), 100)


def _kernel(namespace: Namespace, prefix: Prefix) -> Hops:
    argv = ["ip", f"-{prefix.version}", "-json", "route", "show", str(prefix)]
    for route in json.loads(namespace.run(argv).stdout or "[]"):
        return {ip_address(hop["gateway"]): hop.get("weight", 1) for hop in route.get("nexthops", [route])}
    return {}
