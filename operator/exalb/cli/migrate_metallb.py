"""`exalb migrate metallb`: reads a cluster or manifests, and prints the objects, the report or the steps."""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from exalb.api.schema import GROUP
from exalb.cli.printable import printable
from exalb.kube.client import ApiClient, ApiError
from exalb.kube.credentials import CredentialsError, load_credentials
from exalb.kube.manifests import UnreadableError, has_name, is_planned, read, snapshot_of
from exalb.kube.metallb import is_foreign, read_cluster
from exalb.migration import texts
from exalb.migration.kept_addresses import KeptAddresses, kept_addresses
from exalb.migration.metallb import Migration, Namespaces, migrate
from exalb.migration.metallb_objects import METALLB
from exalb.migration.notes import Json
from exalb.migration.others import OLD_HINT, is_old_config
from exalb.migration.situation import Situation
from exalb.migration.way import way

DEFAULT_NAMESPACE = "metallb-system"


@dataclass(frozen=True, slots=True)
class Request:
    """The options of the command."""

    filenames: tuple[str, ...]
    kubeconfig: str | None
    context: str | None
    namespace: str
    metallb_namespace: str | None
    all_nodes: bool
    output: Path | None
    mode: str | None


class NothingToMigrateError(Exception):
    """The input has nothing of MetalLB; the message says what to do."""


def run(request: Request) -> int:
    """Print what the options ask for; return 0 good, 1 something is not migrated or left to do, 2 unreadable input."""
    try:
        objects = _read(request)
        theirs = request.metallb_namespace or _their_namespace(objects)
    except (UnreadableError, ApiError, CredentialsError, NothingToMigrateError) as error:
        return _fail(str(error))
    namespaces = Namespaces(theirs, request.namespace)
    foreign, ours = _split(objects, theirs)
    cluster, _ = snapshot_of(ours, request.namespace)

    def migrated(*, all_nodes: bool) -> Migration:
        return migrate(foreign, cluster.services, namespaces, all_nodes=all_nodes)

    if request.mode:
        applied = {(raw["kind"], raw["metadata"]["name"]): raw for raw in ours if _is_of_exalb(raw)}
        steps = way(
            Situation(
                namespaces,
                migrated(all_nodes=False),
                cluster,
                tuple(raw for raw in foreign if raw["kind"] in ("DaemonSet", "Deployment")),
                is_installed=bool(applied or cluster.speakers),
                applied=applied,
            )
        )
        _print(texts.steps(steps) if request.mode == "steps" else texts.progress(steps))
        return 0 if request.mode == "steps" or texts.is_finished(steps) else 1
    migration = migrated(all_nodes=request.all_nodes)
    if not migration.read:
        old = any(is_old_config(raw) for raw in foreign)
        return _fail(
            f"the ConfigMap config is not migrated. {OLD_HINT}" if old else "the input has no objects of MetalLB"
        )
    kept = _kept(migrated(all_nodes=True), ours, request.namespace)
    _write(migration.objects, request.output)
    sys.stderr.write("".join(f"{printable(line)}\n" for line in texts.report(migration, kept)))
    return 0 if texts.is_complete(migration, kept) else 1


def _read(request: Request) -> list[Json]:
    if request.filenames:
        return [
            raw for raw in read(request.filenames).objects if is_planned(raw) or (is_foreign(raw) and has_name(raw))
        ]
    credentials = load_credentials(request.kubeconfig, context=request.context)

    async def fetch() -> list[Json]:
        async with ApiClient(credentials) as api:
            return await read_cluster(api)

    return asyncio.run(fetch())


def _their_namespace(objects: list[Json]) -> str:
    """Return the one namespace that MetalLB's objects are in."""
    homes = (raw["metadata"].get("namespace") for raw in objects if _is_of_metallb(raw))
    found = {str(home) for home in homes if home}
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise NothingToMigrateError(f"MetalLB's objects are in several namespaces ({names}): give --metallb-namespace")
    return found.pop() if found else DEFAULT_NAMESPACE


def _split(objects: list[Json], theirs: str) -> tuple[list[Json], list[Json]]:
    """Return MetalLB's objects, which it reads in its own namespace only, and those that ExaLB reads."""
    foreign, ours = [], []
    for raw in objects:
        if not is_foreign(raw) or raw["kind"] == "BGPSpeaker":
            ours.append(raw)
        elif raw["metadata"].get("namespace", theirs) == theirs or raw["metadata"]["name"].endswith("frr-k8s"):
            foreign.append(raw)
    return foreign, ours


def _kept(migration: Migration, ours: list[Json], namespace: str) -> KeptAddresses | None:
    """Compare the addresses with a plan in which the migrated objects are the only ones of ExaLB."""
    if not any(raw["kind"] == "Service" for raw in ours):
        return None
    others = [raw for raw in ours if not _is_of_exalb(raw)]
    cluster, _ = snapshot_of([*others, *migration.objects], namespace)
    return kept_addresses(cluster, migration.ranges)


def _write(objects: tuple[Json, ...], folder: Path | None) -> None:
    if folder is None:
        sys.stdout.write(yaml.safe_dump_all(objects, sort_keys=False, explicit_start=True))
        return
    folder.mkdir(parents=True, exist_ok=True)
    for raw in objects:
        path = folder / f"{raw['kind'].lower()}-{raw['metadata']['name']}.yaml"
        path.write_text(yaml.safe_dump(raw, sort_keys=False))


def _is_of_metallb(raw: Json) -> bool:
    return str(raw["apiVersion"]).startswith(f"{METALLB}/")


def _is_of_exalb(raw: Json) -> bool:
    return str(raw["apiVersion"]).startswith(f"{GROUP}/") and raw["kind"] != "BGPSpeaker"


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def _fail(message: str) -> int:
    sys.stderr.write(f"exalb migrate metallb: {message}\n")
    return 2
