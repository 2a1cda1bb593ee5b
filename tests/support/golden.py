"""Comparing a text with the file that holds how it must be; EXALB_GOLDEN=write writes the file instead."""

import os
from pathlib import Path

WRITE = os.environ.get("EXALB_GOLDEN") == "write"


def assert_golden(path: Path, text: str) -> None:
    """Fail unless the file holds `text`."""
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"{path} is missing: run the test with EXALB_GOLDEN=write, and read what it wrote"
    assert text == path.read_text(), f"not as in {path}: if it is meant so, run the test with EXALB_GOLDEN=write"
