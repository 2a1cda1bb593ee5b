"""A real ExaBGP whose driver is informed that BFD failed."""

from dataclasses import replace

from exalb_bgp.rib import Attributes
from exalb_bgp.session import State
from exalb_bgp.speaker import Speaker
from tests.exabgp.test_exabgp import PREFIXES
from tests.support.bgp.listener import Listener
from tests.support.engine.process import Node, settled, to, until

REASON = "BFD is Down: control detection time expired"


async def test_session_is_closed_and_comes_back_with_its_table(node: Node) -> None:
    table = dict.fromkeys(PREFIXES[:4], Attributes())
    async with Listener() as router, node.driver() as driver:
        driver.apply(Speaker({"tor": replace(to(router), graceful_restart=30)}, {"tor": table}))
        await settled(driver)
        driver.bfd_failed("tor", REASON)
        await until(driver, lambda: driver.status().sessions["tor"].counts.closed == 1)
        assert driver.status().sessions["tor"].last_error == REASON
        await until(driver, lambda: driver.status().sessions["tor"].counts.established == 2)
        await settled(driver)
        await router.holds(set(table))
        assert router.connections == 2
        assert driver.status().sessions["tor"].state is State.ESTABLISHED


async def test_unknown_session_is_none(node: Node) -> None:
    async with Listener() as router, node.driver() as driver:
        driver.bfd_failed("tor", REASON)
        driver.apply(Speaker({"tor": to(router)}))
        driver.bfd_failed("other", REASON)
        await settled(driver)
        assert driver.status().sessions["tor"].counts.closed == 0
