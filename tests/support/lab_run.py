"""A lab for the time of a `with` block: namespaces and files of a name of its own, gone however the run ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import reaper, sweep
from tests.lab.layout import Layout


@contextmanager
def lab_run(name: str) -> Iterator[str]:
    """Take the name of a lab, remove the rest of an earlier run, and bind the lab to this process."""
    layout = Layout(name)
    with sweep.alone(layout):
        sweep.clear(layout)
        (layout.state / "logs").mkdir(parents=True)
        reaper.start(layout, os.getpid())
    try:
        yield layout.name
    finally:
        reaper.release(layout)
        with sweep.alone(layout):
            sweep.clear(layout)
