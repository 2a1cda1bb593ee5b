"""The page, asked about each broken situation over HTTP, gives the chain of `kubectl exalb explain`."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import aiohttp
import pytest

from exalb.explain.answer_json import answer_json
from exalb.explain.observed import Observed
from exalb.explain.subject import explain
from exalb.web.server import Answer, Server
from exalb.web.view import overview
from tests.support.lan_situations import LAN_CASES
from tests.support.observing import observed
from tests.support.situations import CASES, Case


@dataclass(frozen=True)
class Still:
    """A cluster that does not change."""

    now: Observed

    async def ask(self, question: Callable[[Observed], Answer]) -> Answer:
        """Ask it."""
        return await asyncio.to_thread(question, self.now)

    async def overviews(self) -> AsyncGenerator[str, None]:
        """Yield its overview."""
        yield json.dumps(overview(self.now))


@pytest.mark.parametrize("case", [*CASES, *LAN_CASES], ids=lambda case: case.id)
async def test_page_has_the_chain_of_explain(case: Case) -> None:
    seen = observed(*case.objects, leader=case.leader)
    async with (
        Server(Still(seen)).listen(0) as url,
        aiohttp.ClientSession() as browser,
        browser.get(f"{url}explain", params={"subject": case.subject}) as answer,
    ):
        shown = await answer.json()
    first = shown["steps"][shown["firstBroken"]]
    assert (first["reason"], first["hop"]) == (case.reason.value, case.hop)
    assert first["next"]
    assert shown == json.loads(json.dumps(answer_json(explain(seen, case.subject, "default"))))
