"""The process that has the sessions: takes its goal from a unix socket, and says there each change of a session."""

import asyncio

from exalb_bfd.engine import Engine
from exalb_bfd.peers import goal_line, goal_of, status_line
from exalb_bfd.settings import BfdSettings
from exalb_process.goal_server import GoalServer, ending, run_punctually

_COUNT_SECONDS = 5.0
"""How often the status is said without a change, for its counters."""


def work(settings: BfdSettings) -> None:
    """Run the sessions until SIGTERM; then ask the routers to wait for the next process."""
    run_punctually(_work(settings))


async def _work(settings: BfdSettings) -> None:
    engine = Engine(lambda: goals.changed())  # noqa: PLW0108 - `goals` needs it first
    goals = GoalServer(settings, (goal_of, goal_line), engine.apply, lambda: status_line(engine.status()))
    ended = ending()
    goals.resume()
    server = await goals.listen()
    parts = (ended.wait(), engine.run(), goals.say_every(_COUNT_SECONDS))
    done, running = await asyncio.wait([*map(asyncio.ensure_future, parts)], return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        task.cancel()
    server.close()
    goals.forget_clients()  # the sessions go on in the next process, so nothing is said about their end in this one
    await engine.leave()
    for task in done:
        task.result()
