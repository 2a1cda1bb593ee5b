"""The process that answers: takes its goal from a unix socket, and says there what it announces."""

import asyncio

import structlog

from exalb_l2.goal import goal_line, goal_of, status_line
from exalb_l2.responder import Responder
from exalb_l2.settings import L2Settings
from exalb_process.goal_server import GoalServer, ending, run_punctually

_LOG = structlog.get_logger(__name__)
_COUNT_SECONDS = 15.0
"""How often the status is said without a change, for its counter."""


def work(settings: L2Settings) -> None:
    """Answer until SIGTERM; then let all addresses go."""
    run_punctually(_work(settings))


async def _work(settings: L2Settings) -> None:
    responder = Responder(lambda: goals.changed())  # noqa: PLW0108 - `goals` needs it first
    goals = GoalServer(settings, (goal_of, goal_line), responder.apply, lambda: status_line(responder.status()))
    ended = ending()
    responder.start()
    goals.resume()
    server = await goals.listen()
    counting = asyncio.create_task(goals.say_every(_COUNT_SECONDS))
    await ended.wait()
    _LOG.info("stopping", signal="SIGTERM")
    counting.cancel()
    server.close()
    await responder.leave()
