"""Text that a terminal may show."""


def printable(text: str) -> str:
    """Escape characters that a terminal would obey: anybody writes names and annotations."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
