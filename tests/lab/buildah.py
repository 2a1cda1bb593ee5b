"""Builds stages of a Dockerfile with buildah: no daemon, storage of our own, the machine's own way to packages."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.lab import cache, machine, oci, progress
from tests.lab.cache import Say

BASE = "docker.io/library/debian:12-slim"
RELEASE = "bookworm"
ARCHIVE = "Debian's archive"
_LEFT_OUT = ("doc", "man", "info", "locale", "lintian")
"""Folders of /usr/share that Debian's slim images leave out too; copyright files stay."""

_NO_USRMERGE = "Package: usrmerge\\nPin: release *\\nPin-Priority: -1\\n"
_SLIM = (
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
    f"--setup-hook=mkdir -p $1/etc/apt/preferences.d && printf '{_NO_USRMERGE}' > $1/etc/apt/preferences.d/usrmerge",
)
"""The system is made with /usr merged, so that it needs no usrmerge, which brings 50 MB of Perl."""


@contextlib.contextmanager
def storage(directory: Path, say: Say) -> Iterator["Storage"]:
    """Open the images kept in `directory`, for this process alone; what a killed run left half-built is removed."""
    with cache.lock(directory, say), tempfile.TemporaryDirectory(prefix="exalb-images.") as runtime:
        directory.mkdir(exist_ok=True)
        opened = Storage(directory, Path(runtime), say)
        opened.sweep()
        yield opened


class Storage:
    """A place of buildah's images; `storage` opens it."""

    def __init__(self, directory: Path, runtime: Path, say: Say) -> None:
        self._directory = directory
        self._runtime = runtime
        self._say = say

    def sweep(self) -> None:
        """Remove working containers; images and the layers kept for the next build stay."""
        subprocess.run(self._argv(["rm", "--all"]), check=True, capture_output=True)

    def build(self, checkout: Path, target: str, what: str) -> None:
        """Build the stage `target` of a checkout's Dockerfile and name it so; layers that are still right are kept.

        Raises progress.CommandError.
        """
        if not self._has(BASE):
            self._get_base()
        with tempfile.TemporaryDirectory() as settings:
            mounts = [f"--volume={mount}" for mount in machine.mounts(Path(settings))]
            argv = ["bud", "--layers", "--pull-never", "--network=host", "--timestamp=0", "--format=docker", *mounts]
            self._run([*argv, f"--target={target}", f"--tag={target}", checkout], what)

    def image(self, name: str, directory: Path) -> tuple[oci.Image, dict[str, Path]]:
        """Copy an image out of the storage into `directory`; return it, and its layers' files by their digests."""
        argv = ["push", "--quiet", "--disable-compression", name, f"dir:{directory}"]
        self._run(argv, f"copying the image {name}")
        return oci.read_directory(directory)

    def _has(self, image: str) -> bool:
        found = subprocess.run(self._argv(["inspect", "--type=image", image]), check=False, capture_output=True)
        return found.returncode == 0

    def _get_base(self) -> None:
        """Pull the base where its registry answers; else make the like of it from Debian's packages."""
        try:
            known = subprocess.run(
                self._argv(["manifest", "inspect", BASE]), check=False, capture_output=True, timeout=10
            )
            reachable = known.returncode == 0
        except subprocess.TimeoutExpired:
            reachable = False
        if reachable:
            self._run(["pull", "--quiet", BASE], f"pulling {BASE}")
        else:
            self._make_base()

    def _make_base(self) -> None:
        self._say(f"{BASE} cannot be pulled from here: making its like from Debian's packages, about a minute, once")
        with tempfile.TemporaryDirectory() as scratch:
            tar, settings, sources = (Path(scratch) / name for name in ("base.tar", "apt.conf", "sources.list"))
            settings.write_text(machine.apt_settings())
            sources.write_text(machine.apt_sources(RELEASE))
            excludes = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _LEFT_OUT]
            argv: list[str | Path] = ["mmdebstrap", "--variant=apt", *_SLIM, *excludes, f"--aptopt={settings}"]
            argv += [RELEASE, tar, sources]
            log = self._directory / "base.log"
            progress.run(argv, say=self._say, what="making a small Debian 12", log=log, source=ARCHIVE)
            container = self._answer(["from", "scratch"])
            self._run(["add", "--quiet", container, tar, "/"], "adding it to the images")
            path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            self._run(["config", f"--env={path}", '--cmd=["bash"]', container], "describing the image")
            self._run(["commit", "--quiet", "--rm", "--timestamp=0", container, BASE], "keeping the image")

    def _answer(self, argv: Sequence[str | Path]) -> str:
        return subprocess.run(self._argv(argv), check=True, capture_output=True, text=True).stdout.strip()

    def _run(self, argv: Sequence[str | Path], what: str) -> None:
        env = {"BUILDAH_ISOLATION": "chroot"}
        log = self._directory / f"{argv[0]}.log"
        source = f"{ARCHIVE} and the package index of pip" if argv[0] == "bud" else ""
        progress.run(self._argv(argv), say=self._say, what=what, log=log, env=env, source=source)

    def _argv(self, argv: Sequence[str | Path]) -> list[str | Path]:
        """Return the command in a mount namespace of its own: whatever ends it, no mount stays on the machine."""
        own = ["unshare", "--mount", "--propagation=private", "--"]
        return [*own, "buildah", f"--root={self._directory}", f"--runroot={self._runtime}", *argv]
