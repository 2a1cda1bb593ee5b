"""The web page in Chromium: what a person sees, by keyboard, in a small window, with a thousand Services."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from exalb.explain.observed import Observed
from exalb.web.overviews import NotListedError
from exalb.web.server import Answer, Server
from exalb.web.view import overview
from tests.lab import fixtures, packages
from tests.support.browser import Tab, tab
from tests.support.objects import Object, assigned_service, condition, endpoints, l2_speaker, node, peer, pool, service
from tests.support.observing import SINCE, down, observed, session, speaker

pytestmark = pytest.mark.release
AXE = files("axe_core_python") / "axe.min.js"
UP = "document.querySelector('#state').textContent !== 'connecting …'"


@pytest.fixture(scope="module", autouse=True)
def chromium() -> None:
    """Install the browser, or skip."""
    fixtures.require(packages.BROWSER)


@dataclass
class Cluster:
    """A cluster in memory; `show` has every page show another state."""

    now: Observed
    missing: str = ""
    """Why it cannot be listed; empty where it can."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def ask(self, question: Callable[[Observed], Answer]) -> Answer:
        """Ask the present state."""
        return await asyncio.to_thread(question, self.now)

    async def overviews(self) -> AsyncGenerator[str, None]:
        """Yield the overview of each state."""
        if self.missing:
            raise NotListedError(self.missing)
        while True:
            shown = self.now
            yield json.dumps(overview(shown))
            async with self.changed:
                while self.now is shown:
                    await self.changed.wait()

    async def show(self, now: Observed) -> None:
        """Take another state."""
        async with self.changed:
            self.now = now
            self.changed.notify_all()


def shop(count: int, *more: Object) -> Observed:
    """Return a cluster with so many announced Services, one that has no address, and a session that is down."""
    said = condition("exalb.io/Announced", "True", "Announced", "announced by 2 nodes to 1 peer")
    served = [assigned_service(f"shop/web-{n:04}", f"198.51.{100 + n // 250}.{n % 250}") for n in range(count)]
    for raw in served:
        raw["status"]["conditions"].append(said)
    slices = [endpoints(f"shop/web-{n:04}") for n in range(count)]
    waiting = service("shop/waiting", annotations={"exalb.io/pool": "absent"})
    speakers = [speaker("n1", session(wanted=count)), speaker("n2", down())]
    base = [pool("main", "198.51.100.0/22"), peer("tor"), node("n1"), node("n2")]
    return observed(*base, *served, *slices, waiting, *speakers, *more)


@asynccontextmanager
async def looking(cluster: Cluster, **window: Any) -> AsyncIterator[Tab]:
    """Serve the page about a cluster, and open it; at the end it has written no error."""
    async with Server(cluster).listen(0) as url, tab() as opened:
        await opened.open(url, **window)
        await opened.until(UP)
        yield opened
        assert opened.problems == []


async def test_answer_is_found_by_keyboard_alone() -> None:
    """From the field to the Service with a problem; a change meanwhile leaves the focus where it is."""
    cluster = Cluster(shop(1000))
    async with looking(cluster) as page:
        await page.run("document.querySelector('#find').focus()")
        await page.run("document.querySelector('#bad').click()")
        assert await page.run("document.querySelector('#found').textContent") == "1 of 1001 Services"
        for _ in range(3):  # the box, the region that scrolls, the Service
            await page.press("Tab")
        assert await page.run("document.activeElement.dataset.subject") == "service/shop/waiting"
        await cluster.show(shop(1000, service("shop/later")))
        await page.until("document.querySelector('#found').textContent.endsWith('of 1002 Services')")
        assert await page.run("document.activeElement.dataset.subject") == "service/shop/waiting"
        await page.press("Enter")
        await page.until("!document.querySelector('#answer').hidden")
        assert await page.run("document.activeElement.id") == "h-answer", "a screen reader begins there"
        assert "PoolNotFound" in await page.run("document.querySelector('#steps .first').textContent")


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (360, False)])
async def test_page_is_accessible(width: int, dark: bool, tmp_path: Path) -> None:
    """By the rules of axe (WCAG 2.1 AA), with an answer open; nothing but the tables is wider than the window."""
    async with looking(Cluster(shop(20)), width=width, dark=dark) as page:
        await page.run("document.querySelector('[data-subject=\"peer/tor\"]').click()")
        await page.until("!document.querySelector('#answer').hidden")
        await page.screenshot(tmp_path / "page.png")
        await page.run(AXE.read_text() + "; 0")
        found = json.loads(await page.run("axe.run().then((found) => JSON.stringify(found.violations))"))
        assert [(row["id"], [hit["html"] for hit in row["nodes"]]) for row in found] == []
        assert await page.run("document.documentElement.scrollWidth <= window.innerWidth")


async def test_text_of_objects_is_no_markup() -> None:
    hostile = "<img src=x onerror=document.title=1>"
    async with looking(Cluster(shop(1, service("shop/bad", annotations={"exalb.io/pool": hostile})))) as page:
        assert await page.run("document.querySelector('#services').textContent.includes('<img src=x')")
        assert await page.run("[document.images.length, document.title].join()") == "0,ExaLB"


async def test_nodes_have_their_drains_and_lans() -> None:
    """Also a node without sessions; where no node has any, there are no such columns."""
    cells = "[...row.cells].map((cell) => cell.textContent).join('|')"
    rows = f"[...document.querySelectorAll('#peers tr')].map((row) => {cells})"
    drain = {"state": "Withdrawn", "cause": "Annotation", "since": SINCE}
    lan = l2_speaker("n3", "10.0.0.3/24", l2={"addresses": 2})
    cluster = Cluster(shop(1))
    async with looking(cluster) as page:
        assert (await page.run(f"({rows})[0]")) == "Node|tor"
        await cluster.show(shop(1, node("n3"), speaker("n1", session(), drain=drain), lan))
        await page.until(f"({rows})[0] === 'Node|tor|Drain|LAN'")
        shown = await page.run(rows)
        assert shown[1].split("|")[2] == f"Withdrawn since {SINCE} (Annotation)"
        assert shown[3].split("|")[3] == "announces 2 addresses on eth0"
        await cluster.show(observed(node("n3"), lan))
        await page.until(f"({rows}).join() === 'Node|LAN,n3|announces 2 addresses on eth0'")


async def test_thousand_services_are_shown_at_once() -> None:
    """The first 500 rows; the others are found by the field."""
    async with looking(Cluster(shop(1000))) as page:
        assert await page.run("document.querySelectorAll('#services tbody tr').length") == 500
        script = "find.value = 'web-0999'; find.dispatchEvent(new Event('input'));"
        await page.run(f"(() => {{ const find = document.querySelector('#find'); {script} }})()")
        assert await page.run("document.querySelector('#services tbody th').textContent") == "shop/web-0999"


async def test_page_names_a_missing_kind_until_it_is_listed() -> None:
    cluster = Cluster(shop(20), missing="Not listed yet: EndpointSlice.")
    async with looking(cluster) as page:
        assert await page.run("document.querySelector('#state').textContent") == cluster.missing
        cluster.missing = ""
        await page.until("document.querySelector('#state').textContent === 'there are problems'")
