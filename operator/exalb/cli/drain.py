"""`exalb drain`: shows the effect of a drain, sets or removes the annotation of the Node, and waits for the end."""

import asyncio
import sys
import time
from dataclasses import dataclass

from exalb.announcement.drain import ANNOTATION, FORCE
from exalb.api.speaker import DrainReport
from exalb.cli import output
from exalb.cli.live import EXIT_BAD, EXIT_GOOD, EXIT_UNUSABLE, Target, ask, observed_of, show
from exalb.cli.printable import printable
from exalb.explain.answer_json import plain
from exalb.explain.drain import (
    DrainPreview,
    has_drained,
    has_returned,
    other_cause,
    outcome_sentence,
    preview_drain,
    preview_json,
    preview_sentences,
)
from exalb.kube.client import MERGE, ApiClient, ApiError, RefusedError
from exalb.kube.live import read_live
from exalb.model.kinds import NODE

POLL_SECONDS = 1.0
"""How often `--wait` reads the node's BGPSpeaker."""


@dataclass(frozen=True, slots=True)
class DrainOptions:
    """The options of the command besides those that choose the cluster."""

    node: str
    simulate: bool = False
    wait: bool = False
    timeout: float = 120.0
    undo: bool = False
    force: bool = False

    @property
    def annotation(self) -> str | None:
        """The value of the Node's annotation; None removes it."""
        return None if self.undo else FORCE if self.force else "true"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """All that the command found and did."""

    preview: DrainPreview | None
    """None with `--undo`."""
    drain: DrainReport | None
    """As the BGPSpeaker reports it at the end; before that it is of no use."""
    ended: bool = True
    """Whether the drain ended, where the command waits for that."""


def run_drain(target: Target, options: DrainOptions) -> int:
    """Run the command; return its exit code."""

    async def work(api: ApiClient, _: str) -> _Outcome | str:
        return await _drain(api, target.exalb_namespace, options)

    outcome = ask(target, work)
    if outcome is None:
        return EXIT_UNUSABLE
    if isinstance(outcome, str):
        print(f"exalb drain: {outcome}", file=sys.stderr)  # noqa: T201 - a command speaks to a terminal
        return EXIT_UNUSABLE
    show(target, lambda: _json(outcome, options), lambda: _print(outcome, options))
    return EXIT_GOOD if _is_good(outcome, options) else EXIT_BAD


async def _drain(api: ApiClient, namespace: str, options: DrainOptions) -> _Outcome | str:
    """Do what the options request; return a message where that cannot be."""
    observed = observed_of(await read_live(api, namespace))
    if options.node not in observed.cluster.nodes:
        return f"the cluster has no Node {options.node}: see kubectl get nodes"
    preview = None if options.undo else preview_drain(observed, options.node)
    speaker = observed.cluster.speakers.get(options.node)
    if options.simulate:
        return _Outcome(preview, speaker.observed.drain if speaker else None)
    await _annotate(api, options)
    if not options.wait or speaker is None:
        return _Outcome(preview, speaker.observed.drain if speaker else None)
    drain, ended = await _wait(api, namespace, options)
    return _Outcome(preview, drain, ended)


async def _annotate(api: ApiClient, options: DrainOptions) -> None:
    body = {"metadata": {"annotations": {ANNOTATION: options.annotation}}}
    try:
        await api.patch(NODE.object(options.node), body, MERGE)
    except RefusedError as error:
        if error.status != 403:
            raise
        message = f"{error}. A drain needs the right to patch nodes, as kubectl cordon does; --simulate only reads"
        raise ApiError(message) from error


async def _wait(api: ApiClient, namespace: str, options: DrainOptions) -> tuple[DrainReport | None, bool]:
    """Return the drain at its end or after the timeout, and whether it ended."""
    until = time.monotonic() + options.timeout
    while True:
        speaker = (await read_live(api, namespace)).cluster.speakers.get(options.node)
        drain = speaker.observed.drain if speaker else None
        ended = has_returned(drain) if options.undo else has_drained(drain, forced=options.force)
        if ended or time.monotonic() >= until:
            return drain, ended
        await asyncio.sleep(POLL_SECONDS)


def _is_good(outcome: _Outcome, options: DrainOptions) -> bool:
    if not outcome.ended:
        return False
    if outcome.preview is None:
        return not (options.wait and other_cause(options.node, outcome.drain))
    if options.wait and outcome.drain:
        return not outcome.drain.held
    return options.force or not outcome.preview.services_alone


def _json(outcome: _Outcome, options: DrainOptions) -> dict[str, object]:
    preview = preview_json(outcome.preview) if outcome.preview else {"node": options.node}
    waited = options.wait and not options.simulate
    return {**preview, "ended": outcome.ended if waited else None, "drain": plain(outcome.drain) if waited else None}


def _print(outcome: _Outcome, options: DrainOptions) -> None:
    preview, out = outcome.preview, output.console()
    lines = preview_sentences(preview, forced=options.force) if preview else []
    if preview and options.simulate and (preview.moved or preview.alone or preview.lan):
        alone = "withdrawn, without another node" if options.force else "held: no other node announces it"
        rows = [(str(prefix), "moves to other nodes", " ".join(names)) for prefix, names in preview.moved.items()]
        rows += [(str(prefix), alone, " ".join(names)) for prefix, names in preview.alone.items()]
        rows += [
            (
                str(move.address),
                f"moves on the LAN to {move.follows}" if move.follows else alone,
                " ".join(move.services),
            )
            for move in preview.lan
        ]
        output.print_table(("PREFIX", "DRAIN", "SERVICES"), rows)
    if not options.simulate:
        lines.append(_result(outcome, options))
    for line in lines:
        out.print(printable(line), soft_wrap=True)


def _result(outcome: _Outcome, options: DrainOptions) -> str:
    without_speaker = outcome.ended and outcome.drain is None and not options.undo
    if not options.wait or without_speaker:
        done = "removed from" if options.undo else f"set to {options.annotation} at"
        return f"annotation {ANNOTATION} {done} node {options.node}"
    text = outcome_sentence(options.node, outcome.drain)
    if not outcome.ended:
        return f"no end after {options.timeout:g} s: {text}. See kubectl exalb explain node/{options.node}"
    return (other_cause(options.node, outcome.drain) if options.undo else "") or text
