"""Reads the documents of a text as Kubernetes does: YAML, or JSON objects one after the other. Bounded.

A manifest may come from anybody. Deep nesting would overflow the stack of the C parser, and aliases of aliases grow
without bound where they are written out, so both are refused before anything else reads the document.
"""

import json
import re
from collections.abc import Iterator

import yaml

MAX_SIZE = 512 << 20
"""Bytes of one manifest: a dump of a large cluster is smaller."""
MAX_DEPTH = 200
"""Levels of nesting; the API server's own limit for JSON is larger, and no manifest comes near it."""
MAX_MERGED = 10_000
"""Keys of one mapping after `<<` merged others into it."""
MAX_GROWTH = 100_000
"""How many values a document may have in addition to those written, once all aliases are replaced."""

UNREADABLE = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""PyYAML lets slip what its constructors stumble over, such as an explicit tag on a value of another type."""


def documents_of(text: str) -> Iterator[object]:
    """Yield the documents of a text: JSON objects one after the other, as `kubectl` reads them too, or YAML."""
    try:
        objects = list(_json_objects(text))
    except ValueError:
        objects = []
    if objects:
        yield from objects
        return
    _check_depth(text)
    for document in yaml.load_all(text, Loader=_Loader):
        if document is not None:
            _check_growth(document)
            yield document


def _json_objects(text: str) -> Iterator[object]:
    """Yield JSON objects that are separated by white space alone; raise ValueError for any other text."""
    decoder, text, start = json.JSONDecoder(), text.strip(), 0
    while start < len(text):
        if text[start] != "{":
            raise ValueError("is not JSON")
        value, end = decoder.raw_decode(text, start)
        yield value
        while end < len(text) and text[end].isspace():
            end += 1
        start = end


def _check_depth(text: str) -> None:
    """Raise ValueError if the text nests too deep. Only a text that may do so is parsed for it."""
    longest = max((len(match[0]) for match in re.finditer(r"^[ ?:-]+", text, re.MULTILINE)), default=0)
    if longest + text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ValueError(f"is nested more than {MAX_DEPTH} levels deep")


def _check_growth(document: object) -> None:
    """Raise ValueError if aliases make the document much larger than it is written."""
    sizes: dict[int, int] = {}
    written = _size(document, sizes)
    if written - len(sizes) > MAX_GROWTH:
        raise ValueError("has aliases that stand for too many values: write them out")


def _size(value: object, sizes: dict[int, int]) -> int:
    """Return how many collections a value has, one in two places counted twice; `sizes` holds those that are known."""
    if not isinstance(value, dict | list):
        return 0
    known = sizes.get(id(value))
    if known is None:
        sizes[id(value)] = 1 << 62  # A value in itself has no end.
        items = value.values() if isinstance(value, dict) else value
        known = sizes[id(value)] = 1 + sum(_size(item, sizes) for item in items)
    return known


class _Loader(yaml.CSafeLoader):
    """Reads plain words as Kubernetes does: dates are text, and so is `64512:10`, which YAML 1.1 counts to base 60."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the mappings behind `<<`, up to a bound."""
        super().flatten_mapping(node)
        if len(node.value) > MAX_MERGED:
            raise ValueError(f"has a mapping with more than {MAX_MERGED} keys")


_REPLACED = {f"tag:yaml.org,2002:{name}" for name in ("timestamp", "value", "int", "float")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$|[-+]?\.inf$|\.nan$", re.IGNORECASE),
    list("-+0123456789."),
)
