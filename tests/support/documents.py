"""The Markdown of the checkout as its tests read it: links, code blocks, commands and manifests."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exalb.api.schema import GROUP
from tests.support.tree import ROOT, files

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
SHELL = {"", "console", "sh"}
"""Languages of fenced blocks that hold commands."""
EXAMPLES = re.compile(r" *Examples?:$")
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
            if language in SHELL:
                yield from map(str.strip, body.splitlines())
        yield from (line.strip() for line in FENCE.sub("", self.text).splitlines() if line.startswith("    "))
        yield from self.spans()

    def spans(self) -> list[str]:
        """Return the code within sentences."""
        return SPAN.findall(FENCE.sub("", self.text))

    def commands(self) -> Iterator[str]:
        """Yield each command of a block, on one line and without its comment, which two blanks separate from it.

        Blocks are fenced, indented, or the examples at the end of a help. What else is indented so far is no Markdown
        of ours: a drawing or a manifest is fenced with its language.
        """
        lines = [re.split(" {2,}", line)[0] for line in self._lines_of_commands() if not line.startswith("#")]
        yield from re.sub(r" \\\n|(?<=\|)\n", " ", "\n".join(lines)).splitlines()

    def _lines_of_commands(self) -> Iterator[str]:
        fence: str | None = None
        is_example = False
        for line in self.text.splitlines():
            if edge := re.match(r" *```(\w*)$", line):
                fence, is_example = (edge[1] if fence is None else None), False
            elif fence in SHELL or is_example or (fence is None and line.startswith("    ")):
                yield line.strip()
            else:
                is_example = fence is not None and bool(EXAMPLES.match(line))

    def links(self) -> Iterator[str]:
        """Yield the targets of links that stay in the checkout."""
        for target in LINK.findall(FENCE.sub("", self.text)):
            if not re.match(r"[a-z]+:", target):
                yield target

    def manifests(self) -> list[str]:
        """Return the blocks of YAML that hold resources of ours."""
        return [body for body in self.blocks("yaml") if re.search(rf"^apiVersion: {GROUP}/", body, re.MULTILINE)]

    def anchors(self) -> set[str]:
        """Return the anchors of links, as GitHub makes them from headings."""
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pages() -> list[Page]:
    """Return every Markdown file that git knows or would know."""
    return [Page(path) for path in files(".md")]
