"""Lists in messages: the first entries, and how many more there are. Pure."""

from collections.abc import Sequence


def shorten_names(names: Sequence[str], limit: int) -> str:
    """Return the first `limit` names, as `a, b and 2 more`."""
    return ", ".join(names[:limit]) + _more(" and ", len(names) - limit)


def shorten_sentences(sentences: Sequence[str], limit: int, *, total: int | None = None, noun: str = "") -> str:
    """Return the first `limit` sentences, as `a; b; and 2 more nodes`; `total` counts those that are not given too."""
    count = len(sentences) if total is None else total
    return "; ".join(sentences[:limit]) + _more("; and ", count - limit, noun)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 node` or `2 nodes`."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def shorten_count(number: int) -> str:
    """Return the number, from a million on as a power of two: `~2^64`."""
    return str(number) if number < 1_000_000 else f"~2^{number.bit_length() - 1}"


def _more(last: str, count: int, noun: str = "") -> str:
    return f"{last}{count} more{noun and f' {noun}'}" if count > 0 else ""
