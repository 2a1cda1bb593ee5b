"""kopf may fail or hang, and its process goes on."""

import asyncio
import signal
from collections.abc import Callable
from contextvars import Context

import kopf

from exalb.kube.kopf_feed import operate


class Recording(asyncio.SelectorEventLoop):
    """A loop that remembers what it was asked to call later."""

    def __init__(self) -> None:
        super().__init__()
        self.later: list[tuple[object, ...]] = []

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Remember it, and call it then."""
        self.later.append((callback, *args))
        return super().call_at(when, callback, *args, context=context)


def test_failed_kopf_does_not_kill_its_process_later() -> None:
    async def begin_and_fail() -> None:
        registry, begun = kopf.OperatorRegistry(), asyncio.Event()

        async def begin(**_: object) -> None:
            begun.set()

        kopf.on.startup(registry=registry)(begin)
        running = asyncio.create_task(operate(registry, asyncio.Event()))
        await begun.wait()
        running.cancel()
        await asyncio.wait([running])

    loop = Recording()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(begin_and_fail())
    assert not [call for call in loop.later if signal.SIGKILL in call]
