"""The commands of the documents. A test takes from the page what it runs, and thereby says so.

`declared` reads these calls in the tests, so their arguments are literals; tests/house/test_docs_commands.py asks for
a test of every command. What a test replaces in a command, such as the name of a node, it replaces in the text.
"""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from tests.support.documents import pages
from tests.support.tree import files

TAKE = ("commands", "the_command")
"""The functions by which a test takes commands."""


@cache
def documented() -> tuple[tuple[str, str], ...]:
    """Return every command of the documents, with its page."""
    return tuple((page.name, line) for page in pages() for line in page.commands())


def commands(where: str, pattern: str, but: str = "(?!)") -> list[str]:
    """Return the commands of the pages `where`, such as `docs/*`, that `pattern` matches whole, in their order.

    Those in which `but` is found are left out. Raises LookupError for none: the page has changed.
    """
    return [line for _, line in _found(where, pattern, but)]


def the_command(where: str, pattern: str) -> str:
    """Return the one command of a page that `pattern` matches whole; it may be there more than once."""
    [line] = set(commands(where, pattern))
    return line


def mentioned(pattern: str, but: str = "(?!)") -> list[str]:
    """Return what `pattern` matches of the code within sentences, which names a command more often than it is one."""
    return [
        span for page in pages() for span in page.spans() if re.fullmatch(pattern, span) and not re.search(but, span)
    ]


def declared() -> Iterator[tuple[str, str, str]]:
    """Yield the name of each test file that takes a command, the page and the command."""
    for path in files(".py"):
        if path.name.startswith("test_"):
            for where, pattern, *but in _calls(path):
                yield from ((path.name, page, line) for page, line in _found(where, pattern, *but))


def _found(where: str, pattern: str, but: str = "(?!)") -> list[tuple[str, str]]:
    found = [
        (page, line)
        for page, line in documented()
        if fnmatchcase(page, where) and re.fullmatch(pattern, line) and not re.search(but, line)
    ]
    if not found:
        raise LookupError(f"{where} has no command like {pattern}")
    return found


def _calls(path: Path) -> Iterator[list[str]]:
    """Yield the arguments of each call by which a file takes commands; ValueError for one that is no literal."""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)) if "support.documented import" in text else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TAKE:
            yield [ast.literal_eval(value) for value in (*node.args, *(word.value for word in node.keywords))]
