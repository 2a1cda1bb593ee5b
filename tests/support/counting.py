"""Counts the work of a function in instructions, and in reads of whole tables: on every machine alike, however busy."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from exalb_bgp.revision import Revision


def instructions(function: Callable[[], object]) -> int:
    """Return how many instructions of Python's virtual machine a call of `function` executes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def whole_reads(function: Callable[[], object], least: int) -> int:
    """Return how often a call reads all of a table of at least so many entries, which instructions do not show."""
    count = 0

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        if event == "call" and frame.f_code is Revision._flat.__code__:
            count += len(frame.f_locals["self"]) >= least

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count
