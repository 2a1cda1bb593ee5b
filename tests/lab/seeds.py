"""A node's store of images, made once and given to every node by hard links.

To put the one large image on a node costs seconds each time. So an idle containerd puts it into a store in the cache,
and nodes begin with a copy of that store, which shares all files with it but containerd's databases.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.lab import cache, oci, wait
from tests.lab.cache import Say
from tests.lab.images import Archive

KEPT = 2
"""Stores of earlier images that stay, for other checkouts."""


def seed(archive: Archive, say: Say) -> Path:
    """Return a store that holds the image, made if need be."""
    containerd = subprocess.run(["containerd", "--version"], check=True, capture_output=True).stdout
    key = hashlib.sha256(repr(oci.read_archive(archive.path)).encode() + containerd).hexdigest()[:12]
    store = cache.root() / "seeds" / key
    with cache.lock(store.parent / "all", say):
        if not store.exists():
            say("unpacking the image of ExaLB's packages, once")
            with cache.making(store) as made:
                _import(archive.path, made)
        store.touch()
        old = sorted((path for path in store.parent.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
        for path in old[: -1 - KEPT]:
            shutil.rmtree(path)
    return store


def plant(store: Path, target: Path) -> None:
    """Copy a store to a new directory; files are shared where the file system allows, but never a database."""
    target.parent.mkdir(parents=True, exist_ok=True)
    links: list[str | Path] = ["cp", "--archive", "--link", "--no-target-directory", store, target]
    if subprocess.run(links, check=False, capture_output=True).returncode:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "--archive", "--no-target-directory", store, target], check=True, capture_output=True)
    for database in store.rglob("*.db"):
        copy = target / database.relative_to(store)
        copy.unlink()
        shutil.copy2(database, copy)


def _import(archive: Path, store: Path) -> None:
    """Run a containerd of our own, in a mount namespace of its own, for one import."""
    with tempfile.TemporaryDirectory(prefix="exalb-lab-") as scratch:
        state, socket = Path(scratch) / "state", Path(scratch) / "containerd.sock"
        config = Path(scratch) / "config.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        paths = [f"--config={config}", f"--root={store}", f"--state={state}", f"--address={socket}"]
        with (Path(scratch) / "log").open("w") as log:
            daemon = subprocess.Popen(["unshare", "--mount", "containerd", *paths], stdout=log, stderr=log)
        try:
            ctr = ["ctr", f"--address={socket}"]
            wait.until(
                "containerd answers",
                lambda: not subprocess.run([*ctr, "version"], check=False, capture_output=True).returncode,
            )
            subprocess.run([*ctr, "--namespace=k8s.io", "images", "import", archive], check=True, capture_output=True)
        finally:
            daemon.terminate()
            daemon.wait()


def _succeeds(argv: list[str]) -> bool:
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0
