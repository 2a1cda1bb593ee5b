"""The locks of `requirements/`: each names every package in one version, with its hashes."""

import re
from pathlib import Path

from packaging.markers import Marker

from tests.support.tree import ROOT

_LOCKED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: *; *(?P<marker>[^\\\n]+))?", re.MULTILINE)


def locked(lock: Path) -> dict[str, str]:
    """Return the versions that a lock names for this Python."""
    entries = _LOCKED.finditer(lock.read_text())
    return {e["name"]: e["version"] for e in entries if not e["marker"] or Marker(e["marker"].strip()).evaluate()}


def excluded_from_image() -> set[str]:
    """Return the packages of the runtime lock that the Dockerfile removes again."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    [names] = re.findall(r"uninstall --yes ([^&]+)", text)
    return set(names.split())
