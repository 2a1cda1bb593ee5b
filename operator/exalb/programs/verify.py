"""Checks an installation from the outside: a Service gets an address, and a node announces it. `helm test` runs it.

The pod is the only endpoint of the Service. It becomes ready after the sessions were looked at, so that one more prefix
that was sent is the Service's.
"""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

from exalb.kube.client import ApiClient, ApiError, Reader
from exalb.kube.credentials import load_credentials
from exalb.model.cluster import Service, SpeakerReport
from exalb.model.kinds import SERVICE, SPEAKER
from exalb.model.parse_core import parse_service
from exalb.model.parse_custom import parse_speaker
from exalb.programs.lifecycle import CannotRunError
from exalb.programs.settings import VerifySettings

log = structlog.get_logger(__name__)

SECONDS = 1.0
"""Between two looks."""
Sent = Mapping[tuple[str, str], int]
"""The prefixes that were sent, by node and BGPPeer."""


async def run(settings: VerifySettings) -> None:
    """Return when the address of the Service was announced; raises CannotRunError and CredentialsError."""
    credentials = load_credentials(settings.kubeconfig)
    check = Check(settings)
    try:
        async with asyncio.timeout(settings.timeout), ApiClient(credentials) as api:
            await check.run(api)
    except TimeoutError as error:
        raise CannotRunError(f"not verified within {settings.timeout:g} s: {check.state}") from error


class Check:
    """One check; `state` says what it waits for."""

    def __init__(self, settings: VerifySettings) -> None:
        self._path = SERVICE.object(settings.service, settings.namespace)
        self._service, self._ready = settings.service, Path(settings.ready_file)
        self._before: Sent | None = None
        """The prefixes that were sent before the pod was ready."""
        self.state = "the API server did not answer"

    async def run(self, api: Reader) -> None:
        """Look until an address is assigned and a session has sent one more prefix."""
        while True:
            try:
                if await self._is_announced(api):
                    return
            except ApiError as error:
                self.state = str(error)
            await asyncio.sleep(SECONDS)

    async def _is_announced(self, api: Reader) -> bool:
        service = parse_service(await api.get(self._path))
        if not service.held:
            self.state = f"Service {self._service} has no address: {refusal_of(service)}"
            return False
        address = str(service.held[0])
        now = sent([parse_speaker(raw) async for page in api.list(SPEAKER.collection(), {}) for raw in page.items])
        if self._before is None:
            log.info("address_verified", service=self._service, address=address)
            self._before = now
            self._ready.write_text("")
        more = [f"{node}/{peer}" for (node, peer), count in now.items() if count > self._before.get((node, peer), 0)]
        if more:
            log.info("route_verified", address=address, sessions=sorted(more))
            return True
        self.state = f"{address} is assigned, and no session sent one more prefix: kubectl get bgpspeakers.exalb.io"
        return False


def refusal_of(service: Service) -> str:
    """Return what the condition of ExaLB says about a Service without an address."""
    condition = service.condition
    return f"{condition.reason}: {condition.message}" if condition else "no controller has looked at it"


def sent(speakers: Iterable[SpeakerReport]) -> Sent:
    """Return the prefixes that each session has sent."""
    return {
        (speaker.name, session.peer): session.prefixes_sent
        for speaker in speakers
        for session in speaker.observed.sessions
    }
