"""Measure events in a lab of its own and write docs/hitless.md: `python -m tests.hitless [--only EVENT …] [--dry]`."""

import argparse
import json
import os
import platform
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from tests.hitless.events import EVENTS
from tests.hitless.measure import measure
from tests.hitless.rig import Rig
from tests.lab import packages
from tests.lab.cluster import Lab
from tests.lab.narration import Narration
from tests.support.hitless_page import PAGE, RUN, render

NAME = "hitless"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.hitless", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=EVENTS, default=list(EVENTS), help="measure these alone")
    parser.add_argument("--dry", action="store_true", help="print the JSON, and leave the page as it is")
    options = parser.parse_args(arguments)
    lab = Lab(NAME, Narration(Console(stderr=True)))
    try:
        packages.ensure(lab.narration.say, packages.SHUTDOWN)
        lab.up(shutdown=True)
        run = _run(Rig(lab), options.only)
    finally:
        lab.down()
    missing = [name for name in options.only if name not in {event["event"] for event in run["events"]}]
    text = json.dumps(run, ensure_ascii=False, indent=1) + "\n"
    if options.dry:
        sys.stdout.write(text)
    else:
        RUN.write_text(text)
        PAGE.write_text(render(run))
    return 1 if missing else 0


def _run(rig: Rig, names: Sequence[str]) -> dict[str, Any]:
    with rig.lab.narration.step("ExaLB, eight routers and two Services"):
        rig.prepare()
    machine = {
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "day": datetime.now(UTC).date().isoformat(),
    }
    events = []
    for name in names:
        event, before = EVENTS[name], os.getloadavg()[0]
        try:
            with rig.lab.narration.step(event.text):
                results = measure(rig, name, event)
                event.restore(rig)
                rig.wait_ready()
        except (AssertionError, RuntimeError):  # TooLateError, CommandError and their kin
            traceback.print_exc()  # the next event is measured if the lab is whole again
            rig.wait_ready()
            continue
        about = {"event": name, "text": event.text, "planned": event.planned, "metallb": event.metallb}
        events.append({**about, "load": [round(before, 1), round(os.getloadavg()[0], 1)], "results": results})
    return {"machine": machine, "events": events}


if __name__ == "__main__":
    sys.exit(main())
