"""The work of the commands that ask a running cluster."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from exalb.cli import output
from exalb.explain.answer_json import answer_json, status_json
from exalb.explain.observed import Observed, with_supposed_secrets
from exalb.explain.status import status
from exalb.explain.subject import explain as explain_subject
from exalb.explain.subject import parse_subject, subject_of
from exalb.kube.client import ApiClient, ApiError, RefusedError
from exalb.kube.credentials import Credentials, CredentialsError, load_credentials
from exalb.kube.live import Live, read_live

Value = TypeVar("Value")
EXIT_GOOD, EXIT_BAD, EXIT_UNUSABLE = 0, 1, 2


class Target(NamedTuple):
    """The cluster to ask, as the command line names it."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None
    exalb_namespace: str
    output: str


class Asked(NamedTuple):
    """A cluster as it was read, and the namespace of Services that are named without one."""

    observed: Observed
    namespace: str


def run(target: Target, work: Callable[[Asked], int]) -> int:
    """Read the cluster and do the work; return its exit code, or 2 where there is nothing to read."""

    async def observe(api: ApiClient, namespace: str) -> Asked:
        return Asked(observed_of(await read_live(api, target.exalb_namespace)), namespace)

    asked = ask(target, observe)
    return EXIT_UNUSABLE if asked is None else work(asked)


def ask(target: Target, read: Callable[[ApiClient, str], Awaitable[Value]]) -> Value | None:
    """Return what `read` reads with a client and the namespace of Services; None, with a message, if it cannot."""
    values = list[Value]()  # not the result of the task: asyncio.run writes out that one, a whole cluster, and drops it

    async def reading(credentials: Credentials) -> None:
        async with ApiClient(credentials) as api:
            values.append(await read(api, target.namespace or credentials.namespace))

    try:
        asyncio.run(reading(load_credentials(target.kubeconfig, context=target.context)))
    except (CredentialsError, ApiError) as error:
        print(f"exalb: {error}{_advice(error)}", file=sys.stderr)  # noqa: T201 - a command speaks to a terminal
        return None
    return values[0]


def _advice(error: Exception) -> str:
    """Return what helps against an error, as the end of its sentence."""
    if isinstance(error, RefusedError) and error.status == 403:
        return ". The ClusterRole exalb-reader of the chart grants what this command reads"
    if isinstance(error, RefusedError) and error.status == 404:
        return ". Is ExaLB installed in this cluster? Its custom resource definitions are missing"
    return ""


def show(target: Target, data: Callable[[], object], people: Callable[[], None]) -> None:
    """Print data for programs, or what people read."""
    if target.output in ("json", "yaml"):
        output.print_data(data(), target.output)
    else:
        people()


def observed_of(live: Live) -> Observed:
    """Return a cluster that was read as answers need it."""
    return Observed(with_supposed_secrets(live.cluster), live.now, live.lease)


def explain(target: Target, words: Sequence[str]) -> int:
    """Print the chain of the object that words name; return 0 where nothing is broken."""
    try:
        subject = subject_of(words)
        parse_subject(subject, "")
    except ValueError as error:
        print(f"exalb explain: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to a terminal
        return EXIT_UNUSABLE

    def work(asked: Asked) -> int:
        found = explain_subject(asked.observed, subject, asked.namespace)
        show(target, lambda: answer_json(found), lambda: output.print_answer(found, wide=target.output == "wide"))
        return EXIT_BAD if found.first_broken else EXIT_GOOD

    return run(target, work)


def show_status(target: Target) -> int:
    """Print whether all is well; return 0 where it is."""

    def work(asked: Asked) -> int:
        found = status(asked.observed)
        show(target, lambda: status_json(found), lambda: output.print_status(found))
        return EXIT_GOOD if found.is_good else EXIT_BAD

    return run(target, work)
