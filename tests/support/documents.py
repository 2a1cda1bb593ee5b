"""The Markdown of the checkout as its tests read it: links, code blocks, commands and manifests."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exalb.api.schema import GROUP
from tests.support.tree import ROOT, files

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Page(NamedTuple):
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """Where it lies in the checkout."""
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """The text without code."""
        return SPAN.sub("", re.sub(r"^    .*$", "", FENCE.sub("", self.text), flags=re.MULTILINE))

    def blocks(self, language: str) -> list[str]:
        """Return the fenced blocks of one language."""
        return [body for _, name, body in FENCE.findall(self.text) if name == language]

    def code(self) -> Iterator[str]:
        """Yield each line of code: of fenced and indented blocks, and each span."""
        for _, language, body in FENCE.findall(self.text):
            if language in ("", "console", "sh"):
                yield from body.splitlines()
        rest = FENCE.sub("", self.text)
        yield from (line.strip() for line in rest.splitlines() if line.startswith("    "))
        yield from SPAN.findall(rest)

    def links(self) -> Iterator[str]:
        """Yield the targets of links that stay in the checkout."""
        for target in LINK.findall(FENCE.sub("", self.text)):
            if not re.match(r"[a-z]+:", target):
                yield target

    def manifests(self) -> list[str]:
        """Return the blocks of YAML that hold resources of ours."""
        return [body for body in self.blocks("yaml") if f"apiVersion: {GROUP}/" in body]

    def anchors(self) -> set[str]:
        """Return the anchors of links, as GitHub makes them from headings."""
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pages() -> list[Page]:
    """Return every Markdown file that git knows or would know."""
    return [Page(path) for path in files(".md")]
