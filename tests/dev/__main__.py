"""`make dev`: a controller and one speaker, in one process without root, on the cluster of the current kubeconfig.

The speaker's BGP engine is in memory: every peer is reachable and accepts every route, and no BGP packet is sent.
Addresses and reports are written to the cluster, which therefore must not run another ExaLB.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated

import click
from pydantic import AfterValidator, Field, ValidationError

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP
from exalb.kube.client import ApiClient, ApiError, NotFoundError
from exalb.kube.credentials import load_credentials
from exalb.kube.leader_election import LEASE_SECONDS
from exalb.kube.live import read_lease
from exalb.model.kinds import NODE
from exalb.programs.controller import Controller
from exalb.programs.lifecycle import CannotRunError, require_supported, serve
from exalb.programs.settings import (
    ClusterSettings,
    ControllerSettings,
    SpeakerSettings,
    from_options,
    is_listen,
    options,
    sentences,
)
from exalb.programs.speaker import Speaker
from exalb.runtime import logs
from exalb_bgp.memory import MemoryDriver


class DevSettings(ClusterSettings):
    """Run a controller, and the speaker of one node with a BGP engine in memory, on the cluster of the kubeconfig."""

    log_format: Annotated[logs.Format, Field(description="console lines for people, or JSON lines")] = "console"
    listen: Annotated[
        str, AfterValidator(is_listen), Field(description="host:port of the controller's probes and metrics")
    ] = "127.0.0.1:7480"
    speaker_listen: Annotated[
        str, AfterValidator(is_listen), Field(description="host:port of the speaker's probes and metrics")
    ] = "127.0.0.1:7481"
    node_name: Annotated[
        str, Field(description="the Node for which the speaker runs; without it the first one by name")
    ] = ""


async def run(settings: DevSettings) -> None:
    """Run both until cancelled; raises CannotRunError, CredentialsError, and OSError where it cannot listen."""
    credentials = load_credentials(settings.kubeconfig)
    shared = settings.model_dump(include=set(ClusterSettings.model_fields))
    async with ApiClient(credentials) as api:
        await require_supported(api)
        await require_ready(api, settings.namespace)
        node = settings.node_name or await first_node(api)
        controller = Controller(api, credentials, ControllerSettings(**shared))
        # The node's kube-proxy is not on this machine.
        speaker = Speaker(api, MemoryDriver(), SpeakerSettings(**shared, node_name=node, data_plane="off"))
        async with (
            controller.telemetry.serve(settings.listen),
            speaker.telemetry.serve(settings.speaker_listen),
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(controller.run())
            tasks.create_task(speaker.run())


async def require_ready(api: ApiClient, namespace: str) -> None:
    """Raise CannotRunError where the cluster is not prepared, or runs an ExaLB already."""
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    needed = {f"{crds}/{each.plural}.{GROUP}": "kubectl apply --server-side --filename crds" for each in RESOURCES}
    needed[f"/api/v1/namespaces/{namespace}"] = f"kubectl create namespace {namespace}"
    for path, remedy in needed.items():
        try:
            await api.get(path)
        except NotFoundError as error:
            raise CannotRunError(f"{error}. Run: {remedy}") from error
        except ApiError as error:
            raise CannotRunError(str(error)) from error
    lease = await read_lease(api, namespace)
    age = (datetime.now(UTC) - lease.renewed).total_seconds() if lease.holder and lease.renewed else LEASE_SECONDS
    if age < LEASE_SECONDS:
        raise CannotRunError(
            f"ExaLB runs in this cluster: controller {lease.holder} holds the Lease in namespace {namespace}. Use a"
            f" cluster without ExaLB; after a crash of make dev, wait {LEASE_SECONDS} seconds"
        )


async def first_node(api: ApiClient) -> str:
    """Return the first Node by name; raises CannotRunError where there is none."""
    names = [node["metadata"]["name"] async for page in api.list(NODE.collection(), {}) for node in page.items]
    if not names:
        raise CannotRunError("the cluster has no Node, so no speaker can run")
    return str(min(names))


def _main(**values: str | bool | None) -> None:
    try:
        settings = from_options(DevSettings, values)
    except ValidationError as error:
        raise click.UsageError("\n".join(sentences(error))) from error
    logs.configure(settings.log_level, settings.log_format)
    sys.exit(serve(run, settings))


if __name__ == "__main__":
    click.Command("dev", params=[*options(DevSettings)], callback=_main, help=DevSettings.__doc__).main(
        prog_name="python -m tests.dev"
    )
