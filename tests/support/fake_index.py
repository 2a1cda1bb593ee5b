"""A package index on loopback with tiny wheels: of installed packages, in the locked version and in a newer one."""

import base64
import hashlib
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

NEWER = "9999"
"""The version that every package of the index has too."""

_BACKEND = """
import pathlib, tomllib, zipfile


def build_editable(directory, config_settings=None, metadata_directory=None):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {needed}" for needed in project["dependencies"]]
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(pathlib.Path(directory) / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "\\n".join(lines) + "\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return f"{name}-{version}-py3-none-any.whl"
"""
"""Stands for hatchling: makes the project's wheel, with what pyproject.toml says that it needs."""


def make(directory: Path, versions: Mapping[str, str]) -> dict[str, str]:
    """Write an index of these packages, each with what the installed one requires; return the locked wheels' hashes."""
    hashes = {}
    for name, version in versions.items():
        folder = directory / "simple" / canonicalize_name(name)
        folder.mkdir(parents=True)
        wheels = [_wheel(folder, name, each) for each in (version, NEWER)]
        links = (f'<a href="{wheel.name}#sha256={_digest(wheel)}">{wheel.name}</a>' for wheel in wheels)
        (folder / "index.html").write_text("<!DOCTYPE html>\n" + "\n".join(links))
        hashes[name] = _digest(wheels[0])
    return hashes


def _wheel(folder: Path, name: str, version: str) -> Path:
    known = metadata.metadata(name)
    base = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [
        f"{field}: {value}" for field in ("Provides-Extra", "Requires-Dist") for value in known.get_all(field, [])
    ]
    files = {
        f"{base}.dist-info/METADATA": "\n".join(lines) + "\n",
        f"{base}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if name == "hatchling":
        files |= {"hatchling/__init__.py": "", "hatchling/build.py": _BACKEND}
    record = "".join(f"{path},{_record_hash(text)},{len(text)}\n" for path, text in files.items())
    wheel = folder / f"{base}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{base}.dist-info/RECORD": f"{record}{base}.dist-info/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return wheel


def _record_hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Index:
    """A running index: its address, the names it refuses to serve, and how often each path was served."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.refused: set[str] = set()
        self.served: Counter[str] = Counter()


@contextmanager
def serve(directory: Path) -> Iterator[Index]:
    """Serve a directory on loopback. A path with a part in `Index.refused` is answered with 503."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(directory)))
    server.index = index = Index(server)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        index: Index = self.server.index  # type: ignore[attr-defined]
        if index.refused.intersection(self.path.split("/")):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        index.served[self.path] += 1
        super().do_GET()

    def end_headers(self) -> None:
        if self.path.endswith(".whl"):
            self.send_header("Cache-Control", "max-age=365000000, immutable, public")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write no access log."""
