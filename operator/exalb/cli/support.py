"""`exalb logs` and `exalb support-bundle`: what ExaLB's pods logged, and an archive for a report of a fault."""

import asyncio
import io
import json
import sys
import tarfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from exalb.cli import output
from exalb.cli.live import EXIT_BAD, EXIT_GOOD, EXIT_UNUSABLE, Target, ask, observed_of, show
from exalb.explain.answer_json import plain, status_json
from exalb.explain.log_lines import LogLine, lines_about
from exalb.explain.status import status
from exalb.explain.subject import service_key
from exalb.explain.support import cleaned, pod_summary
from exalb.explain.tables import peer_rows
from exalb.kube.client import ApiClient
from exalb.kube.lists import list_objects
from exalb.kube.live import READ, read_live
from exalb.kube.pod_logs import Log, read_logs, read_pods
from exalb.runtime.version import VERSION


def show_logs(target: Target, service: str) -> int:
    """Print the lines about a Service in all logs, the oldest first; return 1 where there is none."""

    async def read(api: ApiClient, namespace: str) -> tuple[str, list[Log]]:
        pods = await read_pods(api, target.exalb_namespace)
        return namespace, await read_logs(api, target.exalb_namespace, pods)

    found = ask(target, read)
    if found is None:
        return EXIT_UNUSABLE
    namespace, logs = found
    key = service_key(service, namespace)
    lines = lines_about(((log.node or log.pod, log.text) for log in logs), key)
    show(target, lambda: [line._asdict() for line in lines], partial(_print_lines, lines))
    if not lines:
        message = f"no log of {len(logs)} containers in namespace {target.exalb_namespace} names Service {key}"
        print(f"exalb logs: {message}", file=sys.stderr)  # noqa: T201 - a command speaks to a terminal
    return EXIT_GOOD if lines else EXIT_BAD


def _print_lines(lines: Sequence[LogLine]) -> None:
    if lines:
        output.print_table(("TIME", "NODE", "EVENT", "DETAILS"), lines)


def write_bundle(target: Target, path: str | None) -> int:
    """Write the archive, and print its name."""

    async def read(api: ApiClient, _: str) -> dict[str, str]:
        return await _bundle(api, target.exalb_namespace)

    files = ask(target, read)
    if files is None:
        return EXIT_UNUSABLE
    file = Path(path or f"exalb-support-{time.strftime('%Y%m%dT%H%M%S')}.tar.gz")
    try:
        file.write_bytes(archive(files))
    except OSError as error:
        print(f"exalb support-bundle: {file}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return EXIT_UNUSABLE
    advice_text = "It has no Secrets, but names Services, nodes and addresses: read it before you share it."
    print(f"{file}: {len(files)} files. {advice_text}")  # noqa: T201 - a command speaks to a terminal
    return EXIT_GOOD


async def _bundle(api: ApiClient, namespace: str) -> dict[str, str]:
    """Return the files of the archive by name."""
    live, pods = await asyncio.gather(read_live(api, namespace), read_pods(api, namespace))
    seen = observed_of(live)
    files = {
        "version.txt": f"{VERSION}\n",
        "status.json": _json(status_json(status(seen))),
        "sessions.json": _json([plain(row) for row in peer_rows(seen)]),
        "pods.json": _json([pod_summary(pod) for pod in pods]),
    }
    objects = {
        kind.name: await list_objects(api, kind.name, kind.api_version, kind.collection()) or [] for kind in READ
    }
    for name, raws in objects.items():
        files[f"objects/{name}.json"] = _json(cleaned(raws, objects["BGPPeer"]))
    for log in await read_logs(api, namespace, pods):
        files[f"logs/{log.pod}-{log.container}.log"] = log.text
    return files


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def archive(files: dict[str, str]) -> bytes:
    """Return the files as a compressed archive, in one folder."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(f"exalb-support/{name}")
            entry.size, entry.mtime = len(data), int(time.time())
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()
